//! Runs the fuzz body of the same name.
#![no_main]

#[path = "../../crates/jose/tests/keys/bodies.rs"]
#[allow(dead_code, reason = "each target runs one body")]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::key_file(data));
