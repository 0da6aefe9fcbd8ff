//! The exact requests to DocuSign, the settings that are rejected, and userinfo.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

#[path = "../../../../tests/providers/key.rs"]
mod key;
#[path = "../../../../tests/providers/requests.rs"]
mod requests;

use std::sync::Arc;

use countersign_core::profile::Rotation;
use countersign_core::{
    Algorithm, Client, Connection, Error, ErrorKind, Login, PresentedGrant, Provider, Settings,
    TokenTypeHint, Verdict, revocation_request, token_request,
};
use serde_json::{Value, json};

use crate::requests::{Canned, Counting, NOW, at, code, connect, rejected, request, sent};

const APP: &str = "5a3c9d2e-1f4b-4c6d-8e7f-0a1b2c3d4e5f";
const USER: &str = "464f7988-1a2b-4d5a-9a51-3f0d4b6c7a01";

/// Returns valid settings, with `more` added or overridden.
fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("provider", "docusign"),
        ("environment", "demo"),
        ("grant", "jwt-bearer"),
        ("client_id", APP),
        ("client_secret", "p+s s/"),
        ("subject", USER),
        ("redirect_uri", "https://app.example/callback?x=1"),
    ];
    pairs.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    pairs.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn docusign(more: &[(&str, &str)]) -> Connection {
    connect(countersign_docusign::provider(), &with(more)).expect("these settings work")
}

fn rejection(more: &[(&str, &str)]) -> (String, String) {
    rejected(countersign_docusign::provider(), &with(more))
}

#[test]
fn the_assertion_has_the_claims_that_docusign_requires() {
    for (environment, host) in [
        ("demo", "account-d.docusign.com"),
        ("production", "account.docusign.com"),
    ] {
        let connection = docusign(&[("environment", environment)]);
        let request = request(&connection, &PresentedGrant::JwtBearer);
        let form = request.form().expect("a form");
        assert_eq!(
            request.url().as_str(),
            format!("https://{host}/oauth/token")
        );
        assert_eq!(
            form.names().collect::<Vec<_>>(),
            ["grant_type", "assertion"]
        );
        assert_eq!(
            form.value("grant_type"),
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
        );
        assert!(request.headers().all(|(name, _)| name != "Authorization"));
        let (header, claims) = key::verified(form.value("assertion").unwrap(), Algorithm::RS256);
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
        let expected = json!({
            "iss": APP, "sub": USER, "aud": host, "scope": "signature impersonation",
            "iat": NOW - 120, "exp": NOW + 600,
        });
        assert_eq!(Value::Object(claims), expected);
    }
}

#[test]
fn the_assertion_follows_the_settings() {
    for (word, algorithm) in [("RS384", Algorithm::RS384), ("RS512", Algorithm::RS512)] {
        let connection = docusign(&[
            ("algorithm", word),
            ("audience", "account.docusign.example"),
            ("assertion_ttl_s", "3600"),
            ("scopes", "dtr.rooms.read impersonation"),
        ]);
        let request = request(&connection, &PresentedGrant::JwtBearer);
        let (header, claims) = key::verified(
            request.form().unwrap().value("assertion").unwrap(),
            algorithm,
        );
        assert_eq!(header["alg"], word);
        assert_eq!(claims["aud"], "account.docusign.example");
        assert_eq!(claims["scope"], "dtr.rooms.read impersonation");
        // The server counts the hour from `iat`.
        assert_eq!(
            (&claims["iat"], &claims["exp"]),
            (&json!(NOW - 120), &json!(NOW + 3480))
        );
    }
}

#[test]
fn each_request_has_a_new_assertion() {
    let connection = docusign(&[]);
    let issued = |now: i64| {
        let request = token_request(
            &connection,
            &PresentedGrant::JwtBearer,
            at(now),
            &Counting::default(),
        );
        let request = request.unwrap();
        let (_, claims) = key::verified(
            request.form().unwrap().value("assertion").unwrap(),
            Algorithm::RS256,
        );
        (
            claims["iat"].as_i64().unwrap(),
            claims["exp"].as_i64().unwrap(),
        )
    };
    assert_eq!(issued(NOW), (NOW - 120, NOW + 600));
    assert_eq!(issued(NOW + 1), (NOW - 119, NOW + 601));
}

