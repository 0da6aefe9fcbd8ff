//! Every field of a profile: the description that the reference, the JSON Schema and the check of
//! profiles share.

use crate::{BasicEncoding, ClientAuth, GrantKind};

/// A field of a profile.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Field {
    /// Its path. `*` stands for a name that the profile chooses.
    pub path: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// The default in TOML, or a word for it; empty if there is none.
    pub default: &'static str,
    /// Whether a profile, or the table of the field, must have it.
    pub required: bool,
    /// What it means, in Markdown.
    pub about: &'static str,
}

/// What the value of a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number from 0.
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
    /// An array of texts.
    Texts,
    /// An array of these words.
    Words(&'static [&'static str]),
    /// A URL with placeholders.
    Url,
    /// A text, number, boolean or array, with placeholders in texts.
    Template,
    /// A text with placeholders.
    TextTemplate,
    /// A place in a response.
    Pointer,
    /// One or more places in a response.
    Pointers,
    /// A text, number or boolean to compare with.
    Value,
    /// A place in a response, `{ id_token = … }` or `{ header = … }`.
    Kept,
}

use Kind::{
    Flag, Kept, Number, Pointer, Pointers, Template, Text, TextTemplate, Texts, Url, Value, Word,
    Words,
};

const ALGORITHMS: &[&str] = &[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "HS256", "HS384", "HS512",
];

const FORMATS: &[&str] = &["form", "json", "query"];

const ERROR_KINDS: &[&str] = &[
    "rejected",
    "login_required",
    "consent_required",
    "throttled",
    "unavailable",
    "clock",
    "setting",
    "key",
    "unreadable",
    "callback",
    "timeout",
    "cancelled",
    "signing",
    "verification",
    "connect",
    "tls",
    "interrupted",
    "no_token",
    "store",
    "busy",
    "plugin",
    "internal",
];

const VERDICTS: &[&str] = &[
    "retry",
    "reauthorize",
    "fix_configuration",
    "outcome_unknown",
    "unexpected",
];

const fn needs(path: &'static str, kind: Kind, about: &'static str) -> Field {
    Field {
        path,
        kind,
        default: "",
        required: true,
        about,
    }
}

