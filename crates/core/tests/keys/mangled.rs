//! Nothing that is read makes it panic, and no error shows a piece of a key.

use countersign::key::{self, JwkSet, PrivateKey, PublicKey};
use proptest::prelude::*;
use serde_json::json;

use super::{SAMPLES, assert_shows_nothing_of, pem};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = PrivateKey::from_pem(&text);
        let _ = PublicKey::from_pem(&text);
        let _ = key::inspect(&text);
        let _ = JwkSet::from_json(&text);
    }

    #[test]
    fn no_pieces_of_pem_make_it_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "-----BEGIN ", "-----END ", "-----", "PRIVATE KEY", "RSA ", "PUBLIC KEY", "CERTIFICATE", "\n", "\\n",
        "\\", "\"", " ", "MII", "MIIE", "=", "==", "Proc-Type: 4,ENCRYPTED", "\u{feff}", "é", "{", "-", "BEGIN",
    ]), 0..24)) {
        let text = pieces.concat();
        let _ = PrivateKey::from_pem(&text);
        let _ = key::inspect(&text);
    }

    #[test]
    fn no_bytes_in_a_pem_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        label in prop::sample::select(vec!["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "PUBLIC KEY", "CERTIFICATE"]),
    ) {
        let _ = key::inspect(&pem(label, &bytes));
    }

    #[test]
    fn a_mangled_pem_neither_panics_nor_shows_the_key(
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

    /// Past the base64: the DER itself is changed.
    #[test]
    fn mangled_der_neither_panics_nor_shows_the_key(
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
    fn no_jwk_makes_it_panic(
        kty in prop::sample::select(vec!["RSA", "EC", "OKP", "oct"]),
        crv in prop::sample::select(vec!["P-256", "P-384", "Ed25519"]),
        members in prop::collection::vec("[A-Za-z0-9_-]{0,90}", 4),
    ) {
        let jwk = json!({"kty": kty, "crv": crv, "x": members[0], "y": members[1], "n": members[2], "e": members[3]});
        let _ = PublicKey::from_jwk(&jwk);
    }
}
