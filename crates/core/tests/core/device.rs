//! Logins on another device (RFC 8628).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::testing::{self, TestClient};
use countersign_core::{
    Client, Connection, DeviceLogin, Error, ErrorKind, MemoryStore, Response, SendError, Token,
    Verdict, from_profile,
};

type Sent = Result<Response, SendError>;

const SETTINGS: [(&str, &str); 2] = [("grant", "device-code"), ("client_id", "app")];

fn started(interval: u64) -> Sent {
    let body = format!(
        r#"{{"device_code":"d3v1ce-c0de","user_code":"WDJB-MJHT","interval":{interval},
        "verification_uri":"https://demo.acme.example/activate","expires_in":900,
        "verification_uri_complete":"https://demo.acme.example/activate?user_code=WDJB-MJHT"}}"#
    );
    Ok(Response::new(200, [], body))
}

fn says(error: &str) -> Sent {
    Ok(testing::error_response(400, error))
}

fn granted() -> Sent {
    Ok(testing::rotated_response("t1", "r1", 3600))
}

fn lost() -> Sent {
    let error = Error::new(ErrorKind::Timeout, "no response within 30 s");
    Err(SendError::MaybeSent(error))
}

fn client(responses: impl IntoIterator<Item = Sent>) -> TestClient {
    let connection = testing::connection(SETTINGS).unwrap();
    testing::client_of(connection, responses, Arc::new(MemoryStore::new()))
}

/// Completes a login with the test's clock. Returns the waits in seconds, too.
fn complete(test: &TestClient, login: &DeviceLogin) -> (Result<Token, Error>, Vec<u64>) {
    let mut waits = Vec::new();
    let token = test.client.complete_device_login(login, |wait| {
        assert!(waits.len() < 200, "the login never ends");
        waits.push(wait.as_secs());
        test.clock.advance(wait);
        Ok(())
    });
    (token, waits)
}

#[test]
fn a_person_logs_in_on_another_device() {
    let test = client([
        started(5),
        says("authorization_pending"),
        says("authorization_pending"),
        granted(),
    ]);
    let login = test.client.start_device_login().unwrap();
    assert_eq!(login.user_code(), "WDJB-MJHT");
    assert_eq!(
        login.verification_uri(),
        "https://demo.acme.example/activate"
    );
    assert_eq!(login.expires_in().as_secs(), 900);
    assert!(!format!("{login:?}").contains("d3v1ce"));
    let (token, waits) = complete(&test, &login);
    assert_eq!(token.unwrap().expose(), "t1");
    assert_eq!(waits, [5, 5, 5]);
    let poll = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&\
                device_code=d3v1ce-c0de&client_id=app";
    assert_eq!(
        test.transport.forms(),
        ["scope=sign+offline&client_id=app", poll, poll, poll]
    );
    // The login is over: the client refreshes like after any other.
    assert_eq!(test.client.token().unwrap().expose(), "t1");
    assert!(test.client.has_refresh_token().unwrap());
    test.transport
        .push(Ok(testing::rotated_response("t2", "r2", 3600)));
    test.clock.advance(Duration::from_secs(3600));
    assert_eq!(test.client.token().unwrap().expose(), "t2");
    assert!(test.transport.forms()[4].starts_with("grant_type=refresh_token&refresh_token=r1"));
}

/// RFC 8628 section 3.5: `slow_down` adds five seconds to this and all later intervals.
#[test]
fn slow_down_lasts() {
    let test = client([
        started(2),
        says("slow_down"),
        says("authorization_pending"),
        says("slow_down"),
        granted(),
    ]);
    let login = test.client.start_device_login().unwrap();
    let (token, waits) = complete(&test, &login);
    token.unwrap();
    assert_eq!(waits, [2, 7, 7, 12]);
}

/// RFC 8628 section 3.5 recommends exponential backoff after a connection timeout.
#[test]
fn lost_responses_make_polls_rarer() {
    let test = client([
        started(5),
        lost(),
        lost(),
        Ok(Response::new(503, [("Retry-After", "90")], "")),
        says("authorization_pending"),
        granted(),
    ]);
    let login = test.client.start_device_login().unwrap();
    let (token, waits) = complete(&test, &login);
    assert_eq!(token.unwrap().expose(), "t1");
    assert_eq!(waits, [5, 10, 20, 90, 40]);
}

