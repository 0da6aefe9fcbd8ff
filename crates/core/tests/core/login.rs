//! A login: what is believed of the answer, and the listener that hears it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use countersign_core::{
    Connection, ErrorKind, Grant, Listener, Login, SystemRandom, Url, Verdict, pkce,
};

use crate::support::{Bench, bench, connection, rotated_answer};

fn by_login(redirect_uri: &str) -> Connection {
    connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", redirect_uri),
    ])
}

fn parameter(url: &Url, name: &str) -> String {
    let query = url.as_str().split_once('?').unwrap().1;
    let pair = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    pair.unwrap_or_else(|| panic!("{url} has no {name}"))
        .to_owned()
}

#[test]
fn the_login_url_has_everything_once_and_new_each_time() {
    let connection = by_login(
        "https://app.example/call back?x=1&y"
            .replace(' ', "%20")
            .as_str(),
    );
    let start = || {
        Login::start(
            &connection,
            "https://app.example/callback",
            &SystemRandom::new(),
        )
        .unwrap()
    };
    let (one, two) = (start(), start());
    for name in ["state", "code_challenge"] {
        assert_ne!(parameter(one.url(), name), parameter(two.url(), name));
        assert_eq!(parameter(one.url(), name).len(), 43);
    }
    let url = one.url().as_str();
    assert!(url.starts_with("https://demo.acme.example/authorize?response_type=code&scope=sign%20offline&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&state="));
    assert!(url.ends_with("&code_challenge_method=S256"));
}

#[test]
fn the_verifier_that_is_sent_belongs_to_the_challenge() {
    let Bench { client, script, .. } = bench(
        by_login("https://app.example/cb"),
        [Ok(rotated_answer("a", "r1", 600))],
    );
    let login = client.start_login(None).unwrap();
    let query = format!("code=c%252B%3D&state={}", parameter(login.url(), "state"));
    let token = client.complete_login(&login, &query).unwrap();
    assert_eq!(token.expose(), "a");
    let form = &script.forms()[0];
    // Decoded once: %252B is %2B, which goes out encoded again.
    assert!(form.starts_with("grant_type=authorization_code&code=c%252B%3D&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier="), "{form}");
    let verifier = form.split("code_verifier=").nth(1).unwrap();
    assert_eq!(
        pkce::challenge(verifier),
        parameter(login.url(), "code_challenge")
    );
}

#[test]
fn state_is_checked_before_anything_else_is_believed() {
    let connection = by_login("https://app.example/cb");
    let login = Login::start(&connection, "https://app.example/cb", &SystemRandom::new()).unwrap();
    let state = parameter(login.url(), "state");
    for (query, says) in [
        ("code=x".to_owned(), "`state`"),
        ("error=access_denied".to_owned(), "`state`"),
        ("code=x&state=".to_owned(), "`state`"),
        (format!("code=x&state={state}&state={state}"), "`state`"),
        (format!("code=x&state={state}x"), "`state`"),
        (format!("state={state}"), "no `code`"),
        (format!("code=&state={state}"), "no `code`"),
        (
            format!("code=a&code=b&state={state}"),
            "`code` is there twice",
        ),
        (format!("code=%zz&state={state}"), "hex digits"),
        (
            format!("error=access_denied&error_description=end-user+denied&state={state}"),
            "access_denied: end-user denied",
        ),
        (
            format!("error=access_denied&error_message=no&state={state}"),
            "access_denied: no",
        ),
    ] {
        let error = login.finish(&query).expect_err(&query);
        assert_eq!(
            (error.kind(), error.verdict()),
            (ErrorKind::Callback, Verdict::Reauthorize),
            "{query}"
        );
        assert!(error.message().contains(says), "{query}: {error}");
    }
    assert!(matches!(
        login
            .finish(&format!("?state={state}&code=x&extra=1"))
            .unwrap(),
        Grant::AuthorizationCode { .. }
    ));
}

