//! Attacks on verification, from RFC 8725 and related documents.

use countersign_jose::jws::{self, Algorithm, JwkSet, KeySigner, Signer, VerificationKey};
use countersign_jose::key::{PrivateKey, PublicKey};
use serde_json::json;

use super::openssl::openssl_text;
use super::{
    CLAIMS, P256, RSA, assert_rejected, decode, ecdsa_der, encode, public, sign_raw, signed_with,
    vector,
};

/// Attacks on signatures are tried here. Each other attack on the list names the crate that tests
/// it.
#[test]
fn every_listed_attack_is_rejected_here_or_tested_elsewhere() {
    let tried: &[(&str, fn())] = &[
        (
            "Weak or confused algorithm: alg none, case variants",
            attack_none,
        ),
        (
            "RS256 public key used as HS256 secret",
            attack_public_key_as_secret,
        ),
        (
            "Algorithm not bound to the key (JWK alg, kty)",
            attack_other_algorithm,
        ),
        ("Weak symmetric keys / short keys", attack_weak_keys),
        (
            "Incorrect composition of encryption and signature",
            attack_encrypted,
        ),
        (
            "Invalid curve / invalid point, crypto inputs not validated",
            attack_points,
        ),
        ("Plaintext leakage by compression (zip)", attack_zip),
        ("Avoid compression", attack_zip),
        (
            "Multiplicity of JSON encodings: UTF-8 only",
            attack_encodings,
        ),
        (
            "Indirect attacks on the server through kid, jku, x5u",
            attack_header_keys,
        ),
        ("Use appropriate algorithms", attack_none),
        ("crit must be understood", attack_crit),
        ("Duplicate header or claim names", attack_duplicates),
        ("Excessive size, depth, PBES2 p2c count (JWE)", attack_size),
    ];
    // Tested by the crate that does the validation.
    let elsewhere = [
        (
            "Substitution: iss, sub, aud not validated",
            "core, ID tokens",
        ),
        (
            "Cross-JWT confusion (at+jwt, logout+jwt, client assertion as id_token)",
            "core, ID tokens",
        ),
        ("nonce, exp, iat, azp, at_hash", "core, ID tokens"),
        ("PKCE downgrade, short verifiers", "core, PKCE"),
        (
            "Mix-up: iss in the authorization response",
            "core, the login",
        ),
        ("Refresh-token replay", "core, the client"),
    ];
    for attack in vector("rfc8725_attacks").as_array().unwrap() {
        let name = attack["attack"].as_str().unwrap();
        match tried.iter().find(|(known, _)| *known == name) {
            Some((_, attempt)) => attempt(),
            None => assert!(
                elsewhere.iter().any(|(known, _)| *known == name),
                "not tested: {name}"
            ),
        }
    }
}

fn attack_none() {
    let key = public(&RSA, Algorithm::RS256);
    for none in ["none", "None", "NONE", "nOnE"] {
        for signature in ["", "AAAA"] {
            let token = format!(
                "{}.{}.{signature}",
                encode(json!({"alg": none}).to_string()),
                encode(CLAIMS)
            );
            assert_rejected(jws::verify(&token, &key), "not signed");
        }
    }
    for header in [
        json!({}),
        json!({"alg": 7}),
        json!({"alg": null}),
        json!({"alg": ["RS256"]}),
    ] {
        assert_rejected(
            jws::verify(&signed_with(header.to_string()), &key),
            "no `alg`",
        );
    }
    for algorithm in ["rs256", "RS256 ", "RS1", "RSA-OAEP", ""] {
        let token = signed_with(json!({"alg": algorithm}).to_string());
        assert_rejected(jws::verify(&token, &key), "bound to RS256");
    }
}

fn attack_public_key_as_secret() {
    let public_pem = openssl_text("pkey -pubout", &RSA);
    let key = PublicKey::from_pem(&public_pem).unwrap();
    for secret in [
        public_pem.clone().into_bytes(),
        public_pem.trim().into(),
        key.spki_der(),
    ] {
        let input = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(CLAIMS));
        let tag = ring::hmac::sign(
            &ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret),
            input.as_bytes(),
        );
        let token = format!("{input}.{}", encode(tag));
        assert_rejected(
            jws::verify(&token, &public(&RSA, Algorithm::RS256)),
            "the key is public",
        );
    }
    let error = VerificationKey::new(key, Algorithm::HS256).unwrap_err();
    assert!(error.message().contains("anybody"), "{error:?}");
    let error = VerificationKey::hmac(public_pem, Algorithm::HS256).unwrap_err();
    assert!(error.message().contains("PEM"), "{error:?}");
}

