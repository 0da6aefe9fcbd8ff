//! Whether a login brought back the account that the grant already has.

use super::Inner;
use super::record::Record;
use crate::lookup::Wanted;
use crate::{Connection, Error, ErrorKind, Extra, Secret, StoreKey, jws};

impl Inner {
    /// Fails if a login's record is of another account than the one before, or may be.
    ///
    /// The ID tokens decide, if both logins returned one. Otherwise, the IDs decide that the
    /// vendor's lookups of both tell.
    pub(super) fn check_same_account(
        &self,
        record: &Record,
        before: Option<&Record>,
    ) -> Result<(), Error> {
        let is_connected =
            |before: &&Record| before.refresh_token.is_some() || before.token.is_some();
        let Some(before) = before.filter(is_connected) else {
            return Ok(());
        };
        if let (Some(expected), Some(account)) = (&before.account, &record.account) {
            return match expected == account {
                true => Ok(()),
                false => Err(self.other_account()),
            };
        }
        let Some(token) = &record.token else {
            return Err(self.unknown_account());
        };
        let mut known = before.identity.clone().unwrap_or_default();
        known.extend(before.token.iter().flat_map(|token| token.extra().clone()));
        let found = self.request_identity(token, Wanted::Earlier(None))?;
        let mut now = found.map(|found| found.values).unwrap_or_default();
        now.extend(token.extra().clone());
        match are_same(&known, &now) {
            Some(true) => Ok(()),
            Some(false) => Err(self.other_account()),
            None => Err(self.unknown_account()),
        }
    }

    fn other_account(&self) -> Error {
        self.about_account(
            "another account than the connected one logged in",
            "log in with the account that is connected already, or begin a login without expect_same_account",
        )
    }

    fn unknown_account(&self) -> Error {
        self.about_account(
            "the vendor does not say whether the connected account logged in",
            "add openid to scopes if the vendor supports it, or begin a login without expect_same_account",
        )
    }

    fn about_account(&self, why: &str, hint: &str) -> Error {
        let message = format!("{}: {why}, so its tokens were not kept", self.label());
        Error::new(ErrorKind::Callback, message)
            .with_provider(&self.shared.connection.profile().id)
            .with_hint(hint)
    }
}

/// Returns the mark of the account that an ID token is about, if there is one: its `iss` and `sub`
/// (OpenID Connect Core section 2).
///
/// Its signature isn't verified, because it came directly from the token endpoint over TLS (section
/// 3.1.3.7, item 6).
pub(super) fn account_of(connection: &Connection, id_token: Option<&Secret>) -> Option<String> {
    let parsed = jws::inspect(id_token?.expose()).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&parsed.payload).ok()?;
    let claim = |name: &str| claims.get(name).and_then(|claim| claim.as_str());
    let (issuer, subject) = (claim("iss")?, claim("sub")?);
    Some(StoreKey::of(["account", &connection.profile().id, issuer, subject]).to_hex())
}

/// Returns whether two identities have the same IDs. `None` if they have none in common.
fn are_same(one: &Extra, other: &Extra) -> Option<bool> {
    let is_id = |name: &str| name == "sub" || name == "id" || name.ends_with("_id");
    let common = one.iter().filter(|(name, _)| is_id(name));
    let equal = common.filter_map(|(name, value)| Some(other.get(name)? == value));
    equal.reduce(|all, next| all && next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_common_ids_tell_accounts_apart() {
        let identity = |pairs: &[(&str, &str)]| -> Extra {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(own).collect()
        };
        let joe = identity(&[("sub", "1"), ("account_id", "a"), ("name", "Joe")]);
        for (other, same) in [
            (identity(&[("sub", "1"), ("name", "Joseph")]), Some(true)),
            (identity(&[("sub", "1"), ("account_id", "b")]), Some(false)),
            (identity(&[("sub", "2"), ("account_id", "a")]), Some(false)),
            (identity(&[("name", "Joe")]), None),
            (Extra::new(), None),
        ] {
            assert_eq!(are_same(&joe, &other), same, "{other:?}");
        }
    }
}
