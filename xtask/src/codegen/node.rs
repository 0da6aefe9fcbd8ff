//! The low layer of Node: the functions for koffi, the numbers, and the settings.

use countersign_core::SETTINGS;

use heck::{ToLowerCamelCase, ToUpperCamelCase};

use super::fields::{Idiom, Kind, fields};
use super::model::{Enum, Function, Model, Type};
use super::text::block;
use super::{File, banner};

const FOLDER: &str = "bindings/node/src";
const WIDTH: usize = 110;

/// Functions whose outputs go to a buffer that the caller reuses.
const INTO_BUFFERS: &[&str] = &["csign_client_peek", "csign_client_peek_token"];

pub(super) fn files(model: &Model) -> Result<Vec<File>, String> {
    Ok(vec![
        file("functions", functions(model)),
        file("numbers", numbers(model)?),
        file("error-details", details(model)),
        file("known-settings", settings()),
    ])
}

fn file(name: &str, body: String) -> File {
    File {
        path: format!("{FOLDER}/{name}.ts"),
        text: format!("// {}\n\n{body}", banner()),
    }
}

fn functions(model: &Model) -> String {
    let mut out = String::from(
        "// The functions of countersign.h, grouped by handle.\n\n\
         import { koffi, type Native } from './koffi.js';\n\
         import { loadLibrary } from './library.js';\n\n\
         /** A handle of the library, or NULL. */\n\
         export type Pointer = bigint | null;\n\n\
         /** The output of a call that returns a handle. */\n\
         export type Out = [Pointer];\n\n\
         const library = loadLibrary();\n\n\
         function declared(declaration: string): Native {\n  return library.func(declaration);\n}\n",
    );
    out.push_str("\nexport const protos = {\n");
    for callback in &model.callbacks {
        if callback.name != "csign_destroy_fn" {
            let name = callback
                .short()
                .trim_end_matches("_fn")
                .to_lower_camel_case();
            out.push_str(&call(
                &format!("  {name}: "),
                "koffi.proto",
                &proto(callback),
                ",",
            ));
        }
    }
    out.push_str("};\n");
    for handle in &model.handles {
        let short = handle.trim_start_matches("csign_");
        out.push_str(&format!("\nexport const {short} = {{\n"));
        for function in model
            .exported()
            .filter(|one| one.name.starts_with(&format!("{handle}_")))
        {
            let name = match &function.name[handle.len() + 1..] {
                "new" => "create".to_owned(),
                name => name.to_lower_camel_case(),
            };
            out.push_str(&call(
                &format!("  {name}: "),
                "declared",
                &declaration(function),
                ",",
            ));
        }
        out.push_str("};\n");
    }
    let of_a_handle = |function: &&Function| {
        let mut handles = model.handles.iter();
        !handles.any(|handle| function.name.starts_with(&format!("{handle}_")))
    };
    for function in model.exported().filter(of_a_handle) {
        let start = format!(
            "\nexport const {} = ",
            function.short().to_lower_camel_case()
        );
        out.push_str(&call(&start, "declared", &declaration(function), ";"));
    }
    out
}

fn call(start: &str, function: &str, declaration: &str, end: &str) -> String {
    let line = format!("{start}{function}('{declaration}'){end}\n");
    match line.trim_start_matches('\n').chars().count() <= WIDTH + 1 {
        true => line,
        false => {
            let indent = &start.trim_start_matches('\n');
            let indent = &indent[..indent.len() - indent.trim_start().len()];
            format!("{start}{function}(\n{indent}  '{declaration}',\n{indent}){end}\n")
        }
    }
}

