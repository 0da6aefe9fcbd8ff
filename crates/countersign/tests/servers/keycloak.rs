//! Keycloak: its issuer has a path, and it is stricter than most servers about what it accepts.
//!
//! Needs node, Maven and Java 17, and downloads 164 MB. So these tests run only on request:
//! `cargo xtask servers`.

mod server;

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use countersign_core::{
    Client, ErrorKind, Login, Network, Revocation, ServerMetadata, SystemClock, UreqTransport,
    Verdict, discover,
};
use serde_json::Value;

use self::server::SERVER;
use super::{browser, client, connection};

fn metadata() -> ServerMetadata {
    let transport = UreqTransport::new(&Network::default()).unwrap();
    discover(&SERVER.issuer, &transport, &SystemClock::new()).unwrap()
}

fn claims(token: &countersign_core::Token) -> Value {
    let parsed = countersign_core::jws::inspect(token.expose()).unwrap();
    serde_json::from_slice(&parsed.payload).unwrap()
}

#[test]
#[ignore = "needs Keycloak: cargo xtask servers"]
fn the_metadata_of_an_issuer_with_a_path_is_found() {
    let metadata = metadata();
    assert_eq!(metadata.issuer, SERVER.issuer);
    let endpoint = metadata.token_endpoint.unwrap();
    assert!(endpoint.as_str().starts_with(&SERVER.issuer), "{endpoint}");
    assert!(metadata.revocation_endpoint.is_some());
    assert!(metadata.registration_endpoint.is_some());
    let has = |words: &[String], word: &str| words.iter().any(|known| known == word);
    assert!(has(&metadata.code_challenge_methods_supported, "S256"));
    assert!(metadata.authorization_response_iss_parameter_supported);
    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        let algs = &metadata.token_endpoint_auth_signing_alg_values_supported;
        assert!(has(algs, alg), "{algs:?}");
    }
    for method in [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    ] {
        let methods = &metadata.token_endpoint_auth_methods_supported;
        assert!(has(methods, method), "{methods:?}");
    }
    let jwt_bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let grants = &metadata.grant_types_supported;
    assert!(has(grants, jwt_bearer), "{grants:?}");
}

#[test]
#[ignore = "needs Keycloak: cargo xtask servers"]
fn an_app_gets_a_token_by_each_client_authentication() {
    let secret = [
        ("client_id", "secret:id +%"),
        ("client_secret", "p@ss:w%rd +&=/?"),
    ];
    let signed = [("client_auth", "private_key_jwt")];
    let apps: [Vec<(&str, &str)>; 4] = [
        secret.to_vec(),
        [&secret[..], &[("client_auth", "post")]].concat(),
        [
            &signed[..],
            &[
                ("client_id", "signed-RS256"),
                ("private_key", &SERVER.keys["RS256"]),
                ("key_id", "RS256"),
            ],
        ]
        .concat(),
        [
            &signed[..],
            &[
                ("client_id", "signed-ES256"),
                ("private_key", &SERVER.keys["ES256"]),
                ("key_id", "ES256"),
            ],
        ]
        .concat(),
    ];
    let common = [("issuer", &*SERVER.issuer), ("grant", "client-credentials")];
    for app in apps {
        let client = client(&[&common, &app[..]].concat());
        let token = client.token().unwrap();
        let claims = claims(&token);
        assert_eq!(claims["iss"], *SERVER.issuer);
        let client_id = app.iter().find(|(key, _)| *key == "client_id").unwrap().1;
        assert_eq!(claims["azp"], client_id);
    }
}

