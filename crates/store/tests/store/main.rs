//! The stores' guarantees, tested through the public API.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]
#![cfg(unix)]

mod files;
mod foreign;
mod store;
mod trusted;
