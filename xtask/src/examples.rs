//! `cargo xtask examples`: counts the public functions whose documentation has a runnable example.
//!
//! It reads the source. The lint `unreachable_pub` makes sure that what is `pub` is public.

use std::path::Path;

use syn::{Attribute, ImplItem, Item, Meta, TraitItem, UseTree, Visibility};

use crate::source::{documentation, parse};
use crate::{root, table};

/// The folders of the crates whose functions are counted.
const CRATES: [&str; 4] = ["jose", "store", "core", "countersign"];

/// The minimum share of functions with an example, in each crate.
const MIN_PERCENT: usize = 70;

/// The maximum number of names at the root of the crate `countersign`.
const MAX_NAMES: usize = 30;

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    let list = match options {
        [] => false,
        ["--missing"] => true,
        _ => return Err("usage: cargo xtask examples [--missing]".to_owned()),
    };
    let heading = ["crate", "functions", "with example", "share"].map(str::to_owned);
    let mut rows = vec![heading.to_vec()];
    let mut faults = Vec::new();
    for name in CRATES {
        let functions = Functions::of(&root().join("crates").join(name).join("src/lib.rs"))?;
        let (all, with) = (functions.0.len(), functions.with_example());
        let percent = with * 100 / all.max(1);
        rows.push(vec![
            name.to_owned(),
            all.to_string(),
            with.to_string(),
            format!("{percent} %"),
        ]);
        if percent < MIN_PERCENT {
            faults.push(format!(
                "{name}: {percent} % of the public functions have an example, minimum {MIN_PERCENT} %; see --missing"
            ));
        }
        if list {
            for missing in functions.0.iter().filter(|function| !function.has_example) {
                table::say(&format!("{}\n", missing.name));
            }
        }
    }
    table::print(&rows);
    let names = root_names(&parse(&root().join("crates/countersign/src/lib.rs"))?.items);
    table::say(&format!(
        "\ncountersign: {} names at the root, maximum {MAX_NAMES}\n",
        names.len()
    ));
    if names.len() > MAX_NAMES {
        faults.push(format!(
            "countersign: {} names at the root, maximum {MAX_NAMES}: {}",
            names.len(),
            names.join(", ")
        ));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(faults.join("\n")),
    }
}

/// The public functions of a crate: free ones, methods of types, and methods of traits.
#[derive(Default)]
struct Functions(Vec<Function>);

struct Function {
    /// The file, and the path within it.
    name: String,
    has_example: bool,
}

impl Functions {
    fn of(root_file: &Path) -> Result<Self, String> {
        let mut functions = Self::default();
        let folder = root_file.parent().unwrap_or(root_file);
        functions.read_file(root_file, folder)?;
        Ok(functions)
    }

    fn with_example(&self) -> usize {
        self.0.iter().filter(|one| one.has_example).count()
    }

    /// Reads a module's file, and its children's files in `folder`.
    fn read_file(&mut self, file: &Path, folder: &Path) -> Result<(), String> {
        let inside = file.strip_prefix(root()).unwrap_or(file);
        let inside = inside.display().to_string();
        for child in self.read_items(&inside, &parse(file)?.items) {
            self.read_file(&folder.join(format!("{child}.rs")), &folder.join(&child))?;
        }
        Ok(())
    }

    /// Reads a module's items. Returns the children that have their own files.
    fn read_items(&mut self, path: &str, items: &[Item]) -> Vec<String> {
        let mut children = Vec::new();
        for item in items {
            match item {
                Item::Fn(item) if is_public(&item.vis) => {
                    self.add(path, &item.sig.ident, &item.attrs);
                }
                Item::Impl(item) if item.trait_.is_none() && !is_hidden(&item.attrs) => {
                    let path = format!("{path} {}", type_name(&item.self_ty));
                    for member in &item.items {
                        if let ImplItem::Fn(method) = member
                            && is_public(&method.vis)
                        {
                            self.add(&path, &method.sig.ident, &method.attrs);
                        }
                    }
                }
                Item::Trait(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    let path = format!("{path} {}", item.ident);
                    for member in &item.items {
                        if let TraitItem::Fn(method) = member {
                            self.add(&path, &method.sig.ident, &method.attrs);
                        }
                    }
                }
                Item::Mod(item) if !is_hidden(&item.attrs) => match &item.content {
                    Some((_, items)) => children.extend(self.read_items(path, items)),
                    None => children.push(item.ident.to_string()),
                },
                _ => {}
            }
        }
        children
    }

