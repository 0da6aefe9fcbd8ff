//! Keys in a connection's settings.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use countersign_core::jws::{self, Backend, KeySigner, VerificationKey};
use countersign_core::key::PrivateKey;
use countersign_core::{Algorithm, CallbackSigner, Connection, Error, Profile, Provider, Settings};
use serde_json::json;

use crate::openssl::{openssl, openssl_text};

static RSA: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", ""));
static ED25519: LazyLock<String> = LazyLock::new(|| openssl_text("genpkey -algorithm ED25519", ""));

const PROFILE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs/oauth"
    [environments.production]
    base_url = "https://login.acme.example"
    [endpoints]
    token = "{base_url}/token"
    [grants.jwt-bearer]
    client_auth = ["none"]
    [assertion]
    algorithms = ["RS256", "ES256", "EdDSA"]
"#;

#[test]
fn a_key_file_may_be_text_or_binary() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let wide: Vec<u8> = RSA.encode_utf16().flat_map(u16::to_le_bytes).collect();
    write("key.pem", RSA.as_bytes());
    write("key.der", &openssl("pkey -outform DER", RSA.as_bytes()));
    write("wide.pem", &[&[0xff, 0xfe][..], &wide].concat());
    for name in ["key.pem", "key.der", "wide.pem"] {
        let connection = connection(folder.path(), &[("private_key_file", name)]).unwrap();
        let algorithm = connection.signer().unwrap().algorithm();
        assert_eq!(algorithm, Algorithm::RS256, "{name}");
    }
}

#[test]
fn errors_name_the_file_and_show_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("public.pem", &openssl("pkey -pubout", RSA.as_bytes()));
    write(
        "locked.pem",
        &openssl("pkcs8 -topk8 -passout pass:canary", RSA.as_bytes()),
    );
    for (name, message) in [("public.pem", "public key"), ("locked.pem", "encrypted")] {
        let error = connection(folder.path(), &[("private_key_file", name)]).unwrap_err();
        let shown = error.message();
        assert!(
            shown.contains("`private_key_file` ") && shown.contains(name),
            "{error:?}"
        );
        assert!(shown.contains(message), "{error:?}");
        assert!(error.setting_name().unwrap().starts_with("private_key"));
    }
    let error = connection(folder.path(), &[("private_key", "canary-canary")]).unwrap_err();
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    assert!(!error.message().contains("_file"), "{error:?}");
}

