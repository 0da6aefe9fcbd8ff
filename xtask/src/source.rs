//! Reads Rust source, for the commands that follow its items.

use std::path::Path;

use syn::{Attribute, Expr, Lit, Meta};

/// Parses a file.
pub(crate) fn parse(path: &Path) -> Result<syn::File, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    syn::parse_file(&text).map_err(|error| failed(&error))
}

/// Returns the lines of an item's documentation.
pub(crate) fn documentation(attributes: &[Attribute]) -> impl Iterator<Item = String> {
    attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else {
            return None;
        };
        match &pair.value {
            Expr::Lit(value) if pair.path.is_ident("doc") => match &value.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        }
    })
}
