//! Logins: a person's browser brings the code, which the client exchanges once.

use super::{Client, Inner};
use crate::{Error, Login, Token, Url};

impl Client {
    /// Starts a login that returns to this redirect URI, which defaults to the connection's.
    ///
    /// # Errors
    ///
    /// As [`Login::start`], and if there is no redirect URI.
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
    /// let client = testing::client_of(connection, [], Arc::new(MemoryStore::new())).client;
    /// let login = client.start_login(None)?;
    /// // Send the person's browser there.
    /// assert!(login.url().as_str().starts_with("https://demo.acme.example/authorize?"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn start_login(&self, redirect_uri: Option<&str>) -> Result<Login, Error> {
        let connection = &self.0.shared.connection;
        let own = connection.redirect_uri().map(Url::as_str);
        let redirect_uri = redirect_uri.or(own).ok_or_else(no_redirect_uri)?;
        if !connection.needs_metadata() && !connection.needs_registration() {
            return Login::start(connection, redirect_uri, self.0.shared.random.as_ref());
        }
        let redirect_uri = redirect_uri.to_owned();
        Inner::bounded(&self.0, "the login", move |inner| {
            inner.start_registered_login(&redirect_uri, &[])
        })
    }

    /// Completes a login: validates the callback, exchanges the code once, and stores the tokens.
    ///
    /// `callback` is the URL that the vendor redirected the browser to, or its query.
    /// [`Client::login_warnings`] returns what is missing from a login that succeeded.
    ///
    /// # Errors
    ///
    /// As [`crate::read_authorization_response`], and if the exchange or the store fails.
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
    /// let responses = [Ok(testing::rotated_response("t1", "r1", 3600))];
    /// let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// let login = client.start_login(None)?;
    /// // The query with which the browser came back.
    /// let callback = format!("code=c0de&state={}", login.state());
    /// client.complete_login(&login, &callback)?;
    /// assert_eq!(client.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn complete_login(&self, login: &Login, callback: &str) -> Result<Token, Error> {
        self.complete_login_async(login, callback).wait()
    }
}

pub(super) fn no_redirect_uri() -> Error {
    Error::missing("redirect_uri").with_hint(
        "set redirect_uri to a redirect URI that is registered for the app at the vendor",
    )
}
