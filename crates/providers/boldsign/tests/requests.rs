//! The exact requests to BoldSign, the settings that are rejected, and userinfo.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

#[path = "../../../../tests/providers/key.rs"]
mod key;
#[path = "../../../../tests/providers/requests.rs"]
mod requests;

use countersign_core::profile::{PkceSupport, Rotation};
use countersign_core::{
    BasicEncoding, Connection, ErrorKind, GrantKind, Login, PresentedGrant, Settings,
    TokenTypeHint, Verdict, revocation_request,
};

use crate::requests::{Canned, Counting, NOW, at, code, connect, rejected, sent, taken_apart};

/// Returns valid settings, with `more` added or overridden.
fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("provider", "boldsign"),
        ("environment", "us"),
        ("grant", "authorization-code"),
        ("client_id", "the app"),
        ("client_secret", "p+s s/"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    pairs.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    pairs.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn boldsign(more: &[(&str, &str)]) -> Connection {
    connect(countersign_boldsign::provider(), &with(more)).expect("these settings work")
}

#[test]
fn every_grant_with_every_client_authentication() {
    // Form-encoded before base64 (RFC 6749 section 2.3.1): `the+app:p%2Bs+s%2F`.
    let basic = Some("Basic dGhlK2FwcDpwJTJCcytzJTJG");
    let in_form = "&client_id=the+app&client_secret=p%2Bs+s%2F";
    let exchange = "grant_type=authorization_code&code=aPrx%3D%3D&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_verifier=the-verifier";
    let refresh = "grant_type=refresh_token&refresh_token=A1";
    let own = "grant_type=client_credentials";
    for (auth, in_body, in_header) in [
        ("", in_form, None),
        ("post", in_form, None),
        ("basic", "", basic),
    ] {
        for (grant, spent, body) in [
            ("authorization-code", code(), exchange),
            (
                "refresh-token",
                PresentedGrant::RefreshToken("A1".into()),
                refresh,
            ),
            ("client-credentials", PresentedGrant::ClientCredentials, own),
        ] {
            let connection = boldsign(&[("grant", grant), ("client_auth", auth)]);
            let expected = (
                "https://account.boldsign.com/connect/token".to_owned(),
                format!("{body}{in_body}"),
                in_header.map(str::to_owned),
            );
            assert_eq!(sent(&connection, &spent), expected, "{grant} {auth}");
        }
    }
    // A connection that logs in refreshes without a scope, too.
    let refreshed = sent(&boldsign(&[]), &PresentedGrant::RefreshToken("A1".into()));
    assert_eq!(refreshed.1, format!("{refresh}{in_form}"));
}

#[test]
fn client_credentials_send_scopes() {
    let scopes = ("scopes", "BoldSign.Documents.Read BoldSign.Templates.Read");
    let connection = boldsign(&[("grant", "client-credentials"), scopes]);
    let (_, body, _) = sent(&connection, &PresentedGrant::ClientCredentials);
    assert_eq!(
        body,
        "grant_type=client_credentials&scope=BoldSign.Documents.Read+BoldSign.Templates.Read&client_id=the+app&client_secret=p%2Bs+s%2F",
    );
}

#[test]
fn raw_basic_encoding_can_be_set() {
    let connection = boldsign(&[("client_auth", "basic"), ("basic_encoding", "raw")]);
    assert_eq!(connection.basic_encoding(), BasicEncoding::Raw);
    let (_, _, header) = sent(&connection, &PresentedGrant::RefreshToken("A1".into()));
    assert_eq!(header.as_deref(), Some("Basic dGhlIGFwcDpwK3Mgcy8="));
}

#[test]
fn each_region_has_its_hosts() {
    for (region, account, api) in [
        (
            "us",
            "https://account.boldsign.com",
            "https://api.boldsign.com",
        ),
        (
            "eu",
            "https://account-eu.boldsign.com",
            "https://api-eu.boldsign.com",
        ),
        (
            "ca",
            "https://account-ca.boldsign.com",
            "https://api-ca.boldsign.com",
        ),
        (
            "au",
            "https://account-au.boldsign.com",
            "https://api-au.boldsign.com",
        ),
    ] {
        let connection = boldsign(&[("environment", region)]);
        assert_eq!(
            connection.token_url().unwrap().as_str(),
            format!("{account}/connect/token")
        );
        assert_eq!(
            connection.userinfo_url().unwrap().as_str(),
            format!("{account}/connect/userinfo")
        );
        assert_eq!(connection.environment_extra()["api_base"], api);
        let revocation = revocation_request(
            &connection,
            &"A1".into(),
            TokenTypeHint::RefreshToken,
            at(NOW),
            &Counting::default(),
        );
        let (url, body, _) = taken_apart(&revocation.unwrap().unwrap());
        assert_eq!(url, format!("{account}/connect/revocation"));
        assert_eq!(
            body,
            "token=A1&token_type_hint=refresh_token&client_id=the+app&client_secret=p%2Bs+s%2F"
        );
    }
    let (setting, hint) = rejected(
        countersign_boldsign::provider(),
        &with(&[("environment", "")]),
    );
    assert_eq!(setting, "environment");
    assert!(hint.contains("au, ca, eu, us"), "{hint}");
}

#[test]
fn a_login_always_uses_pkce_and_sends_the_method() {
    let connection = boldsign(&[]);
    let redirect_uri = connection.redirect_uri().unwrap().as_str();
    let login = Login::start(&connection, redirect_uri, &Counting::default()).unwrap();
    assert_eq!(
        login.url().as_str(),
        "https://account.boldsign.com/connect/authorize?response_type=code&scope=openid%20profile%20email%20offline_access%20BoldSign.Documents.All&client_id=the%20app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&state=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8&code_challenge=6oZqdX5MOLq_qBJ8vppAnT4fk6AP8UiP9zX8-Rev_9A&code_challenge_method=S256&nonce=QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8",
    );
    assert_eq!(connection.consent_url(), None);
}

#[test]
fn settings_that_boldsign_does_not_support_are_rejected() {
    let own = ("grant", "client-credentials");
    for (scopes, hint) in [
        ("openid", "remove scopes"),
        (
            "BoldSign.Documents.All offline_access",
            "scopes = \"BoldSign.Documents.All\"",
        ),
        (
            "openid BoldSign.Documents.All offline_access",
            "scopes = \"BoldSign.Documents.All\"",
        ),
    ] {
        let more = [own, ("scopes", scopes)];
        let (setting, said) = rejected(countersign_boldsign::provider(), &with(&more));
        assert_eq!(setting, "scopes");
        assert!(said.contains(hint), "{said}");
    }
    for (more, setting) in [
        (("grant", "jwt-bearer"), "grant"),
        (("client_auth", "none"), "client_auth"),
        (("client_secret", ""), "client_secret"),
        (("redirect_uri", ""), "redirect_uri"),
    ] {
        assert_eq!(
            rejected(countersign_boldsign::provider(), &with(&[more])).0,
            setting
        );
    }
}

const USER: (u16, &str) = (
    200,
    r#"{"sub":"u-1","email":"jo@example.com","name":"Jo","email_verified":true}"#,
);

#[test]
fn userinfo_is_requested_if_openid_was_granted() {
    let refresh = [("grant", "refresh-token"), ("refresh_token", "A1")];
    for (response, asked) in [
        (
            r#"{"access_token":"t0ken","expires_in":3600,"scope":"openid email"}"#,
            true,
        ),
        (r#"{"access_token":"t0ken","expires_in":3600}"#, true),
        (
            r#"{"access_token":"t0ken","expires_in":3600,"scope":"BoldSign.Documents.All"}"#,
            false,
        ),
    ] {
        let (client, canned) = Canned::client(boldsign(&refresh), [(200, response), USER]);
        let identity = client.identity().unwrap();
        assert_eq!(identity["api_base"], "https://api.boldsign.com");
        let user = ["user_id", "email", "name"].map(|name| identity.get(name).map(String::as_str));
        let expected = match asked {
            true => [Some("u-1"), Some("jo@example.com"), Some("Jo")],
            false => [None; 3],
        };
        assert_eq!(user, expected, "{response}");
        assert_eq!(canned.sent().len(), if asked { 2 } else { 1 });
    }
    // A token for the app itself has no user.
    let own = boldsign(&[("grant", "client-credentials"), ("environment", "eu")]);
    let (client, canned) = Canned::client(own, [(200, r#"{"access_token":"t0ken"}"#)]);
    assert_eq!(
        client.identity().unwrap()["api_base"],
        "https://api-eu.boldsign.com"
    );
    assert_eq!(canned.sent().len(), 1);
}

#[test]
fn userinfo_errors_have_the_right_verdict() {
    let refresh = [("grant", "refresh-token"), ("refresh_token", "A1")];
    for (status, kind, verdict) in [
        // The token was replaced once, and the new one is rejected, too.
        (401, ErrorKind::Rejected, Verdict::FixConfiguration),
        (403, ErrorKind::Rejected, Verdict::FixConfiguration),
        (503, ErrorKind::Unavailable, Verdict::Retry),
    ] {
        let token = (200, r#"{"access_token":"t0ken","expires_in":3600}"#);
        let another = (200, r#"{"access_token":"t1ken","expires_in":3600}"#);
        let responses = [token, (status, ""), another, (status, "")];
        let (client, _) = Canned::client(boldsign(&refresh), responses);
        let error = client.identity().unwrap_err();
        assert_eq!(
            (error.kind(), error.verdict(), error.http_status()),
            (kind, verdict, Some(status))
        );
    }
}

#[test]
fn the_profile_describes_refresh_tokens() {
    let connection = boldsign(&[("grant", "refresh-token"), ("refresh_token", "A1")]);
    let profile = connection.profile();
    assert_eq!(
        (profile.refresh.rotation, profile.refresh.grace_s),
        (Rotation::Always, 0)
    );
    assert_eq!(
        (profile.refresh.idle_days, profile.refresh.absolute_days),
        (None, Some(30))
    );
    let login = &profile.grants[&GrantKind::AuthorizationCode];
    assert_eq!(login.refresh_scopes, ["offline_access"]);
    assert_eq!(login.pkce, PkceSupport::Required);
    assert_eq!(connection.scopes(), login.default_scopes);
}

#[test]
fn the_readmes_settings_are_valid() {
    let readme = include_str!("../README.md");
    let toml = readme
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let all = Settings::from_toml(toml.expect("an example in TOML")).unwrap();
    let settings = all["forms"]
        .clone()
        .resolve(|name| (name == "BOLDSIGN_SECRET").then(|| "s3cret".to_owned()));
    let connection = Connection::new(
        "forms",
        &settings.unwrap(),
        countersign_boldsign::provider(),
    )
    .unwrap();
    assert_eq!(connection.environment(), "eu");
}
