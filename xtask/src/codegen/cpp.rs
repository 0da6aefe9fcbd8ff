//! The low layer of C++: the enums and the fields of an error.

use heck::ToUpperCamelCase;

use super::fields::{Idiom, Kind, fields};
use super::model::{Enum, Model, Value};
use super::text::wrapped;
use super::{File, banner};

const WIDTH: usize = 120;

pub(super) fn files(model: &Model) -> Result<Vec<File>, String> {
    let mut out = format!(
        "// {}\n\n// The enums of countersign.h and the fields of its errors, for countersign.hpp, which includes this file.\n\n\
         #ifndef COUNTERSIGN_ABI_HPP\n#define COUNTERSIGN_ABI_HPP\n\n#include <chrono>\n#include <cstddef>\n#include <cstdint>\n#include <optional>\n#include <string_view>\n\n\
         #include \"countersign.h\"\n#include \"countersign/view.hpp\"\n\nnamespace countersign {{\ninline namespace v0 {{\n",
        banner()
    );
    for one in &model.enums {
        let (short, name) = (one.short(), one.short().to_upper_camel_case());
        out.push_str(&enumeration(one, &name));
        match short {
            "status" => out.push_str(&kind(one)),
            "verdict" => {}
            _ => out.push_str(&names(&name, &one.values.iter().collect::<Vec<_>>())),
        }
        if matches!(short, "status" | "verdict") {
            out.push_str(&library_names(short, &name));
        }
    }
    out.push_str(&error(model));
    out.push_str(
        "\n}  // namespace v0\n}  // namespace countersign\n\n#endif  // COUNTERSIGN_ABI_HPP\n",
    );
    Ok(vec![File {
        path: "include/countersign_abi.hpp".to_owned(),
        text: out,
    }])
}

fn enumeration(one: &Enum, name: &str) -> String {
    let mut out = String::from("\n");
    out.push_str(&documented(&one.docs, ""));
    out.push_str(&format!("enum class {name} : std::int32_t {{\n"));
    for value in &one.values {
        out.push_str(&documented(std::slice::from_ref(&value.about), "    "));
        out.push_str(&format!(
            "    {} = {},\n",
            value.word(),
            one.constant(value)
        ));
    }
    out + "};\n"
}

fn documented(paragraphs: &[String], indent: &str) -> String {
    let all: Vec<_> = paragraphs
        .iter()
        .map(|paragraph| wrapped(paragraph, &format!("{indent}/// "), WIDTH).join("\n"))
        .collect();
    all.join(&format!("\n{indent}///\n")) + "\n"
}

/// The kinds of errors: the statuses, with one kind for all incorrect uses of the API.
fn kind(status: &Enum) -> String {
    let mut out = String::from(
        "\n/// What happened. Later libraries may add kinds, so branch on the Verdict.\n\
         enum class Kind : std::int32_t {\n    \
         /// The API was used incorrectly: Error::status says how.\n    \
         usage = CSIGN_STATUS_BAD_ARGUMENT,\n",
    );
    for value in status.kinds() {
        out.push_str(&documented(std::slice::from_ref(&value.about), "    "));
        let (word, constant) = (value.word(), status.constant(value));
        out.push_str(&format!("    {word} = {constant},\n"));
    }
    out.push_str("};\n");
    let mut cases = String::from("        case Kind::usage: return \"usage\";\n");
    for value in status.kinds() {
        let word = value.word();
        cases.push_str(&format!("        case Kind::{word}: return \"{word}\";\n"));
    }
    out + &name_function("Kind", "kind", "consent_required", &cases)
}

fn names(name: &str, values: &[&Value]) -> String {
    let words = values.iter().map(|value| value.word());
    let cases: String = words
        .map(|word| format!("        case {name}::{word}: return \"{word}\";\n"))
        .collect();
    let what = match name {
        "LogLevel" => "level".to_owned(),
        other => other.to_lowercase(),
    };
    let example = values.first().map(|value| value.word()).unwrap_or_default();
    name_function(name, &what, &example, &cases)
}

fn name_function(name: &str, what: &str, example: &str, cases: &str) -> String {
    format!(
        "\n/// Returns the name of a {what}, such as \"{example}\", or \"unknown\".\n\
         constexpr std::string_view name({name} {what}) noexcept {{\n    switch ({what}) {{\n{cases}    }}\n    \
         return \"unknown\";\n}}\n"
    )
}

/// A name that the library returns, because later libraries may add numbers.
fn library_names(short: &str, name: &str) -> String {
    let example = match short {
        "status" => "CONSENT_REQUIRED",
        _ => "fix_configuration",
    };
    format!(
        "\n/// Returns the name of a {short}, such as \"{example}\".\n\
         inline std::string_view name({name} {short}) noexcept {{\n    \
         return ::csign_{short}_name(static_cast<std::int32_t>({short}));\n}}\n"
    )
}

const IDIOM: Idiom = Idiom {
    null: "empty",
    zero: "0",
    minus_one: "empty",
    unit: "",
    start_login: "Client::start_login",
};

fn error(model: &Model) -> String {
    let mut out = String::from(
        "\n/// The fields of an error. Strings are borrowed from it.\ntemplate <typename Self>\nclass ErrorFields {\n  public:\n",
    );
    for field in fields(model) {
        let name = field.name;
        let read = format!("::csign_error_{name}");
        let method = match field.kind {
            // `Error` declares these, because errors without a C object have them too.
            Kind::Status | Kind::Verdict => continue,
            Kind::Text if matches!(name, "kind" | "message") => continue,
            Kind::Text | Kind::OptionalText => format!(
                "    std::string_view {name}() const & noexcept COUNTERSIGN_LIFETIMEBOUND {{ return text(&{read}); }}\n    \
                 std::string_view {name}() const && = delete;\n"
            ),
            Kind::Number => {
                format!("    int {name}() const noexcept {{ return {read}(get()); }}\n")
            }
            Kind::Millis => format!(
                "    std::optional<std::chrono::milliseconds> {}() const noexcept {{\n        const std::int64_t ms = \
                 {read}(get());\n        return ms < 0 ? std::nullopt : \
                 std::optional<std::chrono::milliseconds>(ms);\n    }}\n",
                field.bare()
            ),
        };
        out.push_str(&documented(&[field.about(&IDIOM)], "    "));
        out.push_str(&method);
    }
    out + "\n  private:\n    \
           const ::csign_error *get() const noexcept { return static_cast<const Self *>(this)->get(); }\n    \
           std::string_view text(const char *(*field)(const ::csign_error *, std::size_t *)) const noexcept {\n        \
           return detail::view(field, get());\n    }\n};\n"
}
