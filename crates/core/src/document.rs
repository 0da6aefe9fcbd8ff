//! What is wrong with a TOML text, for messages.

use crate::nearest::nearest;

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
