//! Tests with a real PKCS#11 library: SoftHSM2, with tokens that the first test creates.
//!
//! SoftHSM finds its tokens through `SOFTHSM2_CONF`. A process can't set that for itself without
//! `unsafe`, so the first test creates the tokens and runs the ignored tests in a child process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};

use countersign_core::jws::{self, Algorithm, VerificationKey};
use countersign_core::key::Certificate;
use countersign_core::{
    Clock, Connection, ErrorKind, ManualClock, PresentedGrant, Profile, Provider, PublicKey,
    Secret, Settings, Signer, SystemRandom, Verdict, token_request,
};
use countersign_pkcs11::{KeyUri, Module, Pkcs11Signer, signer_from_settings, signer_from_uri};
use cryptoki::context::{CInitializeArgs, CInitializeFlags};
use cryptoki::object::{Attribute, CertificateType, ObjectClass};
use cryptoki::session::UserType;

const PIN: &str = "1234";
const CLAIMS: &[u8] = br#"{"iss":"me","aud":"account-d.docusign.com","exp":1300819380}"#;
const LIBRARIES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

#[test]
fn all_tests_pass_with_softhsm() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(at("tokens")).unwrap();
    let settings = format!(
        "directories.tokendir = {}\nlog.level = ERROR\n",
        at("tokens")
    );
    std::fs::write(at("softhsm2.conf"), settings).unwrap();
    let conf = at("softhsm2.conf");
    let tool = |arguments: &str| run(&conf, "softhsm2-util", arguments);
    tool("--init-token --free --label first --so-pin 0000 --pin 1234");
    tool("--init-token --free --label second --so-pin 0000 --pin 1234");
    for (name, id, make) in [
        ("rsa", "01", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
        (
            "p256",
            "02",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ),
        (
            "p384",
            "03",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        ),
        ("ed25519", "04", "-algorithm ED25519"),
        (
            "p521",
            "05",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
        ),
        (
            "twin",
            "06",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ),
    ] {
        let (pem, public) = (at(&format!("{name}.pem")), at(&format!("{name}.pub")));
        run(&conf, "openssl", &format!("genpkey {make} -out {pem}"));
        run(
            &conf,
            "openssl",
            &format!("pkey -in {pem} -pubout -out {public}"),
        );
        tool(&format!(
            "--import {pem} --token first --label {name} --id {id} --pin 1234"
        ));
    }
    run(
        &conf,
        "openssl",
        &format!(
            "req -x509 -new -key {} -subj /CN=countersign -days 30 -outform DER -out {}",
            at("rsa.pem"),
            at("rsa.cer")
        ),
    );
    std::fs::write(at("pin"), format!("{PIN}\n")).unwrap();
    let twin = at("twin.pem");
    tool(&format!(
        "--import {twin} --token first --label twin --id 07 --pin 1234"
    ));

    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--test-threads", "1"])
        .env("SOFTHSM2_CONF", &conf)
        .env("SOFTHSM2_FOLDER", folder.path())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&inner.stdout);
    assert!(
        inner.status.success(),
        "{stdout}{}",
        String::from_utf8_lossy(&inner.stderr)
    );
    assert!(stdout.contains("8 passed"), "{stdout}");
}

fn run(conf: &str, program: &str, arguments: &str) {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .env("SOFTHSM2_CONF", conf)
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot start {program}: {error}; run: sudo apt-get install softhsm2 openssl")
        });
    assert!(
        output.status.success(),
        "{program} {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn library() -> &'static str {
    let library = LIBRARIES.iter().find(|path| Path::new(path).exists());
    library.expect("libsofthsm2.so is installed; run: sudo apt-get install softhsm2")
}

fn module() -> Module {
    Module::load(library()).unwrap()
}

fn in_folder(name: &str) -> PathBuf {
    Path::new(&std::env::var_os("SOFTHSM2_FOLDER").unwrap()).join(name)
}

fn signer(
    uri: &str,
    algorithm: Option<Algorithm>,
) -> Result<Pkcs11Signer, countersign_core::Error> {
    let pin = Some(Secret::new(PIN));
    module().signer(&KeyUri::parse(uri)?, pin, algorithm, Some("7".into()))
}

/// Returns the public key that openssl wrote, not the token's.
fn public(name: &str) -> PublicKey {
    let pem = std::fs::read_to_string(in_folder(&format!("{name}.pub"))).unwrap();
    PublicKey::from_pem(&pem).unwrap()
}

