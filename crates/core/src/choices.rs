//! Settings with a fixed set of values.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::Error;
use crate::nearest::unknown_word;

/// Defines an enum of words with `as_str`, `Display`, `FromStr` and serde.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $setting:literal, { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All values, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The words of all values, in the same order.
            pub(crate) const WORDS: &[&str] = &[$($word,)*];

            /// Returns the value of the setting.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self, Error> {
                let found = Self::ALL.iter().find(|known| known.as_str() == word);
                found.copied().ok_or_else(|| unknown_word($setting, word, Self::WORDS))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How a token is requested: the setting `grant`.
    GrantKind, "grant", {
        /// A signed assertion (RFC 7523 section 2.1).
        JwtBearer = "jwt-bearer",
        /// A person's login in a browser (RFC 6749 section 4.1), with PKCE (RFC 7636).
        AuthorizationCode = "authorization-code",
        /// A refresh token obtained elsewhere (RFC 6749 section 6).
        RefreshToken = "refresh-token",
        /// The app's own credentials (RFC 6749 section 4.4).
        ClientCredentials = "client-credentials",
        /// A person's login on another device (RFC 8628).
        DeviceCode = "device-code",
    }
}

words! {
    /// How the app authenticates at the token endpoint: the setting `client_auth`.
    ClientAuth, "client_auth", {
        /// No authentication: the request has only the `client_id`, or only an assertion.
        None = "none",
        /// `client_secret_basic` (RFC 6749 section 2.3.1).
        Basic = "basic",
        /// `client_secret_post` (RFC 6749 section 2.3.1).
        Post = "post",
        /// An assertion signed with the app's key (RFC 7523 section 2.2).
        PrivateKeyJwt = "private_key_jwt",
        /// An assertion signed with the app's secret (OpenID Connect Core section 9).
        ClientSecretJwt = "client_secret_jwt",
    }
}

words! {
    /// How id and secret are encoded in Basic: the setting `basic_encoding`.
    BasicEncoding, "basic_encoding", {
        /// Unencoded, like in the vendors' own SDKs. This is the default. The two encodings differ
        /// only for reserved characters.
        Raw = "raw",
        /// Form-encoded, as in RFC 6749 section 2.3.1.
        Rfc6749 = "rfc6749",
    }
}

words! {
    /// Which certificate authorities are trusted: the setting `roots`.
    Roots, "roots", {
        /// Mozilla's, compiled in. This is the default.
        Bundled = "bundled",
        /// Those that this machine trusts.
        System = "system",
    }
}

impl GrantKind {
    /// Returns whether only a person can renew the grant, so that its refresh token must not be
    /// lost.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::GrantKind;
    ///
    /// assert!(GrantKind::AuthorizationCode.needs_login());
    /// assert!(!GrantKind::JwtBearer.needs_login());
    /// ```
    pub fn needs_login(self) -> bool {
        match self {
            Self::AuthorizationCode | Self::RefreshToken | Self::DeviceCode => true,
            Self::JwtBearer | Self::ClientCredentials => false,
        }
    }
}

/// Where tokens are stored: the setting `store`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum StoreSetting {
    /// In memory, until the process ends.
    Memory,
    /// In files in this folder.
    File(PathBuf),
    /// On a server. The URL is for a store crate.
    Server(String),
}

impl StoreSetting {
    /// Parses the value of the setting.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Setting`] if the kind of store is unknown. The error doesn't contain the
    /// value, which may contain a password.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::StoreSetting;
    ///
    /// assert_eq!(StoreSetting::parse("file:tokens")?, StoreSetting::File("tokens".into()));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text == "memory" {
            return Ok(Self::Memory);
        }
        if let Some(folder) = text.strip_prefix("file:") {
            if folder.is_empty() {
                return Err(
                    Error::setting("store", "`store` is `file:` without a folder")
                        .with_hint("set store to file:FOLDER"),
                );
            }
            return Ok(Self::File(PathBuf::from(folder)));
        }
        let servers = ["redis://", "rediss://", "postgres://", "postgresql://"];
        if servers.iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::Server(text.to_owned()));
        }
        // The value isn't shown, because it may contain a password.
        Err(Error::setting("store", "`store` is of an unknown kind")
            .with_hint("set store to memory, file:FOLDER, redis://…, rediss://… or postgres://…"))
    }
}

impl fmt::Debug for StoreSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::File(folder) => write!(f, "file:{}", folder.display()),
            Self::Server(url) => {
                let scheme = url.split("://").next().unwrap_or_default();
                write!(f, "{scheme}://redacted")
            }
        }
    }
}
