//! One login in a browser: from the URL to the code (RFC 6749 section 4.1, RFC 7636, RFC 8252).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Connection, Error, ErrorKind, Grant, Pkce, Random, Secret, Url, form, random};

/// A login that has begun: the URL to open, and what is needed to believe what comes back.
///
/// # Example
///
/// ```
/// use countersign::{Connection, Login, Profile, Settings, SystemRandom};
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
/// let connection = Connection::new("mine", &settings, countersign::from_profile(profile))?;
///
/// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
/// // Send the browser to `login.url()`; then hand over the query that it comes back with.
/// let error = login.finish("code=x&state=forged").unwrap_err();
/// assert_eq!(error.message(), "the answer's `state` is not this login's");
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Login {
    url: Url,
    redirect_uri: String,
    state: Secret,
    verifier: Secret,
    provider: String,
    /// The issuer that `iss` of the answer must be, where one is known (RFC 9207).
    issuer: Option<String>,
    /// Whether an answer without `iss` is refused.
    iss_required: bool,
}

/// A login as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<'a> {
    url: Cow<'a, str>,
    redirect_uri: Cow<'a, str>,
    state: Cow<'a, str>,
    verifier: Cow<'a, str>,
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
        Self::begin(connection, redirect_uri, random, |state, pkce| {
            connection.authorization_url(redirect_uri, state, pkce)
        })
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
        Self::begin(connection, redirect_uri, random, |state, pkce| {
            Ok(base.with_query([
                ("state", state),
                ("code_challenge", &pkce.challenge),
                ("code_challenge_method", "S256"),
            ]))
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
    /// use countersign::{Login, Secret};
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

    /// Whether a query carries this login's `state`: a request that does not is somebody else's.
    pub fn is_answered_by(&self, query: &str) -> bool {
        self.values(query)
            .is_ok_and(|values| self.has_state(&values))
    }

    /// Reads the query that the browser came back with, and gives the grant to exchange.
    ///
    /// `state` is checked before anything else is believed, in constant time. Then comes `iss`
    /// (RFC 9207): where the connection has an `issuer`, an answer of another server is refused
    /// before its code or error is looked at. An answer without `iss` is taken, unless the profile
    /// says that the server always sends it
    /// ([`authorization_response_iss_parameter_supported`](crate::profile::Endpoints::authorization_response_iss_parameter_supported)).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] where the state is not this login's, another server answered, the
    /// person said no, the server reported an error, or there is no code.
    pub fn finish(&self, query: &str) -> Result<Grant, Error> {
        self.read(query)
            .map_err(|error| error.with_provider(&self.provider))
    }

    fn read(&self, query: &str) -> Result<Grant, Error> {
        let refuse = |why: String| Error::new(ErrorKind::Callback, why);
        let values = self.values(query)?;
        if !self.has_state(&values) {
            return Err(refuse("the answer's `state` is not this login's".into())
                .with_hint("start a new login, and finish it in the same browser"));
        }
        let one = |name: &str| -> Result<Option<&str>, Error> {
            let mut found = values.iter().filter(|(known, _)| known == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(Some(value.as_str())),
                (None, _) => Ok(None),
                (Some(_), Some(_)) => Err(refuse(format!("`{name}` is there twice"))),
            }
        };
        self.check_issuer(one("iss")?)?;
        if let Some(error) = one("error")? {
            let redactor = crate::answer::Redactor::empty();
            let said = one("error_description")?.or(one("error_message")?);
            let said = said.map(|text| redactor.clean(text));
            let error = redactor.clean(error);
            let message = match &said {
                Some(text) => format!("the login was refused: {error}: {text}"),
                None => format!("the login was refused: {error}"),
            };
            return Err(refuse(message)
                .with_oauth(error, said)
                .with_hint("log in again and allow access"));
        }
        match one("code")? {
            Some(code) if !code.is_empty() => Ok(Grant::AuthorizationCode {
                code: Secret::from(code),
                redirect_uri: self.redirect_uri.clone(),
                verifier: self.verifier.clone(),
            }),
            _ => Err(refuse("the answer has no `code`".into()).with_hint("start a new login")),
        }
    }

    /// Whether the server that was asked is the one that answers (RFC 9207 section 2.4).
    fn check_issuer(&self, iss: Option<&str>) -> Result<(), Error> {
        let refuse = |message: String, hint: &str| {
            let error = Error::new(ErrorKind::Callback, message).with_setting("issuer");
            Err(error.with_hint(format!("its code was not used: {hint}")))
        };
        match (iss, &self.issuer) {
            (Some(iss), Some(expected)) if iss != expected => {
                let iss: String = iss.chars().take(200).collect();
                refuse(
                    format!("the answer's `iss` is {iss:?}, and this login went to {expected:?}"),
                    "another server answered than was asked; if it is the same one, set issuer to the `issuer` of its metadata, letter by letter",
                )
            }
            (None, _) if self.iss_required => refuse(
                "the answer has no `iss`, which this server always sends".into(),
                "start a new login, and finish it in the same browser",
            ),
            _ => Ok(()),
        }
    }

    fn values(&self, query: &str) -> Result<Vec<(String, String)>, Error> {
        form::parse_query(query.strip_prefix('?').unwrap_or(query))
    }

    fn has_state(&self, values: &[(String, String)]) -> bool {
        let mut states = values.iter().filter(|(name, _)| name == "state");
        match (states.next(), states.next()) {
            (Some((_, state)), None) => Secret::from(state.as_str()) == self.state,
            _ => false,
        }
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
            provider: "acme".into(),
            issuer: None,
            iss_required: false,
        };
        let restored = Login::restore(&login.save()).unwrap();
        assert_eq!(restored.url(), login.url());
        assert!(restored.is_answered_by("code=c&state=s"));
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
}
