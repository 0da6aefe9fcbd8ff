//! `[lookup]` of a profile: whose a token is, and what requests need of it.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Client, Connection, Error, ErrorKind, Extra, MemoryStore, Request, Response, Store, Token,
    Verdict,
};
use serde_json::{Value, json};

use crate::support::{Bench, bench, bench_with, json as response, login, vendor};

const SITES: &str = r#"
    extra.site = "the site's id"
    [lookup]
    url = "https://api.plain.example/sites?app={client_id}"
    items = "/data/sites"
    id = "id"
    label = "/about/name"
    choose = "site"
    default = "main"
    required = true
    kept = { site_id = "id", host = "/about/host" }
    also = { user_id = "/me/id" }
"#;

fn site(id: impl Into<Value>, name: &str) -> Value {
    let about = json!({"name": name, "host": format!("https://{name}.example")});
    json!({"id": id.into(), "about": about})
}

fn sites(all: &[Value]) -> Value {
    json!({"data": {"sites": all}, "me": {"id": "u1"}})
}

/// A token of the app itself, and the response to its lookup.
fn looked_up(connection: Connection, found: Response) -> Bench {
    let token = json!({"access_token": "t", "expires_in": 3600});
    bench(connection, [Ok(response(200, token)), Ok(found)])
}

fn identity(settings: &[(&str, &str)], found: Value) -> Result<Extra, Error> {
    looked_up(vendor(SITES, settings), response(200, found))
        .client
        .identity()
}

fn extra(expected: &[(&str, &str)]) -> Extra {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    expected.iter().map(owned).collect()
}

fn headers(token: &Token) -> Vec<(String, String)> {
    let all = token.headers().unwrap().into_iter();
    all.map(|(name, value)| (name.to_owned(), value.expose().to_owned()))
        .collect()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut headers = request.headers();
    let (_, value) = headers.find(|(known, _)| *known == name)?;
    Some(value.expose())
}

fn last(bench: &Bench) -> Request {
    bench.script.requests().pop().unwrap()
}

#[test]
fn the_only_item_is_whose_the_token_is() {
    let found = sites(&[site(42, "one")]);
    let bench = looked_up(vendor(SITES, &[]), response(200, found));
    let expected = extra(&[
        ("host", "https://one.example"),
        ("site_id", "42"),
        ("user_id", "u1"),
    ]);
    assert_eq!(bench.client.identity().unwrap(), expected);
    let request = last(&bench);
    assert_eq!(
        request.url().as_str(),
        "https://api.plain.example/sites?app=app"
    );
    assert_eq!(header(&request, "Authorization"), Some("Bearer t"));
    // It is asked once, and the token has it.
    assert_eq!(bench.client.identity().unwrap(), expected);
    assert_eq!(bench.script.requests().len(), 2);
    assert_eq!(*bench.client.token().unwrap().extra(), expected);
    let other = bench_with(vendor(SITES, &[]), [], bench.store);
    assert_eq!(*other.client.token().unwrap().extra(), expected);
}

#[test]
fn the_configured_one_is_chosen_or_the_default_one() {
    let mut main = site("b", "two");
    main["main"] = json!(true);
    let all = [
        site("a", "one"),
        main,
        site("AbC", "three"),
        site("abC", "four"),
        site(7, "five"),
    ];
    for (settings, id) in [
        (&[][..], "b"),
        (&[("extra.site", "a")], "a"),
        (&[("extra.site", "A")], "a"),
        (&[("extra.site", "abC")], "abC"),
        (&[("extra.site", "AbC")], "AbC"),
        (&[("extra.site", "7")], "7"),
    ] {
        let found = identity(settings, sites(&all)).unwrap();
        assert_eq!(found["site_id"], id, "{settings:?}");
    }
    // Two differ only by case, and neither is meant.
    let error = identity(&[("extra.site", "ABC")], sites(&all)).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.site"));
    for word in [json!("True"), json!("true")] {
        let mut main = site("b", "two");
        main["main"] = word;
        let found = identity(&[], sites(&[site("a", "one"), main])).unwrap();
        assert_eq!(found["site_id"], "b");
    }
    for word in [json!("no"), json!(1), json!(["true"]), json!(null)] {
        let mut odd = site("b", "two");
        odd["main"] = word;
        identity(&[], sites(&[site("a", "one"), odd])).unwrap_err();
    }
}