fn attack_other_algorithm() {
    let key = PrivateKey::from_pem(&RSA).unwrap();
    for signed in key.algorithms() {
        let signer = KeySigner::new(key.clone(), Some(*signed), None).unwrap();
        let token = jws::sign(&signer, CLAIMS, None).unwrap();
        for bound in key.algorithms().iter().filter(|bound| *bound != signed) {
            let message = format!("bound to {bound}");
            assert_rejected(jws::verify(&token, &public(&RSA, *bound)), &message);
        }
    }
    let mut jwk = key.public_key().unwrap().to_jwk();
    for misfit in ["ES256", "HS256", "EdDSA", "none", "ES512"] {
        jwk["alg"] = json!(misfit);
        VerificationKey::from_jwk(&jwk).expect_err(misfit);
    }
    jwk["alg"] = json!("RS256");
    jwk["use"] = json!("enc");
    VerificationKey::from_jwk(&jwk).expect_err("a key for encryption");
}

fn attack_weak_keys() {
    for (algorithm, bytes) in [
        (Algorithm::HS256, 31),
        (Algorithm::HS384, 47),
        (Algorithm::HS512, 63),
    ] {
        let error = VerificationKey::hmac("x".repeat(bytes), algorithm).unwrap_err();
        assert!(error.message().contains("at least"), "{error:?}");
        let jwk = json!({"kty": "oct", "alg": algorithm.as_str(), "k": encode(vec![1; bytes])});
        VerificationKey::from_jwk(&jwk).expect_err("a short secret");
    }
    VerificationKey::from_jwk(&json!({"kty": "oct", "k": ""})).expect_err("no secret");
    let modulus = json!({"kty": "RSA", "e": "AQAB", "n": encode([0xff; 128])});
    assert!(
        VerificationKey::from_jwk(&modulus)
            .unwrap_err()
            .message()
            .contains("1024 bits")
    );
}

fn attack_encrypted() {
    let key = public(&RSA, Algorithm::RS256);
    let jwe = format!(
        "{}.AAAA.AAAA.AAAA.AAAA",
        encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)
    );
    assert_rejected(jws::verify(&jwe, &key), "encrypted");
    assert_rejected(jws::inspect(&jwe), "encrypted");
    for token in ["", ".", "..", "a.b", "a.b.c.d", "Bearer x"] {
        assert_rejected(jws::verify(token, &key), "");
    }
}

