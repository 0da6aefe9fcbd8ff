//! Common reasons why a key cannot be read, and the errors for them.

#[cfg(feature = "encrypted-keys")]
use countersign_jose::ErrorKind;
use countersign_jose::key::PrivateKey;
use serde_json::json;

use super::openssl::openssl_text;
use super::{P256, RSA, base64};
#[cfg(feature = "encrypted-keys")]
use super::{openssl::openssl, tlv};

/// Web forms decode `+` as a space. Line feeds are sent as `%0A` and survive.
#[test]
fn a_plus_that_became_a_space_is_detected() {
    // A random key may have no `+`, so use 48 bytes of DER that encode to `++…`.
    let key = PrivateKey::from_pem(&RSA).unwrap();
    let body = base64(&[&[0x30, 0x2e][..], &[0xfb; 46]].concat());
    let text = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    assert!(text.contains('+'));
    let error = PrivateKey::from_pem(&text.replace('+', " ")).unwrap_err();
    assert!(
        error.message().contains("spaces in place of +"),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("%2B"), "{error:?}");

    // Spaces in place of line feeds are not damage.
    let one_line = RSA.trim_end().replace('\n', " ");
    let read = PrivateKey::from_pem(&one_line).unwrap();
    assert_eq!(read.public_key(), key.public_key());
}

#[test]
fn a_pgp_key_is_detected() {
    for kind in ["PRIVATE", "PUBLIC"] {
        let text = format!(
            "-----BEGIN PGP {kind} KEY BLOCK-----\nVersion: GnuPG v2\n\nlQdGBF3+\n=aB3d\n\
             -----END PGP {kind} KEY BLOCK-----\n"
        );
        let error = PrivateKey::from_pem(&text).unwrap_err();
        assert!(error.message().contains("PGP"), "{error:?}");
        assert!(error.hint().unwrap().contains("PGP keys"), "{error:?}");
    }
}

#[test]
fn an_ssh_key_in_the_format_of_rfc_4716_is_detected() {
    let text = "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2E=\n---- END SSH2 PUBLIC KEY ----\n";
    let error = PrivateKey::from_pem(text).unwrap_err();
    assert!(error.message().contains("RFC 4716"), "{error:?}");
    assert!(error.hint().unwrap().contains("ssh-keygen -i"), "{error:?}");
}

/// Word and Outlook turn straight quotes into curly ones, and Notepad saved them as Windows-1252.
#[test]
fn a_key_in_windows_1252_quotes_is_read() {
    let own = PrivateKey::from_pem(&RSA).unwrap().public_key();
    for (open, close) in [(0x93, 0x94), (0x91, 0x92)] {
        let file = [&[open][..], RSA.trim_end().as_bytes(), &[close]].concat();
        let key = PrivateKey::from_bytes(&file, None).unwrap();
        assert_eq!(key.public_key(), own);
    }
    let binary = [RSA.as_bytes(), &[0xff, 0x00, 0x01]].concat();
    assert!(PrivateKey::from_bytes(&binary, None).is_err());
}

#[test]
fn the_same_key_twice_is_one_key() {
    let own = PrivateKey::from_pem(&RSA).unwrap().public_key();
    let traditional = openssl_text("rsa -traditional", &RSA);
    for text in [format!("{0}{0}", *RSA), format!("{}{traditional}", *RSA)] {
        assert_eq!(PrivateKey::from_pem(&text).unwrap().public_key(), own);
    }
    let error = PrivateKey::from_pem(&format!("{0}{0}{1}", *RSA, *P256)).unwrap_err();
    assert!(
        error.message().contains("2 different private keys"),
        "{error:?}"
    );

    let secret = json!({"kty": "oct", "kid": "a", "k": base64(&[0; 30])});
    let twice = json!({"keys": [secret, secret]}).to_string();
    assert!(PrivateKey::from_bytes(twice.as_bytes(), None).is_ok());
}

/// The documents that `aws kms get-public-key`, `gcloud kms keys versions get-public-key` and
/// `az keyvault key show` print.
#[test]
fn a_public_key_of_a_key_management_service_suggests_a_signer() {
    let public = openssl_text("pkey -pubout", &RSA);
    for (document, service) in [
        (
            json!({
                "KeyId": "arn:aws:kms:eu-west-1:111122223333:key/1",
                "PublicKey": "MIIB", "KeyUsage": "SIGN_VERIFY",
                "SigningAlgorithms": ["RSASSA_PKCS1_V1_5_SHA_256"],
            }),
            "AWS KMS",
        ),
        (
            json!({"pem": public, "algorithm": "RSA_SIGN_PKCS1_2048_SHA256", "name": "projects/p"}),
            "Google Cloud KMS",
        ),
        (
            json!({"attributes": {}, "key": {"kid": "https://v.vault.azure.net/keys/k/1", "kty": "RSA"}}),
            "Azure Key Vault",
        ),
    ] {
        let error = PrivateKey::from_bytes(document.to_string().as_bytes(), None).unwrap_err();
        assert!(error.message().contains(service), "{error:?}");
        assert!(error.hint().unwrap().contains("set a signer"), "{error:?}");
    }
}

/// `keytool` writes several keys with one password, each with its alias.
#[cfg(feature = "encrypted-keys")]
#[test]
fn key_id_selects_a_key_of_a_pkcs12_file_by_friendly_name() {
    let file = pkcs12(&[("signing", &RSA), ("old", &P256)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.p12");
    std::fs::write(&path, &file).unwrap();
    let listed = openssl_text(
        &format!("pkcs12 -in {} -passin pass: -nodes", path.display()),
        "",
    );
    assert!(listed.contains("friendlyName: signing"), "{listed}");

    let by = |name| PrivateKey::from_bytes_by_id(&file, None, name);
    for (name, pem) in [("signing", &RSA), ("old", &P256)] {
        let own = PrivateKey::from_pem(pem).unwrap().public_key();
        assert_eq!(by(Some(name)).unwrap().public_key(), own, "{name}");
    }
    for name in [None, Some("other")] {
        let error = by(name).unwrap_err();
        assert!(error.message().contains(r#""signing", "old""#), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::KeyId);
    }
    let twice = pkcs12(&[("a", &RSA), ("b", &RSA)]);
    assert!(PrivateKey::from_bytes(&twice, None).is_ok());
}

/// Builds a PKCS#12 file with unencrypted keys and no MAC (RFC 7292 section 4).
#[cfg(feature = "encrypted-keys")]
fn pkcs12(keys: &[(&str, &str)]) -> Vec<u8> {
    let oid = |last: &[u8]| {
        let start = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1];
        tlv(0x06, &[&start[..], last].concat())
    };
    let data = |contents: &[u8]| {
        let contents = tlv(0xa0, &tlv(0x04, contents));
        tlv(0x30, &[oid(&[7, 1]), contents].concat())
    };
    let bags = keys.iter().map(|(name, pem)| {
        let key = tlv(
            0xa0,
            &openssl("pkcs8 -topk8 -nocrypt -outform DER", pem.as_bytes()),
        );
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let name = tlv(0x31, &tlv(0x1e, &name));
        let attribute = tlv(0x30, &[oid(&[9, 20]), name].concat());
        tlv(
            0x30,
            &[oid(&[12, 10, 1, 1]), key, tlv(0x31, &attribute)].concat(),
        )
    });
    let safe = data(&tlv(0x30, &bags.collect::<Vec<_>>().concat()));
    let outer = data(&tlv(0x30, &safe));
    tlv(0x30, &[vec![2, 1, 3], outer].concat())
}
