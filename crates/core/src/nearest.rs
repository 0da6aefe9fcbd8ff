//! The known word that somebody probably meant.

use crate::Error;

/// The known word nearest to what was written, if any is near.
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
    // A word that the other begins with is meant more often than its letters tell.
    let prefix = if b.starts_with(a) || a.starts_with(b) {
        0.2
    } else {
        0.0
    };
    strsim::normalized_damerau_levenshtein(a, b) + prefix
}

/// The error for a setting whose value is none of the words it knows.
pub(crate) fn unknown_word(key: &str, word: &str, known: &[&str]) -> Error {
    let meant = match nearest(word, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    Error::setting(
        key,
        format!("`{key}` is `{word}`, which is not known{meant}"),
    )
    .with_hint(format!("write one of: {}", known.join(", ")))
}
