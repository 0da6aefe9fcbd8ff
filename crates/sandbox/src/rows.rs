//! The table of the vendors' error responses. A fault injects one by its id.

use serde_json::Value;

use crate::{
    Provider,
    exchange::{Reply, object},
    random,
};

/// One row of the vendors' error tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The id that a fault names, for example `docusign.consent_required`.
    pub id: &'static str,
    /// The provider that sends it.
    pub provider: Provider,
    /// The HTTP status.
    pub status: u16,
    /// The `error` member.
    pub error: &'static str,
    /// The `error_description` member, if the vendor sends one.
    pub description: Option<&'static str>,
}

impl Row {
    pub(crate) fn reply(self) -> Reply {
        let mut members = vec![("error", Value::from(self.error))];
        members.extend(self.description.map(|d| ("error_description", d.into())));
        json(self.provider, self.status, &members)
    }
}

/// Returns all rows of the vendors' error tables.
///
/// # Example
///
/// ```
/// let rows = countersign_sandbox::rows();
/// assert!(rows.iter().any(|row| row.id == "docusign.consent_required" && row.status == 400));
/// ```
#[must_use]
pub fn rows() -> &'static [Row] {
    ROWS
}

/// Builds a JSON response with the vendor's headers.
pub(crate) fn json(provider: Provider, status: u16, members: &[(&str, Value)]) -> Reply {
    dress(provider, Reply::new(status, "", object(members)))
}

/// Adds the headers of the provider's token endpoint to a response.
pub(crate) fn dress(provider: Provider, reply: Reply) -> Reply {
    match provider {
        Provider::Docusign => reply
            .header("Content-Type", "application/json; charset=utf-8")
            .header("Cache-Control", "no-cache")
            .header("Pragma", "no-cache")
            .header("Expires", "-1")
            .header("X-DocuSign-TraceToken", random::guid())
            .header("X-DocuSign-Node", "SANDBOX1"),
        Provider::Salesforce => reply
            .header("Content-Type", "application/json;charset=UTF-8")
            .header(
                "Cache-Control",
                "no-cache,must-revalidate,max-age=0,no-store,private",
            )
            .header("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")
            .header("X-Content-Type-Options", "nosniff")
            .header("Set-Cookie", "BrowserId=sandbox; path=/; Secure"),
        Provider::Boldsign => reply
            .header("Content-Type", "application/json; charset=UTF-8")
            .header("Cache-Control", "no-store, no-cache, max-age=0")
            .header("Pragma", "no-cache"),
    }
}

macro_rules! rows {
    ($($module:ident $provider:ident { $($name:ident $id:literal $status:literal $error:literal $($description:literal)?;)* })*) => {
        $(pub(crate) mod $module {
            use super::{Provider, Row};
            $(pub(crate) const $name: Row = Row {
                id: concat!(stringify!($module), ".", $id),
                provider: Provider::$provider,
                status: $status,
                error: $error,
                description: rows!(@description $($description)?),
            };)*
        })*
        static ROWS: &[Row] = &[$($($module::$name,)*)*];
    };
    (@description) => { None };
    (@description $description:literal) => { Some($description) };
}