#[test]
fn a_lost_success_is_explained() {
    let test = client([started(5), lost(), says("invalid_grant")]);
    let login = test.client.start_device_login().unwrap();
    let error = complete(&test, &login).0.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    let hint = error.hint().unwrap();
    assert!(hint.contains("an earlier poll was lost"), "{hint}");

    let test = client([started(5), says("invalid_grant")]);
    let login = test.client.start_device_login().unwrap();
    let error = complete(&test, &login).0.unwrap_err();
    assert!(!error.hint().unwrap().contains("lost"), "{error:?}");
}

#[test]
fn the_login_ends_when_the_person_or_the_server_says_so() {
    for (word, kind) in [
        ("access_denied", ErrorKind::LoginRequired),
        ("expired_token", ErrorKind::LoginRequired),
        ("invalid_client", ErrorKind::Rejected),
    ] {
        let test = client([started(5), says("authorization_pending"), says(word)]);
        let login = test.client.start_device_login().unwrap();
        let error = complete(&test, &login).0.unwrap_err();
        assert_eq!((error.kind(), error.oauth_error()), (kind, Some(word)));
        assert_eq!(test.transport.requests().len(), 3, "{word}");
    }
}

/// The server needs not say that the code has expired, and may not be reachable.
#[test]
fn the_whole_login_is_bounded() {
    let test = client([started(100)].into_iter().chain((0..30).map(|_| lost())));
    let login = test.client.start_device_login().unwrap();
    let before = test.clock_s();
    let error = complete(&test, &login).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    assert!(
        error.message().contains("no response within 30 s"),
        "{error}"
    );
    let took = test.clock_s() - before;
    assert!((900..=1000).contains(&took), "{took}");
}

trait ClockSeconds {
    fn clock_s(&self) -> i64;
}

impl ClockSeconds for TestClient {
    fn clock_s(&self) -> i64 {
        use countersign_core::Clock;
        self.clock.now().unix_s()
    }
}

#[test]
fn a_login_can_be_given_up() {
    let test = client([started(5), says("authorization_pending")]);
    let login = test.client.start_device_login().unwrap();
    let mut left = 1;
    let error = test.client.complete_device_login(&login, |_| match left {
        0 => Err(Error::new(ErrorKind::Cancelled, "the window was closed")),
        _ => {
            left -= 1;
            Ok(())
        }
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(test.transport.requests().len(), 2);
    // A poll in progress can be cancelled as well.
    let cancel = countersign_core::Cancel::new();
    cancel.cancel();
    let poll = test.client.poll_device_login_async(&login);
    let error = poll.cancel_with(&cancel).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// The refresh token is in the store before the caller sees the access token.
#[test]
fn tokens_are_durable_before_they_are_shown() {
    let store = Arc::new(MemoryStore::new());
    let stored = Arc::new(Mutex::new(Vec::new()));
    let connection = testing::connection(SETTINGS).unwrap();
    let (key, seen, reader) = (connection.record_key(), stored.clone(), store.clone());
    let transport = testing::MockTransport::new([started(5), granted()]);
    let client = Client::builder(connection)
        .transport(transport)
        .store(store)
        .on_change(move |_| {
            let record = countersign_core::Store::load(reader.as_ref(), &key).unwrap();
            let value = record.and_then(|record| record.value).unwrap_or_default();
            seen.lock().unwrap().push(value);
        })
        .build()
        .unwrap();
    let login = client.start_device_login().unwrap();
    assert!(client.poll_device_login(&login).unwrap().is_some());
    let stored = stored.lock().unwrap();
    let text = String::from_utf8_lossy(&stored[0]);
    assert!(text.contains("r1"), "{text}");
}

#[test]
fn a_browser_connection_logs_in_on_another_device_too() {
    let connection = testing::connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("client_auth", "post"),
        ("redirect_uri", "https://app.example/callback"),
    ])
    .unwrap();
    let store = Arc::new(MemoryStore::new());
    let test = testing::client_of(connection, [started(5), granted()], store);
    let login = test.client.start_device_login().unwrap();
    complete(&test, &login).0.unwrap();
    assert_eq!(test.client.token().unwrap().expose(), "t1");
    // As declared: the secret is sent to both endpoints.
    let forms = test.transport.forms();
    assert!(
        forms
            .iter()
            .all(|form| form.ends_with("client_id=app&client_secret=s3cret"))
    );
}

#[test]
fn a_grant_without_a_person_has_no_device_login() {
    let client = testing::client([]).client;
    let error = client.start_device_login().unwrap_err();
    assert_eq!(error.setting_name(), Some("grant"), "{error}");
}

#[test]
fn wrong_responses_of_the_device_endpoint_are_explained() {
    let cases: [(u16, &str, ErrorKind, &str); 9] = [
        (
            400,
            r#"{"error":"invalid_client"}"#,
            ErrorKind::Rejected,
            "invalid_client",
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            ErrorKind::Rejected,
            "unauthorized_client",
        ),
        (
            200,
            r#"{"error":"invalid_scope"}"#,
            ErrorKind::Rejected,
            "invalid_scope",
        ),
        (404, "<html>", ErrorKind::Unreadable, "404"),
        (200, "<html>", ErrorKind::Unreadable, "html"),
        (
            200,
            r#"{"user_code":"A"}"#,
            ErrorKind::Unreadable,
            "verification_uri",
        ),
        (
            200,
            r#"{"device_code":"d","user_code":"A","verification_uri":"https://a.example/"}"#,
            ErrorKind::Unreadable,
            "expires_in",
        ),
        (
            200,
            r#"{"device_code":"d","user_code":"A","verification_uri":"javascript:x","expires_in":9}"#,
            ErrorKind::Unreadable,
            "verification_uri",
        ),
        (
            200,
            r#"{"device_code":"d","user_code":"A\u001b[2J","verification_uri":"https://a.example/","expires_in":9}"#,
            ErrorKind::Unreadable,
            "user_code",
        ),
    ];
    for (status, body, kind, word) in cases {
        let test = client([Ok(Response::new(status, [], body))]);
        let error = test.client.start_device_login().unwrap_err();
        assert_eq!(error.kind(), kind, "{body}: {error}");
        let shown = format!("{} {:?}", error.message(), error.hint());
        assert!(shown.contains(word) || word == "html", "{body}: {shown}");
        assert!(
            error.message().starts_with("device authorization"),
            "{error}"
        );
    }
}

/// Google calls it `verification_url`.
#[test]
fn the_older_name_of_the_url_is_read() {
    let body = r#"{"device_code":"d","user_code":"A","expires_in":"1800","interval":5,
        "verification_url":"https://www.google.com/device"}"#;
    let test = client([Ok(Response::new(200, [], body))]);
    let login = test.client.start_device_login().unwrap();
    assert_eq!(login.verification_uri(), "https://www.google.com/device");
}

