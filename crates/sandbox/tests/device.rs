//! Logins on another device: a server that is strict about RFC 8628.

mod client;

use client::{Client, Response};

const APP: &str = "e7d0c2b1-4f3a-4b5c-8d6e-9f8a7b6c5d4e";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn start(client: &Client) -> Response {
    let url = format!("{}/connect/deviceauthorization", client.sandbox.url());
    client.post(
        &url,
        None,
        &[("client_id", APP), ("scope", "openid offline_access")],
    )
}

fn poll(client: &Client, code: &str) -> Response {
    let url = format!("{}/connect/token", client.sandbox.url());
    let form = [
        ("grant_type", GRANT),
        ("device_code", code),
        ("client_id", APP),
    ];
    client.post(&url, None, &form)
}

fn decide(client: &Client, started: &Response, decision: &str) -> u16 {
    let url = started.str("verification_uri_complete");
    client
        .get(&format!("{url}&_sandbox={decision}"), None)
        .status
}

#[test]
fn a_code_works_once_after_the_person_has_allowed_it() {
    let client = Client::lenient();
    let started = start(&client);
    assert_eq!(started.json()["expires_in"], 300);
    let code = started.str("device_code");
    // Each poll is a minute after the one before.
    client.sandbox.set_clock_offset(60);
    poll(&client, &code).assert_error(400, "authorization_pending", None);
    assert_eq!(decide(&client, &started, "allow"), 200);
    // A decision is final.
    assert_eq!(decide(&client, &started, "deny"), 400);
    client.sandbox.set_clock_offset(120);
    let response = poll(&client, &code);
    assert_eq!(response.json()["scope"], "openid offline_access");
    assert_eq!(response.str("refresh_token").len(), 64);
    client.sandbox.set_clock_offset(180);
    poll(&client, &code).assert_error(400, "invalid_grant", None);
}

#[test]
fn polls_that_come_too_soon_raise_the_interval() {
    let client = Client::lenient();
    let started = start(&client);
    let code = started.str("device_code");
    poll(&client, &code).assert_error(400, "slow_down", None);
    // The interval is six seconds now.
    client.sandbox.set_clock_offset(3);
    poll(&client, &code).assert_error(400, "slow_down", None);
    client.sandbox.set_clock_offset(60);
    poll(&client, &code).assert_error(400, "authorization_pending", None);
}

#[test]
fn a_code_ends() {
    let client = Client::lenient();
    let denied = start(&client);
    decide(&client, &denied, "deny");
    client.sandbox.set_clock_offset(60);
    poll(&client, &denied.str("device_code")).assert_error(400, "access_denied", None);
    let expired = start(&client);
    client.sandbox.set_clock_offset(400);
    poll(&client, &expired.str("device_code")).assert_error(400, "expired_token", None);
    assert_eq!(decide(&client, &expired, "allow"), 400);
    poll(&client, "unknown").assert_error(400, "invalid_grant", None);
}

#[test]
fn other_apps_have_no_such_login() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-code");
    let url = format!("{}/connect/deviceauthorization", client.sandbox.url());
    let form = [
        ("client_id", connection["client_id"].as_str()),
        ("client_secret", connection["client_secret"].as_str()),
        ("scope", "openid"),
    ];
    client
        .post(&url, None, &form)
        .assert_error(400, "unauthorized_client", None);
}
