//! The exact requests to Salesforce, the settings that are rejected, and the signature.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

#[path = "../../../../tests/providers/key.rs"]
mod key;
#[path = "../../../../tests/providers/requests.rs"]
mod requests;

use std::time::Duration;

use countersign_core::profile::Rotation;
use countersign_core::{
    Algorithm, Connection, GrantKind, Login, PresentedGrant, Settings, TokenTypeHint, jws,
    revocation_request, token_request,
};
use serde_json::{Value, json};

use crate::requests::{
    Canned, Counting, NOW, at, code, connect, rejected, request, sent, taken_apart,
};

const APP: &str = "3MVG9.the-consumer-key";
const SITE: &str = "https://acme.my.site.com/partners";
const MY_DOMAIN: &str = "https://acme.my.salesforce.com";

/// Returns valid settings, with `more` added or overridden.
fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = vec![
        ("provider", "salesforce"),
        ("environment", "production"),
        ("grant", "jwt-bearer"),
        ("client_id", APP),
        ("client_secret", "p+s s/"),
        ("subject", "integration@acme.com.uat"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    pairs.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    pairs.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    pairs
}

fn salesforce(more: &[(&str, &str)]) -> Connection {
    connect(countersign_salesforce::provider(), &with(more)).expect("these settings work")
}

#[test]
fn the_assertion_has_the_right_claims_at_every_kind_of_host() {
    for (environment, base_url, endpoint, audience) in [
        (
            "production",
            "",
            "https://login.salesforce.com",
            "https://login.salesforce.com",
        ),
        (
            "sandbox",
            "",
            "https://test.salesforce.com",
            "https://test.salesforce.com",
        ),
        ("my-domain", MY_DOMAIN, MY_DOMAIN, MY_DOMAIN),
        (
            "my-domain",
            "https://acme.my.salesforce.com/",
            MY_DOMAIN,
            MY_DOMAIN,
        ),
        ("site", SITE, SITE, SITE),
        ("site", "https://acme.my.site.com/partners/", SITE, SITE),
        // Government clouds: the endpoint is the My Domain, the audience stays the login host.
        (
            "production",
            MY_DOMAIN,
            MY_DOMAIN,
            "https://login.salesforce.com",
        ),
    ] {
        // Scopes are only for the consent URL, not for the assertion.
        let connection = salesforce(&[
            ("environment", environment),
            ("base_url", base_url),
            ("scopes", "api web"),
        ]);
        let request = request(&connection, &PresentedGrant::JwtBearer);
        let form = request.form().expect("a form");
        assert_eq!(
            request.url().as_str(),
            format!("{endpoint}/services/oauth2/token")
        );
        assert_eq!(
            form.names().collect::<Vec<_>>(),
            ["grant_type", "assertion"]
        );
        assert_eq!(
            form.value("grant_type"),
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
        );
        assert!(request.headers().all(|(name, _)| name != "Authorization"));
        let (header, claims) = key::verified(form.value("assertion").unwrap(), Algorithm::RS256);
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
        let expected = json!({
            "iss": APP, "sub": "integration@acme.com.uat", "aud": audience,
            "iat": NOW - 60, "exp": NOW + 180,
        });
        assert_eq!(Value::Object(claims), expected, "{environment}");
    }
}

#[test]
fn the_audience_can_be_set() {
    let connection = salesforce(&[
        ("environment", "my-domain"),
        ("base_url", MY_DOMAIN),
        ("audience", "https://login.salesforce.com/"),
    ]);
    let request = request(&connection, &PresentedGrant::JwtBearer);
    let (_, claims) = key::verified(
        request.form().unwrap().value("assertion").unwrap(),
        Algorithm::RS256,
    );
    assert_eq!(claims["aud"], "https://login.salesforce.com/");
}

#[test]
fn code_refresh_and_client_credentials_with_every_client_authentication() {
    let basic = Some("Basic M01WRzkudGhlLWNvbnN1bWVyLWtleTpwK3Mgcy8=");
    let exchange = "grant_type=authorization_code&code=aPrx%3D%3D&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&code_verifier=the-verifier";
    let refresh = "grant_type=refresh_token&refresh_token=5Aep%21%2F1";
    let own = "grant_type=client_credentials";
    let id = format!("&client_id={APP}");
    let id_and_secret = format!("{id}&client_secret=p%2Bs+s%2F");
    for (auth, in_body, in_header) in [
        ("", id_and_secret.as_str(), None),
        ("post", id_and_secret.as_str(), None),
        ("basic", "", basic),
        ("none", id.as_str(), None),
    ] {
        for (grant, spent, body) in [
            ("authorization-code", code(), exchange),
            (
                "refresh-token",
                PresentedGrant::RefreshToken("5Aep!/1".into()),
                refresh,
            ),
            ("client-credentials", PresentedGrant::ClientCredentials, own),
        ] {
            if (grant, auth) == ("client-credentials", "none") {
                continue;
            }
            let connection = salesforce(&[
                ("grant", grant),
                ("client_auth", auth),
                ("environment", "my-domain"),
                ("base_url", MY_DOMAIN),
            ]);
            let expected = (
                "https://acme.my.salesforce.com/services/oauth2/token".to_owned(),
                format!("{body}{in_body}"),
                in_header.map(str::to_owned),
            );
            assert_eq!(sent(&connection, &spent), expected, "{grant} {auth}");
        }
    }
}

#[test]
fn private_key_jwt_replaces_the_secret() {
    for (grant, spent, names) in [
        (
            "authorization-code",
            code(),
            &["grant_type", "code", "redirect_uri", "code_verifier"][..],
        ),
        (
            "refresh-token",
            PresentedGrant::RefreshToken("5Aep".into()),
            &["grant_type", "refresh_token"],
        ),
        (
            "client-credentials",
            PresentedGrant::ClientCredentials,
            &["grant_type"],
        ),
    ] {
        let connection = salesforce(&[
            ("grant", grant),
            ("client_auth", "private_key_jwt"),
            ("client_secret", ""),
            ("environment", "my-domain"),
            ("base_url", MY_DOMAIN),
        ]);
        // Both use the same source of randomness, as in a program.
        let random = Counting::default();
        let claims = [NOW, NOW + 1].map(|now| {
            let request = token_request(&connection, &spent, at(now), &random).unwrap();
            let form = request.form().unwrap();
            let proof = ["client_id", "client_assertion_type", "client_assertion"];
            assert_eq!(form.names().collect::<Vec<_>>(), [names, &proof].concat());
            assert_eq!(form.value("client_id"), Some(APP));
            assert_eq!(
                form.value("client_assertion_type"),
                Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            );
            key::verified(form.value("client_assertion").unwrap(), Algorithm::RS256).1
        });
        let [first, second] = &claims;
        assert_eq!((&first["iss"], &first["sub"]), (&json!(APP), &json!(APP)));
        assert_eq!(
            first["aud"],
            "https://acme.my.salesforce.com/services/oauth2/token"
        );
        assert_eq!(
            (&first["iat"], &first["exp"]),
            (&json!(NOW - 60), &json!(NOW + 180))
        );
        assert_eq!(
            (&second["iat"], &second["exp"]),
            (&json!(NOW - 59), &json!(NOW + 181))
        );
        assert_eq!(first["jti"].as_str().unwrap().len(), 43);
        assert_ne!(first["jti"], second["jti"]);
    }
}

#[test]
fn urls_for_people_are_exact() {
    let tail = format!("&client_id={APP}&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback");
    // Approval requires `refresh_token`: otherwise it would end with the browser's session.
    assert_eq!(
        salesforce(&[]).consent_url().unwrap().as_str(),
        format!(
            "https://login.salesforce.com/services/oauth2/authorize?response_type=code&scope=api%20refresh_token{tail}"
        ),
    );
    let site = salesforce(&[
        ("environment", "site"),
        ("base_url", SITE),
        ("scopes", "refresh_token chatter_api"),
    ]);
    assert_eq!(
        site.consent_url().unwrap().as_str(),
        format!(
            "{SITE}/services/oauth2/authorize?response_type=code&scope=refresh_token%20chatter_api{tail}"
        ),
    );
    assert_eq!(site.admin_consent_url(), None);

    let connection = salesforce(&[("grant", "authorization-code"), ("environment", "sandbox")]);
    let redirect_uri = connection.redirect_uri().unwrap().as_str();
    let login = Login::start(&connection, redirect_uri, &Counting::default()).unwrap();
    assert_eq!(
        login.url().as_str(),
        format!(
            "https://test.salesforce.com/services/oauth2/authorize?response_type=code&scope=api%20refresh_token{tail}&state=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8&code_challenge=6oZqdX5MOLq_qBJ8vppAnT4fk6AP8UiP9zX8-Rev_9A&code_challenge_method=S256"
        ),
    );
    // Codes contain `=`, percent-encoded. They are decoded once.
    let query = "code=aPrxsmIE%3D%3D&state=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";
    let PresentedGrant::AuthorizationCode { code, .. } = login.finish(query).unwrap() else {
        panic!("expected an authorization code");
    };
    assert_eq!(code.expose(), "aPrxsmIE==");
}

#[test]
fn every_endpoint_starts_with_the_sites_path() {
    let connection = salesforce(&[
        ("environment", "site"),
        ("base_url", SITE),
        ("grant", "authorization-code"),
    ]);
    assert_eq!(
        connection.token_url().unwrap().as_str(),
        format!("{SITE}/services/oauth2/token")
    );
    let revocation = revocation_request(
        &connection,
        &"5Aep!".into(),
        TokenTypeHint::RefreshToken,
        at(NOW),
        &Counting::default(),
    );
    let (url, body, _) = taken_apart(&revocation.unwrap().unwrap());
    assert_eq!(url, format!("{SITE}/services/oauth2/revoke"));
    // Salesforce revokes without client authentication.
    assert_eq!(body, "token=5Aep%21&token_type_hint=refresh_token");
}

#[test]
fn settings_that_salesforce_would_reject_are_rejected() {
    let own = ("grant", "client-credentials");
    for (more, setting, hint) in [
        (vec![own], "environment", "my-domain"),
        (
            vec![own, ("environment", "sandbox")],
            "environment",
            "my-domain",
        ),
        (
            vec![("environment", "my-domain")],
            "base_url",
            "acme.my.salesforce.com",
        ),
        (vec![("environment", "site")], "base_url", "base_url"),
        (
            vec![("environment", "site"), ("base_url", MY_DOMAIN)],
            "base_url",
            "the site's path",
        ),
        (
            vec![("environment", "my-domain"), ("base_url", SITE)],
            "base_url",
            "environment = \"site\"",
        ),
        (
            vec![("environment", "")],
            "environment",
            "my-domain, production, sandbox, site",
        ),
        (
            vec![("subject", "005x00000012Q9PAAU")],
            "subject",
            "username",
        ),
        (
            vec![("subject", "")],
            "subject",
            "grant jwt-bearer needs it",
        ),
        (
            vec![("algorithm", "RS384")],
            "algorithm",
            "algorithm to one of: RS256",
        ),
        (vec![("assertion_ttl_s", "301")], "assertion_ttl_s", "300"),
        (
            vec![("grant", "authorization-code"), ("redirect_uri", "")],
            "redirect_uri",
            "authorization-code needs it",
        ),
        (
            vec![("extra.account_id", "x")],
            "extra.account_id",
            "no extra settings",
        ),
    ] {
        let (named, said) = rejected(countersign_salesforce::provider(), &with(&more));
        assert_eq!(named, setting, "{more:?}");
        assert!(said.contains(hint), "{more:?}: {said}");
    }
    // Only known mistakes are rejected.
    salesforce(&[("audience", "login.salesforce.com")]);
    salesforce(&[("subject", "005x00000012Q9PAAU@acme.com")]);
    salesforce(&[own, ("base_url", MY_DOMAIN)]);
}

#[test]
fn verifies_the_signature_of_a_known_response() {
    let message =
        b"https://login.salesforce.com/id/00Dx0000000BV7zEAG/005x00000012Q9PAAU1278448832702";
    let signature = "6JtkOZEU19X/pYeZlAVKelGTDr+mutTxupqXHWiAMj8=";
    let secret = "countersign-test-secret";
    assert_eq!(jws::hmac_sha256_base64(secret, message), signature);
    let connection = salesforce(&[("client_secret", "countersign-test-secret")]);
    assert_eq!(
        connection.client().secret_signed(message, signature),
        Some(true)
    );
    assert_eq!(
        connection.client().secret_signed(b"another", signature),
        Some(false)
    );
    assert_eq!(
        salesforce(&[("client_secret", "")])
            .client()
            .secret_signed(message, signature),
        None
    );
}

#[test]
fn a_token_without_expires_in_is_cached_for_15_minutes() {
    let response = (
        200,
        r#"{"access_token":"00D!t","id":"https://login.salesforce.com/id/00D1/0051","instance_url":"https://acme.my.salesforce.com"}"#,
    );
    for (setting, seconds) in [("", 900), ("7200", 7200)] {
        let connection = salesforce(&[("assume_lifetime_s", setting)]);
        let (client, canned) = Canned::client(connection, [response]);
        let token = client.token().unwrap();
        assert_eq!(token.expires_at(), None);
        assert_eq!(token.remaining(at(NOW)), Duration::from_secs(seconds));
        // The response has the user's identity, so no further request is sent.
        let identity = client.identity().unwrap();
        assert_eq!(
            (identity["org_id"].as_str(), identity["user_id"].as_str()),
            ("00D1", "0051")
        );
        assert_eq!(identity["instance_url"], MY_DOMAIN);
        assert_eq!(canned.sent().len(), 1);
    }
}

#[test]
fn the_profile_describes_refresh_tokens() {
    let connection = salesforce(&[("grant", "refresh-token"), ("refresh_token", "5Aep")]);
    let profile = connection.profile();
    assert_eq!(
        (profile.refresh.rotation, profile.refresh.grace_s),
        (Rotation::Sometimes, 0)
    );
    assert_eq!(
        (profile.refresh.idle_days, profile.refresh.absolute_days),
        (None, None)
    );
    let login = &profile.grants[&GrantKind::AuthorizationCode];
    assert_eq!(login.refresh_scopes, ["refresh_token", "offline_access"]);
    assert_eq!(connection.scopes(), ["api", "refresh_token"]);
    assert_eq!(profile.response.assume_lifetime_s, Some(900));
    assert_eq!(profile.assertion.backdate_s, 60);
    let userinfo = connection.userinfo_url().unwrap();
    assert_eq!(
        userinfo.as_str(),
        "https://login.salesforce.com/services/oauth2/userinfo"
    );
}

#[test]
fn the_readmes_settings_are_valid() {
    let readme = include_str!("../README.md");
    let toml = readme
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let all = Settings::from_toml(toml.expect("an example in TOML")).unwrap();
    let settings = &all["crm"];
    let keys: Vec<_> = settings
        .keys()
        .filter(|key| *key != "private_key_file")
        .collect();
    let pairs: Vec<_> = keys
        .iter()
        .map(|key| (*key, settings.value(key).unwrap()))
        .collect();
    let connection = connect(countersign_salesforce::provider(), &pairs).unwrap();
    assert_eq!(connection.audience(), Some(MY_DOMAIN));
}
