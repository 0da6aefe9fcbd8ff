//! What a login did not bring although it was asked for.

use super::{Client, Inner};
use crate::{Connection, Error, ErrorKind, Token};

impl Client {
    /// Returns what a person should know about a login that succeeded: no refresh token came, fewer
    /// scopes were granted than asked for, or an earlier login's token is still not revoked.
    ///
    /// `token` is the one that [`Client::complete_login`] returned, which also reports these to
    /// [`crate::ClientBuilder::on_warning`].
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn login_warnings(&self, token: &Token) -> Result<Vec<Error>, Error> {
        let token = token.clone();
        Inner::bounded(&self.0, "the reading of the record", move |inner| {
            inner.login_warnings(&token)
        })
    }
}

impl Inner {
    pub(super) fn login_warnings(&self, token: &Token) -> Result<Vec<Error>, Error> {
        let unsaved = self.single_flight.unsaved_record();
        let record = match unsaved {
            Some(record) => Some(record),
            None => self.load()?.record,
        };
        let record = record.unwrap_or_default();
        let mut warnings = Vec::new();
        if record.refresh_token.is_none() {
            warnings.push(no_refresh_token(&self.connection));
        }
        let missing = self.connection.scopes_not_granted(token);
        if !missing.is_empty() {
            warnings.push(not_granted(&self.connection, &missing));
        }
        if !record.unrevoked.is_empty() {
            warnings.push(unrevoked(&self.connection, record.unrevoked.len()));
        }
        let provider = &self.connection.profile().id;
        let named = warnings.into_iter().map(|w| w.with_provider(provider));
        Ok(named.collect())
    }

    /// The login is done: what cannot be found out here is not told.
    pub(super) fn warn_of_login(&self, token: &Token) {
        for warning in self.login_warnings(token).unwrap_or_default() {
            self.warn(&warning);
        }
    }
}

impl Connection {
    /// Returns the scopes that were asked for and not granted, if the token says which were. Those
    /// that bring a refresh token or an ID token are no permissions: servers may leave them out.
    pub fn scopes_not_granted(&self, token: &Token) -> Vec<&str> {
        lacking(self.scopes(), token.scope(), &self.rules().refresh_scopes)
    }
}

fn lacking<'a>(asked: &'a [String], granted: Option<&str>, for_refresh: &[String]) -> Vec<&'a str> {
    const OF_THE_PROTOCOL: &[&str] = &["openid", "offline_access"];
    let Some(granted) = granted else {
        return Vec::new();
    };
    let granted: Vec<_> = granted.split([' ', ',']).collect();
    asked
        .iter()
        .filter(|scope| !for_refresh.contains(scope))
        .map(String::as_str)
        .filter(|scope| !granted.contains(scope) && !OF_THE_PROTOCOL.contains(scope))
        .collect()
}

fn no_refresh_token(connection: &Connection) -> Error {
    let vendor = &connection.profile().name;
    let message =
        format!("{vendor} gave no refresh token: a login is needed again when this token ends");
    let is_offline = |scope: &String| scope == "offline_access";
    match connection.scopes().iter().any(is_offline) {
        true => Error::setting("authorize.prompt", message).with_hint(
            "if the vendor gives one only with consent, set authorize.prompt = \"consent\" and log in again",
        ),
        false => Error::setting("scopes", message).with_hint(
            "add the scope that brings one to scopes, if the vendor has such a scope, and log in again",
        ),
    }
}

fn not_granted(connection: &Connection, missing: &[&str]) -> Error {
    let vendor = &connection.profile().name;
    let missing = missing.join(" ");
    let message = format!("{vendor} did not grant all that was asked for: {missing} is missing");
    Error::setting("scopes", message).with_hint(
        "allow these scopes in the app's settings at the vendor and log in again, or remove them from scopes",
    )
}

fn unrevoked(connection: &Connection, count: usize) -> Error {
    let vendor = &connection.profile().name;
    let tokens = match count {
        1 => "a token of an earlier login".to_owned(),
        count => format!("{count} tokens of earlier logins"),
    };
    let message =
        format!("{vendor} has still not revoked {tokens}: that access goes on beside the new one");
    Error::new(ErrorKind::Unavailable, message)
        .with_hint("log out to revoke all of them, or end the access at the vendor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_that_were_not_granted_are_told() {
        let asked = ["read", "write", "openid", "offline_access", "refresh_token"];
        let asked = asked.map(str::to_owned);
        let for_refresh = ["refresh_token".to_owned()];
        for (granted, missing) in [
            (None, vec![]),
            (Some("read write"), vec![]),
            (Some("write,read"), vec![]),
            (Some("read openid"), vec!["write"]),
            (Some(""), vec!["read", "write"]),
            (Some("reader writer"), vec!["read", "write"]),
        ] {
            assert_eq!(
                lacking(&asked, granted, &for_refresh),
                missing,
                "{granted:?}"
            );
        }
    }
}
