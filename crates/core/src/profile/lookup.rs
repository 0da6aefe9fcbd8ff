//! Whose a token is.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pointer::Pointer;

/// How to find out whose a token is: the accounts, tenants or sites that it is for.
///
/// The request is a GET with the token. Its response lists items, of which one is chosen: the one
/// that the setting `choose` names, or the only one, or the default one. The values of the chosen
/// one become part of the identity and of the token's `extra`, and stay with the grant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LookupRules {
    /// The URL, which may contain `{userinfo}`, `{base_url}`, `{client_id}`, `{extra.NAME}` and
    /// `{kept.NAME}`.
    #[serde(default = "userinfo")]
    pub url: String,
    /// The lookup is made only for tokens with this scope.
    pub scope: Option<String>,
    /// Where the array of items is. If absent, the response itself is the array, or the only item.
    pub items: Option<Pointer>,
    /// Where an item has its id, which `choose` is compared with.
    pub id: Option<Pointer>,
    /// Where an item has its name for people.
    pub label: Option<Pointer>,
    /// The `extra.*` setting that chooses an item by its id. It is written without `extra.`.
    pub choose: Option<String>,
    /// Where the default item has `true`.
    pub default: Option<Pointer>,
    /// Whether it is an error if several items are listed and none is chosen, or none is listed.
    #[serde(default)]
    pub required: bool,
    /// Values of the chosen item, by the name that they get.
    #[serde(default)]
    pub kept: BTreeMap<String, Pointer>,
    /// Values of the response itself, by the name that they get.
    #[serde(default)]
    pub also: BTreeMap<String, Pointer>,
    /// Claims of the ID token that came with the access token, by the name that they get. See
    /// [`Kept::IdToken`](super::Kept::IdToken).
    #[serde(default)]
    pub id_token: BTreeMap<String, Pointer>,
}

fn userinfo() -> String {
    "{userinfo}".to_owned()
}

impl LookupRules {
    /// Returns the names of all values.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let tables = [&self.kept, &self.also, &self.id_token];
        tables.into_iter().flatten().map(|(name, _)| name.as_str())
    }
}