#[test]
#[ignore = "needs Keycloak: cargo xtask servers"]
fn a_wrong_secret_and_a_wrong_key_are_explained() {
    let common = [("issuer", &*SERVER.issuer), ("grant", "client-credentials")];
    let secret = [("client_id", "secret:id +%"), ("client_secret", "wrong")];
    let error = client(&[common, secret].concat()).token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
    assert_eq!(error.setting_name(), Some("client_secret"), "{error}");
    let key = [
        ("client_id", "signed-ES256"),
        ("client_auth", "private_key_jwt"),
        ("private_key", &*SERVER.keys["RS256"]),
    ];
    let error = client(&[&common[..], &key].concat()).token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
    assert_eq!(error.setting_name(), Some("private_key"), "{error}");
}

/// RFC 7523: an assertion that the app signs for a user is a grant.
#[test]
#[ignore = "needs Keycloak: cargo xtask servers"]
fn an_app_signs_for_a_user() {
    let settings = |subject| {
        client(&[
            ("issuer", &SERVER.issuer),
            ("grant", "jwt-bearer"),
            ("client_id", "https://impersonator.acme.example"),
            ("client_auth", "basic"),
            ("client_secret", "impersonators-secret"),
            ("private_key", &SERVER.keys["ES256"]),
            ("key_id", "ES256"),
            ("audience", &SERVER.issuer),
            ("subject", subject),
        ])
    };
    let client = settings("joe-at-work");
    let first = client.token().unwrap();
    assert_eq!(claims(&first)["preferred_username"], "joe");
    // The server accepts each assertion once.
    assert_ne!(client.refresh_now().unwrap().expose(), first.expose());
    let error = settings("somebody-else").token().unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_grant"), "{error}");
    assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
}

fn native(folder: &Path) -> Client {
    let store = format!("file:{}", folder.display());
    let settings = [
        ("issuer", &*SERVER.issuer),
        ("grant", "authorization-code"),
        ("client_id", "native"),
        ("client_auth", "none"),
        ("redirect_uri", "http://127.0.0.1/callback"),
        ("store", &store),
    ];
    Client::new(connection("native", &settings).unwrap()).unwrap()
}

/// Logs in, consents, and returns the login and its callback.
fn log_in(tokens: &Path) -> (Login, String) {
    /// Keycloak fails forever if a person consents twice at once.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let login = native(tokens).start_login(None).unwrap();
    let callback = browser::approve(login.url().as_str(), login.redirect_uri());
    (login, callback)
}

/// Each client is another process: all that they share is the store.
#[test]
#[ignore = "needs Keycloak: cargo xtask servers"]
fn a_login_ends_with_a_rotating_refresh_token_that_can_be_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    let (login, callback) = log_in(&tokens);
    assert!(login.url().as_str().contains("code_challenge_method=S256"));
    assert!(callback.contains("iss="), "{callback}");
    let login = Login::restore(&login.save()).unwrap();
    let first = native(&tokens).complete_login(&login, &callback).unwrap();
    let scope = first.scope().unwrap_or_default();
    assert!(
        scope.split(' ').any(|word| word == "offline_access"),
        "{scope}"
    );
    let second = native(&tokens).refresh_now().unwrap();
    let third = native(&tokens).refresh_now().unwrap();
    assert_ne!(second.expose(), third.expose());
    let revocation = native(&tokens).forget().unwrap();
    assert!(matches!(revocation, Revocation::Revoked), "{revocation:?}");
    let error = native(&tokens).token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoToken, "{error}");
}

/// A backup of the store is restored, so a refresh token is spent again.
#[test]
#[ignore = "needs Keycloak: cargo xtask servers"]
fn a_refresh_token_that_was_spent_twice_is_a_dead_grant() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, backup) = (folder.path().join("tokens"), folder.path().join("backup"));
    let (login, callback) = log_in(&tokens);
    native(&tokens).complete_login(&login, &callback).unwrap();
    copy(&tokens, &backup);
    native(&tokens).refresh_now().unwrap();
    let error = native(&backup).refresh_now().unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_grant"), "{error}");
    assert_eq!(error.verdict(), Verdict::Reauthorize, "{error}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    // A store that others can read is rejected.
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
