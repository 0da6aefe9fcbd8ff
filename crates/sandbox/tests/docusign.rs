//! DocuSign: the account server's checks, their order, and its responses.

mod client;

use std::fs;

use client::{CALLBACK, Client, JWT_BEARER, basic, now, sign, token_url};
use countersign_sandbox::{Consent, Options, Rotation};
use serde_json::{Value, json};

const NO_KEYS: Option<&str> = Some("no_valid_keys_or_signatures");

#[test]
fn responses_have_the_vendors_members_and_headers() {
    let client = Client::lenient();
    let response = client.grant(&client.connection("docusign-jwt"));
    assert_eq!(
        response.names(),
        ["access_token", "expires_in", "scope", "token_type"]
    );
    assert_eq!(response.json()["expires_in"], 3600);
    assert!(response.str("access_token").starts_with("eyJ"));
    let rejected = client.assert_as(&client.connection("docusign-jwt"), "x.y.z");
    rejected.assert_error(400, "invalid_grant", NO_KEYS);
    assert_eq!(
        rejected.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(rejected.header("cache-control"), "no-cache");
    assert_eq!(rejected.header("expires"), "-1");
    assert_eq!(rejected.header("x-docusign-tracetoken").len(), 36);
}

#[test]
fn each_claim_is_checked() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    let with = |name: &str, value: Value| {
        let mut claims = client.claims(&connection);
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        client.grant_with(&connection, &claims)
    };
    let invalid = "invalid_grant";
    with("iss", json!("11111111-1111-1111-1111-111111111111")).assert_error(
        400,
        invalid,
        Some("issuer_not_found"),
    );
    for aud in [
        json!("https://account-d.docusign.com"),
        json!("account-d.docusign.com/"),
        json!("account.docusign.com"),
        json!(client.sandbox.url()),
        Value::Null,
    ] {
        with("aud", aud).assert_error(400, invalid, NO_KEYS);
    }
    with("exp", Value::Null).assert_error(400, invalid, NO_KEYS);
    with("exp", json!("soon")).assert_error(400, invalid, NO_KEYS);
    with("exp", json!(now() - 5)).assert_error(400, invalid, Some("expired_grant"));
    with("iat", json!(now() + 30)).assert_error(400, invalid, NO_KEYS);
    with("nbf", json!(now() + 30)).assert_error(400, invalid, NO_KEYS);
    with("sub", Value::Null).assert_error(400, invalid, NO_KEYS);
    with("sub", json!("")).assert_error(400, invalid, Some("invalid_subject"));
    for unknown in [
        "alex@example.com",
        "6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb03",
        "someone",
    ] {
        with("sub", json!(unknown)).assert_error(400, invalid, Some("user_not_found"));
    }
    with("scope", json!("signature")).assert_error(400, "consent_required", None);
    with("scope", json!("signature impersonation click.send")).assert_error(
        400,
        "consent_required",
        None,
    );
    assert_eq!(with("iat", Value::Null).status, 200, "iat is optional");
    assert_eq!(
        with("exp", json!(now() + 86_400)).status,
        200,
        "only strict limits the lifetime"
    );
    let mut policy = client.sandbox.policy();
    policy.strict_exp_max = Some(true);
    client.sandbox.set_policy(policy);
    with("exp", json!(now() + 86_400)).assert_error(400, invalid, NO_KEYS);
    assert_eq!(with("exp", json!(now() + 3590)).status, 200);
}

#[test]
fn the_signature_is_checked_against_every_registered_key() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    let claims = client.claims(&connection);
    let key = |name: &str| fs::read_to_string(client.sandbox.dir().join(name)).unwrap();
    let spare = sign(&key("docusign-spare.pem"), "RS256", &claims);
    assert_eq!(client.assert_as(&connection, &spare).status, 200);
    let foreign = sign(&key("salesforce.pem"), "RS256", &claims);
    client
        .assert_as(&connection, &foreign)
        .assert_error(400, "invalid_grant", NO_KEYS);
    let good = sign(&key("docusign.pem"), "RS256", &claims);
    let mut parts: Vec<&str> = good.split('.').collect();
    parts[2] = "";
    client
        .assert_as(&connection, &parts.join("."))
        .assert_error(400, "invalid_grant", NO_KEYS);
    assert_eq!(client.assert_as(&connection, &good).status, 200);
    assert_eq!(
        client.assert_as(&connection, &good).status,
        200,
        "DocuSign is not known to reject a replay"
    );
}

