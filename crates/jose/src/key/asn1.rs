//! Keys in DER, read and written.

pub(crate) mod oid;
pub(crate) mod private;
pub(crate) mod pss;
pub(crate) mod shape;
pub(crate) mod write;