#[cfg(feature = "encrypted-keys")]
#[test]
fn a_passphrase_opens_an_encrypted_key() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let p256 = openssl_text(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve",
        "",
    );
    let certificate = openssl_text(
        "req -x509 -new -key /dev/stdin -subj /CN=countersign -days 3650",
        &p256,
    );
    let both = [p256.as_str(), &certificate].concat();
    write(
        "key.p12",
        &openssl("pkcs12 -export -passout pass:open", both.as_bytes()),
    );
    write(
        "key.pem",
        &openssl("ec -aes256 -passout pass:open", p256.as_bytes()),
    );
    write(
        "key.der",
        &openssl(
            "pkcs8 -topk8 -outform DER -passout pass:open",
            p256.as_bytes(),
        ),
    );
    write("phrase", b"open\n");
    for name in ["key.p12", "key.pem", "key.der"] {
        let key = ("private_key_file", name);
        let opened = connection(
            folder.path(),
            &[key, ("private_key_passphrase_file", "phrase")],
        )
        .unwrap();
        assert_eq!(
            opened.signer().unwrap().algorithm(),
            Algorithm::ES256,
            "{name}"
        );
        let error =
            connection(folder.path(), &[key, ("private_key_passphrase", "canary")]).unwrap_err();
        assert_eq!(
            error.setting_name(),
            Some("private_key_passphrase"),
            "{error:?}"
        );
        assert!(error.message().contains(name), "{error:?}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn key_id_and_algorithm_default_to_the_keys() {
    let google = json!({"type": "service_account", "private_key_id": "abc", "private_key": *RSA});
    let google = google.to_string();
    let key = ("private_key", google.as_str());
    let here = Path::new(".");
    let signer =
        |pairs: &[(&str, &str)]| connection(here, pairs).unwrap().signer().unwrap().clone();
    assert_eq!(signer(&[key]).key_id(), Some("abc"));
    assert_eq!(signer(&[key, ("key_id", "other")]).key_id(), Some("other"));
    assert_eq!(signer(&[("private_key", RSA.as_str())]).key_id(), None);

    let mut jwk = PrivateKey::from_pem(&ED25519)
        .unwrap()
        .public_key()
        .unwrap()
        .to_jwk();
    let der = openssl("pkey -outform DER", ED25519.as_bytes());
    let seed = &der[der.len() - 32..];
    jwk["d"] = json!(base64_simd::URL_SAFE_NO_PAD.encode_to_string(seed));
    let jwk = jwk.to_string();
    let signer = signer(&[("private_key", &jwk)]);
    assert_eq!(signer.algorithm(), Algorithm::EdDSA);
}

#[test]
fn key_id_selects_a_key_of_a_set() {
    let secret = |kid: &str, k: &str| json!({"kty": "oct", "kid": kid, "k": k});
    let mut ed25519 = PrivateKey::from_pem(&ED25519)
        .unwrap()
        .public_key()
        .unwrap()
        .to_jwk();
    let der = openssl("pkey -outform DER", ED25519.as_bytes());
    ed25519["d"] = json!(base64_simd::URL_SAFE_NO_PAD.encode_to_string(&der[der.len() - 32..]));
    ed25519["kid"] = json!("2026");
    let canary = base64_simd::URL_SAFE_NO_PAD.encode_to_string([7; 32]);
    let set = json!({"keys": [secret("2025", &canary), ed25519]}).to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json"), &set).unwrap();
    let file = ("private_key_file", "keys.json");
    let chosen = connection(folder.path(), &[file, ("key_id", "2026")]).unwrap();
    let signer = chosen.signer().unwrap();
    assert_eq!(
        (signer.algorithm(), signer.key_id()),
        (Algorithm::EdDSA, Some("2026"))
    );
    let error = connection(folder.path(), &[file]).unwrap_err();
    assert_eq!(error.setting_name(), Some("key_id"), "{error:?}");
    for part in ["keys.json", "\"2025\", \"2026\""] {
        assert!(error.message().contains(part), "{error:?}");
    }
    assert!(!format!("{error:?}").contains(&canary), "{error:?}");
}

/// Core doesn't use devices. A program that does passes a signer, and may keep the URI in the
/// settings.
#[test]
fn a_pkcs11_uri_needs_a_signer() {
    const URI: &str = "pkcs11:token=a;object=b?module-path=/lib.so&pin-value=canary";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), format!("{URI}\n")).unwrap();
    for pair in [
        ("private_key", URI),
        ("private_key", &format!(" {URI} ")),
        ("private_key_file", "key"),
    ] {
        let error = connection(folder.path(), &[pair]).unwrap_err();
        assert!(
            error.message().contains("this is a pkcs11: URI"),
            "{error:?}"
        );
        assert_eq!(error.setting_name(), Some("private_key"));
        assert!(error.hint().unwrap().contains("countersign-pkcs11"));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        let connection = with_signer(folder.path(), &[pair]).unwrap();
        assert_eq!(connection.signer().unwrap().key_id(), Some("device"));
    }
    let error = with_signer(folder.path(), &[("private_key", &RSA)]).unwrap_err();
    assert!(error.message().contains("and a signer are both set"));
}