#[test]
fn rs384_and_rs512_are_accepted_unless_strict() {
    let lenient = Client::lenient();
    for name in ["docusign-jwt-rs384", "docusign-jwt-rs512"] {
        assert_eq!(lenient.grant(&lenient.connection(name)).status, 200);
    }
    let strict = Client::strict();
    let mut connection = strict.connection("docusign-jwt");
    assert_eq!(strict.grant(&connection).status, 200);
    connection.insert("algorithm".into(), "RS384".into());
    strict
        .grant(&connection)
        .assert_error(400, "invalid_grant", NO_KEYS);
}

#[test]
fn assertions_expire_by_the_sandboxs_clock_with_the_skew_as_tolerance() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    client.sandbox.set_clock_offset(3600);
    let late = client.grant(&connection);
    late.assert_error(400, "invalid_grant", Some("expired_grant"));
    client.sandbox.set_clock_offset(-3600);
    client
        .grant(&connection)
        .assert_error(400, "invalid_grant", NO_KEYS);
    client.sandbox.set_clock_offset(-120);
    let skewed = Client::new(Options {
        skew_s: 300,
        ..Options::default()
    });
    skewed.sandbox.set_clock_offset(-120);
    assert_eq!(skewed.grant(&skewed.connection("docusign-jwt")).status, 200);
    client.sandbox.reset();
    assert_eq!(client.grant(&connection).status, 200);
}

#[test]
fn consent_is_per_user_and_scope_and_can_be_given_and_withdrawn() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt-unconsented");
    let before = client.grant(&connection);
    before.assert_error(400, "consent_required", None);
    assert_eq!(before.text.len(), 28);
    let url = client::authorize_url(
        &connection,
        &[("_sandbox", "allow"), ("code_challenge", "")],
    );
    assert!(client.get(&url, None).callback().contains_key("code"));
    assert_eq!(client.grant(&connection).status, 200);
    let withdrawn = Consent {
        connection: Some("docusign-jwt-unconsented".into()),
        allow: false,
        ..Consent::default()
    };
    client.sandbox.consent(&withdrawn).unwrap();
    client
        .grant(&connection)
        .assert_error(400, "consent_required", None);
    assert_eq!(
        client.grant(&client.connection("docusign-jwt")).status,
        200,
        "the other user's consent is unchanged"
    );
    client
        .sandbox
        .consent(&Consent {
            allow: true,
            ..withdrawn
        })
        .unwrap();
    assert_eq!(client.grant(&connection).status, 200);
}

#[test]
fn an_administrator_consents_for_all_users() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt-unconsented");
    let admin = [
        ("scope", "openid"),
        ("admin_consent_scope", "impersonation signature"),
        ("code_challenge", ""),
    ];
    let response = client.authorize(&connection, "allow", &admin);
    assert_eq!(response.status, 302);
    assert_eq!(client.grant(&connection).status, 200);
}

#[test]
fn a_code_works_once_for_its_app_for_two_minutes() {
    let client = Client::lenient();
    let connection = client.connection("docusign-code");
    let code = client.code(&connection);
    assert!(code.len() > 300 && code.starts_with("eyJ"));
    let response = client.redeem(
        &connection,
        &code,
        &[("redirect_uri", ""), ("flow", "confidential")],
    );
    assert_eq!(
        response.names(),
        ["access_token", "expires_in", "refresh_token", "token_type"]
    );
    assert_eq!(response.json()["expires_in"], 28_800);
    client.redeem(&connection, &code, &[]).assert_error(
        400,
        "invalid_grant",
        Some("expired_client_token"),
    );
    client
        .redeem(&connection, "unknown", &[])
        .assert_error(400, "invalid_grant", None);

    let foreign = client.code(&client.connection("docusign-public"));
    client
        .redeem(&connection, &foreign, &[])
        .assert_error(400, "invalid_grant", None);

    let late = client.code(&connection);
    client.sandbox.set_clock_offset(121);
    client.redeem(&connection, &late, &[]).assert_error(
        400,
        "invalid_grant",
        Some("expired_client_token"),
    );
    client.sandbox.set_clock_offset(0);

    let code = client.code(&connection);
    client
        .redeem(&connection, &code, &[("code_verifier", "")])
        .assert_error(400, "invalid_grant", None);
    client
        .redeem(&connection, &code, &[("code_verifier", &"x".repeat(43))])
        .assert_error(400, "invalid_grant", None);
    assert_eq!(client.redeem(&connection, &code, &[]).status, 200);
}

