//! Why a key is rejected, and what to do about it: one function per reason.
//!
//! No function gets key bytes, so none can show them.

mod encrypted;
mod file;

pub(crate) use self::encrypted::*;
pub use self::file::is_pkcs11_uri;
pub(crate) use self::file::*;
use crate::algorithm::Algorithm;
use crate::{Error, ErrorKind};

pub(crate) fn begin_line() -> Error {
    refuse(
        "the PEM is damaged: its BEGIN line is not complete",
        "it must read -----BEGIN RSA PRIVATE KEY----- or the like, with five dashes at either end; copy the key again",
    )
}

pub(crate) fn missing_end(label: &str) -> Error {
    refuse(
        format!("the PEM is damaged: -----END {label}----- is missing"),
        "the text was cut off; copy the key again, from the first dash to the last",
    )
}

pub(crate) fn end_line(label: &str) -> Error {
    refuse(
        format!("the PEM is damaged: it begins with {label} and ends with something else"),
        format!("the last line must read -----END {label}-----; copy the key again"),
    )
}

pub(crate) fn bad_base64(label: &str, what: &str) -> Error {
    refuse(
        format!("the PEM is damaged: the text in {label} is not base64, {what}"),
        "copy the key again, from the first dash to the last",
    )
}

/// A text whose lines are split by spaces, and which is no key without them.
pub(crate) fn plus_lost(label: &str) -> Error {
    refuse(
        format!("the PEM is damaged: the lines in {label} have spaces where + was"),
        "copy the key again without a form that decodes + to a space, or percent-encode + as %2B",
    )
}

pub(crate) fn bad_der(what: &str) -> Error {
    refuse(
        format!("{DAMAGED}its frame is whole, but what is in it is not a readable {what}"),
        "copy the key again; check it with: openssl pkey -in key.pem -noout -check",
    )
}

/// Whether the parts of a key could not be read, or do not belong together.
pub(crate) fn is_damage(error: &Error) -> bool {
    error.message().starts_with(DAMAGED)
}

const DAMAGED: &str = "the key is damaged: ";

pub(crate) fn public_given(label: &str) -> Error {
    refuse(
        format!("this is a public key ({label}); signing needs the private key"),
        "give the file that begins with -----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----; \
         if the vendor showed it only once and it is lost, make a new key pair",
    )
}

pub(crate) fn private_given() -> Error {
    refuse(
        "this is a private key; only the public key is needed here",
        "take the public key out with: openssl pkey -in key.pem -pubout -out public.pem",
    )
}

pub(crate) fn certificate_given() -> Error {
    refuse(
        "this is a certificate; signing needs the private key that belongs to it",
        "give the private key file, or the PKCS#12 file that holds both",
    )
}

pub(crate) fn other_label(label: &str) -> Error {
    let hint = match label {
        "OPENSSH PRIVATE KEY" => {
            "convert a copy of it with: ssh-keygen -p -m PEM -f key \
             (an Ed25519 one stays as it is: make one with openssl genpkey -algorithm ED25519 -out key.pem)"
        }
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "this is a request for a certificate; give the private key it was made with"
        }
        "PKCS7" | "CMS" => "certificates are in it, no key; give the private key",
        label if label.starts_with("PGP ") => {
            "PGP keys do not sign tokens; make a key pair at the vendor"
        }
        _ => {
            "give a PEM with PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY; to verify, PUBLIC KEY or CERTIFICATE"
        }
    };
    refuse(
        format!("a PEM {label} is not a key that can be used here"),
        hint,
    )
}

pub(crate) fn several_private_keys(count: usize) -> Error {
    refuse(
        format!("there are {count} different private keys in this text"),
        "keep the one that is registered at the vendor",
    )
}

/// A PKCS#12 file with several private keys, and none or more than one with the friendly name
/// asked for. The names of keys are no secret.
pub(crate) fn which_key_of_pkcs12(asked: Option<&str>, names: &[Option<&str>]) -> Error {
    which_key("PKCS#12 file", "friendly name", asked, names)
        .with_hint("set key_id to the friendly name of the one that is registered at the vendor; list them with: openssl pkcs12 -in file.p12 -info -noenc")
}

/// A JWK Set with several private keys, and none or more than one with the `kid` asked for. The
/// names of keys are no secret.
pub(crate) fn which_key_of_set(asked: Option<&str>, ids: &[Option<&str>]) -> Error {
    which_key("JWK Set", "kid", asked, ids)
        .with_hint("set key_id to the kid of the one that is registered at the vendor")
}

