//! `[use]` of a profile: how an API request carries the token.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{ErrorKind, MemoryStore, Store, Token, Verdict};
use serde_json::{Value, json};

use crate::support::{Bench, bench, bench_with, json as response, login, vendor};

fn token_of(rules: &str, settings: &[(&str, &str)], body: Value) -> Token {
    let bench = bench(vendor(rules, settings), [Ok(response(200, body))]);
    bench.client.token().unwrap()
}

fn headers(token: &Token) -> Vec<(String, String)> {
    let all = token.headers().unwrap().into_iter();
    all.map(|(name, value)| (name.to_owned(), value.expose().to_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn the_profile_names_the_scheme() {
    let rules = "use.scheme = \"Zoho-oauthtoken\"";
    for token_type in [
        json!("Bearer"),
        json!("bot"),
        json!("mac"),
        json!(""),
        json!(null),
        json!(7),
    ] {
        let token = token_of(
            rules,
            &[],
            json!({"access_token": "t", "token_type": token_type}),
        );
        assert_eq!(token.authorization().expose(), "Zoho-oauthtoken t");
        assert_eq!(
            headers(&token),
            pairs(&[("Authorization", "Zoho-oauthtoken t")])
        );
        assert_eq!(token.token_type(), "Zoho-oauthtoken");
    }
}

#[test]
fn the_profile_names_the_header() {
    for name in ["X-Shopify-Access-Token", "Authorization"] {
        let token = token_of(
            &format!("use.header = \"{name}\""),
            &[],
            json!({"access_token": "t"}),
        );
        assert_eq!(headers(&token), pairs(&[(name, "t")]));
        assert!(!format!("{token:?}").contains("\"t\""));
    }
}

#[test]
fn further_headers_are_filled_in() {
    let rules = r#"
        extra.site = "the site"
        extra.zone = "the zone"
        response.keep = ["tenant"]
        [use.headers]
        X-App = "{client_id}"
        X-Fixed = "KEYPAIR_JWT"
        X-Site = "site={extra.site|upper}; zone={extra.zone:eu}"
        X-Tenant = "{kept.tenant}"
        X-Zone = "{extra.zone?}"
    "#;
    let body = json!({"access_token": "t", "tenant": 42});
    let token = token_of(rules, &[("extra.site", "main")], body);
    let expected = pairs(&[
        ("Authorization", "Bearer t"),
        ("X-App", "app"),
        ("X-Fixed", "KEYPAIR_JWT"),
        ("X-Site", "site=MAIN; zone=eu"),
        ("X-Tenant", "42"),
    ]);
    assert_eq!(headers(&token), expected);
}

#[test]
fn a_header_without_its_value_is_an_error_that_names_it() {
    let rules = r#"
        extra.site = "the site"
        response.keep = ["tenant"]
        [use.headers]
        X-Tenant = "{kept.tenant}"
    "#;
    for body in [
        json!({"access_token": "t"}),
        json!({"access_token": "t", "tenant": ""}),
        json!({"access_token": "t", "tenant": ["42"]}),
    ] {
        let error = token_of(rules, &[], body).headers().unwrap_err();
        assert!(
            error.message().contains("`X-Tenant` needs `kept.tenant`"),
            "{error}"
        );
    }
    let rules = rules.replace("kept.tenant", "extra.site");
    let token = token_of(&rules, &[], json!({"access_token": "t"}));
    let error = token.headers().unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.site"));
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
}

#[test]
fn no_value_adds_a_header_of_its_own() {
    let rules = r#"
        extra.site = "the site"
        response.keep = ["tenant"]
        [use.headers]
        X-Tenant = "{kept.tenant?}"
        X-Site = "{extra.site?}"
    "#;
    for hostile in [
        "a\r\nX-Admin: 1",
        "a\nb",
        "a\rb",
        "a\0b",
        "a\u{7f}",
        "é",
        " a",
        "a ",
        "\t",
    ] {
        let body = json!({"access_token": "t", "tenant": hostile});
        let error = token_of(rules, &[], body).headers().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{hostile:?}");
        assert!(error.message().contains("`X-Tenant`"), "{error}");
        assert!(!error.message().contains("X-Admin"), "{error}");
        if hostile.trim() == hostile {
            let body = json!({"access_token": "t"});
            let token = token_of(rules, &[("extra.site", hostile)], body);
            assert!(token.headers().is_err(), "{hostile:?}");
        }
    }
}

#[test]
fn the_base_url_of_the_api_is_filled_in() {
    let rules = |template: &str| {
        format!(
            "extra.shop = \"the shop\"\nresponse.keep = [\"instance\", \"site\"]\nuse.api_base = \"{template}\""
        )
    };
    for (template, found) in [
        ("{kept.instance}", Some("https://eu.api.example/v1")),
        (
            "{kept.instance}/rest/{extra.shop}",
            Some("https://eu.api.example/v1/rest/sh%2Fop"),
        ),
        (
            "{kept.instance}/x?site={kept.site}",
            Some("https://eu.api.example/v1/x?site=a%20b"),
        ),
        (
            "https://api.example/{extra.shop}",
            Some("https://api.example/sh%2Fop"),
        ),
        ("https://api.example", Some("https://api.example")),
        ("{kept.absent?}", None),
        ("https://api.example/{kept.absent}", None),
    ] {
        let rules = rules(template).replace("\"site\"]", "\"site\", \"absent\"]");
        let body =
            json!({"access_token": "t", "instance": "https://eu.api.example/v1/", "site": "a b"});
        let token = token_of(&rules, &[("extra.shop", "sh/op")], body);
        assert_eq!(
            token.extra().get("api_base").map(String::as_str),
            found,
            "{template}"
        );
    }
    let shop = rules("https://{extra.shop|lower}.shops.example/admin");
    let token = token_of(
        &shop,
        &[("extra.shop", "Mine-1")],
        json!({"access_token": "t"}),
    );
    assert_eq!(
        token.extra()["api_base"],
        "https://mine-1.shops.example/admin"
    );
}

#[test]
fn a_value_cannot_lead_the_token_elsewhere() {
    let rules = "extra.shop = \"s\"\nuse.api_base = \"https://{extra.shop}.shops.example\"";
    for shop in [
        "evil.example/",
        "evil.example#",
        "a@b",
        "a:b",
        "a b",
        "a?b",
        "a\\\\b",
        "é",
        "a%2f",
    ] {
        let connection = vendor(rules, &[("extra.shop", shop)]);
        let body = json!({"access_token": "t"});
        let error = bench(connection, [Ok(response(200, body))])
            .client
            .token()
            .unwrap_err();
        assert!(
            error
                .message()
                .contains("`extra.shop` can't be part of a host name"),
            "{error}"
        );
    }
    let rules =
        "response.keep = [\"instance\"]\nuse.api_base = \"{kept.instance}/api/{kept.instance}\"";
    for instance in [
        "http://api.example",
        "ftp://api.example",
        "//api.example",
        "api.example",
        "https://",
        "https://u:p@api.example",
        "https://api.example#x",
        "https://api.example?x=",
        "javascript:x",
        "https://a b",
        "https://api.example\r\n/",
        "https://{x}/",
    ] {
        let body = json!({"access_token": "t", "instance": instance});
        let error = bench(vendor(rules, &[]), [Ok(response(200, body))])
            .client
            .token()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{instance}: {error:?}");
        assert!(error.message().contains("`use.api_base`"), "{error}");
    }
    let rules = "response.keep = [\"site\"]\nuse.api_base = \"https://api.example/{kept.site}/x\"";
    for site in [".", ".."] {
        let body = json!({"access_token": "t", "site": site});
        let error = bench(vendor(rules, &[]), [Ok(response(200, body))])
            .client
            .token()
            .unwrap_err();
        assert!(
            error.message().contains("can't be part of a URL"),
            "{error}"
        );
    }
}

/// The profile decides which server is meant, and not what a server returned.
#[test]
fn a_kept_value_adds_no_label_to_a_host_and_no_segment_to_a_path() {
    let api_base = |template: &str, site: &str| {
        let rules = format!("response.keep = [\"site\"]\nuse.api_base = \"{template}\"");
        let body = json!({"access_token": "t", "site": site});
        let bench = bench(vendor(&rules, &[]), [Ok(response(200, body))]);
        let token = bench.client.token();
        token.map(|token| token.extra()["api_base"].clone())
    };
    let label = "https://{kept.site}.api.example";
    let two = "https://{kept.site}{kept.site}.api.example";
    let host = "https://{kept.site}/v1";
    let segment = "https://api.example/.{kept.site}/v1";
    for (template, site, found) in [
        (label, "eu-1", "https://eu-1.api.example"),
        (two, "a", "https://aa.api.example"),
        (host, "eu.api.example", "https://eu.api.example/v1"),
        (segment, "a", "https://api.example/.a/v1"),
    ] {
        assert_eq!(api_base(template, site).unwrap(), found);
    }
    for (template, site) in [
        (label, "a.b"),
        (label, "evil.example/"),
        (label, "evil.example:443"),
        (label, "a@b"),
        (label, "a."),
        (label, "."),
        (two, "a.b"),
        (host, "a..b"),
        (host, ".a"),
        (host, "a/b"),
        (segment, "."),
    ] {
        let error = api_base(template, site).expect_err(site);
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{site}: {error}");
        assert!(error.message().contains("`use.api_base`"), "{error}");
    }
}

#[test]
fn a_stored_token_is_used_as_the_profile_says_now() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let kept = "response.keep = [\"tenant\", \"host\"]\n";
    let first = vendor(&format!("{kept}use.header = \"X-Old\""), &[]);
    let body = json!({"access_token": "t", "expires_in": 600, "tenant": "42", "host": "https://a.example"});
    let bench = bench_with(first, [Ok(response(200, body))], Arc::clone(&store));
    assert_eq!(
        headers(&bench.client.token().unwrap()),
        pairs(&[("X-Old", "t")])
    );
    let now = format!(
        "{kept}[use]\nscheme = \"New\"\napi_base = \"{{kept.host}}\"\nheaders = {{ X-Tenant = \"{{kept.tenant}}\" }}"
    );
    let bench = bench_with(vendor(&now, &[]), [], Arc::clone(&store));
    let token = bench.client.token().unwrap();
    let expected = pairs(&[("Authorization", "New t"), ("X-Tenant", "42")]);
    assert_eq!(headers(&token), expected);
    assert_eq!(token.authorization().expose(), "New t");
    assert_eq!(token.extra()["api_base"], "https://a.example");
    // And without rules as usual.
    let bench = bench_with(vendor(kept, &[]), [], store);
    let token = bench.client.token().unwrap();
    assert_eq!(headers(&token), pairs(&[("Authorization", "Bearer t")]));
}

/// Invariant 7: what is in a token's headers identifies the stored token.
#[test]
fn another_setting_in_a_header_gets_a_token_of_its_own() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let rules = "extra.site = \"s\"\nuse.headers.X-Site = \"{extra.site}\"";
    for (site, token) in [("one", "a"), ("two", "b")] {
        let body = json!({"access_token": token, "expires_in": 600});
        let own = vendor(rules, &[("extra.site", site)]);
        let bench = bench_with(own, [Ok(response(200, body))], Arc::clone(&store));
        let found = headers(&bench.client.token().unwrap());
        let authorization = format!("Bearer {token}");
        assert_eq!(
            found,
            pairs(&[("Authorization", &authorization), ("X-Site", site)])
        );
    }
}

#[test]
fn what_the_login_returned_is_still_there_after_a_refresh() {
    let rules = r#"
        authorize.keep = ["realm"]
        response.keep = ["tenant", "host"]
        use.api_base = "{kept.host}"
        use.headers = { X-Tenant = "{kept.tenant}", X-Realm = "{kept.realm?}" }
    "#;
    let first = json!({
        "access_token": "a", "refresh_token": "r1", "expires_in": 600, "tenant": "42",
        "host": "https://a.example",
    });
    let connection = vendor(rules, &[("grant", "authorization-code")]);
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(connection, [Ok(response(200, first))]);
    login(&client).unwrap();
    let next = json!({"access_token": "b", "refresh_token": "r2", "expires_in": 600});
    script.push(Ok(response(200, next)));
    clock.advance(Duration::from_secs(600));
    let token = client.token().unwrap();
    let expected = pairs(&[("Authorization", "Bearer b"), ("X-Tenant", "42")]);
    assert_eq!(headers(&token), expected);
    assert_eq!(token.extra()["api_base"], "https://a.example");
}