/// The mix-up of RFC 9207 section 1: the code goes to no server but the one that made it.
#[test]
fn an_answer_of_another_server_is_refused_before_its_code_is_used() {
    const ISSUER: &str = "https://demo.acme.example/tenant";
    const RIGHT: &str = "iss=https%3A%2F%2Fdemo.acme.example%2Ftenant";
    let with_issuer = connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/cb"),
        ("issuer", ISSUER),
    ]);
    let without = by_login("https://app.example/cb");
    let (required, at_base) = (iss_required(Some(ISSUER)), iss_required(None));
    let other = "iss=https%3A%2F%2Fdemo.acme.example";
    for (connection, iss, refusal) in [
        (&with_issuer, RIGHT, None),
        (&with_issuer, "x=1", None),
        (
            &with_issuer,
            other,
            Some("`iss` is \"https://demo.acme.example\""),
        ),
        (&with_issuer, "iss=", Some("`iss` is \"\"")),
        (
            &with_issuer,
            "iss=https%3A%2F%2Fdemo.acme.example%2Ftenant%2F",
            Some("this login went to \"https://demo.acme.example/tenant\""),
        ),
        (
            &with_issuer,
            "iss=HTTPS%3A%2F%2Fdemo.acme.example%2Ftenant",
            Some("`iss` is"),
        ),
        (&with_issuer, "iss=a&iss=b", Some("`iss` is there twice")),
        (&without, other, None),
        (&without, "x=1", None),
        (&required, RIGHT, None),
        (&required, "x=1", Some("has no `iss`")),
        (&required, other, Some("`iss` is")),
        (&at_base, other, None),
        (&at_base, RIGHT, Some("`iss` is")),
    ] {
        let client = bench(connection.clone(), [Ok(rotated_answer("a", "r1", 600))]);
        let login = client.client.start_login(None).unwrap();
        let state = parameter(login.url(), "state");
        let answer = format!("code=c&state={state}&{iss}");
        let result = client.client.complete_login(&login, &answer);
        let Some(says) = refusal else {
            assert_eq!(result.unwrap().expose(), "a", "{iss}");
            continue;
        };
        let error = result.expect_err(iss);
        assert!(error.message().contains(says), "{iss}: {error}");
        assert_eq!(error.kind(), ErrorKind::Callback);
        assert!(client.script.forms().is_empty(), "the code went out: {iss}");
        // Nor is another server's word taken for why the login failed.
        let answer = format!("error=access_denied&state={state}&{iss}");
        let error = login.finish(&answer).unwrap_err();
        assert!(!error.message().contains("access_denied"), "{error}");
    }
}

/// A server that always names itself in its answers.
fn iss_required(issuer: Option<&str>) -> Connection {
    let profile = crate::support::PROFILE.replace(
        "[endpoints]",
        "[endpoints]\nauthorization_response_iss_parameter_supported = true",
    );
    let mut settings = countersign_core::Settings::from_pairs([
        ("environment", "demo"),
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/cb"),
    ])
    .unwrap();
    if let Some(issuer) = issuer {
        settings.set("issuer", issuer).unwrap();
    }
    let profile = countersign_core::Profile::from_toml(&profile).unwrap();
    Connection::new("mine", &settings, countersign_core::from_profile(profile)).unwrap()
}

#[test]
fn a_lost_exchange_asks_for_a_new_login_and_sends_the_code_once() {
    let Bench { client, script, .. } = bench(
        by_login("https://app.example/cb"),
        [Err(crate::support::cut())],
    );
    let login = client.start_login(None).unwrap();
    let query = format!("code=c&state={}", parameter(login.url(), "state"));
    let error = client.complete_login(&login, &query).unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    assert!(error.hint().unwrap().contains("log in once more"));
    assert_eq!(script.forms().len(), 1);
}

