//! Runs the cases of `tests/adapters`, which adapters in all languages share.

mod senders;
mod servers;

use std::sync::Arc;

use countersign::core::MemoryStore;
use countersign::testing::{self, TestClient};
use countersign::{Client, ErrorKind, Verdict};
use serde::Deserialize;

use self::senders::Sender;
use self::servers::Servers;

#[derive(Deserialize)]
struct Shared {
    clear_text: ClearText,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct ClearText {
    rejected: Vec<String>,
    sent: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// A provider whose tokens have other headers.
    provider: Option<String>,
    calls: Vec<Call>,
    responses: Vec<servers::Response>,
    #[serde(flatten)]
    followed: Expected,
    #[serde(default)]
    redirects: bool,
    not_followed: Option<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    sent: Vec<Sent>,
    status: Vec<u16>,
}

/// What a case's caller sends.
#[derive(Clone, Deserialize)]
struct Call {
    url: String,
    body: Option<String>,
    #[serde(default)]
    stream: bool,
    authorization: Option<String>,
}

#[derive(Deserialize)]
struct Sent {
    to: String,
    path: String,
    token: String,
    #[serde(default)]
    body: String,
}

fn shared() -> Shared {
    let cases = include_str!("../../../../tests/adapters/cases.json");
    serde_json::from_str(cases).unwrap()
}

/// Returns a client whose first two tokens are `t1` and `t2`.
fn test_client() -> TestClient {
    let responses = ["t1", "t2"].map(|token| Ok(testing::token_response(token, 3600)));
    testing::client(responses)
}

/// Returns what a case names the token that a request arrived with.
fn named(arrived: &servers::Arrived, has_own_headers: bool) -> String {
    if !has_own_headers {
        return token_of(arrived.authorization.as_deref()).to_owned();
    }
    let own = |name: &str| arrived.own.iter().find(|(own, _)| own == name);
    match (own("x-acme-token"), own("x-acme-tenant")) {
        (None, None) => "none".to_owned(),
        (Some((_, token)), Some(_)) => token_of(Some(&format!("Bearer {token}"))).to_owned(),
        _ => "a part of one".to_owned(),
    }
}

/// Returns what a case names the token in this header.
fn token_of(authorization: Option<&str>) -> &str {
    match authorization {
        None => "none",
        Some("Bearer t1") => "first",
        Some("Bearer t2") => "second",
        Some(other) => other,
    }
}

fn run_case(case: &Case, sender: &dyn Sender, client: &Client) {
    client.token().unwrap();
    let servers = Servers::start(case.responses.clone());
    let calls = case.calls.iter().map(|call| Call {
        url: servers.fill(&call.url),
        ..call.clone()
    });
    let statuses: Vec<u16> = calls
        .map(|call| sender.send(client, &call).unwrap())
        .collect();
    let stays = case.followed.sent.iter().all(|sent| sent.to == "api");
    let expected = match &case.not_followed {
        Some(other) if case.redirects && !(stays && sender.follows_within_origin()) => other,
        _ => &case.followed,
    };
    let name = &case.name;
    let arrived = servers.arrived();
    let arrived: Vec<_> = arrived
        .iter()
        .map(|it| {
            let token = named(it, case.provider.is_some());
            (it.at, it.path.as_str(), token, it.body.as_str())
        })
        .collect();
    let sent: Vec<_> = expected
        .sent
        .iter()
        .map(|it| (&*it.to, &*it.path, it.token.clone(), &*it.body))
        .collect();
    assert_eq!(arrived, sent, "{}: {name}", sender.name());
    assert_eq!(statuses, expected.status, "{}: {name}", sender.name());
}

#[test]
fn adapters_follow_the_shared_rules() {
    let shared = shared();
    assert!(!shared.cases.is_empty());
    for sender in senders::all() {
        for case in &shared.cases {
            let client = match case.provider {
                None => test_client().client,
                Some(_) => client_of(HEADERS, "42"),
            };
            run_case(case, sender.as_ref(), &client);
        }
    }
}

#[test]
fn no_token_is_sent_in_clear_text() {
    for sender in senders::all() {
        for url in &shared().clear_text.rejected {
            let test = test_client();
            let call = Call {
                url: url.clone(),
                body: None,
                stream: false,
                authorization: None,
            };
            let error = sender.send(&test.client, &call).unwrap_err();
            let what = format!("{}: {url}: {error}", sender.name());
            assert_eq!(error.kind(), ErrorKind::Setting, "{what}");
            if sender.checks_each_url() {
                assert_eq!(error.verdict(), Verdict::Unexpected, "{what}");
                assert!(error.message().contains("is not sent to"), "{what}");
            }
            assert!(test.transport.requests().is_empty(), "{what}");
        }
    }
}

#[test]
fn a_loopback_address_gets_the_token() {
    for sender in senders::all() {
        for url in &shared().clear_text.sent {
            let servers = Servers::start(Vec::new());
            let call = Call {
                url: servers.fill(url),
                body: None,
                stream: false,
                authorization: None,
            };
            let status = sender.send(&test_client().client, &call).unwrap();
            assert_eq!(status, 200, "{}: {url}", sender.name());
            let arrived = servers.arrived();
            let token = token_of(arrived[0].authorization.as_deref());
            assert_eq!((arrived.len(), token), (1, "first"), "{}", sender.name());
        }
    }
}

#[test]
fn a_profile_names_the_headers_that_carry_the_token() {
    for tenant in ["42", "42\r\nx-forged: 1"] {
        for sender in senders::all() {
            let client = client_of(HEADERS, tenant);
            let servers = Servers::start(Vec::new());
            let call = Call {
                url: servers.fill("{api}/"),
                body: None,
                stream: false,
                authorization: Some("Basic mine".to_owned()),
            };
            let sent = sender.send(&client, &call);
            let arrived = servers.arrived();
            if tenant != "42" {
                let error = sent.unwrap_err();
                assert!(error.message().contains("`X-Acme-Tenant`"), "{error}");
                assert!(arrived.is_empty(), "{}", sender.name());
                continue;
            }
            let [arrived] = &arrived[..] else {
                panic!("{}: {arrived:?}", sender.name());
            };
            let mut own = arrived.own.clone();
            own.sort();
            let expected = [("x-acme-tenant", "42"), ("x-acme-token", "t1")];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(own, expected, "{}", sender.name());
            // The program's own header is no concern of the token.
            assert_eq!(arrived.authorization.as_deref(), Some("Basic mine"));
        }
    }
}

const HEADERS: &str = r#"
    [use]
    header = "X-Acme-Token"
    headers = { X-Acme-Tenant = "{extra.tenant}" }
"#;

/// Returns a client of Acme with these additional lines in its profile.
fn client_of(rules: &str, tenant: &str) -> Client {
    let profile = testing::PROFILE.replace("[extra]", &format!("{rules}\n[extra]"));
    let profile = countersign::core::Profile::from_toml(&profile).unwrap();
    let settings = countersign::Settings::from_pairs([
        ("environment", "demo"),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("extra.tenant", tenant),
    ]);
    let provider = countersign::core::from_profile(profile);
    let connection = countersign::Connection::new("mine", &settings.unwrap(), provider).unwrap();
    let responses = ["t1", "t2"].map(|token| Ok(testing::token_response(token, 3600)));
    testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client
}

#[test]
fn the_tower_layer_sends_nothing_to_another_origin() {
    let servers = Servers::start(Vec::new());
    let test = test_client();
    for url in [
        "{other}/",
        "https://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "/path",
    ] {
        let url = servers.fill(url);
        let error = senders::by_tower(&test.client, &servers.fill("{api}"), &url).unwrap_err();
        assert!(error.message().contains("is only for"), "{url}: {error}");
    }
    assert!(servers.arrived().is_empty());
    assert!(test.transport.requests().is_empty());
}
