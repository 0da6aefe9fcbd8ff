//! Errors for keys that are rejected: one function per reason.
//!
//! No function takes key bytes, so no error can contain them.

mod encrypted;
mod file;

pub(crate) use self::encrypted::*;
pub use self::file::is_pkcs11_uri;
pub(crate) use self::file::*;
use crate::algorithm::Algorithm;
use crate::{Error, ErrorKind};

pub(crate) fn begin_line() -> Error {
    reject(
        "the PEM is damaged: its BEGIN line is incomplete",
        "copy the key again; it must start with a line like -----BEGIN RSA PRIVATE KEY-----, with five dashes at each end",
    )
}

pub(crate) fn missing_end(label: &str) -> Error {
    reject(
        format!("the PEM is damaged: -----END {label}----- is missing"),
        "copy the whole key again, from the first dash to the last; this text was cut off",
    )
}

pub(crate) fn end_line(label: &str) -> Error {
    reject(
        format!("the PEM is damaged: it begins with {label} but ends with something else"),
        format!("copy the key again; its last line must be -----END {label}-----"),
    )
}

pub(crate) fn bad_base64(label: &str, what: &str) -> Error {
    reject(
        format!("the PEM is damaged: the text in {label} is not valid base64: {what}"),
        "copy the key again, from the first dash to the last",
    )
}

/// For PEM with spaces inside its lines that is not a key without them.
pub(crate) fn plus_lost(label: &str) -> Error {
    reject(
        format!("the PEM is damaged: the lines in {label} have spaces in place of +"),
        "copy the key again, but not through a web form that decodes + as a space, or percent-encode + as %2B",
    )
}

pub(crate) fn bad_der(what: &str) -> Error {
    reject(
        format!("{DAMAGED}its contents are not a valid {what}"),
        "copy the key again; check it with: openssl pkey -in key.pem -noout -check",
    )
}

/// Returns whether the error says that a key is damaged.
pub(crate) fn is_damage(error: &Error) -> bool {
    error.message().starts_with(DAMAGED)
}

const DAMAGED: &str = "the key is damaged: ";

pub(crate) fn public_given(label: &str) -> Error {
    reject(
        format!("this is a public key ({label}); signing needs the private key"),
        "use the file that begins with -----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----; \
         if the vendor showed it only once and it is lost, create a new key pair",
    )
}

pub(crate) fn private_given() -> Error {
    reject(
        "this is a private key; a public key is expected here",
        "extract the public key with: openssl pkey -in key.pem -pubout -out public.pem",
    )
}

pub(crate) fn certificate_given() -> Error {
    reject(
        "this is a certificate; signing needs the private key that belongs to it",
        "use the private key file, or a PKCS#12 file that contains both",
    )
}

pub(crate) fn unsupported_label(label: &str) -> Error {
    let hint = match label {
        "OPENSSH PRIVATE KEY" => {
            "convert a copy of it with: ssh-keygen -p -m PEM -f key \
             (this does not convert Ed25519 keys: create a new one with openssl genpkey -algorithm ED25519 -out key.pem)"
        }
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "use the private key that the certificate request was made with"
        }
        "PKCS7" | "CMS" => "use the private key; this file contains only certificates",
        label if label.starts_with("PGP ") => {
            "create a key pair at the vendor; PGP keys cannot sign tokens"
        }
        _ => {
            "use a PEM with the label PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY; to verify, PUBLIC KEY or CERTIFICATE"
        }
    };
    reject(
        format!("PEM with the label {label} is not supported as a key"),
        hint,
    )
}

pub(crate) fn several_private_keys(count: usize) -> Error {
    reject(
        format!("this text contains {count} different private keys"),
        "keep only the one that is registered with the vendor",
    )
}

/// For a PKCS#12 file with several private keys and no unique match for `asked`.
///
/// Friendly names are not secret, so the message lists them.
pub(crate) fn which_key_of_pkcs12(asked: Option<&str>, names: &[Option<&str>]) -> Error {
    which_key("PKCS#12 file", "friendly name", asked, names)
        .with_hint("set key_id to the friendly name of the one that is registered with the vendor; list them with: openssl pkcs12 -in file.p12 -info -noenc")
}

/// For a JWK Set with several private keys and no unique match for `asked`.
///
/// Key ids are not secret, so the message lists them.
pub(crate) fn which_key_of_set(asked: Option<&str>, ids: &[Option<&str>]) -> Error {
    which_key("JWK Set", "kid", asked, ids)
        .with_hint("set key_id to the kid of the one that is registered with the vendor")
}

