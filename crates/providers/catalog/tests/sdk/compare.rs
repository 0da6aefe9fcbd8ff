//! The differences between two requests in normal form. `tests/sdks/harness/compare.py` finds the
//! same ones.

use std::collections::BTreeSet;

use base64_simd::STANDARD;
use serde_json::{Map, Value, json};

use super::request::decode;

/// Returns each difference as `{"at", "sdk", "countersign"}`.
pub(crate) fn differences(sdk: &Value, ours: &Value) -> Vec<Value> {
    let mut found = Found(Vec::new());
    found.compare("method", &sdk["method"], &ours["method"]);
    let (their_url, their_query) = url(sdk);
    let (our_url, our_query) = url(ours);
    found.compare("url", &their_url.into(), &our_url.into());
    found.forms("query", their_query, our_query);
    found.members("header", &headers(sdk), &headers(ours));
    found.bodies(&sdk["body"], &ours["body"]);
    let places = |request: &Value| -> Value {
        let places = assertions(request).iter().map(|one| one["in"].clone());
        places.collect()
    };
    found.compare("assertions", &places(sdk), &places(ours));
    for theirs in assertions(sdk) {
        for mine in assertions(ours) {
            if theirs["in"] == mine["in"] {
                for part in ["header", "claims"] {
                    let at = format!("{}.{part}", mine["in"].as_str().unwrap_or_default());
                    found.members(&at, &object(&theirs[part]), &object(&mine[part]));
                }
            }
        }
    }
    found.0
}

fn url(request: &Value) -> (&str, &str) {
    let url = request["url"].as_str().unwrap_or_default();
    url.split_once('?').unwrap_or((url, ""))
}

fn assertions(request: &Value) -> &[Value] {
    request["assertions"].as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn headers(request: &Value) -> Map<String, Value> {
    let mut headers = object(&request["headers"]);
    for value in headers.values_mut() {
        let text = value.as_str().unwrap_or_default();
        let Some((scheme, credentials)) = text.split_once(' ') else {
            continue;
        };
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = STANDARD.decode_to_vec(credentials).expect("base64");
            let decoded = String::from_utf8(decoded).expect("text");
            *value = format!("{scheme} base64({decoded})").into();
        }
    }
    headers
}

/// The pairs of a form: name, value, and the pair as it was encoded.
fn pairs(form: &str) -> Vec<(String, String, &str)> {
    let pairs = form.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value), pair)
    });
    pairs.collect()
}

struct Found(Vec<Value>);

impl Found {
    fn compare(&mut self, at: &str, sdk: &Value, ours: &Value) {
        if sdk != ours {
            let found = json!({"at": at, "sdk": sdk, "countersign": ours});
            self.0.push(found);
        }
    }

    fn members(&mut self, at: &str, sdk: &Map<String, Value>, ours: &Map<String, Value>) {
        let names: BTreeSet<_> = sdk.keys().chain(ours.keys()).collect();
        for name in names {
            let value = |members: &Map<String, Value>| members.get(name).cloned();
            self.compare(
                &format!("{at}.{name}"),
                &value(sdk).unwrap_or_default(),
                &value(ours).unwrap_or_default(),
            );
        }
    }

    fn bodies(&mut self, sdk: &Value, ours: &Value) {
        if !sdk.is_object() && !ours.is_object() {
            let text = |body: &Value| body.as_str().unwrap_or_default().to_owned();
            return self.forms("body", &text(sdk), &text(ours));
        }
        let kind = |body: &Value| match body {
            Value::Object(_) => json!("JSON"),
            Value::String(_) => json!("form"),
            _ => Value::Null,
        };
        self.compare("body", &kind(sdk), &kind(ours));
        let members = |body: &Value| match body {
            Value::String(form) => {
                let pairs = pairs(form).into_iter();
                pairs.map(|(name, value, _)| (name, value.into())).collect()
            }
            body => object(body),
        };
        self.members("body", &members(sdk), &members(ours));
    }

    /// Compares two forms as multisets, and pairs with the same meaning by their bytes.
    fn forms(&mut self, at: &str, sdk: &str, ours: &str) {
        let (sdk, ours) = (pairs(sdk), pairs(ours));
        let names: BTreeSet<_> = sdk.iter().chain(&ours).map(|(name, ..)| name).collect();
        for name in names {
            let of = |side: &[(String, String, &str)], raw: bool| {
                let pairs = side.iter().filter(|pair| pair.0 == *name);
                let mut values: Vec<_> = pairs
                    .map(|(_, value, pair)| match raw {
                        true => (*pair).to_owned(),
                        false => value.clone(),
                    })
                    .collect();
                values.sort();
                values
            };
            let value = |values: Vec<String>| match values.as_slice() {
                [] => Value::Null,
                [one] => json!(one),
                more => json!(more),
            };
            let (theirs, mine) = (value(of(&sdk, false)), value(of(&ours, false)));
            if theirs == mine {
                let raw = |side| Value::from(of(side, true).join("&"));
                self.compare(&format!("{at}.{name} (encoding)"), &raw(&sdk), &raw(&ours));
            } else {
                self.compare(&format!("{at}.{name}"), &theirs, &mine);
            }
        }
    }
}
