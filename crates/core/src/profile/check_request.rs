//! Validates what a profile says about requests: URLs, headers, names of parameters, and how an
//! assertion is sent.

use std::collections::BTreeMap;

use super::check::{OF_NAMES, is_of_name};
use super::environment::ENDPOINTS;
use super::template::Secrets;
use super::url_template::{Kind, UrlTemplate};
use super::{Profile, RevocationMethod, RevokedToken, SentAs, Templated, TokenMethod};
use crate::http::BodyFormat;
use crate::nearest::nearest;
use crate::parameters::{ACCESS_TOKEN, is_of_callback, is_ours};
use crate::{ClientAuth, GrantKind};

/// The parameters of token requests that have other names at some vendors.
pub(crate) const TOKEN_NAMES: &[&str] = &[
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "grant_type",
    "redirect_uri",
    "refresh_token",
    "scope",
];

/// The parameters of authorization requests that have other names at some vendors. A callback
/// repeats `state`, and an ID token `nonce`, so these can't be renamed.
const AUTHORIZE_NAMES: &[&str] = &[
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "response_type",
    "scope",
];

/// The parameters of callbacks that have other names at some vendors.
const CALLBACK_NAMES: &[&str] = &["code", "error", "error_description"];

/// The parameters of revocations that have other names at some vendors.
const REVOKE_NAMES: &[&str] = &[
    "token",
    ACCESS_TOKEN,
    "token_type_hint",
    "client_id",
    "client_secret",
];

/// The parameters that can be omitted.
const OPTIONAL: &[&str] = &[
    "grant_type",
    "redirect_uri",
    "response_type",
    "scope",
    "token",
    ACCESS_TOKEN,
    "token_type_hint",
];

impl Profile {
    pub(super) fn check_urls(&self) -> Result<(), String> {
        let check = |field: String, text: Option<&String>, kind| {
            let Some(text) = text else { return Ok(()) };
            let template = UrlTemplate {
                field: &field,
                text,
            };
            template
                .check(kind, self)
                .map_err(|why| format!("`{field}` is invalid: {why}"))
        };
        for (name, environment) in &self.environments {
            let field = |field: &str| format!("environments.{name}.{field}");
            let base_url = environment.base_url.as_ref();
            check(field("base_url"), base_url, Kind::BaseUrl)?;
            check(field("audience"), environment.audience.as_ref(), Kind::Any)?;
            check(field("issuer"), environment.issuer.as_ref(), Kind::Any)?;
            for (endpoint, text) in &environment.endpoints {
                let field = field(&format!("endpoints.{endpoint}"));
                if !ENDPOINTS.contains(&endpoint.as_str()) {
                    let meant = match nearest(endpoint, ENDPOINTS.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("expected one of {}", ENDPOINTS.join(", ")),
                    };
                    return Err(format!("`{field}` is not an endpoint; {meant}"));
                }
                check(field, Some(text), Kind::Url)?;
            }
            for (fact, text) in &environment.extra {
                check(field(&format!("extra.{fact}")), Some(text), Kind::Any)?;
            }
        }
        let endpoints = &self.endpoints;
        for (name, endpoint) in [
            ("token", &endpoints.token),
            ("refresh", &endpoints.refresh),
            ("authorize", &endpoints.authorize),
            ("device_authorization", &endpoints.device_authorization),
            ("userinfo", &endpoints.userinfo),
            ("revoke", &endpoints.revoke),
        ] {
            check(format!("endpoints.{name}"), endpoint.as_ref(), Kind::Url)?;
        }
        Ok(())
    }

