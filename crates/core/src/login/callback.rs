//! The callback of a login: the authorization response (RFC 6749 section 4.1.2).

use super::{Login, Purpose};
use crate::parameters::is_of_callback;
use crate::profile::ErrorRow;
use crate::responses::Redactor;
use crate::{
    Connection, Error, ErrorKind, Extra, GrantKind, PresentedGrant, Profile, Secret, Verdict, form,
};

/// The decoded parameters of a callback, in order.
pub(super) struct Callback(Vec<(String, String)>);

impl Callback {
    /// Parses a URL, a path with a query, or a query with or without its `?`. Ignores the fragment,
    /// which doesn't come from the server.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let text = text.split('#').next().unwrap_or_default();
        let query = match text.split_once('?') {
            Some((before, query)) if is_url(text) || !before.contains('=') => query,
            None if is_url(text) => "",
            _ => text,
        };
        if !query.contains('=') {
            return Err(Error::new(ErrorKind::Callback, "the callback has no query")
                .with_hint("pass the whole callback URL, or everything after its ?"));
        }
        Ok(Self(form::parse_query(query)?))
    }

    /// Whether `state` is present once and has this value.
    pub(super) fn has_state(&self, expected: &Secret) -> bool {
        let mut states = self.0.iter().filter(|(name, _)| name == "state");
        match (states.next(), states.next()) {
            (Some((_, state)), None) => Secret::from(state.as_str()) == *expected,
            _ => false,
        }
    }

    /// Returns the parameter of this name, which must not be repeated.
    fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(Some(value.as_str())),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(rejection(format!("the callback has `{name}` twice"))
                .with_hint("start a new login, and finish it in the same browser")),
        }
    }

    /// Returns the vendor's own parameters. Leaves out those that are repeated.
    pub(super) fn parameters(&self) -> Extra {
        let names = self.0.iter().map(|(name, _)| name.as_str());
        let once = names
            .filter(|name| !is_of_callback(name))
            .filter_map(|name| {
                let value = self.one(name).ok().flatten()?;
                Some((name.to_owned(), value.to_owned()))
            });
        once.collect()
    }
}

fn is_url(text: &str) -> bool {
    let scheme = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    scheme("https://") || scheme("http://") || text.starts_with('/')
}

/// Validates a callback like [`Login::finish`], and explains the server's errors with the
/// provider's table.
///
/// # Errors
///
/// As [`Login::finish`]. An error of the authorization endpoint (RFC 6749 section 4.1.2.1, OpenID
/// Connect Core section 3.1.2.6) has [`Verdict::FixConfiguration`] if the request was wrong,
/// [`Verdict::Retry`] if the server is at fault, and [`Verdict::Reauthorize`] if the user denied
/// access or has to act.
///
/// # Example
///
/// ```
/// use countersign_core::{
///     Connection, Login, Profile, Settings, SystemRandom, Verdict, read_authorization_response,
/// };
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
/// # let settings = Settings::from_pairs([
/// #     ("provider", "acme"),
/// #     ("client_id", "app"),
/// #     ("redirect_uri", "https://app.example/callback"),
/// # ])?;
/// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
/// let login = Login::start(&connection, "https://app.example/callback", &SystemRandom::new())?;
/// let callback = format!("https://app.example/callback?error=invalid_scope&state={}", login.state());
/// let error = read_authorization_response(&connection, &login, &callback).unwrap_err();
/// assert_eq!(error.verdict(), Verdict::FixConfiguration);
/// assert_eq!(error.setting_name(), Some("scopes"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn read_authorization_response(
    connection: &Connection,
    login: &Login,
    callback: &str,
) -> Result<PresentedGrant, Error> {
    login.read(&connection.profile().errors, callback)
}

/// Returns the callback's parameters that are stored with the token.
pub(crate) fn kept_parameters(profile: &Profile, callback: &str) -> Result<Extra, Error> {
    let keep = &profile.authorize.keep;
    let mut found = Callback::parse(callback)?.parameters();
    found.retain(|name, _| keep.contains(name));
    Ok(found)
}

impl Login {
    pub(super) fn read(&self, rows: &[ErrorRow], callback: &str) -> Result<PresentedGrant, Error> {
        self.check(rows, callback)
            .map_err(|error| error.with_provider(&self.provider))
    }

