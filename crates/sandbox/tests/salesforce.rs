//! Salesforce: entry points, approval, JWT bearer, web server flow and rotation.

mod client;

use std::fs;

use base64::{
    Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD,
};
use client::{Client, Connection, now, s256};
use countersign_sandbox::{Consent, Options, Rotation};
use ring::hmac;
use serde_json::{Value, json};

fn with_rotation(rotation: Rotation) -> Client {
    Client::new(Options {
        rotation: Some(rotation),
        ..Options::default()
    })
}

#[test]
fn the_jwt_response_has_neither_expiry_nor_refresh_token() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-jwt");
    let response = client.grant(&connection);
    assert_eq!(
        response.names(),
        ["access_token", "id", "instance_url", "scope", "token_type"]
    );
    assert!(
        response
            .str("access_token")
            .starts_with("00Dx0000000BV7z!AQ")
    );
    let id = response.str("id");
    assert!(
        id.ends_with("/id/00Dx0000000BV7zEAG/005x00000012Q9PAAU"),
        "{id}"
    );
    let who = client.get(&id, Some(&response.str("access_token")));
    assert_eq!(who.json()["username"], connection["subject"]);
    let site = client.grant(&client.connection("salesforce-site-jwt"));
    assert!(site.str("sfdc_community_url").ends_with("/portal"));
}

#[test]
fn each_entry_point_has_its_audiences() {
    let client = Client::lenient();
    let login = client.connection("salesforce-jwt");
    let mine = client.connection("salesforce-mydomain-jwt");
    let site = client.connection("salesforce-site-jwt");
    let try_aud = |connection: &Connection, aud: &str| {
        let mut claims = client.claims(connection);
        claims["aud"] = aud.into();
        client.grant_with(connection, &claims).status
    };
    let url = "https://login.salesforce.com";
    for connection in [&login, &mine, &site] {
        assert_eq!(try_aud(connection, url), 200);
        assert_eq!(
            try_aud(connection, "login.salesforce.com"),
            200,
            "a bare host is tolerated"
        );
        assert_eq!(try_aud(connection, "https://login.salesforce.com/"), 400);
        assert_eq!(try_aud(connection, "https://test.salesforce.com"), 400);
    }
    assert_eq!(try_aud(&mine, &mine["base_url"]), 200);
    assert_eq!(try_aud(&site, &site["base_url"]), 200);
    assert_eq!(
        try_aud(&site, &mine["base_url"]),
        400,
        "the site's audience has its path"
    );
    assert_eq!(
        try_aud(&login, &login["base_url"]),
        400,
        "the endpoint is not the audience"
    );
    let mut claims = client.claims(&login);
    claims["aud"] = "x".into();
    client.grant_with(&login, &claims).assert_error(
        400,
        "invalid_grant",
        Some("audience is invalid"),
    );
    let strict = Client::strict();
    let connection = strict.connection("salesforce-jwt");
    let mut claims = strict.claims(&connection);
    claims["aud"] = "login.salesforce.com".into();
    strict.grant_with(&connection, &claims).assert_error(
        400,
        "invalid_grant",
        Some("audience is invalid"),
    );
}

#[test]
fn each_claim_is_checked() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-jwt");
    let with = |name: &str, value: Value| {
        let mut claims = client.claims(&connection);
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        client.grant_with(&connection, &claims)
    };
    let assertion = Some("invalid assertion");
    with("iss", json!("3MVGnobody")).assert_error(
        400,
        "invalid_client_id",
        Some("client identifier invalid"),
    );
    with("exp", Value::Null).assert_error(400, "invalid_grant", assertion);
    with("exp", json!(now() - 5)).assert_error(
        400,
        "invalid_grant",
        Some("expired authorization code"),
    );
    with("nbf", json!(now() + 60)).assert_error(400, "invalid_grant", assertion);
    with("sub", json!("nobody@example.com")).assert_error(
        400,
        "invalid_grant",
        Some("user hasn't approved this consumer"),
    );
    with("sub", json!("frozen@example.com")).assert_error(
        400,
        "invalid_grant",
        Some("inactive user"),
    );
    assert_eq!(with("sub", json!("Integration@Example.com")).status, 200);
    assert_eq!(
        with("exp", json!((now() + 100).to_string())).status,
        200,
        "digits in a string"
    );
    assert_eq!(
        with("exp", json!((now() + 100) * 1000)).status,
        200,
        "milliseconds"
    );
    with("jti", json!("once"));
    with("jti", json!("once")).assert_error(
        400,
        "bad_jti_claim",
        Some("jti claim has already been used"),
    );
    let mut wrong = connection.clone();
    let key = client.sandbox.dir().join("docusign.pem");
    wrong.insert("private_key_file".into(), key.to_str().unwrap().into());
    client
        .grant(&wrong)
        .assert_error(400, "invalid_grant", assertion);
    wrong.insert(
        "private_key_file".into(),
        connection["private_key_file"].clone(),
    );
    wrong.insert("algorithm".into(), "RS512".into());
    client
        .grant(&wrong)
        .assert_error(400, "invalid_grant", assertion);

    let strict = Client::strict();
    let connection = strict.connection("salesforce-jwt");
    for exp in [json!(now() + 400), json!((now() + 100).to_string())] {
        let mut claims = strict.claims(&connection);
        claims["exp"] = exp;
        strict
            .grant_with(&connection, &claims)
            .assert_error(400, "invalid_grant", assertion);
    }
}

