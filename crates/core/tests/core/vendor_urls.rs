//! URLs of profiles that settings fill: other servers, paths and audiences for each tenant.

use countersign_core::{Clock, ManualClock, SystemRandom};
use countersign_core::{Connection, Error, PresentedGrant, Profile, Settings, token_request};
use proptest::prelude::*;

use crate::support::NOW;

const SHOP: &str = r#"
    id = "shop"
    name = "Shop"
    documentation = "https://shop.example/docs"
    [environments.production]
    base_url = "https://{extra.shop|lower}.shop.example/admin"
    audience = "{base_url}/api"
    issuer = "https://{extra.shop|lower}.shop.example"
    extra.api_base = "{base_url}/api/{extra.version:2024-01}"
    [endpoints]
    token = "{base_url}/oauth/{client_id}/token?tenant={extra.tenant:common}"
    refresh = "https://refresh.shop.example/{extra.tenant:common}/token"
    authorize = "https://{extra.region:eu}.login.shop.example:8443/authorize"
    userinfo = "{base_url}/me"
    revoke = "https://revoke.shop.example/{extra.tenant:common}"
    [extra]
    shop = "the shop's name, such as my-shop"
    tenant = "the tenant's id"
    region = "the region: eu or us"
    version = "the version of the API"
    [grants.client-credentials]
    client_auth = ["post"]
    params = { audience = "{audience}", issuer = "{issuer}" }
    [grants.authorization-code]
    client_auth = ["none"]
"#;

const APP: [(&str, &str); 4] = [
    ("grant", "client-credentials"),
    ("client_id", "a/b"),
    ("client_secret", "s3cret"),
    ("redirect_uri", "https://app.example/cb"),
];

fn connect(profile: &str, more: &[(&str, &str)]) -> Result<Connection, Error> {
    let profile = Profile::from_toml(profile).unwrap();
    let mut settings = Settings::from_pairs(APP)?;
    for (key, value) in more {
        settings.set(key, value)?;
    }
    Connection::new("mine", &settings, countersign_core::from_profile(profile))
}

fn rejected(profile: &str) -> Error {
    Profile::from_toml(profile).expect_err(profile)
}

#[test]
fn settings_fill_every_url_and_fact() {
    let connection = connect(SHOP, &[("extra.shop", "My-Shop")]).unwrap();
    let base = "https://my-shop.shop.example/admin";
    assert_eq!(connection.base_url().unwrap().as_str(), base);
    assert_eq!(
        connection.token_url().unwrap().as_str(),
        format!("{base}/oauth/a%2Fb/token?tenant=common")
    );
    let endpoints = connection.endpoints();
    assert_eq!(
        endpoints.refresh_url.as_ref().unwrap().as_str(),
        "https://refresh.shop.example/common/token"
    );
    assert_eq!(
        endpoints.authorize_url.as_ref().unwrap().as_str(),
        "https://eu.login.shop.example:8443/authorize"
    );
    let userinfo = connection.userinfo_url().unwrap();
    assert_eq!(userinfo.as_str(), format!("{base}/me"));
    assert_eq!(
        connection.revoke_url().unwrap().as_str(),
        "https://revoke.shop.example/common"
    );
    assert_eq!(connection.audience(), Some(format!("{base}/api").as_str()));
    assert_eq!(connection.issuer(), Some("https://my-shop.shop.example"));
    assert_eq!(
        connection.environment_extra()["api_base"],
        format!("{base}/api/2024-01")
    );
}

/// What a value is in a path or a query stays one segment or value.
#[test]
fn values_are_encoded_outside_the_host() {
    let more = [
        ("extra.shop", "my-shop"),
        ("extra.tenant", "a/../b?c=d&e #"),
    ];
    let connection = connect(SHOP, &more).unwrap();
    let encoded = "a%2F..%2Fb%3Fc%3Dd%26e%20%23";
    let token_url = connection.token_url().unwrap().as_str();
    assert!(
        token_url.ends_with(&format!("?tenant={encoded}")),
        "{token_url}"
    );
    assert_eq!(
        connection.revoke_url().unwrap().as_str(),
        format!("https://revoke.shop.example/{encoded}")
    );
}

