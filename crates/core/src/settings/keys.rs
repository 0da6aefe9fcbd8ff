//! The table of all settings, for the parser, the command and the bindings.

/// One setting of a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SettingKey {
    /// The name, the same in every language.
    pub name: &'static str,
    /// Whether it is secret. Then `NAME_file` and `NAME_env` are settings too.
    pub secret: bool,
    /// A description of one line.
    pub about: &'static str,
}

/// All settings except the vendors' own (`extra.NAME`) and `authorize.NAME`.
///
/// # Example
///
/// ```
/// use countersign_core::SETTINGS;
///
/// let key = SETTINGS.iter().find(|setting| setting.name == "private_key").unwrap();
/// assert!(key.secret);
/// ```
pub const SETTINGS: &[SettingKey] = &[
    public("provider", "the id of the vendor's provider"),
    public(
        "environment",
        "the vendor's deployment, such as demo or production",
    ),
    public(
        "grant",
        "how a token is requested: jwt-bearer, authorization-code, device-code, refresh-token or client-credentials",
    ),
    public("client_id", "the app's id: integration key, consumer key"),
    secret("client_secret", "the app's secret"),
    public(
        "client_auth",
        "how the app authenticates: none, basic, post, private_key_jwt or client_secret_jwt",
    ),
    public(
        "basic_encoding",
        "raw or rfc6749: whether id and secret are form-encoded in Basic",
    ),
    secret(
        "private_key",
        "the private key: PEM, DER, PKCS#12, JWK, Google's or Box's JSON, or a pkcs11: URI",
    ),
    secret(
        "private_key_passphrase",
        "the passphrase of an encrypted private key, or the PIN of a PKCS#11 device",
    ),
    public("key_id", "the `kid` of assertions"),
    public("algorithm", "the `alg` of assertions, such as RS256"),
    public(
        "subject",
        "the user that an assertion is for: user id or user name",
    ),
    public(
        "audience",
        "the `aud` of assertions, independent of the endpoint",
    ),
    public("scopes", "the scopes to request, separated by spaces"),
    public("assertion_ttl_s", "lifetime of assertions, in seconds"),
    public(
        "redirect_uri",
        "the URI that the browser returns to after a login",
    ),
    secret(
        "refresh_token",
        "a refresh token to start from, obtained elsewhere",
    ),
    public(
        "base_url",
        "base URL of the endpoints, instead of the environment's",
    ),
    public("token_url", "the token endpoint, instead of the provider's"),
    public(
        "authorize_url",
        "the authorization endpoint, instead of the provider's",
    ),
    public(
        "issuer",
        "the server's issuer: the audience of client assertions, and the issuer of login responses",
    ),
    public(
        "resource",
        "the URL of the protected API, whose metadata names the issuer; requests contain it",
    ),
    public(
        "ca_file",
        "a file of PEM certificates to trust in addition to the roots",
    ),
    public("ca_only", "true to trust only the certificates in ca_file"),
    public(
        "client_certificate_file",
        "a PEM file with the client's certificate for mutual TLS, and those of its issuers",
    ),
    public(
        "client_certificate_key_file",
        "a PEM file with the private key of client_certificate_file",
    ),
    public("roots", "the roots to trust: bundled or system"),
    public("proxy", "http://host:port of a proxy"),
    public("timeout_ms", "total time for one request, in milliseconds"),
    public(
        "min_valid_s",
        "minimum time that a returned token must still be valid, in seconds",
    ),
    public(
        "assume_lifetime_s",
        "lifetime to assume if the response has none, in seconds",
    ),
    public(
        "store",
        "the token store: memory, file:FOLDER, redis://, rediss:// or postgres://",
    ),
    public("store_create", "false if the store must already exist"),
    secret("store_key", "the key that encrypts the store"),
];

const fn public(name: &'static str, about: &'static str) -> SettingKey {
    SettingKey {
        name,
        secret: false,
        about,
    }
}

const fn secret(name: &'static str, about: &'static str) -> SettingKey {
    SettingKey {
        name,
        secret: true,
        about,
    }
}

/// Tables of settings with any name: a vendor's own, its secret ones, and parameters of the
/// authorization request.
const TABLES: &[&str] = &["extra", SECRETS, "authorize"];

/// The table of a vendor's own secrets.
const SECRETS: &str = "secret";

/// Splits the name of a setting in a table, such as into `extra` and `account_id`.
pub(super) fn table_of(key: &str) -> Option<(&str, &str)> {
    let (table, name) = key.split_once('.')?;
    TABLES.contains(&table).then_some((table, name))
}

pub(super) fn is_table(name: &str) -> bool {
    TABLES.contains(&name)
}

pub(super) fn is_known(key: &str) -> bool {
    if let Some((_, name)) = table_of(key) {
        return !name.is_empty();
    }
    let bare = key
        .strip_suffix("_file")
        .or_else(|| key.strip_suffix("_env"));
    SETTINGS
        .iter()
        .any(|known| known.name == key || (known.secret && Some(known.name) == bare))
}

/// Returns whether the setting's value is `true` or `false`.
pub(super) fn is_flag(key: &str) -> bool {
    matches!(key, "ca_only" | "store_create")
}

pub(super) fn is_secret(key: &str) -> bool {
    let is_known = SETTINGS
        .iter()
        .any(|known| known.secret && known.name == key);
    is_known || own_secret(key) == Some(key)
}

/// Returns the setting that `secret.NAME`, `secret.NAME_file` or `secret.NAME_env` is about.
pub(crate) fn own_secret(key: &str) -> Option<&str> {
    let (table, _) = table_of(key)?;
    let bare = key
        .strip_suffix("_file")
        .or_else(|| key.strip_suffix("_env"));
    (table == SECRETS).then_some(bare.unwrap_or(key))
}

/// Returns all spellings of all settings, to find the nearest one.
pub(super) fn all_spellings() -> impl Iterator<Item = String> {
    SETTINGS.iter().flat_map(|key| {
        let also = ["_file", "_env"].into_iter().filter(|_| key.secret);
        let also = also.map(|suffix| format!("{}{suffix}", key.name));
        std::iter::once(key.name.to_owned()).chain(also)
    })
}
