//! What is wrong with a TOML text, for messages.

mod read;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use self::read::read;
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

/// Returns what is wrong with the syntax, without the source, which may contain a secret.
pub(crate) fn explain(text: &str, error: &toml::de::Error) -> String {
    // The span of this error is a key, never a value.
    if error.message() == "duplicate key"
        && let Some(key) = error.span().and_then(|span| text.get(span))
    {
        return format!("duplicate key `{key}`");
    }
    error.message().trim_end().to_owned()
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
