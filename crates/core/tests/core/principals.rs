//! Grants of principals: separate records, shared state, eviction, and never mixed up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::testing::{MockTransport, client_of, rotated_response};
use countersign_core::{
    Change, Client, Clock, Connection, ErrorKind, GrantId, ManualClock, MemoryStore, RecordSummary,
    Request, Response, SendError, Store, Transport, Verdict,
};
use proptest::prelude::*;

pub(crate) fn web_app() -> Connection {
    named("mine", &[])
}

fn named(name: &str, more: &[(&str, &str)]) -> Connection {
    let mut pairs = vec![
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    pairs.extend(more);
    let mut settings =
        countersign_core::Settings::from_pairs([("provider", "acme"), ("environment", "demo")])
            .unwrap();
    for (key, value) in pairs {
        settings.set(key, value).unwrap();
    }
    Connection::new(name, &settings, countersign_core::testing::provider()).unwrap()
}

fn log_in(client: &Client, principal: &str, code: &str) {
    let grant = client.grant(principal).unwrap();
    let client = grant.as_client();
    let login = client.start_login(None).unwrap();
    let callback = format!("code={code}&state={}", login.state());
    client.complete_login(&login, &callback).unwrap();
}

#[test]
fn each_principal_has_its_own_tokens_also_in_another_process() {
    let store = Arc::new(MemoryStore::new());
    let responses = [
        Ok(rotated_response("a1", "ra1", 3600)),
        Ok(rotated_response("b1", "rb1", 3600)),
    ];
    let test = client_of(web_app(), responses, store.clone());
    log_in(&test.client, "acme/a", "ca");
    log_in(&test.client, "acme/b", "cb");
    let token_of = |client: &Client, id: &str| client.grant(id).unwrap().token().unwrap();
    assert_eq!(token_of(&test.client, "acme/a").expose(), "a1");
    assert_eq!(token_of(&test.client, "acme/b").expose(), "b1");
    assert_eq!(store.keys().unwrap().len(), 2);

    let other = client_of(web_app(), [], store.clone());
    assert_eq!(token_of(&other.client, "acme/b").expose(), "b1");
    assert_eq!(token_of(&other.client, "acme/a").expose(), "a1");
    // Neither the connection's own grant nor another principal's has a token.
    for error in [
        other.client.token().unwrap_err(),
        other.client.grant("acme").unwrap().token().unwrap_err(),
        other.client.grant("ACME/a").unwrap().token().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NoToken, "{error}");
    }
    assert!(other.transport.requests().is_empty());
}

#[test]
fn the_error_of_a_grant_without_a_token_names_the_principal_and_its_calls() {
    let test = client_of(web_app(), [], Arc::new(MemoryStore::new()));
    let error = test.client.grant("acme/42").unwrap().token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    assert_eq!(
        error.message(),
        "connection `mine`, grant `acme/42` has never logged in"
    );
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("begin_login") && hint.contains("finish_login"),
        "{hint}"
    );
    assert!(!hint.contains("start_login"), "{hint}");
}

#[test]
fn a_record_copied_to_another_principal_is_not_used() {
    let store = Arc::new(MemoryStore::new());
    let responses = [Ok(rotated_response("a1", "ra1", 3600))];
    let test = client_of(web_app(), responses, store.clone());
    log_in(&test.client, "a", "ca");
    let key_of = |id: &str| web_app().record_key_of(&GrantId::new(id).unwrap());
    let value = store.load(&key_of("a")).unwrap().unwrap().value.unwrap();
    let summary = RecordSummary::read(&value, test.clock.now()).unwrap();
    assert_eq!(summary.principal(), Some("a"));
    for key in [key_of("b"), web_app().record_key()] {
        drop(store.compare_and_swap(&key, None, None, &value));
    }
    let fresh = client_of(web_app(), [], store);
    for error in [
        fresh.client.grant("b").unwrap().token().unwrap_err(),
        fresh.client.token().unwrap_err(),
    ] {
        assert_eq!(
            error.message(),
            "the stored record belongs to another principal"
        );
    }
    assert!(fresh.transport.requests().is_empty());
}

#[test]
fn the_configured_refresh_token_is_never_a_principals() {
    let connection = named("mine", &[("refresh_token", "r0")]);
    let test = client_of(connection, [], Arc::new(MemoryStore::new()));
    let grant = test.client.grant("acme/42").unwrap();
    assert_eq!(grant.token().unwrap_err().kind(), ErrorKind::NoToken);
    assert!(matches!(
        grant.forget().unwrap(),
        countersign_core::Revocation::NothingHeld
    ));
    assert!(test.transport.requests().is_empty());
}