#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn every_kind_of_key_signs() {
    for (name, algorithms) in [
        (
            "rsa",
            &[
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ][..],
        ),
        ("p256", &[Algorithm::ES256]),
        ("p384", &[Algorithm::ES384]),
        ("ed25519", &[Algorithm::EdDSA]),
    ] {
        let uri = format!("pkcs11:token=first;object={name}");
        assert_eq!(signer(&uri, None).unwrap().algorithm(), algorithms[0]);
        for algorithm in algorithms {
            let signer = signer(&uri, Some(*algorithm)).unwrap();
            assert_eq!(signer.public_key(), Some(&public(name)), "{name}");
            let token = jws::sign(&signer, CLAIMS, Some("JWT")).unwrap();
            let key = VerificationKey::new(public(name), *algorithm).unwrap();
            let verified = jws::verify(&token, &key).unwrap();
            assert_eq!(
                (verified.payload.as_slice(), &verified.header["kid"]),
                (CLAIMS, &"7".into())
            );
        }
    }
    // By ID, and by label and ID.
    for uri in [
        "pkcs11:token=first;id=%02",
        "pkcs11:token=first;object=p256;id=%02;type=private",
    ] {
        assert_eq!(
            signer(uri, None).unwrap().public_key(),
            Some(&public("p256"))
        );
    }
}

#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn errors_name_the_missing_token_key_or_library() {
    for (uri, algorithm, message, hint) in [
        (
            "pkcs11:token=third;object=rsa",
            None,
            "no token for pkcs11:token=third",
            "\"first\"",
        ),
        (
            "pkcs11:token=second;object=rsa",
            None,
            "no private key for",
            "object=",
        ),
        (
            "pkcs11:token=first;object=none",
            None,
            "no private key for",
            "PIN",
        ),
        (
            "pkcs11:token=first;object=twin",
            None,
            "2 private keys match",
            "id=",
        ),
        (
            "pkcs11:token=first;object=p521",
            None,
            "unsupported type",
            "P-256",
        ),
        (
            "pkcs11:object=rsa;slot-id=0",
            None,
            "no token for",
            "\"first\"",
        ),
        (
            "pkcs11:token=first;object=p256",
            Some(Algorithm::RS256),
            "does not fit",
            "ES256",
        ),
        (
            "pkcs11:token=first;object=rsa",
            Some(Algorithm::HS256),
            "does not fit",
            "RS256",
        ),
    ] {
        let error = signer(uri, algorithm).expect_err(uri);
        assert_eq!(error.kind(), ErrorKind::Key, "{error:?}");
        assert!(error.message().contains(message), "{error:?}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
    }
    let error = Module::load("/nowhere/lib.so").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(error.message().contains("/nowhere/lib.so"), "{error:?}");
    let error = Module::load("/etc/hostname").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
}

#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn a_wrong_pin_is_reported_but_not_shown() {
    let uri = KeyUri::parse("pkcs11:token=second;object=rsa").unwrap();
    let pin = Some(Secret::new("9876"));
    let error = module().signer(&uri, pin, None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert!(error.message().contains("PIN"), "{error:?}");
    assert!(!format!("{error:?}").contains("9876"));
    // Without a login, the token shows no private keys.
    let error = module().signer(&uri, None, None, None).unwrap_err();
    assert!(error.hint().unwrap().contains("PIN"), "{error:?}");
    let signer = signer("pkcs11:token=first;object=p256", None).unwrap();
    assert!(!format!("{signer:?}").contains(PIN), "{signer:?}");
}

#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn threads_sign_at_the_same_time() {
    let signer = signer("pkcs11:token=first;object=p256", None).unwrap();
    let key = VerificationKey::new(public("p256"), Algorithm::ES256).unwrap();
    let together = Barrier::new(12);
    std::thread::scope(|scope| {
        for thread in 0..12 {
            let (signer, key, together) = (&signer, &key, &together);
            scope.spawn(move || {
                together.wait();
                for number in 0..20 {
                    let claims = format!("{{\"jti\":\"{thread}-{number}\"}}");
                    let token = jws::sign(signer, claims.as_bytes(), None).unwrap();
                    let verified = jws::verify(&token, key).unwrap();
                    assert_eq!(verified.payload, claims.as_bytes());
                }
            });
        }
    });
}

