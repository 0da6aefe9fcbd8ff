//! `countersign store show`: prints everything stored for a connection, and tokens with `--reveal`.

use countersign_core::{Error, ErrorKind, Secret, Verdict};
use serde_json::{Value, json};

use super::list::{relative, state};
use super::record_key::is_key;
use super::shelf::{Entry, Shelf};
use super::which::is_meant;
use crate::args::{Global, StoreShowArgs};
use crate::config;
use crate::output::{Output, Stop};

pub(super) fn run(global: &Global, args: &StoreShowArgs, output: &mut Output) -> Result<(), Stop> {
    let shelves = Shelf::select_by_word(global, &args.store, &args.name, output)?;
    let mut shown = Vec::new();
    let mut unreadable = Vec::new();
    for shelf in &shelves {
        let opened = shelf.open_existing()?;
        let (records, damaged) = opened.records()?;
        for error in &damaged {
            output.warn_of("a damaged record was set aside", error);
        }
        for (key, found) in records {
            match found {
                Ok(entry) if is_meant(&args.name, &entry.key, &entry.summary) => {
                    shown.push((shelf.place(), entry))
                }
                Err(error) if is_key(&args.name) && key.to_hex().starts_with(&args.name) => {
                    return Err(error.into());
                }
                Err(error) => unreadable.push(error),
                Ok(_) => {}
            }
        }
    }
    // An unreadable record may be the one to show.
    for error in &unreadable {
        output.warn_of("a record cannot be read", error);
    }
    if shown.is_empty() {
        let places: Vec<_> = shelves.iter().map(Shelf::place).collect();
        return Err(not_found(&args.name, &places.join(", "), unreadable).into());
    }
    let current = config::store_key(global, &args.name);
    if output.is_json() {
        let records = shown.iter().map(|(place, e)| {
            let mut record = json(place, e, args.reveal);
            record["current"] = json!(current.map(|key| key == e.key));
            record
        });
        return output.print_json(&records.collect::<Vec<_>>());
    }
    let all = shown.iter().map(|(place, e)| {
        let mut lines = lines(place, e, args.reveal);
        if shown.len() > 1 {
            lines.extend(current.map(|key| in_use(key == e.key)));
        }
        lines
    });
    output.print_lines(&all.collect::<Vec<_>>().join(&String::new()))
}

/// Says whether the connection uses this one of several records.
fn in_use(current: bool) -> String {
    let text = match current {
        true => "yes, the connection's settings select this record",
        false => "no, the connection had other settings when this record was stored",
    };
    format!("  in use: {text}")
}

fn not_found(name: &str, place: &str, mut unreadable: Vec<Error>) -> Error {
    // Probably the record to show, for example if `store_key` is wrong.
    if let Some(error) = unreadable.pop() {
        return error;
    }
    if is_key(name) {
        let message = format!("no record in {place} has a key that begins with {name}");
        return Error::new(ErrorKind::Setting, message)
            .with_hint("run countersign store list to see the keys of all records");
    }
    let message = format!("no record of connection `{name}` is stored in {place}");
    Error::new(ErrorKind::NoToken, message)
        .with_verdict(Verdict::Reauthorize)
        .with_hint(format!(
            "run countersign token {name} or countersign login {name} first"
        ))
}

/// Returns a record as JSON. Every member is always present; secrets are null without `reveal`.
pub(super) fn json(place: &str, entry: &Entry, reveal: bool) -> Value {
    let summary = &entry.summary;
    let (token, refresh) = (summary.token(), summary.refresh_token());
    let shown = |secret: Option<&Secret>| secret.filter(|_| reveal).map(|s| s.expose().to_owned());
    let holds = [
        token.map(|_| "access_token"),
        refresh.map(|_| "refresh_token"),
    ];
    json!({
        "store": place,
        "key": entry.key.to_hex(),
        "version": entry.version,
        "encrypted": entry.encrypted,
        "connection": summary.connection(),
        "provider": summary.provider(),
        "settings": summary.settings(),
        "grant": summary.grant(),
        "state": state(summary),
        "generation": summary.generation(),
        "holds": holds.iter().flatten().collect::<Vec<_>>(),
        "access_token": shown(token.map(|token| token.secret())),
        "token_type": token.map(|token| token.token_type()),
        "expires_at": token.and_then(|token| token.expires_at()),
        "scope": token.and_then(|token| token.scope()),
        "asked_scopes": summary.asked_scopes(),
        "refresh_token": shown(refresh),
        "refresh_fingerprint": summary.refresh_fingerprint(),
        "refresh_token_expires_at": summary.refresh_token_expires_at(),
        "extra": token.map(|token| token.extra()),
        "identity": summary.identity(),
        "attempt": summary.attempt(),
        "ended": summary.ended(),
        "logged_out": summary.is_logged_out(),
        "unrevoked": summary.unrevoked(),
        "rest": summary.rest(),
        "events": summary.events(),
    })
}

