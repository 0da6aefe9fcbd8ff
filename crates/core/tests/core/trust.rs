//! Which servers the default transport trusts, tested with `openssl s_server`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use countersign_core::{
    Client, Connection, Error, ErrorKind, Network, Request, Response, SendError, Settings,
    Transport, UreqTransport, Url, Verdict, testing,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::openssl::openssl;
use crate::support::{MockTransport, client_credentials, token_response};

/// A root, an intermediate authority and a server certificate, each in a PEM file.
pub(crate) struct Chain {
    pub(crate) root: PathBuf,
    intermediate: PathBuf,
    server: PathBuf,
    key: PathBuf,
}

impl Chain {
    pub(crate) fn new(folder: &Path, host: &str) -> Self {
        Self::with(folder, host, |_| ())
    }

    /// Like [`Chain::new`], with a change to the server certificate.
    fn with(folder: &Path, host: &str, change: impl Fn(&mut CertificateParams)) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params
        };
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority("Acme Root"), key()).unwrap();
        let between = authority("Acme Issuing");
        let between = CertifiedIssuer::signed_by(between, key(), &root).unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let server_key = key();
        let server = params.signed_by(&server_key, &between).unwrap();
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            root: write("root.pem", root.pem()),
            intermediate: write("intermediate.pem", between.pem()),
            server: write("server.pem", server.pem()),
            key: write("server.key", server_key.serialize_pem()),
        }
    }
}

/// An `openssl s_server` that responds to every GET.
pub(crate) struct TlsServer {
    child: Child,
    pub(crate) port: u16,
}

impl TlsServer {
    /// Starts the server with a complete chain: its certificate and the intermediate one.
    pub(crate) fn of(chain: &Chain, arguments: &[&str]) -> Self {
        let between = chain.intermediate.display().to_string();
        let arguments = [&["-cert_chain", &between], arguments].concat();
        Self::start(&chain.server, &chain.key, &arguments)
    }

    /// Starts the server with only its own certificate.
    fn start(certificate: &Path, key: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www"])
            .arg("-cert")
            .arg(certificate)
            .arg("-key")
            .arg(key)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need the `openssl` command (apt-get install openssl)");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("ACCEPT 127.0.0.1:")?.trim().parse().ok()
        });
        // The server exits if its output isn't read.
        std::thread::spawn(move || lines.for_each(drop));
        let port = port.expect("openssl s_server prints its port");
        Self { child, port }
    }

    fn get(&self, host: &str, network: &Network) -> Result<Response, SendError> {
        let url = Url::parse(&format!("https://{host}:{}/", self.port)).unwrap();
        UreqTransport::new(network)
            .unwrap()
            .send(&Request::get(url))
    }

    /// Returns the error of a client that trusts these authorities, or only the public ones.
    fn rejection(&self, host: &str, trusted: Option<&Path>) -> Error {
        match self.get(host, &trusting(trusted)) {
            Err(SendError::NotSent(error)) => {
                assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
                assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
                error
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn trusting(file: Option<&Path>) -> Network {
    Network {
        ca_file: file.map(Path::to_owned),
        ca_only: file.is_some(),
        ..Network::default()
    }
}

fn assert_error(error: &Error, message: &str, hint: &str, setting: Option<&str>) {
    assert!(error.message().ends_with(message), "{error:?}");
    assert!(error.hint().unwrap().contains(hint), "{error:?}");
    assert_eq!(error.setting_name(), setting, "{error:?}");
}

#[test]
fn a_private_authority_alone_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "localhost");
    let server = TlsServer::of(&chain, &[]);
    let response = server.get("localhost", &trusting(Some(&chain.root)));
    assert_eq!(response.unwrap().status, 200);
    // The client trusts another authority.
    let other = tempfile::tempdir().unwrap();
    let other = Chain::new(other.path(), "localhost");
    server.rejection("localhost", Some(&other.root));
}

#[test]
fn a_self_signed_certificate_is_explained_and_can_be_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("s.pem"), folder.path().join("s.key"));
    let create = |extensions: &str| {
        let (certificate, key) = (certificate.display(), key.display());
        let arguments = format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=localhost -keyout {key} -out {certificate} {extensions}"
        );
        openssl(&arguments, b"");
    };
    // The default of openssl, which people often use.
    create("");
    let server = TlsServer::start(&certificate, &key, &[]);
    for trusted in [None, Some(certificate.as_path())] {
        assert_error(
            &server.rejection("localhost", trusted),
            "its certificate is self-signed and marked as that of an authority (CA:TRUE)",
            "basicConstraints = CA:FALSE and subjectAltName",
            Some("ca_file"),
        );
    }
    // As the hint says.
    create("-addext basicConstraints=CA:FALSE -addext subjectAltName=DNS:localhost");
    let server = TlsServer::start(&certificate, &key, &[]);
    assert_error(
        &server.rejection("localhost", None),
        "its certificate is self-signed",
        "set ca_file to a PEM file with that certificate",
        Some("ca_file"),
    );
    let response = server.get("localhost", &trusting(Some(&certificate)));
    assert_eq!(response.unwrap().status, 200);
}