#[test]
fn the_folder_contains_the_certificate_and_the_key() {
    let client = Client::lenient();
    let certificate = fs::read_to_string(client.sandbox.dir().join("salesforce.crt")).unwrap();
    assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----") && certificate.len() < 4096);
    let key = fs::read_to_string(client.sandbox.dir().join("salesforce.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn a_withdrawn_approval_rejects_the_user() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-jwt");
    let change = Consent {
        connection: Some("salesforce-jwt".into()),
        allow: false,
        ..Consent::default()
    };
    client.sandbox.consent(&change).unwrap();
    client.grant(&connection).assert_error(
        400,
        "invalid_grant",
        Some("user hasn't approved this consumer"),
    );
    client
        .sandbox
        .consent(&Consent {
            allow: true,
            ..change
        })
        .unwrap();
    assert_eq!(client.grant(&connection).status, 200);
}

#[test]
fn a_policy_returns_the_same_token_while_it_is_valid() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-jwt");
    let token = || client.grant(&connection).str("access_token");
    assert_ne!(token(), token());
    client.control("policy", &json!({"same_token_while_live": true}));
    let first = token();
    assert_eq!(first, token());
}

#[test]
fn the_web_server_flow_signs_its_response() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-code");
    let code = client.code(&connection);
    assert!(code.starts_with("aPrx") && code.ends_with("=="));
    let response = client.redeem(&connection, &code, &[]);
    assert_eq!(
        response.names(),
        [
            "access_token",
            "id",
            "id_token",
            "instance_url",
            "issued_at",
            "refresh_token",
            "scope",
            "signature",
            "token_type"
        ]
    );
    assert!(response.str("refresh_token").starts_with("5Aep861"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, connection["client_secret"].as_bytes());
    let signature = STANDARD.decode(response.str("signature")).unwrap();
    let message = response.str("id") + &response.str("issued_at");
    hmac::verify(&key, message.as_bytes(), &signature).unwrap();
    assert_eq!(response.str("issued_at").len(), 13, "milliseconds");
    let jwks = client
        .get(&format!("{}/id/keys", client.sandbox.url()), None)
        .json();
    let claims = client::verified(&response.str("id_token"), &jwks);
    assert_eq!(claims["aud"], connection["client_id"]);

    client.redeem(&connection, &code, &[]).assert_error(
        400,
        "invalid_grant",
        Some("expired authorization code"),
    );
    client.redeem(&connection, "aPrxother", &[]).assert_error(
        400,
        "invalid_grant",
        Some("invalid authorization code"),
    );
    let late = client.code(&connection);
    client.sandbox.set_clock_offset(901);
    client.redeem(&connection, &late, &[]).assert_error(
        400,
        "invalid_grant",
        Some("expired authorization code"),
    );
}

#[test]
fn redirect_uri_verifier_and_secret_must_match() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-code");
    let code = client.code(&connection);
    let missing = client.redeem(&connection, &code, &[("redirect_uri", "")]);
    missing.assert_error(400, "redirect_uri_missing", Some("redirect_uri missing"));
    let other = client.redeem(
        &connection,
        &code,
        &[("redirect_uri", "http://127.0.0.1/callback")],
    );
    other.assert_error(
        400,
        "redirect_uri_mismatch",
        Some("redirect_uri must match configuration"),
    );
    for verifier in ["", "wrong"] {
        let response = client.redeem(&connection, &code, &[("code_verifier", verifier)]);
        response.assert_error(400, "invalid_grant", Some("invalid code verifier"));
    }
    let mut wrong = connection.clone();
    wrong.insert("client_secret".into(), "x".into());
    client.redeem(&wrong, &code, &[]).assert_error(
        400,
        "invalid_client",
        Some("invalid client credentials"),
    );
    wrong.insert("client_id".into(), "x".into());
    client.redeem(&wrong, &code, &[]).assert_error(
        400,
        "invalid_client_id",
        Some("client identifier invalid"),
    );
    assert_eq!(client.redeem(&connection, &code, &[]).status, 200);
    let mut by_header = connection.clone();
    by_header.insert("client_auth".into(), "basic".into());
    assert_eq!(
        client
            .redeem(&by_header, &client.code(&connection), &[])
            .status,
        200
    );
}

