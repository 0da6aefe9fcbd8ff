//! The grant of a token request, and the token type of a revocation request.

use crate::{GrantKind, Secret};

/// The grant of one token request, including its code or refresh token.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PresentedGrant {
    /// A signed assertion (RFC 7523 section 2.1).
    JwtBearer,
    /// The app's own credentials (RFC 6749 section 4.4).
    ClientCredentials,
    /// An authorization code (RFC 6749 section 4.1.3), returned by
    /// [`Login::finish`](crate::Login::finish).
    AuthorizationCode {
        /// The code. It must be sent only once.
        code: Secret,
        /// The redirect URI of the login.
        redirect_uri: String,
        /// The PKCE verifier of the login (RFC 7636 section 4.5).
        verifier: Secret,
    },
    /// The code of a login on another device (RFC 8628 section 3.4).
    DeviceCode(Secret),
    /// A refresh token (RFC 6749 section 6).
    RefreshToken(Secret),
}

/// The type of a token to revoke (RFC 7009 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenTypeHint {
    /// An access token.
    AccessToken,
    /// A refresh token. Revoking it ends the grant.
    RefreshToken,
}

impl TokenTypeHint {
    /// Returns the value of the `token_type_hint` parameter.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::TokenTypeHint;
    ///
    /// assert_eq!(TokenTypeHint::RefreshToken.as_str(), "refresh_token");
    /// ```
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::RefreshToken => "refresh_token",
        }
    }
}

impl PresentedGrant {
    /// Returns the grant type.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{PresentedGrant, GrantKind};
    ///
    /// assert_eq!(PresentedGrant::ClientCredentials.kind(), GrantKind::ClientCredentials);
    /// ```
    pub fn kind(&self) -> GrantKind {
        match self {
            Self::JwtBearer => GrantKind::JwtBearer,
            Self::ClientCredentials => GrantKind::ClientCredentials,
            Self::AuthorizationCode { .. } => GrantKind::AuthorizationCode,
            Self::DeviceCode(_) => GrantKind::DeviceCode,
            Self::RefreshToken(_) => GrantKind::RefreshToken,
        }
    }
}
