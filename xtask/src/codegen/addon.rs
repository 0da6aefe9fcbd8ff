//! The TypeScript types of Node's addon, from the source of `crates/node`.
//!
//! napi-derive could write them, but only during a build. This way `--check` needs none.

use std::fs;

use heck::ToLowerCamelCase;
use syn::{
    Attribute, Expr, FnArg, GenericArgument, ImplItem, ImplItemFn, Item, ItemStruct, Lit, Meta,
    Pat, PathArguments, ReturnType, Signature, Type,
};

use super::text::block;
use crate::root;

const SOURCE: &str = "crates/node/src";
pub(super) const WIDTH: usize = 110;

pub(super) fn types() -> Result<String, String> {
    let folder = root().join(SOURCE);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .map_err(|error| format!("{SOURCE}: {error}"))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    let (mut interfaces, mut addon) = (String::new(), String::new());
    let mut methods = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| format!("{SOURCE}: {error}"))?;
        let file =
            syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        for item in &file.items {
            match item {
                Item::Struct(one) if is_exported(&one.attrs) => {
                    interfaces.push_str(&structure(one, &mut addon)?);
                }
                Item::Impl(one) if is_exported(&one.attrs) => {
                    let name = path_name(&one.self_ty)?;
                    for item in &one.items {
                        if let ImplItem::Fn(function) = item {
                            methods.push((name.clone(), method(function)?));
                        }
                    }
                }
                Item::Fn(one) if is_exported(&one.attrs) => {
                    addon.push_str(&function(&one.sig, &one.attrs)?);
                }
                _ => {}
            }
        }
    }
    for (class, Method { text, constructor }) in methods {
        if constructor {
            addon = addon.replace(
                &format!("  {class}: new ()"),
                &format!("  {class}: new {text}"),
            );
        } else {
            let end = format!("}} // {class}\n");
            interfaces = interfaces.replace(&end, &format!("{text}{end}"));
        }
    }
    let interfaces = interfaces
        .lines()
        .map(|line| match line.split_once("} // ") {
            Some(_) => "}\n".to_owned(),
            None => format!("{line}\n"),
        });
    Ok(format!(
        "// The classes and functions of the addon.\n{}\n/** The addon. */\nexport interface Addon {{\n{addon}}}\n",
        interfaces.collect::<String>()
    ))
}

/// Returns whether an item has the attribute `napi`.
fn is_exported(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|one| one.path().is_ident("napi"))
}

fn has_argument(attributes: &[Attribute], word: &str) -> bool {
    let mut all = attributes.iter().filter(|one| one.path().is_ident("napi"));
    all.any(|one| match &one.meta {
        Meta::List(list) => list
            .tokens
            .to_string()
            .split(',')
            .any(|known| known.trim() == word),
        _ => false,
    })
}

