//! A provider described as data.

pub(crate) mod check;
mod read;
mod row;
pub(crate) mod template;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use self::template::Templated;
use crate::document;
use crate::{Algorithm, BasicEncoding, ClientAuth, Error, ErrorKind, GrantKind, Verdict};

/// What a vendor's token service is like: everything that can be said without code.
///
/// The text is TOML; every provider crate's `profile.toml` is an example, and the same engine
/// reads the profiles that users bring. Unknown fields are refused.
///
/// Texts in [`Endpoints`] and `audience` may hold `{base_url}`: the environment's base URL or the
/// setting of that name, without slashes at its end. Texts in [`Consent`] may hold `{scopes}`. Any
/// other placeholder is rejected when the profile is read.
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
/// What a vendor wants in an assertion or a request beyond the RFCs is written in
/// [`AssertionRules::claims`], [`AssertionRules::header`], [`GrantRules::params`] and
/// [`AuthorizeRules::params`]. Values are texts, numbers, truth values and arrays of these. A text may have holes:
///
/// | hole | is filled with |
/// |---|---|
/// | `{client_id}` `{subject}` `{audience}` `{issuer}` | the setting of that name |
/// | `{base_url}` `{token_url}` | the URL that is used, by setting or environment |
/// | `{scopes}` | the requested scopes, separated by spaces |
/// | `{key_id}` | the setting, or the `kid` that came with the key |
/// | `{extra.NAME}` | the setting of that name, which the profile's `extra` must list |
/// | `{cert_sha256}` `{cert_sha1}` | the thumbprint of the key's certificate in base64url: `x5t#S256` and `x5t` (RFC 7515 sections 4.1.7 and 4.1.8) |
/// | `{spki_sha256}` | the SHA-256 of the public key's SubjectPublicKeyInfo in base64 with padding |
///
/// Where there is nothing to fill a hole with, the connection is refused, naming the setting;
/// `{name?}` leaves the entry out instead, or the item of an array, and with it the usual member
/// of that name; `{name:text}` takes the text. Behind that come filters, from left to right:
/// `|upper`, `|lower`, `|dash` (`_` becomes `-`), `|label` (what is before the first dot). There is
/// nothing more to the language; a secret cannot be named in it.
///
/// The certificate is what comes with the private key: beside it in the PEM file, or in the
/// PKCS#12 file.
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
/// assert!(error.message().ends_with("is secret, and no secret goes into a template"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Profile {
    /// The word used in the setting `provider`.
    pub id: String,
    /// The vendor's name, as people write it.
    pub name: String,
    /// The vendor's page on its token service.
    pub documentation: String,
    /// The deployments, by the word used in the setting `environment`.
    pub environments: BTreeMap<String, Environment>,
    /// Where requests and browsers go.
    pub endpoints: Endpoints,
    /// The grants on offer, by the word used in the setting `grant`.
    pub grants: BTreeMap<GrantKind, GrantRules>,
    /// How id and secret are written in Basic, where the setting `basic_encoding` does not say;
    /// `raw` where absent.
    pub basic_encoding: Option<BasicEncoding>,
    /// What assertions look like: the `jwt-bearer` grant's and `private_key_jwt`'s.
    pub assertion: AssertionRules,
    /// What the authorization endpoint wants and gives beyond the RFCs.
    pub authorize: AuthorizeRules,
    /// How a person is asked for consent ahead of a `jwt-bearer` grant.
    pub consent: Option<Consent>,
    /// What happens to refresh tokens.
    pub refresh: RefreshRules,
    /// How a successful answer is read beyond RFC 6749.
    pub response: ResponseRules,
    /// The `extra.*` settings, by name, with what each is for.
    pub extra: BTreeMap<String, String>,
    /// What the vendor's refusals mean; the first row that fits decides.
    pub errors: Vec<ErrorRow>,
}

/// One deployment of a provider.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The base of the endpoints. Where absent, the setting `base_url` must be given.
    pub base_url: Option<String>,
    /// The audience of `jwt-bearer` assertions: apart from the endpoint.
    pub audience: Option<String>,
    /// For whom this deployment is.
    pub about: String,
    /// Facts about this deployment that come along with every token, such as the API's base.
    pub extra: BTreeMap<String, String>,
}

/// The URLs of a token service, as templates.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// The token endpoint (RFC 6749 section 3.2).
    pub token: String,
    /// The authorization endpoint (RFC 6749 section 3.1).
    pub authorize: Option<String>,
    /// Whether the authorization endpoint's answers always name the issuer in `iss`; the name is
    /// that of the server's metadata (RFC 9207 section 3). Then an answer without `iss` is
    /// refused, and one with another than the setting `issuer`, or where that is not set than the
    /// base URL.
    pub authorization_response_iss_parameter_supported: bool,
    /// Who the token stands for.
    pub userinfo: Option<String>,
    /// Revocation (RFC 7009).
    pub revoke: Option<String>,
    /// Whether revocation takes a token alone, without client authentication.
    pub revoke_without_client: bool,
}