fn which_key(file: &str, name: &str, asked: Option<&str>, names: &[Option<&str>]) -> Error {
    let shown = |id: &str| format!("{:?}", id.chars().take(64).collect::<String>());
    let listed = names
        .iter()
        .map(|one| one.map_or_else(|| format!("one without {name}"), shown));
    let listed = listed.collect::<Vec<_>>().join(", ");
    let count = names.len();
    let what = match asked {
        None => format!("the {file} holds {count} private keys, with the {name}s {listed}"),
        Some(asked) => {
            let found = match names.contains(&Some(asked)) {
                true => "more than one",
                false => "none",
            };
            let asked = shown(asked);
            format!(
                "of the {count} private keys in the {file} {found} has the {name} {asked}; they have {listed}"
            )
        }
    };
    Error::new(ErrorKind::KeyId, what)
}

pub(crate) fn algorithm(name: &str) -> Error {
    refuse(
        format!("keys of type {name} are not supported"),
        "use RSA (2048 to 4096 bits), EC on P-256 or P-384, or Ed25519; make one with: \
         openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

pub(crate) fn explicit_curve() -> Error {
    refuse(
        "the EC key spells out its curve instead of naming it",
        "convert it with: openssl ec -in key.pem -param_enc named_curve -out named.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn no_point() -> Error {
    refuse(
        "the EC private key comes without its public point, which this build cannot compute",
        "add it with: openssl ec -in key.pem -out whole.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn compressed_point() -> Error {
    refuse(
        "the EC key holds its public point in compressed form, which this build cannot read",
        "convert it with: openssl ec -in key.pem -conv_form uncompressed -out whole.pem \
         (for a public key add -pubin -pubout)",
    )
}

pub(crate) fn rsa_too_small(bits: usize) -> Error {
    refuse(
        format!("the RSA key has {bits} bits; RFC 7518 section 3.3 asks for 2048 or more"),
        "make a new key pair of 2048 bits and register it at the vendor",
    )
}

pub(crate) fn rsa_too_large(bits: usize, most: usize) -> Error {
    refuse(
        format!("the RSA key has {bits} bits; at most {most} can be used"),
        "make a key pair of 2048 to 4096 bits and register it at the vendor",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn rsa_too_large_for_ring(bits: usize, most: usize) -> Error {
    refuse(
        format!("the RSA key has {bits} bits; at most {most} can be used in this build"),
        "build with the cargo feature aws-lc of the crate countersign, or make a key pair of 2048 to 4096 bits and register it at the vendor",
    )
}

pub(crate) fn pss_hash() -> Error {
    refuse(
        "the RSASSA-PSS key is restricted to a hash other than SHA-256, SHA-384 and SHA-512, and JWS has no algorithm for it",
        "make a key pair without that restriction: openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

pub(crate) fn pss_parameters() -> Error {
    refuse(
        "the RSASSA-PSS key asks for another mask hash or a longer salt than RFC 7518 section 3.5 allows",
        "make a key pair without that restriction: openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(crate) fn p521_not_built() -> Error {
    refuse(
        "the key is EC on P-521, which this build does not have",
        "build with the cargo feature aws-lc of the crate countersign, or make a key on P-256 or P-384 and register it at the vendor",
    )
}

pub(crate) fn rsa_exponent() -> Error {
    refuse(
        "the RSA key has an unusual public exponent; 65537 is what every vendor expects",
        "make a new key pair with the usual exponent: openssl genrsa -out key.pem 2048",
    )
}

pub(crate) fn multi_prime() -> Error {
    refuse(
        "the RSA key has more than two primes",
        "make a new key pair with two primes: openssl genrsa -out key.pem 2048",
    )
}

/// The parts are readable, but do not make a key; `reason` is the signing library's word.
pub(crate) fn inconsistent(reason: impl std::fmt::Display) -> Error {
    refuse(
        format!("{DAMAGED}its parts do not belong together ({reason})"),
        "copy the key again; check it with: openssl pkey -in key.pem -noout -check",
    )
}

pub(crate) fn point_off_curve() -> Error {
    refuse(
        "the EC key's public point is not on its curve",
        "the key is damaged or made to attack; ask for it again",
    )
}

pub(crate) fn jwk(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Key, format!("{JWK}{what}"))
        .with_hint("see RFC 7517 and RFC 7518 section 6 for what a key must hold")
}

/// What [`jwk`] was given, for a message that names the key in its own way.
pub(crate) fn reason_of_jwk(error: &Error) -> &str {
    let message = error.message();
    message.strip_prefix(JWK).unwrap_or(message)
}

const JWK: &str = "the JWK cannot be used: ";

/// A private key that can be read, and still does not sign.
pub(crate) fn signing_failed(why: &str) -> Error {
    Error::new(
        ErrorKind::Signing,
        format!("the signature could not be made: {why}"),
    )
    .with_hint("check the key with: openssl pkey -in key.pem -noout -check")
}

/// Not reachable through `KeySigner`, which checks when it is made.
pub(crate) fn impossible(algorithm: Algorithm) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("{algorithm} was asked of a key that cannot do it"),
    )
}

fn refuse(what: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Key, what).with_hint(hint)
}