#[test]
fn the_app_authenticates_by_basic_or_in_the_body() {
    let client = Client::lenient();
    let mut connection = client.connection("docusign-code");
    connection.insert("client_auth".into(), "post".into());
    assert_eq!(
        client
            .redeem(&connection, &client.code(&connection), &[])
            .status,
        200
    );
    connection.insert("client_secret".into(), "wrong".into());
    client
        .redeem(&connection, &client.code(&connection), &[])
        .assert_error(400, "invalid_grant", Some("expired_client_token"));
    connection.insert("client_auth".into(), "none".into());
    client
        .redeem(&connection, &client.code(&connection), &[])
        .assert_error(400, "invalid_grant", Some("expired_client_token"));
    let url = token_url(&connection);
    let form = [("grant_type", "authorization_code"), ("code", "x")];
    client
        .post(&url, Some("Basic ***"), &form)
        .assert_error(400, "invalid_client", None);
    client
        .post(&url, Some(&basic("nobody", "x")), &form)
        .assert_error(400, "invalid_client", None);
}

#[test]
fn a_public_app_needs_pkce_and_has_no_secret() {
    let client = Client::lenient();
    let connection = client.connection("docusign-public");
    let without = client.authorize(&connection, "allow", &[("code_challenge", "")]);
    assert_eq!(without.callback()["error"], "invalid_request");
    let plain = client.authorize(&connection, "allow", &[("code_challenge_method", "plain")]);
    assert_eq!(plain.callback()["error"], "invalid_request");
    let response = client.redeem(&connection, &client.code(&connection), &[]);
    assert_eq!(response.status, 200);
    let again = client.refresh(&connection, &response.str("refresh_token"));
    assert_eq!(again.status, 200);
    let mut secret = connection.clone();
    secret.insert("client_auth".into(), "post".into());
    secret.insert("client_secret".into(), "surplus".into());
    client
        .redeem(&secret, &client.code(&secret), &[])
        .assert_error(400, "invalid_grant", Some("expired_client_token"));
}

#[test]
fn refresh_tokens_rotate_and_extended_restarts_their_lifetime() {
    let client = Client::lenient();
    let connection = client.connection("docusign-code");
    let first = client
        .redeem(&connection, &client.code(&connection), &[])
        .str("refresh_token");
    let response = client.refresh(&connection, &first);
    assert_eq!(
        response.names(),
        [
            "access_token",
            "expires_in",
            "refresh_token",
            "scope",
            "token_type"
        ]
    );
    assert_eq!(response.str("scope"), "signature", "extended is omitted");
    let second = response.str("refresh_token");
    assert_ne!(first, second);
    assert_eq!(
        client.refresh(&connection, &first).status,
        200,
        "the old token is still valid"
    );
    client.sandbox.set_clock_offset(29 * 86_400);
    let third = client.refresh(&connection, &second).str("refresh_token");
    client.sandbox.set_clock_offset(40 * 86_400);
    client.refresh(&connection, &first).assert_error(
        400,
        "invalid_grant",
        Some("expired_client_token"),
    );
    assert_eq!(client.refresh(&connection, &third).status, 200);
    client.sandbox.reset();

    let mut plain = connection.clone();
    plain.insert("scopes".into(), "signature".into());
    let first = client
        .redeem(&plain, &client.code(&plain), &[])
        .str("refresh_token");
    client.sandbox.set_clock_offset(29 * 86_400);
    let second = client.refresh(&plain, &first).str("refresh_token");
    client.sandbox.set_clock_offset(31 * 86_400);
    client.refresh(&plain, &second).assert_error(
        400,
        "invalid_grant",
        Some("expired_client_token"),
    );
}

