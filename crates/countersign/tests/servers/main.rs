//! Discovery, logins and refreshes at authorization servers that others wrote: oidc-provider, and on
//! request [Keycloak](keycloak).
//!
//! Needs node and npm, and downloads the server's packages once.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

mod browser;
mod keycloak;
mod oidc_provider;

use countersign_core::{
    Client, Connection, Error, ErrorKind, Login, Profile, Revocation, Settings, Verdict,
    from_profile,
};

use self::oidc_provider::SERVER;

const OIDC: &str = include_str!("../../../providers/catalog/profiles/oidc.toml");

fn connection(name: &str, pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let provider = from_profile(Profile::from_toml(OIDC)?);
    let mut settings = Settings::from_pairs([("provider", "oidc")])?;
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    Connection::new(name, &settings, provider)
}

fn client(pairs: &[(&str, &str)]) -> Client {
    Client::new(connection("", pairs).unwrap()).unwrap()
}

/// The first client's id and secret have characters that Basic encodes (RFC 6749 section 2.3.1).
#[test]
fn an_app_gets_a_token_by_each_client_authentication() {
    let issuer = ("issuer", SERVER.issuer.as_str());
    let grant = ("grant", "client-credentials");
    let apps: [&[(&str, &str)]; 3] = [
        &[
            ("client_id", "basic:id +%"),
            ("client_secret", "p@ss:w%rd +&=/?"),
        ],
        &[
            ("client_id", "post"),
            ("client_secret", "post-secret"),
            ("client_auth", "post"),
        ],
        &[
            ("client_id", "signed"),
            ("client_auth", "private_key_jwt"),
            ("private_key", &SERVER.private_key),
            ("key_id", "k1"),
        ],
    ];
    for app in apps {
        let client = client(&[&[issuer, grant], app].concat());
        let token = client.token().unwrap();
        assert!(token.expires_at().is_some());
        assert_eq!(client.token().unwrap().expose(), token.expose());
    }
}

#[test]
fn a_wrong_secret_is_explained() {
    let client = client(&[
        ("issuer", &SERVER.issuer),
        ("grant", "client-credentials"),
        ("client_id", "post"),
        ("client_secret", "wrong"),
        ("client_auth", "post"),
    ]);
    let error = client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
    assert_eq!(error.oauth_error(), Some("invalid_client"));
    assert_eq!(error.setting_name(), Some("client_secret"));
}

#[test]
fn a_client_authentication_that_the_server_lacks_is_refused_before_the_request() {
    let client = client(&[
        ("issuer", &SERVER.issuer),
        ("grant", "client-credentials"),
        ("client_id", "post"),
        ("client_secret", "a secret that is long enough for HMAC"),
        ("client_auth", "client_secret_jwt"),
    ]);
    let error = client.token().unwrap_err();
    assert_eq!(error.setting_name(), Some("client_auth"));
    assert_eq!(error.http_status(), None);
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("basic, post, private_key_jwt"), "{hint}");
}

#[test]
fn issuers_are_compared_exactly() {
    let issuer = format!("{}/", SERVER.issuer);
    let client = client(&[
        ("issuer", &issuer),
        ("grant", "client-credentials"),
        ("client_id", "post"),
        ("client_secret", "post-secret"),
        ("client_auth", "post"),
    ]);
    let error = client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification);
    assert_eq!(error.setting_name(), Some("issuer"));
}

/// The server demands PKCE, repeats the nonce in the ID token, and sends `iss` in the callback.
#[test]
fn a_login_ends_with_a_rotating_refresh_token_that_can_be_revoked() {
    let client = client(&[
        ("issuer", &SERVER.issuer),
        ("grant", "authorization-code"),
        ("client_id", "native"),
        ("client_auth", "none"),
        ("redirect_uri", "http://127.0.0.1/callback"),
    ]);
    let login = client.start_login(None).unwrap();
    let callback = browser::approve(login.url().as_str(), login.redirect_uri());
    assert!(callback.contains("iss="), "{callback}");
    let first = client.complete_login(&login, &callback).unwrap();
    assert_eq!(first.scope(), Some("openid offline_access"));
    let second = client.refresh_now().unwrap();
    let third = client.refresh_now().unwrap();
    assert_ne!(second.expose(), third.expose());
    let revocation = client.forget().unwrap();
    assert!(matches!(revocation, Revocation::Revoked), "{revocation:?}");
    // The code is spent, which the server must notice.
    let error = client.complete_login(&login, &callback).unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize, "{error}");
}

