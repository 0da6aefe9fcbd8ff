//! A model of the C ABI, parsed from the Rust source that the headers are generated from.
//!
//! cbindgen generates the headers from the same source. `cargo xtask abi` checks with a C compiler
//! that the model and the headers agree.

use std::path::Path;

use syn::{Attribute, Expr, Item, Lit};

use crate::root;
use crate::source::{documentation, parse};

/// The prefix of exports that exist only in test builds.
pub(crate) const TEST_HOOKS: &str = "csign_test_";

/// The declarations of a header, in the order of the source.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) constants: Vec<Constant>,
    pub(crate) enums: Vec<Enum>,
    /// The names of the opaque types, such as `csign_client`.
    pub(crate) handles: Vec<String>,
    pub(crate) structs: Vec<Struct>,
    pub(crate) callbacks: Vec<Function>,
    pub(crate) functions: Vec<Function>,
}

#[derive(Debug)]
pub(crate) struct Constant {
    pub(crate) name: String,
    pub(crate) value: i64,
}

#[derive(Debug)]
pub(crate) struct Enum {
    /// The name in C, such as `csign_verdict`.
    pub(crate) name: String,
    /// The documentation, one string per paragraph.
    pub(crate) docs: Vec<String>,
    pub(crate) values: Vec<Value>,
}

#[derive(Debug)]
pub(crate) struct Value {
    /// The name, such as `FIX_CONFIGURATION`.
    pub(crate) name: String,
    pub(crate) number: i64,
    pub(crate) about: String,
}

/// A struct whose fields are public in C.
#[derive(Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) fields: Vec<String>,
    /// The types of the fields, unless one has a type that functions don't have.
    pub(crate) kinds: Vec<Type>,
}

/// A function or the type of a callback.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) result: Type,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) kind: Type,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Void,
    Char,
    /// A number type, by its name in C.
    Number(&'static str),
    Enum(String),
    Callback(String),
    /// An opaque type or a struct.
    Struct(String),
    Pointer {
        to: Box<Type>,
        constant: bool,
    },
}

/// Returns the model of `include/countersign.h`.
pub(crate) fn countersign() -> Result<Model, String> {
    let mut model = Model::default();
    model.read(&root().join("crates/capi/src/lib.rs"))?;
    model.resolve_enums();
    model.check()?;
    Ok(model)
}

/// Returns the model of `include/countersign_plugin.h`.
pub(crate) fn plugin() -> Result<Model, String> {
    let mut model = Model::default();
    model.read(&root().join("crates/plugin/src/abi.rs"))?;
    Ok(model)
}

/// Returns the variants of one of core's enums for errors, without numbers.
pub(crate) fn core_variants(name: &str) -> Result<Vec<Value>, String> {
    variants("crates/core/src/error/kind.rs", name)
}

/// Returns the variants of another crate's enum, without numbers.
pub(crate) fn variants(path: &str, name: &str) -> Result<Vec<Value>, String> {
    let file = parse(&root().join(path))?;
    let mut enums = file.items.iter().filter_map(|item| match item {
        Item::Enum(item) if item.ident == name => Some(item),
        _ => None,
    });
    let found = enums
        .next()
        .ok_or_else(|| format!("{path} has no enum {name}"))?;
    let values = found.variants.iter().map(|variant| Value {
        name: screaming(&variant.ident.to_string()),
        number: 0,
        about: paragraphs(&variant.attrs).join(" "),
    });
    Ok(values.collect())
}