rows! {
    docusign Docusign {
        CONSENT_REQUIRED "consent_required" 400 "consent_required";
        ISSUER_NOT_FOUND "issuer_not_found" 400 "invalid_grant" "issuer_not_found";
        USER_NOT_FOUND "user_not_found" 400 "invalid_grant" "user_not_found";
        INVALID_SUBJECT "invalid_subject" 400 "invalid_grant" "invalid_subject";
        NO_VALID_KEYS "no_valid_keys_or_signatures" 400 "invalid_grant" "no_valid_keys_or_signatures";
        EXPIRED_GRANT "expired_grant" 400 "invalid_grant" "expired_grant";
        EXPIRED_CLIENT_TOKEN "expired_client_token" 400 "invalid_grant" "expired_client_token";
        INVALID_GRANT "invalid_grant" 400 "invalid_grant";
        INVALID_REQUEST "invalid_request" 400 "invalid_request";
        UNSUPPORTED_GRANT_TYPE "unsupported_grant_type" 400 "unsupported_grant_type";
        INVALID_CLIENT "invalid_client" 400 "invalid_client";
        UNAUTHORIZED_CLIENT "unauthorized_client" 400 "unauthorized_client";
        INVALID_TOKEN "invalid_token" 400 "invalid_token" "The presented token is invalid.";
        THROTTLED "throttled" 429 "rate_limit_exceeded";
    }
    salesforce Salesforce {
        NOT_APPROVED "not_approved" 400 "invalid_grant" "user hasn't approved this consumer";
        AUDIENCE "audience_invalid" 400 "invalid_grant" "audience is invalid";
        AUDIENCE_FAILED "audience_validation_failed" 400 "invalid_grant" "Audience validation failed";
        INVALID_ASSERTION "invalid_assertion" 400 "invalid_grant" "invalid assertion";
        EXPIRED_CODE "expired_code" 400 "invalid_grant" "expired authorization code";
        INVALID_CODE "invalid_code" 400 "invalid_grant" "invalid authorization code";
        CODE_VERIFIER "invalid_code_verifier" 400 "invalid_grant" "invalid code verifier";
        EXPIRED_TOKEN "expired_token" 400 "invalid_grant" "expired access/refresh token";
        AUTHENTICATION_FAILURE "authentication_failure" 400 "invalid_grant" "authentication failure";
        INACTIVE_USER "inactive_user" 400 "invalid_grant" "inactive user";
        IP_RESTRICTED "ip_restricted" 400 "invalid_grant" "ip restricted";
        LOGIN_HOURS "login_hours" 400 "invalid_grant" "IP restricted or invalid login hours";
        LOGIN_RATE "login_rate_exceeded" 400 "invalid_grant" "login rate exceeded";
        RATE_LIMIT "rate_limit_exceeded" 400 "invalid_grant" "rate limit exceeded";
        ACTIVATION "activation_secret_invalid" 400 "invalid_grant" "activation secret invalid";
        NO_RUN_AS "no_client_credentials_user" 400 "invalid_grant" "no client credentials user enabled";
        INVALID_CLIENT_ID "invalid_client_id" 400 "invalid_client_id" "client identifier invalid";
        INVALID_CLIENT "invalid_client" 400 "invalid_client" "invalid client credentials";
        BASIC_HEADER "invalid_basic_auth_header" 400 "invalid_basic_auth_header" "invalid basic authentication header";
        APP_ACCESS "invalid_app_access" 400 "invalid_app_access" "user is not admin approved to access this app";
        APP_NOT_FOUND "app_not_found" 400 "app_not_found" "External client app is not installed in this org";
        UNSUPPORTED_GRANT_TYPE "unsupported_grant_type" 400 "unsupported_grant_type" "grant type not supported";
        CODE_CHALLENGE "missing_code_challenge" 400 "invalid_request" "missing required code challenge";
        REFRESH_SCOPE "refresh_token_scope" 400 "invalid_request" "refresh_token scope is required and the connected app should be installed and preauthorized";
        INVALID_REQUEST "invalid_request" 400 "invalid_request" "must use HTTP POST";
        MISSING_PARAMETER "missing_parameter" 400 "invalid_request" "missing required parameter";
        NOT_ON_THIS_DOMAIN "not_on_this_domain" 400 "invalid_grant" "request not supported on this domain";
        REDIRECT_MISMATCH "redirect_uri_mismatch" 400 "redirect_uri_mismatch" "redirect_uri must match configuration";
        REDIRECT_MISSING "redirect_uri_missing" 400 "redirect_uri_missing" "redirect_uri missing";
        BAD_JTI "bad_jti_claim" 400 "bad_jti_claim" "jti claim has already been used";
        INVALID_ASSERTION_TYPE "invalid_assertion_type" 400 "invalid_assertion_type" "invalid assertion type";
        INVALID_SCOPE "invalid_scope" 400 "invalid_scope" "the requested scope is not allowed";
        SCOPE_PARAMETER "scope_parameter" 400 "invalid_request" "scope parameter not supported";
        FLOW_DISABLED "oauth_flow_disabled" 400 "oauth_flow_disabled" "oauth flow disabled";
        INACTIVE_ORG "inactive_org" 403 "inactive_org" "organization is inactive";
        SERVER_ERROR "server_error" 500 "server_error" "server error";
        SERVICE_UNAVAILABLE "service_unavailable" 503 "service_unavailable" "service unavailable";
        SYSTEM_DOWN "system_down" 503 "system_down" "system is down for maintenance";
    }
    boldsign Boldsign {
        INVALID_REQUEST "invalid_request" 400 "invalid_request";
        INVALID_CLIENT "invalid_client" 400 "invalid_client";
        UNSUPPORTED_GRANT_TYPE "unsupported_grant_type" 400 "unsupported_grant_type";
        UNAUTHORIZED_CLIENT "unauthorized_client" 400 "unauthorized_client";
        INVALID_GRANT "invalid_grant" 400 "invalid_grant";
        INVALID_SCOPE "invalid_scope" 400 "invalid_scope";
        UNSUPPORTED_TOKEN_TYPE "unsupported_token_type" 400 "unsupported_token_type";
        AUTHORIZATION_PENDING "authorization_pending" 400 "authorization_pending";
        SLOW_DOWN "slow_down" 400 "slow_down";
        ACCESS_DENIED "access_denied" 400 "access_denied";
        EXPIRED_TOKEN "expired_token" 400 "expired_token";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_required_is_exactly_28_bytes() {
        let body = docusign::CONSENT_REQUIRED.reply().body;
        assert_eq!(body, br#"{"error":"consent_required"}"#);
        assert_eq!(body.len(), 28);
    }

    #[test]
    fn ids_are_unique_and_begin_with_their_provider() {
        for (i, row) in rows().iter().enumerate() {
            assert!(row.id.starts_with(row.provider.as_str()), "{}", row.id);
            assert!(rows()[..i].iter().all(|r| r.id != row.id), "{}", row.id);
        }
    }
}