    fn add(&mut self, path: &str, name: &syn::Ident, attributes: &[Attribute]) {
        if !is_hidden(attributes) {
            self.0.push(Function {
                name: format!("{path}::{name}"),
                has_example: has_example(documentation(attributes)),
            });
        }
    }
}

/// Returns the public names that a crate's root declares or exports.
fn root_names(items: &[Item]) -> Vec<String> {
    let mut names = Vec::new();
    for item in items {
        let (visibility, attributes, name) = match item {
            Item::Use(item) => {
                if is_public(&item.vis) && !is_hidden(&item.attrs) {
                    add_leaves(&item.tree, &mut names);
                }
                continue;
            }
            Item::Const(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Enum(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Fn(item) => (&item.vis, &item.attrs, &item.sig.ident),
            Item::Mod(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Static(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Struct(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Trait(item) => (&item.vis, &item.attrs, &item.ident),
            Item::Type(item) => (&item.vis, &item.attrs, &item.ident),
            _ => continue,
        };
        if is_public(visibility) && !is_hidden(attributes) {
            names.push(name.to_string());
        }
    }
    names
}

fn add_leaves(tree: &UseTree, names: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => add_leaves(&path.tree, names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| add_leaves(tree, names)),
        UseTree::Name(name) => names.push(name.ident.to_string()),
        UseTree::Rename(renamed) => names.push(renamed.rename.to_string()),
        UseTree::Glob(_) => names.push("*".to_owned()),
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn type_name(kind: &syn::Type) -> String {
    match kind {
        syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
    .unwrap_or_default()
}

/// Reports whether an item is `#[doc(hidden)]` or exists only in tests.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return false;
        };
        let inside = list.tokens.to_string();
        list.path.is_ident("doc") && inside == "hidden"
            || list.path.is_ident("cfg") && inside == "test"
    })
}

/// Reports whether documentation has a block of code that `cargo test` runs.
fn has_example(documentation: impl Iterator<Item = String>) -> bool {
    let fences = documentation.filter_map(|line| {
        let words = line.trim_start().strip_prefix("```")?;
        Some(words.to_owned())
    });
    // Every other one closes a block.
    fences.step_by(2).any(|words: String| {
        let mut words = words.split(',').map(str::trim);
        words.all(|word| ["", "rust", "should_panic"].contains(&word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_functions_are_counted_if_their_example_runs() {
        let source = r"
            /// ```
            /// a();
            /// ```
            pub fn runs() {}
            /// ```no_run
            /// ```
            /// Text.
            /// ```text
            /// ```
            pub fn only_compiles() {}
            fn private() {}
            #[doc(hidden)]
            pub fn hidden() {}
            pub trait Trait {
                fn method();
            }
            /// ```
            /// ```
            impl Type {
                pub fn inherent() {}
                pub(crate) fn internal() {}
            }
            impl Trait for Type { fn method() {} }
            mod inner {
                /// ```should_panic
                /// ```
                pub fn below() {}
            }
            mod file;
            #[cfg(test)]
            mod tests { pub fn tested() {} }
        ";
        let mut functions = Functions::default();
        let children = functions.read_items("lib.rs", &syn::parse_file(source).unwrap().items);
        assert_eq!(children, ["file"]);
        let found: Vec<_> = (functions.0.iter())
            .map(|one| (one.name.as_str(), one.has_example))
            .collect();
        assert_eq!(
            found,
            [
                ("lib.rs::runs", true),
                ("lib.rs::only_compiles", false),
                ("lib.rs Trait::method", false),
                ("lib.rs Type::inherent", false),
                ("lib.rs::below", true),
            ]
        );
        assert_eq!(functions.with_example(), 2);
    }

    #[test]
    fn names_at_the_root_are_declared_or_exported() {
        let source = "
            pub use other as core;
            pub use other::{One, inner::{Two as Renamed, Three}};
            use other::Private;
            pub mod module {}
            pub fn function() {}
            #[doc(hidden)] pub struct Hidden;
            struct Internal;
        ";
        assert_eq!(
            root_names(&syn::parse_file(source).unwrap().items),
            ["core", "One", "Renamed", "Three", "module", "function"]
        );
    }
}
