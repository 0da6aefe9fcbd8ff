//! Assertions that are sent in other ways than RFC 7523, or are the access token themselves.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Clock, Connection, Error, ErrorKind, ManualClock, MemoryStore, PresentedGrant, Profile,
    Request, Settings, Source, Subjects, SystemRandom, jws, signed_token, token_request,
};
use serde_json::{Value, json};

use crate::openssl::openssl_text;
use crate::support::{MockTransport, NOW, bench_with, token_response};

const BASE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    environments.production = {}
"#;

/// Sign in with Apple: the client secret is a JWT.
const APPLE: &str = r#"
    [endpoints]
    token = "https://appleid.acme.example/auth/token"
    authorize = "https://appleid.acme.example/auth/authorize"
    revoke = "https://appleid.acme.example/auth/revoke"
    [extra]
    team_id = "the team's id"
    [grants.authorization-code]
    client_auth = ["private_key_jwt"]
    [assertion]
    as = "client_secret"
    algorithms = ["ES256"]
    backdate_s = 0
    claims = { iss = "{extra.team_id}", aud = "https://appleid.apple.com" }
"#;

/// A GitHub App: the JWT authenticates the request for an installation's token.
const GITHUB: &str = r#"
    [endpoints]
    token = "https://api.acme.example/app/installations/{extra.installation_id}/access_tokens"
    [extra]
    installation_id = "the installation's id"
    repository = "a repository's name"
    [grants.jwt-bearer]
    client_auth = ["none"]
    body = "json"
    headers = { Accept = "application/vnd.github+json", X-GitHub-Api-Version = "2022-11-28" }
    params = { repositories = ["{extra.repository?}"] }
    [assertion]
    as = "authorization_header"
    algorithms = ["RS256"]
    ttl_s = 540
    max_ttl_s = 600
    claims = { sub = "{subject?}", aud = "{audience?}" }
"#;

/// App Store Connect: the JWT is the access token.
const STORE: &str = r#"
    endpoints = {}
    [extra]
    issuer_id = "the issuer's id"
    [grants.jwt-bearer]
    client_auth = ["none"]
    without_client_id = true
    required = ["key_id"]
    [assertion]
    as = "access_token"
    algorithms = ["ES256"]
    ttl_s = 1140
    max_ttl_s = 1200
    backdate_s = 60
    not_before = true
    claims = { iss = "{extra.issuer_id}", sub = "{subject?}", aud = "appstoreconnect-v1" }
"#;

fn es256() -> String {
    openssl_text("ecparam -name prime256v1 -genkey -noout", "")
}

fn rs256() -> String {
    openssl_text("genrsa 2048", "")
}

fn connect(rules: &str, settings: &[(&str, &str)]) -> Result<Connection, Error> {
    let profile = Profile::from_toml(&format!("{BASE}{rules}"))?;
    let settings = Settings::from_pairs(settings.iter().copied())?;
    Connection::new("mine", &settings, countersign_core::from_profile(profile))
}

fn request(connection: &Connection, grant: &PresentedGrant) -> Request {
    let now = ManualClock::at(NOW).now();
    token_request(connection, grant, now, &SystemRandom::new()).unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut headers = request.headers();
    let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.expose())
}

fn claims(jwt: &str) -> Value {
    serde_json::from_slice(&jws::inspect(jwt).unwrap().payload).unwrap()
}

#[test]
fn an_assertion_is_sent_as_the_client_secret() {
    let key = es256();
    let settings = [
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/cb"),
        ("extra.team_id", "TEAM"),
        ("key_id", "KEY"),
        ("private_key", &key),
    ];
    let connection = connect(APPLE, &settings).unwrap();
    let request = request(&connection, &PresentedGrant::RefreshToken("r1".into()));
    let form = request.form().unwrap();
    assert_eq!(
        form.names().collect::<Vec<_>>(),
        ["grant_type", "refresh_token", "client_id", "client_secret"]
    );
    let mut claims = claims(form.value("client_secret").unwrap());
    claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(
        claims,
        json!({"iss": "TEAM", "sub": "app", "aud": "https://appleid.apple.com", "iat": NOW, "exp": NOW + 300})
    );
    assert!(!format!("{request:?}").contains("eyJ"));
}

