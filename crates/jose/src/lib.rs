#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
pub mod jws;
pub mod key;
pub mod x509;

pub use crate::error::{Error, ErrorKind};