#[test]
fn code_and_refresh_with_every_client_authentication() {
    let basic = Some("Basic NWEzYzlkMmUtMWY0Yi00YzZkLThlN2YtMGExYjJjM2Q0ZTVmOnArcyBzLw==");
    let exchange = "grant_type=authorization_code&code=aPrx%3D%3D&code_verifier=the-verifier";
    let refresh = "grant_type=refresh_token&refresh_token=r%2F1";
    let id = format!("&client_id={APP}");
    let id_and_secret = format!("{id}&client_secret=p%2Bs+s%2F");
    for (auth, in_body, in_header) in [
        ("", "", basic),
        ("basic", "", basic),
        ("post", id_and_secret.as_str(), None),
        ("none", id.as_str(), None),
    ] {
        for (grant, body) in [("authorization-code", exchange), ("refresh-token", refresh)] {
            // Neither sends a scope, and the code exchange sends no `redirect_uri`.
            let connection = docusign(&[("grant", grant), ("client_auth", auth)]);
            let spent = match grant {
                "refresh-token" => PresentedGrant::RefreshToken("r/1".into()),
                _ => code(),
            };
            let expected = (
                "https://account-d.docusign.com/oauth/token".to_owned(),
                format!("{body}{in_body}"),
                in_header.map(str::to_owned),
            );
            assert_eq!(sent(&connection, &spent), expected, "{grant} {auth}");
        }
    }
    // A connection that logs in refreshes the same way.
    let connection = docusign(&[
        ("grant", "authorization-code"),
        ("scopes", "signature extended"),
    ]);
    let refreshed = sent(&connection, &PresentedGrant::RefreshToken("r/1".into()));
    assert_eq!(
        (refreshed.1.as_str(), refreshed.2.as_deref()),
        (refresh, basic)
    );
}

#[test]
fn urls_for_people_are_exact() {
    let connection = docusign(&[]);
    let redirect = "https%3A%2F%2Fapp.example%2Fcallback%3Fx%3D1";
    assert_eq!(
        connection.consent_url().unwrap().as_str(),
        format!(
            "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id={APP}&redirect_uri={redirect}"
        ),
    );
    assert_eq!(
        connection.admin_consent_url().unwrap().as_str(),
        format!(
            "https://account-d.docusign.com/oauth/auth?response_type=code&scope=openid&client_id={APP}&redirect_uri={redirect}&admin_consent_scope=impersonation%20signature"
        ),
    );
    assert_eq!(docusign(&[("redirect_uri", "")]).consent_url(), None);

    let connection = docusign(&[
        ("grant", "authorization-code"),
        ("scopes", "signature extended"),
    ]);
    let base = format!(
        "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20extended&client_id={APP}&redirect_uri={redirect}"
    );
    let redirect_uri = connection.redirect_uri().unwrap().as_str();
    let login = Login::start(&connection, redirect_uri, &Counting::default()).unwrap();
    assert_eq!(
        login.url().as_str(),
        format!(
            "{base}&state=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8&code_challenge=6oZqdX5MOLq_qBJ8vppAnT4fk6AP8UiP9zX8-Rev_9A&code_challenge_method=S256"
        ),
    );
}

