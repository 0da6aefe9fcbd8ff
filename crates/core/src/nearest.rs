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

/// Returns the ids of up to five known things whose id or name resembles `written`, the nearest
/// first.
pub(crate) fn nearest_few<'a>(
    written: &str,
    known: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<&'a str> {
    let plain = |word: &str| word.replace(['-', ' '], "_").to_lowercase();
    let written = plain(written);
    let mut found: Vec<(f64, &str)> = Vec::new();
    for (id, name) in known {
        let contains = |word: &str| written.len() > 2 && word.contains(&written);
        let of_word = |word: &str| {
            let part = if contains(word) { 0.7 } else { 0.0 };
            likeness(&written, word).max(part)
        };
        let likeness = of_word(&plain(id)).max(of_word(&plain(name)));
        if likeness > 0.6 {
            found.push((likeness, id));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    found.into_iter().take(5).map(|(_, id)| id).collect()
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