/// The rules of one grant.
#[derive(Clone, Debug)]
pub struct GrantRules {
    /// The client authentications that work; the first is the default. Never probed.
    pub client_auth: Vec<ClientAuth>,
    /// Scopes asked for where none are set.
    pub default_scopes: Vec<String>,
    /// Scopes without which the grant cannot work.
    pub required_scopes: Vec<String>,
    /// Scopes that an authorization must ask for to get a refresh token; any one is enough.
    pub refresh_scopes: Vec<String>,
    /// Whether the token request carries `scope`.
    pub send_scope: bool,
    /// Whether a `jwt-bearer` request without client authentication carries `client_id` besides its
    /// assertion. Requests of the other grants always do.
    pub send_client_id: bool,
    /// Whether the code exchange repeats `redirect_uri` (RFC 6749 section 4.1.3).
    pub send_redirect_uri: bool,
    /// Whether an authorization without PKCE is rejected. Logins always use it.
    pub pkce_required: bool,
    /// Settings this grant needs besides those every provider needs for it.
    pub required: Vec<String>,
    /// Parameters of the token request besides the grant's own, as templates. One of the same
    /// name takes the place of the grant's, such as a `grant_type` that only this vendor has; an
    /// array comes once for each item. `client_*`, `assertion`, `code`, `code_verifier` and
    /// `refresh_token` are refused.
    pub params: BTreeMap<String, Templated>,
}

/// The authorization request and its response, beyond RFC 6749 section 4.1.
#[derive(Clone, Debug)]
pub struct AuthorizeRules {
    /// Parameters of the authorization request as templates, such as `access_type = "offline"`. The
    /// setting `authorize.NAME` overrides one of that name. Those of the protocol itself are
    /// rejected.
    pub params: BTreeMap<String, Templated>,
    /// Whether a login that asks for the scope `openid` sends a `nonce`, which the ID token must
    /// repeat (OpenID Connect Core section 3.1.2.1); true by default.
    pub nonce: bool,
    /// The `prompt` of logins that ask for the scope `offline_access`: servers may ignore that
    /// scope unless it is `consent` (OpenID Connect Core section 11).
    pub offline_access_prompt: Option<String>,
    /// Parameters of the callback that are kept with the grant and given out as `extra`, such as
    /// QuickBooks' `realmId`.
    pub keep: Vec<String>,
    /// Which ports a redirect URI on the loopback may have, if that is known.
    pub loopback_port: Option<LoopbackPort>,
}

/// How an authorization server compares the port of a redirect URI on the loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopbackPort {
    /// Any port is accepted (RFC 8252 section 7.3).
    Any,
    /// The port must be the registered one.
    Exact,
}

/// What goes into an assertion (RFC 7523 section 3).
#[derive(Clone, Debug)]
pub struct AssertionRules {
    /// The algorithms that are accepted; the first that the key can do is the default.
    pub algorithms: Vec<Algorithm>,
    /// The lifetime from now, in seconds.
    pub ttl_s: u32,
    /// The longest lifetime that is accepted, in seconds.
    pub max_ttl_s: u32,
    /// How far `iat` is put back, in seconds, against clocks that differ.
    pub backdate_s: u32,
    /// Whether `iat` is sent.
    pub issued_at: bool,
    /// Whether `jti` is sent.
    pub jwt_id: bool,
    /// Whether the scopes travel inside the assertion.
    pub scope_claim: bool,
    /// The audience of `private_key_jwt` and `client_secret_jwt`: `token_url` or `issuer`.
    pub client_audience: ClientAudience,
    /// Claims as templates, besides the usual ones or in their place. With a template for `sub`,
    /// the setting `subject` is needed only if that names it as `{subject}`: `sub = "{subject?}"`
    /// makes it optional. They go into the assertion
    /// of the `jwt-bearer` grant; where the connection asks by another grant, into the one that
    /// authenticates the client. `exp`, `iat`, `jti` and `nbf` are refused: they make an assertion
    /// fresh.
    pub claims: BTreeMap<String, Templated>,
    /// Header members as templates, besides `typ` and `kid` or in their place, in every assertion.
    /// `alg`, `b64`, `crit` and `x5c` are refused.
    pub header: BTreeMap<String, Templated>,
    /// Whether the header of every assertion carries the key's certificates in `x5c` (RFC 7515
    /// section 4.1.6).
    pub x5c: bool,
}

