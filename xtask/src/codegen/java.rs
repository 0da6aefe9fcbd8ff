//! The low layer of Java: the functions for JNA, and the enums.

use heck::{ToLowerCamelCase, ToUpperCamelCase};

use super::fields::{Field, Idiom, Kind, fields};
use super::model::{Enum, Function, Model, Type};
use super::text::block;
use super::{File, banner};

const FOLDER: &str = "bindings/java/src/main/java/dev/countersign";
const WIDTH: usize = 120;

pub(super) fn files(model: &Model) -> Result<Vec<File>, String> {
    let mut files = vec![
        file("Functions", functions(model)?),
        file("JnaFunctions", jna(model)),
        file("Details", details(model)),
        file("ErrorFields", error_fields(model)),
        file("Counts", counts(model.enumeration("counter")?)),
    ];
    for one in PUBLIC {
        let described = model.enumeration(one.short)?;
        files.push(file(one.class, enumeration(described, one)));
    }
    files.push(file("ErrorKind", error_kind(model.enumeration("status")?)));
    Ok(files)
}

fn file(name: &str, body: String) -> File {
    File {
        path: format!("{FOLDER}/{name}.java"),
        text: format!("// {}\npackage dev.countersign;\n\n{body}", banner()),
    }
}

/// An enum of the C ABI as a Java enum.
struct Public {
    short: &'static str,
    class: &'static str,
    /// `public `, or nothing if only the package uses it.
    visible: &'static str,
    /// A paragraph to add to the documentation.
    more: &'static str,
    /// The value for numbers that later libraries may add.
    unknown: Unknown,
    /// Whether a value has a `word()`.
    words: bool,
    /// Whether a value has a `number()`, for the package.
    number: bool,
}

