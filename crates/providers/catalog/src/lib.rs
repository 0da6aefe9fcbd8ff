#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::sync::{Arc, OnceLock};

use countersign_core::{Profile, Provider};

include!(concat!(env!("OUT_DIR"), "/vendors.rs"));

/// A vendor of the catalogue.
#[derive(Debug)]
pub struct Vendor {
    id: &'static str,
    name: &'static str,
    toml: &'static str,
    /// The profile, parsed on first use. In a box, because most of them stay empty.
    profile: OnceLock<Box<Profile>>,
}

impl Vendor {
    #[allow(dead_code, reason = "a build may choose no vendor")]
    const fn new(id: &'static str, name: &'static str, toml: &'static str) -> Self {
        Self {
            id,
            name,
            toml,
            profile: OnceLock::new(),
        }
    }

    /// Returns the vendor's id, as in the setting `provider`.
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// Returns the vendor's name for people.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the vendor's profile in TOML, without comments.
    pub fn toml(&self) -> &'static str {
        self.toml
    }

    /// Returns the vendor's provider.
    pub fn provider(&'static self) -> Arc<dyn Provider> {
        Arc::new(Described(self))
    }
}

#[derive(Debug)]
struct Described(&'static Vendor);

impl Provider for Described {
    fn profile(&self) -> &Profile {
        let parse = || Profile::from_toml(self.0.toml).expect("the tests read every profile");
        self.0.profile.get_or_init(|| Box::new(parse()))
    }

    fn id(&self) -> &str {
        self.0.id
    }

    fn name(&self) -> &str {
        self.0.name
    }

    fn toml(&self) -> Option<&str> {
        Some(self.0.toml)
    }
}

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
    let found = VENDORS.binary_search_by(|vendor| vendor.id.cmp(id)).ok()?;
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
        vendor.id.contains(&word) || vendor.name.to_lowercase().contains(&word)
    })
}
