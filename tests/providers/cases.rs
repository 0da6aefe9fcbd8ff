//! Runs the cases of `tests/responses`: responses of token endpoints and their meaning.

use std::path::Path;
use std::sync::Arc;

use countersign_core::{
    Connection, Error, GrantKind, Moment, PresentedGrant, Provider, Request, Response, Secret,
    Settings, SystemRandom, TokenResponse, read_token_response, token_request,
};
use serde_json::{Map, Value, json};

/// Single-use secrets. They must not appear in any error.
const REFRESH_TOKEN: &str = "canary-refresh-token";
const CODE: &str = "canary-code";
const VERIFIER: &str = "canary-verifier-canary-verifier-canary-verifier";

/// The default time: 2023-11-14 22:13:20 UTC.
const NOW: i64 = 1_700_000_000;

/// A provider and its cases.
pub(crate) struct Cases {
    provider: Arc<dyn Provider>,
    /// Settings by grant.
    settings: Map<String, Value>,
    cases: Vec<Value>,
}

impl Cases {
    /// Loads the provider's own cases, and those of RFC 6749 for the grants that it supports.
    pub(crate) fn of(provider: Arc<dyn Provider>) -> Self {
        let own = read(&provider.profile().id);
        let common = read("rfc6749");
        let offered = |case: &Value| {
            let grant = text(case, "grant").parse::<GrantKind>().expect("a grant");
            provider.profile().grants.contains_key(&grant)
        };
        let list = |file: &Value| file["cases"].as_array().expect("cases").clone();
        let cases: Vec<_> = list(&own)
            .into_iter()
            .chain(list(&common).into_iter().filter(offered))
            .collect();
        let mut names: Vec<_> = cases.iter().map(|case| text(case, "name")).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            panic!("two cases have the name `{}`", twice[0]);
        }
        Self {
            settings: own["settings"]
                .as_object()
                .expect("settings by grant")
                .clone(),
            cases: cases.clone(),
            provider,
        }
    }

    /// Checks every case, and that together they use every row of the profile's `errors` table.
    pub(crate) fn check_all(&self, at_least: usize) {
        assert!(
            self.cases.len() >= at_least,
            "found only {} cases",
            self.cases.len()
        );
        let failed: Vec<_> = self
            .cases
            .iter()
            .filter_map(|case| self.check(case, &case["expect"]).err())
            .collect();
        assert!(
            failed.is_empty(),
            "{} cases fail:\n{}",
            failed.len(),
            failed.join("\n")
        );

        let hints: Vec<_> = self
            .cases
            .iter()
            .filter_map(|case| self.outcome(case).err()?.hint().map(str::to_owned))
            .collect();
        let rows = &self.provider.profile().errors;
        let missed: Vec<_> = rows
            .iter()
            .filter(|row| !hints.iter().any(|hint| hint.contains(&row.hint)))
            .map(|row| format!("{:?} {:?}: {}", row.error, row.description, row.hint))
            .collect();
        assert!(
            missed.is_empty(),
            "rows that no case uses:\n{}",
            missed.join("\n")
        );
    }

    /// Checks that each case fails if any one of its expectations is changed.
    pub(crate) fn check_that_each_can_fail(&self) {
        for case in &self.cases {
            let expect = case["expect"].as_object().expect("expect");
            assert!(
                !expect.is_empty(),
                "{}: `expect` is empty",
                text(case, "name")
            );
            for (key, value) in expect {
                for wrong in falsified(key, value) {
                    let mut expect = expect.clone();
                    expect.insert(key.clone(), wrong.clone());
                    assert!(
                        self.check(case, &Value::Object(expect)).is_err(),
                        "{}: also passes if `{key}` is expected to be {wrong}",
                        text(case, "name"),
                    );
                }
            }
        }
    }

    fn check(&self, case: &Value, expect: &Value) -> Result<(), String> {
        let name = text(case, "name");
        let wrong = |what: String| Err(format!("{name}: {what}"));
        let (facts, shown) = match self.outcome(case) {
            Ok(token) => (facts_of_token(&token), String::new()),
            Err(error) => {
                self.check_error(case, &error)
                    .map_err(|what| format!("{name}: {what}"))?;
                (facts_of_error(&error), format!("{error} {error:?}"))
            }
        };
        for (key, wanted) in expect.as_object().expect("expect") {
            let found = |key: &str| facts.get(key).cloned().unwrap_or(Value::Null);
            let holds = match key.strip_suffix("_contains") {
                Some(key) => match (found(key).as_str(), wanted.as_str()) {
                    (Some(found), Some(wanted)) => found.contains(wanted),
                    _ => false,
                },
                None if key == "extra" => wanted.as_object().is_some_and(|wanted| {
                    wanted
                        .iter()
                        .all(|(k, v)| found("extra").get(k).unwrap_or(&Value::Null) == v)
                }),
                None if key == "nowhere" => wanted.as_array().is_some_and(|words| {
                    words.iter().all(|w| !shown.contains(w.as_str().unwrap()))
                }),
                None if !facts.contains_key(key) => {
                    return wrong(format!("unknown expectation `{key}`; found {facts:?}"));
                }
                None => found(key) == *wanted,
            };
            if !holds {
                return wrong(format!("expected `{key}` to be {wanted}; found {facts:?}"));
            }
        }
        Ok(())
    }

    /// Checks what must hold for every error.
    fn check_error(&self, case: &Value, error: &Error) -> Result<(), String> {
        let shown = format!("{error} {error:?}");
        let connection = self.connection(case);
        let request = self.request(&connection, case);
        let form = request.form().expect("a token request is a form");
        let spent = ["assertion", "client_assertion", "client_secret"];
        let spent = spent.iter().filter_map(|name| form.value(name));
        for secret in spent.chain([REFRESH_TOKEN, CODE, VERIFIER]) {
            if shown.contains(secret) {
                return Err(format!("the error contains a secret: {shown}"));
            }
        }
        if error.provider() != Some(self.provider.profile().id.as_str()) {
            return Err("the error does not name the provider".to_owned());
        }
        let says_what_to_do = error.hint().is_some() || error.verdict().as_str() == "retry";
        if !says_what_to_do {
            return Err(format!("the error has no hint: {error:?}"));
        }
        Ok(())
    }

    fn outcome(&self, case: &Value) -> Result<TokenResponse, Error> {
        let connection = self.connection(case);
        let headers = case["headers"].as_object();
        let headers = headers
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("headers are strings")));
        let status = case["status"].as_u64().expect("a status") as u16;
        let response = Response::new(status, headers, text(case, "body"));
        read_token_response(
            &connection,
            &grant(case),
            &self.request(&connection, case),
            &response,
            now(case),
        )
    }

    fn request(&self, connection: &Connection, case: &Value) -> Request {
        let random = SystemRandom::new();
        token_request(connection, &grant(case), now(case), &random).expect("a request")
    }

    fn connection(&self, case: &Value) -> Connection {
        let word = text(case, "grant");
        let mut settings = Settings::new();
        let mut set = |key: &str, value: &str| settings.set(key, value).expect(key);
        set("provider", &self.provider.profile().id);
        set("grant", word);
        let own = case["settings"].as_object();
        let signs =
            own.is_some_and(|own| own.get("client_auth") == Some(&json!("private_key_jwt")));
        if word == "jwt-bearer" || signs {
            set("private_key", super::key::pem());
        }
        for (key, value) in self.settings[word]
            .as_object()
            .into_iter()
            .chain(own)
            .flatten()
        {
            set(key, value.as_str().expect("settings are strings"));
        }
        let provider = Arc::clone(&self.provider);
        Connection::new("case", &settings, provider)
            .unwrap_or_else(|error| panic!("{}: {error:?}", text(case, "name")))
    }
}