const fn may(path: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Field {
    Field {
        path,
        kind,
        default,
        required: false,
        about,
    }
}

/// Every field, in the order of the reference.
#[rustfmt::skip]
pub const FIELDS: &[Field] = &[
    needs("id", Text, "The ID for the setting `provider`. It consists of letters, digits and `-`."),
    needs("name", Text, "The vendor's name for people. Messages contain it."),
    needs("documentation", Text, "The URL of the vendor's page about its token service."),
    may("basic_encoding", Word(BasicEncoding::WORDS), "raw", "How ID and secret are encoded in Basic authentication: `raw` as they are, `rfc6749` form-encoded first. They differ only for reserved characters."),
    may("discovery", Flag, "false", "Whether the URLs that the profile doesn't have come from the server's metadata (OpenID Connect Discovery, RFC 8414). The setting `issuer` names the server."),

    may("environments.*.base_url", Url, "", "The URL that the endpoints begin with. Without it, users must set `base_url`."),
    may("environments.*.audience", Url, "the token endpoint", "The `aud` of the assertion of `jwt-bearer`."),
    may("environments.*.issuer", Url, "", "The issuer identifier of the authorization server. The setting `issuer` overrides it."),
    may("environments.*.endpoints.*", Url, "as in `[endpoints]`", "The `token`, `refresh`, `authorize`, `userinfo` or `revoke` endpoint of this deployment, if it differs in more than the base URL."),
    may("environments.*.about", Text, "", "Who this deployment is for. Error messages show it."),
    may("environments.*.extra.*", Url, "", "A fact about this deployment that every token has in `extra`, such as the URL of the API."),

    may("endpoints.token", Url, "", "The token endpoint. Required, unless the assertion is the access token (`assertion.as`)."),
    may("endpoints.refresh", Url, "the token endpoint", "The endpoint for refresh tokens, if it is another one."),
    may("endpoints.authorize", Url, "", "The authorization endpoint, where people log in."),
    may("endpoints.device_authorization", Url, "", "The device authorization endpoint, where a login on another device starts (RFC 8628)."),
    may("endpoints.userinfo", Url, "", "The endpoint that says whose a token is. See `[lookup]`."),
    may("endpoints.revoke", Url, "", "The revocation endpoint (RFC 7009)."),
    may("endpoints.revoke_format", Word(FORMATS), "form", "How a revocation encodes its parameters."),
    may("endpoints.revoke_without_client", Flag, "false", "Whether a revocation has only the token, without client authentication."),
    may("endpoints.revoke_method", Word(&["post", "delete"]), "post", "The method of a revocation."),
    may("endpoints.revoke_token", Word(&["refresh_token", "access_token"]), "refresh_token", "Which token is revoked to end a grant. Without a refresh token, it is the access token."),
    may("endpoints.revoke_bearer", Flag, "false", "Whether the token is also sent as `Authorization: Bearer`, in place of client authentication."),
    may("endpoints.revoke_client_auth", Word(ClientAuth::WORDS), "as in token requests", "How the client authenticates a revocation, if not as in token requests. With `revoke_bearer`, it doesn't by default."),
    may("endpoints.revoke_names.*", Text, "", "Another name for `token`, `token_type_hint`, `client_id` or `client_secret` in a revocation; `access_token` is the name of `token` if it is an access token. `\"\"` omits one, except `client_secret`."),
    may("endpoints.revoke_params.*", Template, "", "A further parameter of a revocation."),
    may("endpoints.authorization_response_iss_parameter_supported", Flag, "false", "Whether every callback has the issuer in `iss` (RFC 9207). If `true`, one without it is rejected."),

    needs("grants.*.client_auth", Words(ClientAuth::WORDS), "The client authentications that the vendor accepts. The first one is the default."),
    may("grants.*.default_scopes", Texts, "[]", "The default of the setting `scopes`."),
    may("grants.*.required_scopes", Texts, "[]", "Scopes without which the grant doesn't work."),
    may("grants.*.refresh_scopes", Texts, "[]", "Scopes of which a login must request one to get a refresh token."),
    may("grants.*.send_scope", Flag, "false", "Whether the token request has `scope`."),
    may("grants.*.scope_separator", Text, "a space", "What separates scopes in requests, in `{scopes}` and, unless `response.scope_separator` says otherwise, in responses."),
    may("grants.*.basic_user", Word(&["client_id", "client_secret"]), "client_id", "The user of Basic authentication. With `client_secret`, the password is empty."),
    may("grants.*.send_client_id", Flag, "see right", "Whether the parameters have `client_id`, except with `basic`. By default they do, unless an assertion of `jwt-bearer` is all that authenticates."),
    may("grants.*.without_client_id", Flag, "false", "Whether the grant has no client ID at all."),
    may("grants.*.send_redirect_uri", Flag, "false", "Whether the request has `redirect_uri`: that of the login in a code exchange, the setting in a refresh."),
    may("grants.*.pkce", Word(&["required", "supported", "off"]), "supported", "Whether logins use PKCE. With `off`, they send none of its parameters."),
    may("grants.*.method", Word(&["post", "get"]), "post", "The method of token requests. A GET has its parameters in the query, also the secret ones: only for vendors that document nothing else."),
    may("grants.*.body", Word(FORMATS), "form", "How token requests encode their parameters."),
    may("grants.*.headers.*", Template, "", "A further header of token requests. `Accept` may be replaced. Those of the protocol are rejected, such as `Authorization`."),
    may("grants.*.names.*", Text, "", "Another name for a parameter, such as `client_id = \"client_key\"`. `\"\"` omits `grant_type`, `scope` or `redirect_uri`."),
    may("grants.*.params.*", Template, "", "A further parameter of the token request. It overrides one of that name. An array becomes one parameter per item; in JSON, it stays an array."),
    may("grants.*.required", Texts, "[]", "Settings that the grant requires, such as `extra.account_id`."),

    may("assertion.as", Word(&["assertion", "client_secret", "authorization_header", "access_token"]), "assertion", "How the signed JWT is sent: as `assertion` or `client_assertion`; as `client_secret` (Sign in with Apple); as `Authorization: Bearer` (GitHub Apps); or not at all, because it is the access token (Snowflake, App Store Connect)."),
    may("assertion.algorithms", Words(ALGORITHMS), "[]", "The algorithms that the vendor accepts, the preferred one first. The first one that the key supports is used."),
    may("assertion.ttl_s", Number, "300", "The lifetime from now, in seconds."),
    may("assertion.max_ttl_s", Number, "3600", "The maximum lifetime that the vendor accepts, in seconds, counted from `iat`."),
    may("assertion.backdate_s", Number, "60", "How far `iat` is in the past, because clocks differ."),
    may("assertion.issued_at", Flag, "true", "Whether `iat` is sent."),
    may("assertion.not_before", Flag, "false", "Whether `nbf` is sent, with the value of `iat`."),
    may("assertion.jwt_id", Flag, "false", "Whether `jti` is sent. Client assertions always have one."),
    may("assertion.scope_claim", Flag, "false", "Whether the claim `scope` has the scopes."),
    may("assertion.client_audience", Word(&["token_url", "issuer"]), "token_url", "The `aud` of client assertions."),
    may("assertion.claims.*", Template, "", "A further claim. It overrides a default one. `sub = \"{subject?}\"` makes the setting `subject` optional. `exp`, `iat`, `jti` and `nbf` are rejected."),
    may("assertion.header.*", Template, "", "A further member of the header. It overrides `typ` or `kid`."),
    may("assertion.x5c", Flag, "false", "Whether the header has the key's certificates in `x5c`."),

    may("authorize.params.*", Template, "", "A further parameter of the authorization URL, such as `access_type = \"offline\"`. The setting `authorize.NAME` overrides it."),
    may("authorize.names.*", Text, "", "Another name for a parameter of the authorization URL. `\"\"` omits `client_id`, `response_type`, `scope` or `redirect_uri`."),
    may("authorize.callback_names.*", Text, "", "Another name for a parameter of the callback, such as `code = \"auth_code\"`: `code`, `error` or `error_description`."),
    may("authorize.nonce", Flag, "true", "Whether a login with the scope `openid` sends a `nonce`."),
    may("authorize.nonce_without_openid", Flag, "false", "Whether a login sends a `nonce` also without the scope `openid`."),
    may("authorize.response_type", Text, "`code`", "The `response_type`, if the vendor wants another one for a code in the callback's query."),
    may("authorize.offline_access_prompt", Text, "", "The `prompt` of a login with the scope `offline_access`."),
    may("authorize.keep", Texts, "[]", "Parameters of the callback that are kept and returned as `extra`, such as QuickBooks' `realmId`."),
    may("authorize.loopback_port", Word(&["any", "exact"]), "", "Which ports a redirect URI on the loopback may have, if known."),

    may("device.params.*", Template, "", "A further parameter of the request that starts a login on another device. An array becomes one parameter per item."),

    needs("consent.individual", TextTemplate, "The scopes that a person consents to before `jwt-bearer` works. May contain `{scopes}`."),
    needs("consent.admin.scope", Text, "The `scope` of the page where an administrator consents for everybody."),
    needs("consent.admin.admin_consent_scope", TextTemplate, "Its `admin_consent_scope`. May contain `{scopes}`."),

    may("refresh.rotation", Word(&["always", "sometimes", "never"]), "sometimes", "Whether a refresh returns a new refresh token, which makes the old one useless. `never` only if you are sure: it lets a lost request be repeated."),
    may("refresh.grace_s", Number, "0", "For how many seconds the previous refresh token still works."),
    may("refresh.idle_days", Number, "", "Days until an unused refresh token expires."),
    may("refresh.absolute_days", Number, "", "Days until the login expires, however often it is used."),

    may("response.access_token", Pointers, "access_token", "Where the access token is."),
    may("response.refresh_token", Pointers, "refresh_token", "Where the refresh token is."),
    may("response.id_token", Pointers, "id_token", "Where the ID token is."),
    may("response.token_type", Pointers, "token_type", "Where the token type is."),
    may("response.expires_in", Pointers, "expires_in", "Where the lifetime or the end of the access token is."),
    may("response.expires_as", Word(&["seconds", "milliseconds", "minutes", "hours", "rfc3339", "unix", "unix_milliseconds", "jwt", "never"]), "seconds", "What `expires_in` means: a lifetime in a unit, or the end as a date or in time since 1970. `jwt`: the `exp` of the access token. `never`: the token lives until it is revoked."),
    may("response.refresh_token_expires_in", Pointers, "refresh_token_expires_in", "Where the lifetime or the end of the refresh token is."),
    may("response.scope", Pointers, "scope", "Where the granted scopes are."),
    may("response.scope_separator", Text, "that of requests", "What separates the granted scopes besides spaces, such as `,` at GitHub, which expects spaces in requests."),
    may("response.success.*", Value, "", "What a success has, such as `\"/ok\" = true`. Any other response is a failure, whatever its status."),
    may("response.error", Pointers, "", "Where the code of an error is. Otherwise it is searched where other vendors have it."),
    may("response.error_description", Pointers, "", "Where the text of an error is."),
    may("response.keep", Texts, "[]", "Members that are kept and returned as `extra`."),
    may("response.kept.*", Kept, "", "A value that is kept and returned as `extra` under this name: a place in the response, `{ id_token = \"/claim\" }` or `{ header = \"Name\" }`."),
    may("response.token_types.*", Text, "", "A token type besides `Bearer`, with the scheme of its `Authorization` header. If there are any, all others are rejected."),
    may("response.assume_lifetime_s", Number, "900", "The lifetime to assume, in seconds, if the response states none."),
    may("response.trace_header", Text, "", "The header with the vendor's trace ID, which errors show."),

    may("use.scheme", Text, "Bearer", "The scheme of the `Authorization` header, whatever `token_type` says."),
    may("use.header", Text, "Authorization", "The header that has the bare token, such as `X-Shopify-Access-Token`."),
    may("use.headers.*", TextTemplate, "", "A further header of API requests. May contain `{client_id}`, `{extra.NAME}`, `{kept.NAME}`, `{client_secret}` and `{secret.NAME}`."),
    may("use.api_base", Url, "", "The URL of the API, which becomes `extra.api_base`. May contain `{extra.NAME}` and `{kept.NAME}`."),

    may("lookup.url", Url, "{userinfo}", "The URL that lists accounts, tenants or sites. May contain `{userinfo}`, `{base_url}`, `{extra.NAME}` and `{kept.NAME}`."),
    may("lookup.scope", Text, "", "Look up only tokens with this scope."),
    may("lookup.items", Pointer, "the response", "Where the array of items is."),
    may("lookup.id", Pointer, "", "Where an item has its ID."),
    may("lookup.label", Pointer, "", "Where an item has its name for people."),
    may("lookup.choose", Text, "", "The setting that chooses an item by its ID, without `extra.`."),
    may("lookup.default", Pointer, "", "Where the default item has `true`."),
    may("lookup.required", Flag, "false", "Whether it is an error if no item can be chosen. The message lists them."),
    may("lookup.kept.*", Pointer, "", "A value of the chosen item, by the name that it gets in `extra`."),
    may("lookup.also.*", Pointer, "", "A value of the response itself, by the name that it gets."),
    may("lookup.id_token.*", Pointer, "", "A claim of the ID token, by the name that it gets."),

    may("extra.*", Text, "", "A setting `extra.NAME` that only this vendor has, with its description."),

    may("secret.*", Text, "", "A secret setting `secret.NAME` that only this vendor has, with its description. It can be set as `secret.NAME_file` or `secret.NAME_env`, too."),

    needs("errors.*.kind", Word(ERROR_KINDS), "What happened."),
    needs("errors.*.hint", Text, "What the user should do now, in one sentence."),
    may("errors.*.verdict", Word(VERDICTS), "that of `kind`", "What a program should do."),
    may("errors.*.setting", Text, "", "The setting that the error is about."),
    may("errors.*.retry_after_s", Number, "", "Seconds to wait if the response has no `Retry-After`."),
    may("errors.*.grants", Words(GrantKind::WORDS), "all", "Matches only these grants."),
    may("errors.*.client_auth", Words(ClientAuth::WORDS), "all", "Matches only these client authentications."),
    may("errors.*.status", Number, "", "Matches only this HTTP status."),
    may("errors.*.error", Text, "", "Matches only this code."),
    may("errors.*.description", Text, "", "Matches only if the message contains this text, ignoring case."),
    may("errors.*.members.*", Value, "", "Matches only if this member of the response has this value."),
    may("errors.*.headers.*", Text, "", "Matches only if this header contains this text."),
];

/// The tables that every profile has.
pub(crate) const TABLES: &[&str] = &["environments", "grants"];

impl Field {
    /// Returns the field at a path, such as `grants.jwt-bearer.params.scope`.
    pub fn at(path: &[&str]) -> Option<&'static Self> {
        FIELDS.iter().find(|field| {
            let mut parts = field.path.split('.');
            let mut path = path.iter();
            path.by_ref().all(|name| {
                parts
                    .next()
                    .is_some_and(|part| part == "*" || part == *name)
            }) && parts.next().is_none()
        })
    }
}

impl Kind {
    /// Returns what the value may be, for people.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::profile::Field;
    ///
    /// let field = Field::at(&["assertion", "x5c"]).unwrap();
    /// assert_eq!(field.kind.describe(), "`true` or `false`");
    /// ```
    pub fn describe(self) -> String {
        let words = |words: &[&str]| format!("`{}`", words.join("`, `"));
        match self {
            Text => "text".to_owned(),
            Flag => "`true` or `false`".to_owned(),
            Number => "whole number".to_owned(),
            Word(known) => format!("one of {}", words(known)),
            Texts => "array of texts".to_owned(),
            Words(known) => format!("array of {}", words(known)),
            Url => "URL, with placeholders".to_owned(),
            Template => "template".to_owned(),
            TextTemplate => "text, with placeholders".to_owned(),
            Pointer => "place".to_owned(),
            Pointers => "place, or array of places".to_owned(),
            Value => "text, number, `true` or `false`".to_owned(),
            Kept => "place, or table".to_owned(),
        }
    }
}
