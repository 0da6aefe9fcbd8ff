//! What the stores promise, tested through the public API.

#![cfg(unix)]

mod files;
mod foreign;
mod store;
mod trusted;
