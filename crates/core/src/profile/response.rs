//! How a successful response is read.

use std::collections::BTreeMap;

use serde::Deserialize;

/// How a successful response is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseRules {
    /// Members of the response that are kept and returned as `extra`.
    pub keep: Vec<String>,
    /// Token types in addition to `Bearer`, each with the scheme of its `Authorization` header,
    /// such as `bot = "Bearer"`.
    ///
    /// If there are any, all other types are rejected. If there are none, every type is sent as
    /// `Bearer`, except those known to need a proof, such as `DPoP`, which are rejected.
    pub token_types: BTreeMap<String, String>,
    /// The lifetime to assume if the response has no `expires_in`, in seconds.
    pub assume_lifetime_s: Option<u32>,
    /// The header that contains the vendor's trace id.
    pub trace_header: Option<String>,
}
