//! Finds the known word that a typo probably stands for.

use crate::Error;

/// Returns the known word that is most similar to `written`, if any is similar enough.
pub(crate) fn nearest(
    written: &str,
    known: impl IntoIterator<Item = impl Into<String>>,
) -> Option<String> {
    nearest_of(written, known.into_iter().map(Into::into).collect())
}

fn nearest_of(written: &str, known: Vec<String>) -> Option<String> {
    let written = written.replace('-', "_").to_lowercase();
    let mut best = (0.6, None);
    for word in known {
        let likeness = likeness(&written, &word.replace('-', "_"));
        if likeness > best.0 {
            best = (likeness, Some(word));
        }
    }
    best.1
}

fn likeness(a: &str, b: &str) -> f64 {
    // A common prefix is stronger evidence than the edit distance suggests.
    let prefix = if b.starts_with(a) || a.starts_with(b) {
        0.2
    } else {
        0.0
    };
    strsim::normalized_damerau_levenshtein(a, b) + prefix
}

/// Returns the error for a setting whose value isn't one of the known words.
pub(crate) fn unknown_word(key: &str, word: &str, known: &[&str]) -> Error {
    let meant = match nearest(word, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    Error::setting(
        key,
        format!("`{key}` is `{word}`, which is not known{meant}"),
    )
    .with_hint(format!("set {key} to one of: {}", known.join(", ")))
}
