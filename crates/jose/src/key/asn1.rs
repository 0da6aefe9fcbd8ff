//! Parses and encodes keys in DER.

pub(crate) mod oid;
pub(crate) mod private;
pub(crate) mod pss;
pub(crate) mod shape;
pub(crate) mod write;
