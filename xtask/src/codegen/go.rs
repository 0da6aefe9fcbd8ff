//! The low layer of Go: the enums, and the function that reads an error.

use super::fields::{Field, Idiom, Kind, fields};
use super::model::{Enum, Model, Value};
use super::text::{capital, lower, wrapped};
use super::{File, banner};

const WIDTH: usize = 120;

/// An enum that is a string type in Go.
struct Words {
    short: &'static str,
    plural: &'static str,
    /// The value for an unknown number; `None` is an empty string.
    unknown: Option<&'static str>,
}

const WORDS: &[Words] = &[
    Words {
        short: "verdict",
        plural: "verdicts",
        unknown: Some("UNEXPECTED"),
    },
    Words {
        short: "source",
        plural: "sources",
        unknown: Some("CACHE"),
    },
    Words {
        short: "change",
        plural: "changes",
        unknown: None,
    },
    Words {
        short: "revocation",
        plural: "revocations",
        unknown: Some("FAILED"),
    },
];

pub(super) fn files(model: &Model) -> Result<Vec<File>, String> {
    let mut out = format!(
        "// Code {}\n\npackage countersign\n\n// #include \"bridge.h\"\nimport \"C\"\n\nimport (\n\t\"runtime/cgo\"\n\t\"time\"\n)\n",
        lower(&banner().replace("; do not edit", "; DO NOT EDIT"))
    );
    out.push_str(&kinds(model.enumeration("status")?));
    for one in WORDS {
        out.push_str(&words(model.enumeration(one.short)?, one));
    }
    out.push_str(&counts(model.enumeration("counter")?));
    out.push_str(&error(model));
    Ok(vec![
        File {
            path: "bindings/go/abi.go".to_owned(),
            text: out,
        },
        File {
            path: "bindings/go/abi.h".to_owned(),
            text: bridge(model),
        },
    ])
}

/// Generates the type of an error's kind. A status that is neither a wrong call nor a panic is named
/// like its kind.
fn kinds(one: &Enum) -> String {
    let mut out = String::from(
        "\n// Kind: what failed. The words are the same in every language. Kinds may be added, so branch on the \
         [Verdict].\ntype Kind string\n\n// The kinds.\nconst (\n\
         \t// KindUsage: the API was used incorrectly, or an object was closed.\n\tKindUsage Kind = \"usage\"\n",
    );
    for value in one.kinds() {
        let name = name("Kind", value);
        out.push_str(&about(&name, value));
        out.push_str(&format!("\t{name} Kind = \"{}\"\n", value.word()));
    }
    out + ")\n"
}

fn words(one: &Enum, words: &Words) -> String {
    let kind = pascal(words.short);
    let mut out = documented(&kind, &one.docs);
    out.push_str(&format!(
        "type {kind} string\n\n// The {}.\nconst (\n",
        words.plural
    ));
    for value in &one.values {
        let name = name(&kind, value);
        out.push_str(&about(&name, value));
        out.push_str(&format!("\t{name} {kind} = \"{}\"\n", value.word()));
    }
    let (function, result, unknown) = match words.unknown {
        Some(unknown) => {
            let unknown = one.values.iter().find(|value| value.name == unknown);
            let unknown = unknown.map(|value| name(&kind, value)).unwrap_or_default();
            (
                format!("{unknown} for an unknown number"),
                kind.clone(),
                unknown,
            )
        }
        None => (
            "empty for an unknown number".to_owned(),
            kind.clone(),
            "\"\"".to_owned(),
        ),
    };
    let short = words.short;
    out.push_str(&format!(
        ")\n\n// {short}Of returns the {short} for a number of the C ABI: {function}.\nfunc {short}Of(number \
         C.csign_{short}) {result} {{\n\tswitch number {{\n"
    ));
    for value in &one.values {
        let name = name(&kind, value);
        out.push_str(&format!(
            "\tcase C.{}:\n\t\treturn {name}\n",
            one.constant(value)
        ));
    }
    out + &format!("\tdefault:\n\t\treturn {unknown}\n\t}}\n}}\n")
}

fn counts(one: &Enum) -> String {
    let mut out = String::from(
        "\n// Counts counts events since the client was created.\ntype Counts struct {\n",
    );
    for value in &one.values {
        let name = name("", value);
        out.push_str(&about(&name, value));
        out.push_str(&format!("\t{name} uint64\n"));
    }
    let longest = one
        .values
        .iter()
        .map(|value| one.constant(value).len())
        .max();
    let longest = longest.unwrap_or_default();
    out.push_str(
        "}\n\n// places returns the field of each count, by its number.\nfunc (c *Counts) places() map[C.int32_t]*uint64 \
         {\n\treturn map[C.int32_t]*uint64{\n",
    );
    for value in &one.values {
        let constant = one.constant(value);
        let spaces = " ".repeat(longest - constant.len() + 1);
        out.push_str(&format!(
            "\t\tC.{constant}:{spaces}&c.{},\n",
            name("", value)
        ));
    }
    out + "\t}\n}\n"
}

