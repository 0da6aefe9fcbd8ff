//! BoldSign: IdentityServer's checks and errors, PKCE, and single-use refresh tokens.

mod client;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::{Client, token_url, verified};
use countersign_sandbox::{Options, Rotation};
use serde_json::json;

#[test]
fn responses_have_the_vendors_members_and_the_id_token_verifies() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-code");
    let redirect = client
        .authorize(&connection, "allow", &[("nonce", "n1")])
        .callback();
    let mut names: Vec<_> = redirect.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["code", "scope", "session_state", "state"]);
    assert_eq!(redirect["state"], "s t=a&te");
    assert_eq!(redirect["code"].len(), 64);
    let response = client.redeem(&connection, &redirect["code"], &[]);
    assert_eq!(
        response.names(),
        [
            "access_token",
            "expires_in",
            "id_token",
            "refresh_token",
            "scope",
            "token_type"
        ]
    );
    assert_eq!(response.json()["expires_in"], 3600);
    assert_eq!(response.str("refresh_token").len(), 64);
    assert_eq!(
        response.header("cache-control"),
        "no-store, no-cache, max-age=0"
    );

    let discovery = client
        .get(
            &format!("{}/.well-known/openid-configuration", client.sandbox.url()),
            None,
        )
        .json();
    assert_eq!(discovery["issuer"], client.sandbox.url());
    assert_eq!(discovery["token_endpoint"], token_url(&connection));
    let jwks = client
        .get(discovery["jwks_uri"].as_str().unwrap(), None)
        .json();
    let claims = verified(&response.str("id_token"), &jwks);
    assert_eq!(claims["iss"], discovery["issuer"]);
    assert_eq!(claims["aud"], connection["client_id"]);
    assert_eq!(claims["nonce"], "n1");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        300
    );
    verified(&response.str("access_token"), &jwks);
}

#[test]
fn pkce_with_s256_is_required() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-code");
    let back = |extra: &[(&str, &str)]| client.authorize(&connection, "allow", extra).callback();
    let plain = "Transform algorithm not supported";
    assert_eq!(
        back(&[("code_challenge_method", "")])["error_description"],
        plain
    );
    assert_eq!(
        back(&[("code_challenge_method", "plain")])["error_description"],
        plain
    );
    assert_eq!(
        back(&[("code_challenge", "")])["error_description"],
        "code challenge required"
    );
    assert_eq!(
        back(&[("code_challenge", "short")])["error"],
        "invalid_request"
    );
    assert_eq!(
        back(&[("scope", "openid BoldSign.Nonsense")])["error"],
        "invalid_scope"
    );
    assert_eq!(
        back(&[("scope", &"x".repeat(301))])["error"],
        "invalid_request"
    );
    assert_eq!(
        back(&[("response_type", "token")])["error"],
        "unsupported_response_type"
    );
    assert_eq!(back(&[("prompt", "none")])["error"], "login_required");
    let denied = client.authorize(&connection, "deny", &[]).callback();
    assert_eq!(denied["error"], "access_denied");
    for wrong in [
        ("client_id", "x"),
        ("client_id", ""),
        ("redirect_uri", "http://x/"),
        ("redirect_uri", ""),
    ] {
        assert_eq!(
            client.authorize(&connection, "allow", &[wrong]).status,
            400,
            "{wrong:?}"
        );
    }
}

#[test]
fn a_failed_exchange_invalidates_the_code() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-code");
    for (wrong, error) in [
        (("redirect_uri", ""), "unauthorized_client"),
        (
            ("redirect_uri", "http://127.0.0.1/callback"),
            "invalid_grant",
        ),
        (("code_verifier", ""), "invalid_grant"),
        (("code_verifier", "short"), "invalid_grant"),
        (
            (
                "code_verifier",
                "wrong-but-of-a-good-length-0123456789-0123456",
            ),
            "invalid_grant",
        ),
    ] {
        let code = client.code(&connection);
        client
            .redeem(&connection, &code, &[wrong])
            .assert_error(400, error, None);
        client
            .redeem(&connection, &code, &[])
            .assert_error(400, "invalid_grant", None);
    }
    let code = client.code(&connection);
    assert_eq!(client.redeem(&connection, &code, &[]).status, 200);
    client
        .redeem(&connection, &code, &[])
        .assert_error(400, "invalid_grant", None);
    let late = client.code(&connection);
    client.sandbox.set_clock_offset(301);
    client
        .redeem(&connection, &late, &[])
        .assert_error(400, "invalid_grant", None);
}

