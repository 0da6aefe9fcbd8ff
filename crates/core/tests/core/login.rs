//! Logins: the URL, validating the callback, and the loopback server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use countersign_core::{
    Connection, ErrorKind, Listener, Login, PresentedGrant, SystemRandom, Url, Verdict, pkce,
};

use crate::support::{Bench, bench, connection, rotated_response};

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
    pair.unwrap_or_else(|| panic!("{url} has no parameter `{name}`"))
        .to_owned()
}

#[test]
fn a_login_url_is_complete_and_has_a_new_state_and_challenge() {
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
fn the_code_verifier_matches_the_challenge() {
    let Bench { client, script, .. } = bench(
        by_login("https://app.example/cb"),
        [Ok(rotated_response("a", "r1", 600))],
    );
    let login = client.start_login(None).unwrap();
    let query = format!("code=c%252B%3D&state={}", parameter(login.url(), "state"));
    let token = client.complete_login(&login, &query).unwrap();
    assert_eq!(token.expose(), "a");
    let form = &script.forms()[0];
    // The code is decoded once, from %252B to %2B, and encoded again in the form.
    assert!(form.starts_with("grant_type=authorization_code&code=c%252B%3D&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier="), "{form}");
    let verifier = form.split("code_verifier=").nth(1).unwrap();
    assert_eq!(
        pkce::challenge(verifier),
        parameter(login.url(), "code_challenge")
    );
}

#[test]
fn state_is_checked_before_the_rest_of_the_callback() {
    let connection = by_login("https://app.example/cb");
    let login = Login::start(&connection, "https://app.example/cb", &SystemRandom::new()).unwrap();
    let state = parameter(login.url(), "state");
    for (query, expected) in [
        ("code=x".to_owned(), "`state`"),
        ("error=access_denied".to_owned(), "`state`"),
        ("code=x&state=".to_owned(), "`state`"),
        (format!("code=x&state={state}&state={state}"), "`state`"),
        (format!("code=x&state={state}x"), "`state`"),
        (format!("state={state}"), "no `code`"),
        (format!("code=&state={state}"), "no `code`"),
        (format!("code=a&code=b&state={state}"), "`code` twice"),
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
        assert!(error.message().contains(expected), "{query}: {error}");
    }
    assert!(matches!(
        login
            .finish(&format!("?state={state}&code=x&extra=1"))
            .unwrap(),
        PresentedGrant::AuthorizationCode { .. }
    ));
}

/// The mix-up attack of RFC 9207 section 1: a code is sent only to the server that issued it.
#[test]
fn a_callback_from_another_server_is_rejected_without_using_its_code() {
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
    for (connection, iss, rejection) in [
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
            Some("this login was sent to \"https://demo.acme.example/tenant\""),
        ),
        (
            &with_issuer,
            "iss=HTTPS%3A%2F%2Fdemo.acme.example%2Ftenant",
            Some("`iss` is"),
        ),
        (&with_issuer, "iss=a&iss=b", Some("`iss` twice")),
        (&without, other, None),
        (&without, "x=1", None),
        (&required, RIGHT, None),
        (&required, "x=1", Some("has no `iss`")),
        (&required, other, Some("`iss` is")),
        (&at_base, other, None),
        (&at_base, RIGHT, Some("`iss` is")),
    ] {
        let client = bench(connection.clone(), [Ok(rotated_response("a", "r1", 600))]);
        let login = client.client.start_login(None).unwrap();
        let state = parameter(login.url(), "state");
        let callback = format!("code=c&state={state}&{iss}");
        let result = client.client.complete_login(&login, &callback);
        let Some(expected) = rejection else {
            assert_eq!(result.unwrap().expose(), "a", "{iss}");
            continue;
        };
        let error = result.expect_err(iss);
        assert!(error.message().contains(expected), "{iss}: {error}");
        assert_eq!(error.kind(), ErrorKind::Callback);
        assert!(client.script.forms().is_empty(), "the code was sent: {iss}");
        // Another server's error is ignored as well.
        let callback = format!("error=access_denied&state={state}&{iss}");
        let error = login.finish(&callback).unwrap_err();
        assert!(!error.message().contains("access_denied"), "{error}");
    }
}

/// A connection to a server that always sends `iss`.
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
    assert!(error.hint().unwrap().contains("may have been used"));
    assert_eq!(script.forms().len(), 1);
}

/// Sends one request to the loopback server and returns the response.
fn visit(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn the_loopback_server_accepts_only_the_callback_of_its_login() {
    let connection = by_login("http://127.0.0.1/callback");
    let random = SystemRandom::new();
    let listener = Listener::bind(connection.redirect_uri().unwrap(), None, &random).unwrap();
    let ours = listener.redirect_uri().clone();
    assert!(ours.port() < 32_768);
    let login = Login::start(&connection, ours.as_str(), &random).unwrap();
    let state = parameter(login.url(), "state");
    let responses = std::thread::scope(|scope| {
        let visits = scope.spawn(|| {
            let host = ours.authority();
            // A silent connection must not delay the others.
            let silent = TcpStream::connect(host).unwrap();
            let get = |target: &str, host_header: &str| {
                visit(
                    host,
                    &format!("GET {target} HTTP/1.1\r\nHost: {host_header}\r\n\r\n"),
                )
            };
            let callback = format!("/callback?code=c&state={state}");
            let responses = [
                get("/favicon.ico", host),
                get("/callback?code=c&state=forged", host),
                get("/callback?error=access_denied", host),
                get(&callback, "evil.example"),
                get(&callback, &format!("{host}.evil.example")),
                visit(
                    host,
                    &format!("POST {callback} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                ),
                get(&callback, host),
            ];
            drop(silent);
            responses
        });
        let query = listener.wait(
            &login,
            Duration::from_secs(20),
            |query| Ok(query.to_owned()),
        );
        assert_eq!(query.unwrap(), format!("code=c&state={state}"));
        visits.join().unwrap()
    });
    let statuses: Vec<_> = responses.iter().map(|page| &page[9..12]).collect();
    assert_eq!(statuses, ["404", "400", "400", "404", "404", "404", "200"]);
    for response in &responses {
        assert!(response.contains("Cache-Control: no-store"));
        assert!(response.contains("Content-Security-Policy: default-src 'none'"));
        assert!(
            !response.contains("forged") && !response.contains(&state),
            "the page repeats the request: {response}"
        );
        assert!(
            !response.contains("http://") && !response.contains("https://"),
            "the page has links: {response}"
        );
    }
}

#[test]
fn the_browser_shows_that_the_exchange_failed() {
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
            Err(countersign_core::Error::new(ErrorKind::Rejected, "canary"))
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::Rejected);
        let page = visitor.join().unwrap();
        assert!(page.contains("did not succeed") && !page.contains("canary"));
    });
}

#[test]
fn waiting_for_a_callback_times_out() {
    let connection = by_login("http://127.0.0.1/callback");
    let random = SystemRandom::new();
    let listener = Listener::bind(connection.redirect_uri().unwrap(), None, &random).unwrap();
    let login = Login::start(&connection, listener.redirect_uri().as_str(), &random).unwrap();
    let error = listener
        .wait(&login, Duration::from_millis(30), |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Callback);
    assert_eq!(error.url(), None, "the loopback server is closed");
    // The vendor's page may have reported a wrong redirect URI in the browser.
    let hint = error.hint().unwrap();
    assert!(hint.contains(login.redirect_uri()), "{hint}");
}

#[test]
fn a_port_in_use_and_a_remote_redirect_uri_are_rejected() {
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
fn a_state_repeated_by_the_authorization_endpoint_is_redacted() {
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