#[test]
fn a_missing_intermediate_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "localhost");
    let server = TlsServer::start(&chain.server, &chain.key, &[]);
    for trusted in [None, Some(chain.root.as_path())] {
        assert_error(
            &server.rejection("localhost", trusted),
            "its certificate was issued by \"Acme Issuing\", which is not trusted, and it sent no intermediate certificate",
            "have the server send its whole chain; otherwise set ca_file",
            Some("ca_file"),
        );
    }
    let response = server.get("localhost", &trusting(Some(&chain.intermediate)));
    assert_eq!(response.unwrap().status, 200);
}

#[test]
fn an_unknown_authority_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "localhost");
    let server = TlsServer::of(&chain, &[]);
    assert_error(
        &server.rejection("localhost", None),
        "its certificate comes from the authority \"Acme Root\", which is not trusted",
        "set ca_file to a PEM file with the certificate of \"Acme Root\"",
        Some("ca_file"),
    );
}

#[test]
fn a_version_1_certificate_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (ca, ca_key, key) = (at("ca.pem"), at("ca.key"), at("v1.key"));
    let (request, v1) = (at("v1.csr"), at("v1.pem"));
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(
        &format!("req -x509 {new} -days 9 -subj /CN=Authority -keyout {ca_key} -out {ca}"),
        b"",
    );
    openssl(
        &format!("req {new} -subj /CN=localhost -keyout {key} -out {request}"),
        b"",
    );
    // Without -extfile, the certificate has version 1.
    openssl(
        &format!("x509 -req -days 9 -in {request} -CA {ca} -CAkey {ca_key} -out {v1}"),
        b"",
    );
    let server = TlsServer::start(v1.as_ref(), key.as_ref(), &[]);
    for trusted in [None, Some(Path::new(&ca))] {
        assert_error(
            &server.rejection("localhost", trusted),
            "a certificate it sent is X.509 version 1, which names no hosts or purposes",
            "issued again as version 3",
            None,
        );
    }
}

#[test]
fn the_error_for_an_expired_or_future_certificate_has_the_date() {
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    for (from, to, message, hint) in [
        (
            now - 9 * day,
            now - 2 * day,
            "its certificate expired on 20",
            "renewed",
        ),
        (
            now + 2 * day,
            now + 9 * day,
            "its certificate is valid only from 20",
            "clock",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let chain = Chain::with(folder.path(), "localhost", |params| {
            (params.not_before, params.not_after) = (from.into(), to.into());
        });
        let server = TlsServer::of(&chain, &[]);
        let error = server.rejection("localhost", Some(&chain.root));
        assert!(error.message().contains(message), "{error:?}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
    }
}

#[test]
fn the_error_for_a_certificate_of_another_host_has_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "login.acme.example");
    let server = TlsServer::of(&chain, &[]);
    assert_error(
        &server.rejection("localhost", Some(&chain.root)),
        "its certificate is for login.acme.example, not for localhost",
        "use a name from the certificate in base_url or token_url",
        None,
    );
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::with(folder.path(), "localhost", |params| {
        params.subject_alt_names.clear();
    });
    let server = TlsServer::of(&chain, &[]);
    assert_error(
        &server.rejection("localhost", Some(&chain.root)),
        "its certificate names no host (subjectAltName), so it is not valid for localhost",
        "subjectAltName = localhost",
        None,
    );
}