#[test]
fn the_client_is_checked_first_and_a_wrong_one_gets_a_400_without_a_challenge() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-code");
    let mut wrong = connection.clone();
    wrong.insert("client_secret".into(), "x".into());
    let response = client.token(&wrong, &[("grant_type", "nonsense")]);
    response.assert_error(400, "invalid_client", None);
    assert_eq!(response.header("www-authenticate"), "");
    client
        .token(&connection, &[("grant_type", "nonsense")])
        .assert_error(400, "unsupported_grant_type", None);
    client
        .token(&connection, &[])
        .assert_error(400, "unsupported_grant_type", None);
    client
        .token(&connection, &[("grant_type", "client_credentials")])
        .assert_error(400, "unauthorized_client", None);
    client
        .token(&connection, &[("grant_type", "refresh_token")])
        .assert_error(400, "invalid_request", None);
    client
        .token(&connection, &[("grant_type", "authorization_code")])
        .assert_error(400, "invalid_grant", None);
    let json = client
        .send(&token_url(&connection), None, "application/json", "{}")
        .unwrap();
    json.assert_error(400, "invalid_request", None);
    client
        .get(&token_url(&connection), None)
        .assert_error(400, "invalid_request", None);
}

#[test]
fn basic_credentials_must_be_form_encoded() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-cc");
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let form = [("grant_type", "client_credentials")];
    let (id, secret) = (&connection["client_id"], &connection["client_secret"]);
    assert!(
        secret.contains('+') && secret.contains('%'),
        "{secret} needs encoding"
    );
    let header = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let url = token_url(&connection);
    assert_eq!(
        client
            .post(&url, Some(&header(&encode(secret))), &form)
            .status,
        200
    );
    client
        .post(&url, Some(&header(secret)), &form)
        .assert_error(400, "invalid_client", None);
}

#[test]
fn client_credentials_accept_only_api_scopes() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-cc");
    let ask = |scope: &str| {
        client.token(
            &connection,
            &[("grant_type", "client_credentials"), ("scope", scope)],
        )
    };
    let one = ask("BoldSign.Documents.All");
    assert_eq!(
        one.names(),
        ["access_token", "expires_in", "scope", "token_type"]
    );
    assert!(
        ask("").str("scope").contains("BoldSign.Templates.All"),
        "defaults to all of the app's scopes"
    );
    for scope in [
        "openid",
        "offline_access BoldSign.Documents.All",
        "BoldSign.Nonsense",
    ] {
        ask(scope).assert_error(400, "invalid_scope", None);
    }
}

#[test]
fn a_refresh_token_works_once_and_its_family_for_thirty_days() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-refresh");
    let first = &connection["refresh_token"];
    let second = client.refresh(&connection, first).str("refresh_token");
    client
        .refresh(&connection, first)
        .assert_error(400, "invalid_grant", None);
    client.sandbox.set_clock_offset(29 * 86_400);
    let third = client.refresh(&connection, &second).str("refresh_token");
    client.sandbox.set_clock_offset(31 * 86_400);
    client
        .refresh(&connection, &third)
        .assert_error(400, "invalid_grant", None);
    client.sandbox.reset();
    client.control("policy", &json!({"sliding": true}));
    client.sandbox.set_clock_offset(29 * 86_400);
    let second = client.refresh(&connection, first).str("refresh_token");
    client.sandbox.set_clock_offset(31 * 86_400);
    assert_eq!(client.refresh(&connection, &second).status, 200);
}

