//! Warnings about a login that succeeded but returned less than requested.

use super::{Client, Inner};
use crate::{Connection, Error, ErrorKind, Token};

impl Client {
    /// Returns the warnings about a login that succeeded.
    ///
    /// The vendor returned no refresh token, granted fewer scopes than requested, or has not
    /// revoked an earlier login's token. `token` is the one that [`Client::complete_login`]
    /// returned, which also reports these warnings to [`crate::ClientBuilder::on_warning`].
    ///
    /// # Errors
    ///
    /// If the store can't be read.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let responses = [Ok(testing::token_response("t1", 3600))];
    /// let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// let login = client.start_login(None)?;
    /// let token = client.complete_login(&login, &format!("code=c0de&state={}", login.state()))?;
    /// // The response has no refresh token.
    /// assert_eq!(client.login_warnings(&token)?.len(), 1);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn login_warnings(&self, token: &Token) -> Result<Vec<Error>, Error> {
        let token = token.clone();
        Inner::bounded(&self.0, "reading the record", move |inner| {
            inner.login_warnings(&token)
        })
    }
}

impl Inner {
    pub(super) fn login_warnings(&self, token: &Token) -> Result<Vec<Error>, Error> {
        let unsaved = self.single_flight.unsaved_record();
        let record = match unsaved {
            Some(record) => Some(record),
            None => self.persistence.load()?.record,
        };
        let record = record.unwrap_or_default();
        let mut warnings = Vec::new();
        if record.refresh_token.is_none() {
            warnings.push(no_refresh_token(&self.shared.connection));
        }
        let missing = self.shared.connection.scopes_not_granted(token);
        if !missing.is_empty() {
            warnings.push(not_granted(&self.shared.connection, &missing));
        }
        if !record.unrevoked.is_empty() {
            warnings.push(unrevoked(&self.shared.connection, record.unrevoked.len()));
        }
        let provider = &self.shared.connection.profile().id;
        let named = warnings.into_iter().map(|w| w.with_provider(provider));
        Ok(named.collect())
    }

    /// Reports the login's warnings. Errors are ignored, because the login has succeeded.
    pub(super) fn warn_of_login(&self, token: &Token) {
        for warning in self.login_warnings(token).unwrap_or_default() {
            self.warn(&warning);
        }
    }
}

impl Connection {
    /// Returns the requested scopes that were not granted, if the token says which ones were.
    ///
    /// Scopes for a refresh token or an ID token don't count, because they are not permissions and
    /// servers may omit them.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Response, testing};
    ///
    /// let connection = testing::connection([
    ///     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    ///     ("scopes", "read write"),
    /// ])?;
    /// let body = r#"{"access_token":"t1","expires_in":3600,"scope":"read"}"#;
    /// let token = testing::client([Ok(Response::new(200, [], body))]).client.token()?;
    /// assert_eq!(connection.scopes_not_granted(&token), ["write"]);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn scopes_not_granted(&self, token: &Token) -> Vec<&str> {
        lacking(self.scopes(), token.scope(), &self.rules().refresh_scopes)
    }
}

fn lacking<'a>(asked: &'a [String], granted: Option<&str>, for_refresh: &[String]) -> Vec<&'a str> {
    const PROTOCOL_SCOPES: &[&str] = &["openid", "offline_access"];
    let Some(granted) = granted else {
        return Vec::new();
    };
    let granted: Vec<_> = granted.split([' ', ',']).collect();
    asked
        .iter()
        .filter(|scope| !for_refresh.contains(scope))
        .map(String::as_str)
        .filter(|scope| !granted.contains(scope) && !PROTOCOL_SCOPES.contains(scope))
        .collect()
}

fn no_refresh_token(connection: &Connection) -> Error {
    let vendor = &connection.profile().name;
    let message = format!(
        "{vendor} returned no refresh token: a new login is needed when this token expires"
    );
    let is_offline = |scope: &String| scope == "offline_access";
    match connection.scopes().iter().any(is_offline) {
        true => Error::setting("authorize.prompt", message).with_hint(
            "if the vendor returns one only after consent, set authorize.prompt = \"consent\" and log in again",
        ),
        false => Error::setting("scopes", message).with_hint(
            "if the vendor has a scope for refresh tokens, add it to scopes and log in again",
        ),
    }
}

fn not_granted(connection: &Connection, missing: &[&str]) -> Error {
    let vendor = &connection.profile().name;
    let missing = missing.join(" ");
    let message = format!("{vendor} did not grant all requested scopes: {missing} is missing");
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
    let message = format!(
        "{vendor} has not revoked {tokens} yet, so that access continues beside the new one"
    );
    Error::new(ErrorKind::Unavailable, message)
        .with_hint("log out to revoke all of them, or end the access at the vendor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_scopes_are_reported() {
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
