//! Passphrase encodings, and the key derivation of PKCS#12 (RFC 7292 appendix B).

use ring::digest::{self, Context};
use zeroize::Zeroizing;

/// A passphrase in both encodings: UTF-8 for PBES2, UTF-16 with a terminating zero for PKCS#12.
pub(crate) struct Password<'a> {
    text: &'a str,
    wide: Zeroizing<Vec<u8>>,
}

/// The purpose of a derived key (RFC 7292 appendix B.3).
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Key = 1,
    Vector = 2,
    Mac = 3,
}

impl<'a> Password<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        wide.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        wide.extend([0, 0]);
        Self { text, wide }
    }

    /// Creates an empty password without the terminating zero, which some tools use.
    pub(crate) fn absent() -> Password<'static> {
        Password {
            text: "",
            wide: Zeroizing::default(),
        }
    }

    pub(crate) fn utf8(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Derives a key as in RFC 7292 appendix B.2.
    pub(crate) fn pkcs12_key(
        &self,
        hash: &'static digest::Algorithm,
        purpose: Purpose,
        salt: &[u8],
        rounds: u32,
        length: usize,
    ) -> Zeroizing<Vec<u8>> {
        let block = hash.block_len();
        let filled = |data: &[u8]| data.len().div_ceil(block) * block;
        let mut input = Zeroizing::new(Vec::with_capacity(filled(salt) + filled(&self.wide)));
        for data in [salt, &self.wide] {
            input.extend(data.iter().cycle().take(filled(data)));
        }
        let mut key = Zeroizing::new(Vec::with_capacity(length + hash.output_len()));
        loop {
            let mut first = Context::new(hash);
            first.update(&vec![purpose as u8; block]);
            first.update(&input);
            let mut digest = first.finish();
            for _ in 1..rounds {
                digest = digest::digest(hash, digest.as_ref());
            }
            key.extend_from_slice(digest.as_ref());
            if key.len() >= length {
                key.truncate(length);
                return key;
            }
            for chunk in input.chunks_exact_mut(block) {
                add_and_one(chunk, digest.as_ref());
            }
        }
    }
}

/// Adds the digest, repeated to the width of the chunk, and one, modulo that width.
fn add_and_one(chunk: &mut [u8], digest: &[u8]) {
    let mut carry = 1;
    let repeated: Zeroizing<Vec<u8>> =
        Zeroizing::new(digest.iter().copied().cycle().take(chunk.len()).collect());
    for (byte, other) in chunk.iter_mut().zip(repeated.iter()).rev() {
        let sum = u16::from(*byte) + u16::from(*other) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}
