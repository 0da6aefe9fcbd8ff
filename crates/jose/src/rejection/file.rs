//! Errors for files that are not PEM and are rejected.

use super::{jwk, reject};
use crate::Error;

/// For text without a BEGIN line.
pub(crate) fn no_pem(text: &str) -> Error {
    let (what, hint) = if text.is_empty() {
        (
            "the key is empty",
            "use the text of the PEM file that the vendor showed when the key was created",
        )
    } else if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
        (
            "no PEM found: this is an SSH public key",
            "use the private key; convert an SSH one with: ssh-keygen -p -m PEM -f id_rsa",
        )
    } else if text.starts_with("PuTTY") {
        (
            "no PEM found: this is a PuTTY key",
            "convert it with: puttygen key.ppk -O private-openssh -o key && ssh-keygen -p -m PEM -f key",
        )
    } else if text.contains("---- BEGIN SSH2") {
        (
            "no PEM found: this is a key in the format of RFC 4716",
            "use the private key; convert it with: ssh-keygen -i -f key.txt > key && ssh-keygen -p -m PEM -f key",
        )
    } else if text.contains("BEGIN") {
        return super::begin_line();
    } else if is_pkcs11_uri(text) {
        (
            "this is a pkcs11: URI, and this build does not support PKCS#11",
            "use a build with PKCS#11 support, or create a signer with the crate countersign-pkcs11 and pass it instead of private_key",
        )
    } else if looks_like_path(text) {
        (
            "no PEM found: this looks like a file name",
            "use the setting private_key_file to read the private key from a file",
        )
    } else {
        (
            "no PEM found",
            "use the whole text of the key file, from the line -----BEGIN … KEY----- to the line -----END … KEY-----",
        )
    };
    reject(what, hint)
}

/// Returns whether a text is a `pkcs11:` URI (RFC 7512), which says where a key is.
///
/// # Example
///
/// ```
/// use countersign_jose::key::is_pkcs11_uri;
///
/// assert!(is_pkcs11_uri("pkcs11:token=prod;object=oauth"));
/// assert!(!is_pkcs11_uri("-----BEGIN PRIVATE KEY-----"));
/// ```
pub fn is_pkcs11_uri(text: &str) -> bool {
    let scheme = text.get(..7);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkcs11:"))
}

fn looks_like_path(text: &str) -> bool {
    let file_like = [
        ".pem", ".key", ".p8", ".txt", ".der", ".p12", ".pfx", ".json", ".jwk",
    ];
    text.len() < 260
        && !text.contains('\n')
        && (file_like.iter().any(|end| text.ends_with(end)) || text.starts_with(['/', '~', '.']))
}

pub(crate) fn binary() -> Error {
    reject(
        "this is a binary file, but neither a key in DER nor PKCS#12",
        "use a private key in PEM, DER, PKCS#12 or JWK; find out what the file is with: file FILE",
    )
}

pub(crate) fn java_key_store() -> Error {
    reject(
        "this is a Java key store",
        "convert it with: keytool -importkeystore -srckeystore keys.jks -destkeystore keys.p12 -deststoretype PKCS12",
    )
}

/// For BER, which some old browsers and key stores write.
pub(crate) fn indefinite_length() -> Error {
    reject(
        "this is BER with indefinite lengths, not DER: most likely PKCS#12 from an old tool",
        "extract the key with: openssl pkcs12 -in file.p12 -nodes -out key.pem",
    )
}

pub(crate) fn empty_pkcs12() -> Error {
    reject(
        "the PKCS#12 file contains neither a private key nor a supported certificate",
        "export it again with its key; list its contents with: openssl pkcs12 -in file.p12 -info -noout",
    )
}

pub(crate) fn no_certificate() -> Error {
    reject(
        "this is a key; a certificate is expected here",
        "use the file that begins with -----BEGIN CERTIFICATE-----",
    )
}

pub(crate) fn bad_json(error: &serde_json::Error) -> Error {
    reject(
        format!(
            "the JSON is damaged (line {}, column {})",
            error.line(),
            error.column()
        ),
        "copy the file again, from the first brace to the last",
    )
}

/// For JSON of an unsupported kind. `kind` is its `type`.
pub(crate) fn unsupported_json(kind: Option<&str>) -> Error {
    let google = [
        "authorized_user",
        "external_account",
        "impersonated_service_account",
    ];
    match kind.and_then(|kind| google.into_iter().find(|known| *known == kind)) {
        Some(kind) => reject(
            format!("this is Google JSON of type {kind}, which contains no private key"),
            "create a key with: gcloud iam service-accounts keys create key.json --iam-account=ACCOUNT",
        ),
        None => reject(
            "this is JSON, but not one of the supported kinds: JWK, JWK Set, Google service account, Box app settings",
            "use one of these, or copy the PEM text out of the file",
        ),
    }
}

/// For the public key of a key in a key management service.
pub(crate) fn kms_public_key(service: &str) -> Error {
    reject(
        format!("this is the public half of a key in {service}; the private half never leaves it"),
        "remove private_key and let the service sign: set a signer on the client (CallbackSigner in Rust)",
    )
}

/// For a JSON file of a supported kind that lacks the member with the key.
pub(crate) fn missing_member(name: &str) -> Error {
    reject(
        format!("the JSON file has no `{name}`"),
        "download the file again where the vendor created the key pair; many vendors include the private key only once",
    )
}

pub(crate) fn no_primes() -> Error {
    jwk("the primes are missing").with_hint(
        "export the key again with the members p, q, dp, dq and qi (RFC 7518 section 6.3.2)",
    )
}
