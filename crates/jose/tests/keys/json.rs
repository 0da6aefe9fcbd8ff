//! Keys in JSON: JWKs of the RFCs, JWK Sets, Google's and Box's files, and JSON without a key.

use countersign_jose::ErrorKind;
use countersign_jose::jws::{self, Algorithm, KeySigner, VerificationKey};
use countersign_jose::key::{self, PrivateKey, PublicKey};
use serde_json::{Value, json};

use super::jwk::vector;
use super::{ED25519, P256, RSA, assert_shows_nothing_of, base64, certificate};

/// RSA, EC, Ed25519 and a shared secret. P-521 is rejected without `aws-lc`.
#[test]
fn private_jwks_of_the_rfcs_sign() {
    let mut read = 0;
    for file in ["rfc7515_appendix_a", "rfc7520_jws"] {
        for case in vector(file)["cases"].as_array().unwrap() {
            let jwk = &case["jwk"];
            if jwk.is_null() {
                continue;
            }
            let key = PrivateKey::from_bytes(jwk.to_string().as_bytes(), None);
            if jwk["crv"] == "P-521" && !cfg!(feature = "aws-lc") {
                assert!(key.unwrap_err().message().contains("P-521"));
                continue;
            }
            let key = key.unwrap_or_else(|error| panic!("{jwk}: {error:?}"));
            assert_eq!(key.key_id(), jwk["kid"].as_str());
            let signer = KeySigner::new(key.clone(), None, None).unwrap();
            let token = jws::sign(&signer, b"{}", None).unwrap();
            let check = VerificationKey::from_jwk(jwk).unwrap();
            assert_eq!(jws::verify(&token, &check).unwrap().payload, b"{}");
            read += 1;
        }
    }
    assert_eq!(read, if cfg!(feature = "aws-lc") { 8 } else { 6 });
    let rfc8037 = vector("rfc8037_ed25519");
    let key = read_json(&rfc8037["jwk"]);
    assert_eq!(
        key.public_key().unwrap().thumbprint(),
        rfc8037["thumbprint_sha256"].as_str().unwrap()
    );
    assert_eq!(key.info().format, "JWK");
}

#[test]
fn a_jwk_keeps_its_kid_and_alg() {
    let mut jwk = rsa_jwk();
    jwk["kid"] = json!("2026-01");
    jwk["alg"] = json!("PS384");
    let key = read_json(&jwk);
    assert_eq!(key.key_id(), Some("2026-01"));
    assert_eq!(key.algorithms(), [Algorithm::PS384]);
    assert_eq!(key.info().key_id.as_deref(), Some("2026-01"));
    assert!(KeySigner::new(key, Some(Algorithm::RS256), None).is_err());
}

/// RFC 7518 section 2 requires the minimum number of bytes, but some tools pad.
#[test]
fn numbers_with_leading_zeros_are_read() {
    let mut jwk = rsa_jwk();
    for name in ["n", "d", "dp", "qi"] {
        let number = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(jwk[name].as_str().unwrap());
        let filled = [&[0, 0][..], &number.unwrap()].concat();
        jwk[name] = json!(base64_simd::URL_SAFE_NO_PAD.encode_to_string(filled));
    }
    let key = read_json(&jwk);
    assert_eq!(key.public_key(), read_json(&rsa_jwk()).public_key());
}

