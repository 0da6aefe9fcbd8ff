#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod algorithm;
mod base64url;
mod error;
pub mod jws;
pub mod key;
mod rejection;
pub mod x509;

pub use crate::error::{Error, ErrorKind};
