//! Compares the results of a run with the expectations.
//!
//! It runs nothing, so one record can be compared with other expectations.

use serde_json::Value;

use crate::run::{Record, Seen};
use crate::scenario::{Facts, Scenario, Step};

/// Checks the whole record.
pub(crate) fn judge(scenario: &Scenario, record: &Record) -> Result<(), String> {
    open(scenario, record)?;
    let seen = record.seen.len();
    if record.open.is_none() && seen != scenario.steps.len() {
        return Err(format!("ran {seen} of {} steps", scenario.steps.len()));
    }
    for (index, (one, seen)) in scenario.steps.iter().zip(&record.seen).enumerate() {
        step(one, seen, record).map_err(|why| format!("step {index} ({}): {why}", one.word))?;
    }
    match &scenario.requests {
        Some(wanted) if *wanted != record.requests => {
            let seen = &record.requests;
            Err(format!("`requests`: expected {wanted:?}, got {seen:?}"))
        }
        _ => Ok(()),
    }
}

/// Checks how building the client ended.
pub(crate) fn open(scenario: &Scenario, record: &Record) -> Result<(), String> {
    match (&scenario.open, &record.open) {
        (None, None) => Ok(()),
        (None, Some(error)) => Err(format!("building the client failed: {}", shown(error))),
        (Some(_), None) => Err("building the client did not fail".into()),
        (Some(wanted), Some(error)) => failed(wanted, error).map_err(|why| format!("open: {why}")),
    }
}

/// Checks one step.
pub(crate) fn step(step: &Step, seen: &Seen, record: &Record) -> Result<(), String> {
    let nothing = Facts::new();
    let wanted = step.expect.as_ref().unwrap_or(&nothing);
    if let Seen::Each(all) = seen {
        if wanted.contains_key("source") {
            return Err("`source` is not allowed for threads".into());
        }
        let access = |seen: &Seen| match seen {
            Seen::Token { access, .. } => Some(access.clone()),
            _ => None,
        };
        if all.iter().any(|seen| access(seen) != access(&all[0])) {
            return Err("the threads did not all get the same token".into());
        }
        return all.iter().try_for_each(|seen| one(wanted, seen, record));
    }
    one(wanted, seen, record)
}

fn one(wanted: &Facts, seen: &Seen, record: &Record) -> Result<(), String> {
    match seen {
        Seen::Failed(error) if wanted.contains_key("error") => failed(wanted, error),
        Seen::Failed(error) => Err(format!("failed: {}", shown(error))),
        _ if wanted.contains_key("error") => Err("expected an error".into()),
        Seen::Token { facts, access } => token(wanted, facts, access, record),
        Seen::Facts(facts) => others(wanted, facts),
        Seen::Each(_) => Err("threads within threads".into()),
    }
}

fn token(wanted: &Facts, facts: &Facts, access: &str, record: &Record) -> Result<(), String> {
    if access.is_empty() {
        return Err("the token is empty".into());
    }
    for (member, wanted) in wanted {
        let seen = facts.get(member).unwrap_or(&Value::Null);
        let holds = match member.as_str() {
            "same_as" => named(wanted, record)? == access,
            "different_from" => named(wanted, record)? != access,
            "source" | "token_type" | "scope" => seen == wanted,
            "expires_in_about_s" => match (wanted.as_i64(), seen.as_i64()) {
                (Some(wanted), Some(seen)) => (wanted - seen).abs() <= 30,
                _ => wanted.is_null() && seen.is_null(),
            },
            "extra" => has_extra(wanted, seen),
            "headers" => has_headers(wanted, seen, access),
            "headers_error" => {
                let error = seen.as_object().ok_or("the headers are not an error")?;
                failed(
                    &Facts::from_iter([("error".to_owned(), wanted.clone())]),
                    error,
                )?;
                true
            }
            unknown => return Err(format!("`{unknown}` is not allowed for a token")),
        };
        holds_or(holds, member, wanted, seen)?;
    }
    Ok(())
}

fn named<'a>(name: &Value, record: &'a Record) -> Result<&'a str, String> {
    let token = name.as_str().and_then(|name| record.tokens.get(name));
    token
        .map(String::as_str)
        .ok_or_else(|| format!("no token has the name {name}"))
}

fn failed(wanted: &Facts, error: &Facts) -> Result<(), String> {
    if wanted.len() != 1 {
        return Err("no other member is allowed next to `error`".into());
    }
    let wanted = wanted.get("error").and_then(Value::as_object);
    for (member, wanted) in wanted.ok_or("`error` is not an object")? {
        let has = member.strip_suffix("_has");
        let seen = error.get(has.unwrap_or(member)).unwrap_or(&Value::Null);
        let holds = match (member.as_str(), seen.as_str(), wanted.as_str()) {
            ("message_has" | "hint_has", Some(seen), Some(wanted)) => seen.contains(wanted),
            ("message_has" | "hint_has", ..) => false,
            (_, seen, Some("*")) => {
                error.get(member).is_some_and(|v| !v.is_null()) && seen != Some("")
            }
            (known, ..) if error.contains_key(known) => seen == wanted,
            (unknown, ..) => return Err(format!("`{unknown}` is not allowed for an error")),
        };
        holds_or(holds, member, wanted, seen)
            .map_err(|why| format!("{why}; the error was {}", shown(error)))?;
    }
    Ok(())
}

fn others(wanted: &Facts, facts: &Facts) -> Result<(), String> {
    for (member, wanted) in wanted {
        let seen = facts.get(member);
        let seen = seen.ok_or_else(|| format!("`{member}` is not allowed for this step"))?;
        let holds = match member.as_str() {
            "extra" => has_extra(wanted, seen),
            _ => seen == wanted,
        };
        holds_or(holds, member, wanted, seen)?;
    }
    Ok(())
}

fn has_extra(wanted: &Value, seen: &Value) -> bool {
    let Some(wanted) = wanted.as_object() else {
        return false;
    };
    wanted.iter().all(|(name, wanted)| {
        let seen = seen.get(name).and_then(Value::as_str).unwrap_or_default();
        match wanted.as_str() {
            Some("*") => !seen.is_empty(),
            wanted => wanted == Some(seen),
        }
    })
}

/// Returns whether there are these headers and no others. `{token}` is the access token.
fn has_headers(wanted: &Value, seen: &Value, access: &str) -> bool {
    let text = wanted.to_string().replace("{token}", access);
    let wanted: Value = serde_json::from_str(&text).unwrap_or_default();
    let count = |headers: &Value| headers.as_object().map(Facts::len);
    count(&wanted) == count(seen) && has_extra(&wanted, seen)
}

fn holds_or(holds: bool, member: &str, wanted: &Value, seen: &Value) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(format!("`{member}`: expected {wanted}, got {seen}")),
    }
}

fn shown(error: &Facts) -> String {
    Value::Object(error.clone()).to_string()
}
