//! Compares what a case expects with what was found.

use serde_json::{Map, Value};

use crate::nearest::nearest;

/// Compares one value. Returns what differs.
pub(super) fn equal(what: &str, wanted: &Value, found: &Value) -> Result<(), String> {
    if wanted == found {
        return Ok(());
    }
    match (wanted.as_str(), found.as_str()) {
        (Some(wanted), Some(found)) => Err(format!(
            "{what} differs{}\n    expected {wanted}\n    found    {found}",
            first_difference(wanted, found)
        )),
        _ => Err(format!(
            "{what} differs{}\n    expected {wanted}\n    found    {found}",
            member_that_differs(wanted, found)
        )),
    }
}

/// Compares the members that are expected, and no others. `_contains` compares a part of a text.
pub(super) fn members(
    what: &str,
    wanted: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Result<(), String> {
    for (name, wanted) in wanted {
        if let Some(name) = name.strip_suffix("_contains") {
            let text = found.get(name).and_then(Value::as_str).unwrap_or_default();
            let part = wanted.as_str().unwrap_or_default();
            if part.is_empty() || !text.contains(part) {
                return Err(format!(
                    "{what} `{name}` does not contain the text\n    expected {wanted}\n    found    {text}"
                ));
            }
            continue;
        }
        match (found.get(name), wanted) {
            (None, _) => return Err(unknown(what, name, found)),
            // Of a table, only the members that are named.
            (Some(Value::Object(found)), Value::Object(wanted)) => {
                for (inner, wanted) in wanted {
                    let found = found.get(inner).unwrap_or(&Value::Null);
                    equal(&format!("{what} `{name}.{inner}`"), wanted, found)?;
                }
            }
            (Some(found), wanted) => equal(&format!("{what} `{name}`"), wanted, found)?,
        }
    }
    Ok(())
}

fn unknown(what: &str, name: &str, known: &Map<String, Value>) -> String {
    let meant = match nearest(name, known.keys().cloned()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let known: Vec<_> = known.keys().map(String::as_str).collect();
            format!("expected one of {}", known.join(", "))
        }
    };
    format!("{what} has no `{name}`; {meant}")
}

/// Says which parameter of two forms or URLs is the first that differs.
fn first_difference(wanted: &str, found: &str) -> String {
    let parts =
        |text: &'_ str| -> Vec<String> { text.split(['?', '&']).map(str::to_owned).collect() };
    let (wanted, found) = (parts(wanted), parts(found));
    let at = wanted.iter().zip(&found).position(|(a, b)| a != b);
    match at {
        Some(0) if wanted.len() == 1 => String::new(),
        Some(at) => format!(" from `{}` on", wanted[at]),
        None if wanted.len() < found.len() => {
            format!(": `{}` was not expected", found[wanted.len()])
        }
        None => format!(
            ": `{}` is missing",
            wanted.get(found.len()).map_or("", String::as_str)
        ),
    }
}

fn member_that_differs(wanted: &Value, found: &Value) -> String {
    let (Value::Object(wanted), Value::Object(found)) = (wanted, found) else {
        return String::new();
    };
    let names = wanted.keys().chain(found.keys());
    let differs = |name: &&String| wanted.get(*name) != found.get(*name);
    match names.into_iter().find(differs) {
        Some(name) => format!(" in `{name}`"),
        None => String::new(),
    }
}
