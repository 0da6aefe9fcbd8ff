//! Connections, proxies and file descriptors of the default transport.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;

use countersign_core::{
    Error, ErrorKind, Network, Request, SendError, Transport, Transports, UreqTransport, Url,
    Verdict,
};

use crate::transport::{post, send, serve};
use crate::trust::{Chain, TlsServer};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

fn through(proxy: &str) -> UreqTransport {
    UreqTransport::new(&Network {
        proxy: Some(proxy.into()),
        ..Network::default()
    })
    .unwrap()
}

fn not_sent(transport: &UreqTransport, url: &str) -> Error {
    match transport.send(&Request::get(Url::parse(url).unwrap())) {
        Err(SendError::NotSent(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Serves each connection until the client closes it, then reports the number of its requests.
fn serve_until_closed() -> (Url, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/token", listener.local_addr().unwrap())).unwrap();
    let (closed, closings) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let closed = closed.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut count = 0;
                while request(&mut stream).is_some() {
                    count += 1;
                    send(&mut stream, OK);
                }
                let _ = closed.send(count);
            });
        }
    });
    (url, closings)
}

/// Reads a GET or CONNECT and returns its first line, or `None` if the connection was closed.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    // Read the rest of the head.
    lines
        .find(|line| line.as_ref().is_ok_and(String::is_empty))
        .map(|_| first)
}

#[test]
fn an_idle_transport_holds_no_connection() {
    let (url, closings) = serve_until_closed();
    let transport = UreqTransport::new(&Network::default()).unwrap();
    let get = || transport.send(&Request::get(url.clone())).unwrap();
    get();
    // The client closes the connection although the transport still exists.
    assert_eq!(closings.recv(), Ok(1));
    for _ in 0..3 {
        get();
    }
    // Requests in quick succession share a connection, which is then closed as well.
    assert_eq!(closings.recv(), Ok(3));
    drop(transport);
}

#[test]
fn transports_with_different_timeouts_share_connections() {
    let (url, closings) = serve_until_closed();
    let transports = Transports::new();
    let clients: Vec<_> = (1..=50)
        .map(|seconds| {
            let timeout = std::time::Duration::from_secs(seconds);
            let network = Network {
                timeout,
                ..Network::default()
            };
            transports.get(&network).unwrap()
        })
        .collect();
    for client in &clients {
        client.send(&Request::get(url.clone())).unwrap();
    }
    let other = Network {
        proxy: Some("http://proxy.example:3128".into()),
        ..Network::default()
    };
    let other = transports.get(&other).unwrap();
    assert!(!other.shares_connections_with(&clients[0]));
    assert_eq!(closings.recv(), Ok(1));
    assert_eq!(closings.recv(), Ok(49));
}

#[test]
fn requests_to_the_loopback_bypass_the_proxy() {
    let (proxy, at_proxy) = serve_until_closed();
    let transport = through(proxy.origin());
    for host in ["127.0.0.1", "localhost"] {
        let (url, server) = serve(1, |stream| send(stream, OK));
        let url = Url::parse(&url.as_str().replace("127.0.0.1", host)).unwrap();
        let secret = post(&url).with_header("Authorization", "Basic c2VjcmV0".into());
        assert_eq!(transport.send(&secret).unwrap().status, 200, "{host}");
        assert_eq!(server.join().unwrap(), 1);
    }
    assert!(at_proxy.try_recv().is_err());
}

#[test]
fn tls_through_a_proxy_verifies_the_servers_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "login.acme.example");
    let server = TlsServer::of(&chain, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let port = server.port;
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        sender.send(request(&mut client).unwrap()).unwrap();
        send(&mut client, "HTTP/1.1 200 Connection established\r\n\r\n");
        let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            to.shutdown(std::net::Shutdown::Both)
        });
        std::io::copy(&mut server, &mut client)
    });
    let network = Network {
        proxy: Some(proxy.into()),
        ca_file: Some(chain.root.clone()),
        ca_only: true,
        ..Network::default()
    };
    let url = Url::parse("https://login.acme.example/token").unwrap();
    let transport = UreqTransport::new(&network).unwrap();
    assert_eq!(transport.send(&Request::get(url)).unwrap().status, 200);
    assert_eq!(
        requests.recv().unwrap(),
        "CONNECT login.acme.example:443 HTTP/1.1"
    );
}

#[test]
fn a_proxy_that_is_down_is_reported_as_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    for (proxy, message) in [
        (format!("http://user:s3cret@{at}"), format!("the proxy {at} cannot be reached: ")),
        (
            "http://no-such-proxy.invalid:3128".to_owned(),
            "the proxy no-such-proxy.invalid:3128 cannot be reached: its host name does not resolve"
                .to_owned(),
        ),
    ] {
        let error = not_sent(&through(&proxy), "https://login.acme.example/token");
        assert!(error.message().starts_with(&message), "{error}");
        assert_eq!(error.setting_name(), Some("proxy"));
        assert_eq!(
            (error.kind(), error.verdict()),
            (ErrorKind::Connect, Verdict::Retry)
        );
        assert!(error.hint().unwrap().contains("proxy"), "{error:?}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

#[test]
fn a_proxys_error_is_explained() {
    let fix = Verdict::FixConfiguration;
    let origin = "https://login.acme.example";
    for (login, response, verdict, message, hint) in [
        (
            "",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            fix,
            "requires a user name and password (407)",
            "http://user:password@host:port",
        ),
        (
            "user:s3cret@",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            fix,
            "rejected the user name or password in `proxy` (407)",
            "percent-encode",
        ),
        (
            "",
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            fix,
            "rejected the connection to https://login.acme.example (403)",
            "allow https://login.acme.example in the proxy",
        ),
        (
            "",
            "HTTP/1.1 502 Bad Gateway\r\n\r\n",
            Verdict::Retry,
            "could not reach https://login.acme.example (502)",
            "reached from the proxy",
        ),
        (
            "",
            "",
            Verdict::Retry,
            "closed the connection without a response",
            "names an HTTP proxy",
        ),
        (
            "",
            "SSH-2.0-OpenSSH_9.6\r\n\r\n",
            fix,
            "its response is not HTTP",
            "address of an HTTP proxy",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let proxy = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            request(&mut stream);
            send(&mut stream, response);
        });
        let transport = through(&format!("http://{login}{at}"));
        let error = not_sent(&transport, &format!("{origin}/token"));
        proxy.join().unwrap();
        assert!(error.message().contains(message), "{error}");
        assert!(error.message().contains(&at.to_string()), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
        assert_eq!(error.verdict(), verdict, "{error}");
        assert_eq!(error.setting_name(), Some("proxy"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

/// The limit on file descriptors applies to the whole process, so the test runs in another one:
/// [`in_a_process_without_descriptors`].
#[cfg(unix)]
#[test]
fn running_out_of_descriptors_names_the_limit() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "routes::in_a_process_without_descriptors"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{output:?}"
    );
}

#[test]
#[ignore = "run by running_out_of_descriptors_names_the_limit"]
fn in_a_process_without_descriptors() {
    let transport = UreqTransport::new(&Network::default()).unwrap();
    let proxied = through("http://proxy.example:3128");
    let mut open = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        open.push(file);
    }
    for (transport, url) in [
        (&transport, "https://127.0.0.1:1/token"),
        (&transport, "https://login.acme.example/token"),
        (&proxied, "https://login.acme.example/token"),
    ] {
        let error = not_sent(transport, url);
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
        assert!(error.message().contains("Too many open files"), "{error}");
        assert!(error.hint().unwrap().contains("ulimit -n"), "{error:?}");
    }
}