impl Model {
    /// Reads a file and the modules that it declares.
    fn read(&mut self, path: &Path) -> Result<(), String> {
        let shown = path.display();
        let file = parse(path)?;
        self.read_items(&file.items)
            .map_err(|why| format!("{shown}: {why}"))?;
        let folder = match path.file_stem().is_some_and(|stem| stem == "lib") {
            true => path.with_file_name(""),
            false => path.with_extension(""),
        };
        for item in &file.items {
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                self.read(&folder.join(format!("{}.rs", module.ident)))?;
            }
        }
        Ok(())
    }

    fn read_items(&mut self, items: &[Item]) -> Result<(), String> {
        for item in items {
            match item {
                Item::Const(item) if item.ident.to_string().starts_with("CSIGN_") => {
                    self.constants.push(Constant {
                        name: item.ident.to_string(),
                        value: number(&item.expr)?,
                    });
                }
                Item::Enum(item) if is_ours(&item.ident) => self.enums.push(enumeration(item)?),
                Item::Struct(item) if is_ours(&item.ident) => {
                    let fields: Vec<_> = item
                        .fields
                        .iter()
                        .filter_map(|field| field.ident.as_ref().map(ToString::to_string))
                        .collect();
                    match fields.iter().any(|field| field == "_opaque") {
                        true => self.handles.push(item.ident.to_string()),
                        false => {
                            let kinds = item.fields.iter().map(|field| kind(&field.ty));
                            self.structs.push(Struct {
                                name: item.ident.to_string(),
                                fields,
                                kinds: kinds.collect::<Result<_, _>>().unwrap_or_default(),
                            });
                        }
                    }
                }
                Item::Type(item) => {
                    let Some(function) = function_type(&item.ty) else {
                        continue;
                    };
                    let name = match item.ident.to_string() {
                        // The function that plugins export. cbindgen.toml declares it.
                        name if name == "EntryV1" => "countersign_plugin_v1".to_owned(),
                        name => name,
                    };
                    let function = callback(name, &item.attrs, function)?;
                    match function.name.ends_with("_fn") {
                        true => self.callbacks.push(function),
                        false => self.functions.push(function),
                    }
                }
                Item::Fn(item) if item.sig.abi.is_some() && is_ours(&item.sig.ident) => {
                    self.functions.push(function(item)?);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Distinguishes enums from structs, which look the same in signatures.
    fn resolve_enums(&mut self) {
        let enums: Vec<_> = self.enums.iter().map(|one| one.name.as_str()).collect();
        for function in self.functions.iter_mut().chain(&mut self.callbacks) {
            function.result.resolve_enums(&enums);
            for parameter in &mut function.parameters {
                parameter.kind.resolve_enums(&enums);
            }
        }
    }

    /// Checks that each enum value has a description that fits every language.
    fn check(&self) -> Result<(), String> {
        for one in &self.enums {
            for value in &one.values {
                let (owner, name) = (&one.name, &value.name);
                if value.about.is_empty() {
                    return Err(format!("{owner}: {name} has no description"));
                }
                if value.about.contains("csign_") {
                    return Err(format!(
                        "{owner}: the description of {name} must not name a C function, because every language uses it"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Returns the functions that every build exports.
    pub(crate) fn exported(&self) -> impl Iterator<Item = &Function> {
        let all = self.functions.iter();
        all.filter(|function| !function.name.starts_with(TEST_HOOKS))
    }

    /// Returns an enum by its name without the prefix, such as `verdict`.
    pub(crate) fn enumeration(&self, short: &str) -> Result<&Enum, String> {
        let found = self.enums.iter().find(|one| one.short() == short);
        found.ok_or_else(|| format!("crates/capi has no csign_{short}"))
    }

    /// Returns the ABI version that the bindings require.
    pub(crate) fn abi_version(&self) -> Result<i64, String> {
        let mut all = self.constants.iter();
        let found = all.find(|constant| constant.name == "CSIGN_ABI_VERSION");
        found
            .map(|constant| constant.value)
            .ok_or_else(|| "crates/capi has no CSIGN_ABI_VERSION".to_owned())
    }
}

impl Enum {
    /// Returns the name without the prefix.
    pub(crate) fn short(&self) -> &str {
        without_prefix(&self.name)
    }

    /// Returns the statuses that are kinds of errors: all but incorrect uses of the API, which share
    /// the kind `usage`, and panics.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Value> {
        let panics = ["PANIC", "POISONED"];
        let values = self.values.iter();
        values.filter(move |value| value.number >= 20 && !panics.contains(&value.name.as_str()))
    }

    /// Returns a value's name in C.
    pub(crate) fn constant(&self, value: &Value) -> String {
        format!("{}_{}", self.name.to_uppercase(), value.name)
    }
}

impl Value {
    /// Returns the word for it, which is the same in every language.
    pub(crate) fn word(&self) -> String {
        self.name.to_lowercase()
    }
}

impl Function {
    /// Returns the name without the prefix.
    pub(crate) fn short(&self) -> &str {
        without_prefix(&self.name)
    }
}

impl Type {
    pub(crate) fn is_pointer(&self) -> bool {
        matches!(self, Self::Pointer { .. })
    }

    fn resolve_enums(&mut self, enums: &[&str]) {
        match self {
            Self::Pointer { to, .. } => to.resolve_enums(enums),
            Self::Struct(name) if enums.contains(&name.as_str()) => {
                *self = Self::Enum(std::mem::take(name));
            }
            _ => {}
        }
    }

    /// Reports whether it is bytes or text that the function only reads.
    pub(crate) fn is_input(&self) -> bool {
        matches!(self, Self::Pointer { to, constant: true } if matches!(**to, Self::Char | Self::Number("uint8_t")))
    }
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix("csign_").unwrap_or(name)
}

fn is_ours(name: &syn::Ident) -> bool {
    name.to_string().starts_with("csign_")
}

fn enumeration(item: &syn::ItemEnum) -> Result<Enum, String> {
    let name = item.ident.to_string();
    let values = item.variants.iter().map(|variant| {
        let (_, value) = variant
            .discriminant
            .as_ref()
            .ok_or_else(|| format!("{name}: {} has no number", variant.ident))?;
        Ok(Value {
            name: screaming(&variant.ident.to_string()),
            number: number(value)?,
            about: paragraphs(&variant.attrs).join(" "),
        })
    });
    Ok(Enum {
        values: values.collect::<Result<_, String>>()?,
        docs: paragraphs(&item.attrs),
        name,
    })
}

fn function(item: &syn::ItemFn) -> Result<Function, String> {
    let name = item.sig.ident.to_string();
    let mut parameters = Vec::new();
    for input in &item.sig.inputs {
        let syn::FnArg::Typed(input) = input else {
            return Err(format!("{name} takes self"));
        };
        let syn::Pat::Ident(pattern) = &*input.pat else {
            return Err(format!("{name}: a parameter has no name"));
        };
        parameters.push(Parameter {
            name: pattern
                .ident
                .to_string()
                .trim_start_matches("r#")
                .to_owned(),
            kind: kind(&input.ty).map_err(|why| format!("{name}: {why}"))?,
        });
    }
    Ok(Function {
        docs: paragraphs(&item.attrs),
        result: result(&item.sig.output)?,
        name,
        parameters,
    })
}

fn callback(
    name: String,
    attributes: &[Attribute],
    item: &syn::TypeBareFn,
) -> Result<Function, String> {
    let parameters = item.inputs.iter().map(|input| {
        let (own, _) = input
            .name
            .as_ref()
            .ok_or_else(|| format!("{name}: a parameter has no name"))?;
        Ok(Parameter {
            name: own.to_string(),
            kind: kind(&input.ty).map_err(|why| format!("{name}: {why}"))?,
        })
    });
    Ok(Function {
        parameters: parameters.collect::<Result<_, String>>()?,
        docs: paragraphs(attributes),
        result: result(&item.output)?,
        name,
    })
}

/// Returns the function type of `extern "C" fn(...)` or an `Option` of it.
fn function_type(of: &syn::Type) -> Option<&syn::TypeBareFn> {
    match of {
        syn::Type::BareFn(function) => Some(function),
        syn::Type::Path(path) => {
            let last = path.path.segments.last()?;
            let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            match arguments.args.first()? {
                syn::GenericArgument::Type(inner) if last.ident == "Option" => function_type(inner),
                _ => None,
            }
        }
        _ => None,
    }
}

fn result(output: &syn::ReturnType) -> Result<Type, String> {
    match output {
        syn::ReturnType::Default => Ok(Type::Void),
        syn::ReturnType::Type(_, of) => kind(of),
    }
}

fn kind(of: &syn::Type) -> Result<Type, String> {
    match of {
        syn::Type::Ptr(pointer) => Ok(Type::Pointer {
            to: Box::new(kind(&pointer.elem)?),
            constant: pointer.const_token.is_some(),
        }),
        syn::Type::Path(path) => {
            let name = path.path.segments.last().map(|last| last.ident.to_string());
            let name = name.unwrap_or_default();
            Ok(match name.as_str() {
                "c_void" => Type::Void,
                "c_char" => Type::Char,
                "u8" => Type::Number("uint8_t"),
                "u16" => Type::Number("uint16_t"),
                "i32" => Type::Number("int32_t"),
                "u32" => Type::Number("uint32_t"),
                "i64" => Type::Number("int64_t"),
                "u64" => Type::Number("uint64_t"),
                "usize" => Type::Number("size_t"),
                _ if name.ends_with("_fn") => Type::Callback(name),
                _ if name.starts_with("csign_") => Type::Struct(name),
                _ => return Err(format!("type `{name}` is not supported in C functions")),
            })
        }
        _ => Err("a type is not supported in C functions".to_owned()),
    }
}

fn number(value: &Expr) -> Result<i64, String> {
    if let Expr::Lit(literal) = value
        && let Lit::Int(number) = &literal.lit
    {
        return number.base10_parse().map_err(|error| error.to_string());
    }
    Err("expected a number".to_owned())
}

/// Returns the documentation, one string per paragraph.
fn paragraphs(attributes: &[Attribute]) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in documentation(attributes) {
        let line = line.trim();
        match all.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            _ => all.push(String::new()),
        }
    }
    all.retain(|paragraph| !paragraph.is_empty());
    all
}

/// Converts `LoginRequired` to `LOGIN_REQUIRED`. Names in capitals don't change.
fn screaming(name: &str) -> String {
    if name.chars().any(|letter| letter == '_') || name.to_uppercase() == name {
        return name.to_uppercase();
    }
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::c;

    const SOURCE: &str = r#"
        /// One paragraph
        /// on two lines.
        ///
        /// Another one.
        #[repr(i32)]
        pub enum csign_e {
            /// The first.
            A = 1,
            /// The other.
            NotA = 7,
        }
        pub struct csign_x { _opaque: [u8; 0] }
        pub const CSIGN_V: u32 = 3;
        pub type csign_f = u64;
        pub type csign_call_fn =
            Option<unsafe extern "C" fn(user_data: *mut c_void, x: *const csign_x) -> i32>;
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn csign_do(
            x: *const csign_x,
            text: *const c_char,
            call: csign_call_fn,
            out_x: *mut *mut csign_x,
        ) -> csign_e {}
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn csign_test_panic() {}
        fn private() {}
    "#;

    #[test]
    fn the_model_contains_the_declarations_of_the_source() {
        let mut model = Model::default();
        let file = syn::parse_file(SOURCE).unwrap();
        model.read_items(&file.items).unwrap();
        model.resolve_enums();
        model.check().unwrap();
        let functions: Vec<_> = model.exported().map(c::declaration).collect();
        assert_eq!(
            functions,
            [
                "csign_e csign_do(const struct csign_x *x, const char *text, csign_call_fn call, struct csign_x **out_x)"
            ]
        );
        let callbacks: Vec<_> = model.callbacks.iter().map(c::callback).collect();
        assert_eq!(
            callbacks,
            ["int32_t (*csign_call_fn)(void *user_data, const struct csign_x *x)"]
        );
        let [one] = &model.enums[..] else {
            panic!("{:?}", model.enums);
        };
        assert_eq!(one.docs, ["One paragraph on two lines.", "Another one."]);
        let values = one.values.iter();
        let values: Vec<_> = values
            .map(|value| (one.constant(value), value.number, value.about.as_str()))
            .collect();
        assert_eq!(values[0], ("CSIGN_E_A".to_owned(), 1, "The first."));
        assert_eq!(values[1], ("CSIGN_E_NOT_A".to_owned(), 7, "The other."));
        assert_eq!(model.constants[0].value, 3);
        assert_eq!(model.handles, ["csign_x"]);
    }

    #[test]
    fn a_description_that_names_a_c_function_is_rejected() {
        let source = "pub enum csign_e {\n    /// See csign_do.\n    A = 1,\n}";
        let mut model = Model::default();
        let file = syn::parse_file(source).unwrap();
        model.read_items(&file.items).unwrap();
        assert!(model.check().unwrap_err().contains("csign_e: "));
    }
}
