//! Providers described as data.

pub(crate) mod check;
mod row;
pub(crate) mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::de::DeTable;

pub use self::template::Templated;
use crate::document;
use crate::{Algorithm, BasicEncoding, ClientAuth, Error, ErrorKind, GrantKind, Verdict, jose};

/// The fields of a profile that are tables, or tables and arrays of such tables (`*`).
const TABLES: &[&str] = &[
    "assertion",
    "authorize",
    "consent",
    "endpoints",
    "environments.*",
    "errors.*",
    "extra",
    "grants.*",
    "refresh",
    "response",
];

/// A vendor's token service, described as data.
///
/// Profiles are written in TOML. The `profile.toml` of each provider crate is an example; users'
/// own profiles have the same format. Unknown fields are rejected. [`Profile::from_toml`] also
/// validates the values; deserializing only checks their types.
///
/// Texts in [`Endpoints`] and `audience` may contain `{base_url}`: the setting of that name, or the
/// environment's base URL, without trailing slashes. Texts in [`Consent`] may contain `{scopes}`.
/// Any other placeholder is rejected when the profile is read.
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
/// Templates can't contain secrets.
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
    /// The URLs of the token service.
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
    /// How to request a person's consent to a `jwt-bearer` grant.
    pub consent: Option<Consent>,
    /// What happens to refresh tokens.
    #[serde(default)]
    pub refresh: RefreshRules,
    /// The rules for successful responses beyond RFC 6749.
    #[serde(default)]
    pub response: ResponseRules,
    /// The `extra.*` settings by name, with descriptions.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
    /// The meaning of the vendor's errors. The first matching row decides.
    #[serde(default)]
    pub errors: Vec<ErrorRow>,
}

/// One deployment of a provider.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Environment {
    /// The base URL of the endpoints. If absent, the setting `base_url` is required.
    pub base_url: Option<String>,
    /// The audience of `jwt-bearer` assertions, independent of the endpoint.
    pub audience: Option<String>,
    /// Who this deployment is for.
    pub about: String,
    /// Facts about this deployment that every token has in `extra`, such as the API's base URL.
    pub extra: BTreeMap<String, String>,
}

/// The URLs of a token service, as templates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Endpoints {
    /// The token endpoint (RFC 6749 section 3.2).
    pub token: String,
    /// The authorization endpoint (RFC 6749 section 3.1).
    pub authorize: Option<String>,
    /// Whether authorization responses always contain the issuer in `iss`. The name is that of the
    /// server's metadata (RFC 9207 section 3).
    ///
    /// If true, a response is rejected if it has no `iss`, or another one than the setting
    /// `issuer`, which defaults to the base URL.
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
    /// The endpoint that returns whom a token is for.
    pub userinfo: Option<String>,
    /// The revocation endpoint (RFC 7009).
    pub revoke: Option<String>,
    /// Whether a revocation request has only the token, without client authentication.
    #[serde(default)]
    pub revoke_without_client: bool,
}

/// The rules of one grant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantRules {
    /// The supported client authentications. The first one is the default.
    pub client_auth: Vec<ClientAuth>,
    /// The default of the setting `scopes`.
    #[serde(default)]
    pub default_scopes: Vec<String>,
    /// Scopes that the grant requires.
    #[serde(default)]
    pub required_scopes: Vec<String>,
    /// Scopes of which an authorization must request one to get a refresh token.
    #[serde(default)]
    pub refresh_scopes: Vec<String>,
    /// Whether the token request contains `scope`.
    #[serde(default)]
    pub send_scope: bool,
    /// Whether a `jwt-bearer` request without client authentication contains `client_id` in
    /// addition to its assertion. Requests of the other grants always do.
    #[serde(default)]
    pub send_client_id: bool,
    /// Whether the code exchange repeats `redirect_uri` (RFC 6749 section 4.1.3).
    #[serde(default)]
    pub send_redirect_uri: bool,
    /// Whether an authorization without PKCE is rejected. Logins always use it.
    #[serde(default)]
    pub pkce_required: bool,
    /// Settings that this grant requires, in addition to those of every provider.
    #[serde(default)]
    pub required: Vec<String>,
    /// Additional parameters of the token request, as templates.
    ///
    /// A parameter overrides one of the grant, such as a `grant_type` that only this vendor has. An
    /// array becomes one parameter for each item. `client_*`, `assertion`, `code`, `code_verifier`
    /// and `refresh_token` are rejected.
    #[serde(default)]
    pub params: BTreeMap<String, Templated>,
}

