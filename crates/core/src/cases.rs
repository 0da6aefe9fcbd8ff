//! Cases of a profile: settings with the request that they lead to, and responses with their
//! meaning.
//!
//! They run without a network and without secrets. `countersign profile test FILE` runs those of a
//! file. [docs/profiles.md](https://github.com/countersign/countersign/blob/main/docs/profiles.md)
//! describes the format.
//!
//! # Example
//!
//! ```
//! use countersign_core::{cases::Cases, testing};
//!
//! let cases = Cases::from_json(r#"{
//!     "requests": [{
//!         "name": "client credentials",
//!         "settings": {"environment": "demo", "grant": "client-credentials", "client_id": "app",
//!                      "client_secret": "s3cret"},
//!         "request": {
//!             "url": "https://demo.acme.example/token",
//!             "body": "grant_type=client_credentials&client_id=app&client_secret=<client_secret>"
//!         }
//!     }],
//!     "responses": [{
//!         "name": "success", "settings": 0, "status": 200,
//!         "body": {"access_token": "t", "expires_in": 3600},
//!         "token": {"expires_in": 3600, "refresh_token": false}
//!     }]
//! }"#)?;
//! assert!(cases.run(&testing::provider()).is_empty());
//! # Ok::<(), countersign_core::Error>(())
//! ```

mod compare;
mod file;
mod key;
mod run;

use std::fmt;
use std::sync::Arc;

use self::file::{File, RequestCase};
use self::run::Runner;
use crate::profile::SentAs;
use crate::{Error, ErrorKind, GrantKind, Profile, Provider};

/// The time at which cases run: 2023-11-14 22:13:20 UTC.
pub const NOW: i64 = 1_700_000_000;

/// The cases of one profile.
#[derive(Clone, Debug)]
pub struct Cases(File);

/// A case that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Which case failed, such as `requests[0] "refresh"`.
    pub case: String,
    /// What was expected and what was found instead.
    pub what: String,
}

impl Cases {
    /// Reads cases from JSON.
    ///
    /// # Errors
    ///
    /// If the text isn't JSON, or a member is unknown, missing or of the wrong type. The message
    /// names the line.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::cases::Cases;
    ///
    /// let error = Cases::from_json(r#"{"request": []}"#).unwrap_err();
    /// assert!(error.message().starts_with("line 1: unknown field `request`"));
    /// ```
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let file = serde_json::from_str(text).map_err(|error| {
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default();
            let message = format!("line {}: {why}", error.line());
            Error::new(ErrorKind::Setting, message)
                .with_hint("write the cases as docs/profiles.md describes")
        })?;
        Ok(Self(file))
    }

    /// Returns the number of cases.
    pub fn count(&self) -> usize {
        self.0.requests.len() + self.0.responses.len()
    }

    /// Runs all cases. Returns those that failed.
    ///
    /// See the [example](self#example).
    pub fn run(&self, provider: &Arc<dyn Provider>) -> Vec<Failure> {
        let runner = Runner {
            provider,
            file: &self.0,
        };
        runner.run()
    }

    /// Returns what a complete set of cases also has: a request for each grant and login, a success, a wrong
    /// client, and a dead refresh token if the vendor has refresh tokens.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{cases::Cases, testing};
    ///
    /// let lacking = Cases::from_json("{}")?.lacking(testing::provider().profile());
    /// assert_eq!(lacking[0], "a request as `jwt-bearer`");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn lacking(&self, profile: &Profile) -> Vec<String> {
        let mut lacking = Vec::new();
        for kind in profile.grants.keys() {
            let login = match kind {
                GrantKind::AuthorizationCode => Some("authorize"),
                GrantKind::DeviceCode => Some("device_authorization"),
                _ => None,
            };
            for word in login.into_iter().chain([kind.as_str()]) {
                // The grant of a profile that has only one needn't be set.
                let is_it = |case: &RequestCase| match case.kind() {
                    "" => word == kind.as_str() && profile.grants.len() == 1,
                    kind => kind == word,
                };
                if !self.0.requests.iter().any(is_it) {
                    lacking.push(format!("a request as `{word}`"));
                }
            }
        }
        let by_request = |kind: &GrantKind| {
            *kind != GrantKind::JwtBearer || profile.assertion.sent_as != SentAs::AccessToken
        };
        if !profile.grants.keys().any(by_request) {
            // The app signs all tokens itself, so there are no responses.
            return lacking;
        }
        let errors = || {
            self.0.responses.iter().filter_map(|case| {
                let error = case.error.as_ref()?.as_object()?;
                let says = |name: &str| error.get(name).and_then(|word| word.as_str());
                Some((says("kind"), says("verdict"), says("setting")))
            })
        };
        if !self.0.responses.iter().any(|case| case.token.is_some()) {
            lacking.push("a response with a `token`".to_owned());
        }
        let of_client = |setting: Option<&str>| {
            let names = ["client_id", "client_secret", "private_key", "client_auth"];
            setting.is_some_and(|name| names.contains(&name) || name.starts_with("extra."))
        };
        if !errors()
            .any(|(_, verdict, setting)| verdict == Some("fix_configuration") && of_client(setting))
        {
            lacking.push(
                "a response for a wrong client: an `error` with the verdict `fix_configuration` and a `setting`"
                    .to_owned(),
            );
        }
        let refreshes = profile.grants.contains_key(&GrantKind::RefreshToken);
        let login_required = |(kind, verdict, _): (Option<&str>, Option<&str>, Option<&str>)| {
            kind == Some("login_required") || verdict == Some("reauthorize")
        };
        if refreshes && !errors().any(login_required) {
            lacking.push(
                "a response for a dead refresh token: an `error` with the kind `login_required`"
                    .to_owned(),
            );
        }
        lacking
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.case, self.what)
    }
}
