//! Where a connection's metadata comes from.

use crate::StoreKey;

/// Where the metadata of an authorization server comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetadataSource<'a> {
    /// The server's issuer identifier.
    Issuer(&'a str),
    /// The URL of a protected resource, whose own metadata names the issuer (RFC 9728).
    Resource(&'a str),
}

impl<'a> MetadataSource<'a> {
    /// Returns the issuer identifier or URL, which is also the value of the setting
    /// [`setting`](Self::setting).
    pub(crate) fn as_str(self) -> &'a str {
        match self {
            Self::Issuer(text) | Self::Resource(text) => text,
        }
    }

    /// Returns the setting that names the source.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            Self::Issuer(_) => "issuer",
            Self::Resource(_) => "resource",
        }
    }

    /// Returns the key of the metadata in a store.
    pub(crate) fn store_key(self) -> StoreKey {
        StoreKey::of(["countersign", "metadata", self.setting(), self.as_str()])
    }
}
