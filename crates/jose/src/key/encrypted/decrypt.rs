//! Decrypts PKCS#8 (RFC 5958 section 3), PEM with `DEK-Info` (RFC 1421) and PKCS#12 (RFC 7292).

use md5::{Digest, Md5};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::decrypted::{DecryptedKey, Pkcs12Contents};
use super::password::Password;
use super::pkcs12 as pfx;
use super::scheme::{document, encrypted_info};
use crate::key::armor::DekInfo;
use crate::{Error, ErrorKind, rejection};

/// Decrypts an EncryptedPrivateKeyInfo to PKCS#8.
pub(crate) fn pkcs8(der: &[u8], passphrase: Option<&str>) -> Result<DecryptedKey, Error> {
    let (scheme, data) = encrypted_info(der)?;
    let encryption = scheme.to_string();
    let passphrase = passphrase.ok_or_else(|| rejection::no_passphrase(&encryption))?;
    let der = scheme.decrypt(&Password::of(passphrase), data)?;
    Ok(DecryptedKey {
        der,
        encryption,
        name: None,
    })
}

/// Decrypts a PEM block with `DEK-Info` to PKCS#1 or SEC1.
pub(crate) fn pem(
    info: &DekInfo,
    data: &[u8],
    passphrase: Option<&str>,
) -> Result<DecryptedKey, Error> {
    let cipher = match info.algorithm.as_str() {
        "AES-128-CBC" => Cipher::Aes128Cbc,
        "AES-192-CBC" => Cipher::Aes192Cbc,
        "AES-256-CBC" => Cipher::Aes256Cbc,
        "DES-EDE3-CBC" => Cipher::TripleDes,
        other => return Err(rejection::unsupported_encryption(other)),
    };
    let encryption = format!("PEM, MD5, {}", cipher.name());
    let passphrase = passphrase.ok_or_else(|| rejection::no_passphrase(&encryption))?;
    let key = bytes_to_key(passphrase.as_bytes(), &info.iv, cipher.key_bytes());
    let der = document(cipher.decrypt(&key, &info.iv, data))?;
    Ok(DecryptedKey {
        der,
        encryption,
        name: None,
    })
}

/// Decrypts a PKCS#12 file. Without a passphrase, tries both encodings of an empty one.
pub(crate) fn pkcs12(der: &[u8], passphrase: Option<&str>) -> Result<Pkcs12Contents, Error> {
    match passphrase.filter(|text| !text.is_empty()) {
        Some(text) => pfx::decrypt(der, &Password::of(text)),
        None => pfx::decrypt(der, &Password::of(""))
            .or_else(|_| pfx::decrypt(der, &Password::absent()))
            .map_err(|error| match error.kind() {
                ErrorKind::Passphrase => rejection::no_passphrase("PKCS#12"),
                _ => error,
            }),
    }
}

/// Derives a key like OpenSSL's `EVP_BytesToKey` with MD5 and one round, salted with the IV.
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