#[test]
fn an_assertion_is_sent_as_the_bearer_token_of_the_request() {
    let key = rs256();
    let settings = [
        ("client_id", "Iv1.app"),
        ("extra.installation_id", "42"),
        ("private_key", &key),
    ];
    let connection = connect(GITHUB, &settings).unwrap();
    let request = request(&connection, &PresentedGrant::JwtBearer);
    assert_eq!(
        request.url().as_str(),
        "https://api.acme.example/app/installations/42/access_tokens"
    );
    assert_eq!(request.body().unwrap().as_str(), r#"{"repositories":[]}"#);
    let accept = header(&request, "accept");
    assert_eq!(accept, Some("application/vnd.github+json"));
    assert_eq!(header(&request, "x-github-api-version"), Some("2022-11-28"));
    let jwt = header(&request, "authorization").unwrap();
    let jwt = jwt.strip_prefix("Bearer ").unwrap();
    assert_eq!(
        claims(jwt),
        json!({"iss": "Iv1.app", "iat": NOW - 60, "exp": NOW + 540})
    );
    // Without params, a form has no fields.
    let form = GITHUB.replace("    body = \"json\"\n", "");
    let form = form.replace(
        "    params = { repositories = [\"{extra.repository?}\"] }\n",
        "",
    );
    let request = self::request(
        &connect(&form, &settings).unwrap(),
        &PresentedGrant::JwtBearer,
    );
    assert_eq!(request.body().unwrap().as_str(), "");
}

fn store(key: &str, more: &[(&str, &str)]) -> Result<Connection, Error> {
    let own = [
        ("extra.issuer_id", "ISSUER"),
        ("key_id", "KEY"),
        ("private_key", key),
    ];
    connect(STORE, &[&own, more].concat())
}

#[test]
fn an_assertion_is_the_access_token() {
    let connection = store(&es256(), &[]).unwrap();
    assert_eq!((connection.token_url(), connection.client_id()), (None, ""));
    let now = ManualClock::at(NOW).now();
    let random = SystemRandom::new();
    let token = signed_token(&connection, now, &random).unwrap().unwrap();
    assert_eq!(
        claims(token.access_token.expose()),
        json!({"iss": "ISSUER", "aud": "appstoreconnect-v1", "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 1140})
    );
    assert_eq!(token.expires_in, Some(Duration::from_secs(1140)));
    let error = token_request(&connection, &PresentedGrant::JwtBearer, now, &random).unwrap_err();
    assert!(error.message().contains("makes no request"), "{error}");
    // Connections that request tokens sign none.
    let key = rs256();
    let by_request = [
        ("client_id", "app"),
        ("extra.installation_id", "1"),
        ("private_key", &key),
    ];
    let by_request = connect(GITHUB, &by_request).unwrap();
    assert!(signed_token(&by_request, now, &random).unwrap().is_none());
}

/// Like any other token, it is cached and stored until it is about to expire.
#[test]
fn a_signed_token_is_cached_stored_and_renewed_without_requests() {
    let key = es256();
    let shared = Arc::new(MemoryStore::new());
    let first = bench_with(store(&key, &[]).unwrap(), [], shared.clone());
    let token = first.client.token().unwrap();
    assert_eq!(token.expires_at(), Some(NOW + 1140));
    assert_eq!(
        (token.source(), token.token_type()),
        (Source::Minted, "Bearer")
    );
    assert_eq!(first.client.token().unwrap().source(), Source::Cache);

    let second = bench_with(store(&key, &[]).unwrap(), [], shared.clone());
    let stored = second.client.token().unwrap();
    assert_eq!(
        (stored.expose(), stored.source()),
        (token.expose(), Source::Store)
    );

    first.clock.advance(Duration::from_secs(1100));
    let renewed = first.client.token().unwrap();
    assert_ne!(renewed.expose(), token.expose());
    assert_eq!(claims(renewed.expose())["exp"], NOW + 1100 + 1140);
    assert!(first.script.requests().is_empty());
    assert_eq!(first.client.counts().minted, 2);

    // Another tenant's token is another one.
    let other = store(&key, &[("extra.issuer_id", "OTHER")]).unwrap();
    let other = bench_with(other, [], shared).client.token().unwrap();
    assert_eq!(claims(other.expose())["iss"], "OTHER");
}

#[test]
fn subjects_have_signed_tokens_of_their_own() {
    let transport = MockTransport::new([]);
    let connection = store(&es256(), &[("subject", "joe")]).unwrap();
    let subjects = Subjects::new(connection, transport.clone(), 10).unwrap();
    for name in ["ada", "bob"] {
        let token = subjects.token(name).unwrap();
        assert_eq!(claims(token.expose())["sub"], name);
        assert_eq!(subjects.token(name).unwrap().expose(), token.expose());
    }
    assert!(transport.requests().is_empty());
}

#[test]
fn a_key_that_cannot_sign_is_reported() {
    let error = store(&rs256(), &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key, "{error}");
    let without = connect(STORE, &[("extra.issuer_id", "I"), ("key_id", "K")]).unwrap_err();
    assert_eq!(without.setting_name(), Some("private_key"));
    let without = connect(STORE, &[("key_id", "K"), ("private_key", &es256())]).unwrap_err();
    assert_eq!(without.setting_name(), Some("extra.issuer_id"));
}

/// Only the profile decides whether a stored token was signed here or issued by a server.
#[test]
fn a_token_of_another_kind_is_not_used() {
    let key = rs256();
    let rules = STORE.replace("ES256", "RS256");
    let requested = rules
        .replace(
            "endpoints = {}",
            "endpoints.token = \"https://acme.example/token\"",
        )
        .replace("as = \"access_token\"", "");
    let settings = [
        ("extra.issuer_id", "ISSUER"),
        ("key_id", "KEY"),
        ("private_key", &key),
    ];
    let shared = Arc::new(MemoryStore::new());
    let by_request = connect(&requested, &settings).unwrap();
    let answer = [Ok(token_response("issued", 3600))];
    let by_request = bench_with(by_request, answer, shared.clone());
    assert_eq!(by_request.client.token().unwrap().expose(), "issued");
    // With the same URL, as a setting.
    let same_url = [("token_url", "https://acme.example/token")];
    let signed = connect(&rules, &[&settings[..], &same_url].concat()).unwrap();
    assert_eq!(
        signed.record_key(),
        by_request.client.connection().record_key()
    );
    let signed = bench_with(signed, [], shared).client.token().unwrap();
    assert_eq!(claims(signed.expose())["iss"], "ISSUER");
}