#[test]
fn a_client_certificate_of_a_server_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::with(folder.path(), "localhost", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let server = TlsServer::of(&chain, &[]);
    assert_error(
        &server.rejection("localhost", Some(&chain.root)),
        "its certificate is not for servers (extendedKeyUsage lacks serverAuth)",
        "serverAuth",
        None,
    );
}

#[test]
fn a_server_that_requires_a_client_certificate_is_a_configuration_error() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "localhost");
    for version in ["-tls1_2", "-tls1_3"] {
        let server = TlsServer::of(&chain, &["-Verify", "2", version]);
        assert_error(
            &server.rejection("localhost", Some(&chain.root)),
            "accepts only clients that have a TLS certificate (mutual TLS)",
            "set client_certificate_file and client_certificate_key_file",
            Some("client_certificate_file"),
        );
        // The server accepts a client without a certificate if it only requests one.
        let server = TlsServer::of(&chain, &["-verify", "2", version]);
        let response = server.get("localhost", &trusting(Some(&chain.root)));
        assert_eq!(response.unwrap().status, 200, "{version}");
    }
}

#[test]
fn a_client_presents_its_certificate_to_a_server_that_requires_one() {
    let (folder, mine) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let chain = Chain::new(folder.path(), "localhost");
    let own = Chain::with(mine.path(), "app", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let texts = [&own.server, &own.intermediate].map(|path| std::fs::read_to_string(path).unwrap());
    let certificate = mine.path().join("client.pem");
    std::fs::write(&certificate, texts.concat()).unwrap();
    let network = |certificate: &Path, key: &Path| Network {
        client_certificate_file: Some(certificate.to_owned()),
        client_certificate_key_file: Some(key.to_owned()),
        ..trusting(Some(&chain.root))
    };
    let root = own.root.display().to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        // The server ends the handshake if it can't verify the certificate.
        let verify = ["-Verify", "2", "-verify_return_error", "-CAfile", &root];
        let server = TlsServer::of(&chain, &[&verify[..], &[version]].concat());
        let response = server.get("localhost", &network(&certificate, &own.key));
        assert_eq!(response.unwrap().status, 200, "{version}");
        // The server doesn't know the issuer of this one.
        let unknown = network(&chain.server, &chain.key);
        assert!(server.get("localhost", &unknown).is_err(), "{version}");
        server.rejection("localhost", Some(&chain.root));
    }
    for (certificate, key, setting, why) in [
        (
            &certificate,
            &chain.key,
            "client_certificate_key_file",
            "does not belong to the first",
        ),
        (
            &certificate,
            &certificate,
            "client_certificate_key_file",
            "no unencrypted PEM private key",
        ),
        (
            &own.key,
            &own.key,
            "client_certificate_file",
            "contains no PEM certificate",
        ),
    ] {
        let error = UreqTransport::new(&network(certificate, key)).unwrap_err();
        assert_eq!(error.setting_name(), Some(setting), "{error:?}");
        assert!(error.message().contains(why), "{error:?}");
    }
}

