//! Assertions: both kinds bounded alike, and what an assertion grant sends besides.

use countersign::jws::{self, CallbackSigner};
use countersign::{
    Algorithm, Clock, Connection, Error, Form, Grant, ManualClock, Profile, Settings, SystemRandom,
};
use serde_json::Value;

use crate::support::NOW;

const BASE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    environments.production.base_url = "https://login.acme.example"
    endpoints.token = "{base_url}/token"
"#;

/// A connection at a provider whose profile has these lines too.
fn with(lines: &str, pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let profile = Profile::from_toml(&format!("{BASE}{lines}"))?;
    let mut settings = Settings::from_pairs([("provider", "acme"), ("client_id", "app")])?;
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    let signer = CallbackSigner::new(Algorithm::RS256, None, |_| Ok(vec![0; 256]));
    let provider = countersign::from_profile(profile);
    Connection::with_signer("mine", &settings, provider, std::sync::Arc::new(signer))
}

fn form(connection: &Connection, grant: &Grant) -> Form {
    let now = ManualClock::at(NOW).now();
    let request = connection.token_request(grant, now, &SystemRandom::new());
    request.unwrap().form().unwrap().clone()
}

fn claims(form: &Form, field: &str) -> Value {
    let parsed = jws::inspect(form.value(field).unwrap()).unwrap();
    serde_json::from_slice(&parsed.payload).unwrap()
}

/// Servers measure the lifetime from `iat`, which is put back: in either kind of assertion.
#[test]
fn no_assertion_outlives_the_longest_lifetime_after_its_iat() {
    let rules =
        "assertion.algorithms = [\"RS256\"]\nassertion.ttl_s = 300\nassertion.max_ttl_s = 300\n";
    for (grant, field, lines) in [
        (
            Grant::ClientCredentials,
            "client_assertion",
            "grants.client-credentials.client_auth = [\"private_key_jwt\"]\n",
        ),
        (
            Grant::ClientCredentials,
            "client_assertion",
            "grants.client-credentials.client_auth = [\"client_secret_jwt\"]\n",
        ),
        (
            Grant::JwtBearer,
            "assertion",
            "grants.jwt-bearer.client_auth = [\"none\"]\n",
        ),
        (
            Grant::JwtBearer,
            "assertion",
            "grants.jwt-bearer.client_auth = [\"private_key_jwt\"]\n",
        ),
        (
            Grant::JwtBearer,
            "client_assertion",
            "grants.jwt-bearer.client_auth = [\"private_key_jwt\"]\n",
        ),
    ] {
        let secret = "a secret long enough to sign with HS256, which wants 32 bytes";
        let settings = [("subject", "joe"), ("client_secret", secret)];
        for (backdate, ttl, exp) in [
            (60, None, NOW + 240),
            (0, None, NOW + 300),
            (60, Some("100"), NOW + 100),
        ] {
            let lines = format!("{lines}{rules}assertion.backdate_s = {backdate}\n");
            let ttl = ttl.map(|ttl| ("assertion_ttl_s", ttl));
            let settings: Vec<_> = settings.into_iter().chain(ttl).collect();
            let connection = with(&lines, &settings).unwrap();
            let claims = claims(&form(&connection, &grant), field);
            assert_eq!(claims["iat"], NOW - backdate, "{lines}");
            assert_eq!(claims["exp"], exp, "{lines}");
        }
    }
}

#[test]
fn an_assertion_that_is_over_before_it_is_sent_is_refused_with_the_profile() {
    let error = Profile::from_toml(&format!(
        "{BASE}grants.jwt-bearer.client_auth = [\"none\"]\nassertion.algorithms = [\"RS256\"]\n\
         assertion.ttl_s = 60\nassertion.max_ttl_s = 60\n"
    ))
    .unwrap_err();
    assert!(
        error.message().contains("`assertion.backdate_s`"),
        "{error}"
    );
}