    /// Validates the rules of requests against each other.
    pub(super) fn check_requests(&self) -> Result<(), String> {
        self.check_endpoints()?;
        self.check_sent_as()?;
        check_names("authorize.names", &self.authorize.names, AUTHORIZE_NAMES)?;
        self.check_callback_names()?;
        for (kind, rules) in &self.grants {
            let field = |field: &str| format!("grants.{kind}.{field}");
            check_names(&field("names"), &rules.names, TOKEN_NAMES)?;
            self.check_headers(&field("headers"), &rules.headers)?;
            check_separator(&rules.scope_separator)
                .map_err(|why| format!("`{}` {why}", field("scope_separator")))?;
            if rules.method == TokenMethod::Get && rules.body == BodyFormat::Json {
                return Err(format!(
                    "`{}` is get, which has no body: remove `body = \"json\"`",
                    field("method")
                ));
            }
            if rules.without_client_id && rules.send_client_id == Some(true) {
                return Err(format!(
                    "`{}` is true, but `without_client_id` is too: remove one of them",
                    field("send_client_id")
                ));
            }
            if rules.without_client_id {
                let allowed = [ClientAuth::None, ClientAuth::Post];
                let needs_id = rules
                    .client_auth
                    .iter()
                    .find(|auth| !allowed.contains(auth));
                if let Some(auth) = needs_id {
                    return Err(format!(
                        "`{}` is true, but client_auth {auth} needs a client ID: remove one of them",
                        field("without_client_id")
                    ));
                }
                if rules.names.contains_key("client_id") {
                    return Err(format!(
                        "`{}` renames `client_id`, but `without_client_id` is true: remove one of them",
                        field("names")
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_callback_names(&self) -> Result<(), String> {
        let names = &self.authorize.callback_names;
        check_names("authorize.callback_names", names, CALLBACK_NAMES)?;
        for (name, new) in names {
            if is_of_callback(new) && name != new {
                return Err(format!(
                    "`authorize.callback_names.{name}` is `{new}`, which is the name of another parameter"
                ));
            }
            if self.authorize.keep.contains(new) {
                return Err(format!(
                    "`authorize.keep` names `{new}`, which `authorize.callback_names` reads: remove it"
                ));
            }
        }
        Ok(())
    }

    fn check_endpoints(&self) -> Result<(), String> {
        let endpoints = &self.endpoints;
        let makes_requests = |kind: &GrantKind| {
            !self.discovery
                && (*kind != GrantKind::JwtBearer || self.assertion.sent_as != SentAs::AccessToken)
        };
        if let Some(kind) = self.grants.keys().find(|kind| makes_requests(kind))
            && !self.has_endpoint("token", endpoints.token.as_ref())
        {
            return Err(format!(
                "`endpoints.token` is missing for grant {kind}: add the URL of the token endpoint"
            ));
        }
        self.check_revocation()
    }

    fn check_revocation(&self) -> Result<(), String> {
        let endpoints = &self.endpoints;
        let mut environments = self.environments.values();
        let has_url = self.discovery
            || endpoints.revoke.is_some()
            || environments.any(|facts| facts.endpoints.contains_key("revoke"));
        let unused = [
            (
                "format",
                endpoints.revoke_format != BodyFormat::Form && !has_url,
            ),
            (
                "method",
                endpoints.revoke_method != RevocationMethod::Post && !has_url,
            ),
            (
                "token",
                endpoints.revoke_token != RevokedToken::RefreshToken && !has_url,
            ),
            ("bearer", endpoints.revoke_bearer && !has_url),
            (
                "client_auth",
                endpoints.revoke_client_auth.is_some() && !has_url,
            ),
            ("names", !endpoints.revoke_names.is_empty() && !has_url),
            ("params", !endpoints.revoke_params.is_empty() && !has_url),
        ];
        if let Some((name, _)) = unused.into_iter().find(|(_, is_unused)| *is_unused) {
            return Err(format!(
                "`endpoints.revoke_{name}` is set, but `endpoints.revoke` is missing"
            ));
        }
        match endpoints.revoke_client_auth {
            Some(auth) if endpoints.revoke_without_client => {
                return Err(format!(
                    "`endpoints.revoke_client_auth` is {auth}, but `revoke_without_client` is true: remove one of them"
                ));
            }
            Some(ClientAuth::Basic) if endpoints.revoke_bearer => {
                return Err(
                    "`endpoints.revoke_client_auth` is basic, but `revoke_bearer` fills the Authorization header: remove one of them".into(),
                );
            }
            _ => {}
        }
        let names = &endpoints.revoke_names;
        check_names("endpoints.revoke_names", names, REVOKE_NAMES)?;
        let omits = |name: &str| names.get(name).is_some_and(String::is_empty);
        if (omits("token") || omits("access_token")) && !endpoints.revoke_bearer {
            return Err(
                "`endpoints.revoke_names.token` is empty, so nothing says what to revoke: set `revoke_bearer = true`".into(),
            );
        }
        self.check_table("endpoints.revoke_params", &endpoints.revoke_params, Secrets::Of(&self.secret), |name| {
            let is_sent = names.values().any(|new| new == name);
            if REVOKE_NAMES.contains(&name) || is_sent || is_ours(name) {
                Some("is a parameter that each revocation sets itself: use `endpoints.revoke_names`")
            } else if !name.bytes().all(is_of_name) {
                Some(OF_NAMES)
            } else {
                None
            }
        })
    }

    /// Validates that some grant sends assertions in the way of `assertion.as`.
    fn check_sent_as(&self) -> Result<(), String> {
        let sent_as = self.assertion.sent_as;
        let by_grant = self.grants.get(&GrantKind::JwtBearer);
        let by_client = |auth: ClientAuth| {
            let mut grants = self.grants.values();
            grants.any(|rules| rules.client_auth.contains(&auth))
        };
        let why = match sent_as {
            SentAs::Assertion => return Ok(()),
            SentAs::ClientSecret if by_grant.is_some() => {
                "grant jwt-bearer sends its assertion as `assertion`: remove that grant"
            }
            SentAs::ClientSecret if by_client(ClientAuth::ClientSecretJwt) => {
                "client_auth client_secret_jwt has a secret: remove it"
            }
            SentAs::ClientSecret if !by_client(ClientAuth::PrivateKeyJwt) => {
                "no grant has client_auth private_key_jwt, which signs it: add it"
            }
            SentAs::ClientSecret => return Ok(()),
            SentAs::AuthorizationHeader | SentAs::AccessToken => match by_grant {
                None => "the profile has no grant jwt-bearer, which signs it: add it",
                Some(rules) if rules.client_auth != [ClientAuth::None] => {
                    "the assertion is all that authenticates: set `grants.jwt-bearer.client_auth = [\"none\"]`"
                }
                Some(rules)
                    if sent_as == SentAs::AccessToken
                        && !(rules.params.is_empty() && rules.headers.is_empty()) =>
                {
                    "`grants.jwt-bearer` has `params` or `headers`, and no request is made: remove them"
                }
                Some(_) => return Ok(()),
            },
        };
        let word = sent_as.as_str();
        Err(format!("`assertion.as` is {word}, but {why}"))
    }

    fn check_headers(
        &self,
        table: &str,
        headers: &BTreeMap<String, Templated>,
    ) -> Result<(), String> {
        for (name, value) in headers {
            let mut others = headers.keys().filter(|other| *other != name);
            if others.any(|other| other.eq_ignore_ascii_case(name)) {
                return Err(format!("`{table}.{name}` is there twice"));
            }
            match &value.0 {
                serde_json::Value::Array(_) => {
                    return Err(format!("`{table}.{name}` must be one text, not an array"));
                }
                // Placeholders are visible ASCII themselves.
                serde_json::Value::String(text) if !is_header_value(text) => {
                    return Err(format!(
                        "`{table}.{name}` must consist of visible ASCII characters and spaces"
                    ));
                }
                _ => {}
            }
        }
        self.check_table(table, headers, Secrets::Of(&self.secret), reject_header)
    }
}

/// Returns whether a text can be the value of a header (RFC 9110 section 5.5).
pub(crate) fn is_header_value(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7f).contains(&b)) && text.trim() == text
}

/// Returns why a profile can't set a header, or `None` if it can.
fn reject_header(name: &str) -> Option<&'static str> {
    // RFC 9110 section 5.6.2.
    let of_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(of_token) {
        return Some("is not the name of a header");
    }
    match name.to_ascii_lowercase().as_str() {
        "authorization" => Some("is set by `client_auth` and `assertion.as`"),
        "content-type" => Some("is set by `body`"),
        "content-length" | "host" | "accept-encoding" | "expect" => {
            Some("is set for each request by the transport")
        }
        "cookie" => Some("would belong to a browser's session"),
        // RFC 9110 section 7.6.1.
        "connection"
        | "keep-alive"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "proxy-connection"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade" => Some("is about the connection, not the request"),
        _ => None,
    }
}

fn check_names(
    table: &str,
    names: &BTreeMap<String, String>,
    known: &[&str],
) -> Result<(), String> {
    for (name, new) in names {
        if !known.contains(&name.as_str()) {
            let meant = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", known.join(", ")),
            };
            return Err(format!(
                "`{table}.{name}` is not a parameter that can be renamed; {meant}"
            ));
        }
        if new.is_empty() {
            let is_identified = known != TOKEN_NAMES && name == "client_id";
            // Some vendors' refreshes have no client authentication, unlike their code exchanges.
            let of_refresh = table == "grants.refresh-token.names" && name == "client_secret";
            if OPTIONAL.contains(&name.as_str()) || is_identified || of_refresh {
                continue;
            }
            return Err(format!(
                "`{table}.{name}` is empty, but this parameter can't be omitted"
            ));
        }
        // Some vendors' names have brackets, such as `user[scope]`.
        if !new.bytes().all(|b| is_of_name(b) || b"[]".contains(&b)) {
            return Err(format!("`{table}.{name}` {OF_NAMES}"));
        }
        // No request has both of these.
        let of_one = ["token", ACCESS_TOKEN];
        let both = |other: &str| of_one.contains(&name.as_str()) && of_one.contains(&other);
        let mut others = names
            .iter()
            .filter(|(other, _)| *other != name && !both(other));
        let is_own = |new: &str| known.contains(&new) && new != ACCESS_TOKEN;
        let taken = others.any(|(_, other)| other == new)
            || (is_own(new) && !names.contains_key(new) && name != new);
        if taken {
            return Err(format!(
                "`{table}.{name}` is `{new}`, which is the name of another parameter"
            ));
        }
    }
    Ok(())
}

pub(super) fn check_separator(separator: &str) -> Result<(), &'static str> {
    let allowed = |b: u8| b == b' ' || (b.is_ascii_punctuation() && b != b'"' && b != b'\\');
    match !separator.is_empty() && separator.bytes().all(allowed) {
        true => Ok(()),
        false => Err("must be a space or punctuation, such as \",\""),
    }
}
