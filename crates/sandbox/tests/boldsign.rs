//! BoldSign: the engine's order of checks, always 400, PKCE always, one-time refresh tokens.

mod client;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::{Client, token_url, verified};
use countersign_sandbox::{Options, Rotation};
use serde_json::json;

#[test]
fn the_answer_has_the_engines_fields_and_its_id_token_verifies() {
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
    let answer = client.redeem(&connection, &redirect["code"], &[]);
    assert_eq!(
        answer.names(),
        [
            "access_token",
            "expires_in",
            "id_token",
            "refresh_token",
            "scope",
            "token_type"
        ]
    );
    assert_eq!(answer.json()["expires_in"], 3600);
    assert_eq!(answer.str("refresh_token").len(), 64);
    assert_eq!(
        answer.header("cache-control"),
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
    let claims = verified(&answer.str("id_token"), &jwks);
    assert_eq!(claims["iss"], discovery["issuer"]);
    assert_eq!(claims["aud"], connection["client_id"]);
    assert_eq!(claims["nonce"], "n1");
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        300
    );
    verified(&answer.str("access_token"), &jwks);
}

#[test]
fn pkce_is_mandatory_and_an_absent_method_means_plain() {
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
fn a_failed_exchange_burns_the_code() {
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
            .refused(400, error, None);
        client
            .redeem(&connection, &code, &[])
            .refused(400, "invalid_grant", None);
    }
    let code = client.code(&connection);
    assert_eq!(client.redeem(&connection, &code, &[]).status, 200);
    client
        .redeem(&connection, &code, &[])
        .refused(400, "invalid_grant", None);
    let late = client.code(&connection);
    client.sandbox.set_clock_offset(301);
    client
        .redeem(&connection, &late, &[])
        .refused(400, "invalid_grant", None);
}

#[test]
fn a_bad_client_is_a_400_without_a_challenge_and_is_checked_first() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-code");
    let mut wrong = connection.clone();
    wrong.insert("client_secret".into(), "x".into());
    let answer = client.token(&wrong, &[("grant_type", "nonsense")]);
    answer.refused(400, "invalid_client", None);
    assert_eq!(answer.header("www-authenticate"), "");
    client
        .token(&connection, &[("grant_type", "nonsense")])
        .refused(400, "unsupported_grant_type", None);
    client
        .token(&connection, &[])
        .refused(400, "unsupported_grant_type", None);
    client
        .token(&connection, &[("grant_type", "client_credentials")])
        .refused(400, "unauthorized_client", None);
    client
        .token(&connection, &[("grant_type", "refresh_token")])
        .refused(400, "invalid_request", None);
    client
        .token(&connection, &[("grant_type", "authorization_code")])
        .refused(400, "invalid_grant", None);
    let json = client
        .send(&token_url(&connection), None, "application/json", "{}")
        .unwrap();
    json.refused(400, "invalid_request", None);
    client
        .get(&token_url(&connection), None)
        .refused(400, "invalid_request", None);
}

#[test]
fn basic_is_form_encoded_first() {
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
        .refused(400, "invalid_client", None);
}

#[test]
fn client_credentials_carry_api_scopes_only() {
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
        "all of the app's"
    );
    for scope in [
        "openid",
        "offline_access BoldSign.Documents.All",
        "BoldSign.Nonsense",
    ] {
        ask(scope).refused(400, "invalid_scope", None);
    }
}

#[test]
fn a_refresh_token_works_once_and_for_thirty_days_in_all() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-refresh");
    let first = &connection["refresh_token"];
    let second = client.refresh(&connection, first).str("refresh_token");
    client
        .refresh(&connection, first)
        .refused(400, "invalid_grant", None);
    client.sandbox.set_clock_offset(29 * 86_400);
    let third = client.refresh(&connection, &second).str("refresh_token");
    client.sandbox.set_clock_offset(31 * 86_400);
    client
        .refresh(&connection, &third)
        .refused(400, "invalid_grant", None);
    client.sandbox.reset();
    client.control("policy", &json!({"sliding": true}));
    client.sandbox.set_clock_offset(29 * 86_400);
    let second = client.refresh(&connection, first).str("refresh_token");
    client.sandbox.set_clock_offset(31 * 86_400);
    assert_eq!(client.refresh(&connection, &second).status, 200, "slid");
}

#[test]
fn rotation_can_be_off_or_deadly() {
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
        .refused(400, "invalid_grant", None);
}

#[test]
fn under_grace_a_lost_answer_can_be_asked_for_again() {
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
    // The grace of the first ended with the use of its successor.
    assert_eq!(client.refresh(&connection, first).status, 400);
    client
        .refresh(&connection, &third)
        .refused(400, "invalid_grant", None);
}

#[test]
fn without_offline_access_and_openid_there_is_less() {
    let client = Client::lenient();
    let mut connection = client.connection("boldsign-code");
    connection.insert("scopes".into(), "BoldSign.Documents.All".into());
    let answer = client.redeem(&connection, &client.code(&connection), &[]);
    assert_eq!(
        answer.names(),
        ["access_token", "expires_in", "scope", "token_type"]
    );
    let url = format!("{}/connect/userinfo", connection["base_url"]);
    let refused = client.get(&url, Some(&answer.str("access_token")));
    assert_eq!(refused.status, 403);
    assert!(
        refused
            .header("www-authenticate")
            .contains("insufficient_scope")
    );
}

#[test]
fn userinfo_and_revocation_follow_the_engine() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-refresh");
    let answer = client.refresh(&connection, &connection["refresh_token"]);
    let access = answer.str("access_token");
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
    let refresh = answer.str("refresh_token");
    assert_eq!(
        (revoke(&refresh).status, revoke(&access).status),
        (200, 200)
    );
    client
        .refresh(&connection, &refresh)
        .refused(400, "invalid_grant", None);
    assert_eq!(
        client.get(&url, Some(&access)).status,
        200,
        "self-contained tokens live on"
    );
    client
        .post(&revocation, None, &auth)
        .refused(400, "invalid_request", None);
    client
        .post(&revocation, None, &[("token", "x")])
        .refused(400, "invalid_client", None);
    assert_eq!(client.get(&revocation, None).status, 405);
    assert_eq!(
        client
            .send(&revocation, None, "application/json", "{}")
            .unwrap()
            .status,
        415
    );
}
