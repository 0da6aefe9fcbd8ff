#![doc = include_str!("../README.md")]
#![allow(unsafe_code, reason = "the C ABI")]
// Types have the names they have in C.
#![allow(non_camel_case_types)]
#![deny(unsafe_op_in_unsafe_fn)]
// The header states once what it requires of callers. C functions have many parameters.
#![allow(clippy::missing_safety_doc, clippy::too_many_arguments)]

#[cfg(panic = "abort")]
compile_error!(
    "libcountersign promises that a panic is a status: build it with panic = \"unwind\""
);

mod boundary;
mod callback;
mod cancel;
mod client;
mod clock;
mod completion;
mod config;
mod error;
mod fork;
mod handle;
mod key;
mod log;
mod login;
mod registry;
mod result;
mod slots;
mod status;
#[cfg(feature = "test-hooks")]
mod test_hooks;
mod text;
mod token;

pub use self::callback::*;
pub use self::cancel::*;
pub use self::client::*;
pub use self::clock::*;
pub use self::config::*;
pub use self::error::*;
pub use self::key::*;
pub use self::log::*;
pub use self::login::*;
pub use self::registry::*;
pub use self::result::*;
pub use self::status::*;
#[cfg(feature = "test-hooks")]
pub use self::test_hooks::*;
pub use self::text::*;
pub use self::token::*;
