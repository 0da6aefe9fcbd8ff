//! Benchmarks: countersign compared to the bare primitives and other libraries.
//!
//! A [`Case`] is an operation to measure. `cargo bench --manifest-path benches/Cargo.toml` runs the
//! cases one after the other with criterion. `cargo xtask bench` runs them interleaved, so that the
//! ratios are meaningful on a busy machine, and writes `RESULTS.md`.

#![forbid(unsafe_code)]

mod assembling;
mod case;
mod material;
pub mod measure;
pub mod memory;
#[cfg(feature = "peers")]
mod peers;
pub mod plot;
mod reading;
pub mod report;
mod signing;

pub use self::case::{Case, Kind};

use self::material::Material;

/// Returns all cases, by group.
pub fn cases() -> Vec<Case> {
    let material = Material::make();
    let mut cases = signing::cases(&material);
    cases.extend(assembling::cases());
    cases.extend(reading::cases(&material));
    #[cfg(feature = "peers")]
    cases.extend(peers::cases(&material));
    cases
}
