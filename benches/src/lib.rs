//! What a token costs: ours, beside the bare primitive and the other libraries.
//!
//! A [`Case`] is one thing done over and over. `cargo bench --manifest-path benches/Cargo.toml` hands them to
//! criterion one after the other; `cargo xtask bench` runs them interleaved, so that ratios mean
//! something on a busy machine, and writes `RESULTS.md`.

#![forbid(unsafe_code)]

mod assembling;
mod case;
mod material;
pub mod measure;
#[cfg(feature = "peers")]
mod peers;
pub mod plot;
mod reading;
pub mod report;
mod signing;

pub use self::case::{Case, Kind};

use self::material::Material;

/// Everything that is measured, group by group.
pub fn cases() -> Vec<Case> {
    let material = Material::make();
    let mut cases = signing::cases(&material);
    cases.extend(assembling::cases());
    cases.extend(reading::cases(&material));
    #[cfg(feature = "peers")]
    cases.extend(peers::cases(&material));
    cases
}
