//! The default transport with servers that misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_core::{
    BodyFormat, ErrorKind, Form, Method, Network, Request, Roots, SendError, Transport,
    UreqTransport, Url,
};

/// Serves this many connections. The thread returns the number of requests.
pub(crate) fn serve(
    connections: usize,
    respond: impl Fn(&mut TcpStream) + Send + 'static,
) -> (Url, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut count = 0;
        for stream in listener.incoming().take(connections) {
            let mut stream = stream.unwrap();
            if receive(&mut stream).is_some() {
                count += 1;
                respond(&mut stream);
            }
        }
        count
    });
    (Url::parse(&url).unwrap(), server)
}

/// Reads one request with its body. Returns `None` if the connection was closed.
///
/// Closing a socket with unread bytes resets the connection, which could lose the response.
fn receive(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let Ok(count) = stream.read(&mut chunk) else {
            return None;
        };
        text.extend_from_slice(&chunk[..count]);
        let whole = String::from_utf8_lossy(&text);
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(whole.into_owned());
            }
        }
        if count == 0 {
            return None;
        }
    }
}

pub(crate) fn send(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
}

fn transport(timeout_ms: u64) -> UreqTransport {
    UreqTransport::new(&Network {
        timeout: Duration::from_millis(timeout_ms),
        ..Network::default()
    })
    .unwrap()
}

pub(crate) fn post(url: &Url) -> Request {
    Request::post(url.clone(), Form::new().field("grant_type", "x y"))
}

#[test]
fn an_error_status_is_returned_as_a_response() {
    let (url, _server) = serve(1, |stream| {
        send(
            stream,
            "HTTP/1.1 400 Bad Request\r\nX-Trace: 7\r\nContent-Length: 2\r\n\r\n{}",
        );
    });
    let response = transport(5000).send(&post(&url)).unwrap();
    assert_eq!(
        (response.status, response.body.as_slice()),
        (400, &b"{}"[..])
    );
    assert_eq!(response.header("x-trace"), Some("7"));
}

#[test]
fn each_method_is_sent_with_its_parameters() {
    for (method, head, body) in [
        (Method::Get, "GET /token?grant_type=x%20y HTTP/1.1\r\n", ""),
        (Method::Post, "POST /token HTTP/1.1\r\n", "grant_type=x+y"),
        (
            Method::Delete,
            "DELETE /token HTTP/1.1\r\n",
            "grant_type=x+y",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = receive(&mut stream).unwrap();
            send(
                &mut stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            );
            request
        });
        let request = post(&Url::parse(&url).unwrap()).with_method(method);
        assert_eq!(transport(5000).send(&request).unwrap().status, 200);
        let received = server.join().unwrap();
        assert!(received.starts_with(head), "{received}");
        assert!(received.ends_with(&format!("\r\n\r\n{body}")), "{received}");
        let has_type = received.to_lowercase().contains("content-type");
        assert_eq!(has_type, !body.is_empty(), "{received}");
    }
}

#[test]
fn each_format_is_sent_with_its_own_type_and_length() {
    let form = || {
        let form = Form::new().field("grant_type", "x y");
        form.field("secret", "\"é")
    };
    for (format, line, kind, body) in [
        (
            BodyFormat::Form,
            "POST /token HTTP/1.1",
            Some("application/x-www-form-urlencoded"),
            "grant_type=x+y&secret=%22%C3%A9",
        ),
        (
            BodyFormat::Json,
            "POST /token HTTP/1.1",
            Some("application/json"),
            r#"{"grant_type":"x y","secret":"\"é"}"#,
        ),
        (
            BodyFormat::Query,
            "POST /token?grant_type=x%20y&secret=%22%C3%A9 HTTP/1.1",
            None,
            "",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let url = Url::parse(&url).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = receive(&mut stream).unwrap();
            send(
                &mut stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            );
            request
        });
        let request = Request::post(url, form())
            .with_format(format)
            .with_header("accept", "application/vnd.acme+json".into());
        transport(5000).send(&request).unwrap();
        let sent = server.join().unwrap();
        let (head, sent_body) = sent.split_once("\r\n\r\n").unwrap();
        let values = |name: &str| -> Vec<_> {
            let pairs = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "));
            let found = pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned()).collect()
        };
        assert_eq!(head.lines().next(), Some(line));
        assert_eq!(values("content-type"), kind.into_iter().collect::<Vec<_>>());
        assert_eq!(values("content-length"), [body.len().to_string()]);
        assert_eq!(values("accept"), ["application/vnd.acme+json"]);
        assert_eq!(sent_body, body);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let (elsewhere, _) = serve(1, |_| panic!("the redirect was followed"));
        let response =
            format!("HTTP/1.1 {status}\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
        let (url, _server) = serve(1, move |stream| send(stream, &response));
        let response = transport(5000).send(&post(&url)).unwrap();
        assert_eq!(response.status.to_string(), status[..3]);
    }
}

