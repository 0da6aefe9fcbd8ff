//! A vendor of the catalogue, and its provider.

use std::fmt;
use std::sync::{Arc, OnceLock};

use countersign_core::{Profile, Provider};

use crate::packed::Span;

/// A vendor of the catalogue.
pub struct Vendor {
    id: Span,
    name: Span,
    packed: Span,
    /// The profile in TOML, decompressed on first use.
    toml: OnceLock<Box<str>>,
    /// The profile, parsed on first use. In a box, because most of them stay empty.
    profile: OnceLock<Box<Profile>>,
}

impl Vendor {
    #[allow(dead_code, reason = "a build may choose no vendor")]
    pub(crate) const fn new(
        word: usize,
        id_len: usize,
        name_len: usize,
        packed: usize,
        packed_len: usize,
    ) -> Self {
        Self {
            id: Span::new(word, id_len),
            name: Span::new(word + id_len, name_len),
            packed: Span::new(packed, packed_len),
            toml: OnceLock::new(),
            profile: OnceLock::new(),
        }
    }

    /// Returns the vendor's id, as in the setting `provider`.
    pub fn id(&self) -> &'static str {
        self.id.word()
    }

    /// Returns the vendor's name for people.
    pub fn name(&self) -> &'static str {
        self.name.word()
    }

    /// Returns the vendor's profile in TOML, without comments.
    pub fn toml(&self) -> &str {
        self.toml.get_or_init(|| self.packed.profile().into())
    }

    /// Returns the vendor's provider.
    pub fn provider(&'static self) -> Arc<dyn Provider> {
        Arc::new(Described(self))
    }
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Vendor");
        text.field("id", &self.id()).field("name", &self.name());
        text.finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Described(&'static Vendor);

impl Provider for Described {
    fn profile(&self) -> &Profile {
        let parse = || {
            let toml = self.0.packed.profile();
            Profile::from_toml(&toml).expect("the tests read every profile")
        };
        self.0.profile.get_or_init(|| Box::new(parse()))
    }

    fn id(&self) -> &str {
        self.0.id()
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn toml(&self) -> Option<&str> {
        Some(self.0.toml())
    }
}
