//! What happens to refresh tokens.

use serde::Deserialize;

/// What happens to refresh tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RefreshRules {
    /// Whether a refresh returns a new refresh token.
    pub rotation: Rotation,
    /// For how many seconds the previous refresh token may be sent again after a lost response. 0
    /// if that isn't known to be safe.
    pub grace_s: u32,
    /// Days until an unused refresh token expires, if known.
    pub idle_days: Option<u32>,
    /// Days until the grant expires even if it is used, if known.
    pub absolute_days: Option<u32>,
}

impl Default for RefreshRules {
    /// The safe assumptions: a refresh may replace the refresh token, which must not be sent again.
    fn default() -> Self {
        Self {
            rotation: Rotation::Sometimes,
            grace_s: 0,
            idle_days: None,
            absolute_days: None,
        }
    }
}

/// Whether a refresh replaces the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rotation {
    /// Every response contains a new one.
    Always,
    /// It depends on the app's configuration at the vendor.
    Sometimes,
    /// The refresh token never changes.
    Never,
}
