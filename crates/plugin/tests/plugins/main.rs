//! Plugins, loaded for real: built by the machine's compiler from the fixtures in `tests/plugins/`.

#![cfg(unix)]

mod header;
mod house;
mod loading;
mod memory;
mod rules;
mod tables;
mod versions;
