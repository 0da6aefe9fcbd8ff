//! One login in a browser, from its URL to the code (RFC 6749 section 4.1, RFC 7636, RFC 8252).

mod callback;
mod id_token;
mod saved;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::callback::Callback;
pub(crate) use self::callback::kept_parameters;
pub use self::callback::read_authorization_response;
pub(crate) use self::saved::{LoginKey, SavedLogin, Sealed};
use crate::metadata::{Registration, WrittenRegistration};
use crate::{
    Connection, Error, ErrorKind, Extra, Pkce, PresentedGrant, Random, Secret, Url, random,
};

/// A login in progress: the URL to open, and the secrets that verify the callback.
///
/// # Example
///
/// ```
/// use countersign_core::{Connection, Login, Profile, Settings, SystemRandom};
///
/// # let profile = Profile::from_toml(r#"
/// #     id = "acme"
/// #     name = "Acme"
/// #     documentation = "https://acme.example/docs"
/// #     environments.production.base_url = "https://login.acme.example"
/// #     endpoints.token = "{base_url}/token"
/// #     endpoints.authorize = "{base_url}/authorize"
/// #     grants.authorization-code.client_auth = ["none"]
/// # "#)?;
/// let settings = Settings::from_pairs([
///     ("provider", "acme"),
///     ("client_id", "app"),
///     ("redirect_uri", "https://app.example/callback"),
/// ])?;
/// let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
///
/// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
/// // Open `login.url()` in the browser. Then pass the callback URL, or its query, to `finish`.
/// let error = login.finish("code=x&state=forged").unwrap_err();
/// assert_eq!(error.message(), "the callback's `state` does not match this login");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Login {
    url: Url,
    redirect_uri: String,
    state: Secret,
    verifier: Secret,
    /// The nonce that the ID token must contain (OpenID Connect Core section 3.1.2.1), if one was
    /// sent.
    nonce: Option<Secret>,
    purpose: Purpose,
    provider: String,
    /// The issuer that `iss` in the callback must match (RFC 9207), if known.
    issuer: Option<String>,
    /// Whether a callback without `iss` is rejected.
    iss_required: bool,
    /// The vendor's names for the callback's parameters, by the names of RFC 6749.
    callback_names: BTreeMap<String, String>,
    /// The client that the server registered for this login, if it did.
    registration: Option<Arc<Registration>>,
}

/// What the user is sent to the vendor's page for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    #[default]
    Login,
    Consent,
}

/// The JSON form of a login.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<'a> {
    url: Cow<'a, str>,
    redirect_uri: Cow<'a, str>,
    state: Cow<'a, str>,
    verifier: Cow<'a, str>,
    // Absent from what earlier versions saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Cow<'a, str>>,
    #[serde(default)]
    purpose: Purpose,
    provider: Cow<'a, str>,
    issuer: Option<Cow<'a, str>>,
    iss_required: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    callback_names: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration: Option<WrittenRegistration>,
}

