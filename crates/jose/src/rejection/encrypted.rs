//! Errors for encrypted keys that are rejected.

use super::reject;
use crate::Error;
#[cfg(feature = "encrypted-keys")]
use crate::ErrorKind;

const DECRYPT: &str = "decrypt it with: openssl pkey -in key.pem -out plain.pem";
const EXTRACT: &str = "extract the key with: openssl pkcs12 -in file.p12 -nodes -out key.pem";

#[cfg(not(feature = "encrypted-keys"))]
pub(crate) fn encrypted_not_built() -> Error {
    reject(
        "the private key is encrypted with a passphrase, which this build does not support",
        format!("build with the cargo feature encrypted-keys, or {DECRYPT}"),
    )
}

#[cfg(not(feature = "encrypted-keys"))]
pub(crate) fn pkcs12_not_built() -> Error {
    reject(
        "this is a PKCS#12 file, which this build does not support",
        format!("build with the cargo feature encrypted-keys, or {EXTRACT}"),
    )
}

/// `encryption` describes the encryption of the file.
#[cfg(feature = "encrypted-keys")]
pub(crate) fn no_passphrase(encryption: &str) -> Error {
    let decrypt = match encryption {
        "PKCS#12" => EXTRACT,
        _ => DECRYPT,
    };
    Error::new(
        ErrorKind::Passphrase,
        format!(
            "the private key is encrypted with a passphrase ({encryption}), and none was given"
        ),
    )
    .with_hint(format!(
        "set private_key_passphrase_file or private_key_passphrase_env, or {decrypt}"
    ))
}

#[cfg(feature = "encrypted-keys")]
pub(crate) fn wrong_passphrase() -> Error {
    Error::new(
        ErrorKind::Passphrase,
        "the private key cannot be decrypted: the passphrase is wrong, or the file is damaged",
    )
    .with_hint(
        "check private_key_passphrase; try it with: openssl pkey -in key.pem -noout \
         (for PKCS#12: openssl pkcs12 -in file.p12 -info -noout)",
    )
}

/// For an unsupported encryption. `name` is its name or object identifier.
#[cfg(feature = "encrypted-keys")]
pub(crate) fn unsupported_encryption(name: &str) -> Error {
    reject(
        format!("the encryption of the private key is not supported: {name}"),
        "convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -out new.pem \
         -provider legacy -provider default \
         (PKCS#12 first with: openssl pkcs12 -legacy -in file.p12 -nodes -out key.pem)",
    )
}

#[cfg(feature = "encrypted-keys")]
pub(crate) fn bad_encryption() -> Error {
    reject(
        "the key is damaged: its encryption parameters are invalid",
        format!("copy the key again, or {DECRYPT}"),
    )
}

#[cfg(feature = "encrypted-keys")]
pub(crate) fn too_costly() -> Error {
    reject(
        "decrypting the private key would take minutes: its key derivation is too costly",
        "encrypt it again with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in key.pem -out new.pem",
    )
}

pub(crate) fn bad_dek_info(label: &str) -> Error {
    reject(
        format!("the PEM is damaged: {label} is encrypted, but its DEK-Info line is invalid"),
        "copy the key again; the line must look like DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF",
    )
}