/// The person confirms the code on another device (RFC 8628). The server asks for a slower pace if
/// a client polls at once, which is not the case here.
#[test]
fn a_person_logs_in_on_another_device() {
    let client = client(&[
        ("issuer", &SERVER.issuer),
        ("grant", "device-code"),
        ("client_id", "television"),
    ]);
    let login = client.start_device_login().unwrap();
    assert!(login.verification_uri().starts_with(&SERVER.issuer));
    assert!(client.poll_device_login(&login).unwrap().is_none());
    browser::approve_device(login.verification_uri_complete().unwrap());
    let first = client.complete_device_login(&login, |_| Ok(())).unwrap();
    assert_eq!(client.token().unwrap().expose(), first.expose());
    assert_ne!(client.refresh_now().unwrap().expose(), first.expose());
    // The code is spent, which the server must notice.
    let error = client.poll_device_login(&login).unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_grant"), "{error}");
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    let revocation = client.forget().unwrap();
    assert!(matches!(revocation, Revocation::Revoked), "{revocation:?}");
}

#[test]
fn a_wrong_app_of_a_device_login_is_explained() {
    let client = client(&[
        ("issuer", &SERVER.issuer),
        ("grant", "device-code"),
        ("client_id", "native"),
    ]);
    let error = client.start_device_login().unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_request"), "{error}");
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
}

/// Nobody registered an app: the URL of the API is all there is (RFC 9728, RFC 7591).
#[test]
fn the_url_of_an_api_is_enough_for_a_login() {
    let resource = format!("{}/api", SERVER.issuer);
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file:{}", folder.path().join("tokens").display());
    let settings = [
        ("resource", resource.as_str()),
        ("grant", "authorization-code"),
        ("redirect_uri", "http://127.0.0.1/callback"),
        ("scopes", "openid offline_access api:read"),
        ("store", &store),
    ];
    let client = || Client::new(connection("api", &settings).unwrap()).unwrap();
    let error = client().token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoToken, "{error}");
    let login = client().start_login(None).unwrap();
    let callback = browser::approve(login.url().as_str(), login.redirect_uri());
    // The callback may reach another process, which only has the saved login.
    let login = Login::restore(&login.save()).unwrap();
    let token = client().complete_login(&login, &callback).unwrap();
    let parsed = countersign_core::jws::inspect(token.expose()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&parsed.payload).unwrap();
    assert_eq!(claims["aud"], resource.as_str());
    // Another process refreshes and revokes with the registration in the store.
    assert_ne!(client().refresh_now().unwrap().expose(), token.expose());
    let revocation = client().forget().unwrap();
    assert!(matches!(revocation, Revocation::Revoked), "{revocation:?}");
}

/// Only the URL of the API is known (RFC 9728). The token is for that API alone (RFC 8707).
#[test]
fn a_protected_resource_leads_to_its_server() {
    let resource = format!("{}/api", SERVER.issuer);
    let client = client(&[
        ("resource", &resource),
        ("grant", "client-credentials"),
        ("client_id", "post"),
        ("client_secret", "post-secret"),
        ("client_auth", "post"),
        ("scopes", "api:read"),
    ]);
    let token = client.token().unwrap();
    let parsed = countersign_core::jws::inspect(token.expose()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&parsed.payload).unwrap();
    assert_eq!(claims["aud"], resource.as_str());
    assert_eq!(claims["iss"], SERVER.issuer.as_str());
    assert_eq!(claims["scope"], "api:read");
}