fn read(file: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/responses");
    let path = folder.join(format!("{file}.json"));
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key]
        .as_str()
        .unwrap_or_else(|| panic!("{}: no `{key}`", case["name"]))
}

fn grant(case: &Value) -> PresentedGrant {
    match text(case, "grant") {
        "jwt-bearer" => PresentedGrant::JwtBearer,
        "client-credentials" => PresentedGrant::ClientCredentials,
        "refresh-token" => PresentedGrant::RefreshToken(Secret::from(REFRESH_TOKEN)),
        "authorization-code" => PresentedGrant::AuthorizationCode {
            code: Secret::from(CODE),
            redirect_uri: "https://app.example/callback".to_owned(),
            verifier: Secret::from(VERIFIER),
        },
        other => panic!("{}: unknown grant {other}", case["name"]),
    }
}

fn now(case: &Value) -> Moment {
    let unix_s = case["now"].as_i64().unwrap_or(NOW);
    Moment {
        unix_ms: unix_s * 1000,
        boot_ms: 0,
    }
}

fn facts_of_token(token: &TokenResponse) -> Map<String, Value> {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(Secret::expose).map(str::to_owned);
    object(json!({
        "access_token": token.access_token.expose(),
        "token_type": token.token_type,
        "expires_in": token.expires_in.map(|lifetime| lifetime.as_secs()),
        "refresh_token": secret(&token.refresh_token),
        "refresh_token_expires_in": token.refresh_token_expires_in.map(|lifetime| lifetime.as_secs()),
        "id_token": secret(&token.id_token),
        "scope": token.scope,
        "extra": token.extra,
    }))
}

fn facts_of_error(error: &Error) -> Map<String, Value> {
    object(json!(error))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => unreachable!("the callers pass objects"),
    }
}

/// Returns variants of the expectation that must fail.
fn falsified(key: &str, value: &Value) -> Vec<Value> {
    let other = |value: &Value| {
        if *value == json!("other") {
            json!("another")
        } else {
            json!("other")
        }
    };
    match (key, value) {
        ("extra", Value::Object(members)) => members
            .iter()
            .map(|(name, value)| {
                let mut members = members.clone();
                members.insert(name.clone(), other(value));
                Value::Object(members)
            })
            .collect(),
        // Every string contains the empty string.
        ("nowhere", _) => vec![json!([""])],
        (key, _) if key.ends_with("_contains") => vec![json!("in no error"), json!(-1)],
        (_, value) => vec![other(value), json!(-1)],
    }
}
