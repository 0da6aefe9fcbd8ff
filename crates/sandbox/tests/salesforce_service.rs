//! Salesforce: client credentials, introspection, revocation, response formats and other grants.

mod client;

use std::fs;

use client::{Client, basic, now, sign, token_url};
use serde_json::{Value, json};

#[test]
fn client_credentials_need_my_domain_and_a_user_to_run_as() {
    let client = Client::lenient();
    let form = [("grant_type", "client_credentials")];
    let mut connection = client.connection("salesforce-cc");
    let response = client.token(&connection, &form);
    assert_eq!(
        response.names(),
        [
            "access_token",
            "api_instance_url",
            "id",
            "instance_url",
            "issued_at",
            "scope",
            "signature",
            "token_type"
        ]
    );
    connection.insert("base_url".into(), client.sandbox.url().into());
    let rejected = client.token(&connection, &form);
    rejected.assert_error(
        400,
        "invalid_grant",
        Some("request not supported on this domain"),
    );
    let mut web = client.connection("salesforce-code");
    web.insert(
        "base_url".into(),
        client.connection("salesforce-cc")["base_url"].clone(),
    );
    client.token(&web, &form).assert_error(
        400,
        "invalid_grant",
        Some("no client credentials user enabled"),
    );
    web.insert("client_secret".into(), "x".into());
    client.token(&web, &form).assert_error(
        400,
        "invalid_client",
        Some("invalid client credentials"),
    );
    let bad = client.post(&token_url(&web), Some("Basic ***"), &form);
    assert_eq!(bad.str("error"), "invalid_basic_auth_header");
}

#[test]
fn a_client_assertion_is_checked_like_any_other() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-cc-private-key-jwt");
    let id = connection["client_id"].clone();
    let url = token_url(&connection);
    let key = fs::read_to_string(&connection["private_key_file"]).unwrap();
    let with = |kind: &str, claims: &Value| {
        client.post(
            &url,
            None,
            &[
                ("grant_type", "client_credentials"),
                ("client_id", &id),
                ("client_assertion_type", kind),
                ("client_assertion", &sign(&key, "RS256", claims)),
            ],
        )
    };
    const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let good =
        json!({"iss": id, "sub": id, "aud": connection["base_url"], "exp": now() + 60, "jti": "1"});
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims["jti"] = name.into();
        with(KIND, &claims)
    };
    for (name, value) in [
        ("aud", json!("https://login.salesforce.com/x")),
        ("iss", json!("other")),
        ("sub", json!("other")),
        ("exp", json!(now() - 5)),
        ("iat", json!(now() + 50)),
    ] {
        changed(name, value).assert_error(
            400,
            "invalid_client",
            Some("invalid client credentials"),
        );
    }
    assert_eq!(with("saml", &good).str("error"), "invalid_assertion_type");
    assert_eq!(with(KIND, &good).status, 200);
    assert_eq!(with(KIND, &good).status, 400, "its jti has been used");
    let log = client.sandbox.log();
    assert!(log.iter().all(|e| e.client_auth == "private_key_jwt"));
    assert_eq!(
        log.last().unwrap().claims.as_ref().unwrap()["iss"],
        id.as_str()
    );
}

#[test]
fn introspection_returns_the_expiry_and_a_revoked_token_is_inactive() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-refresh");
    let base = &connection["base_url"];
    let auth = basic(&connection["client_id"], &connection["client_secret"]);
    let look = |token: &str| {
        let url = format!("{base}/services/oauth2/introspect");
        client.post(&url, Some(&auth), &[("token", token)]).json()
    };
    let token = client
        .refresh(&connection, &connection["refresh_token"])
        .str("access_token");
    let live = look(&token);
    assert_eq!(
        (&live["active"], &live["username"]),
        (&json!(true), &json!("integration@example.com"))
    );
    assert_eq!(
        live["exp"].as_i64().unwrap() - live["iat"].as_i64().unwrap(),
        7200
    );
    assert_eq!(look("nonsense"), json!({"active": false}));
    assert_eq!(
        look(&connection["refresh_token"])["token_type"],
        "refresh_token"
    );

    let revoke =
        |form: &[(&str, &str)]| client.post(&format!("{base}/services/oauth2/revoke"), None, form);
    let done = revoke(&[("token", &connection["refresh_token"])]);
    assert_eq!((done.status, done.text.as_str()), (200, ""));
    assert_eq!(
        look(&token),
        json!({"active": false}),
        "revokes its access tokens as well"
    );
    assert_eq!(
        client
            .refresh(&connection, &connection["refresh_token"])
            .status,
        400
    );
    let unknown = revoke(&[("token", "nonsense")]);
    assert_eq!(unknown.status, 400);
    assert!(
        unknown.text.starts_with("error=invalid_token&"),
        "a form, not JSON: {}",
        unknown.text
    );
    let hint = revoke(&[("token", "x"), ("token_type_hint", "id_token")]);
    assert!(hint.text.starts_with("error=unsupported_token_type&"));
}

#[test]
fn responses_are_form_or_xml_on_request() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-refresh");
    let ask = |format: &str| {
        client.token(
            &connection,
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", &connection["refresh_token"]),
                ("format", format),
            ],
        )
    };
    assert!(
        ask("urlencoded")
            .text
            .starts_with("access_token=00Dx0000000BV7z%21AQ")
    );
    assert!(
        ask("xml")
            .text
            .contains("<OAuth><access_token>00Dx0000000BV7z!AQ")
    );
    assert!(ask("json").json().is_object());
}

#[test]
fn other_grants_and_methods_are_rejected() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-jwt");
    let url = token_url(&connection);
    let unsupported = Some("grant type not supported");
    client
        .post(&url, None, &[("grant_type", "password")])
        .assert_error(400, "unsupported_grant_type", unsupported);
    let json = client.send(&url, None, "application/json", "{}").unwrap();
    json.assert_error(400, "unsupported_grant_type", unsupported);
    client
        .get(&url, None)
        .assert_error(400, "invalid_request", Some("must use HTTP POST"));
    let no_grant = client.connection("salesforce-cc");
    let mut as_code = no_grant.clone();
    as_code.insert("scopes".into(), "api".into());
    as_code.insert("base_url".into(), client.sandbox.url().into());
    let back = client.authorize(&as_code, "allow", &[]).callback();
    assert_eq!(back["error"], "oauth_flow_disabled");
}