/// The audience of client authentication assertions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAudience {
    /// The URL of the token endpoint.
    #[default]
    TokenUrl,
    /// The issuer: the setting `issuer`, else the base URL (RFC 8414 section 2).
    Issuer,
}

/// How consent is asked for.
#[derive(Clone, Debug)]
pub struct Consent {
    /// The scopes an individual is asked for; `{scopes}` stands for the connection's.
    pub individual: String,
    /// What an administrator is asked for on behalf of everybody.
    pub admin: Option<AdminConsent>,
}

/// The parameters of an administrator's consent.
#[derive(Clone, Debug)]
pub struct AdminConsent {
    /// The value of `scope`.
    pub scope: String,
    /// The value of `admin_consent_scope`; `{scopes}` stands for the connection's.
    pub admin_consent_scope: String,
}

/// What becomes of a refresh token when it is used.
#[derive(Clone, Debug)]
pub struct RefreshRules {
    /// Whether an answer brings a new refresh token.
    pub rotation: Rotation,
    /// For how many seconds the previous refresh token may be sent again after a lost answer;
    /// 0 where that is not known to be safe.
    pub grace_s: u32,
    /// Days until an unused refresh token dies, where known.
    pub idle_days: Option<u32>,
    /// Days until the grant dies however often it is used, where known.
    pub absolute_days: Option<u32>,
}

/// Whether refreshing replaces the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// Every answer brings a new one.
    Always,
    /// Depending on how the app is set up.
    Sometimes,
    /// The same one is used for ever.
    Never,
}

/// How a successful answer is read.
#[derive(Clone, Debug, Default)]
pub struct ResponseRules {
    /// Members of the answer that are kept and given out as `extra`.
    pub keep: Vec<String>,
    /// The types of tokens that are accepted besides `Bearer`, each with the scheme by which such a
    /// token is presented, such as `bot = "Bearer"`. If there are any, all others are rejected. If
    /// there are none, a token of another type is presented as `Bearer`, unless its type is known
    /// to need a proof, such as `DPoP`: that is rejected.
    pub token_types: BTreeMap<String, String>,
    /// The lifetime to assume where the answer has no `expires_in`, in seconds.
    pub assume_lifetime_s: Option<u32>,
    /// The header that holds the vendor's trace id.
    pub trace_header: Option<String>,
}

/// What one kind of refusal means.
#[derive(Clone, Debug)]
pub struct ErrorRow {
    /// Only for these grants; empty for all.
    pub grants: Vec<GrantKind>,
    /// Only for apps that prove themselves so; empty for all.
    pub client_auth: Vec<ClientAuth>,
    /// Only with this HTTP status. A row that names a 2xx makes a response without an access token
    /// the failure it describes.
    pub status: Option<u16>,
    /// The response's `error`, or the code that it has instead.
    pub error: Option<String>,
    /// A part of the response's `error_description`, or of the words that it has instead, in any
    /// case; `""` means that there are none.
    pub description: Option<String>,
    /// What it is.
    pub kind: ErrorKind,
    /// What to do; by default what goes with the kind.
    pub verdict: Option<Verdict>,
    /// One sentence on what to do.
    pub hint: String,
    /// The setting to look at.
    pub setting: Option<String>,
    /// Seconds to wait where the answer does not say.
    pub retry_after_s: Option<u32>,
}

impl Profile {
    /// Reads a profile from TOML and checks that it holds together.
    ///
    /// # Errors
    ///
    /// Where the text is not TOML, a field is unknown, missing or of the wrong type, or a
    /// template or rule contradicts another; the message names the field.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let profile = document::parse(text).and_then(Self::read);
        let profile = profile.map_err(|refusal| {
            let line = refusal.line(text).map(|line| format!(" in line {line}"));
            let line = line.unwrap_or_default();
            Error::new(
                ErrorKind::Setting,
                format!("profile{line}: {}", refusal.message),
            )
        })?;
        profile.check().map_err(|why| {
            Error::new(
                ErrorKind::Setting,
                format!("profile `{}`: {why}", profile.id),
            )
        })?;
        Ok(profile)
    }

    /// What assertions may be signed with, the first choice first: what the setting `algorithm`
    /// asks for, or all that the vendor accepts. Empty where the key alone decides.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`], naming `algorithm`, where the vendor does not accept what is asked.
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
                    .with_hint(format!("{name} accepts {}", words.join(", "))))
            }
        }
    }
}

impl Default for AuthorizeRules {
    fn default() -> Self {
        Self {
            params: BTreeMap::new(),
            nonce: true,
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
    /// What is safe where nothing is known: the token may be replaced, and must not be replayed.
    fn default() -> Self {
        Self {
            rotation: Rotation::Sometimes,
            grace_s: 0,
            idle_days: None,
            absolute_days: None,
        }
    }
}