#[test]
fn a_giant_body_is_cut_off() {
    let (url, _server) = serve(1, |stream| {
        send(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        );
        // The client closes the connection long before the end.
        let megabyte = vec![b' '; 1 << 20];
        while stream.write_all(&megabyte).is_ok() {}
    });
    match transport(20_000).send(&post(&url)).unwrap_err() {
        SendError::MaybeSent(error) => {
            assert_eq!(error.kind(), ErrorKind::Unreadable);
            assert!(error.message().contains("1048576 bytes"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_body_of_a_mebibyte_is_read() {
    let (url, _server) = serve(1, |stream| {
        send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
        stream.write_all(&vec![b' '; 1 << 20]).unwrap();
    });
    assert_eq!(
        transport(20_000).send(&post(&url)).unwrap().body.len(),
        1 << 20
    );
}

#[test]
fn the_total_time_is_limited_however_slowly_bytes_drip() {
    let (url, _server) = serve(1, |stream| {
        send(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        // Blocks until the client times out and closes the connection.
        let _ = stream.read(&mut [0; 1]);
    });
    match transport(300).send(&post(&url)).unwrap_err() {
        SendError::MaybeSent(error) => {
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            assert!(error.message().contains("300 ms (timeout_ms)"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cut_connection_may_have_been_sent_and_is_not_tried_again() {
    let (url, server) = serve(1, |_| {});
    let transport = transport(5000);
    let error = transport.send(&post(&url)).unwrap_err();
    assert!(
        matches!(&error, SendError::MaybeSent(e) if e.kind() == ErrorKind::Interrupted),
        "{error:?}"
    );
    assert_eq!(server.join().unwrap(), 1);
}

#[test]
fn a_truncated_response_is_an_interruption() {
    let (url, _server) = serve(1, |stream| {
        send(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"access_tok",
        );
    });
    let error = transport(5000).send(&post(&url)).unwrap_err();
    assert!(
        matches!(&error, SendError::MaybeSent(e) if e.kind() == ErrorKind::Interrupted),
        "{error:?}"
    );
}

/// A wrong `Content-Length` must not cost the new refresh token.
#[test]
fn a_complete_object_is_read_despite_a_larger_content_length() {
    let body = r#"{"access_token":"a","refresh_token":"r1"}"#;
    for status in ["200 OK", "400 Bad Request"] {
        let (url, _server) = serve(1, move |stream| {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\n");
            send(stream, &format!("{head}{body}"));
        });
        let response = transport(5000).send(&post(&url)).unwrap();
        assert_eq!(response.body.as_slice(), body.as_bytes(), "{status}");
    }
}

#[test]
fn a_refused_connection_is_reported_as_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/token", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = transport(5000).send(&post(&url)).unwrap_err();
    assert!(
        matches!(&error, SendError::NotSent(e) if e.kind() == ErrorKind::Connect),
        "{error:?}"
    );
}

#[test]
fn an_unresolvable_host_is_reported_as_not_sent() {
    let url = Url::parse("https://no-such-host.invalid/token").unwrap();
    let error = transport(5000).send(&post(&url)).unwrap_err();
    assert!(
        matches!(&error, SendError::NotSent(e) if e.kind() == ErrorKind::Connect),
        "{error:?}"
    );
}

#[test]
fn a_server_without_tls_is_a_tls_error() {
    let (url, _server) = serve(1, |_| {});
    let url = Url::parse(&url.as_str().replace("http://", "https://")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        send(&mut stream, "HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 64]);
    });
    let url = url.with_port(address.port());
    let error = transport(5000).send(&post(&url)).unwrap_err();
    assert!(
        matches!(&error, SendError::NotSent(e) if e.kind() == ErrorKind::Tls),
        "{error:?}"
    );
    server.join().unwrap();
}

#[test]
fn a_single_use_request_never_reuses_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/token", listener.local_addr().unwrap())).unwrap();
    let server = std::thread::spawn(move || {
        let mut per_connection = Vec::new();
        for stream in listener.incoming().take(4) {
            let mut stream = stream.unwrap();
            let mut served = 0;
            while receive(&mut stream).is_some() {
                served += 1;
                send(
                    &mut stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                );
                if served == 2 || per_connection.len() != 1 {
                    break;
                }
            }
            per_connection.push(served);
        }
        per_connection
    });
    let transport = transport(5000);
    for _ in 0..3 {
        transport.send(&post(&url)).unwrap();
    }
    for _ in 0..2 {
        transport
            .send(&post(&url).spending_a_single_use_secret())
            .unwrap();
    }
    // The first connection is not kept, the second serves two requests, the others one each.
    assert_eq!(server.join().unwrap(), [1, 2, 1, 1]);
}

#[test]
fn errors_name_the_network_setting() {
    let error_of = |network: Network| UreqTransport::new(&network).unwrap_err();
    for proxy in ["socks5://127.0.0.1:1", "127.0.0.1:1", "http://"] {
        let error = error_of(Network {
            proxy: Some(proxy.into()),
            ..Network::default()
        });
        assert_eq!(error.setting_name(), Some("proxy"), "{proxy}");
    }
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for path in [folder.path().join("missing.pem"), empty] {
        let error = error_of(Network {
            ca_file: Some(path.clone()),
            ..Network::default()
        });
        assert_eq!(error.setting_name(), Some("ca_file"));
        assert!(
            error.message().contains(&path.display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn the_systems_roots_are_loaded_if_there_are_any() {
    if std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
        let network = Network {
            roots: Roots::System,
            ..Network::default()
        };
        UreqTransport::new(&network).unwrap();
    }
}

/// Compresses a text with the `gzip` command.
fn gzipped(text: &[u8]) -> Vec<u8> {
    use std::process::{Command, Stdio};
    let mut child = Command::new("gzip")
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need the `gzip` command");
    let (mut stdin, text) = (child.stdin.take().unwrap(), text.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&text).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.stdout
}

#[test]
fn a_chunked_gzip_response_is_decoded_although_identity_was_requested() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/token", listener.local_addr().unwrap())).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = receive(&mut stream).unwrap();
        let body = gzipped(br#"{"access_token":"t"}"#);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
        send(&mut stream, head);
        for part in body.chunks(7) {
            send(&mut stream, &format!("{:x}\r\n", part.len()));
            stream.write_all(part).unwrap();
            send(&mut stream, "\r\n");
        }
        send(&mut stream, "0\r\n\r\n");
        request.to_lowercase()
    });
    let response = transport(5000).send(&post(&url)).unwrap();
    assert_eq!(response.body.as_slice(), br#"{"access_token":"t"}"#);
    assert_eq!(response.header("content-encoding"), None);
    let request = server.join().unwrap();
    assert!(
        request.contains("accept-encoding: identity\r\n"),
        "{request}"
    );
}

#[test]
fn a_body_that_grows_too_long_when_decoded_is_cut_off() {
    let bomb = gzipped(&vec![b' '; (1 << 20) + 1]);
    assert!(bomb.len() < 4096);
    let (url, _server) = serve(1, move |stream| {
        let length = bomb.len();
        send(
            stream,
            &format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
            ),
        );
        stream.write_all(&bomb).unwrap();
    });
    match transport(20_000).send(&post(&url)).unwrap_err() {
        SendError::MaybeSent(error) => {
            assert!(error.message().contains("1048576 bytes"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unknown_coding_keeps_the_status() {
    let (url, _server) = serve(1, |stream| {
        send(
            stream,
            "HTTP/1.1 400 Bad Request\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nxx",
        );
    });
    let response = transport(5000).send(&post(&url)).unwrap();
    assert_eq!(response.status, 400);
    assert_eq!(response.header("content-encoding"), Some("br"));
}
