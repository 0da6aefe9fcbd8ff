//! The low layer of C++: the enums and the fields of an error.

use heck::ToUpperCamelCase;

use super::fields::{Idiom, Kind, fields};
use super::model::{Enum, Model};
use super::text::wrapped;
use super::{File, banner};

const WIDTH: usize = 120;

pub(super) fn files(model: &Model) -> Result<Vec<File>, String> {
    let mut out = format!(
        "// {}\n\n// The enums of countersign.h and the fields of its errors, for countersign.hpp, which includes this file.\n\n\
         #ifndef COUNTERSIGN_ABI_HPP\n#define COUNTERSIGN_ABI_HPP\n\n#include <chrono>\n#include <cstddef>\n#include <cstdint>\n#include <optional>\n#include <string_view>\n\n\
         #include \"countersign.h\"\n\nnamespace countersign {{\n",
        banner()
    );
    for one in &model.enums {
        match one.short() {
            // Use C's type, because later libraries may add numbers.
            "status" => {
                out.push('\n');
                out.push_str(&documented(&one.docs, ""));
                out.push_str("using Status = ::csign_status;\n");
            }
            short => out.push_str(&enumeration(one, &short.to_upper_camel_case())),
        }
    }
    out.push_str(&error(model));
    out.push_str("\n}  // namespace countersign\n\n#endif  // COUNTERSIGN_ABI_HPP\n");
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
            // countersign.hpp declares the status, which also exists without an error.
            Kind::Status => continue,
            Kind::Verdict => format!(
                "    Verdict {name}() const noexcept {{ return static_cast<Verdict>({read}(get())); }}\n"
            ),
            Kind::Text | Kind::OptionalText => format!(
                "    std::string_view {name}() const & noexcept {{ return text(&{read}); }}\n    \
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
           std::size_t length = 0;\n        const char *start = field(get(), &length);\n        \
           return start == nullptr ? std::string_view() : std::string_view(start, length);\n    }\n};\n"
}