#[test]
fn a_value_that_would_change_the_server_is_rejected() {
    for wrong in [
        "evil.example/",
        "evil.example#",
        "evil.example?",
        "me@evil.example",
        "evil.example:443",
        "evil.example\\",
        "https://my-shop.shop.example",
        "my shop",
        "my%2eshop",
        "bücher",
        ".shop",
        "shop.",
        "a..b",
    ] {
        let error = connect(SHOP, &[("extra.shop", wrong)]).expect_err(wrong);
        assert_eq!(error.setting_name(), Some("extra.shop"), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("the shop's name, such as my-shop"), "{hint}");
        assert!(error.message().contains("host name"), "{error}");
    }
    for wrong in [".", ".."] {
        let more = [("extra.shop", "my-shop"), ("extra.tenant", wrong)];
        let error = connect(SHOP, &more).expect_err(wrong);
        assert_eq!(error.setting_name(), Some("extra.tenant"), "{error}");
    }
}

#[test]
fn a_missing_setting_is_named_with_its_description() {
    let error = connect(SHOP, &[]).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.shop"), "{error}");
    assert_eq!(
        error.hint(),
        Some(
            "set extra.shop to the shop's name, such as my-shop: Shop's `environments.production.base_url` needs it"
        )
    );
    // With another base URL, nothing needs it but the issuer.
    let text = SHOP.replace("issuer = \"https://{extra.shop|lower}.shop.example\"", "");
    let text = text.replace(", issuer = \"{issuer}\"", "");
    let set = [("base_url", "http://127.0.0.1:1/admin/")];
    let connection = connect(&text, &set).unwrap();
    assert_eq!(
        connection.environment_extra()["api_base"],
        "http://127.0.0.1:1/admin/api/2024-01"
    );
}

/// A grant doesn't need the settings of an endpoint that it never uses.
#[test]
fn an_endpoint_that_the_grant_does_not_use_needs_no_setting() {
    let text = SHOP.replace("{extra.region:eu}", "{extra.region}");
    let shop = ("extra.shop", "my-shop");
    let connection = connect(&text, &[shop]).unwrap();
    assert!(connection.endpoints().authorize_url.is_none());
    let login = ("grant", "authorization-code");
    let error = connect(&text, &[shop, login]).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.region"), "{error}");
}

#[test]
fn refresh_requests_go_to_their_own_endpoint() {
    let more = [("extra.shop", "my-shop"), ("grant", "authorization-code")];
    let connection = connect(SHOP, &more).unwrap();
    let grant = PresentedGrant::RefreshToken("r1".into());
    let now = ManualClock::at(NOW).now();
    let request = token_request(&connection, &grant, now, &SystemRandom::new()).unwrap();
    assert_eq!(
        request.url().as_str(),
        "https://refresh.shop.example/common/token"
    );
}