/// A reset of the device closes all sessions and ends the login.
#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn a_lost_session_is_opened_again() {
    let signer = signer("pkcs11:token=first;object=p256", None).unwrap();
    jws::sign(&signer, CLAIMS, None).unwrap();
    let reset = || {
        let other = cryptoki::context::Pkcs11::new(library()).unwrap();
        other.clone().finalize().unwrap();
        let flags = CInitializeFlags::OS_LOCKING_OK;
        other.initialize(CInitializeArgs::new(flags)).unwrap();
    };
    reset();
    let token = jws::sign(&signer, CLAIMS, None).unwrap();
    let key = VerificationKey::new(public("p256"), Algorithm::ES256).unwrap();
    jws::verify(&token, &key).unwrap();
}

const PROFILE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    environments.production.base_url = "https://login.acme.example"
    endpoints.token = "{base_url}/token"
    grants.jwt-bearer.client_auth = ["none"]
    assertion.algorithms = ["PS256", "RS256", "ES256"]
    assertion.header."x5t#S256" = "{cert_sha256?}"
    assertion.claims.fingerprint = "{spki_sha256}"
"#;

fn provider() -> Arc<dyn Provider> {
    countersign_core::from_profile(Profile::from_toml(PROFILE).unwrap())
}

/// Connects as a program does that includes PKCS#11.
fn connect(pairs: &[(&str, &str)]) -> Result<Connection, countersign_core::Error> {
    let app = [("client_id", "app"), ("subject", "joe")];
    let settings = Settings::from_pairs(app.iter().chain(pairs).copied())?.resolve(|_| None)?;
    match signer_from_settings(&settings, provider().profile())? {
        Some(signer) => Connection::with_signer("mine", &settings, provider(), signer),
        None => Connection::new("mine", &settings, provider()),
    }
}

/// Returns the header of a connection's assertion, after verifying it with the key of this name.
fn assertion_header(connection: &Connection, key: &str) -> String {
    let now = ManualClock::at(1_800_000_000).now();
    let request = token_request(
        connection,
        &PresentedGrant::JwtBearer,
        now,
        &SystemRandom::new(),
    );
    let request = request.unwrap();
    let assertion = request.form().unwrap().value("assertion").unwrap();
    let algorithm = connection.signer().unwrap().algorithm();
    let key = VerificationKey::new(public(key), algorithm).unwrap();
    let verified = jws::verify(assertion, &key).unwrap();
    assert!(String::from_utf8_lossy(&verified.payload).contains("\"fingerprint\":\""));
    format!("{:?}", verified.header)
}

#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn settings_name_the_key_its_library_and_the_pin() {
    let uri = |object: &str, more: &str| {
        let library = library();
        format!("pkcs11:token=first;object={object}?module-path={library}{more}")
    };
    let pin_file = in_folder("pin");
    let by_file = format!("&pin-source=file:{}", pin_file.display());
    let key_file = in_folder("key-uri").display().to_string();
    std::fs::write(&key_file, uri("rsa", &by_file) + "\n").unwrap();
    for pairs in [
        &[("private_key", uri("rsa", "&pin-value=1234"))][..],
        &[("private_key", uri("rsa", &by_file))],
        &[("private_key_file", key_file)],
        &[
            ("private_key", uri("rsa", "")),
            ("private_key_passphrase", PIN.to_owned()),
            ("algorithm", "RS256".to_owned()),
            ("key_id", "7".to_owned()),
        ],
    ] {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let connection = connect(&pairs).unwrap();
        let signer = connection.signer().unwrap();
        let (algorithm, key_id) = match pairs.len() {
            4 => (Algorithm::RS256, Some("7")),
            // The vendor's first algorithm, not the key's default.
            _ => (Algorithm::PS256, None),
        };
        assert_eq!((signer.algorithm(), signer.key_id()), (algorithm, key_id));
        assertion_header(&connection, "rsa");
        assert!(!format!("{connection:?}").contains(PIN), "{connection:?}");
    }
    let ec = connect(&[("private_key", &uri("p256", "&pin-value=1234"))]).unwrap();
    assert_eq!(ec.signer().unwrap().algorithm(), Algorithm::ES256);
    assertion_header(&ec, "p256");
}

