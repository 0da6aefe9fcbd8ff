//! The low layer of Python: the functions for cffi and type checkers, numbers and settings.

use countersign_core::{BasicEncoding, ClientAuth, GrantKind, Roots, SETTINGS};

use heck::{ToSnakeCase, ToUpperCamelCase};

use super::fields::{Idiom, Kind, fields};
use super::model::{self, Enum, Function, Model, Type, Value};
use super::text::wrapped;
use super::{File, banner, c};

const FOLDER: &str = "bindings/python";
const WIDTH: usize = 120;

pub(super) fn files(model: &Model) -> Result<Vec<File>, String> {
    Ok(vec![
        File {
            path: format!("{FOLDER}/abi.h"),
            text: format!(
                "/* {} */\n/* countersign.h for cffi, which has no preprocessor. generate.py compiles it. */\n\n{}",
                banner(),
                c::declarations(model)
            ),
        },
        file("_abi.pyi", format!("# {}\n\n{}", banner(), stubs(model))),
        file("_numbers.py", numbers(model)?),
        file("_settings.py", settings()),
        file("_words.py", words(model)?),
        file("_details.py", details(model)),
    ])
}

fn file(name: &str, text: String) -> File {
    File {
        path: format!("{FOLDER}/src/countersign/{name}"),
        text,
    }
}

fn stubs(model: &Model) -> String {
    let mut out = String::from(
        "from typing import Any\n\nfrom _cffi_backend import FFI, _CDataBase\n\n\
         Pointer = _CDataBase\nBytes = _CDataBase | bytes\nCallback = Any\n\nclass Library:\n",
    );
    for function in &model.functions {
        out.push_str(&stub(function));
    }
    out + "\nffi: FFI\n"
}

fn stub(function: &Function) -> String {
    let mut parameters = vec!["self".to_owned()];
    for parameter in &function.parameters {
        let kind = match &parameter.kind {
            Type::Callback(_) => "Callback",
            kind if kind.is_input() => "Bytes",
            kind => typed(kind),
        };
        parameters.push(format!("{}: {kind}", parameter.name));
    }
    if parameters.len() > 1 {
        parameters.push("/".to_owned());
    }
    let (start, result) = (
        format!("    def {}(", function.name),
        typed(&function.result),
    );
    let line = format!("{start}{}) -> {result}: ...\n", parameters.join(", "));
    if line.len() <= WIDTH + 1 {
        return line;
    }
    let line = format!("        {}\n", parameters.join(", "));
    if line.len() <= WIDTH + 1 {
        return format!("{start}\n{line}    ) -> {result}: ...\n");
    }
    let separator = ",\n        ";
    format!(
        "{start}\n        {},\n    ) -> {result}: ...\n",
        parameters.join(separator)
    )
}

fn typed(kind: &Type) -> &'static str {
    match kind {
        Type::Void => "None",
        Type::Pointer { .. } => "Pointer",
        _ => "int",
    }
}

fn numbers(model: &Model) -> Result<String, String> {
    let mut out = format!(
        "\"\"\"The numbers of countersign.h. {}\"\"\"\n\nfrom enum import IntEnum\n\n\
         #: The ABI version that this package requires: major << 16 | minor.\nABI_VERSION = {}\n",
        banner(),
        model.abi_version()?
    );
    for one in &model.enums {
        out.push_str("\n\n");
        out.push_str(&enumeration(one));
    }
    Ok(out)
}

fn enumeration(one: &Enum) -> String {
    let mut out = format!(
        "class {}(IntEnum):\n{}",
        one.short().to_upper_camel_case(),
        docstring(&one.docs)
    );
    for value in &one.values {
        let about = docstring(std::slice::from_ref(&value.about));
        out.push_str(&format!("\n    {} = {}\n{about}", value.name, value.number));
    }
    out
}

fn settings() -> String {
    let mut out = format!(
        "\"\"\"The settings of a connection. {}\"\"\"\n\nfrom __future__ import annotations\n\n\
         from os import PathLike\nfrom typing import TypedDict, Union\n\n\
         from ._words import BasicEncoding, ClientAuth, GrantType, Roots\n\n\
         Path = Union[str, \"PathLike[str]\"]\n\n\n\
         class Settings(TypedDict, total=False):\n\
         \x20   \"\"\"A connection's settings, with the same names as in every language.\n\n\
         \x20   Vendors have more, named `extra.NAME`. Pass those in the mapping that is the first argument of\n\
         \x20   `Client`. None removes a setting that a file contains.\n    \"\"\"\n",
        banner()
    );
    let mut add = |name: &str, kind: &str, about: String| {
        out.push_str(&format!(
            "\n    {name}: {kind} | None\n{}",
            docstring(&[about])
        ));
    };
    for setting in SETTINGS {
        let (name, about) = (setting.name, setting.about);
        let kind = match name {
            _ if name.ends_with("_s") || name.ends_with("_ms") => "int | str",
            _ if name.ends_with("_file") => "Path",
            "grant" => "GrantType",
            "client_auth" => "ClientAuth",
            "basic_encoding" => "BasicEncoding",
            "roots" => "Roots",
            _ => "str",
        };
        add(name, kind, about.to_owned());
        if setting.secret {
            add(
                &format!("{name}_file"),
                "Path",
                format!("a file with {about}"),
            );
            let about = format!("the environment variable with {about}");
            add(&format!("{name}_env"), "str", about);
        }
    }
    out
}

