//! The ciphers that key files are encrypted with.

use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    Aes128Cbc,
    Aes192Cbc,
    Aes256Cbc,
    Aes128Gcm,
    Aes256Gcm,
    TripleDes,
    /// The third key is the same as the first.
    TwoKeyTripleDes,
    Rc2With128Bits,
    Rc2With40Bits,
}

impl Cipher {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aes128Cbc => "AES-128-CBC",
            Self::Aes192Cbc => "AES-192-CBC",
            Self::Aes256Cbc => "AES-256-CBC",
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes256Gcm => "AES-256-GCM",
            Self::TripleDes => "3DES",
            Self::TwoKeyTripleDes => "3DES with two keys",
            Self::Rc2With128Bits => "RC2-128",
            Self::Rc2With40Bits => "RC2-40",
        }
    }

    pub(crate) fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes128Gcm | Self::TwoKeyTripleDes | Self::Rc2With128Bits => 16,
            Self::Aes192Cbc | Self::TripleDes => 24,
            Self::Aes256Cbc | Self::Aes256Gcm => 32,
            Self::Rc2With40Bits => 5,
        }
    }

    pub(crate) fn iv_bytes(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes192Cbc | Self::Aes256Cbc => 16,
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            Self::TripleDes
            | Self::TwoKeyTripleDes
            | Self::Rc2With128Bits
            | Self::Rc2With40Bits => 8,
        }
    }

    /// Returns `None` if the padding or the tag is wrong: the key is wrong or the data is damaged.
    pub(crate) fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut buffer = Zeroizing::new(data.to_vec());
        let length = match self {
            Self::Aes128Cbc => cbc(Aes128::new_from_slice(key).ok()?, iv, &mut buffer),
            Self::Aes192Cbc => cbc(Aes192::new_from_slice(key).ok()?, iv, &mut buffer),
            Self::Aes256Cbc => cbc(Aes256::new_from_slice(key).ok()?, iv, &mut buffer),
            Self::Aes128Gcm => gcm(&aead::AES_128_GCM, key, iv, &mut buffer),
            Self::Aes256Gcm => gcm(&aead::AES_256_GCM, key, iv, &mut buffer),
            Self::TripleDes => cbc(TdesEde3::new_from_slice(key).ok()?, iv, &mut buffer),
            Self::TwoKeyTripleDes => cbc(TdesEde2::new_from_slice(key).ok()?, iv, &mut buffer),
            Self::Rc2With128Bits | Self::Rc2With40Bits => cbc(
                Rc2::new_with_eff_key_len(key, 8 * key.len()),
                iv,
                &mut buffer,
            ),
        }?;
        buffer.truncate(length);
        Some(buffer)
    }
}

fn cbc<C: BlockCipherDecrypt>(cipher: C, iv: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let decryptor = Decryptor::inner_iv_slice_init(cipher, iv).ok()?;
    let plain = decryptor.decrypt_padded::<Pkcs7>(buffer).ok()?;
    Some(plain.len())
}

fn gcm(
    algorithm: &'static aead::Algorithm,
    key: &[u8],
    nonce: &[u8],
    buffer: &mut [u8],
) -> Option<usize> {
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plain = key.open_in_place(nonce, Aad::empty(), buffer).ok()?;
    Some(plain.len())
}
