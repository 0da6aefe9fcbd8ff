//! `/_sandbox/*`: faults, clock, consent, policy, reset and log, for tests in any language.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Error, Policy, Provider, connections,
    exchange::{Call, Reply, words},
    faults::Fault,
    log_entry, rows,
    world::World,
};

/// A consent to grant or withdraw, also the JSON body of `POST /_sandbox/consent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consent {
    /// A connection in `connections.toml`; selects the app and, if it names one, the user.
    pub connection: Option<String>,
    /// The app's provider. Use it with `client_id`, instead of `connection`.
    pub provider: Option<Provider>,
    /// The app's client id. Use it with `provider`, instead of `connection`.
    pub client_id: Option<String>,
    /// The user's id or login. Defaults to the connection's user, or to all users of the provider.
    pub user: Option<String>,
    /// `true` grants the consent, `false` withdraws it and revokes the refresh tokens.
    pub allow: bool,
    /// The scopes, separated by spaces. Defaults to the connection's scopes.
    pub scopes: Option<String>,
}

impl Default for Consent {
    fn default() -> Self {
        Self {
            connection: None,
            provider: None,
            client_id: None,
            user: None,
            allow: true,
            scopes: None,
        }
    }
}

/// Handles a request under `/_sandbox/`; `None` for other paths.
pub(crate) fn handle(world: &mut World, call: &Call) -> Option<Reply> {
    let path = call.path.strip_prefix("/_sandbox/")?;
    if !path.starts_with("landed/") && !is_from_a_program(call) {
        let text = "Web pages must not call the controls. Use the sandbox's own address, without an Origin header.\n";
        return Some(Reply::new(403, "text/plain; charset=utf-8", text));
    }
    let result = match (call.method.as_str(), path) {
        ("POST", "faults") => add_faults(world, &call.body),
        ("GET", "faults") => Ok(list_faults(world)),
        ("POST", "clock") => set_clock(world, &call.body),
        ("GET", "clock") => Ok(clock(world)),
        ("POST", "consent") => read(&call.body)
            .and_then(|c| consent(world, &c))
            .map(|()| done()),
        ("POST", "policy") => merge_policy(world, &call.body),
        ("GET", "policy") => Ok(json!(world.policy)),
        ("POST", "redirect_uris") => add_redirect_uris(world, &call.body),
        ("GET", "redirect_uris") => Ok(json!(world.redirect_uris)),
        ("POST", "reset") => {
            world.reset();
            Ok(done())
        }
        ("GET", "log") => Ok(json!(world.log.entries(call.query.one("all").is_some()))),
        (_, _) if path.starts_with("landed/") => return Some(landed(world, call, path)),
        _ => return Some(not_found()),
    };
    Some(match result {
        Ok(value) => Reply::new(200, "application/json", value.to_string()),
        Err(error) => Reply::new(
            400,
            "application/json",
            json!({"error": error.to_string()}).to_string(),
        ),
    })
}

/// Reports whether the request comes from a program rather than a web page.
///
/// Requests from a page carry its origin (`Origin`, `Sec-Fetch-Site`). After DNS rebinding, they
/// carry the page's own name as `Host`.
fn is_from_a_program(call: &Call) -> bool {
    let host = call.host();
    let is_address = host
        .trim_matches(['[', ']'])
        .parse::<std::net::IpAddr>()
        .is_ok();
    let same_site = call
        .header("sec-fetch-site")
        .is_none_or(|site| site == "none" || site == "same-origin");
    let origin = call
        .header("origin")
        .is_none_or(|origin| origin == call.origin());
    (is_address || host == "localhost") && origin && same_site
}

