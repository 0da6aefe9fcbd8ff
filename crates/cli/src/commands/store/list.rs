//! `countersign store list`: lists records with their state.

use std::collections::BTreeMap;

use countersign_core::{Clock, RecordSummary, StoreKey, SystemClock};
use serde_json::{Value, json};

use super::record_key::brief;
use super::shelf::{Found, Shelf, open_existing};
use super::which::differences;
use crate::args::{Global, StoreArgs};
use crate::output::{Output, Stop};
use crate::terminal;

pub(super) fn run(global: &Global, args: &StoreArgs, output: &mut Output) -> Result<(), Stop> {
    let shelves = Shelf::select(global, args, None, output)?;
    let mut all = Vec::new();
    for opened in open_existing(&shelves, args.store.is_some(), output)? {
        let place = opened.shelf.place();
        let (records, damaged) = opened.records().map_err(|e| e.in_context(&place))?;
        for error in &damaged {
            output.warn_of("a damaged record was set aside", error);
        }
        all.extend(records.into_iter().map(|found| (place.clone(), found)));
    }
    if output.is_json() {
        let list = all.iter().map(|(place, found)| as_json(place, found));
        return output.print_json(&list.collect::<Vec<_>>());
    }
    let readable = all
        .iter()
        .filter_map(|(_, (key, found))| Some((key, &found.as_ref().ok()?.summary)));
    let differences = differences(readable);
    let rows = all
        .iter()
        .map(|(place, found)| row(place, found, &differences));
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        output.say("no records");
        return Ok(());
    }
    output.print_lines(&table(rows))
}

/// Returns a grant's state, in the README's words.
pub(super) fn state(summary: &RecordSummary) -> &'static str {
    let now = SystemClock::new().now();
    let valid = summary
        .token()
        .is_some_and(|token| !token.remaining(now).is_zero());
    if summary.ended().is_some() {
        "ended"
    } else if summary.attempt().is_some() {
        "pending"
    } else if valid {
        "valid"
    } else if summary.refresh_token().is_some() {
        "refreshable"
    } else {
        "expired"
    }
}

/// Formats a time relative to now, as in `in 5 min` or `2 h ago`.
pub(super) fn relative(at_ms: i64) -> String {
    let seconds = (at_ms - SystemClock::new().now().unix_ms) / 1000;
    let amount = match seconds.unsigned_abs() {
        0 => return "now".to_owned(),
        s @ 1..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    };
    match seconds < 0 {
        true => format!("{amount} ago"),
        false => format!("in {amount}"),
    }
}

fn row(
    place: &str,
    (key, found): &Found,
    differences: &BTreeMap<StoreKey, String>,
) -> [String; COLUMNS] {
    let entry = match found {
        Ok(entry) => entry,
        Err(error) => {
            return [
                "?".into(),
                brief(key),
                "?".into(),
                "unreadable".into(),
                "".into(),
                place.into(),
                error.message().into(),
            ];
        }
    };
    let summary = &entry.summary;
    let end = summary.token().and_then(|token| token.expires_at());
    let end = end.map_or_else(|| "unknown".to_owned(), |end| relative(end * 1000));
    let encrypted = entry.encrypted.then_some("encrypted");
    let difference = differences.get(key).map(String::as_str);
    let notes: Vec<_> = encrypted.into_iter().chain(difference).collect();
    [
        summary.connection().into(),
        brief(key),
        summary.provider().into(),
        state(summary).into(),
        end,
        place.into(),
        notes.join(", "),
    ]
}

fn as_json(place: &str, (key, found): &Found) -> Value {
    let (entry, error) = match found {
        Ok(entry) => (Some(entry), None),
        Err(error) => (None, Some(error.message())),
    };
    let summary = entry.map(|entry| &entry.summary);
    json!({
        "store": place,
        "key": key.to_hex(),
        "connection": summary.map(RecordSummary::connection),
        "provider": summary.map(RecordSummary::provider),
        "settings": summary.map(RecordSummary::settings),
        "grant": summary.and_then(RecordSummary::grant),
        "state": summary.map_or("unreadable", state),
        "generation": summary.map(RecordSummary::generation),
        "expires_at": summary.and_then(|s| s.token()).and_then(|token| token.expires_at()),
        "encrypted": entry.map(|entry| entry.encrypted),
        "error": error,
    })
}

const COLUMNS: usize = 7;

fn table(rows: Vec<[String; COLUMNS]>) -> Vec<String> {
    let head = [
        "CONNECTION",
        "KEY",
        "PROVIDER",
        "STATE",
        "EXPIRES",
        "STORE",
        "",
    ];
    let head = head.map(str::to_owned);
    // Escaped before the widths are computed.
    let escaped = |row: [String; COLUMNS]| row.map(|cell| terminal::line(&cell).into_owned());
    let all: Vec<_> = [head].into_iter().chain(rows).map(escaped).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..COLUMNS)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let lines = all.iter().map(|row| {
        let cells = row.iter().zip(&widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}  "))
            .collect();
        line.trim_end().to_owned()
    });
    lines.collect()
}
