//! Providers described as data.

mod assertion;
mod authorize;
pub(crate) mod check;
pub(crate) mod check_request;
mod check_response;
mod device;
pub(crate) mod environment;
mod fields;
mod grant;
pub(crate) mod late;
mod lookup;
mod mistakes;
pub(crate) mod pointer;
mod refresh;
mod response;
mod row;
mod schema;
pub(crate) mod template;
#[cfg(test)]
mod tests;
pub(crate) mod url_template;
pub(crate) mod usage;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::de::DeTable;

pub use self::assertion::{AssertionRules, ClientAudience, SentAs};
pub use self::authorize::{AdminConsent, AuthorizeRules, Consent, LoopbackPort};
pub use self::device::DeviceRules;
pub use self::environment::{Endpoints, Environment, RevocationMethod, RevokedToken};
pub use self::fields::{FIELDS, Field, Kind};
pub use self::grant::{BasicUser, GrantRules, PkceSupport, TokenMethod};
pub use self::lookup::LookupRules;
pub use self::mistakes::{Mistake, find_mistakes};
pub use self::pointer::{Pointer, Pointers};
pub use self::refresh::{RefreshRules, Rotation};
pub(crate) use self::response::DEFAULT_LIFETIME_S;
pub use self::response::{ExpiresAs, Kept, ResponseRules};
pub use self::row::ErrorRow;
pub use self::schema::json_schema;
pub use self::template::Templated;
pub use self::usage::UseRules;
use crate::document;
use crate::{Algorithm, BasicEncoding, Error, ErrorKind, GrantKind};

/// The fields of a profile that are tables, or tables and arrays of such tables (`*`).
const TABLES: &[&str] = &[
    "assertion",
    "authorize",
    "consent",
    "device",
    "endpoints",
    "environments.*",
    "errors.*",
    "extra",
    "grants.*",
    "lookup",
    "refresh",
    "response",
    "secret",
    "use",
];