/// One request to the listener, and what it answers.
fn visit(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_listener_hears_its_own_login_and_nothing_else() {
    let connection = by_login("http://127.0.0.1/callback");
    let random = SystemRandom::new();
    let listener = Listener::bind(connection.redirect_uri().unwrap(), None, &random).unwrap();
    let ours = listener.redirect_uri().clone();
    assert!(ours.port() < 32_768);
    let login = Login::start(&connection, ours.as_str(), &random).unwrap();
    let state = parameter(login.url(), "state");
    let answers = std::thread::scope(|scope| {
        let visits = scope.spawn(|| {
            let host = ours.authority();
            // One that says nothing must not hold up the others.
            let silent = TcpStream::connect(host).unwrap();
            let get = |target: &str, host_header: &str| {
                visit(
                    host,
                    &format!("GET {target} HTTP/1.1\r\nHost: {host_header}\r\n\r\n"),
                )
            };
            let right = format!("/callback?code=c&state={state}");
            let answers = [
                get("/favicon.ico", host),
                get("/callback?code=c&state=forged", host),
                get("/callback?error=access_denied", host),
                get(&right, "evil.example"),
                get(&right, &format!("{host}.evil.example")),
                visit(
                    host,
                    &format!("POST {right} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                ),
                get(&right, host),
            ];
            drop(silent);
            answers
        });
        let heard = listener.wait(
            &login,
            Duration::from_secs(20),
            |query| Ok(query.to_owned()),
        );
        assert_eq!(heard.unwrap(), format!("code=c&state={state}"));
        visits.join().unwrap()
    });
    let statuses: Vec<_> = answers.iter().map(|answer| &answer[9..12]).collect();
    assert_eq!(statuses, ["404", "400", "400", "404", "404", "404", "200"]);
    for answer in &answers {
        assert!(answer.contains("Cache-Control: no-store"));
        assert!(answer.contains("Content-Security-Policy: default-src 'none'"));
        assert!(
            !answer.contains("forged") && !answer.contains(&state),
            "nothing is reflected"
        );
        assert!(
            !answer.contains("http://") && !answer.contains("https://"),
            "nothing from outside"
        );
    }
}

#[test]
fn the_browser_is_told_when_the_exchange_fails() {
    let connection = by_login("http://[::1]/callback");
    let random = SystemRandom::new();
    let Ok(listener) = Listener::bind(connection.redirect_uri().unwrap(), None, &random) else {
        return; // This machine has no IPv6.
    };
    let ours = listener.redirect_uri().clone();
    let login = Login::start(&connection, ours.as_str(), &random).unwrap();
    let state = parameter(login.url(), "state");
    std::thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            let host = ours.authority();
            visit(
                host,
                &format!("GET /callback?code=c&state={state} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            )
        });
        let failed: Result<(), _> = listener.wait(&login, Duration::from_secs(20), |_| {
            Err(countersign_core::Error::new(ErrorKind::Refused, "canary"))
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Refused);
        let answer = visitor.join().unwrap();
        assert!(answer.contains("did not succeed") && !answer.contains("canary"));
    });
}

#[test]
fn nobody_coming_back_is_told_after_the_time_given() {
    let connection = by_login("http://127.0.0.1/callback");
    let random = SystemRandom::new();
    let listener = Listener::bind(connection.redirect_uri().unwrap(), None, &random).unwrap();
    let login = Login::start(&connection, listener.redirect_uri().as_str(), &random).unwrap();
    let error = listener
        .wait(&login, Duration::from_millis(30), |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Callback);
    assert_eq!(error.url(), None, "nobody listens there any more");
    // The vendor's page said so in the browser, perhaps, while the program waited.
    let hint = error.hint().unwrap();
    assert!(hint.contains(login.redirect_uri()), "{hint}");
}

#[test]
fn a_taken_port_and_a_foreign_address_are_refused() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let url = Url::parse("http://127.0.0.1/callback").unwrap();
    let error = Listener::bind(&url, Some(port), &SystemRandom::new()).unwrap_err();
    assert!(error.message().contains(&format!("port {port}")), "{error}");
    let url = Url::parse("https://app.example/callback").unwrap();
    let error = Listener::bind(&url, None, &SystemRandom::new()).unwrap_err();
    assert_eq!(error.setting_name(), Some("redirect_uri"));
}

#[test]
fn what_the_authorization_endpoint_repeats_of_a_login_is_taken_out() {
    let connection = by_login("https://app.example/callback");
    let random = SystemRandom::new();
    let login = Login::start(&connection, "https://app.example/callback", &random);
    let login = login.unwrap();
    let state = login.state();
    let query = format!("error=server_error&error_description=state+was+{state}&state={state}");
    let error = login.finish(&query).unwrap_err();
    assert_eq!(error.oauth_description(), Some("state was [redacted]"));
    assert!(!format!("{error:?}").contains(state));
}