/// A profile with its own rules: Basic, a renamed parameter, an audience, and errors in a 200.
#[test]
fn a_profile_changes_the_requests() {
    let profile = countersign_core::Profile::from_toml(
        r#"
        id = "own"
        name = "Own"
        documentation = "https://own.example/docs"
        environments.production.base_url = "https://own.example"
        endpoints.token = "{base_url}/token"
        endpoints.device_authorization = "{base_url}/device"
        device.params = { audience = "{audience?}" }
        [grants.device-code]
        client_auth = ["basic"]
        names = { scope = "scopes" }
        params = { client = "tv" }
        "#,
    )
    .unwrap();
    let settings = countersign_core::Settings::from_pairs([
        ("provider", "own"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("scopes", "a b"),
        ("audience", "https://api.own.example"),
    ])
    .unwrap();
    let mut other = settings.clone();
    other.set("grant", "client-credentials").unwrap();
    let provider = from_profile(profile);
    let error = Connection::new("mine", &other, provider.clone()).unwrap_err();
    assert!(
        error.message().contains("which Own does not support"),
        "{error}"
    );
    assert_eq!(error.hint(), Some("set grant to one of: device-code"));
    let connection = Connection::new("mine", &settings, provider).unwrap();
    let pending = Ok(Response::new(
        200,
        [],
        r#"{"error":"authorization_pending"}"#,
    ));
    let responses = [started(5), pending, granted()];
    let test = testing::client_of(connection, responses, Arc::new(MemoryStore::new()));
    let login = test.client.start_device_login().unwrap();
    complete(&test, &login).0.unwrap();
    assert_eq!(
        test.transport.forms()[..2],
        [
            "scopes=a+b&audience=https%3A%2F%2Fapi.own.example",
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&\
             device_code=d3v1ce-c0de&client=tv"
        ]
    );
    let authenticated = |request: &countersign_core::Request| {
        request.headers().any(|(name, _)| name == "Authorization")
    };
    assert!(test.transport.requests().iter().all(authenticated));
}
