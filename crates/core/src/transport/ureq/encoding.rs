//! Decodes bodies that servers compress even though the request asks for `identity`.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use zeroize::Zeroizing;

use crate::MAX_BODY;

/// How a gzip stream starts (RFC 1952 section 2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];

/// The maximum number of undeclared gzip codings to undo.
const MAX_UNDECLARED: usize = 2;

/// The decoded body is longer than [`MAX_BODY`].
#[derive(Debug)]
pub(super) struct TooLong;

/// A body with the headers that describe it.
pub(super) struct Received {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Received {
    /// Undoes `Content-Encoding` (RFC 9110 section 8.4.1), last coding first. An unknown coding
    /// stays, with its header, so that callers can still act on the status.
    pub(super) fn decode(mut self) -> Result<Self, TooLong> {
        let is_encoding = |name: &str| name.eq_ignore_ascii_case("content-encoding");
        let mut codings: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| is_encoding(name))
            .flat_map(|(_, value)| value.split(','))
            .map(|coding| coding.trim().to_ascii_lowercase())
            .filter(|coding| !coding.is_empty() && coding != "identity")
            .collect();
        let is_declared = !codings.is_empty();
        while let Some(coding) = codings.last() {
            let Some(decoded) = undo(coding, &self.body)? else {
                break;
            };
            self.body = decoded;
            codings.pop();
        }
        // A proxy may have removed the header, or compressed once more. No format of a token
        // endpoint starts with these bytes.
        for _ in 0..MAX_UNDECLARED {
            if !codings.is_empty() || !self.body.starts_with(GZIP) {
                break;
            }
            let Some(decoded) = undo("gzip", &self.body)? else {
                break;
            };
            self.body = decoded;
        }
        if !is_declared {
            return Ok(self);
        }
        self.headers
            .retain(|(name, _)| !is_encoding(name) && !name.eq_ignore_ascii_case("content-length"));
        if !codings.is_empty() {
            let left = ("content-encoding".to_owned(), codings.join(", "));
            self.headers.push(left);
        }
        Ok(self)
    }
}

/// Undoes one coding. Returns `None` if the coding is unknown or doesn't fit the body.
fn undo(coding: &str, body: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, TooLong> {
    match coding {
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(body)),
        // The RFC specifies zlib's format, but some servers send the bare stream.
        "deflate" => match read(ZlibDecoder::new(body))? {
            Some(decoded) => Ok(Some(decoded)),
            None => read(DeflateDecoder::new(body)),
        },
        _ => Ok(None),
    }
}

/// Decodes as much as possible: the beginning of a truncated stream may hold a new refresh token.
fn read(decoder: impl Read) -> Result<Option<Zeroizing<Vec<u8>>>, TooLong> {
    // Allocate once: growing would leave copies of tokens behind.
    let mut decoded = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let read = decoder.take(MAX_BODY + 1).read_to_end(&mut decoded);
    if decoded.len() as u64 > MAX_BODY {
        return Err(TooLong);
    }
    let is_whole = read.is_ok();
    Ok((is_whole || !decoded.is_empty()).then_some(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = br#"{"access_token":"t0ken","expires_in":60}"#;

    /// The text, compressed by Python's zlib.
    const ZLIB: &str =
        "78daab564a4c4e4e2d2e8e2fc9cf4ecd53b2522a3100d13a4aa915059945a9c5f199404133835a00236e0dd5";
    const DEFLATE: &str =
        "ab564a4c4e4e2d2e8e2fc9cf4ecd53b2522a3100d13a4aa915059945a9c5f199404133835a00";
    const GZIP: &str = "1f8b0800000000000203ab564a4c4e4e2d2e8e2fc9cf4ecd53b2522a3100d13a4aa915059945a9c5f199404133835a001ad2c1ab28000000";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2);
        digits
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    fn decoded(coding: &str, body: Vec<u8>) -> Received {
        let headers = [
            ("Content-Encoding", coding),
            ("Content-Length", "9"),
            ("X", "y"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let received = Received {
            headers: headers.into(),
            body: Zeroizing::new(body),
        };
        received.decode().unwrap()
    }

    #[test]
    fn every_known_coding_is_decoded() {
        for (coding, hex) in [
            ("gzip", GZIP),
            ("x-gzip", GZIP),
            ("GZIP", GZIP),
            ("identity, gzip", GZIP),
            ("deflate", ZLIB),
            ("deflate", DEFLATE),
        ] {
            let received = decoded(coding, bytes(hex));
            assert_eq!(received.body.as_slice(), TEXT, "{coding}");
            assert_eq!(received.headers, [("X".to_owned(), "y".to_owned())]);
        }
    }

    #[test]
    fn undeclared_gzip_is_decoded() {
        for coding in ["", "identity"] {
            let received = decoded(coding, bytes(GZIP));
            assert_eq!(received.body.as_slice(), TEXT, "{coding}");
        }
        let mut twice = Zeroizing::new(Vec::new());
        let once = bytes(GZIP);
        let mut encoder = flate2::read::GzEncoder::new(&once[..], Default::default());
        encoder.read_to_end(&mut twice).unwrap();
        assert_eq!(decoded("gzip", twice.to_vec()).body.as_slice(), TEXT);
    }

    #[test]
    fn unknown_codings_stay_in_the_header() {
        for (coding, body, left) in [
            ("br", TEXT.to_vec(), "br"),
            ("gzip", TEXT.to_vec(), "gzip"),
            ("br, gzip", bytes(GZIP), "br"),
        ] {
            let received = decoded(coding, body);
            assert_eq!(received.body.as_slice(), TEXT, "{coding}");
            let last = received.headers.last().unwrap();
            assert_eq!(last, &("content-encoding".to_owned(), left.to_owned()));
        }
    }

    #[test]
    fn the_beginning_of_a_truncated_stream_is_decoded() {
        let cut = bytes(GZIP)[..50].to_vec();
        let received = decoded("gzip", cut);
        assert!(TEXT.starts_with(&received.body) && !received.body.is_empty());
    }
}
