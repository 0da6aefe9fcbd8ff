//! What a token is requested with, and which token is revoked.

use crate::{GrantKind, Secret};

/// One use of a grant, with what it spends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// A signed assertion (RFC 7523 section 2.1).
    JwtBearer,
    /// The app for itself (RFC 6749 section 4.4).
    ClientCredentials,
    /// The code that a login brought (RFC 6749 section 4.1.3); made by
    /// [`Login::finish`](crate::Login::finish).
    AuthorizationCode {
        /// The code, to be sent once.
        code: Secret,
        /// The redirect URI of the login.
        redirect_uri: String,
        /// The PKCE verifier of the login (RFC 7636 section 4.5).
        verifier: Secret,
    },
    /// A refresh token (RFC 6749 section 6).
    RefreshToken(Secret),
}

/// Which kind of token is to be revoked (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token, whose revocation ends the grant.
    RefreshToken,
}

impl TokenTypeHint {
    /// The value of the parameter `token_type_hint`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl Grant {
    /// Which grant it is.
    pub fn kind(&self) -> GrantKind {
        match self {
            Self::JwtBearer => GrantKind::JwtBearer,
            Self::ClientCredentials => GrantKind::ClientCredentials,
            Self::AuthorizationCode { .. } => GrantKind::AuthorizationCode,
            Self::RefreshToken(_) => GrantKind::RefreshToken,
        }
    }
}
