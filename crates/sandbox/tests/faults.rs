//! Injected faults over real sockets, and the controls.

mod client;

use client::{Client, raw_post, token_url};
use countersign_sandbox::{Fault, Kind, rows};
use serde_json::{Value, json};

#[test]
fn every_row_can_be_injected() {
    let client = Client::lenient();
    let all = client.connections();
    for row in rows() {
        client.sandbox.fault(Fault::row(row.id)).unwrap();
        let connection = &all[&format!("{}-refresh", row.provider.as_str())];
        let response = client.refresh(connection, "x");
        response.assert_error(row.status, row.error, row.description);
        assert_eq!(
            client.sandbox.log().last().unwrap().fault.as_deref(),
            Some(row.id)
        );
    }
}

#[test]
fn a_fault_affects_only_matching_requests_and_only_so_often() {
    let client = Client::lenient();
    let jwt = client.connection("docusign-jwt");
    let refresh = client.connection("docusign-refresh");
    let posted = client.control(
        "faults",
        &json!({"status": 503, "provider": "docusign", "grant": "jwt-bearer", "times": 2}),
    );
    assert_eq!(posted.json()["pending"].as_array().unwrap().len(), 1);
    assert_eq!(
        client.grant(&client.connection("salesforce-jwt")).status,
        200
    );
    assert_eq!(
        client.refresh(&refresh, &refresh["refresh_token"]).status,
        200
    );
    assert_eq!(client.grant(&jwt).status, 503);
    assert_eq!(client.grant(&jwt).status, 503);
    assert_eq!(client.grant(&jwt).status, 200);
}

#[test]
fn a_fault_can_set_status_retry_after_and_body() {
    let client = Client::lenient();
    client.control("faults", &json!({"status": 429, "retry_after": 7}));
    let response = client.grant(&client.connection("docusign-jwt"));
    assert_eq!(
        (response.status, response.header("retry-after")),
        (429, "7")
    );
    client.control(
        "faults",
        &json!({"status": 200, "body": "{\"error\":\"odd\"}"}),
    );
    let odd = client.grant(&client.connection("docusign-jwt"));
    assert_eq!(
        (odd.status, odd.text.as_str()),
        (200, "{\"error\":\"odd\"}")
    );
}

#[test]
fn each_kind_changes_the_response() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    let with = |fault: Value| {
        assert_eq!(client.control("faults", &fault).status, 200);
        client.grant(&connection)
    };
    let html = with(json!({"kind": "html"}));
    assert_eq!(html.status, 503);
    assert!(
        html.header("content-type").starts_with("text/html") && html.text.contains("maintenance")
    );
    let truncated = with(json!({"kind": "truncated_json"}));
    assert!(
        truncated.text.starts_with('{') && serde_json::from_str::<Value>(&truncated.text).is_err()
    );
    let giant = with(json!({"kind": "giant"}));
    assert!(giant.text.len() > 2 << 20 && giant.json()["access_token"].is_string());
    let empty = with(json!({"kind": "empty"}));
    assert_eq!((empty.status, empty.text.as_str()), (200, ""));
    let not_json = with(json!({"kind": "not_json"}));
    assert!(
        not_json.header("content-type").starts_with("text/html") && not_json.json().is_object()
    );
    let slow = with(json!({"kind": "slow", "ms": 1}));
    assert!(slow.json()["access_token"].is_string());
}

#[test]
fn clients_that_follow_an_injected_redirect_are_logged() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    client.sandbox.fault(Fault::kind(Kind::Redirect)).unwrap();
    let response = client.grant(&connection);
    assert_eq!(response.status, 307);
    let landed = |client: &Client| {
        client
            .sandbox
            .full_log()
            .iter()
            .filter(|e| e.endpoint == "landed")
            .count()
    };
    assert_eq!(landed(&client), 0);
    assert_eq!(
        client.post(response.header("location"), None, &[]).status,
        200
    );
    assert_eq!(landed(&client), 1);
}

#[test]
fn a_connection_cut_before_reading_changes_nothing() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-refresh");
    client.sandbox.fault(Fault::kind(Kind::CutBefore)).unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", connection["refresh_token"].as_str()),
    ];
    assert!(client.try_token(&connection, &form).is_err());
    let entry = client.sandbox.log().pop().unwrap();
    assert_eq!(
        (entry.status, entry.fault.as_deref()),
        (None, Some("cut_before"))
    );
    assert!(entry.fields.is_empty(), "the body was not read");
    assert_eq!(client.token(&connection, &form).status, 200);
}

