//! A token endpoint over TLS on a loopback port, with scripted responses.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};
use serde_json::Value;
use tempfile::TempDir;

/// A fake vendor. Dropping it stops the server.
#[derive(Debug)]
pub struct Vendor {
    address: SocketAddr,
    folder: TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A request that the vendor received.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// The path, without a query.
    pub path: String,
    /// The headers, in the order received.
    pub headers: Vec<(String, String)>,
    /// The form's fields, decoded.
    pub form: Vec<(String, String)>,
}

/// A scripted response.
#[derive(Clone, Debug)]
pub enum Response {
    /// A status and a JSON body.
    Json(u16, Value),
    /// No response: the connection closes after the request was read.
    Nothing,
}

impl Vendor {
    /// Starts a vendor that responds with `respond`.
    ///
    /// # Panics
    ///
    /// Panics if no port is free or the certificates cannot be created.
    pub fn start(respond: impl FnMut(&Asked) -> Response + Send + 'static) -> Self {
        let (config, ca) = certificates();
        let listener = listen();
        let address = listener.local_addr().expect("the local address");
        let folder = TempDir::new().expect("a temporary folder");
        std::fs::write(folder.path().join("ca.pem"), ca).expect("the CA's file");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (asked, over) = (Arc::clone(&asked), Arc::clone(&over));
            move || serve(&listener, &config, &asked, &over, respond)
        });
        Self {
            address,
            folder,
            asked,
            over,
            thread: Some(thread),
        }
    }

    /// Returns the base URL.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.address.port())
    }

    /// Returns the path of the CA certificate to trust, in PEM format.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns a temporary folder, for example for a configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the requests received so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock();
        asked.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Asked {
    /// Returns the first form field with this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        find(&self.form, name)
    }

    /// Returns the names of the form's fields, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.form.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Returns the header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter();
        let mut header = header.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        header.next().map(|(_, value)| value.as_str())
    }

    /// Returns the id and the secret of Basic authentication, base64-decoded but not form-decoded.
    pub fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let pair = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .ok()?;
        let pair = String::from_utf8(pair).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((id.to_owned(), secret.to_owned()))
    }

    /// Returns whether this is a form posted to `path` (RFC 6749 section 3.2).
    pub fn is_form_for(&self, path: &str) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        self.method == "POST"
            && self.path == path
            && kind.starts_with("application/x-www-form-urlencoded")
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the server's thread, which waits for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(
    listener: &TcpListener,
    config: &Arc<ServerConfig>,
    asked: &Mutex<Vec<Asked>>,
    over: &AtomicBool,
    mut respond: impl FnMut(&Asked) -> Response,
) {
    for visitor in listener.incoming() {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(mut socket) = visitor else { continue };
        drop(socket.set_read_timeout(Some(Duration::from_secs(10))));
        let Ok(mut tls) = ServerConnection::new(Arc::clone(config)) else {
            continue;
        };
        let mut stream = Stream::new(&mut tls, &mut socket);
        let Some(request) = receive(&mut stream) else {
            continue;
        };
        let all = asked.lock();
        all.unwrap_or_else(PoisonError::into_inner)
            .push(request.clone());
        if let Response::Json(status, body) = respond(&request) {
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} It\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // The client may have closed the connection.
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
            tls.send_close_notify();
            drop(tls.complete_io(&mut socket));
        }
    }
}

fn receive(stream: &mut impl Read) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(length)) = head.parse(&bytes) else {
            continue;
        };
        let headers: Vec<(String, String)> = head
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_owned(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect();
        let wanted = find(&headers, "content-length").and_then(|text| text.parse().ok());
        let body = &bytes[length..];
        if body.len() < wanted.unwrap_or(0) {
            continue;
        }
        let target = head.path.unwrap_or_default();
        return Some(Asked {
            method: head.method.unwrap_or_default().to_owned(),
            path: target.split('?').next().unwrap_or_default().to_owned(),
            form: form_urlencoded::parse(body).into_owned().collect(),
            headers,
        });
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = pairs
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.as_str())
}

/// Listens at a port below those that the system uses for outgoing connections.
fn listen() -> TcpListener {
    let begin = 20_000 + u16::try_from(std::process::id() % 12_000).unwrap_or(0);
    let ports = (begin..32_768).chain(20_000..begin);
    let mut listeners =
        ports.filter_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    listeners.next().expect("a free port")
}

/// Creates a CA, and a server configuration with a certificate for the loopback address.
fn certificates() -> (Arc<ServerConfig>, String) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca_certificate = ca.self_signed(&ca_key).expect("a CA");
    let issuer = Issuer::from_params(&ca, &ca_key);
    let leaf_key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).expect("the leaf's name");
    let leaf = leaf.signed_by(&leaf_key, &issuer).expect("a leaf");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into(),
        )
        .expect("the leaf with its key");
    (Arc::new(config), ca_certificate.pem())
}
