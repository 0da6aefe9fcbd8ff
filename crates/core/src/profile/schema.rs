//! The JSON Schema of profiles, from the description of their fields.

use serde_json::{Map, Value as Json, json};

use super::fields::{FIELDS, Field, Kind, TABLES};
use crate::GrantKind;

/// Returns the JSON Schema of profiles (draft 2020-12), for editors.
///
/// A profile that is valid by the schema may still contradict itself:
/// [`find_mistakes`](super::find_mistakes) finds that, too.
///
/// # Example
///
/// ```
/// let schema = countersign_core::profile::json_schema();
/// assert_eq!(schema["properties"]["id"]["type"], "string");
/// ```
pub fn json_schema() -> Json {
    let mut schema = table(
        &FIELDS
            .iter()
            .map(|field| (field.path, field))
            .collect::<Vec<_>>(),
    );
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!("Profile of a vendor"));
    if let Some(Json::Array(required)) = schema.get_mut("required") {
        required.extend(TABLES.iter().map(|table| json!(table)));
    }
    Json::Object(schema)
}

/// Returns the schema of a table with these fields. Paths start in the table.
fn table(fields: &[(&str, &Field)]) -> Map<String, Json> {
    let mut properties = Map::new();
    let mut of_any_name = None;
    let mut required = Vec::new();
    for (path, field) in fields {
        let first = path.split('.').next().unwrap_or_default();
        if properties.contains_key(first) || (first == "*" && of_any_name.is_some()) {
            continue;
        }
        if *path == first && field.required {
            required.push(json!(first));
        }
        let value = member(first, fields, field);
        match first {
            "*" => of_any_name = Some(value),
            name => {
                properties.insert(name.to_owned(), value);
            }
        }
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert(
        "additionalProperties".to_owned(),
        of_any_name.unwrap_or(json!(false)),
    );
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), Json::Object(properties));
        schema.insert("required".to_owned(), Json::Array(required));
    }
    schema
}

/// Returns the schema of the member of a table: a value, a table, or rows.
fn member(name: &str, fields: &[(&str, &Field)], first: &Field) -> Json {
    let inner: Vec<_> = fields
        .iter()
        .filter_map(|(path, field)| {
            let rest = path.strip_prefix(name)?.strip_prefix('.')?;
            Some((rest, *field))
        })
        .collect();
    if inner.is_empty() {
        return value(first);
    }
    let mut schema = table(&inner);
    if name == "errors" {
        let rows = schema.remove("additionalProperties").unwrap_or_default();
        return json!({"type": "array", "items": rows});
    }
    if name == "grants" {
        schema.insert(
            "propertyNames".to_owned(),
            json!({"enum": GrantKind::WORDS}),
        );
    }
    Json::Object(schema)
}

fn value(field: &Field) -> Json {
    let text = || json!({"type": "string"});
    let mut schema = match field.kind {
        Kind::Text | Kind::Url | Kind::TextTemplate | Kind::Pointer => text(),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Number => json!({"type": "integer", "minimum": 0}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Texts => json!({"type": "array", "items": text()}),
        Kind::Words(words) => json!({"type": "array", "items": {"enum": words}}),
        Kind::Template => json!({"type": ["string", "number", "boolean", "array"]}),
        Kind::Value => json!({"type": ["string", "number", "boolean"]}),
        Kind::Pointers => json!({"anyOf": [text(), {"type": "array", "items": text()}]}),
        Kind::Kept => json!({"anyOf": [text(), {
            "type": "object",
            "additionalProperties": false,
            "properties": {"id_token": text(), "header": text()},
        }]}),
    };
    if let Some(members) = schema.as_object_mut() {
        let plain = field.about.replace('`', "");
        members.insert("description".to_owned(), json!(plain));
    }
    schema
}
