//! Runs the fuzz body of the same name.
#![no_main]

#[path = "../../crates/core/tests/fuzz/bodies.rs"]
#[allow(dead_code, reason = "each target runs one body")]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::compact_jws(data));
