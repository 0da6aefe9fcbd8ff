//! Tells apart records that have the same connection name.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{RecordSummary, StoreKey};

use super::record_key::{brief, is_key};

/// Returns whether a word names this record: as its connection's name, or the beginning of its key.
pub(super) fn is_meant(word: &str, key: &StoreKey, summary: &RecordSummary) -> bool {
    summary.connection() == word || (is_key(word) && key.to_hex().starts_with(word))
}

/// Returns for each record the settings in which it differs from others of its connection's name.
///
/// A record without others of its name has no entry.
pub(super) fn differences<'a>(
    records: impl IntoIterator<Item = (&'a StoreKey, &'a RecordSummary)>,
) -> BTreeMap<StoreKey, String> {
    let mut by_name: BTreeMap<&str, BTreeMap<&StoreKey, &RecordSummary>> = BTreeMap::new();
    for (key, summary) in records {
        let same_name = by_name.entry(summary.connection()).or_default();
        same_name.insert(key, summary);
    }
    let mut all = BTreeMap::new();
    for same_name in by_name.values().filter(|records| records.len() > 1) {
        let differing = differing_settings(same_name.values().copied());
        for (key, summary) in same_name {
            all.insert(**key, describe(summary, &differing));
        }
    }
    all
}

/// Labels a record with its connection's name and how it differs from others of that name.
pub(super) fn label(
    key: &StoreKey,
    summary: &RecordSummary,
    differences: &BTreeMap<StoreKey, String>,
) -> String {
    let name = summary.connection();
    match differences.get(key) {
        None => name.to_owned(),
        Some(difference) => format!("{name} ({difference}, key {}…)", brief(key)),
    }
}

/// Returns how the login of a store's record differs from that of another record with its key.
///
/// `None` if they are states of the same login, or if the store's record has no tokens to lose.
pub(super) fn difference(there: &RecordSummary, other: &RecordSummary) -> Option<String> {
    if there.token().is_none() && there.refresh_token().is_none() {
        return None;
    }
    let name_of = |summary: &RecordSummary| {
        (
            summary.connection().to_owned(),
            summary.provider().to_owned(),
        )
    };
    if name_of(there) != name_of(other) {
        return Some(format!(
            "it belongs to connection `{}` at {}, the file's to `{}` at {}",
            there.connection(),
            there.provider(),
            other.connection(),
            other.provider()
        ));
    }
    let differing = differing_settings([there, other].into_iter());
    if !differing.is_empty() {
        return Some(format!(
            "it has {}, the file's has {}",
            describe(there, &differing),
            describe(other, &differing)
        ));
    }
    let whose = |summary: &RecordSummary| {
        let identity = summary.identity().into_iter().flatten();
        let pairs: Vec<_> = identity
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!(" ({})", pairs.join(" ")),
        }
    };
    match (there.grant(), other.grant()) {
        (Some(ours), Some(theirs)) if ours != theirs => Some(format!(
            "it belongs to grant {ours}{}, the file's to grant {theirs}{}",
            whose(there),
            whose(other)
        )),
        (Some(_), Some(_)) if there.is_logged_out() && !other.is_logged_out() => {
            Some("it was logged out, and still has to be revoked".to_owned())
        }
        (Some(_), Some(_)) => None,
        _ if there.refresh_fingerprint().is_some()
            && there.refresh_fingerprint() == other.refresh_fingerprint() =>
        {
            None
        }
        _ => {
            Some("a record of an earlier version does not say which login it belongs to".to_owned())
        }
    }
}

fn describe(summary: &RecordSummary, differing: &BTreeSet<&str>) -> String {
    if summary.settings().is_empty() {
        return "written by an earlier version".to_owned();
    }
    let value = |name: &&str| Some(format!("{name}={}", summary.settings().get(*name)?));
    let pairs: Vec<_> = differing.iter().filter_map(value).collect();
    match pairs.is_empty() {
        true => "without the others' settings".to_owned(),
        false => pairs.join(" "),
    }
}

fn differing_settings<'a>(
    records: impl Iterator<Item = &'a RecordSummary> + Clone,
) -> BTreeSet<&'a str> {
    let written = records.filter(|summary| !summary.settings().is_empty());
    let names = written
        .clone()
        .flat_map(|summary| summary.settings().keys());
    let names: BTreeSet<_> = names.map(String::as_str).collect();
    let differs = |name: &&str| {
        let mut values = written.clone().map(|summary| summary.settings().get(*name));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    names.into_iter().filter(differs).collect()
}