#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn errors_name_the_wrong_setting() {
    let uri = |object: &str, more: &str| {
        let library = library();
        format!("pkcs11:token=first;object={object}?module-path={library}{more}")
    };
    let pin = "&pin-value=1234";
    for (key, more, setting, message) in [
        (
            "pkcs11:object=rsa".to_owned(),
            None,
            "private_key",
            "does not name the device's PKCS#11 library",
        ),
        (
            "pkcs11:object=rsa?module-path=/nowhere/lib.so".into(),
            None,
            "private_key",
            "/nowhere/lib.so",
        ),
        (
            "pkcs11:token=first".into(),
            None,
            "private_key",
            "names no key",
        ),
        (uri("none", pin), None, "private_key", "no private key for"),
        (
            uri("rsa", "&pin-value=9876"),
            None,
            "private_key",
            "rejected the PIN",
        ),
        (
            uri("rsa", pin),
            Some(("private_key_passphrase", "1234")),
            "private_key_passphrase",
            "another one outside it",
        ),
        (
            uri("rsa", pin),
            Some(("algorithm", "EdDSA")),
            "algorithm",
            "Acme does not accept",
        ),
        (
            uri("p256", pin),
            Some(("algorithm", "PS256")),
            "algorithm",
            "PS256 does not fit",
        ),
        (
            uri("ed25519", pin),
            None,
            "algorithm",
            "PS256, RS256, ES256 does not fit",
        ),
    ] {
        let mut pairs = vec![("private_key", key.as_str())];
        pairs.extend(more);
        let error = connect(&pairs).expect_err(message);
        assert!(error.message().contains(message), "{error:?}");
        assert_eq!(error.setting_name(), Some(setting), "{error:?}");
        assert!(error.hint().is_some(), "{error:?}");
        let shown = format!("{error:?}");
        assert!(
            !shown.contains("1234") && !shown.contains("9876"),
            "{shown}"
        );
    }
    // This crate ignores a key that isn't a URI.
    let settings = Settings::from_pairs([("private_key", "-----BEGIN")]).unwrap();
    let none = signer_from_settings(&settings, provider().profile()).unwrap();
    assert!(none.is_none());
    // Without a list of algorithms, the key's default is used.
    let signer = signer_from_uri(&uri("rsa", pin), None, &[], None).unwrap();
    assert_eq!(signer.algorithm(), Algorithm::RS256);
}

#[test]
#[ignore = "run by all_tests_pass_with_softhsm, which creates the tokens"]
fn the_keys_certificate_on_the_token_is_found() {
    let uri = format!(
        "pkcs11:token=first;object=rsa?module-path={}&pin-value=1234",
        library()
    );
    let without = connect(&[("private_key", &uri)]).unwrap();
    assert!(without.signer().unwrap().certificates().is_empty());
    assert!(!assertion_header(&without, "rsa").contains("x5t"));

    let der = std::fs::read(in_folder("rsa.cer")).unwrap();
    let put = |id: u8| {
        let library = cryptoki::context::Pkcs11::new(library()).unwrap();
        // The signer above has initialized it.
        let slots = library.get_slots_with_initialized_token().unwrap();
        let is_first = |slot: &&_| library.get_token_info(**slot).unwrap().label() == "first";
        let slot = slots.iter().find(is_first).unwrap();
        let session = library.open_rw_session(*slot).unwrap();
        let pin = PIN.to_owned().into();
        // The signer may have logged in already.
        let _ = session.login(UserType::User, Some(&pin));
        let certificate = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Id(vec![id]),
            Attribute::Subject(b"\x30\x00".to_vec()),
            Attribute::Value(der.clone()),
        ];
        session.create_object(&certificate).unwrap();
    };
    // A certificate of another key is ignored, and one of the same key is used.
    put(2);
    let ec = format!(
        "pkcs11:token=first;id=%02?module-path={}&pin-value=1234",
        library()
    );
    let other = connect(&[("private_key", &ec)]).unwrap();
    assert!(other.signer().unwrap().certificates().is_empty());
    put(1);
    let connection = connect(&[("private_key", &uri)]).unwrap();
    let own = Certificate::from_bytes(&der).unwrap();
    assert!(assertion_header(&connection, "rsa").contains(&own.x5t_s256()));
    assert_eq!(
        connection.signer().unwrap().public_key(),
        Some(&public("rsa"))
    );
}

/// The library's code would run in this process.
#[cfg(unix)]
#[test]
fn a_library_that_others_may_write_is_rejected() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libdevice.so");
    std::fs::copy(library(), &path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let error = Module::load(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(error.message().contains("0666"), "{error}");
}
