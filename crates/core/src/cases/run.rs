//! Runs cases.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::compare::{equal, members};
use super::file::{File, RequestCase, ResponseCase, WantedRequest};
use super::key::CaseKey;
use super::{Failure, NOW};
use crate::dry_run::{Counting, dry_run_revocation, named_grant, named_secrets};
use crate::{
    App, Clock, Connection, DryRun, Error, GrantKind, ManualClock, Moment, Provider, Response,
    Secret, ServerMetadata, Settings, TokenResponse, dry_run_device_login, dry_run_login,
    read_token_response, token_request,
};

pub(super) struct Runner<'a> {
    pub(super) provider: &'a Arc<dyn Provider>,
    pub(super) file: &'a File,
}

/// A connection of a case, and the values that depend on its key.
struct Built {
    connection: Connection,
    key_values: Vec<(&'static str, String)>,
}

impl Runner<'_> {
    pub(super) fn run(&self) -> Vec<Failure> {
        let requests = self.file.requests.iter().enumerate().map(|(at, case)| {
            let name = format!("requests[{at}] {:?}", case.name);
            (name, self.request(case))
        });
        let responses = self.file.responses.iter().enumerate().map(|(at, case)| {
            let name = format!("responses[{at}] {:?}", case.name);
            (name, self.response(case))
        });
        let all = requests.chain(responses);
        let failed = all.filter_map(|(case, result)| {
            let what = result.err()?;
            Some(Failure { case, what })
        });
        failed.collect()
    }

    fn request(&self, case: &RequestCase) -> Result<(), String> {
        let found = self.build(&case.settings).and_then(|built| {
            let found = self.dry_run(&built.connection, case.kind.as_deref())?;
            Ok((found, built.key_values))
        });
        match (&case.request, &case.error, found) {
            (Some(wanted), None, Ok((found, key_values))) => {
                compare_request(wanted, &found, &key_values)
            }
            (None, Some(wanted), Err(error)) => compare_error(wanted, &error),
            (None, Some(_), Ok(_)) => Err("expected an error, but the settings are valid".into()),
            (Some(_), None, Err(error)) => Err(explain(&error)),
            _ => Err("add either `request` or `error` to the case".into()),
        }
    }

    fn dry_run(&self, connection: &Connection, kind: Option<&str>) -> Result<DryRun, Error> {
        if kind == Some("authorize") {
            let redirect_uri = connection.redirect_uri().map(|uri| uri.as_str());
            return dry_run_login(connection, redirect_uri.unwrap_or_default());
        }
        if kind == Some("revoke") {
            return dry_run_revocation(connection, now());
        }
        if kind == Some("device_authorization") {
            return dry_run_device_login(connection, now());
        }
        crate::dry_run(connection, grant_kind(connection, kind)?, now())
    }

    fn response(&self, case: &ResponseCase) -> Result<(), String> {
        let settings = match &case.settings {
            Value::Object(settings) => settings,
            Value::Number(at) => {
                let at = at.as_u64().and_then(|at| usize::try_from(at).ok());
                let found = at.and_then(|at| self.file.requests.get(at));
                &found
                    .ok_or("`settings` is not the index of a request case")?
                    .settings
            }
            _ => return Err("`settings` must be an object, or the index of a request case".into()),
        };
        let built = self.build(settings).map_err(|error| explain(&error))?;
        let outcome = read(&built.connection, case).map_err(|error| explain(&error))?;
        match (&case.token, &case.error, outcome) {
            (Some(wanted), None, Ok(token)) => {
                let wanted = wanted.as_object().ok_or("`token` must be an object")?;
                members(
                    "the token",
                    wanted,
                    &facts_of_token(&token, built.connection.app()),
                )
            }
            (None, Some(wanted), Err(error)) => compare_error(wanted, &error),
            (Some(_), None, Err(error)) => Err(format!("expected a token; {}", explain(&error))),
            (None, Some(_), Ok(_)) => Err("expected an error, but the response is a token".into()),
            _ => Err("add either `token` or `error` to the case".into()),
        }
    }

