#![doc = include_str!("../README.md")]
#![deny(unsafe_op_in_unsafe_fn)]
#![allow(unsafe_code, reason = "the plugin ABI")]

pub mod abi;
#[cfg(feature = "host")]
mod host;
pub mod sdk;

#[cfg(feature = "host")]
pub use crate::host::{Level, Loader, Plugin, Sha256};