fn which_key(file: &str, name: &str, asked: Option<&str>, names: &[Option<&str>]) -> Error {
    let shown = |id: &str| format!("{:?}", id.chars().take(64).collect::<String>());
    let listed = names
        .iter()
        .map(|one| one.map_or_else(|| format!("one without {name}"), shown));
    let listed = listed.collect::<Vec<_>>().join(", ");
    let count = names.len();
    let what = match asked {
        None => format!("the {file} contains {count} private keys, with the {name}s {listed}"),
        Some(asked) => {
            let found = match names.contains(&Some(asked)) {
                true => "more than one",
                false => "none",
            };
            let asked = shown(asked);
            format!(
                "{found} of the {count} private keys in the {file} has the {name} {asked}; they have {listed}"
            )
        }
    };
    Error::new(ErrorKind::KeyId, what)
}

pub(crate) fn unsupported_key_type(name: &str) -> Error {
    reject(
        format!("keys of type {name} are not supported"),
        "use RSA (2048 to 4096 bits), EC on P-256 or P-384, or Ed25519; create one with: \
         openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

pub(crate) fn explicit_curve() -> Error {
    reject(
        "the EC key has explicit curve parameters instead of a named curve",
        "convert it with: openssl ec -in key.pem -param_enc named_curve -out named.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn no_point() -> Error {
    reject(
        "the EC private key has no public point, and this build cannot compute it",
        "add the public point with: openssl ec -in key.pem -out whole.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn compressed_point() -> Error {
    reject(
        "the EC key has a compressed public point, which this build does not support",
        "convert it with: openssl ec -in key.pem -conv_form uncompressed -out whole.pem \
         (for a public key add -pubin -pubout)",
    )
}

pub(crate) fn rsa_too_small(bits: usize) -> Error {
    reject(
        format!("the RSA key has {bits} bits; RFC 7518 section 3.3 requires at least 2048"),
        "create a new key pair of 2048 bits and register it with the vendor",
    )
}

pub(crate) fn rsa_too_large(bits: usize, max: usize) -> Error {
    reject(
        format!("the RSA key has {bits} bits; the maximum is {max}"),
        "create a key pair of 2048 to 4096 bits and register it with the vendor",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn rsa_too_large_for_ring(bits: usize, max: usize) -> Error {
    reject(
        format!("the RSA key has {bits} bits; the maximum in this build is {max}"),
        "build with the cargo feature aws-lc of the crate countersign, or create a key pair of 2048 to 4096 bits and register it with the vendor",
    )
}

pub(crate) fn pss_hash() -> Error {
    reject(
        "the RSASSA-PSS key is restricted to a hash other than SHA-256, SHA-384 and SHA-512, for which JWS has no algorithm",
        "create a key pair without that restriction: openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

pub(crate) fn pss_parameters() -> Error {
    reject(
        "the RSASSA-PSS key requires a mask hash or salt length that RFC 7518 section 3.5 does not allow",
        "create a key pair without that restriction: openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn p521_not_built() -> Error {
    reject(
        "the key is EC on P-521, which this build does not support",
        "build with the cargo feature aws-lc of the crate countersign, or create a key on P-256 or P-384 and register it with the vendor",
    )
}

pub(crate) fn rsa_exponent() -> Error {
    reject(
        "the RSA key has an unusual public exponent; vendors expect 65537",
        "create a new key pair with the default exponent: openssl genrsa -out key.pem 2048",
    )
}

pub(crate) fn multi_prime() -> Error {
    reject(
        "the RSA key has more than two primes",
        "create a new key pair with two primes: openssl genrsa -out key.pem 2048",
    )
}

/// For a key that can be parsed but is inconsistent. `reason` comes from the signing library.
pub(crate) fn inconsistent(reason: impl std::fmt::Display) -> Error {
    reject(
        format!("{DAMAGED}its parts are inconsistent ({reason})"),
        "copy the key again; check it with: openssl pkey -in key.pem -noout -check",
    )
}

pub(crate) fn point_off_curve() -> Error {
    reject(
        "the EC key's public point is not on its curve",
        "get the key again from its owner; this one is damaged or malicious",
    )
}

pub(crate) fn jwk(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Key, format!("{JWK}{what}"))
        .with_hint("see RFC 7517 and RFC 7518 section 6 for the members that a key needs")
}

/// Returns the text that was passed to [`jwk`], for use in another message.
pub(crate) fn jwk_reason(error: &Error) -> &str {
    let message = error.message();
    message.strip_prefix(JWK).unwrap_or(message)
}

const JWK: &str = "the JWK cannot be used: ";

/// For a private key that was read but fails to sign.
pub(crate) fn signing_failed(why: &str) -> Error {
    Error::new(ErrorKind::Signing, format!("signing failed: {why}"))
        .with_hint("check the key with: openssl pkey -in key.pem -noout -check")
}

/// Not reachable through `KeySigner`, which validates the algorithm when it is created.
pub(crate) fn unsupported_algorithm(algorithm: Algorithm) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the key does not support {algorithm}"),
    )
}

fn reject(what: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Key, what).with_hint(hint)
}
