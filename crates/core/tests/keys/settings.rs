//! Keys as a connection's settings bring them.

use std::path::Path;
use std::sync::Arc;

use countersign::key::PrivateKey;
use countersign::{Algorithm, CallbackSigner, Connection, Error, Profile, Provider, Settings};
use serde_json::json;

use super::openssl::openssl;
use super::{ED25519, RSA};

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
fn a_refusal_names_the_file_and_shows_no_secret() {
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
fn a_passphrase_opens_what_the_file_holds() {
    use super::{P256, certificate};

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let both = [P256.as_str(), &certificate(&P256)].concat();
    write(
        "key.p12",
        &openssl("pkcs12 -export -passout pass:open", both.as_bytes()),
    );
    write(
        "key.pem",
        &openssl("ec -aes256 -passout pass:open", P256.as_bytes()),
    );
    write(
        "key.der",
        &openssl(
            "pkcs8 -topk8 -outform DER -passout pass:open",
            P256.as_bytes(),
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
fn the_keys_own_id_and_algorithm_are_used_unless_settings_say_otherwise() {
    let google = json!({"type": "service_account", "private_key_id": "abc", "private_key": *RSA});
    let google = google.to_string();
    let key = ("private_key", google.as_str());
    let here = Path::new(".");
    let told = |pairs: &[(&str, &str)]| connection(here, pairs).unwrap().signer().unwrap().clone();
    assert_eq!(told(&[key]).key_id(), Some("abc"));
    assert_eq!(told(&[key, ("key_id", "other")]).key_id(), Some("other"));
    assert_eq!(told(&[("private_key", RSA.as_str())]).key_id(), None);

    let mut jwk = PrivateKey::from_pem(&ED25519)
        .unwrap()
        .public_key()
        .unwrap()
        .to_jwk();
    let der = openssl("pkey -outform DER", ED25519.as_bytes());
    let seed = &der[der.len() - 32..];
    jwk["d"] = json!(base64_simd::URL_SAFE_NO_PAD.encode_to_string(seed));
    let jwk = jwk.to_string();
    assert_eq!(told(&[("private_key", &jwk)]).algorithm(), Algorithm::EdDSA);
}

#[test]
fn key_id_chooses_among_the_keys_of_a_set() {
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

/// Core asks no device: who can makes the signer, and the URI may stay in the settings.
#[test]
fn a_pkcs11_uri_is_told_from_a_key_and_goes_with_a_signer() {
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
        let made = with_signer(folder.path(), &[pair]).unwrap();
        assert_eq!(made.signer().unwrap().key_id(), Some("device"));
    }
    let error = with_signer(folder.path(), &[("private_key", &RSA)]).unwrap_err();
    assert!(error.message().contains("a signer is given as well"));
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
    let provider = countersign::from_profile(Profile::from_toml(PROFILE)?);
    Ok((settings, provider))
}
