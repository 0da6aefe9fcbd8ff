//! The listener of a login on a person's machine, as browsers treat it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use countersign_core::{
    Connection, Error, ErrorKind, Listener, Login, SystemRandom, Verdict,
    read_authorization_response,
};

use crate::support::connection;

const PATIENCE: Duration = Duration::from_secs(20);

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

/// Completes as the connection does, without exchanging the code.
fn finish(connection: &Connection, login: &Login, callback: &str) -> Result<(), Error> {
    let response = read_authorization_response(connection, login, callback);
    response.map(drop)
}

/// The callback's request with these headers, and what is answered. It is all sent before anything
/// is read, as browsers do.
fn visit(login: &Login, query: &str, headers: &str) -> String {
    let authority = login.redirect_uri().split('/').nth(2).unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let state = login.state();
    let head = format!(
        "GET /callback?{query}&state={state} HTTP/1.1\r\nHost: {authority}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Browsers send the cookies of every program that ever listened on this host.
#[test]
fn a_callback_with_many_cookies_and_headers_is_heard() {
    let cookies = format!("Cookie: a={}\r\n", "x".repeat(200 * 1024));
    let many: String = (0..500).map(|at| format!("X-Header-{at}: 1\r\n")).collect();
    for headers in [cookies, many] {
        let connection = by_login();
        let (listener, login) = listen(&connection);
        std::thread::scope(|scope| {
            let page = scope.spawn(|| visit(&login, "code=c", &headers));
            let outcome =
                listener.wait(&login, PATIENCE, |query| finish(&connection, &login, query));
            outcome.unwrap();
            assert!(page.join().unwrap().starts_with("HTTP/1.1 200 OK"));
        });
    }
}

#[test]
fn a_request_that_is_too_large_is_told_so_and_waited_past() {
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
        let outcome = listener.wait(&login, PATIENCE, |query| finish(&connection, &login, query));
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

/// Browsers connect ahead, and other programs connect for reasons of their own.
#[test]
fn idle_connections_make_room_for_the_callback() {
    let connection = by_login();
    let (listener, login) = listen(&connection);
    let authority = login.redirect_uri().split('/').nth(2).unwrap();
    // All of them are there before the listener looks, and none ever says anything whole.
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
        let outcome = listener.wait(&login, PATIENCE, |query| finish(&connection, &login, query));
        outcome.unwrap();
        assert!(page.join().unwrap().starts_with("HTTP/1.1 200 OK"));
    });
    drop(idle);
}

fn page_of(login: &Login, connection: &Connection, listener: Listener, query: &str) -> String {
    std::thread::scope(|scope| {
        let page: ScopedJoinHandle<'_, String> = scope.spawn(|| visit(login, query, ""));
        let _ = listener.wait(login, PATIENCE, |query| finish(connection, login, query));
        page.join().unwrap()
    })
}

#[test]
fn the_pages_are_readable_everywhere_and_say_why() {
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

/// An address that a person pastes, from a browser on another machine.
#[test]
fn a_callback_that_comes_another_way_ends_the_wait() {
    let connection = by_login();
    let (listener, login) = listen(&connection);
    let pasted = format!("{}?code=c&state={}", login.redirect_uri(), login.state());
    let mut asked = 0;
    let outcome = listener.wait_or(
        &login,
        PATIENCE,
        |_| {
            asked += 1;
            (asked == 3).then(|| pasted.clone())
        },
        |callback| finish(&connection, &login, callback),
    );
    outcome.unwrap();
    assert_eq!(asked, 3);
}

#[test]
fn an_https_address_of_this_machine_is_no_listeners() {
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

/// Whoever goes away without a word costs nothing.
#[test]
fn a_visitor_that_leaves_is_forgotten() {
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
