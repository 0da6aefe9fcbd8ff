//! Logins of principals in the host's own web server.

use std::sync::Arc;
use std::time::Duration;

use super::grant::Grant;
use super::pending::Pending;
use super::refresh::{Exchanged, Returned, WebLogin};
use super::{DEFAULT_WANT, Inner};
use crate::login::{SavedLogin, Sealed, kept_parameters};
use crate::secret::fingerprint;
use crate::{Error, ErrorKind, GrantId, Secret, Token, Url, read_authorization_response};

/// What [`Grant::begin_login`] sends the person with, and expects back.
#[derive(Clone, Debug, Default)]
pub struct LoginOptions {
    redirect_uri: Option<String>,
    return_to: Option<String>,
    prompt: Option<String>,
    login_hint: Option<String>,
    lifetime: Option<Duration>,
    expect_same_account: bool,
}

impl LoginOptions {
    const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);
    const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);

    /// Returns the defaults.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::LoginOptions;
    ///
    /// let again = LoginOptions::new().return_to("/settings").prompt("consent").expect_same_account(true);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the redirect URI. Defaults to the connection's.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::LoginOptions;
    ///
    /// let options = LoginOptions::new().redirect_uri("https://app.example/other");
    /// ```
    #[must_use]
    pub fn redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = Some(redirect_uri.into());
        self
    }

    /// Sets the page to go to afterwards: a path of the host's own origin, with a query if needed.
    ///
    /// [`Grant::begin_login`] rejects everything else, and [`FinishedLogin::return_to`] returns it,
    /// so that nobody can turn the callback into an open redirect.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::LoginOptions;
    ///
    /// let options = LoginOptions::new().return_to("/reports?year=2026");
    /// ```
    #[must_use]
    pub fn return_to(mut self, path: impl Into<String>) -> Self {
        self.return_to = Some(path.into());
        self
    }

    /// Sets the parameter `prompt` (OpenID Connect Core section 3.1.2.1). Overrides the setting
    /// `authorize.prompt`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::LoginOptions;
    ///
    /// let options = LoginOptions::new().prompt("consent");
    /// ```
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }

    /// Sets the parameter `login_hint` (OpenID Connect Core section 3.1.2.1), such as an email
    /// address. Overrides the setting `authorize.login_hint`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::LoginOptions;
    ///
    /// let options = LoginOptions::new().login_hint("jo@example.com");
    /// ```
    #[must_use]
    pub fn login_hint(mut self, login_hint: impl Into<String>) -> Self {
        self.login_hint = Some(login_hint.into());
        self
    }

    /// Sets within which time the login must be finished. Defaults to 10 minutes; the maximum is
    /// one day.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::LoginOptions;
    ///
    /// let options = LoginOptions::new().lifetime(std::time::Duration::from_secs(120));
    /// ```
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets whether the person must log in with the account that the grant already has.
    ///
    /// If another account comes back, or the vendor says too little to tell, the login fails and
    /// the grant stays as it is. It has no effect on a grant without tokens.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::LoginOptions;
    ///
    /// let options = LoginOptions::new().expect_same_account(true);
    /// ```
    #[must_use]
    pub fn expect_same_account(mut self, expect_same_account: bool) -> Self {
        self.expect_same_account = expect_same_account;
        self
    }

    fn parameters(&self) -> Vec<(&str, &str)> {
        let all = [
            ("prompt", self.prompt.as_deref()),
            ("login_hint", self.login_hint.as_deref()),
        ];
        let set = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        set.collect()
    }
}

/// A login that [`Grant::begin_login`] has begun.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BegunLogin {
    /// Where to send the person's browser.
    pub url: Url,
    /// The `state` in the URL, which the callback repeats.
    pub state: String,
    /// What [`Grant::finish_login`] needs: a sealed text, which only processes that share the
    /// store can open.
    ///
    /// Keep it in the session of this browser, such as a cookie with `HttpOnly`, `Secure` and
    /// `SameSite=Lax`. Never look it up by `state` alone: another browser knows that as well.
    pub saved: Secret,
}

/// A login that [`Grant::finish_login`] has finished.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FinishedLogin {
    /// The principal's token.
    pub token: Token,
    /// The page to go to, as it was passed to [`LoginOptions::return_to`].
    pub return_to: Option<String>,
    /// Whether this login had been finished before: its callback was reloaded. Nothing was sent to
    /// the vendor for it.
    pub is_repeated: bool,
}

