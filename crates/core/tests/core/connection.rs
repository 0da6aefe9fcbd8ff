//! Validation of settings against a provider: errors name the setting and how to correct it.

use countersign_core::{ClientAuth, Connection, GrantKind, Settings, StoreSetting, Verdict};

use crate::support::{provider, try_connection};

const APP: [(&str, &str); 3] = [
    ("grant", "client-credentials"),
    ("client_id", "app"),
    ("client_secret", "s3cret"),
];

#[test]
fn every_error_names_the_setting_and_a_correction() {
    for (key, value, message, hint) in [
        (
            "environment",
            "prodction",
            "did you mean `production`?",
            "demo, own, production",
        ),
        (
            "grant",
            "password",
            "`grant` is `password`",
            "set grant to one of: jwt-bearer",
        ),
        (
            "client_auth",
            "none",
            "does not work with client-credentials",
            "post, basic",
        ),
        ("client_auth", "basci", "did you mean `basic`?", ""),
        ("basic_encoding", "rfc", "`basic_encoding`", "raw, rfc6749"),
        ("token_url", "http://acme.example/token", "only https", ""),
        ("base_url", "acme.example", "must begin with https://", ""),
        ("timeout_ms", "0", "`timeout_ms` is 0", ""),
        ("timeout_ms", "soon", "whole number", ""),
        ("min_valid_s", "-5", "whole number", ""),
        ("roots", "sytem", "did you mean `system`?", ""),
        ("ca_only", "yes", "`ca_only` is `yes`", "true, false"),
        (
            "ca_only",
            "true",
            "`ca_only` is true without a `ca_file`",
            "set ca_file",
        ),
        ("store", "sqlite:x", "unknown kind", "file:FOLDER"),
        ("store", "file:", "without a folder", ""),
        (
            "store_key",
            "k",
            "not base64 of 32 bytes",
            "openssl rand -base64 32",
        ),
        ("assertion_ttl_s", "7200", "from 1 to 3600", ""),
        (
            "extra.tennant",
            "x",
            "is not a setting of Acme",
            "did you mean `extra.tenant`?",
        ),
    ] {
        let error = try_connection(APP.into_iter().chain([(key, value)])).expect_err(key);
        assert!(error.message().contains(message), "{key}: {error}");
        assert!(
            error.message().starts_with("connection `mine`: "),
            "{error}"
        );
        assert_eq!(error.setting_name(), Some(key), "{error:?}");
        assert!(
            error.hint().unwrap_or_default().contains(hint),
            "{key}: {error:?}"
        );
        assert_eq!(error.provider(), Some("acme"));
    }
}

#[test]
fn settings_that_a_grant_requires_must_be_set() {
    for (pairs, setting) in [
        (
            vec![("grant", "client-credentials"), ("client_id", "app")],
            "client_secret",
        ),
        (
            vec![("grant", "client-credentials"), ("client_secret", "s")],
            "client_id",
        ),
        (
            vec![("grant", "jwt-bearer"), ("client_id", "app")],
            "subject",
        ),
        (
            vec![
                ("grant", "jwt-bearer"),
                ("client_id", "app"),
                ("subject", "s"),
            ],
            "private_key",
        ),
        (
            vec![
                ("grant", "authorization-code"),
                ("client_id", "app"),
                ("client_secret", "s"),
            ],
            "redirect_uri",
        ),
        (vec![("client_id", "app")], "grant"),
    ] {
        let error = try_connection(pairs.clone()).unwrap_err();
        assert_eq!(error.setting_name(), Some(setting), "{pairs:?}: {error}");
        assert!(error.message().ends_with("is missing"), "{error}");
    }
}

#[test]
fn the_environment_is_never_guessed() {
    let settings = Settings::from_pairs(APP).unwrap();
    let error = Connection::new("mine", &settings, provider()).unwrap_err();
    assert_eq!(error.setting_name(), Some("environment"));
}

#[test]
fn endpoint_and_audience_are_separate_settings() {
    let moved = try_connection(
        APP.into_iter()
            .chain([("base_url", "https://127.0.0.1:8443/")]),
    )
    .unwrap();
    assert_eq!(
        moved.token_url().unwrap().as_str(),
        "https://127.0.0.1:8443/token"
    );
    assert_eq!(moved.audience(), Some("demo.acme.example"));
    let other = try_connection(APP.into_iter().chain([("audience", "other")])).unwrap();
    assert_eq!(other.audience(), Some("other"));
    assert_eq!(
        other.token_url().unwrap().as_str(),
        "https://demo.acme.example/token"
    );
}

#[test]
fn an_environment_without_a_base_url_requires_the_setting() {
    let own = APP.into_iter().chain([("environment", "own")]);
    let error = try_connection(own.clone()).unwrap_err();
    assert_eq!(error.setting_name(), Some("base_url"));
    let own = try_connection(own.chain([("base_url", "https://acme.my.example/site")])).unwrap();
    assert_eq!(
        own.token_url().unwrap().as_str(),
        "https://acme.my.example/site/token"
    );
    assert_eq!(own.audience(), Some("https://acme.my.example/site"));
}

#[test]
fn defaults_come_from_the_profile() {
    let connection = try_connection(APP).unwrap();
    assert_eq!(connection.client_auth(), ClientAuth::Post);
    assert_eq!(connection.grant(), GrantKind::ClientCredentials);
    assert_eq!(*connection.store(), StoreSetting::Memory);
    assert_eq!(connection.network().timeout.as_secs(), 30);
    assert_eq!(connection.min_valid().as_secs(), 60);
}

#[test]
fn unresolved_secrets_are_rejected() {
    let error = try_connection([
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret_env", "X"),
    ])
    .unwrap_err();
    assert_eq!(error.setting_name(), Some("client_secret_env"));
}

#[test]
fn the_error_of_an_invalid_key_names_its_setting() {
    let error = try_connection([
        ("grant", "jwt-bearer"),
        ("client_id", "app"),
        ("subject", "me"),
        ("private_key", "keys/app.pem"),
    ])
    .unwrap_err();
    assert!(error.message().contains("`private_key`"), "{error}");
    assert!(
        error.hint().unwrap().contains("private_key_file"),
        "{error:?}"
    );
}

#[test]
fn a_server_store_without_its_crate_is_rejected() {
    let connection =
        try_connection(APP.into_iter().chain([("store", "redis://:canary@h")])).unwrap();
    let error = countersign_core::Client::new(connection.clone()).unwrap_err();
    assert_eq!(error.setting_name(), Some("store"));
    assert!(!format!("{error:?} {connection:?}").contains("canary"));
}

#[test]
fn store_create_is_a_boolean_and_not_for_memory() {
    let error_of = |store: &str, create: &str| {
        let settings = [
            ("provider", "acme"),
            ("environment", "demo"),
            ("grant", "client-credentials"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("store", store),
            ("store_create", create),
        ];
        let settings = Settings::from_pairs(settings).unwrap();
        let connection = Connection::new("mine", &settings, provider());
        let error = connection.unwrap_err();
        assert_eq!(error.setting_name(), Some("store_create"), "{error}");
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
        error
    };
    let error = error_of("memory", "false");
    assert!(
        error.message().contains("never exists beforehand"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("file:FOLDER"), "{error}");
    for word in ["no", "0", "False"] {
        let error = error_of("file:tokens", word);
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains("true"), "{word}: {error}: {hint}");
    }
}
