//! An account, tenant or site that a token is for.

/// An account, tenant or site that a token is for, as the vendor lists it.
///
/// `id` and `label` are the vendor's texts. They may contain anything, so encode them where you show
/// them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The ID, for [`Client::choose_account`](crate::Client::choose_account).
    pub id: String,
    /// The name for people, if the vendor has one.
    pub label: Option<String>,
    /// Whether it is the one in use.
    pub is_chosen: bool,
}