#[test]
fn strict_and_rotation_on_invalidate_used_refresh_tokens() {
    for options in [
        Options {
            strict: true,
            redirect_uris: vec![CALLBACK.into()],
            ..Options::default()
        },
        Options {
            rotation: Some(Rotation::On),
            ..Options::default()
        },
    ] {
        let client = Client::new(options);
        let connection = client.connection("docusign-refresh");
        let first = connection["refresh_token"].clone();
        let second = client.refresh(&connection, &first).str("refresh_token");
        client.refresh(&connection, &first).assert_error(
            400,
            "invalid_grant",
            Some("expired_client_token"),
        );
        assert_eq!(client.refresh(&connection, &second).status, 200);
    }
}

#[test]
fn withdrawing_consent_revokes_the_refresh_token_but_not_the_access_token() {
    let client = Client::lenient();
    let connection = client.connection("docusign-refresh");
    let response = client.refresh(&connection, &connection["refresh_token"]);
    client
        .sandbox
        .consent(&Consent {
            connection: Some("docusign-refresh".into()),
            allow: false,
            ..Consent::default()
        })
        .unwrap();
    let rejected = client.refresh(&connection, &response.str("refresh_token"));
    rejected.assert_error(400, "invalid_grant", Some("expired_client_token"));
    let url = format!("{}/oauth/userinfo", connection["base_url"]);
    assert_eq!(
        client.get(&url, Some(&response.str("access_token"))).status,
        200
    );
}

#[test]
fn userinfo_lists_the_accounts_and_reports_an_invalid_token_as_a_server_error() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    let token = client.grant(&connection).str("access_token");
    let url = format!("{}/oauth/userinfo", connection["base_url"]);
    let info = client.get(&url, Some(&token)).json();
    assert_eq!(info["sub"], connection["subject"]);
    let accounts = info["accounts"].as_array().unwrap();
    assert_eq!(accounts[0]["is_default"], true);
    assert_eq!(accounts[0]["base_uri"], "https://demo.docusign.net");
    assert_eq!(accounts[1]["is_default"], false);
    client.sandbox.set_clock_offset(3601);
    for token in [Some(token.as_str()), Some("nonsense"), None] {
        let dead = client.get(&url, token);
        assert_eq!(dead.status, 401);
        assert_eq!(dead.str("error"), "internal_server_error");
        assert_eq!(dead.str("reference_id").len(), 36);
    }
    let strict = Client::strict();
    let connection = strict.connection("docusign-jwt");
    let token = strict.grant(&connection).str("access_token");
    let info = strict
        .get(
            &format!("{}/oauth/userinfo", connection["base_url"]),
            Some(&token),
        )
        .json();
    assert_eq!(info["accounts"][1]["is_default"], false);
}

#[test]
fn malformed_requests_are_rejected() {
    let client = Client::lenient();
    let url = token_url(&client.connection("docusign-jwt"));
    let json = client
        .send(&url, None, "application/json", r#"{"grant_type":"x"}"#)
        .unwrap();
    json.assert_error(400, "invalid_grant", None);
    client
        .post(&url, None, &[])
        .assert_error(400, "invalid_request", None);
    client
        .post(&url, None, &[("grant_type", JWT_BEARER)])
        .assert_error(400, "invalid_request", None);
    client
        .post(&url, None, &[("grant_type", "password")])
        .assert_error(400, "unsupported_grant_type", None);
    assert_eq!(client.get(&url, None).status, 405);
}

#[test]
fn a_bad_authorization_request_gets_a_page_and_no_callback() {
    let client = Client::lenient();
    let connection = client.connection("docusign-code");
    for (wrong, text) in [
        (("client_id", "nobody"), "client id"),
        (("redirect_uri", "http://127.0.0.1:1/other"), "redirect URI"),
        (("response_type", "token"), "response type"),
        (("scope", ""), "scope"),
    ] {
        let page = client.authorize(&connection, "allow", &[wrong]);
        assert_eq!(page.status, 400, "{wrong:?}");
        assert!(
            page.text.contains(text) && page.header("location").is_empty(),
            "{}",
            page.text
        );
    }
    let denied = client.authorize(&connection, "deny", &[]).callback();
    assert_eq!(denied["error"], "access_denied");
    assert_eq!(denied["state"], "s t=a&te");
    assert!(denied.contains_key("error_message"));
}