pub(super) fn lines(place: &str, entry: &Entry, reveal: bool) -> Vec<String> {
    let summary = &entry.summary;
    let mut lines = vec![format!(
        "{} ({}): {}",
        summary.connection(),
        summary.provider(),
        state(summary)
    )];
    let mut say = |what: &str, text: String| lines.push(format!("  {what}: {text}"));
    let encryption = match entry.encrypted {
        true => "encrypted",
        false => "not encrypted",
    };
    say(
        "stored in",
        format!("{place}, {encryption}, version {}", entry.version),
    );
    say("key", entry.key.to_hex());
    for (name, value) in summary.settings() {
        say(&format!("setting {name}"), value.clone());
    }
    if let Some(grant) = summary.grant() {
        say("grant", grant.to_owned());
    }
    say("generation", summary.generation().to_string());
    if let Some(token) = summary.token() {
        say(
            "access token",
            masked(token.secret(), reveal, token.token_type()),
        );
        let end = token.expires_at().map(|end| relative(end * 1000));
        say("expires", end.unwrap_or_else(|| "unknown".into()));
        if let Some(scope) = token.scope() {
            say("scope", scope.to_owned());
        }
        for (name, value) in token.extra() {
            say(name, value.clone());
        }
    }
    if let (Some(secret), Some(print)) = (summary.refresh_token(), summary.refresh_fingerprint()) {
        say(
            "refresh token",
            masked(secret, reveal, &format!("fingerprint {print}")),
        );
        if let Some(end) = summary.refresh_token_expires_at() {
            say("refresh token expires", relative(end * 1000));
        }
    }
    for (name, value) in summary.identity().into_iter().flatten() {
        say(&format!("identity {name}"), value.clone());
    }
    if let Some(attempt) = summary.attempt() {
        let lost = match attempt.ambiguous {
            true => ", its response lost",
            false => "",
        };
        let when = relative(attempt.started_ms);
        say(
            "pending attempt",
            format!("{} by {}, started {when}{lost}", attempt.id, attempt.by),
        );
    }
    if let Some(ended) = summary.ended() {
        say(
            "ended",
            format!(
                "{}, noticed by {}: {}",
                relative(ended.at_ms),
                ended.by,
                ended.message
            ),
        );
    }
    if summary.is_logged_out() {
        say(
            "logged out",
            "yes, but the vendor has not revoked it yet".to_owned(),
        );
    }
    if summary.unrevoked() > 0 {
        say(
            "not revoked",
            format!("{} tokens of earlier logins", summary.unrevoked()),
        );
    }
    if let Some(rest) = summary.rest() {
        say(
            "no requests until",
            format!("{}: {}", relative(rest.until_ms), rest.message),
        );
    }
    for event in summary.events() {
        let what = serde_json::to_value(event.what).unwrap_or_default();
        let what = what.as_str().unwrap_or("?").to_owned();
        let mut text = format!("{}, {what}, by {}", relative(event.at_ms), event.by);
        for (word, print) in [("sent", &event.spent), ("received", &event.got)] {
            if let Some(print) = print {
                text.push_str(&format!(", {word} {print}"));
            }
        }
        say("event", text);
    }
    lines
}

fn masked(secret: &Secret, reveal: bool, also: &str) -> String {
    match reveal {
        true => format!("{} ({also})", secret.expose()),
        false => format!("hidden ({also}; use --reveal to show it)"),
    }
}