#[test]
fn only_logins_have_principals() {
    let test = countersign_core::testing::client([]);
    let error = test.client.grant("acme/42").unwrap_err();
    assert_eq!(error.setting_name(), Some("grant"));
    let test = client_of(web_app(), [], Arc::new(MemoryStore::new()));
    let grant = test.client.grant("acme/42").unwrap();
    assert!(grant.as_client().grant("acme/43").is_err());
    assert!(test.client.grant("acme//42").is_err());
}

#[test]
fn handles_of_one_principal_share_one_request() {
    let test = client_of(
        web_app(),
        [
            Ok(rotated_response("a1", "ra1", 3600)),
            Ok(rotated_response("a2", "ra2", 3600)),
        ],
        Arc::new(MemoryStore::new()),
    );
    log_in(&test.client, "a", "ca");
    test.clock.advance(Duration::from_secs(3600));
    test.transport.hold();
    let first = test.client.grant("a").unwrap().token_async();
    let second = test.client.grant("a").unwrap();
    let waiting = std::thread::spawn(move || first.wait());
    test.transport.wait_for_requests(2);
    let joined = second.token_async();
    test.transport.release();
    assert_eq!(joined.wait().unwrap().expose(), "a2");
    assert_eq!(waiting.join().unwrap().unwrap().expose(), "a2");
    assert_eq!(test.transport.requests().len(), 2);
}

#[test]
fn a_slow_principal_delays_no_other() {
    let test = client_of(
        web_app(),
        [
            Ok(rotated_response("a1", "ra1", 3600)),
            Ok(rotated_response("b1", "rb1", 9000)),
            Ok(rotated_response("a2", "ra2", 3600)),
        ],
        Arc::new(MemoryStore::new()),
    );
    log_in(&test.client, "a", "ca");
    log_in(&test.client, "b", "cb");
    test.clock.advance(Duration::from_secs(3600));
    test.transport.hold();
    let slow = test.client.grant("a").unwrap().token_async();
    let waiting = std::thread::spawn(move || slow.wait());
    test.transport.wait_for_requests(3);
    // The other principal's token is still valid, in memory and in the store.
    assert_eq!(
        test.client.grant("b").unwrap().token().unwrap().expose(),
        "b1"
    );
    let error = test.client.drain(Duration::from_millis(50)).unwrap_err();
    assert!(error.message().contains("grant `a`"), "{error}");
    test.transport.release();
    assert_eq!(waiting.join().unwrap().unwrap().expose(), "a2");
    test.client.drain(Duration::from_secs(60)).unwrap();
    let drained = test.client.grant("c").unwrap().token().unwrap_err();
    assert_eq!(drained.kind(), ErrorKind::Busy);
}

#[test]
fn idle_grants_are_evicted_and_used_ones_are_not() {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::at(countersign_core::testing::NOW));
    let responses = (0..20).map(|n| Ok(rotated_response(&format!("t{n}"), &format!("r{n}"), 3600)));
    let transport = MockTransport::new(responses);
    let client = Client::builder(web_app())
        .transport(transport.clone())
        .clock(clock)
        .store(store)
        .max_grants(2)
        .build()
        .unwrap();
    for n in 0..20 {
        log_in(&client, &format!("p{n}"), "c0de");
    }
    let kept = client.grant("p0").unwrap();
    assert!(kept.fresh().is_none(), "p0 was evicted");
    // It is read from the store again, without a request.
    assert_eq!(kept.token().unwrap().expose(), "t0");
    for n in 1..20 {
        assert_eq!(
            client
                .grant(format!("p{n}"))
                .unwrap()
                .token()
                .unwrap()
                .expose(),
            format!("t{n}")
        );
    }
    // While a handle is alive, all handles share its state.
    assert!(client.grant("p0").unwrap().fresh().is_some());
    assert_eq!(transport.requests().len(), 20);
}

#[test]
fn changes_of_principals_are_reported_with_their_ids() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (own, of_grants) = (Arc::clone(&log), Arc::clone(&log));
    let responses = [
        Ok(rotated_response("a1", "ra1", 3600)),
        Ok(Response::new(200, [], "")),
    ];
    let client = Client::builder(web_app())
        .transport(MockTransport::new(responses))
        .store(Arc::new(MemoryStore::new()))
        .on_change(move |_| own.lock().unwrap().push("own".to_owned()))
        .on_grant_change(move |id, change| {
            let what = match change {
                Change::Obtained { .. } => "obtained",
                _ => "forgotten",
            };
            of_grants.lock().unwrap().push(format!("{id} {what}"));
        })
        .build()
        .unwrap();
    log_in(&client, "acme/42", "c0de");
    client.grant("acme/42").unwrap().forget().unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        ["acme/42 obtained", "acme/42 forgotten"]
    );
}