/// A vendor's token service, described as data.
///
/// Profiles are written in TOML. The `profile.toml` of each provider crate is an example; users'
/// own profiles have the same format. Unknown fields are rejected. [`Profile::from_toml`] also
/// validates the values; deserializing only checks their types.
///
/// Texts in [`Endpoints`] and [`Environment`] may contain `{base_url}`, `{client_id}` and
/// `{extra.NAME}`, with the fallbacks and filters of [templates](#templates). `{base_url}` is the
/// setting of that name, or the environment's base URL, without trailing slashes. In a host, a value
/// may only consist of letters, digits, `-` and `.`; anywhere else in a URL it is percent-encoded, so
/// it can't change which server is meant. Texts in [`Consent`] may contain `{scopes}`. Any other
/// placeholder is rejected when the profile is read.
///
/// # Example
///
/// ```
/// use countersign_core::Profile;
///
/// let profile = Profile::from_toml(r#"
///     id = "acme"
///     name = "Acme"
///     documentation = "https://acme.example/docs/oauth"
///     [environments.production]
///     base_url = "https://login.acme.example"
///     [endpoints]
///     token = "{base_url}/token"
///     [grants.client-credentials]
///     client_auth = ["post"]
/// "#)?;
/// assert_eq!(profile.id, "acme");
/// # Ok::<(), countersign_core::Error>(())
/// ```
///
/// # Templates
///
/// Requirements of a vendor beyond the RFCs are templates in [`AssertionRules::claims`],
/// [`AssertionRules::header`], [`GrantRules::params`] and [`AuthorizeRules::params`]. Values are
/// texts, numbers, booleans and arrays of these. A text may contain placeholders:
///
/// | Placeholder | Value |
/// |---|---|
/// | `{client_id}` `{subject}` `{audience}` `{issuer}` | the setting of that name |
/// | `{base_url}` `{token_url}` | the URL in use, from the setting or the environment |
/// | `{scopes}` | the requested scopes, separated by spaces |
/// | `{key_id}` | the setting, or the `kid` that came with the key |
/// | `{extra.NAME}` | the setting of that name, which must be in the profile's `extra` |
/// | `{cert_sha256}` `{cert_sha1}` | the thumbprint of the key's certificate in base64url: `x5t#S256` and `x5t` (RFC 7515 sections 4.1.7 and 4.1.8) |
/// | `{spki_sha256}` | the SHA-256 of the public key's SubjectPublicKeyInfo in base64 with padding |
///
/// If a placeholder has no value, the connection is rejected, and the error names the setting.
/// `{name?}` omits the entry or array item instead, and with it the default member of that name.
/// `{name:text}` falls back to the text. Filters follow, and apply from left to right: `|upper`,
/// `|lower`, `|dash` (replaces `_` with `-`) and `|label` (keeps the part before the first dot).
/// `{client_secret}` and `{secret.NAME}`, which must be in the profile's `secret`, are allowed in
/// [`GrantRules::params`], [`GrantRules::headers`], [`Endpoints::revoke_params`] and
/// [`UseRules::headers`], without a fallback and filters. Other templates can't contain secrets.
///
/// The certificate is the one that comes with the private key, in the same PEM file or PKCS#12
/// file.
///
/// ```
/// use countersign_core::Profile;
///
/// Profile::from_toml(r##"
///     id = "acme"
///     name = "Acme"
///     documentation = "https://acme.example/docs/oauth"
///     environments.production.base_url = "https://login.acme.example"
///     endpoints.token = "{base_url}/token"
///     extra.tenant = "the tenant's name"
///
///     [grants.jwt-bearer]
///     client_auth = ["none"]
///     params = { tenant = "{extra.tenant}" }
///
///     [assertion]
///     algorithms = ["RS256"]
///     header = { "x5t#S256" = "{cert_sha256}" }
///
///     [assertion.claims]
///     iss = "{extra.tenant|upper}.{client_id}"
///     scp = ["{scopes?}"]
///     ver = 2
/// "##)?;
///
/// let error = Profile::from_toml(r#"
///     id = "acme"
///     name = "Acme"
///     documentation = "https://acme.example/docs/oauth"
///     environments.production.base_url = "https://login.acme.example"
///     endpoints.token = "{base_url}/token"
///     grants.client-credentials.client_auth = ["post"]
///     assertion.claims.sub = "{client_secret}"
/// "#).unwrap_err();
/// assert!(error.message().ends_with("is secret, and templates can't contain secrets"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Profile {
    /// The value of the setting `provider`.
    pub id: String,
    /// The vendor's name for people.
    pub name: String,
    /// The URL of the vendor's documentation of its token service.
    pub documentation: String,
    /// The deployments, by the value of the setting `environment`.
    pub environments: BTreeMap<String, Environment>,
    /// Whether the endpoints come from the metadata of the issuer (RFC 8414, OpenID Connect
    /// Discovery). Those in `endpoints` override it.
    #[serde(default)]
    pub discovery: bool,
    /// The URLs of the token service.
    #[serde(default)]
    pub endpoints: Endpoints,
    /// The supported grants, by the value of the setting `grant`.
    pub grants: BTreeMap<GrantKind, GrantRules>,
    /// The default of the setting `basic_encoding`; `raw` if absent.
    pub basic_encoding: Option<BasicEncoding>,
    /// The rules for assertions, of the `jwt-bearer` grant and of `private_key_jwt`.
    #[serde(default)]
    pub assertion: AssertionRules,
    /// The rules for authorization requests beyond the RFCs.
    #[serde(default)]
    pub authorize: AuthorizeRules,
    /// The rules for logins on another device beyond RFC 8628.
    #[serde(default)]
    pub device: DeviceRules,
    /// How to request a person's consent to a `jwt-bearer` grant.
    pub consent: Option<Consent>,
    /// What happens to refresh tokens.
    #[serde(default)]
    pub refresh: RefreshRules,
    /// The rules for successful responses beyond RFC 6749.
    #[serde(default)]
    pub response: ResponseRules,
    /// How an API request carries the token.
    #[serde(default, rename = "use")]
    pub usage: UseRules,
    /// How to find out whose a token is.
    pub lookup: Option<LookupRules>,
    /// The `extra.*` settings by name, with descriptions.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// The `secret.*` settings by name, with descriptions: secrets besides the client's own.
    #[serde(default)]
    pub secret: BTreeMap<String, String>,
    /// The meaning of the vendor's errors. The first matching row decides.
    #[serde(default)]
    pub errors: Vec<ErrorRow>,
}