#[test]
fn invalid_private_jwks_are_rejected() {
    let with = |name: &str, value: Value| {
        let mut jwk = rsa_jwk();
        jwk[name] = value;
        jwk
    };
    let without = |name: &str| {
        let mut jwk = rsa_jwk();
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    };
    let okp = vector("rfc8037_ed25519")["jwk"].clone();
    let mut other_half = okp.clone();
    other_half["d"] = okp["x"].clone();
    let mut short = okp.clone();
    short["d"] = json!("AAAA");
    let ec = vector("rfc7515_appendix_a")["cases"][2]["jwk"].clone();
    let mut ec_short = ec.clone();
    ec_short["d"] = json!("AAAA");
    let mut ec_other = ec.clone();
    ec_other["d"] = ec["x"].clone();
    for (jwk, message) in [
        (without("p"), "the primes are missing"),
        (without("qi"), "`qi` is missing"),
        (with("oth", json!([])), "more than two primes"),
        (with("d", json!("AA=")), "`d` is not base64url"),
        (with("d", json!(7)), "`d` is not a string"),
        (with("p", rsa_jwk()["q"].clone()), "parts are inconsistent"),
        (with("use", json!("enc")), "its `use` is \"enc\""),
        (with("key_ops", json!(["decrypt"])), "`key_ops`"),
        (
            with("alg", json!("RSA-OAEP")),
            "not a supported signature algorithm",
        ),
        (
            with("alg", json!("ES256")),
            "its `alg` is ES256, but it is an RSA key",
        ),
        (with("n", json!("AQAB")), "17 bits"),
        (other_half, "parts are inconsistent"),
        (short, "`d` is not 32 bytes"),
        (ec_short, "`d` is not 32 bytes"),
        (ec_other, "parts are inconsistent"),
        (json!({"kty": "oct"}), "`k` is missing"),
        (
            json!({"kty": "oct", "k": "AAAA", "alg": "RS256"}),
            "its `alg` is RS256",
        ),
        (json!({"kty": "RSA"}), "`n` is missing"),
        (json!({"keys": [{"kty": "RSA"}]}), "`n` is missing"),
        (json!({"keys": []}), "the set has no keys"),
        (json!({"keys": 7}), "`keys` is not an array"),
        (
            PublicKey::from_jwk(&rsa_jwk()).unwrap().to_jwk(),
            "this is a public key (JWK)",
        ),
        (
            json!({"type": "authorized_user", "client_id": "x"}),
            "type authorized_user",
        ),
        (
            json!({"installed": {"client_id": "x"}}),
            "not one of the supported kinds",
        ),
        (json!({"type": "service_account"}), "has no `private_key`"),
        (
            json!({"type": "service_account", "private_key": "keys/google.pem"}),
            "`private_key`: no PEM found",
        ),
        (
            json!({"boxAppSettings": {"clientID": "x"}}),
            "boxAppSettings.appAuth",
        ),
        (
            json!({"boxAppSettings": {"appAuth": {"publicKeyID": "x"}}}),
            "has no `privateKey`",
        ),
    ] {
        let text = jwk.to_string();
        let error = PrivateKey::from_bytes(text.as_bytes(), None).expect_err(message);
        assert!(error.message().contains(message), "{jwk}: {error:?}");
        assert!(error.hint().is_some(), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::PrivateKey, "{error:?}");
        // The error may contain the name of the missing member.
        assert_shows_nothing_of(&text.replace("boxAppSettings", ""), &error);
    }
    let cut = &rsa_jwk().to_string()[..200];
    let error = PrivateKey::from_pem(cut).unwrap_err();
    assert!(
        error.message().contains("JSON is damaged (line 1"),
        "{error:?}"
    );
    assert_shows_nothing_of(cut, &error);
}

#[test]
fn the_only_private_key_of_a_set_is_read() {
    let public = PublicKey::from_jwk(&ed25519_jwk()).unwrap().to_jwk();
    let mut encrypts = ed25519_jwk();
    encrypts["use"] = json!("enc");
    let set = json!({"keys": [public, encrypts, rsa_jwk(), "nonsense"]});
    let key = read_json(&set);
    assert_eq!(
        key.public_key().unwrap(),
        PublicKey::from_jwk(&rsa_jwk()).unwrap()
    );
    assert_eq!(key.info().format, "JWK Set");

    let info = key::inspect(&json!({"keys": [public]}).to_string()).unwrap();
    assert_eq!((info.kind, info.format.as_str()), ("public", "JWK Set"));
}

