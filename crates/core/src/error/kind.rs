//! What happened, and what to do about it.

use std::fmt;

use serde::Deserialize;

/// The kind of an error. Kinds may be added, so branch on the [`Verdict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing, unknown, malformed, or conflicts with another one.
    Setting,
    /// A key can't be read, or isn't suitable for its use.
    Key,
    /// Signing failed.
    Signing,
    /// A signature or token is not valid.
    Verification,
    /// The request was not sent: the name could not be resolved, or the connection failed.
    Connect,
    /// The server's certificate is not trusted, or the TLS handshake failed.
    Tls,
    /// The request was sent, but no complete response arrived.
    Interrupted,
    /// The server rejected the request with an OAuth error (RFC 6749 section 5.2).
    Rejected,
    /// The server received too many requests.
    Throttled,
    /// The server is temporarily unavailable.
    Unavailable,
    /// The response is not a valid OAuth response.
    Unreadable,
    /// The refresh token or the consent is no longer valid: a person must log in.
    LoginRequired,
    /// The user has not consented, or an administrator has not approved the app.
    ConsentRequired,
    /// No token is stored, and this grant requires a login first.
    NoToken,
    /// The callback doesn't belong to this login, or the person denied access.
    Callback,
    /// This machine's clock and the server's differ too much.
    Clock,
    /// The store can't be read or written.
    Store,
    /// Another client holds the lease of this grant.
    Busy,
    /// The call's own timeout is over. The work continues, and its outcome is kept.
    Timeout,
    /// The caller cancelled the call. Work that had started continues, and its outcome is kept.
    Cancelled,
    /// A plugin can't be loaded, failed, or violated the plugin ABI.
    Plugin,
    /// A bug in countersign.
    Internal,
}

/// What the caller should do about an error. The names are the same in every language.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use countersign_core::{Error, ErrorKind, Verdict};
///
/// /// How long to wait before retrying a job. `None` if somebody has to act first.
/// fn wait(error: &Error) -> Option<Duration> {
///     match error.verdict() {
///         Verdict::Retry => Some(error.retry_after().unwrap_or(Duration::from_secs(30))),
///         Verdict::Reauthorize | Verdict::FixConfiguration => None,
///         Verdict::OutcomeUnknown | Verdict::Unexpected => None,
///     }
/// }
///
/// let unreachable = Error::new(ErrorKind::Connect, "login.acme.example cannot be reached");
/// assert_eq!(wait(&unreachable), Some(Duration::from_secs(30)));
/// assert_eq!(wait(&Error::setting("client_id", "`client_id` is missing")), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Try again, after the wait that the error gives, if any.
    Retry,
    /// A person must act, at the error's URL if it has one.
    Reauthorize,
    /// A setting is wrong, here or at the vendor; the message names it.
    FixConfiguration,
    /// The server may have rotated the refresh token; nothing was sent twice.
    OutcomeUnknown,
    /// An unreadable response, a signature that does not verify, a wrong call, or a bug.
    Unexpected,
}

impl ErrorKind {
    /// Returns the kind's default verdict.
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Setting | Self::Key | Self::Signing => Verdict::FixConfiguration,
            Self::Tls | Self::Rejected | Self::Clock => Verdict::FixConfiguration,
            Self::Connect | Self::Throttled | Self::Unavailable | Self::Busy | Self::Store => {
                Verdict::Retry
            }
            Self::Interrupted | Self::Timeout | Self::Cancelled => Verdict::Retry,
            Self::LoginRequired | Self::ConsentRequired | Self::NoToken | Self::Callback => {
                Verdict::Reauthorize
            }
            // A token that does not verify came from somebody else, so no setting is wrong.
            Self::Verification | Self::Unreadable | Self::Plugin | Self::Internal => {
                Verdict::Unexpected
            }
        }
    }

    /// Returns the name used in JSON, data files and every binding, such as `consent_required`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::ErrorKind;
    ///
    /// assert_eq!(ErrorKind::ConsentRequired.as_str(), "consent_required");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Key => "key",
            Self::Signing => "signing",
            Self::Verification => "verification",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Interrupted => "interrupted",
            Self::Rejected => "rejected",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Unreadable => "unreadable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::NoToken => "no_token",
            Self::Callback => "callback",
            Self::Clock => "clock",
            Self::Store => "store",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Plugin => "plugin",
            Self::Internal => "internal",
        }
    }
}

impl Verdict {
    /// Returns the name used in JSON, data files and every binding, such as `fix_configuration`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Verdict;
    ///
    /// assert_eq!(Verdict::FixConfiguration.as_str(), "fix_configuration");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Reauthorize => "reauthorize",
            Self::FixConfiguration => "fix_configuration",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Unexpected => "unexpected",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