fn docs(attributes: &[Attribute]) -> Vec<String> {
    let lines = attributes.iter().filter_map(|one| match &one.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(text) => match &text.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let paragraphs = text.split("\n\n");
    paragraphs
        .map(|paragraph| paragraph.replace('\n', " "))
        .collect()
}

/// Generates the interface of an object or a class. Its methods go before the mark at its end.
fn structure(one: &ItemStruct, addon: &mut String) -> Result<String, String> {
    let name = &one.ident;
    let mut out = format!(
        "\n{}export interface {name} {{\n",
        block(&docs(&one.attrs), "", WIDTH)
    );
    if !has_argument(&one.attrs, "object") {
        addon.push_str(&format!("  {name}: new () => {name};\n"));
        return Ok(out + &format!("}} // {name}\n"));
    }
    for field in &one.fields {
        let own = field.ident.as_ref().ok_or("a field has no name")?;
        let own = own.to_string().to_lower_camel_case();
        out.push_str(&block(&docs(&field.attrs), "  ", WIDTH));
        out.push_str(&match optional(&field.ty) {
            Some(kind) => format!("  {own}?: {} | undefined;\n", typescript(kind)?),
            None => format!("  {own}: {};\n", typescript(&field.ty)?),
        });
    }
    Ok(out + "}\n")
}

struct Method {
    text: String,
    constructor: bool,
}

fn method(function: &ImplItemFn) -> Result<Method, String> {
    let constructor = has_argument(&function.attrs, "constructor");
    let text = match constructor {
        true => format!("({})", parameters(&function.sig)?.join(", ")),
        false => self::function(&function.sig, &function.attrs)?,
    };
    Ok(Method { text, constructor })
}

fn function(signature: &Signature, attributes: &[Attribute]) -> Result<String, String> {
    let name = signature.ident.to_string().to_lower_camel_case();
    let result = match &signature.output {
        ReturnType::Default => "void".to_owned(),
        ReturnType::Type(_, kind) => match optional(kind) {
            Some(kind) => format!("{} | null", typescript(kind)?),
            None => typescript(kind)?,
        },
    };
    let docs = block(&docs(attributes), "  ", WIDTH);
    let parameters = parameters(signature)?;
    let line = format!("  {name}({}): {result};\n", parameters.join(", "));
    match line.len() <= WIDTH + 1 {
        true => Ok(docs + &line),
        false => Ok(format!(
            "{docs}  {name}(\n    {},\n  ): {result};\n",
            parameters.join(",\n    ")
        )),
    }
}

fn parameters(signature: &Signature) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for input in &signature.inputs {
        let FnArg::Typed(one) = input else { continue };
        let Pat::Ident(name) = &*one.pat else {
            return Err(format!("{}: a parameter has no name", signature.ident));
        };
        let name = name.ident.to_string().to_lower_camel_case();
        all.push(match optional(&one.ty) {
            _ if path_name(&one.ty).is_ok_and(|kind| kind == "Env") => continue,
            Some(kind) => format!("{name}?: {} | undefined", typescript(kind)?),
            None => format!("{name}: {}", typescript(&one.ty)?),
        });
    }
    Ok(all)
}

/// Returns T of `Option<T>`.
fn optional(kind: &Type) -> Option<&Type> {
    match path_name(kind).ok()?.as_str() {
        "Option" => arguments(kind).first().copied(),
        _ => None,
    }
}

fn typescript(kind: &Type) -> Result<String, String> {
    if let Type::Reference(reference) = kind {
        return typescript(&reference.elem);
    }
    let name = path_name(kind)?;
    let mut inner = arguments(kind).into_iter().map(typescript);
    let mut next = || {
        inner
            .next()
            .ok_or_else(|| format!("{name} has no argument"))?
    };
    Ok(match name.as_str() {
        "String" | "str" => "string".into(),
        "bool" => "boolean".into(),
        "u16" | "u32" | "f64" => "number".into(),
        "Buffer" => "Uint8Array".into(),
        "Dispatch" => "(event: NativeEvent) => void".into(),
        "Vec" => format!("{}[]", next()?),
        "HashMap" => format!("Record<{}, {}>", next()?, next()?),
        "Either" => format!("{} | {}", next()?, next()?),
        _ if name.ends_with("Fields") || name.starts_with("Native") || name == "Outcome" => name,
        _ => return Err(format!("{SOURCE}: no TypeScript type is known for {name}")),
    })
}

fn path_name(kind: &Type) -> Result<String, String> {
    let Type::Path(path) = kind else {
        return Err(format!("{SOURCE}: a type is not a path"));
    };
    let last = path.path.segments.last().ok_or("an empty path")?;
    Ok(last.ident.to_string())
}

fn arguments(kind: &Type) -> Vec<&Type> {
    let Type::Path(path) = kind else {
        return Vec::new();
    };
    let Some(PathArguments::AngleBracketed(list)) =
        path.path.segments.last().map(|last| &last.arguments)
    else {
        return Vec::new();
    };
    let types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(kind) => Some(kind),
        _ => None,
    });
    types.collect()
}
