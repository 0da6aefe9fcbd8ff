//! Lifetimes, claims and parameters of both kinds of assertion.

use countersign_core::jws::{self, CallbackSigner};
use countersign_core::{
    Algorithm, Clock, Connection, Error, Form, ManualClock, PresentedGrant, Profile, Settings,
    SystemRandom, token_request,
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

/// Builds a connection with a signer, with these lines added to the profile.
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

fn form(connection: &Connection, grant: &PresentedGrant) -> Form {
    let now = ManualClock::at(NOW).now();
    let request = token_request(connection, grant, now, &SystemRandom::new());
    request.unwrap().form().unwrap().clone()
}

fn claims(form: &Form, field: &str) -> Value {
    let parsed = jws::inspect(form.value(field).unwrap()).unwrap();
    serde_json::from_slice(&parsed.payload).unwrap()
}

/// Servers measure the lifetime from the backdated `iat`, in both kinds of assertion.
#[test]
fn no_assertion_exceeds_the_maximum_lifetime_after_its_iat() {
    let rules =
        "assertion.algorithms = [\"RS256\"]\nassertion.ttl_s = 300\nassertion.max_ttl_s = 300\n";
    for (grant, field, lines) in [
        (
            PresentedGrant::ClientCredentials,
            "client_assertion",
            "grants.client-credentials.client_auth = [\"private_key_jwt\"]\n",
        ),
        (
            PresentedGrant::ClientCredentials,
            "client_assertion",
            "grants.client-credentials.client_auth = [\"client_secret_jwt\"]\n",
        ),
        (
            PresentedGrant::JwtBearer,
            "assertion",
            "grants.jwt-bearer.client_auth = [\"none\"]\n",
        ),
        (
            PresentedGrant::JwtBearer,
            "assertion",
            "grants.jwt-bearer.client_auth = [\"private_key_jwt\"]\n",
        ),
        (
            PresentedGrant::JwtBearer,
            "client_assertion",
            "grants.jwt-bearer.client_auth = [\"private_key_jwt\"]\n",
        ),
    ] {
        let secret = "a secret of at least the 32 bytes that HS256 requires";
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
fn a_profile_whose_assertions_would_already_be_expired_is_rejected() {
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

/// ServiceNow identifies public clients by `client_id`, not by the assertion.
#[test]
fn send_client_id_adds_the_client_id_to_an_assertion_without_client_authentication() {
    for (line, auth, client_id) in [
        ("", "none", None),
        (
            "grants.jwt-bearer.send_client_id = true\n",
            "none",
            Some("app"),
        ),
        // The Basic header contains it already.
        ("grants.jwt-bearer.send_client_id = true\n", "basic", None),
    ] {
        let settings = [
            ("subject", "joe"),
            ("client_secret", "s3cret"),
            ("client_auth", auth),
        ];
        let connection = with(&format!("{JWT_BEARER}{line}"), &settings).unwrap();
        let form = form(&connection, &PresentedGrant::JwtBearer);
        assert_eq!(form.value("client_id"), client_id, "{line}{auth}");
    }
}

/// Google's service accounts act for themselves unless a user delegates to them.
#[test]
fn a_subject_is_required_only_if_the_profile_uses_it() {
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
        let claims = claims(&form(&connection, &PresentedGrant::JwtBearer), "assertion");
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