/// Programs choose the backend with the connection or with a signer. There is no setting for it.
#[test]
fn a_connection_signs_with_the_chosen_backend() {
    let provider = || {
        let profile = Profile::from_toml(
            r#"
            id = "acme"
            name = "Acme"
            documentation = "https://acme.example/docs"
            environments.production.base_url = "https://login.acme.example"
            endpoints.token = "{base_url}/token"
            grants.jwt-bearer.client_auth = ["none"]
            assertion.algorithms = ["PS256"]
            "#,
        );
        countersign_core::from_profile(profile.unwrap())
    };
    let app = [("client_id", "app"), ("subject", "joe"), ("key_id", "7")];
    let without_key = Settings::from_pairs(app).unwrap();
    let mut settings = without_key.clone();
    settings.set("private_key", &RSA).unwrap();
    let key = PrivateKey::from_pem(&RSA).unwrap();
    for backend in backends() {
        let chosen = Connection::with_backend("mine", &settings, provider(), backend).unwrap();
        let signer = KeySigner::new(key.clone(), Some(Algorithm::PS256), Some("7".into()));
        let signer = Arc::new(signer.unwrap().with_backend(backend).unwrap());
        let given = Connection::with_signer("mine", &without_key, provider(), signer).unwrap();
        for connection in [chosen, given] {
            let signer = connection.signer().unwrap();
            let says = format!("backend: {backend:?}");
            assert!(format!("{signer:?}").contains(&says), "{signer:?}");
            assert_eq!(signer.key_id(), Some("7"));
            let token = jws::sign(signer, b"{}", None).unwrap();
            let public = key.public_key().unwrap();
            let key = VerificationKey::new(public, Algorithm::PS256).unwrap();
            jws::verify(&token, &key).unwrap();
        }
    }
}

/// countersign-jose has no settings and no verdicts. Core adds them.
#[test]
fn errors_of_keys_get_a_verdict_and_a_setting() {
    use countersign_core::jose::{self, ErrorKind as Kind};
    use countersign_core::{ErrorKind, Verdict};

    for (kind, expected, setting, verdict) in [
        (
            Kind::PrivateKey,
            ErrorKind::Key,
            Some("private_key"),
            Verdict::FixConfiguration,
        ),
        (
            Kind::Passphrase,
            ErrorKind::Key,
            Some("private_key_passphrase"),
            Verdict::FixConfiguration,
        ),
        (
            Kind::KeyId,
            ErrorKind::Key,
            Some("key_id"),
            Verdict::FixConfiguration,
        ),
        (Kind::Key, ErrorKind::Key, None, Verdict::FixConfiguration),
        (
            Kind::SharedSecret,
            ErrorKind::Key,
            Some("client_secret"),
            Verdict::FixConfiguration,
        ),
        (
            Kind::UnsupportedAlgorithm,
            ErrorKind::Setting,
            Some("algorithm"),
            Verdict::FixConfiguration,
        ),
        (
            Kind::AlgorithmMismatch,
            ErrorKind::Key,
            Some("algorithm"),
            Verdict::FixConfiguration,
        ),
        (
            Kind::Signing,
            ErrorKind::Signing,
            None,
            Verdict::FixConfiguration,
        ),
        (
            Kind::Verification,
            ErrorKind::Verification,
            None,
            Verdict::Unexpected,
        ),
        (
            Kind::Internal,
            ErrorKind::Internal,
            None,
            Verdict::Unexpected,
        ),
    ] {
        let cause = std::io::Error::other("cause");
        let error = jose::Error::new(kind, "message")
            .with_hint("hint")
            .with_source(cause);
        let error = Error::from(error);
        assert_eq!(error.kind(), expected, "{kind:?}");
        assert_eq!(error.setting_name(), setting, "{kind:?}");
        assert_eq!(error.verdict(), verdict, "{kind:?}");
        assert_eq!((error.message(), error.hint()), ("message", Some("hint")));
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "cause");
    }
}

/// A missing device is a reason to retry, not to change a setting.
#[test]
fn the_error_of_a_signer_keeps_its_verdict() {
    use countersign_core::{ErrorKind, Verdict};

    let signer = CallbackSigner::new(Algorithm::RS256, None, |_| {
        let cause = std::io::Error::other("unplugged");
        let error = Error::new(ErrorKind::Signing, "the device is away")
            .with_verdict(Verdict::Retry)
            .with_setting("pkcs11_module")
            .with_hint("plug it in")
            .with_source(cause);
        Err(error.into())
    });
    let error = jws::sign(&signer, b"{}", None).unwrap_err();
    assert_eq!(
        (error.message(), error.hint()),
        ("the device is away", Some("plug it in"))
    );
    let error = Error::from(error);
    assert_eq!(error.verdict(), Verdict::Retry);
    assert_eq!(error.setting_name(), Some("pkcs11_module"));
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "unplugged");
}

