//! Assembling a token: header, claims and a signature of 256 zero bytes.

use std::hint::black_box;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_core::jose::Error;
use countersign_core::jws::{self, Algorithm, Signer, TokenWriter};

use crate::Case;
use crate::material::{CLAIMS, claims_json};

const GROUP: &str = "assembling";
const HEADER: &[u8] = br#"{"alg":"RS256","typ":"JWT"}"#;

pub(crate) fn cases() -> Vec<Case> {
    let json = claims_json();
    let mut writer = TokenWriter::new(Unsigned, Some("JWT")).expect("a writer");
    let kept = move || {
        black_box(writer.write(black_box(&json)).expect("a token").len());
    };
    let mut writer = TokenWriter::new(Unsigned, Some("JWT")).expect("a writer");
    let mut buffer = Vec::new();
    let by_serde = move || {
        buffer.clear();
        serde_json::to_writer(&mut buffer, black_box(&CLAIMS)).expect("JSON");
        black_box(writer.write(&buffer).expect("a token").len());
    };
    let json = claims_json();
    let once = move || {
        black_box(jws::sign(&Unsigned, black_box(&json), Some("JWT")).expect("a token"));
    };
    vec![
        Case::ours(GROUP, "countersign, reused writer", kept),
        Case::ours(
            GROUP,
            "countersign, reused writer, claims by serde",
            by_serde,
        ),
        Case::ours(GROUP, "countersign, jws::sign for one token", once),
        Case::peer(GROUP, "by hand: serde and format!", by_hand),
    ]
}

/// Assembles a token as most programs would.
fn by_hand() {
    let claims = serde_json::to_string(black_box(&CLAIMS)).expect("JSON");
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    let input = format!("{}.{}", encode(HEADER), encode(claims.as_bytes()));
    black_box(format!("{input}.{}", encode(&[7; 256])));
}

/// A signer that returns 256 bytes without any work.
#[derive(Debug)]
struct Unsigned;

impl Signer for Unsigned {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RS256
    }

    fn sign(&self, _: &[u8], signature: &mut Vec<u8>) -> Result<(), Error> {
        signature.extend_from_slice(&[7; 256]);
        Ok(())
    }
}