impl Grant {
    /// Begins a login for this principal in the browser that is making the current request.
    ///
    /// # Errors
    ///
    /// If an option isn't valid, there is no redirect URI or authorization endpoint, or the store
    /// fails.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{LoginOptions, MemoryStore, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let responses = [Ok(testing::rotated_response("t1", "r1", 3600))];
    /// # let client = testing::client_of(connection, responses, Arc::new(MemoryStore::new())).client;
    /// // GET /connect, by the user whom the host's session names:
    /// let begun = client.grant("acme/42")?.begin_login(&LoginOptions::new().return_to("/done"))?;
    /// let session = begun.saved; // and redirect to begun.url
    ///
    /// // GET /callback, in the same session:
    /// let callback = format!("/callback?code=c0de&state={}", begun.state);
    /// let finished = client.grant("acme/42")?.finish_login(&callback, &session)?;
    /// assert_eq!(finished.return_to.as_deref(), Some("/done"));
    /// assert_eq!(client.grant("acme/42")?.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn begin_login(&self, options: &LoginOptions) -> Result<BegunLogin, Error> {
        self.begin_login_async(options).wait()
    }

    /// Like [`Grant::begin_login`], for async code on any runtime.
    pub fn begin_login_async(&self, options: &LoginOptions) -> Pending<BegunLogin> {
        let (id, options) = (self.id().clone(), options.clone());
        Inner::on_own_thread(self.inner(), "the login", move |inner| {
            inner.begin_login(&id, &options)
        })
    }

    /// Finishes the login that this browser began: validates the callback, exchanges the code once,
    /// and stores the tokens as this principal's.
    ///
    /// `callback` is the URL that the vendor redirected the browser to, its path with the query, or
    /// the query. `saved` is [`BegunLogin::saved`], from this browser's session.
    ///
    /// A callback that is reloaded after the login succeeded returns the current token. One of an
    /// earlier login is rejected. If two tabs finish a login each, the later one counts, and the
    /// refresh token of the other is kept until [`Grant::forget`] revokes both.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] if `saved` was changed, has expired, or belongs to another principal,
    /// connection or login; if the person denied access; or if another account came back. Then the
    /// principal's grant is unchanged. Also as [`read_authorization_response`], and if the exchange
    /// or the store fails.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{ErrorKind, LoginOptions, MemoryStore, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let client = testing::client_of(connection, [], Arc::new(MemoryStore::new())).client;
    /// let begun = client.grant("acme/42")?.begin_login(&LoginOptions::new())?;
    /// let callback = format!("code=c0de&state={}", begun.state);
    /// // Another user's session: nothing is sent.
    /// let error = client.grant("acme/43")?.finish_login(&callback, &begun.saved).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Callback);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn finish_login(&self, callback: &str, saved: &Secret) -> Result<FinishedLogin, Error> {
        self.finish_login_async(callback, saved).wait()
    }

    /// Like [`Grant::finish_login`], for async code on any runtime.
    ///
    /// Dropping the future doesn't end the login once it was polled: the code is exchanged, and the
    /// tokens are stored.
    pub fn finish_login_async(&self, callback: &str, saved: &Secret) -> Pending<FinishedLogin> {
        let (id, callback, saved) = (self.id().clone(), callback.to_owned(), saved.clone());
        Inner::on_own_thread(self.inner(), "the login", move |inner| {
            let finished = Inner::finish_login(inner, &id, &callback, &saved);
            finished.map_err(|error| inner.of_this_grant(error))
        })
    }
}

impl Inner {
    fn begin_login(&self, id: &GrantId, options: &LoginOptions) -> Result<BegunLogin, Error> {
        if let Some(path) = &options.return_to {
            check_return_to(path)?;
        }
        let connection = &self.shared.connection;
        let own = connection.redirect_uri().map(Url::as_str);
        let redirect_uri = options.redirect_uri.as_deref().or(own);
        let redirect_uri = redirect_uri.ok_or_else(super::login::no_redirect_uri)?;
        let of = connection.logins_key();
        let key = self.sealing_key(&of)?;
        let login = self.start_registered_login(redirect_uri, &options.parameters())?;
        let lifetime = options.lifetime.unwrap_or(LoginOptions::DEFAULT_LIFETIME);
        let lifetime = lifetime.min(LoginOptions::MAX_LIFETIME);
        let begun_ms = self.shared.clock.now().unix_ms;
        let saved = SavedLogin::of(
            &login,
            id.as_str(),
            options.return_to.as_deref(),
            options.expect_same_account,
            (begun_ms, begun_ms + lifetime.as_millis() as i64),
        );
        Ok(BegunLogin {
            url: login.url().clone(),
            state: login.state().to_owned(),
            saved: saved.seal(&key, &of, self.shared.random.as_ref())?,
        })
    }