impl Profile {
    /// Returns whether every deployment has this endpoint: one of its own, or that of all.
    pub(crate) fn has_endpoint(&self, name: &str, of_all: Option<&String>) -> bool {
        let mut environments = self.environments.values();
        of_all.is_some() || environments.all(|facts| facts.endpoints.contains_key(name))
    }

    /// Reads a profile from TOML and validates it.
    ///
    /// # Errors
    ///
    /// If the text is not TOML, a field is unknown, missing or of the wrong type, or two fields
    /// contradict each other. The message names the field.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::Profile;
    ///
    /// let profile = Profile::from_toml(r#"
    ///     id = "acme"
    ///     name = "Acme"
    ///     documentation = "https://acme.example/docs"
    ///     environments.production.base_url = "https://login.acme.example"
    ///     endpoints.token = "{base_url}/token"
    ///     grants.client-credentials.client_auth = ["post"]
    /// "#)?;
    /// assert_eq!(profile.name, "Acme");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let profile = read(text).map_err(|(at, why)| {
            let line = match at {
                0 => String::new(),
                at => format!(" in line {}", document::line(text, at)),
            };
            Error::new(ErrorKind::Setting, format!("profile{line}: {why}"))
        })?;
        profile.check().map_err(|why| {
            Error::new(
                ErrorKind::Setting,
                format!("profile `{}`: {why}", profile.id),
            )
        })?;
        Ok(profile)
    }

    /// Returns the algorithms for assertions, the preferred one first.
    ///
    /// That is `asked`, the setting `algorithm`, if it is set. Otherwise it is all that the vendor
    /// accepts; if empty, the key decides.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] for `algorithm` if the vendor doesn't accept `asked`.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Algorithm, Profile};
    ///
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     grants.jwt-bearer.client_auth = ["none"]
    /// #     assertion.algorithms = ["RS256", "ES256"]
    /// # "#)?;
    /// assert_eq!(profile.algorithms(None)?, [Algorithm::RS256, Algorithm::ES256]);
    /// assert_eq!(profile.algorithms(Some(Algorithm::ES256))?, [Algorithm::ES256]);
    /// let error = profile.algorithms(Some(Algorithm::EdDSA)).unwrap_err();
    /// assert_eq!(error.message(), "`algorithm` is EdDSA, which Acme does not accept");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn algorithms(&self, asked: Option<Algorithm>) -> Result<Vec<Algorithm>, Error> {
        let accepted = &self.assertion.algorithms;
        match asked {
            None => Ok(accepted.clone()),
            Some(asked) if accepted.is_empty() || accepted.contains(&asked) => Ok(vec![asked]),
            Some(asked) => {
                let name = &self.name;
                let words: Vec<_> = accepted.iter().map(|a| a.as_str()).collect();
                let message = format!("`algorithm` is {asked}, which {name} does not accept");
                Err(Error::setting("algorithm", message)
                    .with_hint(format!("set algorithm to one of: {}", words.join(", "))))
            }
        }
    }
}

/// Returns where the text is wrong and why, if it is.
fn read(text: &str) -> Result<Profile, (usize, String)> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, document::explain(text, &error))
    })?;
    document::only_tables(table.get_ref(), TABLES)?;
    document::read(table).map_err(|problem| (problem.at(), problem.explain()))
}