/// A vendor whose tokens name the app and the grant that they belong to.
#[derive(Debug, Default)]
struct Vendor {
    /// The owner of each valid refresh token. Each works once.
    refresh_tokens: Mutex<HashMap<String, String>>,
    issued: Mutex<u64>,
}

impl Transport for Vendor {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let body = request
            .body()
            .map(|body| body.to_string())
            .unwrap_or_default();
        let field = |name: &str| {
            let mut fields = body.split('&').filter_map(|pair| pair.split_once('='));
            fields
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        let owner = match (field("code"), field("refresh_token")) {
            (Some(code), _) => Some(code),
            (None, Some(token)) => self.refresh_tokens.lock().unwrap().remove(&token),
            _ => None,
        };
        let Some(owner) = owner else {
            return Ok(countersign_core::testing::error_response(
                400,
                "invalid_grant",
            ));
        };
        let mut issued = self.issued.lock().unwrap();
        *issued += 1;
        let refresh_token = format!("r{issued}");
        self.refresh_tokens
            .lock()
            .unwrap()
            .insert(refresh_token.clone(), owner.clone());
        Ok(rotated_response(
            &format!("{owner}.{issued}"),
            &refresh_token,
            60,
        ))
    }
}

#[derive(Clone, Debug)]
enum Step {
    LogIn,
    Token,
    Refresh,
    Invalidate,
    Forget,
    /// Another process takes over.
    Restart,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::LogIn),
        6 => Just(Step::Token),
        2 => Just(Step::Refresh),
        1 => Just(Step::Invalidate),
        1 => Just(Step::Forget),
        1 => Just(Step::Restart),
        2 => (1_u64..90).prop_map(Step::Wait),
    ]
}

/// Connections that differ in one setting each, or in their name only.
fn connections() -> Vec<Connection> {
    vec![
        named("mine", &[]),
        named("other", &[]),
        named("mine", &[("environment", "production")]),
        named("mine", &[("client_id", "app2")]),
        named("mine", &[("extra.tenant", "42")]),
    ]
}

/// IDs that are prefixes of each other, or differ in case or separators only.
const IDS: &[&str] = &[
    "a", "A", "a/b", "a/b/c", "ab", "a:b", "a|b", "a.b", "42", "4/2",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens to random principals of connections that share a store and a vendor, each
    /// token belongs to the connection and the principal that asked for it.
    #[test]
    fn tokens_are_never_mixed_up(
        steps in prop::collection::vec((0_usize..5, 0_usize..IDS.len(), step()), 1..50),
        max in 1_usize..4,
    ) {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let vendor = Arc::new(Vendor::default());
        let clock = Arc::new(ManualClock::at(countersign_core::testing::NOW));
        let build = |n: usize| {
            Client::builder(connections().swap_remove(n))
                .transport(vendor.clone())
                .clock(clock.clone())
                .store(Arc::clone(&store))
                .max_grants(max)
                .build()
                .unwrap()
        };
        let mut clients: Vec<_> = (0..5).map(build).collect();
        let mut connected = std::collections::HashSet::new();
        for (app, who, step) in steps {
            let owner = format!("app{app}-who{who}");
            let grant = clients[app].grant(IDS[who]).unwrap();
            let token = match step {
                Step::LogIn => {
                    log_in(&clients[app], IDS[who], &owner);
                    connected.insert(owner.clone());
                    grant.token()
                }
                Step::Token => grant.token(),
                Step::Refresh => grant.refresh_now(),
                Step::Invalidate => {
                    if let Some(token) = grant.peek(None) {
                        grant.invalidate(&token);
                    }
                    grant.token()
                }
                Step::Forget => {
                    grant.force_forget().unwrap();
                    connected.remove(&owner);
                    grant.token()
                }
                Step::Restart => {
                    clients[app] = build(app);
                    clients[app].grant(IDS[who]).unwrap().token()
                }
                Step::Wait(s) => {
                    clock.advance(Duration::from_secs(s));
                    grant.token()
                }
            };
            prop_assert_eq!(token.is_ok(), connected.contains(&owner), "{}: {:?}", owner, token);
            if let Ok(token) = token {
                let is_own = token.expose().starts_with(&format!("{owner}."));
                prop_assert!(is_own, "{} got {}", owner, token.expose());
            }
            prop_assert!(clients[app].token().is_err(), "the connection itself has no grant");
        }
    }
}