fn backends() -> Vec<Backend> {
    vec![
        Backend::Ring,
        #[cfg(feature = "aws-lc")]
        Backend::AwsLc,
    ]
}

fn with_signer(folder: &Path, pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let id = Some("device".to_owned());
    let signer = CallbackSigner::new(Algorithm::RS256, id, |_| Ok(vec![0; 256]));
    let (settings, provider) = prepared(folder, pairs)?;
    Connection::with_signer("mine", &settings, provider, Arc::new(signer))
}

fn connection(folder: &Path, pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let (settings, provider) = prepared(folder, pairs)?;
    Connection::new("mine", &settings, provider)
}

fn prepared(folder: &Path, pairs: &[(&str, &str)]) -> Result<(Settings, Arc<dyn Provider>), Error> {
    let app = [
        ("environment", "production"),
        ("client_id", "app"),
        ("subject", "me"),
    ];
    let settings = Settings::from_pairs(app.iter().chain(pairs).copied())?;
    let settings = settings.relative_to(folder).resolve(|_| None)?;
    let provider = countersign_core::from_profile(Profile::from_toml(PROFILE)?);
    Ok((settings, provider))
}

/// The settings that a vendor's key file contains needn't be set again.
#[test]
fn a_key_file_in_json_fills_the_settings_that_it_contains() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, file: &serde_json::Value| {
        std::fs::write(folder.path().join(name), file.to_string()).unwrap();
    };
    write(
        "google.json",
        &json!({
            "type": "service_account", "private_key": *RSA, "private_key_id": "key-1",
            "client_email": "robot@acme.example", "client_id": "123",
            "token_uri": "https://evil.example/token",
        }),
    );
    let app = json!({
        "clientID": "box-app", "clientSecret": "canary-secret",
        "appAuth": {"publicKeyID": "key-2", "privateKey": *RSA, "passphrase": ""},
    });
    write(
        "box.json",
        &json!({"boxAppSettings": app, "enterpriseID": "42"}),
    );
    let profile = PROFILE.replace("[\"none\"]", "[\"post\"]");
    let extra = "\n[extra]\nsubject_type = \"enterprise or user\"\n";
    let connect = |name: &str, more: &[(&str, &str)]| {
        let profile = match name {
            "box.json" => format!("{profile}{extra}"),
            _ => PROFILE.to_owned(),
        };
        let mut settings = Settings::from_pairs([("private_key_file", name)])?;
        for (key, value) in more {
            settings.set(key, value)?;
        }
        let settings = settings.relative_to(folder.path()).resolve(|_| None)?;
        let provider = countersign_core::from_profile(Profile::from_toml(&profile)?);
        Connection::new("mine", &settings, provider)
    };
    let google = connect("google.json", &[("subject", "joe")]).unwrap();
    assert_eq!(google.client_id(), "robot@acme.example");
    assert_eq!(google.signer().unwrap().key_id(), Some("key-1"));
    let token_url = google.token_url().unwrap().as_str();
    assert_eq!(token_url, "https://login.acme.example/token");
    let same = [("subject", "joe"), ("client_id", "robot@acme.example")];
    connect("google.json", &same).unwrap();
    let error = connect("google.json", &[("subject", "joe"), ("client_id", "123")]).unwrap_err();
    assert_eq!(error.setting_name(), Some("client_id"));
    assert!(
        error
            .message()
            .contains("Google's file for `robot@acme.example`"),
        "{error}"
    );

    let boxed = connect("box.json", &[]).unwrap();
    assert_eq!(
        (boxed.client_id(), boxed.subject()),
        ("box-app", Some("42"))
    );
    assert_eq!(boxed.signer().unwrap().key_id(), Some("key-2"));
    let user = [("subject", "7"), ("extra.subject_type", "user")];
    assert_eq!(connect("box.json", &user).unwrap().subject(), Some("7"));
    let error = connect("box.json", &[("extra.subject_type", "user")]).unwrap_err();
    assert_eq!(error.setting_name(), Some("subject"));
    let error = connect("box.json", &[("client_secret", "other")]).unwrap_err();
    assert_eq!(error.setting_name(), Some("client_secret"));
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}