    /// Builds the connection of a case, with names in place of its secrets.
    fn build(&self, wanted: &Map<String, Value>) -> Result<Built, Error> {
        let profile = self.provider.profile();
        let mut settings = Settings::new();
        settings.set("provider", &profile.id)?;
        let mut key = None;
        for (name, value) in wanted {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Array(items) => {
                    let words = items.iter().filter_map(Value::as_str);
                    words.collect::<Vec<_>>().join(" ")
                }
                other => other.to_string(),
            };
            match name.as_str() {
                // Any other text is a key itself.
                "private_key" if !value.contains(['{', ' ']) => key = Some(value),
                name => settings.set(name, &value)?,
            }
        }
        let Some(word) = key else {
            let connection = Connection::new("case", &settings, Arc::clone(self.provider))?;
            let connection = self.discovered(connection)?;
            return Ok(Built {
                connection: named_secrets(&connection),
                key_values: Vec::new(),
            });
        };
        let (algorithm, key_id) = (settings.value("algorithm"), settings.value("key_id"));
        let key = CaseKey::named(&word, algorithm, key_id, profile)?;
        let key_values = key.values();
        let provider = Arc::clone(self.provider);
        let connection = Connection::with_signer("case", &settings, provider, Arc::new(key))?;
        let connection = self.discovered(connection)?;
        Ok(Built {
            connection: named_secrets(&connection),
            key_values,
        })
    }

    /// Adds the endpoints of the file's metadata.
    fn discovered(&self, connection: Connection) -> Result<Connection, Error> {
        let Some(document) = self
            .file
            .metadata
            .as_ref()
            .filter(|_| connection.needs_metadata())
        else {
            return Ok(connection);
        };
        let issuer = document.get("issuer").and_then(Value::as_str);
        let expected = connection.issuer().or(issuer).unwrap_or_default();
        let metadata = ServerMetadata::from_json(expected, document.to_string().as_bytes())?;
        connection.with_metadata(Arc::new(metadata))
    }
}

fn now() -> Moment {
    ManualClock::at(NOW).now()
}

/// Returns the grant of a case's token request.
fn grant_kind(connection: &Connection, word: Option<&str>) -> Result<GrantKind, Error> {
    word.map_or(Ok(connection.grant()), str::parse)
}

/// Returns the outer result's error if the case is wrong, and the inner one's if the response is an
/// error.
fn read(
    connection: &Connection,
    case: &ResponseCase,
) -> Result<Result<TokenResponse, Error>, Error> {
    let kind = grant_kind(connection, case.kind.as_deref())?;
    let grant = named_grant(connection, kind);
    let request = token_request(connection, &grant, now(), &Counting::default())?;
    let body = match &case.body {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        json => json.to_string(),
    };
    let headers = case.headers.iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let response = Response::new(case.status, headers, body);
    Ok(read_token_response(
        connection,
        &grant,
        &request,
        &response,
        now(),
    ))
}

