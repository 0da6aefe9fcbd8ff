//! JSON Web Keys: thumbprints of the RFCs, invalid keys, and sets with keys for other uses.

use countersign_jose::ErrorKind;
use countersign_jose::jws::{Algorithm, JwkSet, VerificationKey};
use countersign_jose::key::{PrivateKey, PublicKey};
use serde_json::{Value, json};

use super::{P256, RSA};

#[test]
fn thumbprints_match_the_rfcs() {
    for file in ["rfc7638_thumbprint", "rfc8037_ed25519"] {
        let vector = vector(file);
        let key = PublicKey::from_jwk(&vector["jwk"]).unwrap();
        assert_eq!(
            key.thumbprint(),
            vector["thumbprint_sha256"].as_str().unwrap()
        );
    }
    let dpop = vector("rfc9449_dpop");
    assert_eq!(
        PublicKey::from_jwk(&dpop["jwk"]).unwrap().thumbprint(),
        dpop["jkt"].as_str().unwrap()
    );
}

#[test]
fn invalid_jwks_are_rejected() {
    let good = PrivateKey::from_pem(&P256)
        .unwrap()
        .public_key()
        .unwrap()
        .to_jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let mut off_curve = base64_simd::URL_SAFE_NO_PAD
        .decode_to_vec(good["y"].as_str().unwrap())
        .unwrap();
    off_curve[31] ^= 1;
    let off_curve = base64_simd::URL_SAFE_NO_PAD.encode_to_string(&off_curve);
    let rsa = |e: &str| json!({"kty": "RSA", "n": base64_simd::URL_SAFE_NO_PAD.encode_to_string([0xff; 256]), "e": e});
    for (jwk, message) in [
        (json!([]), "not a JSON object"),
        (json!({"crv": "P-256"}), "`kty` is missing"),
        (with("kty", json!(7)), "not a string"),
        (with("kty", json!("oct")), "shared secret"),
        (with("kty", json!("AKP")), "AKP"),
        (with("crv", json!("P-521")), "`x` is not 66 bytes"),
        (with("crv", json!("secp256k1")), "secp256k1"),
        (with("y", json!(off_curve)), "not on its curve"),
        (with("x", json!("AAAA")), "`x` is not 32 bytes"),
        (with("x", json!("AAA=")), "not base64url"),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), "X25519"),
        (
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
            "32 bytes",
        ),
        (json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}), "17 bits"),
        (rsa("AQ"), "exponent"),
        (rsa("AQAC"), "exponent"),
        (rsa("AQAAAAE"), "exponent"),
    ] {
        let error = PublicKey::from_jwk(&jwk).expect_err(message);
        assert!(error.message().contains(message), "{jwk}: {error:?}");
        assert!(error.hint().is_some(), "{error:?}");
    }
}

#[test]
fn a_jwk_set_skips_keys_that_cannot_verify() {
    let public = |pem: &str| {
        PrivateKey::from_pem(pem)
            .unwrap()
            .public_key()
            .unwrap()
            .to_jwk()
    };
    let named = |pem: &str, kid: &str, more: Value| {
        let mut jwk = public(pem);
        jwk["kid"] = json!(kid);
        for (name, value) in more.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    };
    let set = json!({"keys": [
        named(&RSA, "rsa", json!({"use": "sig"})),
        named(&RSA, "rsa-ps", json!({"alg": "PS256", "key_ops": ["verify"]})),
        named(&P256, "ec", json!({})),
        named(&RSA, "encryption", json!({"use": "enc"})),
        named(&RSA, "wrapping", json!({"key_ops": ["wrapKey"]})),
        named(&RSA, "unknown-alg", json!({"alg": "RSA-OAEP"})),
        json!({"kty": "oct", "kid": "secret", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
        json!({"kty": "future", "kid": "future"}),
        json!("nonsense"),
    ]});
    let set = JwkSet::from_json(&set.to_string()).unwrap();
    let kids: Vec<_> = set.keys().iter().filter_map(|key| key.key_id()).collect();
    assert_eq!(kids, ["rsa", "rsa-ps", "ec"]);
    let bound = |kid| set.verification_key(Some(kid)).unwrap().algorithm();
    assert_eq!(bound("rsa"), Algorithm::RS256);
    assert_eq!(bound("rsa-ps"), Algorithm::PS256);
    assert_eq!(bound("ec"), Algorithm::ES256);
    assert!(
        set.verification_key(Some("other"))
            .unwrap_err()
            .message()
            .contains("other")
    );
    assert!(
        set.verification_key(None)
            .unwrap_err()
            .message()
            .contains("3 keys that can verify")
    );
    for (kid, why) in [
        ("encryption", "its `use` is \"enc\""),
        ("wrapping", "its `key_ops` does not include verify"),
        ("unknown-alg", "its `alg` is \"RSA-OAEP\""),
        ("secret", "`kty` is oct"),
        ("future", "`kty` \"future\""),
    ] {
        let error = set.verification_key(Some(kid)).unwrap_err();
        assert!(error.message().contains(why), "{kid}: {error:?}");
        assert!(error.message().contains(&format!("{kid:?}")), "{error:?}");
    }
    assert_eq!(JwkSet::from_json("[").unwrap_err().kind(), ErrorKind::Key);
    assert_eq!(JwkSet::from_json("{}").unwrap_err().kind(), ErrorKind::Key);
}

/// RFC 7517 sections 4.2 to 4.4: `use`, `key_ops` and `alg` restrict a JWK.
#[test]
fn a_public_jwk_restricts_what_it_verifies() {
    let with = |name: &str, value: Value| {
        let mut jwk = PrivateKey::from_pem(&RSA)
            .unwrap()
            .public_key()
            .unwrap()
            .to_jwk();
        jwk[name] = value;
        PublicKey::from_bytes(jwk.to_string().as_bytes()).unwrap()
    };
    assert_eq!(with("alg", json!("PS512")).algorithms(), [Algorithm::PS512]);
    assert_eq!(with("use", json!("sig")).algorithms()[0], Algorithm::RS256);
    for key in [
        with("use", json!("enc")),
        with("key_ops", json!(["encrypt"])),
        with("key_ops", json!(["sign"])),
        with("alg", json!("RSA-OAEP-256")),
        with("alg", json!("ES256")),
    ] {
        assert_eq!(key.algorithms(), []);
        let error = VerificationKey::new(key, Algorithm::RS256).unwrap_err();
        assert!(
            error.message().contains("does not allow verifying"),
            "{error:?}"
        );
    }
    let bound = with("alg", json!("RS512"));
    assert!(VerificationKey::new(bound.clone(), Algorithm::RS256).is_err());
    assert!(VerificationKey::new(bound, Algorithm::RS512).is_ok());
}

pub(super) fn vector(name: &str) -> Value {
    let path = format!(
        "{}/../../tests/vectors/rfc/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(&path).expect(&path)).expect(&path)
}