/// The authorization request and its response, beyond RFC 6749 section 4.1.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthorizeRules {
    /// Whether a login with the scope `openid` sends a `nonce`, which the ID token must repeat
    /// (OpenID Connect Core section 3.1.2.1). True by default.
    pub nonce: bool,
    /// Parameters of the authorization request as templates, such as `access_type = "offline"`. The
    /// setting `authorize.NAME` overrides one of that name. Those of the protocol itself are
    /// rejected.
    pub params: BTreeMap<String, Templated>,
    /// The `prompt` of logins with the scope `offline_access`. Servers may ignore that scope unless
    /// the prompt is `consent` (OpenID Connect Core section 11).
    pub offline_access_prompt: Option<String>,
    /// Parameters of the callback that are stored with the grant and returned as `extra`, such as
    /// QuickBooks' `realmId`.
    pub keep: Vec<String>,
    /// The ports that a redirect URI on the loopback may have, if known.
    pub loopback_port: Option<LoopbackPort>,
}

/// How an authorization server compares the port of a redirect URI on the loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoopbackPort {
    /// Any port is accepted (RFC 8252 section 7.3).
    Any,
    /// The port must be the registered one.
    Exact,
}

/// The contents of an assertion (RFC 7523 section 3).
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AssertionRules {
    /// The algorithms that the vendor accepts. The first one that the key supports is the default.
    #[serde(deserialize_with = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// The lifetime from now, in seconds.
    pub ttl_s: u32,
    /// The maximum lifetime that the vendor accepts, in seconds.
    pub max_ttl_s: u32,
    /// How far `iat` is in the past, in seconds, to tolerate clocks that differ.
    pub backdate_s: u32,
    /// Whether `iat` is sent.
    pub issued_at: bool,
    /// Whether `jti` is sent.
    pub jwt_id: bool,
    /// Whether the assertion contains the scopes.
    pub scope_claim: bool,
    /// The audience of `private_key_jwt` and `client_secret_jwt`: `token_url` or `issuer`.
    pub client_audience: ClientAudience,
    /// Additional claims, as templates. They override the default ones.
    ///
    /// They are part of the assertion of the `jwt-bearer` grant. With any other grant, they are
    /// part of the assertion that authenticates the client. If there is a template for `sub`, the
    /// setting `subject` is required only if the template contains `{subject}`; `sub =
    /// "{subject?}"` makes it optional. `exp`, `iat`, `jti` and `nbf` are rejected, because each
    /// assertion has its own.
    pub claims: BTreeMap<String, Templated>,
    /// Additional header members of every assertion, as templates. They override `typ` and `kid`.
    /// `alg`, `b64`, `crit` and `x5c` are rejected.
    pub header: BTreeMap<String, Templated>,
    /// Whether the header of every assertion contains the key's certificates in `x5c` (RFC 7515
    /// section 4.1.6).
    pub x5c: bool,
}

/// The audience of client authentication assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAudience {
    /// The URL of the token endpoint.
    #[default]
    TokenUrl,
    /// The issuer: the setting `issuer`, which defaults to the base URL (RFC 8414 section 2).
    Issuer,
}

/// How consent is requested.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Consent {
    /// The scopes that an individual consents to. `{scopes}` stands for the connection's.
    pub individual: String,
    /// The request for an administrator's consent on behalf of all users.
    pub admin: Option<AdminConsent>,
}

/// The parameters of a request for an administrator's consent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AdminConsent {
    /// The value of `scope`.
    pub scope: String,
    /// The value of `admin_consent_scope`. `{scopes}` stands for the connection's.
    pub admin_consent_scope: String,
}

