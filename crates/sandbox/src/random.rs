//! Random strings in the formats that the vendors use.

use std::fmt::Write as _;

use aws_lc_rs::rand;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    // aws-lc's generator doesn't fail once the library is initialized.
    let _ = rand::fill(&mut out);
    out
}

/// Returns `2 * N` random hex digits in lower case.
pub(crate) fn hex<const N: usize>() -> String {
    to_hex(&bytes::<N>())
}

/// Returns `N` random bytes as base64url without padding.
pub(crate) fn url_safe<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<N>())
}

/// Returns a version 4 UUID (RFC 9562 section 5.4).
pub(crate) fn guid() -> String {
    let mut b = bytes::<16>();
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let h = to_hex(&b);
    format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..]
    )
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
