//! Decrypts keys, if the Cargo feature `encrypted-keys` is enabled.

#[cfg(feature = "encrypted-keys")]
mod cipher;
#[cfg(feature = "encrypted-keys")]
mod decrypt;
#[cfg(not(feature = "encrypted-keys"))]
#[path = "encrypted/not_built.rs"]
mod decrypt;
pub(crate) mod decrypted;
#[cfg(feature = "encrypted-keys")]
mod password;
#[cfg(feature = "encrypted-keys")]
mod pkcs12;
#[cfg(feature = "encrypted-keys")]
mod scheme;
#[cfg(all(test, feature = "encrypted-keys"))]
mod wycheproof;

pub(crate) use self::decrypt::{pem, pkcs8, pkcs12};
