//! What is wrong with a TOML text, for messages.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// Rejects other values in place of a table, because serde reads an array into a struct's fields,
/// in order.
///
/// In `names`, `a` is the table `a`, and `a.*` is each table in `a`, which is itself a table or an
/// array. Returns where the other value begins, and what is wrong.
pub(crate) fn only_tables(table: &DeTable<'_>, names: &[&str]) -> Result<(), (usize, String)> {
    for name in names {
        let (name, each) = match name.strip_suffix(".*") {
            Some(outer) => (outer, true),
            None => (*name, false),
        };
        let Some(value) = table.get(name) else {
            continue;
        };
        let inner: Vec<(&str, &Spanned<DeValue<'_>>)> = match value.get_ref() {
            DeValue::Table(all) if each => {
                all.iter().map(|(key, it)| (&**key.get_ref(), it)).collect()
            }
            DeValue::Array(all) if each => all.iter().map(|it| ("", it)).collect(),
            _ => vec![("", value)],
        };
        let wrong = inner
            .iter()
            .find(|(_, it)| !matches!(it.get_ref(), DeValue::Table(_)));
        if let Some((key, value)) = wrong {
            let dot = if key.is_empty() { "" } else { "." };
            let why = format!("`{name}{dot}{key}`: it must be a table");
            return Err((value.span().start, why));
        }
    }
    Ok(())
}

/// Returns what is wrong, without the source.
pub(crate) fn explain(text: &str, mut error: toml::de::Error) -> String {
    // The span of this error is a key, never a value.
    if error.message() == "duplicate key"
        && let Some(key) = error.span().and_then(|span| text.get(span))
    {
        return format!("duplicate key `{key}`");
    }
    // Otherwise, Display quotes the line, which may contain a secret.
    error.set_input(None);
    let said = error.to_string();
    let why = match said.trim_end().split_once("\nin ") {
        Some((why, field)) => format!("{field}: {why}"),
        None => said.trim_end().to_owned(),
    };
    match meant(error.message()) {
        Some(name) => {
            let why = why.split(", expected ").next().unwrap_or_default();
            format!("{why}; did you mean `{name}`?")
        }
        None => why,
    }
}

/// Returns the line of a byte, counted from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before.filter(|byte| **byte == b'\n').count() + 1
}

/// Returns the nearest of the names that serde lists: "unknown field `x`, expected one of `y`, …".
fn meant(message: &str) -> Option<String> {
    let mut names = message
        .strip_prefix("unknown ")?
        .split('`')
        .skip(1)
        .step_by(2);
    nearest(names.next()?, names)
}