fn compare_request(
    wanted: &WantedRequest,
    found: &DryRun,
    key_values: &[(&'static str, String)],
) -> Result<(), String> {
    let text = |value: Option<&str>| value.map_or(Value::Null, Value::from);
    let method = wanted.method.as_deref().or(found.method);
    equal("the method", &text(method), &text(found.method))?;
    let url = wanted.url.as_deref();
    equal("the URL", &text(url), &text(found.url.as_deref()))?;
    for (name, value) in &wanted.headers {
        let known = found.headers.iter();
        let mut known = known.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let known = known.next().map(|(_, value)| value.as_str());
        equal(&format!("the header `{name}`"), value, &text(known))?;
    }
    let body = found.body.clone().unwrap_or(Value::Null);
    let wanted_body = wanted.body.as_ref().unwrap_or(&Value::Null);
    equal("the body", wanted_body, &body)?;
    if wanted.assertions.len() != found.assertions.len() {
        return Err(format!(
            "the request has {} assertions, and the case {}\n    found    {}",
            found.assertions.len(),
            wanted.assertions.len(),
            json!(found.assertions)
        ));
    }
    for (wanted, found) in wanted.assertions.iter().zip(&found.assertions) {
        let named = |value: &Value| name_values(value.clone(), key_values);
        let place = &found.r#in;
        equal("`in` of the assertion", &json!(wanted.r#in), &json!(place))?;
        let claims = named(&found.claims);
        equal(&format!("the claims of {place}"), &wanted.claims, &claims)?;
        if let Some(header) = &wanted.header {
            equal(
                &format!("the header of {place}"),
                header,
                &named(&found.header),
            )?;
        }
    }
    Ok(())
}

/// Replaces values that depend on the key by their names.
fn name_values(value: Value, names: &[(&'static str, String)]) -> Value {
    match value {
        Value::String(text) => {
            let named = names
                .iter()
                .fold(text, |text, (name, value)| text.replace(value, name));
            named.into()
        }
        Value::Array(items) => {
            let items = items.into_iter().map(|item| name_values(item, names));
            Value::Array(items.collect())
        }
        Value::Object(members) => {
            let members = members.into_iter();
            let members = members.map(|(name, value)| (name, name_values(value, names)));
            Value::Object(members.collect())
        }
        other => other,
    }
}

fn compare_error(wanted: &Value, error: &Error) -> Result<(), String> {
    let wanted = wanted.as_object().ok_or("`error` must be an object")?;
    members("the error", wanted, &facts_of_error(error))
        .map_err(|what| format!("{what}\n    the error is {}", explain(error)))
}

fn facts_of_token(token: &TokenResponse, app: App<'_>) -> Map<String, Value> {
    let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs());
    let named = |value: &Secret| {
        let value = value.expose();
        match value.strip_suffix(token.access_token.expose()) {
            Some(scheme) if scheme.is_empty() || scheme.ends_with(' ') => {
                format!("{scheme}<access_token>")
            }
            _ => value.to_owned(),
        }
    };
    let headers = match token.headers(app) {
        Ok(headers) => headers
            .iter()
            .map(|(name, value)| (name.clone(), named(value).into()))
            .collect(),
        // What a lookup finds out is not in the response.
        Err(error) => Map::from_iter([("error".to_owned(), error.message().into())]),
    };
    let facts = json!({
        "access_token": token.access_token.expose(),
        "token_type": token.token_type,
        "expires_in": seconds(token.expires_in),
        "refresh_token": token.refresh_token.is_some(),
        "refresh_token_expires_in": seconds(token.refresh_token_expires_in),
        "id_token": token.id_token.is_some(),
        "scope": token.scope,
        "extra": token.extra,
        "headers": headers,
    });
    object(facts)
}

fn facts_of_error(error: &Error) -> Map<String, Value> {
    object(json!({
        "kind": error.kind().as_str(),
        "verdict": error.verdict().as_str(),
        "message": error.message(),
        "hint": error.hint(),
        "setting": error.setting_name(),
        "http_status": error.http_status(),
        "oauth_error": error.oauth_error(),
        "oauth_description": error.oauth_description(),
        "retry_after_s": error.retry_after().map(|wait| wait.as_secs()),
        "url": error.url(),
        "trace_id": error.trace_id(),
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn explain(error: &Error) -> String {
    let hint = error.hint().map(|hint| format!(" ({hint})"));
    format!(
        "{} [kind {}, verdict {}{}]{}",
        error.message(),
        error.kind().as_str(),
        error.verdict().as_str(),
        error
            .setting_name()
            .map_or_else(String::new, |name| format!(", setting {name}")),
        hint.unwrap_or_default()
    )
}