#[test]
fn a_certificate_of_the_client_needs_its_key() {
    for (given, missing) in [
        ("client_certificate_file", "client_certificate_key_file"),
        ("client_certificate_key_file", "client_certificate_file"),
    ] {
        let mut settings = Settings::from_pairs([
            ("provider", "acme"),
            ("environment", "demo"),
            ("grant", "client-credentials"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
        ])
        .unwrap();
        settings.set(given, "client.pem").unwrap();
        let error = Connection::new("mine", &settings, testing::provider()).unwrap_err();
        assert_eq!(error.setting_name(), Some(missing), "{error:?}");
    }
}

/// Like Kubernetes, replaces a folder by renaming a symbolic link.
#[cfg(unix)]
#[test]
fn a_changed_ca_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let chains = ["one", "two"].map(|name| {
        std::fs::create_dir(at(name)).unwrap();
        Chain::new(&at(name), "localhost")
    });
    let link_to = |name: &str| {
        std::os::unix::fs::symlink(name, at("next")).unwrap();
        std::fs::rename(at("next"), at("current")).unwrap();
    };
    link_to("one");
    let network = trusting(Some(&at("current").join("root.pem")));
    let transport = UreqTransport::new(&network).unwrap();
    let servers = chains.iter().map(|chain| TlsServer::of(chain, &[]));
    let servers: Vec<_> = servers.collect();
    let trusts = |server: &TlsServer| {
        let url = Url::parse(&format!("https://localhost:{}/", server.port)).unwrap();
        transport.send(&Request::get(url)).is_ok()
    };
    let trusted = || (trusts(&servers[0]), trusts(&servers[1]));
    assert_eq!(trusted(), (true, false));
    link_to("two");
    assert_eq!(trusted(), (false, true));
    // While the file is incomplete or missing, the previous certificates stay trusted.
    let root = at("two").join("root.pem");
    let text = std::fs::read_to_string(&chains[0].root).unwrap();
    std::fs::write(&root, &text[..40]).unwrap();
    assert_eq!(trusted(), (false, true));
    std::fs::remove_file(&root).unwrap();
    assert_eq!(trusted(), (false, true));
    std::fs::write(&root, text).unwrap();
    assert_eq!(trusted(), (true, false));
}

#[test]
fn a_changed_ca_file_that_is_not_valid_is_reported_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let chain = Chain::new(folder.path(), "localhost");
    let server = TlsServer::of(&chain, &[]);
    let ca_file = folder.path().join("ca.pem");
    let good = std::fs::read(&chain.root).unwrap();
    std::fs::write(&ca_file, &good).unwrap();
    let transport = UreqTransport::new(&trusting(Some(&ca_file))).unwrap();
    let url = Url::parse(&format!("https://localhost:{}/", server.port)).unwrap();
    let status = || transport.send(&Request::get(url.clone())).unwrap().status;
    assert_eq!((status(), transport.warning().is_none()), (200, true));
    // With an incomplete, wrong or missing file, requests succeed and the client gets a warning.
    for bad in [
        Some(&good[..good.len() / 2]),
        Some(b"none".as_slice()),
        None,
    ] {
        match bad {
            Some(bytes) => std::fs::write(&ca_file, bytes).unwrap(),
            None => std::fs::remove_file(&ca_file).unwrap(),
        }
        assert_eq!(status(), 200);
        let warning = transport.warning().unwrap();
        assert_eq!(warning.setting_name(), Some("ca_file"), "{warning}");
        let previous = "the previous certificates stay trusted";
        assert!(warning.message().starts_with(previous), "{warning}");
        assert!(warning.message().contains("ca.pem"), "{warning}");
    }
    std::fs::write(&ca_file, &good).unwrap();
    assert_eq!((status(), transport.warning().is_none()), (200, true));
}

#[test]
fn a_client_reports_its_transports_warning() {
    #[derive(Debug)]
    struct Warning(Arc<MockTransport>);
    impl Transport for Warning {
        fn send(&self, request: &Request) -> Result<Response, SendError> {
            self.0.send(request)
        }

        fn warning(&self) -> Option<Error> {
            Some(Error::setting("ca_file", "`ca_file` cannot be used"))
        }
    }
    let warnings: Arc<Mutex<Vec<Error>>> = Arc::default();
    let reported = Arc::clone(&warnings);
    let script = MockTransport::new([Ok(token_response("a", 600))]);
    let client = Client::builder(client_credentials())
        .transport(Arc::new(Warning(script)))
        .on_warning(move |warning| reported.lock().unwrap().push(warning.clone()))
        .build()
        .unwrap();
    assert_eq!(client.token().unwrap().expose(), "a");
    let warnings = warnings.lock().unwrap();
    assert_eq!(warnings[0].setting_name(), Some("ca_file"));
}
