//! The switches for what vendors leave to the app's owner, and for what they only document.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What happens to a refresh token when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// It stays valid. DocuSign still returns a new one, Salesforce none, BoldSign the same one.
    Off,
    /// It is replaced and becomes invalid at once.
    On,
    /// Like `on`. In addition, using a replaced token revokes all tokens of the same login.
    ReuseKills,
    /// It is replaced, but works until its successor is used.
    ///
    /// Using it again invalidates a successor that wasn't used. Once the successor was used, using
    /// the old token revokes all tokens of the same login, as with `reuse-kills`.
    Grace,
}

/// The switches of a sandbox, also the JSON body of `POST /_sandbox/policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// Rejects what the documentation forbids, even if the vendor accepts it.
    pub strict: bool,
    /// Rejects Salesforce audiences that are a bare host. Defaults to `strict`.
    pub strict_aud: Option<bool>,
    /// Rejects assertions with a longer lifetime than documented. Defaults to `strict`.
    ///
    /// The maximum is 3600 s for DocuSign and 180 s for Salesforce.
    pub strict_exp_max: Option<bool>,
    /// The tolerance for `iat`, `nbf` and `exp`, in seconds.
    pub skew_s: u64,
    /// What happens to a refresh token when it is used. Defaults to what each vendor does.
    ///
    /// DocuSign returns a new one while the old one stays valid (with `strict`, `on`), Salesforce
    /// is `off`, BoldSign `on`.
    pub rotation: Option<Rotation>,
    /// The lifetime of access tokens in seconds. Defaults to each vendor's.
    pub access_ttl_s: Option<u64>,
    /// The lifetime of codes in seconds.
    ///
    /// Defaults to 120 for DocuSign, 900 for Salesforce and 300 for BoldSign.
    pub code_ttl_s: Option<u64>,
    /// The lifetime of refresh tokens in seconds. Defaults to 30 days (Salesforce: unlimited).
    pub refresh_ttl_s: Option<u64>,
    /// Whether a refresh restarts the refresh token's lifetime.
    ///
    /// Defaults to true for DocuSign with the scope `extended`, otherwise false.
    pub sliding: Option<bool>,
    /// Rejects Salesforce authorizations without a code challenge. Defaults to `strict`.
    pub require_pkce: Option<bool>,
    /// Returns the same access token for repeated Salesforce JWT grants while it is valid.
    pub same_token_while_live: bool,
    /// How many sign-ins of one user at one Salesforce app stay valid.
    pub max_grants_per_user: usize,
    /// Compresses responses with gzip and sends them in chunks.
    ///
    /// By default, only Salesforce's, and only if the client accepts gzip.
    pub gzip: Option<bool>,
}

impl Policy {
    pub(crate) fn exact_audience(&self) -> bool {
        self.strict_aud.unwrap_or(self.strict)
    }

    pub(crate) fn bounded_life(&self) -> bool {
        self.strict_exp_max.unwrap_or(self.strict)
    }

    pub(crate) fn needs_pkce(&self) -> bool {
        self.require_pkce.unwrap_or(self.strict)
    }

    /// Returns the tolerance in seconds, bounded so that sums can't overflow.
    pub(crate) fn skew(&self) -> i64 {
        i64::try_from(self.skew_s.min(1 << 40)).unwrap_or(0)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            strict: false,
            strict_aud: None,
            strict_exp_max: None,
            skew_s: 0,
            rotation: None,
            access_ttl_s: None,
            code_ttl_s: None,
            refresh_ttl_s: None,
            sliding: None,
            require_pkce: None,
            same_token_while_live: false,
            max_grants_per_user: 5,
            gzip: None,
        }
    }
}