    fn finish_login(
        this: &Arc<Self>,
        id: &GrantId,
        callback: &str,
        saved: &Secret,
    ) -> Result<FinishedLogin, Error> {
        let connection = &this.shared.connection;
        let provider = &connection.profile().id;
        let named = |error: Error| error.with_provider(provider);
        let of = connection.logins_key();
        let sealed = Sealed::parse(saved).map_err(named)?;
        let key = this.opening_key(&of, sealed.key_id())?;
        let saved = sealed.open(key.as_ref(), &of).map_err(named)?;
        if saved.principal != id.as_str() {
            return Err(named(of_another_principal()));
        }
        check_time(&saved, this.shared.clock.now().unix_ms).map_err(named)?;
        let login = saved.login(connection.profile()).map_err(named)?;
        let grant = read_authorization_response(connection, &login, callback)?;
        let kept = kept_parameters(connection.profile(), callback)?;
        let returned = Returned {
            login: &login,
            kept,
            web: Some(WebLogin {
                id: fingerprint(&Secret::from(login.state())),
                expires_ms: saved.expires_ms,
                expect_same_account: saved.expect_same_account,
            }),
        };
        let (token, is_repeated) = match this.exchange_returned(&grant, &returned)? {
            Exchanged::New(token) => (token, false),
            Exchanged::Before(Some(token)) => (token, true),
            Exchanged::Before(None) => (Self::obtain(this, DEFAULT_WANT)?, true),
        };
        Ok(FinishedLogin {
            token,
            return_to: saved.return_to.clone(),
            is_repeated,
        })
    }
}

/// Checks that a page to return to is on the host's own origin, whatever a browser makes of it.
///
/// Browsers take `//` and `/\` for the beginning of a host, and drop tabs and newlines.
fn check_return_to(path: &str) -> Result<(), Error> {
    const MAX_LENGTH: usize = 512;
    let reject = |why: &str| {
        let message = format!("`return_to` {why}");
        Err(Error::new(ErrorKind::Setting, message)
            .with_hint("pass a path of this site, such as /settings?tab=accounts, percent-encoded"))
    };
    if !path.starts_with('/') {
        return reject("is not a path that starts with /");
    }
    if path.starts_with("//") || path.contains('\\') {
        return reject("could lead to another site");
    }
    if path.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return reject("has a space, a control character or a character that is not ASCII");
    }
    match path.len() > MAX_LENGTH {
        true => reject("is longer than 512 bytes"),
        false => Ok(()),
    }
}

fn check_time(saved: &SavedLogin, now_ms: i64) -> Result<(), Error> {
    // How far apart the clocks of two hosts may be.
    const MAX_AHEAD_MS: i64 = 5 * 60 * 1000;
    let is_in_time = now_ms < saved.expires_ms && now_ms > saved.begun_ms - MAX_AHEAD_MS;
    if is_in_time {
        return Ok(());
    }
    let minutes = (now_ms - saved.begun_ms) / 60_000;
    let message = match minutes {
        ..0 => "the saved login began in the future".to_owned(),
        minutes => format!("the login has expired: it began {minutes} minutes ago"),
    };
    Err(Error::new(ErrorKind::Callback, message)
        .with_hint("begin a new login; if this happens often, check the clocks of the servers"))
}

fn of_another_principal() -> Error {
    Error::new(
        ErrorKind::Callback,
        "the saved login is for another principal",
    )
    .with_hint("begin and finish a login with the same grant ID, from the host's own session")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_origin_are_accepted() {
        for good in ["/", "/done", "/a/b?c=d&e=%2F#f", "/a//b", "/@evil.example"] {
            check_return_to(good).unwrap();
        }
        let long = format!("/{}", "x".repeat(512));
        for bad in [
            "",
            "done",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            " /done",
            "/done\r\nSet-Cookie: a=b",
            "/\t/evil.example",
            "/\n/evil.example",
            "/ä",
            "/a b",
            "/\0",
            "\u{2028}/",
            "?a=b",
            &long,
        ] {
            let error = check_return_to(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Setting, "{bad:?}");
            assert!(bad.len() < 8 || !error.to_string().contains(bad), "{error}");
        }
    }
}