impl Login {
    /// Starts a login.
    ///
    /// `redirect_uri` is the connection's. On a loopback address it may have another port, on which
    /// the callback is awaited (RFC 8252 section 7.3).
    ///
    /// # Errors
    ///
    /// If the provider has no authorization endpoint, or random bytes are unavailable.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Login, SystemRandom};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
    /// assert!(login.url().as_str().contains("redirect_uri=https%3A%2F%2Fapp.example%2Fcallback"));
    /// assert!(login.url().as_str().contains("code_challenge_method=S256"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn start(
        connection: &Connection,
        redirect_uri: &str,
        random: &dyn Random,
    ) -> Result<Self, Error> {
        let login = Self::begin(connection, redirect_uri, random, |state, pkce| {
            connection.authorization_url(redirect_uri, state, pkce)
        })?;
        match connection.wants_nonce(&connection.scopes().join(" ")) {
            true => login.with_nonce(random),
            false => Ok(login),
        }
    }

    /// Starts a request for consent, with a `state` so that its callback can be recognized.
    ///
    /// The URL is [`Connection::consent_url`], or [`Connection::admin_consent_url`] with `admin`.
    /// The callback's code has no use: [`Login::finish`] only shows whether consent was given.
    ///
    /// # Errors
    ///
    /// If the provider has no such consent page, or random bytes are unavailable.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Connection, Login, Profile, Settings, SystemRandom};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     consent.individual = "{scopes}"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// let redirect_uri = "https://app.example/callback";
    /// let random = SystemRandom::new();
    /// let consent = Login::start_consent(&connection, redirect_uri, false, &random)?;
    /// let callback = format!("error=access_denied&state={}", consent.state());
    /// let error = consent.finish(&callback).unwrap_err();
    /// assert_eq!(error.oauth_error(), Some("access_denied"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn start_consent(
        connection: &Connection,
        redirect_uri: &str,
        admin: bool,
        random: &dyn Random,
    ) -> Result<Self, Error> {
        let base = match admin {
            true => connection.admin_consent_base(redirect_uri),
            false => connection.consent_base(redirect_uri),
        };
        let name = &connection.profile().name;
        let page = if admin { "admin consent" } else { "consent" };
        let base = base.ok_or_else(|| {
            let message = format!("{name} has no {page} page");
            Error::new(ErrorKind::Setting, message).with_provider(&connection.profile().id)
        })?;
        let login = Self::begin(connection, redirect_uri, random, |state, pkce| {
            Ok(connection.with_state(&base, state, pkce))
        })?;
        let login = Self {
            purpose: Purpose::Consent,
            ..login
        };
        let scope = connection.consent_scope(admin).unwrap_or_default();
        match connection.wants_nonce(&scope) {
            true => login.with_nonce(random),
            false => Ok(login),
        }
    }

    /// Adds the client that the server registered for this login.
    pub(crate) fn with_registration(self, registration: Arc<Registration>) -> Self {
        Self {
            registration: Some(registration),
            ..self
        }
    }

    pub(crate) fn registration(&self) -> Option<&Arc<Registration>> {
        self.registration.as_ref()
    }

    fn with_nonce(self, random: &dyn Random) -> Result<Self, Error> {
        let nonce = random::word(random)?;
        Ok(Self {
            url: self.url.with_query([("nonce", nonce.as_str())]),
            nonce: Some(Secret::new(nonce)),
            ..self
        })
    }

    fn begin(
        connection: &Connection,
        redirect_uri: &str,
        random: &dyn Random,
        url: impl FnOnce(&str, &Pkce) -> Result<Url, Error>,
    ) -> Result<Self, Error> {
        let pkce = Pkce::new(random::bytes(random)?);
        let state = random::word(random)?;
        Ok(Self {
            url: url(&state, &pkce)?,
            redirect_uri: redirect_uri.to_owned(),
            state: Secret::new(state),
            verifier: pkce.verifier.clone(),
            nonce: None,
            purpose: Purpose::Login,
            provider: connection.profile().id.clone(),
            issuer: connection.login_issuer().map(str::to_owned),
            iss_required: connection.iss_required(),
            callback_names: connection.profile().authorize.callback_names.clone(),
            registration: None,
        })
    }

    /// Returns the login as text, for web servers that handle the callback in another process.
    ///
    /// Keep it in the server-side session: it contains the PKCE verifier.
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Connection, Login, Profile, Settings, SystemRandom};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// let redirect_uri = "https://app.example/callback";
    /// let login = Login::start(&connection, redirect_uri, &SystemRandom::new())?;
    /// let restored = Login::restore(&login.save())?;
    /// assert_eq!(restored.url(), login.url());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn save(&self) -> Secret {
        let saved = Saved {
            url: self.url.as_str().into(),
            redirect_uri: self.redirect_uri.as_str().into(),
            state: self.state.expose().into(),
            verifier: self.verifier.expose().into(),
            nonce: self.nonce.as_ref().map(|nonce| nonce.expose().into()),
            purpose: self.purpose,
            provider: self.provider.as_str().into(),
            issuer: self.issuer.as_deref().map(Cow::from),
            iss_required: self.iss_required,
            callback_names: self.callback_names.clone(),
            registration: self.registration.as_ref().map(|known| known.written()),
        };
        Secret::new(serde_json::json!(saved).to_string())
    }

    /// Restores a login from the text that [`Login::save`] returned.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] if the text is not a saved login.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Login, Secret};
    ///
    /// let error = Login::restore(&Secret::new("{}")).unwrap_err();
    /// assert_eq!(error.message(), "this is not a saved login");
    /// ```
    pub fn restore(saved: &Secret) -> Result<Self, Error> {
        let rejection = || {
            Error::new(ErrorKind::Callback, "this is not a saved login")
                .with_hint("pass the saved text unchanged, or start a new login")
        };
        let saved: Saved<'_> = serde_json::from_str(saved.expose()).map_err(|_| rejection())?;
        Ok(Self {
            url: Url::parse(&saved.url).map_err(|_| rejection())?,
            redirect_uri: saved.redirect_uri.into_owned(),
            state: Secret::new(saved.state),
            verifier: Secret::new(saved.verifier),
            nonce: saved.nonce.map(Secret::new),
            purpose: saved.purpose,
            provider: saved.provider.into_owned(),
            issuer: saved.issuer.map(Cow::into_owned),
            iss_required: saved.iss_required,
            callback_names: saved.callback_names,
            registration: saved
                .registration
                .and_then(WrittenRegistration::read)
                .map(Arc::new),
        })
    }

    /// Returns the URL to open in the browser.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Login, SystemRandom};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
    /// let redirect = format!("HTTP/1.1 303 See Other\r\nLocation: {}\r\n\r\n", login.url());
    /// # assert!(redirect.contains("https://demo.acme.example/authorize?"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the redirect URI.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Login, SystemRandom};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
    /// assert_eq!(login.redirect_uri(), "https://app.example/callback");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Returns the `state` of this login, which its callback repeats.
    ///
    /// A web server can use it as the key of the saved login.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Login;
    ///
    /// /// Returns the key of a saved login in the session.
    /// fn session_key(login: &Login) -> String {
    ///     format!("login:{}", login.state())
    /// }
    /// ```
    pub fn state(&self) -> &str {
        self.state.expose()
    }

    /// Returns the values that each login has for itself, with the names of their parameters.
    pub(crate) fn fresh_parameters(&self) -> Vec<(&'static str, String)> {
        let nonce = self.nonce.as_ref().map(|nonce| nonce.expose().to_owned());
        let challenge = Pkce::from_verifier(self.verifier.expose()).map(|pkce| pkce.challenge);
        let all = [
            ("state", Some(self.state.expose().to_owned())),
            ("nonce", nonce),
            ("code_challenge", challenge.ok()),
        ];
        let known = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        known.collect()
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whether a callback has this login's `state`. If not, it belongs to another login.
    ///
    /// Accepts the same forms as [`Login::finish`].
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Connection, Login, Profile, Settings, SystemRandom};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
    /// assert!(login.matches_callback(&format!("code=c&state={}", login.state())));
    /// assert!(!login.matches_callback("code=c&state=forged"));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn matches_callback(&self, callback: &str) -> bool {
        Callback::parse(callback).is_ok_and(|callback| callback.has_state(&self.state))
    }

    /// Validates the callback and returns the grant to exchange.
    ///
    /// `callback` is the URL that the browser was redirected to, its path and query, or only its
    /// query, with or without the `?`.
    ///
    /// `state` is checked first, in constant time. Then `iss` is checked (RFC 9207): if the
    /// connection has an `issuer`, a callback from another server is rejected, whatever its code or
    /// error. A callback without `iss` is accepted, unless the profile says that the server always
    /// sends it
    /// ([`authorization_response_iss_parameter_supported`](crate::profile::Endpoints::authorization_response_iss_parameter_supported)).
    ///
    /// [`read_authorization_response`] does the same, and also explains the server's errors with
    /// the provider's table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] if `state` or `iss` does not match, access was denied, or the code
    /// is missing. If the server reported an error, it decides the verdict: see
    /// [`read_authorization_response`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{PresentedGrant, Login, SystemRandom};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
    /// let grant = login.finish(&format!("code=c0de&state={}", login.state()))?;
    /// assert!(matches!(grant, PresentedGrant::AuthorizationCode { .. }));
    /// // Another login's callback.
    /// assert!(login.finish("code=c0de&state=forged").is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn finish(&self, callback: &str) -> Result<PresentedGrant, Error> {
        self.read(&[], callback)
    }

    /// Returns the callback's parameters that are not part of the protocol, such as the `realmId`
    /// of QuickBooks. Performs the checks of [`Login::finish`] first.
    ///
    /// Those in the profile's `authorize.keep` are also stored in the token's `extra`. Don't rely
    /// on any of them for authorization: the user's browser can change them.
    ///
    /// # Errors
    ///
    /// As [`Login::finish`].
    ///
    /// # Example
    ///
    /// ```
    /// # use countersign_core::{Connection, Login, Profile, Settings, SystemRandom};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// let redirect_uri = "https://app.example/callback";
    /// let login = Login::start(&connection, redirect_uri, &SystemRandom::new())?;
    /// let callback = format!("code=c&state={}&realmId=123", login.state());
    /// let parameters = login.parameters(&callback)?;
    /// assert_eq!(parameters["realmId"], "123");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn parameters(&self, callback: &str) -> Result<Extra, Error> {
        self.finish(callback)?;
        Ok(Callback::parse(callback)?.parameters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_login_equals_the_saved_one() {
        let login = Login {
            url: Url::parse("https://login.example/authorize?state=s").unwrap(),
            redirect_uri: "https://app.example/callback".into(),
            state: Secret::new("s"),
            verifier: Secret::new("v"),
            nonce: Some(Secret::new("n")),
            purpose: Purpose::Login,
            provider: "acme".into(),
            issuer: None,
            iss_required: false,
            callback_names: BTreeMap::from([("code".to_owned(), "auth_code".to_owned())]),
            registration: None,
        };
        let restored = Login::restore(&login.save()).unwrap();
        assert_eq!(restored.url(), login.url());
        assert!(restored.matches_callback("auth_code=c&state=s"));
        assert_eq!((restored.state(), &restored.nonce), ("s", &login.nonce));
        let restored = Login::restore(&login.save()).unwrap();
        let PresentedGrant::AuthorizationCode {
            verifier,
            redirect_uri,
            ..
        } = restored.finish("auth_code=c&state=s").unwrap()
        else {
            panic!("finish must return an authorization code");
        };
        assert_eq!(
            (verifier.expose(), redirect_uri.as_str()),
            ("v", "https://app.example/callback")
        );
    }

    /// During a deployment, a login that the old version started is completed by the new one.
    #[test]
    fn a_login_saved_by_an_earlier_version_is_restored() {
        let saved = Secret::new(
            r#"{"url":"https://login.example/authorize","redirect_uri":"https://app.example/cb",
            "state":"s","verifier":"v","provider":"acme","issuer":null,"iss_required":false}"#,
        );
        let login = Login::restore(&saved).unwrap();
        assert_eq!(
            (login.nonce.is_none(), login.purpose),
            (true, Purpose::Login)
        );
    }
}
