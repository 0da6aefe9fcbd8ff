//! Builds and loads the plugins in `tests/plugins/`.

#![cfg(unix)]

mod header;
mod house;
mod loading;
mod memory;
mod rules;
mod tables;
mod versions;