#[test]
fn key_id_selects_a_private_key_of_a_set_by_kid() {
    let named = |mut jwk: Value, kid: &str| {
        jwk["kid"] = json!(kid);
        jwk
    };
    let rsa = named(rsa_jwk(), "2025");
    let okp = named(ed25519_jwk(), "2026");
    let mut encrypts = named(ed25519_jwk(), "e");
    encrypts["use"] = json!("enc");
    let by = |keys: Value, id: Option<&str>| {
        let text = json!({ "keys": keys }).to_string();
        let key = PrivateKey::from_bytes_by_id(text.as_bytes(), None, id);
        if let Err(error) = &key {
            assert_shows_nothing_of(&text, error);
        }
        key
    };
    let several = json!([rsa, okp, encrypts]);
    for (id, jwk) in [("2025", &rsa), ("2026", &okp)] {
        let key = by(several.clone(), Some(id)).unwrap();
        assert_eq!(key.key_id(), Some(id));
        assert_eq!(key.public_key().unwrap(), PublicKey::from_jwk(jwk).unwrap());
    }
    // The only key of a set is read even if the vendor uses another name for it.
    assert_eq!(
        by(json!([rsa]), Some("theirs")).unwrap().key_id(),
        Some("2025")
    );
    let mut same_kid = ed25519_jwk();
    same_kid["kid"] = json!("2025");
    for (keys, id, message) in [
        (
            several.clone(),
            None,
            "2 private keys, with the kids \"2025\", \"2026\"",
        ),
        (
            several.clone(),
            Some("2024"),
            "none of the 2 private keys in the JWK Set has the kid \"2024\"; they have \"2025\", \"2026\"",
        ),
        (
            several,
            Some("e"),
            "none of the 2 private keys in the JWK Set has the kid \"e\"; they have \"2025\", \"2026\"",
        ),
        (
            json!([rsa, same_kid]),
            Some("2025"),
            "more than one of the 2 private keys in the JWK Set has the kid \"2025\"",
        ),
        (
            json!([rsa, ed25519_jwk()]),
            Some("2026"),
            "they have \"2025\", one without kid",
        ),
    ] {
        let error = by(keys, id).expect_err(message);
        assert!(error.message().contains(message), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::KeyId, "{error:?}");
    }
}

#[test]
fn google_and_box_files_set_the_key_id() {
    let google = json!({
        "type": "service_account", "project_id": "p", "private_key_id": "abc123",
        "private_key": *RSA, "client_email": "a@p.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let unnamed = json!({"type": "service_account", "private_key": *RSA});
    let expected = PrivateKey::from_pem(&RSA).unwrap().public_key();
    let pretty = serde_json::to_string_pretty(&google).unwrap();
    for text in [
        google.to_string(),
        pretty.clone(),
        format!("\u{feff}{pretty}\n"),
        format!("'{google}'"),
        base64(pretty.as_bytes()),
        google
            .to_string()
            .replace('+', "\\u002B")
            .replace('/', "\\/"),
    ] {
        let key = PrivateKey::from_bytes(text.as_bytes(), None).unwrap();
        assert_eq!(key.public_key(), expected);
        assert_eq!(key.key_id(), Some("abc123"));
        assert_eq!(
            key.info().format,
            "PKCS#8 PEM in a Google service account file"
        );
    }
    assert_eq!(read_json(&unnamed).key_id(), None);

    let settings = json!({
        "boxAppSettings": {"clientID": "c", "clientSecret": "s", "appAuth": {
            "publicKeyID": "k9x2", "privateKey": *RSA, "passphrase": "",
        }},
        "enterpriseID": "1",
    });
    let key = read_json(&settings);
    assert_eq!(key.public_key(), expected);
    assert_eq!(key.key_id(), Some("k9x2"));
    assert_eq!(key.info().format, "PKCS#8 PEM in a Box app settings file");
}

#[test]
fn public_keys_are_read_from_jwk_and_der() {
    let expected = PrivateKey::from_pem(&P256).unwrap().public_key().unwrap();
    let mut jwk = expected.to_jwk();
    jwk["kid"] = json!("a");
    assert_eq!(
        PublicKey::from_bytes(jwk.to_string().as_bytes()).unwrap(),
        expected
    );
    assert_eq!(
        PublicKey::from_bytes(&expected.spki_der()).unwrap(),
        expected
    );
    assert_eq!(
        key::inspect(&jwk.to_string()).unwrap().key_id.as_deref(),
        Some("a")
    );
    let certificate = certificate(&P256);
    let der = super::openssl::openssl("x509 -outform DER", certificate.as_bytes());
    assert_eq!(PublicKey::from_bytes(&der).unwrap(), expected);
    assert_eq!(key::inspect_bytes(&der, None).unwrap().format, "X.509 DER");
}

fn read_json(value: &Value) -> PrivateKey {
    PrivateKey::from_bytes(value.to_string().as_bytes(), None)
        .unwrap_or_else(|error| panic!("{error:?}"))
}

fn rsa_jwk() -> Value {
    vector("rfc7515_appendix_a")["cases"][1]["jwk"].clone()
}

fn ed25519_jwk() -> Value {
    let mut jwk = PrivateKey::from_pem(&ED25519)
        .unwrap()
        .public_key()
        .unwrap()
        .to_jwk();
    let der = super::openssl::openssl("pkey -outform DER", ED25519.as_bytes());
    let seed = &der[der.len() - 32..];
    jwk["d"] = json!(base64_simd::URL_SAFE_NO_PAD.encode_to_string(seed));
    jwk
}