#[test]
fn rotation_can_be_off_or_revoke_the_login() {
    let with = |rotation| {
        Client::new(Options {
            rotation: Some(rotation),
            ..Options::default()
        })
    };
    let client = with(Rotation::Off);
    let connection = client.connection("boldsign-refresh");
    let first = &connection["refresh_token"];
    assert_eq!(
        &client.refresh(&connection, first).str("refresh_token"),
        first
    );
    let client = with(Rotation::ReuseKills);
    let connection = client.connection("boldsign-refresh");
    let first = &connection["refresh_token"];
    let second = client.refresh(&connection, first).str("refresh_token");
    assert_eq!(client.refresh(&connection, first).status, 400);
    client
        .refresh(&connection, &second)
        .assert_error(400, "invalid_grant", None);
}

#[test]
fn with_grace_a_client_that_lost_the_response_can_try_again() {
    let client = Client::new(Options {
        rotation: Some(Rotation::Grace),
        ..Options::default()
    });
    let connection = client.connection("boldsign-refresh");
    let first = &connection["refresh_token"];
    let lost = client.refresh(&connection, first).str("refresh_token");
    let second = client.refresh(&connection, first).str("refresh_token");
    assert_ne!(lost, second);
    let third = client.refresh(&connection, &second).str("refresh_token");
    // The grace period of the first token ended when its successor was used.
    assert_eq!(client.refresh(&connection, first).status, 400);
    client
        .refresh(&connection, &third)
        .assert_error(400, "invalid_grant", None);
}

#[test]
fn without_the_scopes_there_is_no_refresh_token_id_token_or_userinfo() {
    let client = Client::lenient();
    let mut connection = client.connection("boldsign-code");
    connection.insert("scopes".into(), "BoldSign.Documents.All".into());
    let response = client.redeem(&connection, &client.code(&connection), &[]);
    assert_eq!(
        response.names(),
        ["access_token", "expires_in", "scope", "token_type"]
    );
    let url = format!("{}/connect/userinfo", connection["base_url"]);
    let rejected = client.get(&url, Some(&response.str("access_token")));
    assert_eq!(rejected.status, 403);
    assert!(
        rejected
            .header("www-authenticate")
            .contains("insufficient_scope")
    );
}

#[test]
fn userinfo_and_revocation_behave_as_identityserver_does() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-refresh");
    let response = client.refresh(&connection, &connection["refresh_token"]);
    let access = response.str("access_token");
    let url = format!("{}/connect/userinfo", connection["base_url"]);
    let info = client.get(&url, Some(&access)).json();
    assert_eq!(info["email"], "alex@example.com");
    let bad = client.get(&url, Some("x"));
    assert_eq!(
        bad.header("www-authenticate"),
        r#"Bearer realm="IdentityServer",error="invalid_token""#
    );
    client.sandbox.set_clock_offset(3601);
    let late = client.get(&url, Some(&access));
    assert!(
        late.header("www-authenticate")
            .ends_with(r#"error_description="The access token expired""#)
    );
    client.sandbox.set_clock_offset(0);

    let revocation = format!("{}/connect/revocation", connection["base_url"]);
    let auth = [
        ("client_id", connection["client_id"].as_str()),
        ("client_secret", &connection["client_secret"]),
    ];
    let revoke = |token: &str| {
        client.post(
            &revocation,
            None,
            &[&[("token", token)], &auth[..]].concat(),
        )
    };
    assert_eq!(revoke("unknown").status, 200);
    let refresh = response.str("refresh_token");
    assert_eq!(
        (revoke(&refresh).status, revoke(&access).status),
        (200, 200)
    );
    client
        .refresh(&connection, &refresh)
        .assert_error(400, "invalid_grant", None);
    assert_eq!(
        client.get(&url, Some(&access)).status,
        200,
        "self-contained tokens can't be revoked"
    );
    client
        .post(&revocation, None, &auth)
        .assert_error(400, "invalid_request", None);
    client
        .post(&revocation, None, &[("token", "x")])
        .assert_error(400, "invalid_client", None);
    assert_eq!(client.get(&revocation, None).status, 405);
    assert_eq!(
        client
            .send(&revocation, None, "application/json", "{}")
            .unwrap()
            .status,
        415
    );
}
