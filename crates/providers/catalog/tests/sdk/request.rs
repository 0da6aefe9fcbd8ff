//! countersign's request for a recorded case, in the normal form of `tests/sdks/harness/normal.py`.

use std::fs;
use std::path::Path;

use countersign_core::{
    Clock, Connection, Error, GrantKind, ManualClock, PresentedGrant, Profile, Request, Settings,
    SystemRandom, TokenTypeHint, from_profile, jws, revocation_request, signed_token,
    token_request,
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::key;

/// The time at which requests are built: 2023-11-14 22:13:20 UTC.
const NOW: i64 = 1_700_000_000;

const REFRESH_TOKEN: &str = "r3fresh+t0ken/=~";
const CODE: &str = "c0de+/=~";
const REDIRECT_URI: &str = "https://app.example/callback";

/// Returns the request in normal form.
pub(crate) fn normal_request(case: &Value) -> Result<Value, String> {
    let connection = connection(case).map_err(|error| explain(&error))?;
    let now = ManualClock::at(NOW).now();
    let random = SystemRandom::new();
    let does = case["does"].as_str().unwrap_or_default();
    let request = match does {
        "sign" => {
            let token = signed_token(&connection, now, &random).map_err(|error| explain(&error))?;
            let token = token.ok_or("the profile requests its token")?.access_token;
            let mut assertions = Vec::new();
            named("access_token", token.expose(), &mut assertions);
            return Ok(json!({
                "method": null, "url": null, "headers": {}, "body": null, "assertions": assertions,
            }));
        }
        "revoke" => {
            let hint = TokenTypeHint::RefreshToken;
            revocation_request(&connection, &REFRESH_TOKEN.into(), hint, now, &random)
                .map(|request| request.expect("the profile has a revocation endpoint"))
        }
        _ => token_request(&connection, &grant(does, &connection), now, &random),
    };
    request
        .map(|request| normal(&request))
        .map_err(|error| explain(&error))
}

fn grant(does: &str, connection: &Connection) -> PresentedGrant {
    match (does, connection.grant()) {
        ("refresh", _) => PresentedGrant::RefreshToken(REFRESH_TOKEN.into()),
        ("code", _) => PresentedGrant::AuthorizationCode {
            code: CODE.into(),
            redirect_uri: REDIRECT_URI.to_owned(),
            verifier: "the-verifier".into(),
        },
        ("token", GrantKind::JwtBearer) => PresentedGrant::JwtBearer,
        ("token", GrantKind::ClientCredentials) => PresentedGrant::ClientCredentials,
        other => panic!("unknown: {other:?}"),
    }
}

fn connection(case: &Value) -> Result<Connection, Error> {
    let id = case["provider"].as_str().expect("`provider`");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let toml = fs::read_to_string(folder.join(format!("profiles/{id}.toml")))
        .or_else(|_| fs::read_to_string(folder.join(format!("../{id}/profile.toml"))))
        .unwrap_or_else(|error| panic!("{id}: {error}"));
    let mut settings = Settings::new();
    settings.set("provider", id)?;
    if case["does"] == "code" {
        settings.set("redirect_uri", REDIRECT_URI)?;
    }
    for (name, value) in case["settings"].as_object().expect("`settings`") {
        let value = value.as_str().expect("settings are strings");
        match name.as_str() {
            "private_key" => settings.set(name, &key::pem(value))?,
            _ => settings.set(name, value)?,
        }
    }
    Connection::new("case", &settings, from_profile(Profile::from_toml(&toml)?))
}

fn explain(error: &Error) -> String {
    format!("{error} ({})", error.hint().unwrap_or_default())
}

fn normal(request: &Request) -> Value {
    let mut assertions = Vec::new();
    let mut headers = Map::new();
    for (name, value) in request.headers() {
        let (name, value) = (name.to_lowercase(), value.expose());
        let value = match value.split_once(' ') {
            Some((scheme, rest)) => format!("{scheme} {}", named(&name, rest, &mut assertions)),
            None => value.to_owned(),
        };
        headers.insert(name, value.into());
    }
    if let Some(kind) = request.content_type() {
        headers.insert("content-type".to_owned(), kind.into());
    }
    let is_json = request.content_type() == Some("application/json");
    let body = match request.body() {
        None => Value::Null,
        Some(body) if body.is_empty() => Value::Null,
        Some(body) if is_json => json_body(&body, &mut assertions),
        Some(body) => form(&body, &mut assertions).into(),
    };
    let url = request.full_url();
    let url = match url.split_once('?') {
        Some((base, query)) => format!("{base}?{}", form(query, &mut assertions)),
        None => url.to_string(),
    };
    let method = request.method().as_str();
    json!({
        "method": method, "url": url, "headers": headers, "body": body, "assertions": assertions,
    })
}

fn json_body(body: &str, assertions: &mut Vec<Value>) -> Value {
    let mut body: Value = serde_json::from_str(body).expect("the body is JSON");
    for (name, value) in body.as_object_mut().into_iter().flatten() {
        if let Value::String(text) = value {
            *text = named(name, text, assertions);
        }
    }
    if body.as_object().is_some_and(Map::is_empty) {
        return Value::Null;
    }
    body
}

fn form(form: &str, assertions: &mut Vec<Value>) -> String {
    let pairs = form.split('&').map(|pair| {
        let (name, raw) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(raw);
        let shown = named(&decode(name), &decoded, assertions);
        match shown == decoded {
            true => pair.to_owned(),
            false => format!("{name}={shown}"),
        }
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// Decodes a name or value of a form.
pub(crate) fn decode(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

/// Returns the value, or the name of what it is if it differs each time.
fn named(name: &str, value: &str, assertions: &mut Vec<Value>) -> String {
    if name == "code_verifier" {
        return "<code_verifier>".to_owned();
    }
    let Ok(parsed) = jws::inspect(value) else {
        return value.to_owned();
    };
    let claims: Map<String, Value> =
        serde_json::from_slice(&parsed.payload).expect("claims are a JSON object");
    let issued_at = claims.get("iat").and_then(Value::as_i64);
    let claims = claims.into_iter().map(|(name, value)| {
        let value = claim(&name, value, issued_at);
        (name, value)
    });
    let header = parsed.header.into_iter().map(|(name, value)| {
        let value = match name.as_str() {
            "x5t#S256" => "<cert_sha256>".into(),
            "x5t" => "<cert_sha1>".into(),
            _ => value,
        };
        (name, value)
    });
    assertions.push(json!({
        "in": name,
        "header": header.collect::<Map<_, _>>(),
        "claims": claims.collect::<Map<_, _>>(),
    }));
    "<assertion>".to_owned()
}

fn claim(name: &str, value: Value, issued_at: Option<i64>) -> Value {
    let offset = |origin: &str, seconds: i64| match seconds {
        0 => origin.to_owned(),
        seconds => format!("{origin}{seconds:+}"),
    };
    match (name, value) {
        ("jti", _) => "<jti>".into(),
        ("iat" | "exp" | "nbf", value) => {
            let at = value.as_i64().expect("times are numbers");
            match issued_at {
                Some(issued_at) if name != "iat" => offset("iat", at - issued_at).into(),
                _ => offset("now", at - NOW).into(),
            }
        }
        // The digest of the key, in standard base64.
        (_, Value::String(text)) => match text.split_once("SHA256:") {
            Some((before, digest)) if digest.len() == 44 => {
                format!("{before}SHA256:<spki_sha256>").into()
            }
            _ => text.into(),
        },
        (_, value) => value,
    }
}
