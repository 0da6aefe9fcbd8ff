//! Takes the encryption off: PKCS#8 (RFC 5958 section 3), PEM (RFC 1421), PKCS#12 (RFC 7292).

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::opened::{Opened, Safe};
use super::password::Password;
use super::pkcs12 as pfx;
use super::scheme::{document, encrypted_info};
use crate::key::armor::DekInfo;
use crate::{Error, ErrorKind, refusal};

/// Opens an EncryptedPrivateKeyInfo; what comes out is PKCS#8.
pub(crate) fn pkcs8(der: &[u8], passphrase: Option<&str>) -> Result<Opened, Error> {
    let (scheme, data) = encrypted_info(der)?;
    let how = scheme.to_string();
    let passphrase = passphrase.ok_or_else(|| refusal::no_passphrase(&how))?;
    let der = scheme.decrypt(&Password::of(passphrase), data)?;
    Ok(Opened {
        der,
        how,
        name: None,
    })
}

/// Opens a PEM block with `DEK-Info`; what comes out is PKCS#1 or SEC1.
pub(crate) fn pem(info: &DekInfo, data: &[u8], passphrase: Option<&str>) -> Result<Opened, Error> {
    let cipher = match info.algorithm.as_str() {
        "AES-128-CBC" => Cipher::Aes128Cbc,
        "AES-192-CBC" => Cipher::Aes192Cbc,
        "AES-256-CBC" => Cipher::Aes256Cbc,
        "DES-EDE3-CBC" => Cipher::TripleDes,
        other => return Err(refusal::encryption(other)),
    };
    let how = format!("PEM, MD5, {}", cipher.name());
    let passphrase = passphrase.ok_or_else(|| refusal::no_passphrase(&how))?;
    let key = bytes_to_key(passphrase.as_bytes(), &info.iv, cipher.key_bytes());
    let der = document(cipher.decrypt(&key, &info.iv, data))?;
    Ok(Opened {
        der,
        how,
        name: None,
    })
}

/// Opens a PKCS#12 file. Without a passphrase the two spellings of an empty one are tried.
pub(crate) fn pkcs12(der: &[u8], passphrase: Option<&str>) -> Result<Safe, Error> {
    match passphrase.filter(|text| !text.is_empty()) {
        Some(text) => pfx::open(der, &Password::of(text)),
        None => pfx::open(der, &Password::of(""))
            .or_else(|_| pfx::open(der, &Password::absent()))
            .map_err(|error| match error.kind() {
                ErrorKind::Passphrase => refusal::no_passphrase("PKCS#12"),
                _ => error,
            }),
    }
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round; the salt is the start of the vector.
fn bytes_to_key(passphrase: &[u8], iv: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    let salt = iv.get(..8).unwrap_or(iv);
    let mut key = Zeroizing::new(Vec::with_capacity(length + 16));
    let mut last = Zeroizing::new([0; 16]);
    while key.len() < length {
        let mut hash = Md5::new();
        if !key.is_empty() {
            hash.update(*last);
        }
        hash.update(passphrase);
        hash.update(salt);
        *last = hash.finalize().into();
        key.extend_from_slice(&*last);
    }
    key.truncate(length);
    key
}