fn declaration(function: &Function) -> String {
    // Borrowed text ends with NUL, so callers don't need its length. A csign_text may contain NUL.
    let is_text = function.name == "csign_text_value";
    let borrowed = !is_text && *function.result.target().unwrap_or(&Type::Void) == Type::Char;
    let buffers = INTO_BUFFERS.contains(&function.name.as_str());
    let parameters: Vec<_> = function
        .parameters
        .iter()
        .map(
            |parameter| match (&parameter.kind, parameter.name.as_str()) {
                (_, "user_data") => "size_t user_data".to_owned(),
                (Type::Callback(name), _) if name == "csign_destroy_fn" => {
                    "void *destroy".to_owned()
                }
                (Type::Callback(name), own) => format!("{name} *{own}"),
                (
                    Type::Pointer {
                        to,
                        constant: false,
                    },
                    own,
                ) if !buffers && !borrowed => match &**to {
                    Type::Pointer { .. } => format!("_Out_ void **{own}"),
                    Type::Number(name) if *name != "uint8_t" => format!("_Out_ {name} *{own}"),
                    Type::Enum(_) => format!("_Out_ int32_t *{own}"),
                    _ => format!("void *{own}"),
                },
                (Type::Pointer { .. }, own) => format!("void *{own}"),
                (kind, own) => format!("{} {own}", number(kind)),
            },
        )
        .collect();
    let result = match borrowed {
        true => "const char *".to_owned(),
        false => pointer_or_number(&function.result),
    };
    let parameters = match parameters.is_empty() {
        true => "void".to_owned(),
        false => parameters.join(", "),
    };
    format!("{result}{}({parameters})", function.name)
}

/// Returns the declaration of a callback. koffi passes its pointers as addresses.
fn proto(callback: &Function) -> String {
    let parameters: Vec<_> = callback
        .parameters
        .iter()
        .map(|parameter| format!("{}{}", pointer_or_number(&parameter.kind), parameter.name))
        .collect();
    format!(
        "{}{}({})",
        pointer_or_number(&callback.result),
        callback.name,
        parameters.join(", ")
    )
}

fn pointer_or_number(kind: &Type) -> String {
    match kind {
        Type::Pointer { .. } => "void *".to_owned(),
        kind => format!("{} ", number(kind)),
    }
}

fn number(kind: &Type) -> &'static str {
    match kind {
        Type::Void => "void",
        Type::Number(name) => name,
        _ => "int32_t",
    }
}

fn numbers(model: &Model) -> Result<String, String> {
    let mut out = format!(
        "// The numbers of countersign.h, by their words.\n\n\
         /** The ABI version that this package requires: major << 16 | minor. */\nexport const ABI_VERSION = {};\n",
        model.abi_version()?
    );
    let status = model.enumeration("status")?;
    out.push_str(&format!(
        "\n{}export const Status = {{\n",
        block(&status.docs, "", WIDTH)
    ));
    for value in &status.values {
        out.push_str(&block(std::slice::from_ref(&value.about), "  ", WIDTH));
        out.push_str(&format!(
            "  {}: {},\n",
            value.name.to_lower_camel_case(),
            value.number
        ));
    }
    out.push_str("} as const;\n");
    for (short, table) in [
        ("verdict", "VERDICTS"),
        ("source", "SOURCES"),
        ("change", "CHANGES"),
        ("revocation", "REVOCATIONS"),
        ("log_level", "LOG_LEVELS"),
    ] {
        out.push_str(&words(model.enumeration(short)?, table));
    }
    let counter = model.enumeration("counter")?;
    out.push_str(
        "\n/** Counts of events since a client was created. */\nexport interface Counts {\n",
    );
    for value in &counter.values {
        out.push_str(&block(std::slice::from_ref(&value.about), "  ", WIDTH));
        out.push_str(&format!("  {}: number;\n", value.word()));
    }
    out.push_str("}\n\n/** Reads each count by its number. */\nexport function countsOf(count: (counter: number) => number): Counts {\n  return {\n");
    for value in &counter.values {
        out.push_str(&format!("    {}: count({}),\n", value.word(), value.number));
    }
    out.push_str("  };\n}\n");
    Ok(out)
}