/// The issuer of an environment is the audience of client assertions only if the profile says so.
/// The setting always is.
#[test]
fn the_issuer_of_an_environment_is_no_audience_by_itself() {
    let key = crate::openssl::openssl_text("ecparam -name prime256v1 -genkey -noout", "");
    let text = SHOP.replacen(
        "client_auth = [\"post\"]",
        "client_auth = [\"private_key_jwt\"]",
        1,
    );
    let audience = |text: &str, more: &[(&str, &str)]| {
        let own = [("extra.shop", "my-shop"), ("private_key", &*key)];
        let connection = connect(text, &[&own, more].concat()).unwrap();
        let now = ManualClock::at(NOW).now();
        let random = SystemRandom::new();
        let request = token_request(
            &connection,
            &PresentedGrant::ClientCredentials,
            now,
            &random,
        )
        .unwrap();
        let form = request.body().unwrap();
        crate::support::claims_of(&form)["aud"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let token_url = "https://my-shop.shop.example/admin/oauth/a%2Fb/token?tenant=common";
    assert_eq!(audience(&text, &[]), token_url);
    let set = [("issuer", "https://set.example")];
    assert_eq!(audience(&text, &set), "https://set.example");
    let by_issuer = format!("{text}\n[assertion]\nclient_audience = \"issuer\"\n");
    assert_eq!(audience(&by_issuer, &[]), "https://my-shop.shop.example");
}

#[test]
fn mistakes_in_url_templates_are_named() {
    for (from, to, field, why) in [
        (
            "https://{extra.shop|lower}.shop.example/admin",
            "{extra.shop}.shop.example",
            "environments.production.base_url",
            "it must begin with https://",
        ),
        (
            "https://{extra.shop|lower}.shop.example/admin",
            "https://{extra.shop?}.shop.example",
            "environments.production.base_url",
            "give it a fallback, `{extra.shop:text}`",
        ),
        (
            "https://{extra.shop|lower}.shop.example/admin",
            "https://{extra.shop:evil/}.shop.example",
            "environments.production.base_url",
            "cannot be a part of a host name",
        ),
        (
            "https://{extra.shop|lower}.shop.example/admin",
            "https://shop.example:{extra.shop}/",
            "environments.production.base_url",
            "can't be in the port",
        ),
        (
            "https://{extra.shop|lower}.shop.example/admin",
            "http://{extra.shop}.shop.example",
            "environments.production.base_url",
            "only https is allowed",
        ),
        (
            "https://{extra.shop|lower}.shop.example/admin",
            "https://{extra.shop|lowr}.shop.example",
            "environments.production.base_url",
            "did you mean `|lower`?",
        ),
        (
            "https://{extra.shop|lower}.shop.example/admin",
            "https://shop.example/?shop={extra.shop}",
            "environments.production.base_url",
            "it has a query",
        ),
        (
            "{base_url}/me",
            "https://{extra.shp}.example/me",
            "endpoints.userinfo",
            "did you mean `{extra.shop}`?",
        ),
        (
            "{base_url}/me",
            "https://{client_secret}.example/me",
            "endpoints.userinfo",
            "is secret",
        ),
        (
            "{base_url}/me",
            "https://shop.example/{scopes}",
            "endpoints.userinfo",
            "`{scopes}` is not known here",
        ),
        (
            "{base_url}/me",
            "{base_url|lower}/me",
            "endpoints.userinfo",
            "can't have a fallback or a filter",
        ),
        (
            "{base_url}/me",
            "https://shop.example/{base_url}",
            "endpoints.userinfo",
            "must be the beginning",
        ),
        (
            "{base_url}/me",
            "{base_url}/a/../me",
            "endpoints.userinfo",
            "the segment `.` or `..`",
        ),
        (
            "{base_url}/me",
            "{extra.shop}/me",
            "endpoints.userinfo",
            "must begin with `{base_url}` or https://",
        ),
        (
            "{base_url}/me",
            "https://x@{extra.shop}/me",
            "endpoints.userinfo",
            "user name",
        ),
        (
            "{extra.version:2024-01}",
            "{extra.version:}",
            "environments.production.extra.api_base",
            "cannot be a part of a path",
        ),
    ] {
        let text = SHOP.replacen(from, to, 1);
        assert_ne!(text, SHOP, "{from}");
        let error = rejected(&text);
        assert!(error.message().contains(&format!("`{field}`")), "{error}");
        assert!(error.message().contains(why), "{to}: {error}");
    }
    let without = SHOP.replacen("    token = ", "    # token = ", 1);
    let error = rejected(&without);
    assert!(
        error
            .message()
            .contains("`endpoints.token` is missing for grant"),
        "{error}"
    );
    let error =
        rejected(&SHOP.replacen("    revoke = ", "    revoke_format = \"json\"\n    # ", 1));
    assert!(
        error.message().contains("`endpoints.revoke_format`"),
        "{error}"
    );
}

/// An audience needn't be a URL, and then its values are inserted as they are.
#[test]
fn an_audience_may_be_any_text() {
    for (template, filled) in [
        ("urn:shop:{extra.tenant:a/b}", "urn:shop:a/b"),
        ("{client_id}", "a/b"),
        (
            "https://shop.example/{client_id}/",
            "https://shop.example/a%2Fb/",
        ),
    ] {
        let text = SHOP.replacen("{base_url}/api\"", &format!("{template}\""), 1);
        let connection = connect(&text, &[("extra.shop", "my-shop")]).unwrap();
        assert_eq!(connection.audience(), Some(filled));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever a setting contains, requests go to the vendor's host and to the path of the profile.
    #[test]
    fn no_value_leaves_the_place_of_its_placeholder(shop in "[a-zA-Z0-9./@:?#\\\\%\\[\\] é-]{1,12}", tenant in "[a-z0-9./@:?#\\\\% é-]{1,12}") {
        let more = [("extra.shop", shop.as_str()), ("extra.tenant", tenant.as_str())];
        if let Ok(connection) = connect(SHOP, &more) {
            let url = connection.token_url().unwrap();
            prop_assert!(url.host().ends_with(".shop.example"), "{url}");
            prop_assert_eq!(url.path(), "/admin/oauth/a%2Fb/token");
            prop_assert_eq!(url.explicit_port(), None);
            let revoke = connection.revoke_url().unwrap();
            prop_assert_eq!(revoke.host(), "revoke.shop.example");
            prop_assert_eq!(revoke.path().matches('/').count(), 1);
            prop_assert!(!revoke.as_str().contains('?'), "{revoke}");
        }
    }
}

/// Intercom's deployments differ in more than one host.
#[test]
fn a_deployment_may_have_endpoints_of_its_own() {
    let text = r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        [environments.us]
        base_url = "https://api.acme.example"
        [environments.eu]
        base_url = "https://api.acme.eu.example"
        endpoints = { authorize = "https://login.acme.eu.example/{extra.app}", revoke = "{base_url}/undo" }
        [endpoints]
        token = "{base_url}/token"
        authorize = "{base_url}/authorize"
        [grants.authorization-code]
        client_auth = ["none"]
        [extra]
        app = "the app"
    "#;
    let connect = |text: &str, environment: &str| {
        let settings = Settings::from_pairs([
            ("environment", environment),
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/cb"),
            ("extra.app", "a/b"),
        ])?;
        let profile = Profile::from_toml(text)?;
        Connection::new("mine", &settings, countersign_core::from_profile(profile))
    };
    let urls = |connection: &Connection| {
        let endpoints = connection.app().endpoints;
        let urls = [
            &endpoints.token_url,
            &endpoints.authorize_url,
            &endpoints.revoke_url,
        ];
        urls.map(|url| url.as_ref().map(ToString::to_string).unwrap_or_default())
    };
    assert_eq!(
        urls(&connect(text, "eu").unwrap()),
        [
            "https://api.acme.eu.example/token",
            "https://login.acme.eu.example/a%2Fb",
            "https://api.acme.eu.example/undo"
        ]
    );
    assert_eq!(
        urls(&connect(text, "us").unwrap()),
        [
            "https://api.acme.example/token",
            "https://api.acme.example/authorize",
            ""
        ]
    );
    for (from, to, why) in [
        ("revoke =", "revok =", "did you mean `revoke`?"),
        (
            "{base_url}/undo",
            "{base_url}undo",
            "must be followed by `/`",
        ),
        ("{extra.app}", "{extra.ap}", "did you mean `{extra.app}`?"),
        // That of one deployment is not that of all.
        (
            "        authorize = \"{base_url}/authorize\"\n",
            "",
            "`endpoints.authorize` is missing",
        ),
    ] {
        let error = connect(&text.replacen(from, to, 1), "eu").unwrap_err();
        assert!(error.message().contains(why), "{to}: {error}");
    }
    let each = text
        .replace("        authorize = \"{base_url}/authorize\"\n", "")
        .replace(
            "https://api.acme.example\"\n",
            "https://api.acme.example\"\nendpoints.authorize = \"https://acme.example/\"\n",
        );
    assert_eq!(
        urls(&connect(&each, "us").unwrap())[1],
        "https://acme.example/"
    );
}
