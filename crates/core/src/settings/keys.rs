//! Every setting there is: one table, read by the parser, the command and the bindings.

/// One setting of a connection.
#[derive(Clone, Copy, Debug)]
pub struct SettingKey {
    /// Its name, the same in every language.
    pub name: &'static str,
    /// Whether it is secret: then `NAME_file` and `NAME_env` work as well.
    pub secret: bool,
    /// What it is for, in one line.
    pub about: &'static str,
}

/// All settings but the vendors' own (`extra.NAME`).
pub const SETTINGS: &[SettingKey] = &[
    public("provider", "the vendor, by the id of its provider"),
    public(
        "environment",
        "the vendor's deployment, such as demo or production",
    ),
    public(
        "grant",
        "jwt-bearer, authorization-code, refresh-token, client-credentials or device-code",
    ),
    public("client_id", "the app's id: integration key, consumer key"),
    secret("client_secret", "the app's secret"),
    public(
        "client_auth",
        "none, basic, post, private_key_jwt or client_secret_jwt",
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
        "whom an assertion stands for: user id or user name",
    ),
    public(
        "audience",
        "the `aud` of assertions, apart from the endpoint",
    ),
    public("scopes", "the scopes to request, separated by spaces"),
    public("assertion_ttl_s", "lifetime of assertions in seconds"),
    public(
        "redirect_uri",
        "where the browser comes back to after a login",
    ),
    secret(
        "refresh_token",
        "a refresh token obtained elsewhere, to start from",
    ),
    public(
        "base_url",
        "base of the provider's endpoints, instead of the environment's",
    ),
    public("token_url", "the token endpoint, instead of the provider's"),
    public(
        "authorize_url",
        "the authorization endpoint, instead of the provider's",
    ),
    public(
        "issuer",
        "the server's issuer: client assertions are for it, and login answers must be from it",
    ),
    public("ca_file", "PEM certificates to trust besides the roots"),
    public(
        "ca_only",
        "true or false: whether ca_file alone is trusted, without the roots",
    ),
    public("roots", "bundled or system: which roots to trust"),
    public("proxy", "http://host:port of a proxy"),
    public("timeout_ms", "total time for one request, in milliseconds"),
    public(
        "min_valid_s",
        "how long a token must still be valid, in seconds",
    ),
    public(
        "assume_lifetime_s",
        "lifetime to assume where the answer has none, in seconds",
    ),
    public(
        "store",
        "memory, file:DIR, redis://, rediss:// or postgres://",
    ),
    public(
        "store_create",
        "false: the store must exist; nothing of it is created",
    ),
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

/// Settings whose names are not fixed: a vendor's own, and parameters of the authorization request.
const TABLES: &[&str] = &["extra", "authorize"];

/// The table that a setting is of and its name there, such as `extra` and `account_id`.
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

/// Whether its value is `true` or `false`.
pub(super) fn is_flag(key: &str) -> bool {
    matches!(key, "ca_only" | "store_create")
}

pub(super) fn is_secret(key: &str) -> bool {
    SETTINGS
        .iter()
        .any(|known| known.secret && known.name == key)
}

/// Every way to write a setting, for finding the nearest one.
pub(super) fn all_spellings() -> impl Iterator<Item = String> {
    SETTINGS.iter().flat_map(|key| {
        let also = ["_file", "_env"].into_iter().filter(|_| key.secret);
        let also = also.map(|suffix| format!("{}{suffix}", key.name));
        std::iter::once(key.name.to_owned()).chain(also)
    })
}
