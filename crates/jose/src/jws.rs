//! Signs and verifies tokens: JSON Web Signature in compact form (RFC 7515, RFC 7518, RFC 8037).

mod any_key;
mod backend;
mod callback;
mod hmac;
mod jwk_set;
mod key_signer;
mod sign;
mod signer;
mod strict_json;
mod verify;
mod writer;

pub use self::any_key::AnyKey;
pub use self::backend::Backend;
pub use self::callback::CallbackSigner;
pub use self::hmac::{hmac_sha256_base64, hmac_sha256_base64_matches};
pub use self::jwk_set::{Jwk, JwkSet};
pub use self::key_signer::KeySigner;
pub use self::sign::{sign, sign_with_header};
pub use self::signer::Signer;
pub use self::verify::{Parsed, VerificationKey, Verified, inspect, verify};
pub use self::writer::TokenWriter;
pub use crate::algorithm::Algorithm;