fn attack_points() {
    let jwk =
        |x: &[u8], y: &[u8]| json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
    for point in [
        jwk(&[0; 32], &[0; 32]),
        jwk(&[1; 32], &[1; 32]),
        jwk(&[0xff; 32], &[0xff; 32]),
    ] {
        let error = VerificationKey::from_jwk(&point).unwrap_err();
        assert!(error.message().contains("not on its curve"), "{error:?}");
    }
    // CVE-2022-21449: broken libraries accept an ECDSA signature of zeros for every message.
    let key = public(&P256, Algorithm::ES256);
    let input = format!("{}.{}", encode(r#"{"alg":"ES256"}"#), encode(CLAIMS));
    let token = jws::sign(
        &KeySigner::new(PrivateKey::from_pem(&P256).unwrap(), None, None).unwrap(),
        CLAIMS,
        None,
    )
    .unwrap();
    let der = ecdsa_der(&decode(token.rsplit('.').next().unwrap()));
    for signature in [vec![0; 64], vec![], vec![0; 63], vec![0xff; 64], der] {
        let token = format!("{input}.{}", encode(signature));
        assert_rejected(jws::verify(&token, &key), "signature is not valid");
    }
}

fn attack_zip() {
    let token = signed_with(r#"{"alg":"RS256","zip":"DEF"}"#);
    assert_rejected(jws::verify(&token, &public(&RSA, Algorithm::RS256)), "zip");
}

fn attack_crit() {
    let key = public(&RSA, Algorithm::RS256);
    for header in [
        r#"{"alg":"RS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"RS256","crit":[]}"#,
        r#"{"alg":"RS256","crit":["b64"],"b64":false}"#,
    ] {
        assert_rejected(jws::verify(&signed_with(header), &key), "crit");
    }
    for header in [
        r#"{"alg":"RS256","b64":false}"#,
        r#"{"alg":"RS256","b64":true}"#,
    ] {
        assert_rejected(jws::verify(&signed_with(header), &key), "b64");
    }
}

fn attack_encodings() {
    let key = public(&RSA, Algorithm::RS256);
    let utf16: Vec<u8> = r#"{"alg":"RS256"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for header in [
        utf16,
        b"\xff\xfe".to_vec(),
        b"{\"alg\":\"RS256\",\"x\":\"\xc3\x28\"}".to_vec(),
    ] {
        assert_rejected(jws::verify(&signed_with(header), &key), "");
    }
    for header in [
        "",
        "[]",
        "7",
        "\"RS256\"",
        "{\"alg\":\"RS256\"",
        "{\"alg\":\"RS256\"}x",
        "null",
    ] {
        assert_rejected(jws::verify(&signed_with(header), &key), "not a JSON object");
    }
    let latin1 = sign_raw(r#"{"alg":"RS256"}"#, b"{\"sub\":\"\xe9\"}");
    let verified = jws::verify(&latin1, &key).unwrap();
    assert!(
        verified
            .claims()
            .unwrap_err()
            .message()
            .contains("not UTF-8")
    );
    // Other base64url encodings of the same bytes.
    let token = signed_with(r#"{"alg":"RS256"}"#);
    jws::verify(&token, &key).unwrap();
    let noncanonical = {
        // The last symbol of a 256-byte signature carries four unused bits.
        let last = token.len() - 1;
        let symbol = token.as_bytes()[last];
        format!(
            "{}{}",
            &token[..last],
            if symbol == b'A' {
                'B'
            } else {
                (symbol + 1) as char
            }
        )
    };
    for altered in [
        format!("{token}="),
        format!("{token}=="),
        format!("{token}\n"),
        format!(" {token}"),
        noncanonical,
    ] {
        assert_rejected(jws::verify(&altered, &key), "");
    }
}

fn attack_header_keys() {
    // A key in the header is never used, `jku` and `x5u` are never fetched, and `kid` only selects.
    let mine = PrivateKey::from_pem(&P256).unwrap();
    let header = json!({
        "alg": "ES256", "kid": "../../dev/null", "jku": "https://evil.example/jwks",
        "x5u": "https://evil.example/x", "jwk": mine.public_key().unwrap().to_jwk(),
    });
    let input = format!("{}.{}", encode(header.to_string()), encode(CLAIMS));
    let mut signature = Vec::new();
    KeySigner::new(mine, None, None)
        .unwrap()
        .sign(input.as_bytes(), &mut signature)
        .unwrap();
    let token = format!("{input}.{}", encode(signature));
    let other = openssl_text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "");
    assert_rejected(
        jws::verify(&token, &public(&other, Algorithm::ES256)),
        "signature is not valid",
    );
    let mut jwk = PrivateKey::from_pem(&other)
        .unwrap()
        .public_key()
        .unwrap()
        .to_jwk();
    jwk["kid"] = json!("a");
    let set = JwkSet::from_json(&json!({"keys": [jwk]}).to_string()).unwrap();
    let kid = jws::inspect(&token).unwrap().header["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        set.verification_key(Some(&kid))
            .unwrap_err()
            .message()
            .contains("no key in the JWK Set")
    );
}

fn attack_duplicates() {
    let key = public(&RSA, Algorithm::RS256);
    for header in [
        r#"{"alg":"none","alg":"RS256"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"alg":"RS256","kid":"a","kid":"b"}"#,
    ] {
        assert_rejected(jws::verify(&signed_with(header), &key), "twice");
        assert_rejected(jws::inspect(&signed_with(header)), "twice");
    }
    let token = sign_raw(r#"{"alg":"RS256"}"#, br#"{"sub":"me","sub":"you"}"#);
    assert!(
        jws::verify(&token, &key)
            .unwrap()
            .claims()
            .unwrap_err()
            .message()
            .contains("twice")
    );
}

fn attack_size() {
    let key = public(&RSA, Algorithm::RS256);
    let limit = 64 * 1024;
    let token = sign_raw(r#"{"alg":"RS256"}"#, &vec![b' '; limit]);
    assert!(token.len() > limit);
    assert_rejected(jws::verify(&token, &key), "larger than 64 KiB");
    assert_rejected(jws::inspect(&token), "larger than 64 KiB");
    jws::verify(
        &sign_raw(r#"{"alg":"RS256"}"#, &vec![b' '; limit / 2]),
        &key,
    )
    .unwrap();
    let deep = format!(
        r#"{{"alg":"RS256","x":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_rejected(jws::verify(&signed_with(deep), &key), "not a JSON object");
}