#[test]
fn a_connection_cut_after_the_request_loses_the_response() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-refresh");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", connection["refresh_token"].as_str()),
    ];
    client.control(
        "faults",
        &json!({"kind": "cut_after", "grant": "refresh-token"}),
    );
    assert!(client.try_token(&connection, &form).is_err());
    client
        .token(&connection, &form)
        .assert_error(400, "invalid_grant", None);
}

#[test]
fn an_endless_response_ends_with_a_reset() {
    let client = Client::lenient();
    let connection = client.connection("boldsign-cc");
    let slow = Fault {
        ms: 1,
        endless: true,
        times: 2,
        ..Fault::kind(Kind::Slow)
    };
    client.sandbox.fault(slow).unwrap();
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &connection["client_id"])
        .append_pair("client_secret", &connection["client_secret"])
        .finish();
    let url = token_url(&connection);
    let some = raw_post(&url, &form, 6000);
    assert!(some.len() >= 6000, "ended after {} bytes", some.len());
    std::thread::scope(|scope| {
        let whole = scope.spawn(|| raw_post(&url, &form, usize::MAX));
        while client.sandbox.log().len() < 2 {
            std::thread::yield_now();
        }
        client.sandbox.reset();
        let whole = String::from_utf8(whole.join().unwrap()).unwrap();
        assert!(whole.ends_with("0\r\n\r\n"), "{whole}");
    });
}

#[test]
fn other_endpoints_can_fail_too() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    client.control("faults", &json!({"status": 500, "endpoint": "userinfo"}));
    let token = client.grant(&connection).str("access_token");
    let url = format!("{}/oauth/userinfo", connection["base_url"]);
    assert_eq!(client.get(&url, Some(&token)).status, 500);
    assert_eq!(client.get(&url, Some(&token)).status, 200);
}

#[test]
fn controls_reject_mistakes_and_name_the_field() {
    let client = Client::lenient();
    for (path, body, field) in [
        ("faults", json!({"row": "docusign.nope"}), "row"),
        ("faults", json!({"rwo": "x"}), "rwo"),
        ("faults", json!({}), "row"),
        ("clock", json!({"offset": 1}), "offset"),
        ("policy", json!({"rotation": "sideways"}), "policy"),
        ("policy", json!({"strikt": true}), "strikt"),
        ("consent", json!({"connection": "nope"}), "nope"),
        (
            "consent",
            json!({"provider": "docusign", "client_id": "nope"}),
            "nope",
        ),
        (
            "consent",
            json!({"connection": "docusign-jwt", "user": "nope"}),
            "nope",
        ),
    ] {
        let response = client.control(path, &body);
        assert_eq!(response.status, 400, "{body}");
        assert!(response.str("error").contains(field), "{}", response.text);
    }
    assert_eq!(client.control("nothing", &json!({})).status, 404);
}

#[test]
fn the_clock_control_shifts_the_date_header() {
    let client = Client::lenient();
    let response = client.control("clock", &json!({"offset_s": 86_400 * 365 * 20}));
    assert_eq!(response.json()["offset_s"], 86_400 * 365 * 20);
    let date = client
        .grant(&client.connection("docusign-jwt"))
        .header("date")
        .to_owned();
    let year: i32 = date.split(' ').nth(3).unwrap().parse().unwrap();
    assert!(year >= 2044, "{date}");
    client.control("reset", &json!({}));
    assert_eq!(client.grant(&client.connection("docusign-jwt")).status, 200);
}

#[test]
fn the_log_shows_requests_and_no_secrets() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-refresh");
    client.refresh(&connection, &connection["refresh_token"]);
    let assertion = client.grant(&client.connection("docusign-jwt"));
    let log = client.get(&format!("{}/_sandbox/log", client.sandbox.url()), None);
    for secret in [
        &connection["refresh_token"],
        &connection["client_secret"],
        &assertion.str("access_token"),
    ] {
        assert!(!log.text.contains(secret.as_str()));
    }
    let log = log.json();
    assert_eq!(log[0]["grant"], "refresh-token");
    assert_eq!(log[0]["client_auth"], "post");
    assert_eq!(log[0]["client_id"], connection["client_id"]);
    assert_eq!(log[0]["status"], 200);
    assert_eq!(log[0]["fields"][0], json!(["grant_type", "refresh_token"]));
    assert_eq!(log[0]["fields"][1][1].as_str().unwrap().len(), 16);
    assert_eq!(log[1]["claims"]["aud"], "account-d.docusign.com");
    client.sandbox.reset();
    assert!(client.sandbox.log().is_empty());
}
