//! Files of secrets and keys that change while a program runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use countersign_core::{
    Client, Connection, Error, ManualClock, MemoryStore, Request, Response, SendError, Settings,
    Store, Subjects, Transport, jws,
};
use tempfile::TempDir;

use crate::openssl::{openssl, openssl_text};
use crate::support::{NOW, provider, rejection, token_response};

/// Returns the response to a request with this form.
type Respond = Box<dyn FnMut(&str) -> Response + Send>;

/// A transport that records the forms of its requests.
struct Vendor {
    respond: Mutex<Respond>,
    forms: Mutex<Vec<String>>,
}

impl Vendor {
    fn new(respond: impl FnMut(&str) -> Response + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            respond: Mutex::new(Box::new(respond)),
            forms: Mutex::default(),
        })
    }

    /// Returns a vendor that responds to every request with a token.
    fn lenient() -> Arc<Self> {
        Self::new(|_| token_response("a", 3600))
    }

    fn forms(&self) -> Vec<String> {
        self.forms.lock().unwrap().clone()
    }

    fn last_form(&self) -> String {
        self.forms().pop().unwrap()
    }
}

impl Transport for Vendor {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let form = request.body().unwrap().to_string();
        self.forms.lock().unwrap().push(form.clone());
        Ok((self.respond.lock().unwrap())(&form))
    }
}

impl std::fmt::Debug for Vendor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vendor")
    }
}

/// A folder of secrets, which are replaced atomically.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn replace(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.at("new"), contents).unwrap();
        std::fs::rename(self.at("new"), self.at(name)).unwrap();
    }

    fn connection<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Connection {
        let mut settings =
            Settings::from_pairs([("environment", "demo"), ("client_id", "app")]).unwrap();
        for (key, value) in pairs {
            settings.set(key, value).unwrap();
        }
        let settings = settings.relative_to(self.0.path()).resolve(|_| None);
        Connection::new("mine", &settings.unwrap(), provider()).unwrap()
    }

    fn with_secret(&self) -> Connection {
        self.connection([
            ("grant", "client-credentials"),
            ("client_secret_file", "secret"),
        ])
    }
}

type Warnings = Arc<Mutex<Vec<Error>>>;

fn client(connection: Connection, vendor: &Arc<Vendor>) -> (Client, Warnings) {
    client_over(connection, vendor, Arc::new(MemoryStore::new()))
}

fn client_over(
    connection: Connection,
    vendor: &Arc<Vendor>,
    store: Arc<dyn Store>,
) -> (Client, Warnings) {
    let warnings = Warnings::default();
    let reported = Arc::clone(&warnings);
    let client = Client::builder(connection)
        .transport(vendor.clone())
        .clock(Arc::new(ManualClock::at(NOW)))
        .store(store)
        .on_warning(move |error| reported.lock().unwrap().push(error.clone()))
        .build()
        .unwrap();
    (client, warnings)
}

fn new_key() -> String {
    openssl_text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "")
}

/// Returns whether the assertion in a form was signed with this private key.
fn is_signed_with(form: &str, private: &str) -> bool {
    let public = openssl_text("pkey -pubout", private);
    let key = countersign_core::PublicKey::from_bytes(public.as_bytes()).unwrap();
    let assertion = form.split("assertion=").nth(1).unwrap();
    let assertion = assertion.split('&').next().unwrap();
    let key = jws::VerificationKey::new(key, countersign_core::Algorithm::ES256).unwrap();
    jws::verify(assertion, &key).is_ok()
}

#[test]
fn the_next_request_has_the_replaced_secret() {
    let files = Files::new();
    files.replace("secret", "one\n");
    let vendor = Vendor::lenient();
    let (client, warnings) = client(files.with_secret(), &vendor);
    client.token().unwrap();
    files.replace("secret", "two\n");
    client.refresh_now().unwrap();
    // Written in place, with the same length.
    std::fs::write(files.at("secret"), "six\n").unwrap();
    client.refresh_now().unwrap();
    let sent: Vec<_> = vendor.forms();
    for (form, secret) in sent.iter().zip(["one", "two", "six"]) {
        assert!(form.ends_with(&format!("client_secret={secret}")), "{form}");
    }
    assert!(warnings.lock().unwrap().is_empty());
}

