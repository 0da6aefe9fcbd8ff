//! What the browser comes back with: the authorization response (RFC 6749 section 4.1.2).

use super::{Login, Purpose};
use crate::answer::Redactor;
use crate::parameters::is_of_callback;
use crate::profile::ErrorRow;
use crate::{
    Connection, Error, ErrorKind, Extra, Grant, GrantKind, Profile, Secret, Verdict, form,
};

/// The parameters of a callback, decoded, in order.
pub(super) struct Callback(Vec<(String, String)>);

impl Callback {
    /// Takes a URL, a path with a query, or a query with or without its `?`; a fragment is not
    /// the server's.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let text = text.split('#').next().unwrap_or_default();
        let query = match text.split_once('?') {
            Some((before, query)) if is_url(text) || !before.contains('=') => query,
            None if is_url(text) => "",
            _ => text,
        };
        if !query.contains('=') {
            return Err(
                Error::new(ErrorKind::Callback, "the callback has no query").with_hint(
                    "pass the whole URL that the browser came back to, or all of it after the ?",
                ),
            );
        }
        Ok(Self(form::parse_query(query)?))
    }

    /// Whether it carries this `state`, once.
    pub(super) fn has_state(&self, expected: &Secret) -> bool {
        let mut states = self.0.iter().filter(|(name, _)| name == "state");
        match (states.next(), states.next()) {
            (Some((_, state)), None) => Secret::from(state.as_str()) == *expected,
            _ => false,
        }
    }

    /// The only parameter of this name.
    fn one(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut found = self.0.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(Some(value.as_str())),
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(refuse(format!("`{name}` is there twice"))),
        }
    }

    /// What the vendor adds of its own. Of a name that is there twice, neither value is believed.
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

/// Reads what the browser came back with, as [`Login::finish`] does, and explains the server's
/// error by the provider's table first.
///
/// # Errors
///
/// As [`Login::finish`]. What the authorization endpoint reported (RFC 6749 section 4.1.2.1,
/// OpenID Connect Core section 3.1.2.6) is [`Verdict::FixConfiguration`] if the request was
/// wrong, [`Verdict::Retry`] if the server is at fault, and [`Verdict::Reauthorize`] if the
/// person said no or has to act.
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
) -> Result<Grant, Error> {
    login.read(&connection.profile().errors, callback)
}

/// The callback's parameters that are kept with the token.
pub(crate) fn kept_parameters(profile: &Profile, callback: &str) -> Result<Extra, Error> {
    let keep = &profile.authorize.keep;
    let mut found = Callback::parse(callback)?.parameters();
    found.retain(|name, _| keep.contains(name));
    Ok(found)
}

impl Login {
    pub(super) fn read(&self, rows: &[ErrorRow], callback: &str) -> Result<Grant, Error> {
        self.check(rows, callback)
            .map_err(|error| error.with_provider(&self.provider))
    }

    fn check(&self, rows: &[ErrorRow], callback: &str) -> Result<Grant, Error> {
        let callback = Callback::parse(callback)?;
        if !callback.has_state(&self.state) {
            return Err(refuse("the answer's `state` is not this login's".into())
                .with_hint("start a new login, and finish it in the same browser"));
        }
        self.check_issuer(callback.one("iss")?)?;
        if let Some(error) = callback.one("error")? {
            let description = callback.one("error_description")?;
            let said = description.or(callback.one("error_message")?);
            return Err(self.reported(rows, error, said));
        }
        match callback.one("code")? {
            Some(code) if !code.is_empty() => Ok(Grant::AuthorizationCode {
                code: Secret::from(code),
                redirect_uri: self.redirect_uri.clone(),
                verifier: self.verifier.clone(),
            }),
            _ => Err(refuse("the answer has no `code`".into()).with_hint("start a new login")),
        }
    }

    /// What the authorization endpoint reported: the provider's table first, then the RFCs.
    fn reported(&self, rows: &[ErrorRow], word: &str, said: Option<&str>) -> Error {
        let redactor = Redactor::of_secrets([&self.state, &self.verifier]);
        let clean = said.map(|text| redactor.clean(text));
        let shown = redactor.clean(word);
        let what = match self.purpose {
            Purpose::Login => "the login was refused",
            Purpose::Consent => "consent was refused",
        };
        let message = match &clean {
            Some(text) => format!("{what}: {shown}: {text}"),
            None => format!("{what}: {shown}"),
        };
        let row = rows
            .iter()
            .find(|row| row.fits(GrantKind::AuthorizationCode, None, None, word, said));
        let error = match row {
            Some(row) => match row.error(message.clone()) {
                // The person said no or has to act: it is this login that did not succeed.
                error if error.verdict() == Verdict::Reauthorize => {
                    refuse(message).with_hint(&row.hint)
                }
                error => error,
            },
            None if word == "access_denied" && self.purpose == Purpose::Consent => {
                refuse(message).with_hint("ask for consent again, and allow access")
            }
            None => by_rfc(word, message),
        };
        error.with_oauth(shown, clean)
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
}

fn refuse(why: String) -> Error {
    Error::new(ErrorKind::Callback, why)
}

/// RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6, RFC 8707, RFC 9470.
fn by_rfc(word: &str, message: String) -> Error {
    let wrong = |setting: &str, hint: &str| {
        Error::new(ErrorKind::Refused, message.clone())
            .with_setting(setting)
            .with_hint(hint)
    };
    match word {
        "access_denied" => refuse(message).with_hint("log in again and allow access"),
        "login_required"
        | "consent_required"
        | "interaction_required"
        | "account_selection_required" => refuse(message.clone()).with_hint(
            "the server could not go on without asking the person: leave authorize.prompt out, and log in again",
        ),
        "unmet_authentication_requirements" => refuse(message)
            .with_hint("the server wants another way to log in than the person used: log in again"),
        "server_error" | "temporarily_unavailable" => {
            Error::new(ErrorKind::Unavailable, message).with_hint("start a new login in a while")
        }
        "invalid_scope" => wrong(
            "scopes",
            "a scope is unknown, or not allowed for this app: correct scopes, or allow it at the vendor",
        ),
        "unauthorized_client" | "unsupported_response_type" => wrong(
            "grant",
            "the app may not use the authorization code flow: enable it at the vendor",
        ),
        "invalid_client" => wrong(
            "client_id",
            "the app is unknown here: check client_id and environment",
        ),
        "invalid_target" => wrong(
            "authorize.resource",
            "the resource is unknown, or not allowed for this app: correct authorize.resource",
        ),
        "invalid_request" | "request_not_supported" | "request_uri_not_supported"
        | "registration_not_supported" | "invalid_request_object" | "invalid_request_uri" => wrong(
            "authorize_url",
            "the server misses a parameter or does not understand one: check authorize_url, scopes, redirect_uri and what is set as authorize.NAME",
        ),
        _ => refuse(message).with_hint(
            "look the error up in the vendor's documentation, and start a new login",
        ),
    }
}
