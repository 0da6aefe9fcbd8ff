//! Assertions: both kinds bounded alike, and what an assertion grant sends besides.

use countersign_core::jws::{self, CallbackSigner};
use countersign_core::{
    Algorithm, Clock, Connection, Error, Form, Grant, ManualClock, Profile, Settings, SystemRandom,
    token_request,
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
    let provider = countersign_core::from_profile(profile);
    Connection::with_signer("mine", &settings, provider, std::sync::Arc::new(signer))
}

fn form(connection: &Connection, grant: &Grant) -> Form {
    let now = ManualClock::at(NOW).now();
    let request = token_request(connection, grant, now, &SystemRandom::new());
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

const JWT_BEARER: &str =
    "grants.jwt-bearer.client_auth = [\"none\", \"basic\"]\nassertion.algorithms = [\"RS256\"]\n";

/// ServiceNow knows a public client by its `client_id`, whoever signed.
#[test]
fn an_assertion_without_client_authentication_names_the_client_if_the_profile_says_so() {
    for (line, auth, client_id) in [
        ("", "none", None),
        (
            "grants.jwt-bearer.send_client_id = true\n",
            "none",
            Some("app"),
        ),
        // Basic names it already.
        ("grants.jwt-bearer.send_client_id = true\n", "basic", None),
    ] {
        let settings = [
            ("subject", "joe"),
            ("client_secret", "s3cret"),
            ("client_auth", auth),
        ];
        let connection = with(&format!("{JWT_BEARER}{line}"), &settings).unwrap();
        let form = form(&connection, &Grant::JwtBearer);
        assert_eq!(form.value("client_id"), client_id, "{line}{auth}");
    }
}

/// Google's service accounts stand for themselves, unless they are delegated a user.
#[test]
fn a_subject_is_demanded_where_the_profile_needs_one() {
    let error = with(JWT_BEARER, &[]).unwrap_err();
    assert_eq!(error.setting_name(), Some("subject"), "{error}");
    for (sub, subject, claim) in [
        ("{subject?}", None, None),
        ("{subject?}", Some("joe"), Some("joe")),
        ("{subject:nobody}", None, Some("nobody")),
        ("{client_id}", None, Some("app")),
        ("{subject|upper}", Some("joe"), Some("JOE")),
    ] {
        let lines = format!("{JWT_BEARER}assertion.claims.sub = \"{sub}\"\n");
        let subject = subject.map(|subject| ("subject", subject));
        let connection = with(&lines, subject.as_slice()).expect(sub);
        let claims = claims(&form(&connection, &Grant::JwtBearer), "assertion");
        assert_eq!(claims["iss"], "app");
        assert_eq!(claims.get("sub").and_then(Value::as_str), claim, "{sub}");
    }
    for lines in [
        "assertion.claims.sub = \"user:{subject}\"\n",
        "assertion.claims.sub = \"{subject?}\"\ngrants.jwt-bearer.required = [\"subject\"]\n",
    ] {
        let error = with(&format!("{JWT_BEARER}{lines}"), &[]).unwrap_err();
        assert_eq!(error.setting_name(), Some("subject"), "{lines}: {error}");
    }
}