/// Kubernetes creates a new folder, and atomically changes a symbolic link to it.
#[cfg(unix)]
#[test]
fn a_changed_symbolic_link_is_a_change() {
    use std::os::unix::fs::symlink;
    let files = Files::new();
    let lead_to = |folder: &str, secret: &str| {
        std::fs::create_dir(files.at(folder)).unwrap();
        std::fs::write(files.at(folder).join("secret"), secret).unwrap();
        symlink(folder, files.at("..new")).unwrap();
        std::fs::rename(files.at("..new"), files.at("..data")).unwrap();
    };
    lead_to("..1", "one");
    symlink(Path::new("..data").join("secret"), files.at("secret")).unwrap();
    let vendor = Vendor::lenient();
    let (client, _) = client(files.with_secret(), &vendor);
    client.token().unwrap();
    lead_to("..2", "two");
    std::fs::remove_dir_all(files.at("..1")).unwrap();
    client.refresh_now().unwrap();
    assert!(vendor.last_form().ends_with("client_secret=two"));
}

#[test]
fn a_replaced_key_is_used_unless_it_is_invalid() {
    let files = Files::new();
    let keys = [new_key(), new_key()];
    files.replace("key.pem", &keys[0]);
    let connection = files.connection([
        ("grant", "client-credentials"),
        ("client_auth", "private_key_jwt"),
        ("algorithm", "ES256"),
        ("private_key_file", "key.pem"),
    ]);
    let vendor = Vendor::lenient();
    let (client, warnings) = client(connection, &vendor);
    client.token().unwrap();
    assert!(is_signed_with(&vendor.last_form(), &keys[0]));
    // The former key is used while the file is incomplete, of another kind than in the settings, or
    // missing.
    let rsa = openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", b"");
    for (count, broken) in [Some(keys[1].as_bytes()[..90].to_vec()), Some(rsa), None]
        .into_iter()
        .enumerate()
    {
        match broken {
            Some(broken) => files.replace("key.pem", broken),
            None => std::fs::remove_file(files.at("key.pem")).unwrap(),
        }
        client.refresh_now().unwrap();
        assert!(is_signed_with(&vendor.last_form(), &keys[0]));
        let warnings = warnings.lock().unwrap();
        assert_eq!(warnings.len(), count + 1);
        let message = warnings[count].message();
        assert!(message.contains("stays in use"), "{message}");
        assert!(message.contains("key.pem"), "{message}");
    }
    files.replace("key.pem", &keys[1]);
    client.refresh_now().unwrap();
    assert!(is_signed_with(&vendor.last_form(), &keys[1]));
}

#[cfg(feature = "encrypted-keys")]
#[test]
fn a_pkcs12_file_is_used_once_its_passphrase_fits() {
    let files = Files::new();
    let keys = [new_key(), new_key()];
    let container = |key: &str, passphrase: &str| {
        files.replace("plain.pem", key);
        let plain = files.at("plain.pem");
        let plain = plain.display();
        openssl(
            &format!("pkcs12 -export -nocerts -inkey {plain} -passout pass:{passphrase}"),
            b"",
        )
    };
    files.replace("key.p12", container(&keys[0], "one"));
    files.replace("passphrase", "one");
    let connection = files.connection([
        ("grant", "client-credentials"),
        ("client_auth", "private_key_jwt"),
        ("algorithm", "ES256"),
        ("private_key_file", "key.p12"),
        ("private_key_passphrase_file", "passphrase"),
    ]);
    let vendor = Vendor::lenient();
    let (client, warnings) = client(connection, &vendor);
    client.token().unwrap();
    assert!(is_signed_with(&vendor.last_form(), &keys[0]));
    files.replace("key.p12", container(&keys[1], "two"));
    client.refresh_now().unwrap();
    assert!(is_signed_with(&vendor.last_form(), &keys[0]));
    assert_eq!(warnings.lock().unwrap().len(), 1);
    files.replace("passphrase", "two");
    client.refresh_now().unwrap();
    assert!(is_signed_with(&vendor.last_form(), &keys[1]));
}

