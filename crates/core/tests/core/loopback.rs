//! The loopback server with requests as browsers send them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use countersign_core::{
    Connection, Error, ErrorKind, Listener, Login, SystemRandom, Verdict,
    read_authorization_response,
};

use crate::support::connection;

const TIMEOUT: Duration = Duration::from_secs(20);

fn by_login() -> Connection {
    connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "http://127.0.0.1/callback"),
    ])
}

fn listen(connection: &Connection) -> (Listener, Login) {
    let random = SystemRandom::new();
    let listener = Listener::bind(connection.redirect_uri().unwrap(), None, &random).unwrap();
    let login = Login::start(connection, listener.redirect_uri().as_str(), &random).unwrap();
    (listener, login)
}

/// Validates the callback without exchanging the code.
fn finish(connection: &Connection, login: &Login, callback: &str) -> Result<(), Error> {
    let response = read_authorization_response(connection, login, callback);
    response.map(drop)
}

/// Requests the callback with these headers and returns the response. Like a browser, it sends the
/// whole request before it reads.
fn visit(login: &Login, query: &str, headers: &str) -> String {
    let authority = login.redirect_uri().split('/').nth(2).unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let state = login.state();
    let head = format!(
        "GET /callback?{query}&state={state} HTTP/1.1\r\nHost: {authority}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Browsers send the cookies of all programs that ever used this host.
#[test]
fn a_callback_with_many_cookies_or_headers_is_accepted() {
    let cookies = format!("Cookie: a={}\r\n", "x".repeat(200 * 1024));
    let many: String = (0..500).map(|at| format!("X-Header-{at}: 1\r\n")).collect();
    for headers in [cookies, many] {
        let connection = by_login();
        let (listener, login) = listen(&connection);
        std::thread::scope(|scope| {
            let page = scope.spawn(|| visit(&login, "code=c", &headers));
            let outcome =
                listener.wait(&login, TIMEOUT, |query| finish(&connection, &login, query));
            outcome.unwrap();
            assert!(page.join().unwrap().starts_with("HTTP/1.1 200 OK"));
        });
    }
}

#[test]
fn a_request_that_is_too_large_gets_an_error_page_and_the_wait_goes_on() {
    let cookies = format!("Cookie: a={}\r\n", "x".repeat(1024 * 1024));
    let many: String = (0..2000).map(|at| format!("X-{at}: 1\r\n")).collect();
    let connection = by_login();
    let (listener, login) = listen(&connection);
    std::thread::scope(|scope| {
        let pages = scope.spawn(|| {
            let large = [
                visit(&login, "code=c", &cookies),
                visit(&login, "code=c", &many),
            ];
            (large, visit(&login, "code=c", ""))
        });
        let outcome = listener.wait(&login, TIMEOUT, |query| finish(&connection, &login, query));
        outcome.unwrap();
        let (large, last) = pages.join().unwrap();
        for page in large {
            assert!(page.starts_with("HTTP/1.1 431 "), "{page}");
            assert!(page.contains("cookies of 127.0.0.1"), "{page}");
            assert!(page.contains("256 KiB"), "{page}");
        }
        assert!(last.starts_with("HTTP/1.1 200 OK"), "{last}");
    });
}

/// Browsers open connections in advance, and other programs may connect as well.
#[test]
fn idle_connections_do_not_block_the_callback() {
    let connection = by_login();
    let (listener, login) = listen(&connection);
    let authority = login.redirect_uri().split('/').nth(2).unwrap();
    // They are open before the server starts to accept, and never send a whole request.
    let idle: Vec<_> = (0..60)
        .map(|at| {
            let mut stream = TcpStream::connect(authority).unwrap();
            if at % 2 == 0 {
                stream.write_all(b"GET /callb").unwrap();
            }
            stream
        })
        .collect();
    std::thread::scope(|scope| {
        let page = scope.spawn(|| visit(&login, "code=c", ""));
        let outcome = listener.wait(&login, TIMEOUT, |query| finish(&connection, &login, query));
        outcome.unwrap();
        assert!(page.join().unwrap().starts_with("HTTP/1.1 200 OK"));
    });
    drop(idle);
}

fn page_of(login: &Login, connection: &Connection, listener: Listener, query: &str) -> String {
    std::thread::scope(|scope| {
        let page: ScopedJoinHandle<'_, String> = scope.spawn(|| visit(login, query, ""));
        let _ = listener.wait(login, TIMEOUT, |query| finish(connection, login, query));
        page.join().unwrap()
    })
}

#[test]
fn pages_suit_phones_and_dark_mode_and_show_the_servers_error() {
    let connection = by_login();
    let (listener, login) = listen(&connection);
    let done = page_of(&login, &connection, listener, "code=c");
    let (listener, login) = listen(&connection);
    let query = "error=access_denied&error_description=The+user+said+%3Cb%3Eno%3C%2Fb%3E";
    let denied = page_of(&login, &connection, listener, query);
    for page in [&done, &denied] {
        assert!(page.contains("<meta name=\"viewport\""), "{page}");
        assert!(page.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
        assert!(page.contains("<html lang=\"en\">"));
    }
    assert!(done.contains("<h1>You are logged in</h1>"), "{done}");
    assert!(
        denied.contains("<h1>The login did not succeed</h1>"),
        "{denied}"
    );
    assert!(
        denied.contains("access_denied: The user said &lt;b&gt;no&lt;/b&gt;"),
        "{denied}"
    );
}

/// A person pastes the URL if the browser runs on another machine.
#[test]
fn a_callback_from_elsewhere_ends_the_wait() {
    let connection = by_login();
    let (listener, login) = listen(&connection);
    let pasted = format!("{}?code=c&state={}", login.redirect_uri(), login.state());
    let mut polls = 0;
    let outcome = listener.wait_or(
        &login,
        TIMEOUT,
        |_| {
            polls += 1;
            (polls == 3).then(|| pasted.clone())
        },
        |callback| finish(&connection, &login, callback),
    );
    outcome.unwrap();
    assert_eq!(polls, 3);
}

#[test]
fn the_loopback_server_does_not_support_https() {
    let url = countersign_core::Url::parse("https://localhost:8400/callback").unwrap();
    let error = Listener::bind(&url, None, &SystemRandom::new()).unwrap_err();
    assert_eq!(error.setting_name(), Some("redirect_uri"));
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Setting, Verdict::FixConfiguration)
    );
    assert!(
        error.hint().unwrap().contains("complete_login"),
        "{error:?}"
    );
}

#[test]
fn closed_connections_do_not_block_the_callback() {
    let connection = by_login();
    let (listener, login) = listen(&connection);
    let authority = login.redirect_uri().split('/').nth(2).unwrap();
    for _ in 0..40 {
        let stream = TcpStream::connect(authority).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
    let page = page_of(&login, &connection, listener, "code=c");
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
}
