#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod packed;
mod vendor;

use std::sync::{Arc, OnceLock};

use countersign_core::Provider;

pub use self::vendor::Vendor;

include!(concat!(env!("OUT_DIR"), "/vendors.rs"));

/// Returns the vendors, by id.
pub fn vendors() -> &'static [Vendor] {
    &VENDORS
}

/// Returns the providers of all vendors, for [`Registry::with_catalog`].
///
/// They are made once per process. None of their profiles is parsed yet.
///
/// # Example
///
/// ```
/// use countersign_core::Registry;
///
/// let registry = Registry::new().with_catalog(countersign_catalog::catalog());
/// assert_eq!(registry.iter().count(), countersign_catalog::vendors().len());
/// ```
///
/// [`Registry::with_catalog`]: countersign_core::Registry::with_catalog
pub fn catalog() -> Arc<[Arc<dyn Provider>]> {
    static CATALOG: OnceLock<Arc<[Arc<dyn Provider>]>> = OnceLock::new();
    let all = CATALOG.get_or_init(|| VENDORS.iter().map(Vendor::provider).collect());
    Arc::clone(all)
}

/// Returns the vendor with this id.
///
/// # Example
///
/// ```
/// assert!(countersign_catalog::vendor("no-such-vendor").is_none());
/// ```
pub fn vendor(id: &str) -> Option<&'static Vendor> {
    let found = VENDORS
        .binary_search_by(|vendor| vendor.id().cmp(id))
        .ok()?;
    VENDORS.get(found)
}

/// Returns the vendors whose id or name contains this word. Ignores case.
///
/// # Example
///
/// ```
/// let all = countersign_catalog::search("");
/// assert_eq!(all.count(), countersign_catalog::vendors().len());
/// ```
pub fn search(word: &str) -> impl Iterator<Item = &'static Vendor> {
    let word = word.to_lowercase();
    VENDORS.iter().filter(move |vendor| {
        vendor.id().contains(&word) || vendor.name().to_lowercase().contains(&word)
    })
}