/// The closed sets of words, as types.
fn words(model: &Model) -> Result<String, String> {
    let mut out = format!(
        "\"\"\"Closed sets of words. {}\"\"\"\n\nfrom typing import Literal\n",
        banner()
    );
    let mut add = |name: &str, about: &str, words: Vec<String>| {
        let quoted: Vec<_> = words
            .iter()
            .map(|word| format!("    \"{word}\",\n"))
            .collect();
        out.push_str(&format!(
            "\n#: {about}\n{name} = Literal[\n{}]\n",
            quoted.concat()
        ));
    };
    let lower = |value: &Value| value.name.to_lowercase();
    let mut kinds = vec!["usage".to_owned()];
    kinds.extend(model::core_variants("ErrorKind")?.iter().map(lower));
    add("Kind", "What failed: `Error.kind`.", kinds);
    for (name, about) in [
        ("Verdict", "What to do about an error: `Error.verdict`."),
        ("Source", "Where a call got its token from: `Token.source`."),
        (
            "Revocation",
            "What happened to a token at the vendor: `Forgotten.revocation`.",
        ),
        (
            "Change",
            "What changed: the first argument of a `Listener`.",
        ),
    ] {
        let found = model.enumeration(&name.to_snake_case())?;
        add(name, about, found.values.iter().map(lower).collect());
    }
    add("GrantType", "The setting `grant`.", strings(GrantKind::ALL));
    add(
        "ClientAuth",
        "The setting `client_auth`.",
        strings(ClientAuth::ALL),
    );
    add(
        "BasicEncoding",
        "The setting `basic_encoding`.",
        strings(BasicEncoding::ALL),
    );
    add("Roots", "The setting `roots`.", strings(Roots::ALL));
    Ok(out)
}

fn strings(choices: &[impl ToString]) -> Vec<String> {
    choices.iter().map(ToString::to_string).collect()
}

/// Formats a docstring, on one line if it fits.
fn docstring(paragraphs: &[String]) -> String {
    if let [one] = paragraphs {
        let line = format!("    \"\"\"{one}\"\"\"\n");
        if line.chars().count() <= WIDTH + 1 {
            return line;
        }
    }
    let lines: Vec<_> = paragraphs
        .iter()
        .enumerate()
        .map(|(index, paragraph)| {
            // Leave space for the quotes in front of the first line.
            let mut lines = wrapped(
                paragraph,
                "    ",
                if index == 0 { WIDTH - 3 } else { WIDTH },
            );
            if let (0, Some(first)) = (index, lines.first_mut()) {
                *first = format!("    \"\"\"{}", first.trim_start());
            }
            lines.join("\n")
        })
        .collect();
    lines.join("\n\n") + "\n    \"\"\"\n"
}

const IDIOM: Idiom = Idiom {
    null: "None",
    zero: "None",
    minus_one: "None",
    unit: ", in seconds",
    start_login: "`Client.start_login`",
};

fn details(model: &Model) -> String {
    let (mut attributes, mut parameters, mut kept) = (String::new(), String::new(), String::new());
    let (mut before, mut read) = (String::new(), String::new());
    for field in fields(model) {
        let getter = format!("lib.csign_error_{}", field.name);
        let name = match field.kind {
            Kind::Millis => format!("{}_s", field.bare()),
            // A number of the C ABI: `kind` and the exception's class say the same in Python.
            Kind::Status => format!("_{}", field.name),
            _ => field.name.to_owned(),
        };
        let text = format!("borrowed({getter}(error, ffi.NULL))");
        let (kind, default, value) = match field.kind {
            Kind::Status => {
                before.push_str(&format!("    {name} = {getter}(error)\n"));
                let value = format!("Status({name}) if {name} in set(Status) else {name}");
                ("int", "Status.INTERNAL", value)
            }
            Kind::Verdict => {
                let value = format!("borrowed(lib.csign_verdict_name({getter}(error))) or \"\"");
                ("Verdict", "\"unexpected\"", value)
            }
            Kind::Text => {
                let kind = if name == "kind" { "Kind" } else { "str" };
                (kind, "\"internal\"", format!("{text} or \"\""))
            }
            Kind::OptionalText => ("str | None", "None", text),
            Kind::Number => ("int | None", "None", format!("{getter}(error) or None")),
            Kind::Millis => {
                let ms = field.name;
                before.push_str(&format!("    {ms} = {getter}(error)\n"));
                let value = format!("None if {ms} < 0 else {ms} / 1000");
                ("float | None", "None", value)
            }
        };
        attributes.push_str(&format!(
            "\n    {name}: {kind}\n{}",
            docstring(&[field.about(&IDIOM)])
        ));
        if name != "message" {
            parameters.push_str(&format!("        {name}: {kind} = {default},\n"));
        }
        kept.push_str(&format!("        self.{name} = {name}\n"));
        read.push_str(&format!("        \"{name}\": {value},\n"));
    }
    format!(
        "\"\"\"The fields of an error. {}\"\"\"\n\nfrom __future__ import annotations\n\n\
         from typing import TYPE_CHECKING, Any\n\n\
         from ._library import ffi, lib\nfrom ._numbers import Status\nfrom ._text import borrowed\n\n\
         if TYPE_CHECKING:\n    from ._abi import Pointer\n    from ._words import Kind, Verdict\n\n\n\
         class ErrorDetails(Exception):\n    \"\"\"The fields of an error. They never contain a secret.\"\"\"\n{attributes}\n\
         \x20   def __init__(\n        self,\n        message: str,\n        *,\n{parameters}    ) -> None:\n\
         \x20       super().__init__(message)\n{kept}\n\n\
         def read_details(error: Pointer) -> dict[str, Any]:\n    \"\"\"Reads the fields of a library error.\"\"\"\n\
         {before}    return {{\n{read}    }}\n",
        banner()
    )
}