#[test]
fn a_long_verifier_without_a_method_is_accepted() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-code");
    let long = URL_SAFE_NO_PAD.encode((0..128).collect::<Vec<u8>>());
    let extra = [
        ("code_challenge", s256(&long)),
        ("code_challenge_method", String::new()),
    ];
    let extra: Vec<(&str, &str)> = extra.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let code = client.authorize(&connection, "allow", &extra).callback()["code"].clone();
    assert_eq!(
        client
            .redeem(&connection, &code, &[("code_verifier", &long)])
            .status,
        200
    );
}

#[test]
fn authorization_errors_are_redirects_or_pages() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-code");
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "api nonsense", "invalid_scope"),
        ("immediate", "true", "immediate_unsuccessful"),
        ("code_challenge_method", "plain", "invalid_request"),
    ] {
        let back = client
            .authorize(&connection, "allow", &[(name, value)])
            .callback();
        assert_eq!(back["error"], error);
        assert_eq!(back["state"], "s t=a&te");
    }
    let denied = client.authorize(&connection, "deny", &[]).callback();
    assert_eq!(denied["error_description"], "end-user denied authorization");
    for wrong in [
        ("client_id", "x"),
        ("redirect_uri", "http://x/callback"),
        ("redirect_uri", ""),
    ] {
        assert_eq!(client.authorize(&connection, "allow", &[wrong]).status, 400);
    }
    let without = client.authorize(&connection, "allow", &[("code_challenge", "")]);
    assert!(
        without.callback().contains_key("code"),
        "PKCE is optional by default"
    );
    client.control("policy", &json!({"require_pkce": true}));
    let without = client
        .authorize(&connection, "allow", &[("code_challenge", "")])
        .callback();
    assert_eq!(
        without["error_description"],
        "missing required code challenge"
    );
}

#[test]
fn refresh_and_id_tokens_need_scopes_and_scopes_default_to_all() {
    let client = Client::lenient();
    let mut connection = client.connection("salesforce-code");
    connection.insert("scopes".into(), "api".into());
    let response = client.redeem(&connection, &client.code(&connection), &[]);
    assert!(
        !response.names().contains(&"refresh_token".into())
            && !response.names().contains(&"id_token".into())
    );
    connection.insert("scopes".into(), String::new());
    let response = client.redeem(&connection, &client.code(&connection), &[]);
    assert!(response.str("scope").contains("full"));
    assert!(response.names().contains(&"refresh_token".into()));
}

#[test]
fn the_refresh_token_stays_the_same_unless_rotation_is_on() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-refresh");
    for _ in 0..2 {
        let response = client.refresh(&connection, &connection["refresh_token"]);
        assert_eq!(
            response.names(),
            [
                "access_token",
                "id",
                "instance_url",
                "issued_at",
                "scope",
                "signature",
                "token_type"
            ]
        );
    }
    let dead = Some("expired access/refresh token");
    client
        .refresh(&connection, "5Aep861unknown")
        .assert_error(400, "invalid_grant", dead);

    let client = with_rotation(Rotation::On);
    let connection = client.connection("salesforce-refresh");
    let second = client
        .refresh(&connection, &connection["refresh_token"])
        .str("refresh_token");
    client
        .refresh(&connection, &connection["refresh_token"])
        .assert_error(400, "invalid_grant", dead);
    assert_eq!(client.refresh(&connection, &second).status, 200);

    let client = with_rotation(Rotation::ReuseKills);
    let connection = client.connection("salesforce-refresh");
    let response = client.refresh(&connection, &connection["refresh_token"]);
    let userinfo = format!("{}/services/oauth2/userinfo", client.sandbox.url());
    assert_eq!(
        client
            .get(&userinfo, Some(&response.str("access_token")))
            .status,
        200
    );
    client
        .refresh(&connection, &connection["refresh_token"])
        .assert_error(400, "invalid_grant", dead);
    client
        .refresh(&connection, &response.str("refresh_token"))
        .assert_error(400, "invalid_grant", dead);
    let killed = client.get(&userinfo, Some(&response.str("access_token")));
    assert_eq!(
        (killed.status, killed.text.as_str()),
        (403, "Bad_OAuth_Token")
    );
}

#[test]
fn the_sixth_sign_in_revokes_the_oldest() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-code");
    let hint = [("login_hint", "casey@portal.example.com")];
    let sign_in = || {
        let code = client.authorize(&connection, "allow", &hint).callback()["code"].clone();
        client.redeem(&connection, &code, &[]).str("refresh_token")
    };
    let tokens: Vec<String> = (0..6).map(|_| sign_in()).collect();
    assert_eq!(client.refresh(&connection, &tokens[0]).status, 400);
    for token in &tokens[1..] {
        assert_eq!(client.refresh(&connection, token).status, 200);
    }
}
