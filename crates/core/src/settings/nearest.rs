//! The known word that somebody probably meant.

/// The known word nearest to what was written, if any is near.
pub(crate) fn nearest(
    written: &str,
    known: impl IntoIterator<Item = impl Into<String>>,
) -> Option<String> {
    let written = written.replace('-', "_").to_lowercase();
    known
        .into_iter()
        .map(Into::into)
        .map(|word| (likeness(&written, &word.replace('-', "_")), word))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, word)| word)
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
