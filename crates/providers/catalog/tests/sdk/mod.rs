//! What the tests of the SDKs' requests use.

pub(crate) mod compare;
mod key;
pub(crate) mod request;
