//! JSON Web Keys (RFC 7517).

pub(crate) mod members;
pub(crate) mod private;
mod public;
