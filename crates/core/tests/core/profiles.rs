//! Validation of profiles, and the URLs made of them.

use countersign_core::{Connection, Login, Profile, Settings, SystemRandom};

/// A valid profile, which tests change.
const ACME: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    [environments.production]
    base_url = "https://login.acme.example"
    audience = "{base_url}/"
    [endpoints]
    token = "{base_url}/token"
    authorize = "{base_url}/authorize"
    userinfo = "{base_url}/userinfo"
    revoke = "{base_url}/revoke"
    [extra]
    tenant = "the tenant"
    [grants.authorization-code]
    client_auth = ["none"]
    default_scopes = ["sign"]
    [consent]
    individual = "{scopes} more"
    [consent.admin]
    scope = "openid"
    admin_consent_scope = "all {scopes}"
"#;

#[test]
fn unknown_placeholders_are_rejected_in_every_field() {
    Profile::from_toml(ACME).unwrap();
    for (field, from, to) in [
        (
            "environments.production.base_url",
            "https://login.acme.example",
            "https://login.acme.example/{extra.tenan}",
        ),
        (
            "environments.production.base_url",
            "https://login.acme.example",
            "{base_url}/x",
        ),
        (
            "environments.production.audience",
            "{base_url}/\"",
            "{subject}/x\"",
        ),
        (
            "environments.production.audience",
            "{base_url}/\"",
            "{base_ur}/x\"",
        ),
        (
            "environments.production.audience",
            "{base_url}/\"",
            "{base_url?}\"",
        ),
        (
            "environments.production.audience",
            "{base_url}/\"",
            "{base_url\"",
        ),
        (
            "environments.production.audience",
            "{base_url}/\"",
            "base_url}\"",
        ),
        (
            "endpoints.token",
            "{base_url}/token",
            "{base_url}/{tenant}/token",
        ),
        (
            "endpoints.authorize",
            "{base_url}/authorize",
            "{base_url}/{extra.tenant?}",
        ),
        (
            "endpoints.userinfo",
            "{base_url}/userinfo",
            "{issuer}/userinfo",
        ),
        ("endpoints.revoke", "{base_url}/revoke", "{base}/revoke"),
        ("consent.individual", "{scopes} more", "{scope}"),
        ("consent.individual", "{scopes} more", "{base_url}"),
        (
            "consent.admin.scope",
            "scope = \"openid\"",
            "scope = \"{scopes}\"",
        ),
        (
            "consent.admin.admin_consent_scope",
            "all {scopes}",
            "all {subject}",
        ),
        (
            "grants.authorization-code.default_scopes",
            "\"sign\"",
            "\"{audience}/.default\"",
        ),
        (
            "grants.authorization-code.required_scopes",
            "default_scopes = [\"sign\"]",
            "required_scopes = [\"{scopes}\"]",
        ),
        (
            "grants.authorization-code.refresh_scopes",
            "default_scopes = [\"sign\"]",
            "refresh_scopes = [\"{scopes}\"]",
        ),
        (
            "environments.production.extra.api_base",
            "[endpoints]",
            "extra.api_base = \"{base_url}/{scopes}\"\n[endpoints]",
        ),
    ] {
        let text = ACME.replacen(from, to, 1);
        assert_ne!(text, ACME, "{field}: {to}");
        let error = Profile::from_toml(&text).expect_err(to);
        assert!(
            error.message().contains(&format!("`{field}`")),
            "{to}: {error}"
        );
    }
    let error = Profile::from_toml(&ACME.replace("{scopes} more", "{scope}")).unwrap_err();
    assert_eq!(
        error.message(),
        "profile `acme`: `consent.individual` is invalid: `{scope}` is not known here; did you mean `{scopes}`?"
    );
}

/// `{base_url}` is an origin and a path. The text after it must not become a part of the host.
#[test]
fn the_base_url_of_an_endpoint_is_followed_by_a_path() {
    for wrong in [
        "{base_url}token",
        "{base_url}.example/token",
        "https://{base_url}/token",
        "x{base_url}/token",
    ] {
        let error =
            Profile::from_toml(&ACME.replacen("{base_url}/token", wrong, 1)).expect_err(wrong);
        assert!(
            error.message().contains("`endpoints.token`"),
            "{wrong}: {error}"
        );
    }
    for right in [
        "{base_url}",
        "{base_url}?x=1",
        "https://other.example/token",
    ] {
        Profile::from_toml(&ACME.replacen("{base_url}/token", right, 1)).expect(right);
    }
}

#[test]
fn trailing_slashes_of_a_base_url_are_removed() {
    let given = "https://set.acme.example/base";
    for (by_profile, by_setting) in [
        ("/", None),
        ("//", None),
        ("/", Some("/")),
        ("", Some("//")),
    ] {
        let text = ACME.replacen(
            "login.acme.example",
            &format!("login.acme.example{by_profile}"),
            1,
        );
        let profile = Profile::from_toml(&text).unwrap();
        let mut settings = Settings::from_pairs([
            ("provider", "acme"),
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/cb"),
        ])
        .unwrap();
        let mut base = "https://login.acme.example";
        if let Some(ending) = by_setting {
            settings
                .set("base_url", &format!("{given}{ending}"))
                .unwrap();
            base = given;
        }
        let connection =
            Connection::new("mine", &settings, countersign_core::from_profile(profile)).unwrap();
        assert_eq!(
            connection.token_url().unwrap().as_str(),
            format!("{base}/token")
        );
        assert_eq!(
            connection.userinfo_url().unwrap().as_str(),
            format!("{base}/userinfo")
        );
        assert_eq!(
            connection.revoke_url().unwrap().as_str(),
            format!("{base}/revoke")
        );
        assert_eq!(connection.audience(), Some(format!("{base}/").as_str()));
        let login = Login::start(&connection, "https://app.example/cb", &SystemRandom::new());
        let login = login.unwrap();
        assert!(
            login
                .url()
                .as_str()
                .starts_with(&format!("{base}/authorize?"))
        );
    }
}

/// A path can't follow a query.
#[test]
fn a_base_url_with_a_query_is_rejected() {
    let text = ACME.replacen("login.acme.example", "login.acme.example/?tenant=1", 1);
    let error = Profile::from_toml(&text).unwrap_err();
    assert!(
        error
            .message()
            .contains("`environments.production.base_url`"),
        "{error}"
    );
    let profile = Profile::from_toml(ACME).unwrap();
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/cb"),
        ("base_url", "https://set.acme.example/?tenant=1"),
    ])
    .unwrap();
    let error =
        Connection::new("mine", &settings, countersign_core::from_profile(profile)).unwrap_err();
    assert_eq!(error.setting_name(), Some("base_url"), "{error}");
}

/// Vendors' documentation has URLs such as `https://login.example/{tenant}/token`.
#[test]
fn a_url_with_a_placeholder_is_rejected() {
    for key in ["base_url", "token_url", "authorize_url", "redirect_uri"] {
        let profile = Profile::from_toml(ACME).unwrap();
        let mut settings = Settings::from_pairs([
            ("provider", "acme"),
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/cb"),
        ])
        .unwrap();
        settings
            .set(key, "https://login.acme.example/{tenant}/x")
            .unwrap();
        let error = Connection::new("mine", &settings, countersign_core::from_profile(profile))
            .unwrap_err();
        assert_eq!(error.setting_name(), Some(key), "{error}");
        assert!(error.message().contains("{tenant}"), "{error}");
    }
}