/// Formats a type's documentation, which starts with its name.
fn documented(name: &str, paragraphs: &[String]) -> String {
    let mut out = String::from("\n");
    for (index, paragraph) in paragraphs.iter().enumerate() {
        let text = match index {
            0 => format!("{name}: {}", lower(paragraph)),
            _ => {
                out.push_str("//\n");
                paragraph.clone()
            }
        };
        for line in wrapped(&text, "// ", WIDTH) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

fn about(name: &str, value: &Value) -> String {
    let text = format!("{name}: {}", lower(&value.about));
    // A tab counts as four.
    let lines = wrapped(&text, "// ", WIDTH - 4);
    lines.iter().map(|line| format!("\t{line}\n")).collect()
}

fn name(kind: &str, value: &Value) -> String {
    format!("{kind}{}", pascal(&value.name))
}

/// Converts a name to Go's form, with abbreviations in capitals.
fn pascal(name: &str) -> String {
    name.split('_')
        .map(|word| match word.to_uppercase().as_str() {
            capitals @ ("OK" | "TLS" | "UTF8") => capitals.to_owned(),
            word => capital(&word.to_lowercase()),
        })
        .collect()
}

const IDIOM: Idiom = Idiom {
    null: "empty",
    zero: "0",
    minus_one: "negative",
    unit: "",
    start_login: "[Client.StartLogin]",
};

fn error(model: &Model) -> String {
    let (mut public, mut private, mut read) = (String::new(), String::new(), String::new());
    for field in fields(model) {
        let from = format!("read.{}", field.name);
        let (kind, value) = match field.kind {
            Kind::Status => {
                private.push_str("\t// The status of the failed call; 0 if the error isn't the library's.\n\tstatus C.csign_status\n");
                read.push_str(&format!("\tmade.status = {from}\n"));
                continue;
            }
            Kind::Millis => {
                private.push_str(
                    "\t// See [Error.RetryAfter]; nil if unknown.\n\tretryAfter *time.Duration\n",
                );
                read.push_str(&format!(
                    "\tif {from} >= 0 {{\n\t\twait := time.Duration({from}) * time.Millisecond\n\t\tmade.retryAfter = \
                     &wait\n\t}}\n"
                ));
                continue;
            }
            Kind::Verdict => ("Verdict", format!("verdictOf({from})")),
            Kind::Text if field.name == "kind" => ("Kind", format!("Kind(goText({from}))")),
            Kind::Text | Kind::OptionalText => ("string", format!("goText({from})")),
            Kind::Number => ("int", format!("int({from})")),
        };
        let name = field_name(&field);
        let text = format!("{name}: {}", lower(&field.about(&IDIOM)));
        for line in wrapped(&text, "// ", WIDTH - 4) {
            public.push_str(&format!("\t{line}\n"));
        }
        public.push_str(&format!("\t{name} {kind}\n"));
        read.push_str(&format!("\tmade.{name} = {value}\n"));
    }
    format!(
        "\n// Error describes why a call failed. It never contains a secret.\ntype Error struct {{\n{public}\n{private}\t// The \
         error of the program's own callback, if that failed.\n\tcause error\n}}\n\n// readError copies the fields of a \
         library error, and the error that a callback returned.\nfunc readError(reported *C.csign_error) *Error {{\n\tread := \
         C.countersign_go_read_error(reported)\n\tmade := &Error{{}}\n{read}\tif read.cause != 0 \
         {{\n\t\tmade.cause, _ = cgo.Handle(read.cause).Value().(error)\n\t}}\n\treturn made\n}}\n"
    )
}

fn field_name(field: &Field<'_>) -> String {
    let words = field.bare().split('_').map(|word| match word {
        "http" | "id" | "url" => word.to_uppercase(),
        "oauth" => "OAuth".to_owned(),
        word => capital(word),
    });
    words.collect()
}

/// Generates a C function that reads all fields of an error in one call from Go.
fn bridge(model: &Model) -> String {
    let (mut members, mut read) = (String::new(), String::new());
    for field in fields(model) {
        let name = field.name;
        let kind = match field.kind {
            Kind::Status => "csign_status",
            Kind::Verdict => "csign_verdict",
            Kind::Text | Kind::OptionalText => "countersign_go_text",
            Kind::Number => "int32_t",
            Kind::Millis => "int64_t",
        };
        members.push_str(&format!("    {kind} {name};\n"));
        read.push_str(&match kind {
            "countersign_go_text" => {
                format!("    into.{name}.data = csign_error_{name}(error, &into.{name}.length);\n")
            }
            _ => format!("    into.{name} = csign_error_{name}(error);\n"),
        });
    }
    format!(
        "/* {} */\n\n#ifndef COUNTERSIGN_GO_ABI_H\n#define COUNTERSIGN_GO_ABI_H\n\n#include <countersign.h>\n\n\
         /* Borrowed text; data is NULL if there is none. */\n\
         typedef struct {{\n    const char *data;\n    size_t length;\n}} countersign_go_text;\n\n\
         /* The fields of an error, borrowed from it. */\n\
         typedef struct {{\n{members}    /* The runtime/cgo.Handle of the error that a callback returned, or 0. */\n    \
         uintptr_t cause;\n}} countersign_go_error;\n\n\
         static inline countersign_go_error countersign_go_read_error(const csign_error *error)\n{{\n    \
         countersign_go_error into = {{0}};\n{read}    into.cause = (uintptr_t)csign_error_cause(error);\n    \
         return into;\n}}\n\n#endif\n",
        banner()
    )
}