/// Generates an enum as a string type, and a table of its values by number.
fn words(one: &Enum, table: &str) -> String {
    let name = one.short().to_upper_camel_case();
    let mut out = String::from("\n/**\n");
    for (index, paragraph) in one.docs.iter().enumerate() {
        if index > 0 {
            out.push_str(" *\n");
        }
        for line in super::text::wrapped(paragraph, " * ", WIDTH) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out.push_str(" *\n");
    for value in &one.values {
        let line = format!("`{}`: {}", value.word(), value.about);
        for (index, line) in super::text::wrapped(&line, "", WIDTH - 5)
            .iter()
            .enumerate()
        {
            let mark = if index == 0 { "-" } else { " " };
            out.push_str(&format!(" * {mark} {line}\n"));
        }
    }
    out.push_str(" */\n");
    let words: Vec<_> = one
        .values
        .iter()
        .map(|value| format!("'{}'", value.word()))
        .collect();
    let line = format!("export type {name} = {};\n", words.join(" | "));
    match line.len() <= WIDTH + 1 {
        true => out.push_str(&line),
        false => out.push_str(&format!(
            "export type {name} =\n  | {};\n",
            words.join("\n  | ")
        )),
    }
    out.push_str(&format!(
        "\nexport const {table}: Readonly<Record<number, {name}>> = Object.freeze({{\n"
    ));
    for value in &one.values {
        out.push_str(&format!("  {}: '{}',\n", value.number, value.word()));
    }
    out + "});\n"
}

fn settings() -> String {
    let mut out = String::from(
        "/** The value of a setting. */\n\
         export type SettingValue = string | number | null | undefined;\n\n\
         /** The settings that every provider has. */\n\
         export type KnownSettings = {\n",
    );
    let mut add = |name: &str, about: String| {
        out.push_str(&block(&[about], "  ", WIDTH));
        out.push_str(&format!("  {name}?: SettingValue;\n"));
    };
    for setting in SETTINGS {
        let (name, about) = (setting.name, setting.about);
        add(name, about.to_owned());
        if setting.secret {
            add(&format!("{name}_file"), format!("a file with {about}"));
            add(
                &format!("{name}_env"),
                format!("the environment variable with {about}"),
            );
        }
    }
    out + "};\n"
}

const IDIOM: Idiom = Idiom {
    null: "null",
    zero: "null",
    minus_one: "null",
    unit: ", in seconds",
    start_login: "`Client.startLogin`",
};

fn details(model: &Model) -> String {
    let mut out = String::from(
        "import { error as c, type Pointer } from './functions.js';\n\
         import { VERDICTS, type Verdict } from './numbers.js';\n\n\
         /** The fields of an error. They never contain a secret. */\n\
         export interface ErrorDetails {\n",
    );
    let (mut absent, mut before, mut read) = (String::new(), String::new(), String::new());
    for field in fields(model) {
        let getter = field.name.to_lower_camel_case();
        let name = match field.kind {
            Kind::Millis => field.bare().to_lower_camel_case() + "S",
            _ => getter.clone(),
        };
        let (kind, value) = match field.kind {
            Kind::Status => ("number", format!("c.{getter}(error)")),
            Kind::Verdict => (
                "Verdict",
                format!("VERDICTS[c.{getter}(error)] ?? 'unexpected'"),
            ),
            Kind::Text => ("string", format!("c.{getter}(error, null) ?? ''")),
            Kind::OptionalText => ("string | null", format!("c.{getter}(error, null)")),
            Kind::Number => ("number | null", format!("c.{getter}(error) || null")),
            Kind::Millis => {
                before.push_str(&format!("  const {getter} = Number(c.{getter}(error));\n"));
                (
                    "number | null",
                    format!("{getter} < 0 ? null : {getter} / 1000"),
                )
            }
        };
        out.push_str(&block(&[field.about(&IDIOM)], "  ", WIDTH));
        out.push_str(&format!("  {name}: {kind};\n"));
        if kind.ends_with("null") {
            absent.push_str(&format!("  {name}: null,\n"));
        }
        read.push_str(&format!("    {name}: {value},\n"));
    }
    format!(
        "{out}}}\n\n/** The optional fields of an error, all absent. */\nexport const EMPTY = {{\n{absent}}};\n\n\
         /** Reads the fields of a library error. */\nexport function readDetails(error: Pointer): ErrorDetails {{\n\
         {before}  return {{\n{read}  }};\n}}\n"
    )
}