    fn check(&self, rows: &[ErrorRow], callback: &str) -> Result<PresentedGrant, Error> {
        let callback = Callback::parse(callback)?;
        if !callback.has_state(&self.state) {
            return Err(
                rejection("the callback's `state` does not match this login".into())
                    .with_hint("start a new login, and finish it in the same browser"),
            );
        }
        self.check_issuer(callback.one("iss")?)?;
        if let Some(error) = callback.one(self.callback_name("error"))? {
            let description = callback.one(self.callback_name("error_description"))?;
            let description = description.or(callback.one("error_message")?);
            return Err(self.reported(rows, error, description));
        }
        let code = self.callback_name("code");
        match callback.one(code)? {
            Some(code) if !code.is_empty() => Ok(PresentedGrant::AuthorizationCode {
                code: Secret::from(code),
                redirect_uri: self.redirect_uri.clone(),
                verifier: self.verifier.clone(),
            }),
            _ => {
                Err(rejection(format!("the callback has no `{code}`"))
                    .with_hint("start a new login"))
            }
        }
    }

    /// Returns the vendor's name for a parameter of the callback.
    fn callback_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.callback_names.get(name).map_or(name, String::as_str)
    }

    /// Explains an error of the authorization endpoint with the provider's table or the RFCs.
    fn reported(&self, rows: &[ErrorRow], word: &str, description: Option<&str>) -> Error {
        let redactor = Redactor::of_secrets([&self.state, &self.verifier]);
        let clean = description.map(|text| redactor.clean(text));
        let shown = redactor.clean(word);
        let failure = match self.purpose {
            Purpose::Login => "the login failed",
            Purpose::Consent => "the request for consent failed",
        };
        let message = match &clean {
            Some(text) => format!("{failure}: {shown}: {text}"),
            None => format!("{failure}: {shown}"),
        };
        let row = rows
            .iter()
            .find(|row| row.fits(GrantKind::AuthorizationCode, None, None, word, description));
        let error = match row {
            Some(row) => match row.error(message.clone()) {
                // The error is about this login, not about the stored grant.
                error if error.verdict() == Verdict::Reauthorize => {
                    rejection(message).with_hint(&row.hint)
                }
                error => error,
            },
            None if word == "access_denied" && self.purpose == Purpose::Consent => {
                rejection(message).with_hint("ask for consent again, and allow access")
            }
            None => by_rfc(word, message),
        };
        error.with_oauth(shown, clean)
    }

    /// Checks that the callback comes from the server that the login was sent to (RFC 9207 section
    /// 2.4).
    fn check_issuer(&self, iss: Option<&str>) -> Result<(), Error> {
        let reject = |message: String, hint: &str| {
            let error = rejection(format!("{message}; its code was not used"));
            Err(error.with_setting("issuer").with_hint(hint))
        };
        match (iss, &self.issuer) {
            (Some(iss), Some(expected)) if iss != expected => {
                let iss: String = iss.chars().take(200).collect();
                reject(
                    format!(
                        "the callback's `iss` is {iss:?}, but this login was sent to {expected:?}"
                    ),
                    "start a new login; if both are the same server, set issuer to exactly the `issuer` in its metadata",
                )
            }
            (None, _) if self.iss_required => reject(
                "the callback has no `iss`, which this server always sends".into(),
                "start a new login, and finish it in the same browser",
            ),
            _ => Ok(()),
        }
    }
}

fn rejection(why: String) -> Error {
    Error::new(ErrorKind::Callback, why)
}

/// Explains the errors of RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, RFC 8707
/// and RFC 9470.
fn by_rfc(word: &str, message: String) -> Error {
    let misconfigured = |setting: &str, hint: &str| {
        Error::new(ErrorKind::Rejected, message.clone())
            .with_setting(setting)
            .with_hint(hint)
    };
    match word {
        "access_denied" => rejection(message).with_hint("log in again and allow access"),
        "login_required"
        | "consent_required"
        | "interaction_required"
        | "account_selection_required" => rejection(message)
            .with_hint("remove authorize.prompt and log in again: the server has to ask the user"),
        "unmet_authentication_requirements" => rejection(message)
            .with_hint("log in again, with the authentication method that the server requires"),
        "server_error" | "temporarily_unavailable" => {
            Error::new(ErrorKind::Unavailable, message).with_hint("start a new login later")
        }
        "invalid_scope" => misconfigured(
            "scopes",
            "correct scopes, or allow them for this app at the vendor",
        ),
        "unauthorized_client" | "unsupported_response_type" => misconfigured(
            "grant",
            "enable the authorization code flow for this app at the vendor",
        ),
        "invalid_client" => misconfigured(
            "client_id",
            "check client_id and environment: the server does not know the app",
        ),
        "invalid_target" => misconfigured(
            "authorize.resource",
            "correct authorize.resource, or allow that resource for this app at the vendor",
        ),
        "invalid_request"
        | "request_not_supported"
        | "request_uri_not_supported"
        | "registration_not_supported"
        | "invalid_request_object"
        | "invalid_request_uri" => misconfigured(
            "authorize_url",
            "check authorize_url, scopes, redirect_uri and the authorize.NAME settings: a parameter is missing or not valid",
        ),
        _ => rejection(message)
            .with_hint("look up the error in the vendor's documentation, and start a new login"),
    }
}