#[test]
fn settings_that_docusign_would_reject_are_rejected() {
    for (more, setting, hint) in [
        (("subject", "jo@example.com"), "subject", "API Username"),
        (("subject", "10624931"), "subject", "an account number"),
        (
            ("subject", "464f79881a2b4d5a9a513f0d4b6c7a01"),
            "subject",
            "GUID",
        ),
        (
            ("audience", "https://account-d.docusign.com"),
            "audience",
            "audience = \"account-d.docusign.com\"",
        ),
        (
            ("audience", "account-d.docusign.com/"),
            "audience",
            "audience = \"account-d.docusign.com\"",
        ),
        (("audience", "https:///"), "audience", "remove audience"),
        (
            ("base_url", "https://demo.docusign.net/restapi"),
            "base_url",
            "remove base_url",
        ),
        (
            ("scopes", "signature"),
            "scopes",
            "scopes = \"signature impersonation\"",
        ),
        (
            ("client_auth", "basic"),
            "client_auth",
            "set client_auth to one of: none",
        ),
        (("algorithm", "ES256"), "algorithm", "RS256, RS384, RS512"),
        (("environment", "stage"), "environment", "demo, production"),
        (("environment", ""), "environment", "demo, production"),
        (("grant", "client-credentials"), "grant", "jwt-bearer"),
        (("subject", ""), "subject", "grant jwt-bearer needs it"),
        (("assertion_ttl_s", "3601"), "assertion_ttl_s", "3600"),
        (
            ("extra.acount_id", "x"),
            "extra.acount_id",
            "extra.account_id",
        ),
    ] {
        let (named, said) = rejection(&[more]);
        assert_eq!(named, setting, "{more:?}");
        assert!(said.contains(hint), "{more:?}: {said}");
    }
}

#[test]
fn there_is_no_revocation_request() {
    let revocation = revocation_request(
        &docusign(&[]),
        &"t".into(),
        TokenTypeHint::RefreshToken,
        at(NOW),
        &Counting::default(),
    );
    assert!(revocation.unwrap().is_none());
}

