//! Tests of requests that are shown instead of sent.

use countersign_core::testing::{self, NOW};
use countersign_core::{
    Clock, Connection, DryRun, GrantKind, ManualClock, Settings, dry_run, dry_run_login,
};
use serde_json::json;

use crate::grants::rsa_key;
use crate::support::{client_credentials, connection, refreshing};

fn shown(connection: &Connection, kind: GrantKind) -> DryRun {
    dry_run(connection, kind, ManualClock::at(NOW).now()).unwrap()
}

fn header<'a>(request: &'a DryRun, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn secrets_are_named_and_not_shown() {
    let request = shown(&client_credentials(), GrantKind::ClientCredentials);
    assert_eq!(
        json!(request),
        json!({
            "method": "POST",
            "url": "https://demo.acme.example/token",
            "headers": {
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            "body": "grant_type=client_credentials&client_id=app&client_secret=<client_secret>",
            "assertions": [],
        })
    );

    let request = shown(&refreshing(), GrantKind::RefreshToken);
    let body = "grant_type=refresh_token&refresh_token=<refresh_token>";
    assert_eq!(request.body.as_ref().unwrap(), body);
    let basic = header(&request, "Authorization");
    assert_eq!(basic, Some("Basic <client_id:client_secret>"));
}

#[test]
fn a_code_exchange_is_shown_with_the_names_of_its_secrets() {
    let connection = connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_auth", "none"),
        ("redirect_uri", "https://app.example/callback"),
    ]);
    let request = shown(&connection, GrantKind::AuthorizationCode);
    assert_eq!(
        request.body.unwrap(),
        "grant_type=authorization_code&code=<code>&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
         &code_verifier=<code_verifier>&client_id=app"
    );
}

#[test]
fn an_assertion_is_shown_by_its_contents() {
    let request = shown(&testing::signing_connection(), GrantKind::JwtBearer);
    assert_eq!(
        request.body.unwrap(),
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=<assertion>"
    );
    let [assertion] = request.assertions.as_slice() else {
        panic!("{:?}", request.assertions);
    };
    assert_eq!(assertion.r#in, "assertion");
    assert_eq!(assertion.header, json!({"alg": "RS256", "typ": "JWT"}));
    assert_eq!(
        assertion.claims,
        json!({
            "iss": "app", "sub": "joe", "aud": "demo.acme.example", "scope": "sign",
            "iat": NOW - 60, "exp": NOW + 300, "jti": "<jti>",
        })
    );
}

#[test]
fn the_assertions_of_clients_are_shown_whatever_signs_them() {
    for (auth, secret, alg) in [
        ("private_key_jwt", ("private_key", rsa_key()), "RS256"),
        (
            "client_secret_jwt",
            (
                "client_secret",
                "s3cret-s3cret-s3cret-s3cret-s3cret".to_owned(),
            ),
            "HS256",
        ),
    ] {
        let settings = [
            ("grant", "client-credentials"),
            ("client_id", "app"),
            ("client_auth", auth),
            (secret.0, secret.1.as_str()),
        ];
        let request = shown(&connection(settings), GrantKind::ClientCredentials);
        let body = request.body.as_ref().unwrap().as_str().unwrap();
        assert!(body.ends_with("&client_assertion=<assertion>"), "{body}");
        let assertion = &request.assertions[0];
        assert_eq!(assertion.r#in, "client_assertion");
        assert_eq!(assertion.header["alg"], alg);
        assert_eq!(assertion.claims["iss"], "app");
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}

#[test]
fn a_login_is_shown_without_its_own_values() {
    let mut settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ])
    .unwrap();
    let url = |settings: &Settings| {
        let connection = Connection::new("mine", settings, testing::provider()).unwrap();
        let request = dry_run_login(&connection, "https://app.example/callback").unwrap();
        assert_eq!((request.method, &request.body), (Some("GET"), &None));
        request.url.unwrap()
    };
    let login = "https://demo.acme.example/authorize?response_type=code&scope=sign%20offline\
                 &client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
                 &state=<state>&code_challenge=<code_challenge>&code_challenge_method=S256";
    assert_eq!(url(&settings), login);
    settings.set("scopes", "openid").unwrap();
    assert!(url(&settings).ends_with("&nonce=<nonce>"));
}
