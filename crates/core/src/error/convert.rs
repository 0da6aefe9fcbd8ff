//! Conversions from and to the errors of `jose` and `store`.

use countersign_jose as jose;

use super::{Error, ErrorKind, Verdict};

/// Adds the verdict to a store's error.
impl From<countersign_store::Error> for Error {
    fn from(error: countersign_store::Error) -> Self {
        use countersign_store::ErrorKind as Of;
        let (kind, verdict) = match error.kind() {
            Of::Setting => (ErrorKind::Setting, Verdict::FixConfiguration),
            Of::Unavailable => (ErrorKind::Store, Verdict::Retry),
            Of::Unusable => (ErrorKind::Store, Verdict::FixConfiguration),
            Of::Busy => (ErrorKind::Busy, Verdict::Retry),
            Of::Internal => (ErrorKind::Internal, Verdict::Unexpected),
            // `Damaged`, and kinds that are added later.
            _ => (ErrorKind::Store, Verdict::Unexpected),
        };
        let mut ours = Self::new(kind, error.message()).with_verdict(verdict);
        ours.0.hint = error.hint().map(str::to_owned);
        ours.0.setting = error.setting_name().map(str::to_owned);
        ours.0.source = error.cause();
        ours
    }
}

/// Adds the verdict, and the setting that the error is about.
///
/// If a signer's error was an [`Error`], it is returned unchanged.
impl From<jose::Error> for Error {
    fn from(error: jose::Error) -> Self {
        use jose::ErrorKind as Kind;
        let (kind, setting) = match error.kind() {
            Kind::PrivateKey => (ErrorKind::Key, Some("private_key")),
            Kind::Passphrase => (ErrorKind::Key, Some("private_key_passphrase")),
            Kind::KeyId => (ErrorKind::Key, Some("key_id")),
            Kind::Key => (ErrorKind::Key, None),
            Kind::SharedSecret => (ErrorKind::Key, Some("client_secret")),
            Kind::UnsupportedAlgorithm => (ErrorKind::Setting, Some("algorithm")),
            Kind::AlgorithmMismatch => (ErrorKind::Key, Some("algorithm")),
            Kind::Signing => (ErrorKind::Signing, None),
            Kind::Verification => (ErrorKind::Verification, None),
            _ => (ErrorKind::Internal, None),
        };
        let source = error.shared_source();
        if let Some(own) = source
            .as_deref()
            .and_then(|source| source.downcast_ref::<Self>())
        {
            return own.clone();
        }
        let mut converted = Self::new(kind, error.message());
        converted.0.hint = error.hint().map(str::to_owned);
        converted.0.setting = setting.map(str::to_owned);
        converted.0.source = source;
        converted
    }
}

/// Lets a signer return a core error: it is converted back unchanged, with its verdict.
impl From<Error> for jose::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Key => jose::ErrorKind::Key,
            ErrorKind::Verification => jose::ErrorKind::Verification,
            ErrorKind::Internal => jose::ErrorKind::Internal,
            _ => jose::ErrorKind::Signing,
        };
        let converted = Self::new(kind, error.message());
        match error.hint().map(str::to_owned) {
            Some(hint) => converted.with_hint(hint),
            None => converted,
        }
        .with_source(error)
    }
}