#[test]
fn several_without_a_choice_are_listed() {
    let hostile = "x\u{1b}[2J\r\n\u{202e}evil";
    let found = sites(&[site("a", "one"), site("b", hostile), json!({"id": "c"})]);
    let error = identity(&[], found.clone()).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.site"));
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert_eq!(error.provider(), Some("plain"));
    assert_eq!(
        error.message(),
        "Plain lists 3 for the token, and none is chosen"
    );
    assert_eq!(
        error.hint().unwrap(),
        "set it to one of: a (one), b (x\\u{1b}[2J\\u{d}\\u{a}\\u{202e}evil), c"
    );
    let error = identity(&[("extra.site", "z")], found).unwrap_err();
    let says = "`extra.site` is z, which is not among what Plain lists for the token";
    assert_eq!(error.message(), says);
    // A list is bounded, however long the response is.
    let many: Vec<_> = (0..5000).map(|n| site(n, &"n".repeat(300))).collect();
    let error = identity(&[], sites(&many)).unwrap_err();
    let hint = error.hint().unwrap();
    assert!(hint.ends_with(" and 4980 more"), "{hint}");
    assert!(hint.len() < 4000, "{}", hint.len());
}

#[test]
fn secrets_that_a_list_echoes_are_redacted() {
    let token = json!({"access_token": "canary-access-token", "expires_in": 3600});
    let found = sites(&[
        site("canary-access-token", "one"),
        site("s3cret", "canary-access-token"),
    ]);
    let bench = bench(
        vendor(SITES, &[]),
        [Ok(response(200, token)), Ok(response(200, found))],
    );
    let error = bench.client.identity().unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains("canary") && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[test]
fn a_list_of_nothing_is_an_error_if_something_is_required() {
    for found in [
        sites(&[]),
        json!({}),
        json!({"data": {"sites": null}}),
        // What has no id is not on the list.
        sites(&[
            json!({"about": {"name": "x"}}),
            json!("a"),
            json!(["id"]),
            json!({"id": {}}),
        ]),
    ] {
        let error = identity(&[], found.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{found}");
        let says = "Plain lists nothing that the token is for";
        assert_eq!(error.message(), says);
    }
    for found in [
        json!({"data": {"sites": {"id": "a"}}}),
        json!({"data": {"sites": "a"}}),
    ] {
        let error = identity(&[], found).unwrap_err();
        assert!(
            error.message().contains("no list at `/data/sites`"),
            "{error}"
        );
    }
    let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(9000), "]".repeat(9000));
    for body in ["", "<html>", "\"a\"", "17", "{\"data\":", &deep] {
        let bench = looked_up(vendor(SITES, &[]), response(200, body));
        let error = bench.client.identity().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{body}");
    }
}

#[test]
fn nothing_is_chosen_if_nothing_is_required() {
    let optional = SITES.replace("required = true", "required = false");
    for found in [sites(&[]), sites(&[site("a", "one"), site("b", "two")])] {
        let bench = looked_up(vendor(&optional, &[]), response(200, found));
        assert_eq!(
            bench.client.identity().unwrap(),
            extra(&[("user_id", "u1")])
        );
    }
    // A choice that isn't on the list is an error all the same.
    let chosen = vendor(&optional, &[("extra.site", "c")]);
    let bench = looked_up(chosen, response(200, sites(&[site("a", "one")])));
    let error = bench.client.identity().unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.site"));
}

#[test]
fn the_response_itself_is_the_list_or_the_item() {
    let rules = "[lookup]\nurl = \"https://api.plain.example/me\"\nkept = { id = \"/id\" }";
    for found in [
        json!([{"id": "a"}]),
        json!({"id": "a"}),
        json!(["x", {"id": "a"}]),
    ] {
        let bench = looked_up(vendor(rules, &[]), response(200, found));
        assert_eq!(bench.client.identity().unwrap(), extra(&[("id", "a")]));
    }
    // Values of other types are none.
    for odd in [json!(null), json!([]), json!({"a": 1})] {
        let bench = looked_up(vendor(rules, &[]), response(200, json!({"id": odd})));
        assert!(bench.client.identity().unwrap().is_empty());
    }
}

#[test]
fn errors_of_the_server_keep_their_verdict() {
    for (status, kind, verdict) in [
        (403, ErrorKind::Rejected, Verdict::FixConfiguration),
        (429, ErrorKind::Throttled, Verdict::Retry),
        (500, ErrorKind::Unavailable, Verdict::Retry),
        (302, ErrorKind::Rejected, Verdict::FixConfiguration),
    ] {
        let bench = looked_up(vendor(SITES, &[]), response(status, ""));
        let error = bench.client.identity().unwrap_err();
        let found = (error.verdict(), error.http_status());
        assert_eq!(found, (verdict, Some(status)), "{error:?}");
        if status != 302 {
            assert_eq!(error.kind(), kind);
        }
    }
}

#[test]
fn a_lookup_is_made_only_with_its_scope() {
    let rules = "[lookup]\nscope = \"openid\"\nalso = { user_id = \"/sub\" }";
    for (requested, granted, asks) in [
        ("openid email", None, true),
        ("email", None, false),
        ("email", Some("openid email"), true),
        ("openid", Some("openid2"), false),
    ] {
        let token = json!({"access_token": "t", "expires_in": 3600, "scope": granted});
        let connection = vendor(rules, &[("scopes", requested)]);
        let found = json!({"sub": "u1"});
        let bench = bench(
            connection,
            [Ok(response(200, token)), Ok(response(200, found))],
        );
        let identity = bench.client.identity().unwrap();
        assert_eq!(
            identity.contains_key("user_id"),
            asks,
            "{requested} {granted:?}"
        );
        let sent = bench.script.requests();
        assert_eq!(sent.len(), 1 + usize::from(asks));
        if asks {
            let url = sent[1].url().as_str();
            assert_eq!(url, "https://login.plain.example/userinfo");
        }
    }
}

#[test]
fn claims_of_the_id_token_need_no_request() {
    let rules = "[lookup]\nid_token = { user_id = \"/sub\", org = \"/org/0\" }";
    let part = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text.as_bytes());
    let claims = part(r#"{"sub":"u1","org":["o1"]}"#);
    let id_token = format!("{}.{claims}.{}", part(r#"{"alg":"RS256"}"#), part("s"));
    let token = json!({"access_token": "t", "expires_in": 3600, "id_token": id_token});
    let bench = bench(vendor(rules, &[]), [Ok(response(200, token))]);
    let expected = extra(&[("org", "o1"), ("user_id", "u1")]);
    assert_eq!(bench.client.identity().unwrap(), expected);
    assert_eq!(bench.script.requests().len(), 1);
}

const TENANTS: &str = r#"
    extra.tenant = "the tenant's id"
    use.headers = { X-Tenant = "{kept.tenant_id}", X-Version = "7" }
    use.api_base = "{kept.host}"
    [lookup]
    url = "{base_url}/tenants"
    id = "id"
    label = "name"
    choose = "tenant"
    required = true
    kept = { tenant_id = "id", host = "host" }
"#;

fn tenant(id: &str) -> Value {
    json!({"id": id, "name": format!("tenant {id}"), "host": format!("https://{id}.example")})
}

fn by_login(settings: &[(&str, &str)]) -> Connection {
    let own = [("grant", "authorization-code")];
    vendor(TENANTS, &[&own, settings].concat())
}

fn tokens(access: &str, refresh: &str) -> Response {
    let tokens = json!({"access_token": access, "refresh_token": refresh, "expires_in": 600});
    response(200, tokens)
}

fn expected_headers(access: &str, tenant: &str) -> Vec<(String, String)> {
    let authorization = format!("Bearer {access}");
    let all = [
        ("Authorization", authorization.as_str()),
        ("X-Tenant", tenant),
        ("X-Version", "7"),
    ];
    all.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn renewed(client: &Client, clock: &countersign_core::ManualClock) -> Token {
    clock.advance(Duration::from_secs(600));
    client.token().unwrap()
}

#[test]
fn what_requests_need_is_looked_up_with_the_login_and_kept() {
    let responses = [
        Ok(tokens("a", "r1")),
        Ok(response(200, json!([tenant("t1")]))),
    ];
    let bench = bench(by_login(&[]), responses);
    let token = login(&bench.client).unwrap();
    assert_eq!(headers(&token), expected_headers("a", "t1"));
    assert_eq!(token.extra()["api_base"], "https://t1.example");
    let request = last(&bench);
    assert_eq!(
        request.url().as_str(),
        "https://login.plain.example/tenants"
    );
    // What the lookup itself finds out can't be part of it.
    assert_eq!(header(&request, "X-Version"), Some("7"));
    assert_eq!(header(&request, "X-Tenant"), None);
    // A refresh keeps it, and another process has it.
    bench.script.push(Ok(tokens("b", "r2")));
    let token = renewed(&bench.client, &bench.clock);
    assert_eq!(headers(&token), expected_headers("b", "t1"));
    let other = bench_with(by_login(&[]), [], Arc::clone(&bench.store));
    other.clock.advance(Duration::from_secs(600));
    let token = other.client.token().unwrap();
    assert_eq!(headers(&token), expected_headers("b", "t1"));
    assert_eq!(token.extra()["api_base"], "https://t1.example");
    // Another login is asked again.
    bench.script.push(Ok(tokens("c", "r3")));
    bench.script.push(Ok(response(200, json!([tenant("t2")]))));
    let token = login(&bench.client).unwrap();
    assert_eq!(headers(&token), expected_headers("c", "t2"));
}

#[test]
fn a_login_without_a_choice_succeeds_and_the_choice_can_follow() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let both = json!([tenant("t1"), tenant("t2")]);
    let responses = [Ok(tokens("a", "r1")), Ok(response(200, both.clone()))];
    let undecided = bench_with(by_login(&[]), responses, Arc::clone(&store));
    let token = login(&undecided.client).unwrap();
    let error = token.headers().unwrap_err();
    assert!(
        error
            .message()
            .contains("`X-Tenant` needs `kept.tenant_id`"),
        "{error}"
    );
    undecided.script.push(Ok(response(200, both.clone())));
    let error = undecided.client.identity().unwrap_err();
    assert!(
        error
            .hint()
            .unwrap()
            .contains("t1 (tenant t1), t2 (tenant t2)"),
        "{error:?}"
    );
    // The setting changes what tokens are used for, not the grant: no new login is needed.
    let responses = [Ok(tokens("b", "r2")), Ok(response(200, both.clone()))];
    let decided = bench_with(
        by_login(&[("extra.tenant", "t2")]),
        responses,
        Arc::clone(&store),
    );
    assert_eq!(decided.client.identity().unwrap()["tenant_id"], "t2");
    assert!(decided.script.forms()[0].contains("refresh_token=r1"));
    assert_eq!(
        headers(&decided.client.token().unwrap()),
        expected_headers("b", "t2")
    );
    // The choice stays with the grant, even if the setting is removed again.
    let responses = [Ok(tokens("c", "r3")), Ok(response(200, both))];
    let later = bench_with(by_login(&[]), responses, store);
    assert_eq!(later.client.identity().unwrap()["tenant_id"], "t2");
}

/// Invariant 7: an identity is bound to the grant that it was read with.
#[test]
fn another_choice_never_uses_the_headers_of_the_one_before() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let both = json!([tenant("t1"), tenant("t2")]);
    for (choice, refresh, next) in [("t1", "r0", "r1"), ("t2", "r1", "r2")] {
        let responses = [Ok(tokens(choice, next)), Ok(response(200, both.clone()))];
        let own = [
            ("grant", "refresh-token"),
            ("refresh_token", "r0"),
            ("extra.tenant", choice),
        ];
        let bench = bench_with(vendor(TENANTS, &own), responses, Arc::clone(&store));
        let token = bench.client.token().unwrap();
        assert!(bench.script.forms()[0].contains(&format!("refresh_token={refresh}")));
        assert!(token.headers().is_err(), "it is not known yet");
        bench.client.identity().unwrap();
        let token = bench.client.token().unwrap();
        assert_eq!(headers(&token), expected_headers(choice, choice));
    }
}

#[test]
fn what_a_lookup_returns_adds_no_header_of_its_own() {
    let mut hostile = tenant("t1");
    hostile["id"] = json!("t1\r\nX-Admin: 1");
    hostile["host"] = json!("http://evil.example");
    let responses = [Ok(tokens("a", "r1")), Ok(response(200, json!([hostile])))];
    let bench = bench(by_login(&[]), responses);
    let token = login(&bench.client).unwrap();
    let error = token.headers().unwrap_err();
    assert!(
        error.message().contains("`X-Tenant` has characters"),
        "{error}"
    );
    assert_eq!(token.extra().get("api_base"), None);
}

#[test]
fn the_url_of_a_lookup_is_filled_in_and_checked() {
    let rules = |url: &str| {
        format!(
            "extra.site = \"s\"\nresponse.keep = [\"me\"]\n[lookup]\nurl = \"{url}\"\nkept = {{ id = \"id\" }}"
        )
    };
    let asked = |url: &str, me: &str| {
        let token = json!({"access_token": "t", "expires_in": 3600, "me": me});
        let connection = vendor(&rules(url), &[("extra.site", "a/b")]);
        let bench = bench(
            connection,
            [Ok(response(200, token)), Ok(response(200, "{}"))],
        );
        bench.client.identity()?;
        Ok::<_, Error>(last(&bench).url().as_str().to_owned())
    };
    let api = "https://api.plain.example";
    for (url, me, found) in [
        (
            "{userinfo}?fields=id",
            "",
            "https://login.plain.example/userinfo?fields=id",
        ),
        (
            "{base_url}/sites/{extra.site}",
            "",
            "https://login.plain.example/sites/a%2Fb",
        ),
        (
            "{kept.me}",
            "https://api.plain.example/me?x=1",
            "https://api.plain.example/me?x=1",
        ),
        (
            "https://api.plain.example/{kept.me}",
            "a b",
            "https://api.plain.example/a%20b",
        ),
    ] {
        assert_eq!(asked(url, me).unwrap(), found, "{url}");
    }
    for me in [
        "http://evil.example",
        "evil.example",
        "https://u@evil.example",
        "https://x\r\n",
    ] {
        let error = asked("{kept.me}", me).unwrap_err();
        assert!(
            error.message().contains("the URL of the lookup is invalid"),
            "{error}"
        );
    }
    let error = asked("{kept.me}/x", "https://api.plain.example/me?x=1").unwrap_err();
    assert!(error.message().contains("it has a query"), "{error}");
    let error = asked("{kept.me}", "").unwrap_err();
    assert!(error.message().contains("needs `kept.me`"), "{error}");
    assert!(asked(&format!("{api}/{{kept.me}}"), "..").is_err());
}

#[test]
fn an_account_can_be_chosen_after_the_login_and_stays_chosen() {
    let three = || {
        let all = [site("1", "one"), site("2", "two"), site("3", "three")];
        Ok(response(200, sites(&all)))
    };
    let connect = || vendor(SITES, &[]);
    let token = json!({"access_token": "t", "expires_in": 3600});
    let bench = bench(
        connect(),
        [Ok(response(200, token)), three(), three(), three()],
    );
    let found = bench.client.accounts().unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|it| (it.id.as_str(), it.label.as_deref().unwrap(), it.is_chosen))
        .collect();
    assert_eq!(
        shown,
        [
            ("1", "one", false),
            ("2", "two", false),
            ("3", "three", false)
        ]
    );
    let error = bench.client.choose_account("4").unwrap_err();
    assert_eq!(error.message(), "Plain does not list 4 for the token");
    assert!(error.hint().unwrap().contains("2 (two)"), "{error:?}");

    let chosen = bench.client.choose_account("2").unwrap();
    assert_eq!(chosen["site_id"], "2");
    assert_eq!(bench.client.identity().unwrap()["site_id"], "2");
    assert_eq!(bench.client.token().unwrap().extra()["site_id"], "2");

    // Another process, and another choice.
    let other = bench_with(connect(), [three(), three(), three()], bench.store.clone());
    assert_eq!(other.client.identity().unwrap()["site_id"], "2");
    let found = other.client.accounts().unwrap();
    assert!(found[1].is_chosen && !found[0].is_chosen);
    assert_eq!(other.client.choose_account("3").unwrap()["site_id"], "3");
    assert_eq!(other.client.identity().unwrap()["site_id"], "3");
    assert_eq!(other.client.token().unwrap().extra()["site_id"], "3");

    // A setting overrides the choice.
    let set = vendor(SITES, &[("extra.site", "1")]);
    let token = json!({"access_token": "t", "expires_in": 3600});
    let set = self::bench(set, [Ok(response(200, token)), three(), three()]);
    let error = set.client.choose_account("2").unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.site"), "{error}");
    assert!(set.client.accounts().unwrap()[0].is_chosen);
}

#[test]
fn a_vendor_without_accounts_lists_none() {
    let bench = bench(crate::support::client_credentials(), []);
    assert!(bench.client.accounts().unwrap().is_empty());
    let error = bench.client.choose_account("1").unwrap_err();
    assert!(
        error.message().contains("has no accounts to choose from"),
        "{error}"
    );
    assert!(bench.script.requests().is_empty());
}
