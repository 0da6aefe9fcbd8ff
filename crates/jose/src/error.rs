//! The crate's error type.

use std::fmt;
use std::sync::Arc;

/// An error about a key, a signature or a token, with a hint about what to do.
///
/// No error contains any part of a private key, a shared secret or a passphrase.
///
/// # Example
///
/// ```
/// use countersign_jose::ErrorKind;
/// use countersign_jose::key::PrivateKey;
///
/// let error = PrivateKey::from_pem("key.pem").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::PrivateKey);
/// assert_eq!(error.to_string(), "no PEM found: this looks like a file name");
/// assert!(error.hint().is_some());
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The kind of an [`Error`]. New kinds may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A private key cannot be read.
    PrivateKey,
    /// A passphrase is missing or wrong.
    Passphrase,
    /// A file contains several private keys, and the key id does not select exactly one of them.
    KeyId,
    /// A public key, a certificate or a JWK Set cannot be read, or a key is not meant for this use.
    Key,
    /// A shared secret is too short for its algorithm, or is not a shared secret.
    SharedSecret,
    /// An algorithm is unknown, or cannot be used in this way.
    UnsupportedAlgorithm,
    /// A key cannot be used with an algorithm.
    AlgorithmMismatch,
    /// Signing failed.
    Signing,
    /// A signature or a token is not valid.
    Verification,
    /// A bug in this crate.
    Internal,
}

impl Error {
    /// Creates an error.
    ///
    /// Use this in an implementation of [`Signer`](crate::jws::Signer) or in the function of a
    /// [`CallbackSigner`](crate::jws::CallbackSigner).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::{Error, ErrorKind};
    ///
    /// let error = Error::new(ErrorKind::Signing, "the device is offline")
    ///     .with_hint("plug in the device");
    /// assert_eq!(error.hint(), Some("plug in the device"));
    /// ```
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }))
    }

    /// Adds a hint: one sentence that says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the error that caused this one. Clones of this error share it.
    ///
    /// # Example
    ///
    /// ```
    /// use std::error::Error as _;
    /// use countersign_jose::{Error, ErrorKind};
    ///
    /// let cause = std::io::Error::other("connection reset");
    /// let error = Error::new(ErrorKind::Signing, "the KMS did not sign").with_source(cause);
    /// assert_eq!(error.source().unwrap().to_string(), "connection reset");
    /// ```
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// Returns the kind of the error.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::ErrorKind;
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let error = PrivateKey::from_pem("not a key").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::PrivateKey);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the message: one sentence that says what happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the hint: one sentence that says what to do.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the cause, shared with clones of this error.
    ///
    /// Use this to build an error of another type. See also [`std::error::Error::source`].
    pub fn shared_source(&self) -> Option<Arc<dyn std::error::Error + Send + Sync>> {
        self.0.source.clone()
    }

    /// Prefixes the message with a context, as in "`private_key`: …".
    pub(crate) fn in_context(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(hint) = &self.0.hint {
            out.field("hint", hint);
        }
        if let Some(source) = &self.0.source {
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