/// Grants or withdraws a consent.
pub(crate) fn consent(world: &mut World, change: &Consent) -> Result<(), Error> {
    let named = match &change.connection {
        Some(name) => {
            let found = connections::all().into_iter().find(|c| c.name == name);
            Some(found.ok_or_else(|| {
                Error::new(format!("connection: `{name}` is not in connections.toml"))
            })?)
        }
        None => None,
    };
    let named = named.as_ref();
    let provider = change.provider.or(named.map(|c| c.provider));
    let provider = provider
        .ok_or_else(|| Error::new("consent: set `connection`, or `provider` and `client_id`"))?;
    let client = change
        .client_id
        .as_deref()
        .or(named.map(|c| c.client_id))
        .unwrap_or_default();
    let app = world.registry.app(provider, client);
    let client = app
        .ok_or_else(|| Error::new(format!("client_id: `{client}` is unknown")))?
        .client_id;
    let users: Vec<&str> = match change.user.as_deref().or(named.and_then(|c| c.user)) {
        Some(user) => {
            let known = world.registry.user(provider, user);
            vec![
                known
                    .ok_or_else(|| Error::new(format!("user: `{user}` is unknown")))?
                    .id,
            ]
        }
        None => world.registry.users_of(provider).map(|u| u.id).collect(),
    };
    let scopes = change
        .scopes
        .as_deref()
        .or(named.map(|c| c.scopes))
        .unwrap_or_default();
    for user in users {
        if change.allow {
            let scopes = words(scopes);
            world
                .registry
                .allow(client, user, scopes.iter().map(String::as_str));
        } else {
            world.registry.withdraw(client, user);
            // DocuSign documents that access tokens stay valid. BoldSign's are JWTs, which can't be
            // revoked.
            world
                .tokens
                .withdraw(client, user, provider == Provider::Salesforce);
        }
    }
    Ok(())
}

fn add_faults(world: &mut World, body: &[u8]) -> Result<Value, Error> {
    let value: Value = read(body)?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut faults = Vec::new();
    for value in list {
        let fault: Fault =
            serde_json::from_value(value).map_err(|e| Error::new(format!("fault: {e}")))?;
        faults.push(fault.checked()?);
    }
    world.faults.extend(faults);
    Ok(list_faults(world))
}

fn list_faults(world: &World) -> Value {
    let ids: Vec<&str> = rows().iter().map(|r| r.id).collect();
    json!({"pending": world.faults, "rows": ids})
}

fn set_clock(world: &mut World, body: &[u8]) -> Result<Value, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Clock {
        offset_s: i64,
    }
    let wanted: Clock = read(body)?;
    world.set_clock_offset(wanted.offset_s);
    Ok(clock(world))
}

fn clock(world: &World) -> Value {
    json!({"offset_s": world.clock_offset(), "now_s": world.now()})
}

fn add_redirect_uris(world: &mut World, body: &[u8]) -> Result<Value, Error> {
    let uris: Vec<String> = read(body)?;
    for uri in uris {
        crate::check_redirect_uri(&uri)?;
        if !world.redirect_uris.contains(&uri) {
            world.redirect_uris.push(uri);
        }
    }
    Ok(json!(world.redirect_uris))
}

fn merge_policy(world: &mut World, body: &[u8]) -> Result<Value, Error> {
    let changes: serde_json::Map<String, Value> = read(body)?;
    let mut whole = json!(world.policy);
    for (name, value) in changes {
        whole[name.as_str()] = value;
    }
    let policy: Policy =
        serde_json::from_value(whole).map_err(|e| Error::new(format!("policy: {e}")))?;
    world.policy = policy;
    Ok(json!(world.policy))
}

/// Handles the target of an injected redirect.
///
/// A client that follows the redirect gets a response that looks valid, and is logged.
fn landed(world: &mut World, call: &Call, path: &str) -> Reply {
    let name = path.trim_start_matches("landed/");
    let Ok(provider) = serde_json::from_value::<Provider>(name.into()) else {
        return not_found();
    };
    let body = r#"{"access_token":"followed-a-redirect","token_type":"Bearer","expires_in":3600}"#;
    let reply = Reply::new(200, "application/json", body);
    let entry = log_entry::of_call(call, provider, "landed", world.now_ms(), Some(&reply), None);
    world.log.push(entry);
    reply
}

fn not_found() -> Reply {
    Reply::new(404, "text/plain; charset=utf-8", "Not found.\n")
}

fn done() -> Value {
    json!({"ok": true})
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Error> {
    // Parse an empty body as an empty object, so that a POST without a body uses the defaults.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|e| Error::new(format!("body: {e}")))
}
