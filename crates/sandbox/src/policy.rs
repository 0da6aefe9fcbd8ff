//! The switches: where the documentation is stricter than the vendor, or leaves a choice to the app's owner.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What happens to a refresh token when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// It stays valid. DocuSign still returns another one, Salesforce none, BoldSign the same.
    Off,
    /// It is replaced, and the old one is dead at once.
    On,
    /// Like `on`, and using a dead one revokes all tokens of the same login.
    ReuseKills,
    /// It is replaced, and the old one works until its successor is used. After that, using a dead one revokes the login, as with
    /// `reuse-kills`. A replay of the old one ends its unused successor.
    Grace,
}

/// The switches in force; changed at run time by [`crate::Sandbox::set_policy`] or `POST /_sandbox/policy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// Refuse what the documentation refuses even where the vendor does not.
    pub strict: bool,
    /// Only the documented form of an audience; follows `strict` when `null`.
    pub strict_aud: Option<bool>,
    /// Refuse assertions that live longer than documented (DocuSign 3600 s, Salesforce 180 s); follows `strict`
    /// when `null`.
    pub strict_exp_max: Option<bool>,
    /// Allowance for `iat`, `nbf` and `exp`, in seconds.
    pub skew_s: u64,
    /// `null` is each vendor's own: DocuSign lenient, Salesforce off, BoldSign on.
    pub rotation: Option<Rotation>,
    /// Lifetime of access tokens in seconds; `null` is each vendor's own.
    pub access_ttl_s: Option<u64>,
    /// Lifetime of codes in seconds; `null` is each vendor's own (DocuSign 120, Salesforce 900, BoldSign 300).
    pub code_ttl_s: Option<u64>,
    /// Lifetime of refresh tokens in seconds; `null` is each vendor's own (30 days, Salesforce unlimited).
    pub refresh_ttl_s: Option<u64>,
    /// Whether a refresh starts the refresh token's lifetime anew; `null`: DocuSign with `extended`, BoldSign no.
    pub sliding: Option<bool>,
    /// Refuse Salesforce authorizations without a code challenge; follows `strict` when `null`.
    pub require_pkce: Option<bool>,
    /// Salesforce answers repeated JWT grants with the same access token while it lives.
    pub same_token_while_live: bool,
    /// How many sign-ins of one user at one Salesforce app stay alive.
    pub max_grants_per_user: usize,
    /// Compress answers with gzip and send them in chunks; `null`: Salesforce does, if the client accepts gzip.
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

    /// The allowance in seconds as what times are compared with.
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