const TOKEN: (u16, &str) = (200, r#"{"access_token":"t0ken","expires_in":3600}"#);
const ANOTHER_TOKEN: (u16, &str) = (200, r#"{"access_token":"t1ken","expires_in":3600}"#);
const TWO_ACCOUNTS: &str = r#"{"sub":"464f7988-1a2b-4d5a-9a51-3f0d4b6c7a01","name":"Jo","email":"jo@example.com",
    "created":"2015-08-13T22:03:03.45","accounts":[
    {"account_id":"aaaaaaaa-0000-4000-8000-000000000001","is_default":"false","account_name":"First","base_uri":"https://na3.docusign.net"},
    {"account_id":"bbbbbbbb-0000-4000-8000-000000000002","is_default":"true","account_name":"Second","base_uri":"https://eu.docusign.net",
     "organization":{"organization_id":"cccccccc-0000-4000-8000-000000000003","links":[]}}]}"#;

fn client(more: &[(&str, &str)], userinfo: (u16, &'static str)) -> (Client, Arc<Canned>) {
    // The last two responses are for the new token if userinfo rejects the first one.
    Canned::client(docusign(more), [TOKEN, userinfo, ANOTHER_TOKEN, userinfo])
}

fn identity_error(more: &[(&str, &str)], userinfo: (u16, &'static str)) -> Error {
    client(more, userinfo)
        .0
        .identity()
        .expect_err("there is no identity")
}

#[test]
fn userinfo_returns_the_default_account_and_is_requested_once() {
    let (client, canned) = client(&[], (200, TWO_ACCOUNTS));
    let identity = client.identity().unwrap();
    let expected = [
        ("account_id", "bbbbbbbb-0000-4000-8000-000000000002"),
        ("account_name", "Second"),
        ("base_uri", "https://eu.docusign.net"),
        ("organization_id", "cccccccc-0000-4000-8000-000000000003"),
        ("user_id", USER),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(identity.clone().into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(client.identity().unwrap(), identity);
    let asked = &canned.sent()[1..];
    let url = "https://account-d.docusign.com/oauth/userinfo".to_owned();
    assert_eq!(
        asked,
        [(url, String::new(), Some("Bearer t0ken".to_owned()))]
    );
}

#[test]
fn userinfo_returns_the_configured_account() {
    let asked = [("extra.account_id", "AAAAAAAA-0000-4000-8000-000000000001")];
    let identity = client(&asked, (200, TWO_ACCOUNTS)).0.identity().unwrap();
    assert_eq!(identity["base_uri"], "https://na3.docusign.net");
    assert_eq!(identity.get("organization_id"), None);
    // A boolean as documented, and a single account without a default.
    for accounts in [
        r#"{"sub":"u","accounts":[{"account_id":"x","is_default":false},{"account_id":"y","is_default":true}]}"#,
        r#"{"sub":"u","accounts":[{"account_id":"y"}]}"#,
    ] {
        assert_eq!(
            client(&[], (200, accounts)).0.identity().unwrap()["account_id"],
            "y"
        );
    }
}

#[test]
fn the_error_for_an_unknown_account_lists_the_users_accounts() {
    let other = [("extra.account_id", "dddddddd-0000-4000-8000-000000000004")];
    let error = identity_error(&other, (200, TWO_ACCOUNTS));
    assert_eq!(error.setting_name(), Some("extra.account_id"));
    assert_eq!(
        error.hint().unwrap(),
        "set it to one of: aaaaaaaa-0000-4000-8000-000000000001 (First), bbbbbbbb-0000-4000-8000-000000000002 (Second)",
    );
    let none_default = r#"{"accounts":[{"account_id":"x","account_name":"X"},{"account_id":"y","account_name":"Y"}]}"#;
    let error = identity_error(&[], (200, none_default));
    assert_eq!(error.setting_name(), Some("extra.account_id"));
    assert_eq!(
        identity_error(&[], (200, "{}")).kind(),
        ErrorKind::Unreadable
    );
}

#[test]
fn userinfo_errors_have_the_right_verdict() {
    let dead = r#"{"error":"internal_server_error","reference_id":"7c9f"}"#;
    for (response, kind, verdict) in [
        ((401, dead), ErrorKind::Rejected, Verdict::FixConfiguration),
        ((403, ""), ErrorKind::Rejected, Verdict::FixConfiguration),
        ((429, ""), ErrorKind::Throttled, Verdict::Retry),
        ((500, dead), ErrorKind::Unavailable, Verdict::Retry),
        ((404, "<html>"), ErrorKind::Unreadable, Verdict::Unexpected),
        ((200, "<html>"), ErrorKind::Unreadable, Verdict::Unexpected),
        (
            (200, r#"{"accounts":[{"acc"#),
            ErrorKind::Unreadable,
            Verdict::Unexpected,
        ),
    ] {
        let error = identity_error(&[], response);
        let found = (error.kind(), error.verdict(), error.http_status());
        assert_eq!(found, (kind, verdict, Some(response.0)), "{response:?}");
        assert_eq!(error.provider(), Some("docusign"));
    }
    let error = identity_error(&[], (401, dead));
    assert!(
        error.message().contains("the access token is invalid"),
        "{error}"
    );
}

#[test]
fn the_profile_describes_refresh_tokens() {
    let connection = docusign(&[("grant", "refresh-token"), ("refresh_token", "r/1")]);
    let refresh = &connection.profile().refresh;
    assert_eq!((refresh.rotation, refresh.grace_s), (Rotation::Always, 0));
    assert_eq!((refresh.idle_days, refresh.absolute_days), (Some(30), None));
    // A new login requests the same scopes as the refresh token had.
    assert_eq!(connection.scopes(), ["signature"]);
    assert_eq!(connection.profile().assertion.max_ttl_s, 3600);
}

#[test]
fn the_readmes_settings_are_valid() {
    let readme = include_str!("../README.md");
    let toml = readme
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let all = Settings::from_toml(toml.expect("an example in TOML")).unwrap();
    let mut settings = all["sign"].clone();
    // Replaces the key file, which doesn't exist.
    let pairs: Vec<_> = settings.keys().map(str::to_owned).collect();
    let kept: Vec<_> = pairs
        .iter()
        .filter(|key| *key != "private_key_file")
        .map(|key| (key.as_str(), settings.value(key).unwrap()))
        .collect();
    settings = Settings::from_pairs(kept).unwrap();
    settings.set("private_key", key::pem()).unwrap();
    let provider: Arc<dyn Provider> = countersign_docusign::provider();
    let connection = Connection::new("sign", &settings, provider).unwrap();
    assert_eq!(connection.audience(), Some("account-d.docusign.com"));
}
