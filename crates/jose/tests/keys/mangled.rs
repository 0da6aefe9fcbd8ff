//! No input causes a panic, and no error contains a part of a key.

use countersign_jose::jws::JwkSet;
use countersign_jose::key::{self, PrivateKey, PublicKey};
use proptest::prelude::*;
use serde_json::json;

use super::corpus::CORPUS;
use super::{SAMPLES, assert_shows_nothing_of, bodies, pem};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC*") {
        let _ = PrivateKey::from_pem(&text);
        let _ = PublicKey::from_pem(&text);
        let _ = key::inspect(&text);
        let _ = JwkSet::from_json(&text);
    }

    #[test]
    fn pieces_of_pem_do_not_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "-----BEGIN ", "-----END ", "-----", "PRIVATE KEY", "RSA ", "PUBLIC KEY", "CERTIFICATE", "\n", "\\n",
        "\\", "\"", " ", "MII", "MIIE", "=", "==", "Proc-Type: 4,ENCRYPTED", "\u{feff}", "é", "{", "-", "BEGIN",
    ]), 0..24)) {
        let text = pieces.concat();
        let _ = PrivateKey::from_pem(&text);
        let _ = key::inspect(&text);
    }

    #[test]
    fn arbitrary_bytes_in_pem_do_not_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        label in prop::sample::select(vec!["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE"]),
    ) {
        let _ = key::inspect(&pem(label, &bytes));
    }

    #[test]
    fn mangled_pem_neither_panics_nor_leaks_the_key(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..3u8), 1..6),
    ) {
        let mut text: Vec<char> = which.get(SAMPLES.as_slice()).pem.chars().collect();
        for (at, with, how) in edits {
            let at = at.index(text.len());
            match how {
                0 => text[at] = with,
                1 => text.truncate(at.max(1)),
                _ => text.insert(at, with),
            }
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = PrivateKey::from_pem(&text) {
            assert_shows_nothing_of(&text, &error);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        bodies::key_file(&bytes);
        bodies::jwk_set(&bytes);
    }

    /// Bytes that start like a DER document get further than random ones.
    #[test]
    fn arbitrary_der_does_not_panic(
        tags in prop::collection::vec((prop::sample::select(vec![0x02u8, 0x03, 0x04, 0x06, 0x30, 0x80, 0xa0, 0xa1]),
            prop::collection::vec(any::<u8>(), 0..20)), 0..9),
    ) {
        let members: Vec<u8> = tags.iter().flat_map(|(tag, contents)| super::tlv(*tag, contents)).collect();
        bodies::key_file(&super::tlv(0x30, &members));
    }

    /// Changes a few bytes in a file of the corpus: PEM, DER, UTF-16, PKCS#12, encrypted.
    #[test]
    fn mangled_files_of_the_corpus_do_not_panic(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut file = which.get(CORPUS.as_slice()).file.clone();
        file.push(b'\n');
        for (at, with, how) in edits {
            // Every other edit is near the start, where the structure is.
            let at = at.index(file.len()) / if with % 2 == 0 { 1 } else { 8 };
            match how {
                0 | 1 => file[at] = with,
                2 => file.truncate(at.max(1)),
                _ => file.insert(at, with),
            }
        }
        bodies::key_file(&file);
    }

    #[test]
    fn arbitrary_json_does_not_panic(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "\"kty\":", "\"RSA\"", "\"oct\"", "\"k\":", "\"AQAB\"", "\"keys\":[",
            "\"type\":\"service_account\"", "\"private_key\":", "\"boxAppSettings\":{", "\"appAuth\":{",
            "\"privateKey\":\"-----BEGIN", "\\n", "\\u002B", "\"d\":", "\"crv\":\"Ed25519\"", "null", "1e999",
        ]), 0..24),
        members in prop::collection::vec("[A-Za-z0-9_-]{0,90}", 4),
    ) {
        bodies::key_file(format!("{{{}", pieces.concat()).as_bytes());
        for kty in ["RSA", "EC", "OKP", "oct"] {
            let jwk = json!({"kty": kty, "crv": "P-256", "d": members[0], "x": members[1], "y": members[2],
                "n": members[1], "e": members[2], "p": members[3], "q": "AQAB", "dp": "AQAB", "dq": "AQAB",
                "qi": members[2], "k": members[3]});
            bodies::key_file(jwk.to_string().as_bytes());
            bodies::jwk_set(json!({"keys": [jwk]}).to_string().as_bytes());
        }
    }

    /// Changes the DER inside the base64.
    #[test]
    fn mangled_der_neither_panics_nor_leaks_the_key(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
        public in any::<bool>(),
    ) {
        let sample = &which.get(SAMPLES.as_slice()).pem;
        let clean = PrivateKey::from_pem(sample).unwrap();
        let (label, mut der) = if public {
            ("PUBLIC KEY", clean.public_key().unwrap().spki_der())
        } else {
            let body: String = sample.lines().skip_while(|l| !l.contains("PRIVATE KEY"))
                .filter(|l| !l.contains("----")).collect();
            ("PRIVATE KEY", base64_simd::STANDARD.decode_to_vec(body).unwrap())
        };
        for (at, with, how) in edits {
            let at = at.index(der.len());
            match how {
                0 => der[at] = with,
                1 => der.truncate(at.max(1)),
                _ => der.insert(at, with),
            }
        }
        let text = pem(label, &der);
        if let Err(error) = PrivateKey::from_pem(&text) {
            assert_shows_nothing_of(&text, &error);
        }
        let _ = PublicKey::from_pem(&text);
    }

    #[test]
    fn arbitrary_jwks_do_not_panic(
        kty in prop::sample::select(vec!["RSA", "EC", "OKP", "oct"]),
        crv in prop::sample::select(vec!["P-256", "P-384", "Ed25519"]),
        members in prop::collection::vec("[A-Za-z0-9_-]{0,90}", 4),
    ) {
        let jwk = json!({"kty": kty, "crv": crv, "x": members[0], "y": members[1], "n": members[2], "e": members[3]});
        let _ = PublicKey::from_jwk(&jwk);
    }
}
