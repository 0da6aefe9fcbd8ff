//! The error type: what happened, what to do about it, and what the server said.

mod convert;
mod kind;
mod serialize;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::kind::{ErrorKind, Verdict};
use crate::trusted;

/// What went wrong and what the caller should do about it.
///
/// Every error has a [`Verdict`], the same in every language, which also determines the exit code
/// of the command. The error keeps what the server said (status, `error`, `error_description`,
/// trace id), with anything that looks like a secret removed.
///
/// # Example
///
/// ```
/// use countersign_core::{Error, ErrorKind, Verdict};
///
/// let error = Error::new(ErrorKind::Setting, "`client_id` is missing")
///     .with_hint("set client_id to the app's integration key");
/// assert_eq!(error.verdict(), Verdict::FixConfiguration);
/// assert_eq!(error.to_string(), "`client_id` is missing");
/// ```
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    verdict: Verdict,
    message: String,
    hint: Option<String>,
    setting: Option<String>,
    http_status: Option<u16>,
    oauth_error: Option<String>,
    oauth_description: Option<String>,
    retry_after: Option<Duration>,
    url: Option<String>,
    trace_id: Option<String>,
    provider: Option<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Creates an error of this kind, with the kind's default verdict.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind, Verdict};
    ///
    /// let error = Error::new(ErrorKind::Connect, "login.acme.example cannot be reached");
    /// assert_eq!(error.to_string(), "login.acme.example cannot be reached");
    /// assert_eq!(error.verdict(), Verdict::Retry);
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            verdict: kind.verdict(),
            message: message.into(),
            hint: None,
            setting: None,
            http_status: None,
            oauth_error: None,
            oauth_description: None,
            retry_after: None,
            url: None,
            trace_id: None,
            provider: None,
            source: None,
        }))
    }

    /// Creates an error about one setting, which [`Error::setting_name`] returns.
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::setting("client_id", "`client_id` is missing");
    /// assert_eq!(error.kind(), ErrorKind::Setting);
    /// assert_eq!(error.setting_name(), Some("client_id"));
    /// ```
    pub fn setting(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Setting, message).with_setting(name)
    }

    /// Creates the error for a required setting that is not set.
    pub(crate) fn missing(setting: &str) -> Self {
        Self::setting(setting, format!("`{setting}` is missing"))
    }

    /// Builds the error for a file that can't be read or isn't trusted.
    ///
    /// `build` makes it from the reason, which continues a sentence about the file. If the file
    /// isn't trusted, the hint says what to change.
    ///
    /// ```
    /// use std::path::Path;
    /// use countersign_core::{Error, trusted};
    ///
    /// let path = Path::new("missing.pem");
    /// let build = |why| Error::setting("ca_file", format!("`ca_file` {} {why}", path.display()));
    /// let error = trusted::read(path).map_err(|rejection| Error::of_file(&rejection, build));
    /// let message = error.unwrap_err().message().to_owned();
    /// assert!(message.starts_with("`ca_file` missing.pem cannot be read: "));
    /// ```
    #[must_use]
    pub fn of_file(rejection: &trusted::OpenError, build: impl FnOnce(String) -> Self) -> Self {
        let error = build(rejection.to_string());
        match rejection.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// Sets the verdict.
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind, Verdict};
    ///
    /// let error = Error::new(ErrorKind::Store, "the disk is read-only")
    ///     .with_verdict(Verdict::FixConfiguration);
    /// assert_eq!(error.verdict(), Verdict::FixConfiguration);
    /// ```
    #[must_use]
    pub fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.0.verdict = verdict;
        self
    }

    /// Sets the hint: one sentence that says what to do.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Error;
    ///
    /// let error = Error::setting("subject", "`subject` is missing")
    ///     .with_hint("set subject to the user ID of the person to act for");
    /// assert!(error.hint().unwrap().starts_with("set subject"));
    /// ```
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Sets the setting that the error is about.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Key, "the certificate has expired").with_setting("ca_file");
    /// assert_eq!(error.setting_name(), Some("ca_file"));
    /// ```
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>) -> Self {
        self.0.setting = Some(name.into());
        self
    }

    /// Sets the HTTP status of the response.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unavailable, "Acme is down").with_http_status(503);
    /// assert_eq!(error.http_status(), Some(503));
    /// ```
    #[must_use]
    pub fn with_http_status(mut self, status: u16) -> Self {
        self.0.http_status = Some(status);
        self
    }

    /// Sets the server's `error` and `error_description`.
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Rejected, "Acme rejected the request")
    ///     .with_http_status(400)
    ///     .with_oauth("invalid_scope", Some("unknown scope: sing".to_owned()));
    /// assert_eq!(error.oauth_error(), Some("invalid_scope"));
    /// assert_eq!(error.oauth_description(), Some("unknown scope: sing"));
    /// ```
    #[must_use]
    pub fn with_oauth(mut self, error: impl Into<String>, description: Option<String>) -> Self {
        self.0.oauth_error = Some(error.into());
        self.0.oauth_description = description;
        self
    }

    /// Sets the server's description, for a response without an error code.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Rejected, "Acme rejected the request")
    ///     .with_oauth_description("this app is suspended");
    /// assert_eq!(error.oauth_error(), None);
    /// assert_eq!(error.oauth_description(), Some("this app is suspended"));
    /// ```
    #[must_use]
    pub fn with_oauth_description(mut self, description: impl Into<String>) -> Self {
        self.0.oauth_description = Some(description.into());
        self
    }

    /// Sets how long to wait before trying again.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let minute = Duration::from_secs(60);
    /// let error = Error::new(ErrorKind::Throttled, "too many requests").with_retry_after(minute);
    /// assert_eq!(error.retry_after(), Some(minute));
    /// ```
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Sets the URL that a person should open.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::ConsentRequired, "the user has not consented")
    ///     .with_url("https://login.acme.example/consent?client_id=app");
    /// assert!(error.url().unwrap().contains("/consent"));
    /// ```
    #[must_use]
    pub fn with_url(mut self, url: impl Into<String>) -> Self {
        self.0.url = Some(url.into());
        self
    }

    /// Sets the vendor's trace ID, for its support team.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Rejected, "Acme rejected the request").with_trace_id("4d1f");
    /// assert_eq!(error.trace_id(), Some("4d1f"));
    /// ```
    #[must_use]
    pub fn with_trace_id(mut self, id: impl Into<String>) -> Self {
        self.0.trace_id = Some(id.into());
        self
    }

    /// Sets the ID of the provider.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Rejected, "Acme rejected the request").with_provider("acme");
    /// assert_eq!(error.provider(), Some("acme"));
    /// ```
    #[must_use]
    pub fn with_provider(mut self, provider: impl Into<String>) -> Self {
        self.0.provider = Some(provider.into());
        self
    }

    /// Sets the cause, for example the error of a signer's device.
    ///
    /// [`std::error::Error::source`] returns it. Clones of the error share it.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use countersign_core::{Error, ErrorKind};
    ///
    /// let cause = std::io::Error::other("the HSM is offline");
    /// let error = Error::new(ErrorKind::Signing, "the key could not sign").with_source(cause);
    /// assert_eq!(error.source().unwrap().to_string(), "the HSM is offline");
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Prepends a context to the message, as in "connection `x`: …".
    ///
    /// ```
    /// use countersign_core::Error;
    ///
    /// let error = Error::setting("client_id", "`client_id` is missing");
    /// let error = error.in_context("connection `mine`");
    /// assert_eq!(error.message(), "connection `mine`: `client_id` is missing");
    /// ```
    #[must_use]
    pub fn in_context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Appends to the message.
    pub(crate) fn with_more(mut self, more: &str) -> Self {
        self.0.message.push_str(more);
        self
    }

    /// Rewrites the message, the hint and what the server said.
    pub(crate) fn map_texts(mut self, map: impl Fn(&str) -> String) -> Self {
        let inner = &mut self.0;
        inner.message = map(&inner.message);
        let texts = [
            &mut inner.hint,
            &mut inner.oauth_error,
            &mut inner.oauth_description,
            &mut inner.trace_id,
        ];
        for text in texts.into_iter().flatten() {
            *text = map(text);
        }
        self
    }

    /// Returns whether a server rejected the request and other credentials may help.
    pub(crate) fn blames_credentials(&self) -> bool {
        self.0.http_status.is_some()
            && (self.0.verdict == Verdict::FixConfiguration
                || self.0.oauth_error.as_deref() == Some("invalid_client"))
    }

    /// Returns what happened.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{ErrorKind, Url};
    ///
    /// let error = Url::parse("http://login.acme.example/").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Setting);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns what to do.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Error, Verdict};
    ///
    /// /// Whether a job should be put back into its queue.
    /// fn is_worth_a_retry(error: &Error) -> bool {
    ///     error.verdict() == Verdict::Retry
    /// }
    /// # assert!(!is_worth_a_retry(&Error::setting("client_id", "`client_id` is missing")));
    /// ```
    pub fn verdict(&self) -> Verdict {
        self.0.verdict
    }

    /// Returns one sentence that says what happened.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let error = Settings::from_pairs([("scope", "sign")]).unwrap_err();
    /// assert_eq!(error.message(), "`scope` is not a setting; did you mean `scopes`?");
    /// ```
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns one sentence that says what to do about it.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let error = Settings::from_pairs([("client_id", "")]).unwrap_err();
    /// assert_eq!(error.message(), "`client_id` is empty");
    /// assert_eq!(error.hint(), Some("set client_id to a value, or remove it"));
    /// ```
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the setting that the error is about, if any.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Settings;
    ///
    /// let error = Settings::from_pairs([("client_id", "")]).unwrap_err();
    /// assert_eq!(error.setting_name(), Some("client_id"));
    /// ```
    pub fn setting_name(&self) -> Option<&str> {
        self.0.setting.as_deref()
    }

    /// Returns the HTTP status, if a server responded.
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// Returns the server's `error` (RFC 6749 section 5.2), or the vendor's equivalent.
    pub fn oauth_error(&self) -> Option<&str> {
        self.0.oauth_error.as_deref()
    }

    /// Returns the server's `error_description` or its equivalent, with secrets removed.
    pub fn oauth_description(&self) -> Option<&str> {
        self.0.oauth_description.as_deref()
    }

    /// Returns how long to wait before trying again, if the server said so.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::Error;
    ///
    /// /// Waits as long as the server asked for, or a second.
    /// fn pause(error: &Error) {
    ///     std::thread::sleep(error.retry_after().unwrap_or(Duration::from_secs(1)));
    /// }
    /// ```
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the URL that a person should open, for example to give consent.
    ///
    /// An error that asks for a login has none, because only a login that was started can be
    /// completed. Its hint says how to start one.
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// Returns the vendor's trace ID of the failed request.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.trace_id.as_deref()
    }

    /// Returns the ID of the provider.
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }
}

impl Clone for Error {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &e.kind)
            .field("verdict", &e.verdict)
            .field("message", &e.message);
        let texts = [
            ("hint", &e.hint),
            ("setting", &e.setting),
            ("oauth_error", &e.oauth_error),
            ("oauth_description", &e.oauth_description),
            ("url", &e.url),
            ("trace_id", &e.trace_id),
            ("provider", &e.provider),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                out.field(name, text);
            }
        }
        if let Some(status) = e.http_status {
            out.field("http_status", &status);
        }
        if let Some(wait) = e.retry_after {
            out.field("retry_after", &wait);
        }
        if let Some(source) = &e.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}
