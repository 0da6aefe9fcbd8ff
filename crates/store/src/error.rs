//! The error type of stores.

use std::fmt;
use std::sync::Arc;

/// An error of a store.
///
/// Its [`kind`](Error::kind) says whether trying again can help.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    setting: Option<String>,
    source: Option<Source>,
}

type Source = Arc<dyn std::error::Error + Send + Sync>;

/// What happened, which decides whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is malformed, or contradicts another one.
    Setting,
    /// The store can't be reached, read or written now. Trying again may help.
    Unavailable,
    /// The store can't be used until somebody changes its settings, its server, its permissions or
    /// a limit.
    Unusable,
    /// A record is damaged, or the store returned something that this program doesn't understand.
    Damaged,
    /// Another owner held the lease for the whole wait. Trying again may help.
    Busy,
    /// A bug in the store, or a machine without random numbers.
    Internal,
}

impl Error {
    /// Creates an error. The message is one sentence that says what failed.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unusable, "the disk is read-only");
    /// assert_eq!(error.kind(), ErrorKind::Unusable);
    /// assert_eq!(error.to_string(), "the disk is read-only");
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            setting: None,
            source: None,
        }))
    }

    /// Creates an error of the kind [`ErrorKind::Setting`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// let error = Error::setting("store", "`store` names no host");
    /// assert_eq!(error.kind(), ErrorKind::Setting);
    /// assert_eq!(error.setting_name(), Some("store"));
    /// ```
    pub fn setting(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Setting, message).with_setting(name)
    }

    /// Sets the hint: one sentence that says what to do.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unusable, "the disk is read-only")
    ///     .with_hint("mount it read-write");
    /// assert_eq!(error.hint(), Some("mount it read-write"));
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
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unavailable, "the server is down").with_setting("store");
    /// assert_eq!(error.setting_name(), Some("store"));
    /// ```
    #[must_use]
    pub fn with_setting(mut self, name: impl Into<String>) -> Self {
        self.0.setting = Some(name.into());
        self
    }

    /// Sets the cause, which [`std::error::Error::source`] returns. Clones of the error share it.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    /// use std::error::Error as _;
    ///
    /// let cause = std::io::Error::other("connection reset");
    /// let error = Error::new(ErrorKind::Unavailable, "the server is down").with_source(cause);
    /// assert_eq!(error.source().unwrap().to_string(), "connection reset");
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Puts context before the message.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Busy, "the lease is held").in_context("connection `mine`");
    /// assert_eq!(error.message(), "connection `mine`: the lease is held");
    /// ```
    #[must_use]
    pub fn in_context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Returns what happened.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// /// Whether trying again can help.
    /// fn is_temporary(error: &Error) -> bool {
    ///     matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Busy)
    /// }
    /// assert!(is_temporary(&Error::new(ErrorKind::Unavailable, "the server is down")));
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns one sentence that says what failed.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns one sentence that says what to do.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// /// Formats an error for a log.
    /// fn line(error: &Error) -> String {
    ///     match error.hint() {
    ///         Some(hint) => format!("{error} ({hint})"),
    ///         None => error.to_string(),
    ///     }
    /// }
    /// let error = Error::new(ErrorKind::Unusable, "the disk is full").with_hint("free some space");
    /// assert_eq!(line(&error), "the disk is full (free some space)");
    /// ```
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the setting that the error is about.
    pub fn setting_name(&self) -> Option<&str> {
        self.0.setting.as_deref()
    }

    /// Returns the cause, to attach it to an error of another type.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Unavailable, "the server is down");
    /// assert!(error.cause().is_none());
    /// let error = error.with_source(std::io::Error::other("connection reset"));
    /// assert_eq!(error.cause().unwrap().to_string(), "connection reset");
    /// ```
    pub fn cause(&self) -> Option<Arc<dyn std::error::Error + Send + Sync>> {
        self.0.source.clone()
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
        out.field("kind", &e.kind).field("message", &e.message);
        for (name, text) in [("hint", &e.hint), ("setting", &e.setting)] {
            if let Some(text) = text {
                out.field(name, text);
            }
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
