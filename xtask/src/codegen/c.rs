//! The model as C declarations, for the record of the ABI and for tools.

use super::model::{Function, Model, Parameter, Type};

/// Returns a function's declaration on one line, without the semicolon.
pub(crate) fn declaration(function: &Function) -> String {
    declared(function, &function.name, true)
}

/// Returns a callback's type on one line, without `typedef` and the semicolon.
pub(crate) fn callback(function: &Function) -> String {
    declared(function, &format!("(*{})", function.name), true)
}

/// Returns all declarations, for tools that have no preprocessor.
pub(crate) fn declarations(model: &Model) -> String {
    let mut out = String::new();
    for one in &model.enums {
        out.push_str(&format!("typedef int32_t {};\n", one.name));
    }
    for handle in &model.handles {
        out.push_str(&format!("typedef struct {handle} {handle};\n"));
    }
    for one in &model.structs {
        let fields = one.fields.iter().zip(&one.kinds);
        let fields: String = fields
            .map(|(name, kind)| field(name, kind, false) + "; ")
            .collect();
        out.push_str(&format!("typedef struct {{ {fields}}} {};\n", one.name));
    }
    for one in &model.callbacks {
        let pointer = format!("(*{})", one.name);
        out.push_str(&format!("typedef {};\n", declared(one, &pointer, false)));
    }
    for function in &model.functions {
        out.push_str(&format!("{};\n", declared(function, &function.name, false)));
    }
    out
}

fn declared(function: &Function, name: &str, tagged: bool) -> String {
    let result = spelled(&function.result, tagged);
    let space = if result.ends_with('*') { "" } else { " " };
    let parameters: Vec<_> = function
        .parameters
        .iter()
        .map(|parameter| parameter_of(parameter, tagged))
        .collect();
    let parameters = match parameters.is_empty() {
        true => "void".to_owned(),
        false => parameters.join(", "),
    };
    format!("{result}{space}{name}({parameters})")
}

fn parameter_of(parameter: &Parameter, tagged: bool) -> String {
    field(&parameter.name, &parameter.kind, tagged)
}

fn field(name: &str, kind: &Type, tagged: bool) -> String {
    let kind = spelled(kind, tagged);
    let space = if kind.ends_with('*') { "" } else { " " };
    format!("{kind}{space}{name}")
}

/// Returns a type in C; `tagged` adds `struct` in front of a struct's name.
fn spelled(kind: &Type, tagged: bool) -> String {
    match kind {
        Type::Void => "void".to_owned(),
        Type::Char => "char".to_owned(),
        Type::Number(name) => (*name).to_owned(),
        Type::Enum(name) | Type::Callback(name) => name.clone(),
        Type::Struct(name) if tagged => format!("struct {name}"),
        Type::Struct(name) => name.clone(),
        Type::Pointer { to, constant } => {
            let inner = spelled(to, tagged);
            let space = if inner.ends_with('*') { "" } else { " " };
            match (constant, to.is_pointer()) {
                (true, true) => format!("{inner}const *"),
                (true, false) => format!("const {inner}{space}*"),
                (false, _) => format!("{inner}{space}*"),
            }
        }
    }
}
