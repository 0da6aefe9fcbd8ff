//! Responses as JSON, form or XML, as requested by `format` or `Accept`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    Provider,
    exchange::{Call, Fields, Reply, encode},
    pages::escape,
    rows::{Row, json},
};

/// Renders the members in the format that the request asks for.
pub(super) fn render(call: &Call, form: &Fields, status: u16, members: &[(&str, Value)]) -> Reply {
    let reply = json(Provider::Salesforce, status, members);
    let texts: Vec<(&str, String)> = members.iter().map(|(n, v)| (*n, text(v))).collect();
    let accept = call.header("accept").unwrap_or_default();
    match (form.one("format"), accept) {
        (Some("urlencoded"), _) | (None, "application/x-www-form-urlencoded") => Reply {
            body: encode(texts.iter().map(|(n, v)| (*n, v.as_str()))).into_bytes(),
            ..reply
        }
        .header(
            "Content-Type",
            "application/x-www-form-urlencoded;charset=UTF-8",
        ),
        (Some("xml"), _) | (None, "application/xml") => {
            let mut body = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><OAuth>");
            for (name, value) in &texts {
                let _ = write!(body, "<{name}>{}</{name}>", escape(value));
            }
            body.push_str("</OAuth>");
            Reply {
                body: body.into_bytes(),
                ..reply
            }
            .header("Content-Type", "application/xml;charset=UTF-8")
        }
        _ => reply,
    }
}

/// Renders a row of the error table in the format that the request asks for.
pub(super) fn error(call: &Call, form: &Fields, row: Row) -> Reply {
    let mut members = vec![("error", Value::from(row.error))];
    members.extend(row.description.map(|d| ("error_description", d.into())));
    render(call, form, row.status, &members)
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