enum Unknown {
    /// An extra value `UNKNOWN` with this description.
    Described(&'static str),
    /// One of the enum's own values.
    Is(&'static str),
}

const PUBLIC: &[Public] = &[
    Public {
        short: "status",
        class: "Status",
        visible: "",
        more: "",
        unknown: Unknown::Described("A failure that this package does not know."),
        words: false,
        number: true,
    },
    Public {
        short: "verdict",
        class: "Verdict",
        visible: "public ",
        more: "Each verdict has its own exception class.",
        unknown: Unknown::Is("UNEXPECTED"),
        words: true,
        number: false,
    },
    Public {
        short: "source",
        class: "Source",
        visible: "public ",
        more: "",
        unknown: Unknown::Described(
            "Another source: the program's own, as with {@link Token#of}, or one that this version of the package does \
             not know.",
        ),
        words: false,
        number: false,
    },
    Public {
        short: "change",
        class: "TokenChange",
        visible: "public ",
        more: "",
        unknown: Unknown::Described("A change that this version of the package does not know."),
        words: false,
        number: false,
    },
    Public {
        short: "log_level",
        class: "LogLevel",
        visible: "",
        more: "",
        unknown: Unknown::Is("DEBUG"),
        words: false,
        number: true,
    },
    Public {
        short: "revocation",
        class: "Revocation",
        visible: "public ",
        more: "",
        unknown: Unknown::Described("An outcome that this version of the package does not know."),
        words: false,
        number: false,
    },
];

fn enumeration(described: &Enum, public: &Public) -> String {
    if public.short == "revocation" {
        return revocation(described, public);
    }
    let mut docs = described.docs.clone();
    if !public.more.is_empty() {
        docs.push(public.more.to_owned());
    }
    format!(
        "{}{}{}{}",
        if public.words { IMPORT_LOCALE } else { "" },
        javadoc(&docs, ""),
        public.visible,
        body(public.class, described, public, "")
    )
}

/// Generates the kinds of errors. Incorrect use of the API has exceptions of its own.
fn error_kind(status: &Enum) -> String {
    let of_this_package = [
        ("LIBRARY", "The native library is missing or incompatible."),
        (
            "UNKNOWN",
            "A kind that this version of the package does not know.",
        ),
    ];
    let known = status
        .kinds()
        .map(|value| (value.name.as_str(), value.about.as_str()));
    let values: Vec<_> = known
        .chain(of_this_package)
        .map(|(name, about)| format!("{}    {name}", javadoc(&[about.to_owned()], "    ")))
        .collect();
    format!(
        "{IMPORT_LOCALE}/** What failed. {{@link Verdict}} says what to do about it. */\npublic enum ErrorKind \
         {{\n{};\n{}\n    /** Returns the kind for a word; {{@link #UNKNOWN}} for an unknown word. */\n    static \
         ErrorKind of(String word) {{\n        for (ErrorKind kind : values()) {{\n            if \
         (kind.word().equals(word)) {{\n                return kind;\n            }}\n        }}\n        return \
         UNKNOWN;\n    }}\n}}\n",
        values.join(",\n\n"),
        word("consent_required", "    ")
    )
}

const IMPORT_LOCALE: &str = "import java.util.Locale;\n\n";

/// Generates the method that returns a value's word.
fn word(example: &str, indent: &str) -> String {
    format!(
        "\n{indent}/**\n{indent} * Returns the word for it, such as {{@code {example}}}, which is the same in every \
         language.\n{indent} *\n{indent} * @return the word\n{indent} */\n{indent}public String word() \
         {{\n{indent}    return name().toLowerCase(Locale.ROOT);\n{indent}}}\n"
    )
}

/// Generates the outcome as part of a record that also has the reason for a failure.
fn revocation(described: &Enum, public: &Public) -> String {
    format!(
        "import java.util.Optional;\n\n/**\n * {}\n *\n * @param outcome the outcome\n * @param reason why it failed, with \
         {{@link Outcome#FAILED}}\n */\npublic record Revocation(Outcome outcome, Optional<CountersignException> \
         reason) {{\n    /** The outcome of a revocation. */\n    public {}}}\n",
        described.docs.join(" "),
        body("Outcome", described, public, "    ")
    )
}

fn body(name: &str, described: &Enum, public: &Public, outer: &str) -> String {
    let indent = format!("{outer}    ");
    let mut values: Vec<_> = described
        .values
        .iter()
        .map(|value| {
            let about = match public.short {
                "verdict" => format!(
                    "{}: {{@link {}Exception}}.",
                    value.about.trim_end_matches('.'),
                    value.name.to_upper_camel_case()
                ),
                _ => value.about.clone(),
            };
            let about = javadoc(&[about], &indent);
            format!("{about}{indent}{}({})", value.name, value.number)
        })
        .collect();
    let unknown = match public.unknown {
        Unknown::Described(about) => {
            let about = javadoc(&[about.to_owned()], &indent);
            values.push(format!("{about}{indent}UNKNOWN(-1)"));
            "UNKNOWN"
        }
        Unknown::Is(name) => name,
    };
    let mut out = format!("enum {name} {{\n{};\n\n", values.join(",\n\n"));
    out.push_str(&format!("{indent}private final int number;\n"));
    out.push_str(&format!(
        "\n{indent}{name}(int number) {{\n{indent}    this.number = number;\n{indent}}}\n"
    ));
    if public.number {
        out.push_str(&format!(
            "\n{indent}int number() {{\n{indent}    return number;\n{indent}}}\n"
        ));
    }
    if public.words {
        let example = described.values.get(2).map(|value| value.word());
        out.push_str(&word(&example.unwrap_or_default(), &indent));
    }
    out.push_str(&format!(
        "\n{indent}/** Returns the value for a number; {{@link #{unknown}}} for an unknown number. */\n\
         {indent}static {name} of(int number) {{\n\
         {indent}    for ({name} value : values()) {{\n\
         {indent}        if (value.number == number) {{\n\
         {indent}            return value;\n\
         {indent}        }}\n\
         {indent}    }}\n\
         {indent}    return {unknown};\n\
         {indent}}}\n{outer}}}\n"
    ));
    out
}

fn counts(counter: &Enum) -> String {
    let mut out = String::from(
        "import java.util.function.IntToLongFunction;\n\n/**\n * Counts of events since a client was created.\n *\n",
    );
    for value in &counter.values {
        let about = super::text::lower(value.about.trim_end_matches('.'));
        let line = format!("@param {} {about}", value.word());
        for line in super::text::wrapped(&line, " * ", WIDTH) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    let components: Vec<_> = counter
        .values
        .iter()
        .map(|value| format!("long {}", value.word()))
        .collect();
    out.push_str(&format!(
        " */\npublic record Counts({}) {{\n    /** Reads each count by its number. */\n    static Counts \
         of(IntToLongFunction count) {{\n        return new Counts(\n",
        components.join(", ")
    ));
    let asked: Vec<_> = counter
        .values
        .iter()
        .map(|value| format!("                count.applyAsLong({})", value.number))
        .collect();
    out + &asked.join(",\n") + ");\n    }\n}\n"
}

fn functions(model: &Model) -> Result<String, String> {
    let mut out = format!(
        "/**\n * The functions of {{@code countersign.h}}, with the same names. Handles, pointers and {{@code size_t}} are\n * \
         {{@code long}}; a NULL pointer is 0. A {{@code uint16_t}} is a zero-extended {{@code int}}.\n */\ninterface \
         Functions {{\n    /** The ABI version that this package requires: {{@code CSIGN_ABI_VERSION}}. */\n    int \
         MADE_FOR = {};\n",
        model.abi_version()?
    );
    for function in model.exported() {
        out.push('\n');
        out.push_str(&declared("", &function.name, function));
    }
    Ok(out + "}\n")
}

fn jna(model: &Model) -> String {
    let mut out = String::from(
        "import com.sun.jna.Callback;\n\n\
         /**\n * {@link Functions} with JNA's direct mapping. All parameters are primitives, which is JNA's fastest \
         path: it reads\n * no annotations and allocates nothing.\n */\n\
         abstract class JnaFunctions implements Functions {\n",
    );
    for function in model.exported() {
        out.push_str("    @Override\n");
        out.push_str(&declared("public native ", &function.name, function));
        out.push('\n');
    }
    let callbacks: Vec<_> = model
        .callbacks
        .iter()
        .map(|callback| {
            let short = callback.short().trim_end_matches("_fn");
            format!(
                "    /** {{@code {}}}. */\n    interface {}Callback extends Callback {{\n    {}    }}\n",
                callback.name,
                short.to_upper_camel_case(),
                declared("", "invoke", callback).replace("\n        ", "\n            ")
            )
        })
        .collect();
    out + &callbacks.join("\n") + "}\n"
}

/// Formats a method's declaration on as few lines as possible.
fn declared(before: &str, name: &str, function: &Function) -> String {
    let parameters: Vec<_> = function
        .parameters
        .iter()
        .map(|parameter| {
            format!(
                "{} {}",
                kind(&parameter.kind),
                parameter.name.to_lower_camel_case()
            )
        })
        .collect();
    let start = format!("    {before}{} {name}(", kind(&function.result));
    let one = format!("{start}{});\n", parameters.join(", "));
    if one.len() <= WIDTH {
        return one;
    }
    let rest = format!("            {});\n", parameters.join(", "));
    match rest.len() <= WIDTH {
        true => format!("{start}\n{rest}"),
        false => format!(
            "{start}\n            {});\n",
            parameters.join(",\n            ")
        ),
    }
}

fn kind(of: &Type) -> &'static str {
    match of {
        Type::Void => "void",
        Type::Number("int32_t" | "uint32_t" | "uint16_t" | "uint8_t") | Type::Enum(_) => "int",
        _ => "long",
    }
}

/// Formats paragraphs as Javadoc.
fn javadoc(paragraphs: &[String], indent: &str) -> String {
    let marked: Vec<_> = paragraphs
        .iter()
        .enumerate()
        .map(|(index, paragraph)| {
            let mut text = String::new();
            for (part, words) in paragraph.split('`').enumerate() {
                match part % 2 {
                    0 => text.push_str(words),
                    _ => text.push_str(&format!("{{@code {words}}}")),
                }
            }
            match index {
                0 => text,
                _ => format!("<p>{text}"),
            }
        })
        .collect();
    block(&marked, indent, WIDTH)
}

const IDIOM: Idiom = Idiom {
    null: "empty",
    zero: "empty",
    minus_one: "empty",
    unit: "",
    start_login: "{@link Client#startLogin()}",
};

/// Returns the fields of an exception. They include no status: the kind says the same.
fn exception_fields(model: &Model) -> impl Iterator<Item = Field<'_>> {
    fields(model).filter(|field| field.kind != Kind::Status)
}

fn component(field: &Field<'_>) -> (&'static str, String) {
    let kind = match field.kind {
        Kind::Status | Kind::Number => "int",
        Kind::Verdict => "Verdict",
        Kind::Text if field.name == "kind" => "ErrorKind",
        Kind::Text | Kind::OptionalText => "String",
        Kind::Millis => "Duration",
    };
    (kind, field.bare().to_lower_camel_case())
}

fn details(model: &Model) -> String {
    let (mut components, mut read) = (Vec::new(), Vec::new());
    let mut bare = Vec::new();
    for field in exception_fields(model) {
        let (kind, name) = component(&field);
        components.push(format!("        {kind} {name}"));
        let getter = format!("csign_error_{}", field.name);
        read.push(match field.kind {
            Kind::Verdict => format!("Verdict.of(abi.{getter}(error))"),
            Kind::Status | Kind::Number => format!("abi.{getter}(error)"),
            Kind::Text if name == "kind" => format!("ErrorKind.of(text.read(abi::{getter}))"),
            Kind::Text | Kind::OptionalText => format!("text.read(abi::{getter})"),
            Kind::Millis => format!("millis(abi.{getter}(error))"),
        });
        bare.push(match field.kind {
            Kind::Number => "0".to_owned(),
            Kind::OptionalText if name != "hint" => "null".to_owned(),
            Kind::Millis => "null".to_owned(),
            _ => name,
        });
    }
    format!(
        "import java.io.Serializable;\nimport java.time.Duration;\nimport java.util.function.LongBinaryOperator;\n\n\
         /** The fields of an error. Absent ones are null or 0. */\nrecord Details(\n{})\n        implements Serializable \
         {{\n    /** Reads the fields of a library error. */\n    static Details read(Abi abi, Frame frame, long error) \
         {{\n        long length = frame.slot();\n        Text text = function -> \
         frame.borrowed(function.applyAsLong(error, length), length);\n        return new Details(\n                \
         {});\n    }}\n\n    /** Creates the fields of an error of this package. */\n    static Details bare(Verdict \
         verdict, ErrorKind kind, String message, String hint) {{\n        return new Details(\n                {});\n    \
         }}\n\n    private static Duration millis(long millis) {{\n        return millis < 0 ? null : \
         Duration.ofMillis(millis);\n    }}\n\n    /** Reads one text of the error. */\n    private interface \
         Text {{\n        String read(LongBinaryOperator function);\n    }}\n}}\n",
        components.join(",\n"),
        read.join(",\n                "),
        bare.join(",\n                "),
    )
}

fn error_fields(model: &Model) -> String {
    let mut out = String::from(
        "import java.io.Serial;\nimport java.time.Duration;\nimport java.util.Optional;\nimport \
         java.util.OptionalInt;\n\n/** The fields of an exception, except its message. */\nabstract class ErrorFields \
         extends RuntimeException {\n    @Serial private static final long serialVersionUID = 1L;\n\n    \
         /** The fields of the error. */\n    final Details details;\n\n    ErrorFields(Details details) {\n        \
         super(details.message());\n        this.details = details;\n    }\n",
    );
    // An exception has getMessage().
    for field in exception_fields(model).filter(|field| field.name != "message") {
        let (_, name) = component(&field);
        let own = format!("details.{name}()");
        let (kind, value) = match field.kind {
            Kind::Status | Kind::Verdict => ("Verdict", own),
            Kind::Text if name == "kind" => ("ErrorKind", own),
            Kind::Text => ("String", own),
            Kind::OptionalText => ("Optional<String>", format!("Optional.ofNullable({own})")),
            Kind::Number => {
                let value = format!("{own} == 0 ? OptionalInt.empty() : OptionalInt.of({own})");
                ("OptionalInt", value)
            }
            Kind::Millis => ("Optional<Duration>", format!("Optional.ofNullable({own})")),
        };
        let about = match name.as_str() {
            "kind" => "What failed.".to_owned(),
            _ => field.about(&IDIOM),
        };
        let docs = [about, "@return the value".to_owned()];
        out.push('\n');
        out.push_str(&javadoc(&docs, "    ").replace("<p>@return", "@return"));
        out.push_str(&format!(
            "    public {kind} {name}() {{\n        return {value};\n    }}\n"
        ));
    }
    out + "}\n"
}
