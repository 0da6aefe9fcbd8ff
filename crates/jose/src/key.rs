//! Keys in every common format: reading, describing and naming them.

mod armor;
mod asn1;
mod certificate;
mod container;
mod curve;
mod document;
mod encrypted;
mod format;
mod inspect;
mod json;
pub(crate) mod jwk;
mod object;
mod pair;
mod point;
mod private;
pub(crate) mod public;
mod read;

pub use self::certificate::Certificate;
pub(crate) use self::curve::Curve;
pub use self::inspect::{CertificateInfo, KeyInfo, inspect, inspect_bytes};
#[cfg(feature = "aws-lc")]
pub(crate) use self::pair::AwsLcPair;
pub(crate) use self::pair::{Pair, hmac_algorithm};
pub(crate) use self::point::verify_p521;
pub use self::private::PrivateKey;
pub(crate) use self::public::Material;
pub use self::public::PublicKey;
pub use crate::rejection::is_pkcs11_uri;