#[test]
fn files_are_read_again_once_when_the_server_rejects_the_credentials() {
    let files = Files::new();
    files.replace("secret", "one");
    let path = files.at("secret");
    // The file changes during the request.
    let vendor = Vendor::new(move |form| match form.ends_with("=one") {
        true => {
            std::fs::write(&path, "two").unwrap();
            rejection(401, "invalid_client")
        }
        false => token_response("a", 3600),
    });
    let (client, _) = client(files.with_secret(), &vendor);
    assert_eq!(client.token().unwrap().expose(), "a");
    assert_eq!(vendor.forms().len(), 2);
}

#[test]
fn rejected_credentials_are_not_sent_again_if_the_files_are_unchanged() {
    let files = Files::new();
    files.replace("secret", "one");
    let vendor = Vendor::new(|_| rejection(401, "invalid_client"));
    let (client, _) = client(files.with_secret(), &vendor);
    let error = client.token().unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_client"));
    assert_eq!(vendor.forms().len(), 1);
}

#[test]
fn a_single_use_refresh_token_is_not_sent_again_with_other_credentials() {
    let files = Files::new();
    files.replace("secret", "one");
    files.replace("refresh", "r0");
    let path = files.at("secret");
    let vendor = Vendor::new(move |form| match form.contains("client_secret=one") {
        true => {
            std::fs::write(&path, "two").unwrap();
            rejection(401, "invalid_client")
        }
        false => token_response("a", 3600),
    });
    let connection = files.connection([
        ("grant", "refresh-token"),
        ("client_auth", "post"),
        ("client_secret_file", "secret"),
        ("refresh_token_file", "refresh"),
    ]);
    let (client, _) = client(connection, &vendor);
    client.token().unwrap_err();
    assert_eq!(vendor.forms().len(), 1);
    // The file of the first refresh token is read once, because an incomplete token would replace
    // the grant.
    files.replace("refresh", "r");
    client.refresh_now().unwrap();
    let form = vendor.last_form();
    assert!(form.contains("refresh_token=r0"), "{form}");
    assert!(form.contains("client_secret=two"), "{form}");
}

#[test]
fn requests_for_subjects_use_the_current_key() {
    let files = Files::new();
    let keys = [new_key(), new_key()];
    files.replace("key.pem", &keys[0]);
    let connection = files.connection([
        ("grant", "jwt-bearer"),
        ("subject", "somebody"),
        ("algorithm", "ES256"),
        ("private_key_file", "key.pem"),
    ]);
    let vendor = Vendor::lenient();
    let subjects = Subjects::new(connection, vendor.clone(), 100).unwrap();
    subjects.token("ann").unwrap();
    assert!(is_signed_with(&vendor.last_form(), &keys[0]));
    files.replace("key.pem", &keys[1]);
    subjects.token("bob").unwrap();
    assert!(is_signed_with(&vendor.last_form(), &keys[1]));
    let claims = crate::support::claims_of(&vendor.last_form());
    assert_eq!(claims["sub"], "bob");
}

#[test]
fn records_are_encrypted_with_the_current_key() {
    let files = Files::new();
    let keys = [1u8, 2].map(|byte| base64_of([byte; 32]));
    files.replace("secret", "one");
    files.replace("store.key", &keys[0]);
    let connection = files.connection([
        ("grant", "client-credentials"),
        ("client_secret_file", "secret"),
        ("store_key_file", "store.key"),
    ]);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let vendor = Vendor::lenient();
    let key = connection.record_key();
    let (client, _) = client_over(connection, &vendor, Arc::clone(&store));
    client.token().unwrap();
    let sealed_with = || store.load(&key).unwrap().unwrap().value.unwrap()[..12].to_vec();
    // The format's magic bytes and the id of the key.
    let former = sealed_with();
    // The first key encrypts, the others only decrypt.
    files.replace("store.key", format!("{} {}", keys[1], keys[0]));
    client.refresh_now().unwrap();
    assert_ne!(sealed_with(), former);
}

fn base64_of(bytes: [u8; 32]) -> String {
    let text = openssl("base64", &bytes);
    String::from_utf8(text).unwrap().trim().to_owned()
}
