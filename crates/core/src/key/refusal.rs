//! Why a key is not taken, and what to do about it: one function per reason.
//!
//! No function is given key bytes, so none can show them.

mod encrypted;
mod file;

pub(super) use self::encrypted::*;
pub(crate) use self::file::is_pkcs11;
pub(super) use self::file::*;
use crate::{Error, ErrorKind};

pub(super) fn begin_line() -> Error {
    refuse(
        "the PEM is damaged: its BEGIN line is not complete",
        "it must read -----BEGIN RSA PRIVATE KEY----- or the like, with five dashes at either end; copy the key again",
    )
}

pub(super) fn missing_end(label: &str) -> Error {
    refuse(
        format!("the PEM is damaged: -----END {label}----- is missing"),
        "the text was cut off; copy the key again, from the first dash to the last",
    )
}

pub(super) fn end_line(label: &str) -> Error {
    refuse(
        format!("the PEM is damaged: it begins with {label} and ends with something else"),
        format!("the last line must read -----END {label}-----; copy the key again"),
    )
}

pub(super) fn bad_base64(label: &str, what: &str) -> Error {
    refuse(
        format!("the PEM is damaged: the text in {label} is not base64, {what}"),
        "copy the key again; a form that turns + into a blank, or a cut line, does this",
    )
}

pub(super) fn bad_der(what: &str) -> Error {
    refuse(
        format!(
            "the key is damaged: its frame is whole, but what is in it is not a readable {what}"
        ),
        "copy the key again; check it with: openssl pkey -in key.pem -noout -check",
    )
}

pub(super) fn public_given(label: &str) -> Error {
    refuse(
        format!("this is a public key ({label}); signing needs the private key"),
        "give the file that begins with -----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----; \
         if the vendor showed it only once and it is lost, make a new key pair",
    )
}

pub(super) fn private_given() -> Error {
    refuse(
        "this is a private key; only the public key is needed here",
        "take the public key out with: openssl pkey -in key.pem -pubout -out public.pem",
    )
}

pub(super) fn certificate_given() -> Error {
    refuse(
        "this is a certificate; signing needs the private key that belongs to it",
        "give the private key file, or the PKCS#12 file that holds both",
    )
}

pub(super) fn other_label(label: &str) -> Error {
    let hint = match label {
        "OPENSSH PRIVATE KEY" => {
            "convert a copy of it with: ssh-keygen -p -m PEM -f key \
             (an Ed25519 one stays as it is: make one with openssl genpkey -algorithm ED25519 -out key.pem)"
        }
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "this is a request for a certificate; give the private key it was made with"
        }
        "PKCS7" | "CMS" => "certificates are in it, no key; give the private key",
        "PGP PRIVATE KEY BLOCK" | "PGP PUBLIC KEY BLOCK" => {
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

pub(super) fn several_private_keys(count: usize) -> Error {
    refuse(
        format!("there are {count} private keys in this text"),
        "keep the one that is registered at the vendor",
    )
}

/// A JWK Set with several private keys, and none or more than one with the `kid` asked for. The
/// names of keys are no secret.
pub(super) fn which_key_of_set(asked: Option<&str>, ids: &[Option<&str>]) -> Error {
    let shown = |id: &str| format!("{:?}", id.chars().take(64).collect::<String>());
    let names = ids
        .iter()
        .map(|id| id.map_or("one without kid".into(), shown));
    let names = names.collect::<Vec<_>>().join(", ");
    let count = ids.len();
    let what = match asked {
        None => format!("the JWK Set holds {count} private keys, with the kids {names}"),
        Some(asked) => {
            let found = match ids.contains(&Some(asked)) {
                true => "more than one",
                false => "none",
            };
            format!(
                "of the {count} private keys in the JWK Set {found} has the kid {}; they have {names}",
                shown(asked)
            )
        }
    };
    refuse(
        what,
        "set key_id to the kid of the one that is registered at the vendor",
    )
    .with_setting("key_id")
}

pub(super) fn algorithm(name: &str) -> Error {
    refuse(
        format!("keys of type {name} are not supported"),
        "use RSA (2048 to 4096 bits), EC on P-256 or P-384, or Ed25519; make one with: \
         openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

pub(super) fn explicit_curve() -> Error {
    refuse(
        "the EC key spells out its curve instead of naming it",
        "convert it with: openssl ec -in key.pem -param_enc named_curve -out named.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn no_point() -> Error {
    refuse(
        "the EC private key comes without its public point, which this build cannot compute",
        "add it with: openssl ec -in key.pem -out whole.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn compressed_point() -> Error {
    refuse(
        "the EC key holds its public point in compressed form, which this build cannot read",
        "convert it with: openssl ec -in key.pem -conv_form uncompressed -out whole.pem \
         (for a public key add -pubin -pubout)",
    )
}

pub(super) fn rsa_too_small(bits: usize) -> Error {
    refuse(
        format!("the RSA key has {bits} bits; RFC 7518 section 3.3 asks for 2048 or more"),
        "make a new key pair of 2048 bits and register it at the vendor",
    )
}

pub(super) fn rsa_too_large(bits: usize, most: usize) -> Error {
    refuse(
        format!("the RSA key has {bits} bits; at most {most} can be used"),
        "make a key pair of 2048 to 4096 bits and register it at the vendor",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn rsa_too_large_for_ring(bits: usize, most: usize) -> Error {
    refuse(
        format!("the RSA key has {bits} bits; at most {most} can be used in this build"),
        "build with the cargo feature aws-lc of the crate countersign, or make a key pair of 2048 to 4096 bits and register it at the vendor",
    )
}

pub(super) fn pss_hash() -> Error {
    refuse(
        "the RSASSA-PSS key is restricted to a hash other than SHA-256, SHA-384 and SHA-512, and JWS has no algorithm for it",
        "make a key pair without that restriction: openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

pub(super) fn pss_parameters() -> Error {
    refuse(
        "the RSASSA-PSS key asks for another mask hash or a longer salt than RFC 7518 section 3.5 allows",
        "make a key pair without that restriction: openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out key.pem",
    )
}

#[cfg(not(feature = "aws-lc"))]
pub(super) fn p521_not_built() -> Error {
    refuse(
        "the key is EC on P-521, which this build does not have",
        "build with the cargo feature aws-lc of the crate countersign, or make a key on P-256 or P-384 and register it at the vendor",
    )
}

pub(super) fn rsa_exponent() -> Error {
    refuse(
        "the RSA key has an unusual public exponent; 65537 is what every vendor expects",
        "make a new key pair with the usual exponent: openssl genrsa -out key.pem 2048",
    )
}

pub(super) fn multi_prime() -> Error {
    refuse(
        "the RSA key has more than two primes",
        "make a new key pair with two primes: openssl genrsa -out key.pem 2048",
    )
}

/// The parts are readable, but do not make a key; `reason` is the signing library's word.
pub(super) fn inconsistent(reason: impl std::fmt::Display) -> Error {
    refuse(
        format!("the key is damaged: its parts do not belong together ({reason})"),
        "copy the key again; check it with: openssl pkey -in key.pem -noout -check",
    )
}

pub(super) fn point_off_curve() -> Error {
    refuse(
        "the EC key's public point is not on its curve",
        "the key is damaged or made to attack; ask for it again",
    )
}

pub(super) fn jwk(what: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Key, format!("the JWK cannot be used: {what}"))
        .with_hint("see RFC 7517 and RFC 7518 section 6 for what a key must hold")
}

fn refuse(what: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Key, what).with_hint(hint)
}