/// What happens to refresh tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RefreshRules {
    /// Whether a refresh returns a new refresh token.
    pub rotation: Rotation,
    /// For how many seconds the previous refresh token may be sent again after a lost response. 0
    /// if that isn't known to be safe.
    pub grace_s: u32,
    /// Days until an unused refresh token expires, if known.
    pub idle_days: Option<u32>,
    /// Days until the grant expires even if it is used, if known.
    pub absolute_days: Option<u32>,
}

/// Whether a refresh replaces the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rotation {
    /// Every response contains a new one.
    Always,
    /// It depends on the app's configuration at the vendor.
    Sometimes,
    /// The refresh token never changes.
    Never,
}

/// How a successful response is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseRules {
    /// Members of the response that are kept and returned as `extra`.
    pub keep: Vec<String>,
    /// Token types in addition to `Bearer`, each with the scheme of its `Authorization` header,
    /// such as `bot = "Bearer"`.
    ///
    /// If there are any, all other types are rejected. If there are none, every type is sent as
    /// `Bearer`, except those known to need a proof, such as `DPoP`, which are rejected.
    pub token_types: BTreeMap<String, String>,
    /// The lifetime to assume if the response has no `expires_in`, in seconds.
    pub assume_lifetime_s: Option<u32>,
    /// The header that contains the vendor's trace id.
    pub trace_header: Option<String>,
}

/// The meaning of one of the vendor's errors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ErrorRow {
    /// Matches only these grants; all if empty.
    #[serde(default)]
    pub grants: Vec<GrantKind>,
    /// Matches only these client authentications; all if empty.
    #[serde(default)]
    pub client_auth: Vec<ClientAuth>,
    /// Matches only this HTTP status. If it is a 2xx, a response without an access token is this
    /// error.
    pub status: Option<u16>,
    /// Matches only this `error`, or the code that the response has instead.
    pub error: Option<String>,
    /// Matches only if the response's `error_description`, or the message that it has instead,
    /// contains this text. Ignores case. `""` matches a response without a message.
    pub description: Option<String>,
    /// What happened.
    pub kind: ErrorKind,
    /// What to do. Defaults to the kind's verdict.
    pub verdict: Option<Verdict>,
    /// One sentence that says what to do.
    pub hint: String,
    /// The setting that the error is about.
    pub setting: Option<String>,
    /// Seconds to wait if the response has no `Retry-After`.
    pub retry_after_s: Option<u32>,
}

impl Profile {
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

impl Default for AuthorizeRules {
    fn default() -> Self {
        Self {
            nonce: true,
            params: BTreeMap::new(),
            offline_access_prompt: None,
            keep: Vec::new(),
            loopback_port: None,
        }
    }
}

impl Default for AssertionRules {
    fn default() -> Self {
        Self {
            algorithms: Vec::new(),
            ttl_s: 300,
            max_ttl_s: 3600,
            backdate_s: 60,
            issued_at: true,
            jwt_id: false,
            scope_claim: false,
            client_audience: ClientAudience::default(),
            claims: BTreeMap::new(),
            header: BTreeMap::new(),
            x5c: false,
        }
    }
}

impl Default for RefreshRules {
    /// The safe assumptions: a refresh may replace the refresh token, which must not be sent again.
    fn default() -> Self {
        Self {
            rotation: Rotation::Sometimes,
            grace_s: 0,
            idle_days: None,
            absolute_days: None,
        }
    }
}

/// Returns where the text is wrong and why, if it is.
fn read(text: &str) -> Result<Profile, (usize, String)> {
    let explain = |error: toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, document::explain(text, error))
    };
    let table = DeTable::parse(text).map_err(explain)?;
    document::only_tables(table.get_ref(), TABLES)?;
    Profile::deserialize(toml::de::Deserializer::from(table)).map_err(explain)
}

fn algorithms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Algorithm>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let algorithms = names.iter().map(|name| name.parse());
    let algorithms = algorithms.collect::<Result<_, jose::Error>>();
    algorithms.map_err(|error| D::Error::custom(error.message()))
}
