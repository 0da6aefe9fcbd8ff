//! Builds and loads the plugins in `tests/plugins/`.

#![cfg(unix)]

mod header;
mod loading;
mod memory;
mod rules;
mod support;
mod tables;
mod versions;
