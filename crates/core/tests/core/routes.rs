//! How the default transport gets to a server: connections kept and closed, proxies, descriptors.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;

use countersign_core::{
    Error, ErrorKind, Network, Request, SendError, Transport, Transports, UreqTransport, Url,
    Verdict,
};

use crate::transport::{post, say, serve};
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

/// Serves each connection until the client closes it, and tells the requests heard on each then.
fn serve_until_closed() -> (Url, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/token", listener.local_addr().unwrap())).unwrap();
    let (closed, closings) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let closed = closed.clone();
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut heard = 0;
                while request(&mut stream).is_some() {
                    heard += 1;
                    say(&mut stream, OK);
                }
                let _ = closed.send(heard);
            });
        }
    });
    (url, closings)
}

/// The first line of a GET or CONNECT; none once the client has closed the connection.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    // What is left of the head.
    lines
        .find(|line| line.as_ref().is_ok_and(String::is_empty))
        .map(|_| first)
}

#[test]
fn an_idle_transport_holds_no_connection() {
    let (url, closings) = serve_until_closed();
    let transport = UreqTransport::new(&Network::default()).unwrap();
    let send = || transport.send(&Request::get(url.clone())).unwrap();
    send();
    // Closed by the client, which is alive: nobody knows whether there will be another request.
    assert_eq!(closings.recv(), Ok(1));
    for _ in 0..3 {
        send();
    }
    // Requests that follow each other share a connection. It is closed though none comes after.
    assert_eq!(closings.recv(), Ok(3));
    drop(transport);
}

#[test]
fn transports_of_one_kind_share_connections_whatever_their_time_limits() {
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
fn what_is_for_the_loopback_never_goes_to_the_proxy() {
    let (proxy, at_proxy) = serve_until_closed();
    let transport = through(proxy.origin());
    for host in ["127.0.0.1", "localhost"] {
        let (url, server) = serve(1, |stream| say(stream, OK));
        let url = Url::parse(&url.as_str().replace("127.0.0.1", host)).unwrap();
        let secret = post(&url).with_header("Authorization", "Basic c2VjcmV0".into());
        assert_eq!(transport.send(&secret).unwrap().status, 200, "{host}");
        assert_eq!(server.join().unwrap(), 1);
    }
    assert!(at_proxy.try_recv().is_err());
}

#[test]
fn a_tunnel_leads_to_the_server_whose_certificate_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "login.acme.example");
    let server = TlsServer::of(&chain, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let port = server.port;
    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        tell.send(request(&mut client).unwrap()).unwrap();
        say(&mut client, "HTTP/1.1 200 Connection established\r\n\r\n");
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
        asked.recv().unwrap(),
        "CONNECT login.acme.example:443 HTTP/1.1"
    );
}

#[test]
fn a_proxy_that_is_down_is_reported_as_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    for (proxy, said) in [
        (format!("http://user:s3cret@{at}"), format!("the proxy {at} cannot be reached: ")),
        (
            "http://no-such-proxy.invalid:3128".to_owned(),
            "the proxy no-such-proxy.invalid:3128 cannot be reached: its host name does not resolve"
                .to_owned(),
        ),
    ] {
        let error = not_sent(&through(&proxy), "https://login.acme.example/token");
        assert!(error.message().starts_with(&said), "{error}");
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
fn what_a_proxy_answers_is_told() {
    let fix = Verdict::FixConfiguration;
    let origin = "https://login.acme.example";
    for (login, answer, verdict, said, hint) in [
        (
            "",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            fix,
            "asks for a user and password (407)",
            "http://user:password@host:port",
        ),
        (
            "user:s3cret@",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            fix,
            "rejected the user or password in `proxy` (407)",
            "percent-encoded",
        ),
        (
            "",
            "HTTP/1.1 403 Forbidden\r\n\r\n",
            fix,
            "refused to connect to https://login.acme.example (403)",
            "have the proxy allow https://login.acme.example",
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
            "closed the connection without an answer",
            "names an HTTP proxy",
        ),
        (
            "",
            "SSH-2.0-OpenSSH_9.6\r\n\r\n",
            fix,
            "its answer is not HTTP",
            "address of an HTTP proxy",
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let proxy = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            request(&mut stream);
            say(&mut stream, answer);
        });
        let transport = through(&format!("http://{login}{at}"));
        let error = not_sent(&transport, &format!("{origin}/token"));
        proxy.join().unwrap();
        assert!(error.message().contains(said), "{error}");
        assert!(error.message().contains(&at.to_string()), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
        assert_eq!(error.verdict(), verdict, "{error}");
        assert_eq!(error.setting_name(), Some("proxy"), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}

/// The number of this process's file descriptors is limited for all its threads, so that the test
/// runs in a process of its own: [`in_a_process_without_descriptors`].
#[cfg(unix)]
#[test]
fn a_process_without_descriptors_names_the_limit() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "routes::in_a_process_without_descriptors"])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{output:?}"
    );
}

#[test]
#[ignore = "run by a_process_without_descriptors_names_the_limit"]
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
