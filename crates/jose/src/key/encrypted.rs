//! Keys under a passphrase: what opens them is behind the cargo feature `encrypted-keys`.

#[cfg(feature = "encrypted-keys")]
mod cipher;
#[cfg(feature = "encrypted-keys")]
mod open;
#[cfg(not(feature = "encrypted-keys"))]
#[path = "encrypted/refuse.rs"]
mod open;
pub(crate) mod opened;
#[cfg(feature = "encrypted-keys")]
mod password;
#[cfg(feature = "encrypted-keys")]
mod pkcs12;
#[cfg(feature = "encrypted-keys")]
mod scheme;
#[cfg(all(test, feature = "encrypted-keys"))]
mod wycheproof;

pub(crate) use self::open::{pem, pkcs8, pkcs12};
