//! The exports as a program calls them, against the sandbox over TLS.
//!
//! Mistakes that only a C program can make are in tests/abi.

#![allow(unsafe_code)]

mod causes;
mod client;
mod drain;
#[cfg(unix)]
mod fork;
#[cfg(unix)]
mod fork_servers;
mod handles;
mod headers;
mod keys;
mod plugin;
mod program;
mod start;
