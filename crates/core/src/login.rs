//! One login in a browser: from the URL to the code (RFC 6749 section 4.1, RFC 7636, RFC 8252).

mod callback;
mod id_token;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use self::callback::Callback;
pub(crate) use self::callback::kept_parameters;
pub use self::callback::read_authorization_response;
use crate::{Connection, Error, ErrorKind, Extra, Grant, Pkce, Random, Secret, Url, random};

/// A login that has begun: the URL to open, and what is needed to believe what comes back.
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
/// // Send the browser to `login.url()`; then pass the URL that it comes back to, or its query.
/// let error = login.finish("code=x&state=forged").unwrap_err();
/// assert_eq!(error.message(), "the answer's `state` is not this login's");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Login {
    url: Url,
    redirect_uri: String,
    state: Secret,
    verifier: Secret,
    /// What the ID token must repeat (OpenID Connect Core section 3.1.2.1), if one was sent.
    nonce: Option<Secret>,
    purpose: Purpose,
    provider: String,
    /// The issuer that `iss` of the answer must be, where one is known (RFC 9207).
    issuer: Option<String>,
    /// Whether an answer without `iss` is refused.
    iss_required: bool,
}

/// What a person is sent to the vendor for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    #[default]
    Login,
    Consent,
}

/// A login as text.
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
}

impl Login {
    /// Begins a login that comes back to `redirect_uri`, which is the connection's or, on a
    /// loopback address, the same with the port listened on (RFC 8252 section 7.3).
    ///
    /// # Errors
    ///
    /// Where the provider has no authorization endpoint, or there is no randomness.
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

    /// Begins asking for consent ([`Connection::consent_url`], or an administrator's) with a
    /// `state`, so that the answer can be waited for. The code that comes back is of no use:
    /// [`Login::finish`] only says whether consent was given.
    ///
    /// # Errors
    ///
    /// Where the provider knows no such consent, or there is no randomness.
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
        let whose = if admin { "an administrator's" } else { "a" };
        let base = base.ok_or_else(|| {
            let message = format!("{name} has no page for {whose} consent");
            Error::new(ErrorKind::Setting, message).with_provider(&connection.profile().id)
        })?;
        let login = Self::begin(connection, redirect_uri, random, |state, pkce| {
            Ok(base.with_query([
                ("state", state),
                ("code_challenge", &pkce.challenge),
                ("code_challenge_method", "S256"),
            ]))
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
        })
    }

    /// The login as text, for a web server whose next request may reach another process: keep it
    /// in the browser's session on the server's side, for it holds the verifier.
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
        };
        Secret::new(serde_json::json!(saved).to_string())
    }

    /// A login that was saved by [`Login::save`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] where the text is not a saved login.
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
        let refuse = || {
            Error::new(ErrorKind::Callback, "this is not a saved login")
                .with_hint("hand over the text that saving the login gave, or start a new login")
        };
        let saved: Saved<'_> = serde_json::from_str(saved.expose()).map_err(|_| refuse())?;
        Ok(Self {
            url: Url::parse(&saved.url).map_err(|_| refuse())?,
            redirect_uri: saved.redirect_uri.into_owned(),
            state: Secret::new(saved.state),
            verifier: Secret::new(saved.verifier),
            nonce: saved.nonce.map(Secret::new),
            purpose: saved.purpose,
            provider: saved.provider.into_owned(),
            issuer: saved.issuer.map(Cow::into_owned),
            iss_required: saved.iss_required,
        })
    }

    /// Where to send the browser.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where it comes back to.
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// The `state` of this login, which the callback repeats: a key under which a web server can
    /// keep the saved login until the browser comes back.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Login;
    ///
    /// /// Where a web server keeps a login that has begun.
    /// fn session_key(login: &Login) -> String {
    ///     format!("login:{}", login.state())
    /// }
    /// ```
    pub fn state(&self) -> &str {
        self.state.expose()
    }

    pub(crate) fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whether a callback carries this login's `state`: one that does not is somebody else's.
    /// Takes what [`Login::finish`] takes.
    pub fn is_answered_by(&self, callback: &str) -> bool {
        Callback::parse(callback).is_ok_and(|callback| callback.has_state(&self.state))
    }

    /// Reads what the browser came back with and returns the grant to exchange.
    ///
    /// `callback` is the URL that the browser was sent to, whole or from its path on, or only its
    /// query, with or without the `?`.
    ///
    /// `state` is checked before anything else is believed, in constant time. Then comes `iss`
    /// (RFC 9207): if the connection has an `issuer`, a response of another server is rejected
    /// before its code or error is looked at. A response without `iss` is accepted, unless the
    /// profile says that the server always sends it
    /// ([`authorization_response_iss_parameter_supported`](crate::profile::Endpoints::authorization_response_iss_parameter_supported)).
    ///
    /// [`read_authorization_response`] does the same and explains the server's error
    /// by the provider's table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] if the state is not this login's, another server answered, the
    /// person said no, or there is no code. The server's error decides the verdict: see
    /// [`read_authorization_response`].
    pub fn finish(&self, callback: &str) -> Result<Grant, Error> {
        self.read(&[], callback)
    }

    /// The callback's parameters besides those of the protocol, such as the `realmId` that
    /// QuickBooks adds, after the checks of [`Login::finish`].
    ///
    /// Those that the profile's `authorize.keep` names are kept with the token's `extra`. The
    /// others came through a browser, and nobody vouches for them but the person who logged in.
    ///
    /// # Errors
    ///
    /// As [`Login::finish`].
    pub fn parameters(&self, callback: &str) -> Result<Extra, Error> {
        self.finish(callback)?;
        Ok(Callback::parse(callback)?.parameters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_login_is_the_same_login() {
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
        };
        let restored = Login::restore(&login.save()).unwrap();
        assert_eq!(restored.url(), login.url());
        assert!(restored.is_answered_by("code=c&state=s"));
        assert_eq!((restored.state(), &restored.nonce), ("s", &login.nonce));
        let restored = Login::restore(&login.save()).unwrap();
        let Grant::AuthorizationCode {
            verifier,
            redirect_uri,
            ..
        } = restored.finish("code=c&state=s").unwrap()
        else {
            panic!("a login ends in a code");
        };
        assert_eq!(
            (verifier.expose(), redirect_uri.as_str()),
            ("v", "https://app.example/callback")
        );
    }

    /// During a deployment, a login that the version before began is completed by this one.
    #[test]
    fn a_login_that_an_earlier_version_saved_is_restored() {
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
