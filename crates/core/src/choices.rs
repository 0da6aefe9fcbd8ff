//! Settings whose value is one of a few words.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use crate::Error;
use crate::nearest::unknown_word;

/// An enum of words: `as_str`, `Display`, `FromStr` with the setting's name, and serde.
macro_rules! words {
    ($(#[$about:meta])* $name:ident, $setting:literal, { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word used in settings.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self, Error> {
                let found = Self::ALL.iter().find(|known| known.as_str() == word);
                found.copied().ok_or_else(|| unknown_word($setting, word, &[$($word,)*]))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(word: String) -> Result<Self, Error> {
                word.parse()
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
    /// How a token is asked for: the setting `grant`.
    GrantKind, "grant", {
        /// A signed assertion (RFC 7523 section 2.1).
        JwtBearer = "jwt-bearer",
        /// A person logs in in a browser (RFC 6749 section 4.1), with PKCE (RFC 7636).
        AuthorizationCode = "authorization-code",
        /// A refresh token obtained elsewhere (RFC 6749 section 6).
        RefreshToken = "refresh-token",
        /// The app for itself (RFC 6749 section 4.4).
        ClientCredentials = "client-credentials",
        /// A person logs in on another device (RFC 8628).
        DeviceCode = "device-code",
    }
}

words! {
    /// How the app proves itself at the token endpoint: the setting `client_auth`.
    ClientAuth, "client_auth", {
        /// Not at all: the `client_id` alone, or nothing beside an assertion.
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
    /// How id and secret are written in Basic: the setting `basic_encoding`.
    BasicEncoding, "basic_encoding", {
        /// As they are: what the vendors' own SDKs send, and the default. The two differ for
        /// reserved characters alone.
        Raw = "raw",
        /// Each form-encoded first, as RFC 6749 section 2.3.1 asks.
        Rfc6749 = "rfc6749",
    }
}

words! {
    /// Which certificate authorities are trusted: the setting `roots`.
    Roots, "roots", {
        /// Mozilla's, compiled in; the default.
        Bundled = "bundled",
        /// Those this machine trusts.
        System = "system",
    }
}

impl GrantKind {
    /// Whether only a person can renew it: then its refresh token must not be lost.
    pub fn needs_login(self) -> bool {
        match self {
            Self::AuthorizationCode | Self::RefreshToken | Self::DeviceCode => true,
            Self::JwtBearer | Self::ClientCredentials => false,
        }
    }
}

/// Where tokens survive: the setting `store`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum StoreSetting {
    /// Only as long as the process.
    Memory,
    /// In files of this folder.
    File(PathBuf),
    /// At a server, by the URL of a store crate.
    Server(String),
}

impl StoreSetting {
    /// Reads what the setting says.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::Setting`] where it is of no known kind. The text is not repeated: it
    /// may hold a password.
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
                        .with_hint("write store = \"file:FOLDER\""),
                );
            }
            return Ok(Self::File(PathBuf::from(folder)));
        }
        let servers = ["redis://", "rediss://", "postgres://", "postgresql://"];
        if servers.iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::Server(text.to_owned()));
        }
        // The text may hold a password: it is not repeated.
        Err(Error::setting("store", "`store` is of no known kind")
            .with_hint("write memory, file:FOLDER, redis://…, rediss://… or postgres://…"))
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
