//! Requests of vendors that differ from the RFCs: other bodies, headers and names of parameters.

use std::sync::Arc;

use countersign_core::{
    BodyFormat, Clock, Connection, Error, Form, Login, ManualClock, MemoryStore, Method,
    PresentedGrant, Profile, Provider, Request, Response, Settings, SystemRandom,
    read_token_response, token_request,
};

use crate::support::{NOW, bench_with, token_response};

pub(crate) const BASE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    [environments.production]
    base_url = "https://login.acme.example"
    [endpoints]
    token = "{base_url}/token?v=2"
    authorize = "{base_url}/authorize"
    revoke = "{base_url}/revoke"
    [extra]
    account = "the account"
    version = "the version of the API"
"#;

pub(crate) const APP: [(&str, &str); 5] = [
    ("client_id", "a b"),
    ("client_secret", "s3cret!"),
    ("redirect_uri", "https://app.example/cb"),
    ("scopes", "read write"),
    ("extra.account", "42"),
];

pub(crate) fn profile(rules: &str) -> Result<Profile, Error> {
    Profile::from_toml(&format!("{BASE}{rules}"))
}

pub(crate) fn connect(rules: &str, more: &[(&str, &str)]) -> Result<Connection, Error> {
    let mut settings = Settings::from_pairs(APP)?;
    for (key, value) in more {
        settings.set(key, value)?;
    }
    let provider = countersign_core::from_profile(profile(rules)?);
    Connection::new("mine", &settings, provider)
}

pub(crate) fn request(connection: &Connection, grant: &PresentedGrant) -> Request {
    let now = ManualClock::at(NOW).now();
    token_request(connection, grant, now, &SystemRandom::new()).unwrap()
}

pub(crate) fn body(request: &Request) -> String {
    request.body().unwrap().to_string()
}

pub(crate) fn header<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    let found = request.headers().filter(|(known, _)| *known == name);
    found.map(|(_, value)| value.expose()).collect()
}

pub(crate) fn code() -> PresentedGrant {
    PresentedGrant::AuthorizationCode {
        code: "c0de".into(),
        redirect_uri: "https://app.example/cb".into(),
        verifier: "v3rifier".into(),
    }
}

/// Returns the parameters of a new login's URL, without those that are random.
pub(crate) fn login(connection: &Connection) -> String {
    let login = Login::start(connection, "https://app.example/cb", &SystemRandom::new()).unwrap();
    let url = login.url().as_str().to_owned();
    let (_, query) = url.split_once('?').unwrap();
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("state" | "code_challenge" | "challenge" | "nonce"), _)) => name,
        _ => pair,
    });
    shown.collect::<Vec<_>>().join("&")
}

const JSON: &str = r#"
    [grants.client-credentials]
    client_auth = ["post"]
    body = "json"
    send_scope = true
    params = { account = "{extra.account}", version = "{extra.version?}", "tags" = ["a", 2, "{extra.account}"], offline = true, limit = 5, ratio = 0.5 }
"#;

#[test]
fn a_json_body_keeps_the_types_of_params() {
    let request = request(
        &connect(JSON, &[]).unwrap(),
        &PresentedGrant::ClientCredentials,
    );
    assert_eq!(request.method(), Method::Post);
    assert_eq!(request.content_type(), Some("application/json"));
    assert_eq!(
        body(&request),
        r#"{"grant_type":"client_credentials","scope":"read write","account":"42","limit":5,"offline":true,"ratio":0.5,"tags":["a",2,"42"],"client_id":"a b","client_secret":"s3cret!"}"#
    );
    // A form has only texts, and one field for each item.
    let form = JSON.replace("body = \"json\"", "");
    let request = self::request(
        &connect(&form, &[]).unwrap(),
        &PresentedGrant::ClientCredentials,
    );
    assert_eq!(
        request.content_type(),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(
        body(&request),
        "grant_type=client_credentials&scope=read+write&account=42&limit=5&offline=true&ratio=0.5&tags=a&tags=2&tags=42&client_id=a+b&client_secret=s3cret%21"
    );
}

#[test]
fn a_json_body_is_json_whatever_its_values_contain() {
    let text: String = (0..=0x2ff).filter_map(char::from_u32).collect();
    let form = Form::new().field("te\"xt", text.clone());
    let parsed: serde_json::Value = serde_json::from_str(&form.encode_json()).unwrap();
    assert_eq!(parsed["te\"xt"], text);
    assert_eq!(Form::new().encode_json().as_str(), "{}");
}

#[test]
fn parameters_in_the_query_leave_the_body_empty_and_the_url_secret() {
    let rules = JSON.replace("\"json\"", "\"query\"");
    let connection = connect(&rules, &[]).unwrap();
    let request = request(&connection, &PresentedGrant::ClientCredentials);
    assert_eq!(request.content_type(), None);
    assert_eq!(body(&request), "");
    assert_eq!(
        request.full_url().as_str(),
        "https://login.acme.example/token?v=2&grant_type=client_credentials&scope=read%20write&account=42&limit=5&offline=true&ratio=0.5&tags=a&tags=2&tags=42&client_id=a%20b&client_secret=s3cret%21"
    );
    assert_eq!(
        request.url().as_str(),
        "https://login.acme.example/token?v=2"
    );
    let shown = format!("{request:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("client_secret"), "{shown}");

    // A server, or a proxy, that repeats the URL.
    for status in [302, 400, 500] {
        let url = request.full_url().to_string();
        let says = format!(r#"{{"error":"invalid_client","error_description":"see {url}"}}"#);
        let response = Response::new(status, [("Location", url.as_str())], says);
        let now = ManualClock::at(NOW).now();
        let grant = PresentedGrant::ClientCredentials;
        let error = read_token_response(&connection, &grant, &request, &response, now).unwrap_err();
        assert!(!format!("{error:?}{error}").contains("s3cret"), "{error:?}");
    }
}

#[test]
fn headers_are_filled_and_may_replace_accept() {
    let rules = r#"
        [grants.client-credentials]
        client_auth = ["basic"]
        headers = { accept = "application/vnd.acme+json", X-Account = "{extra.account}", X-Version = "{extra.version?}", X-Level = 3 }
    "#;
    let connection = connect(rules, &[]).unwrap();
    let request = request(&connection, &PresentedGrant::ClientCredentials);
    assert_eq!(header(&request, "accept"), ["application/vnd.acme+json"]);
    assert!(header(&request, "Accept").is_empty());
    assert_eq!(header(&request, "X-Account"), ["42"]);
    assert_eq!(header(&request, "X-Level"), ["3"]);
    assert!(header(&request, "X-Version").is_empty());
    assert_eq!(header(&request, "Authorization").len(), 1);

    for wrong in ["4\u{a0}2", "é"] {
        let error = connect(rules, &[("extra.account", wrong)]).unwrap_err();
        assert_eq!(error.setting_name(), Some("extra.account"), "{error}");
        assert!(error.message().contains("`X-Account`"), "{error}");
    }
    let required = rules.replace("version?", "version");
    let error = connect(&required, &[]).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.version"), "{error}");
}

#[test]
fn scopes_are_joined_by_the_separator_of_the_vendor() {
    let rules = r#"
        authorize.params = { wanted = "{scopes}" }
        [grants.authorization-code]
        client_auth = ["none"]
        scope_separator = ","
        required_scopes = ["read"]
        send_scope = true
        params = { all = "{scopes}" }
    "#
    .replace("authorize.params", "[authorize]\n params");
    for scopes in ["read write", "read,write", "read, write"] {
        let connection = connect(&rules, &[("scopes", scopes)]).unwrap();
        assert_eq!(
            login(&connection),
            "response_type=code&scope=read%2Cwrite&client_id=a%20b&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&wanted=read%2Cwrite&state&code_challenge&code_challenge_method=S256"
        );
        assert_eq!(
            body(&request(&connection, &code())),
            "grant_type=authorization_code&code=c0de&code_verifier=v3rifier&scope=read%2Cwrite&all=read%2Cwrite&client_id=a+b"
        );
        let granted = r#"{"access_token":"t","scope":"read,write, admin"}"#;
        let response = Response::new(200, [], granted);
        let (grant, now) = (code(), ManualClock::at(NOW).now());
        let request = request(&connection, &grant);
        let token = read_token_response(&connection, &grant, &request, &response, now).unwrap();
        assert_eq!(token.scope.as_deref(), Some("read write admin"));
    }
}

/// TikTok's names.
#[test]
fn parameters_have_the_names_of_the_vendor() {
    let rules = r#"
        [authorize]
        names = { client_id = "client_key", response_type = "", code_challenge = "challenge" }
        [grants.authorization-code]
        client_auth = ["post"]
        send_redirect_uri = true
        send_scope = true
        names = { client_id = "client_key", code = "auth_code", redirect_uri = "", scope = "", client_secret = "app_secret", grant_type = "type" }
    "#;
    let connection = connect(rules, &[]).unwrap();
    assert_eq!(
        login(&connection),
        "scope=read%20write&client_key=a%20b&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state&challenge&code_challenge_method=S256"
    );
    let request = request(&connection, &code());
    assert_eq!(
        body(&request),
        "type=authorization_code&auth_code=c0de&code_verifier=v3rifier&client_key=a+b&app_secret=s3cret%21"
    );
    // The profile has no rules for refresh-token, so those of the login apply.
    let refresh = self::request(&connection, &PresentedGrant::RefreshToken("r1".into()));
    assert_eq!(
        body(&refresh),
        "type=refresh_token&refresh_token=r1&client_key=a+b&app_secret=s3cret%21"
    );
    // What is secret and what isn't doesn't depend on the name.
    let connection = connect(rules, &[("client_id", "public-app")]).unwrap();
    let request = self::request(&connection, &code());
    let says = r#"{"error":"x","error_description":"c0de s3cret! v3rifier public-app"}"#;
    let response = Response::new(400, [], says);
    let now = ManualClock::at(NOW).now();
    let error = read_token_response(&connection, &code(), &request, &response, now).unwrap_err();
    assert_eq!(
        error.message(),
        "Acme rejected the request: x: [redacted] [redacted] [redacted] public-app"
    );
}

#[test]
fn a_refresh_without_rules_of_its_own_is_encoded_like_the_login() {
    let rules = r#"
        [grants.authorization-code]
        client_auth = ["none"]
        body = "json"
        headers = { X-Account = "{extra.account}" }
        params = { audience = "only with the code" }
    "#;
    let connection = connect(rules, &[]).unwrap();
    let refresh = request(&connection, &PresentedGrant::RefreshToken("r1".into()));
    assert_eq!(
        body(&refresh),
        r#"{"grant_type":"refresh_token","refresh_token":"r1","client_id":"a b"}"#
    );
    assert_eq!(header(&refresh, "X-Account"), ["42"]);
    let own = format!("{rules}\n[grants.refresh-token]\nclient_auth = [\"none\"]\n");
    let refresh = request(
        &connect(&own, &[("grant", "authorization-code")]).unwrap(),
        &PresentedGrant::RefreshToken("r1".into()),
    );
    assert_eq!(refresh.format(), BodyFormat::Form);
    assert!(header(&refresh, "X-Account").is_empty());
}

/// TikTok Shop and Instagram request tokens by GET.
#[test]
fn a_token_request_by_get_has_its_parameters_in_the_query() {
    let rules = r#"
        [grants.authorization-code]
        client_auth = ["post"]
        method = "get"
        [grants.refresh-token]
        client_auth = ["post"]
    "#;
    let connection = connect(rules, &[("grant", "authorization-code")]).unwrap();
    let request = request(&connection, &code());
    assert_eq!(request.method(), Method::Get);
    assert_eq!(
        (request.body().is_none(), request.content_type()),
        (true, None)
    );
    assert_eq!(
        request.full_url().as_str(),
        "https://login.acme.example/token?v=2&grant_type=authorization_code&code=c0de&code_verifier=v3rifier&client_id=a%20b&client_secret=s3cret%21"
    );
    let shown = format!("{request:?}{}", request.url());
    assert!(
        !shown.contains("s3cret") && !shown.contains("c0de"),
        "{shown}"
    );
    // A refresh has rules of its own.
    let refresh = self::request(&connection, &PresentedGrant::RefreshToken("r1".into()));
    assert_eq!(refresh.method(), Method::Post);

    let json = rules.replace("method = \"get\"", "method = \"get\"\nbody = \"json\"");
    let error = profile(&json).unwrap_err();
    assert!(
        error
            .message()
            .contains("`grants.authorization-code.method` is get"),
        "{error}"
    );
}

#[test]
fn the_client_id_and_the_redirect_uri_are_sent_as_the_vendor_requires() {
    let rules = |auth: &str, more: &str| {
        format!("[grants.refresh-token]\nclient_auth = [\"{auth}\"]\n{more}\n")
    };
    let sent = |auth: &str, more: &str| {
        let connection = connect(&rules(auth, more), &[]).unwrap();
        body(&request(
            &connection,
            &PresentedGrant::RefreshToken("r1".into()),
        ))
    };
    assert_eq!(
        sent("post", "send_client_id = false"),
        "grant_type=refresh_token&refresh_token=r1&client_secret=s3cret%21"
    );
    assert_eq!(
        sent("none", "send_client_id = false"),
        "grant_type=refresh_token&refresh_token=r1"
    );
    assert!(!sent("basic", "send_client_id = true").contains("client_id"));
    // Mollie's and FreshBooks' refreshes repeat it.
    assert_eq!(
        sent("none", "send_redirect_uri = true"),
        "grant_type=refresh_token&refresh_token=r1&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&client_id=a+b"
    );
    let both = rules("post", "send_client_id = true\nwithout_client_id = true");
    let error = profile(&both).unwrap_err();
    assert!(
        error
            .message()
            .contains("`grants.refresh-token.send_client_id`"),
        "{error}"
    );
}

/// GitHub expects spaces, and answers with commas.
#[test]
fn a_response_may_have_another_separator_of_scopes() {
    let rules = r#"
        response.scope_separator = ","
        [grants.client-credentials]
        client_auth = ["post"]
        send_scope = true
    "#
    .replace("response.scope", "[response]\nscope");
    let connection = connect(&rules, &[]).unwrap();
    let (grant, now) = (
        PresentedGrant::ClientCredentials,
        ManualClock::at(NOW).now(),
    );
    let request = request(&connection, &grant);
    assert!(body(&request).contains("scope=read+write"));
    for granted in [r#""read,write""#, r#""read write""#, r#"["read", "write"]"#] {
        let text = format!(r#"{{"access_token":"t","scope":{granted}}}"#);
        let response = Response::new(200, [], text);
        let token = read_token_response(&connection, &grant, &request, &response, now).unwrap();
        assert_eq!(token.scope.as_deref(), Some("read write"), "{granted}");
    }
    let error = profile(&rules.replace("\",\"", "\"and\"")).unwrap_err();
    assert!(
        error
            .message()
            .contains("`response.scope_separator` must be"),
        "{error}"
    );
}

#[test]
fn a_callback_has_the_names_of_the_vendor() {
    let rules = r#"
        [authorize]
        callback_names = { code = "auth_code", error = "problem" }
        keep = ["shop"]
        [grants.authorization-code]
        client_auth = ["none"]
    "#;
    let connection = connect(rules, &[]).unwrap();
    let random = SystemRandom::new();
    let start = || Login::start(&connection, "https://app.example/cb", &random).unwrap();
    let login = start();
    let finish = |query: &str| login.finish(&format!("{query}&state={}", login.state()));
    match finish("auth_code=c0de&code=0&shop=1").unwrap() {
        PresentedGrant::AuthorizationCode { code, .. } => assert_eq!(code.expose(), "c0de"),
        other => panic!("{other:?}"),
    }
    let error = finish("code=c0de").unwrap_err();
    assert_eq!(error.message(), "the callback has no `auth_code`");
    let error = finish("problem=access_denied").unwrap_err();
    assert_eq!(error.oauth_error(), Some("access_denied"));
    for (from, to, why) in [
        (
            "\"auth_code\"",
            "\"state\"",
            "the name of another parameter",
        ),
        ("\"auth_code\"", "\"\"", "can't be omitted"),
        ("code =", "cod =", "did you mean `code`?"),
        ("\"shop\"", "\"auth_code\"", "remove it"),
    ] {
        let error = profile(&rules.replacen(from, to, 1)).unwrap_err();
        assert!(error.message().contains(why), "{error}");
    }
}

#[test]
fn pkce_is_off_if_the_vendor_rejects_it() {
    let rules = |pkce: &str| {
        format!(
            "[grants.authorization-code]\nclient_auth = [\"none\"]\n{pkce}\n[consent]\nindividual = \"{{scopes}}\"\n"
        )
    };
    for (pkce, uses) in [
        ("", true),
        ("pkce = \"supported\"", true),
        ("pkce = \"required\"", true),
        ("pkce = \"off\"", false),
    ] {
        let connection = connect(&rules(pkce), &[]).unwrap();
        assert_eq!(
            login(&connection).contains("code_challenge"),
            uses,
            "{pkce}"
        );
        let sent = body(&request(&connection, &code()));
        assert_eq!(sent.contains("code_verifier"), uses, "{pkce}");
        let random = SystemRandom::new();
        let consent = Login::start_consent(&connection, "https://app.example/cb", false, &random);
        let url = consent.unwrap().url().as_str().to_owned();
        assert_eq!(url.contains("code_challenge"), uses, "{pkce}");
        assert!(url.contains("state="), "{url}");
    }
}

#[test]
fn a_grant_without_client_id_sends_none_and_rejects_one() {
    let rules = r#"
        [grants.client-credentials]
        client_auth = ["post"]
        without_client_id = true
    "#;
    let error = connect(rules, &[]).unwrap_err();
    assert_eq!(error.setting_name(), Some("client_id"));
    assert_eq!(error.hint(), Some("remove client_id"));
    let settings = Settings::from_pairs([("client_secret", "s3cret")]).unwrap();
    let provider = countersign_core::from_profile(profile(rules).unwrap());
    let connection = Connection::new("mine", &settings, provider).unwrap();
    assert_eq!(
        body(&request(&connection, &PresentedGrant::ClientCredentials)),
        "grant_type=client_credentials&client_secret=s3cret"
    );
}

/// A token that was requested in another way isn't used, but the grant is.
#[test]
fn a_profile_with_other_requests_gets_its_own_token() {
    let with = |rule: &str| {
        let rules = format!("[grants.client-credentials]\nclient_auth = [\"post\"]\n{rule}\n");
        connect(&rules, &[]).unwrap()
    };
    for (rule, other) in [
        ("", "body = \"json\""),
        ("", "method = \"get\""),
        ("", "send_client_id = false"),
        ("", "scope_separator = \",\""),
        ("", "names.client_id = \"client_key\""),
        ("", "headers.X-Account = \"{extra.account}\""),
        ("headers.X-Account = \"1\"", "headers.X-Account = \"2\""),
    ] {
        let store = Arc::new(MemoryStore::new());
        let token = |connection, name| {
            let bench = bench_with(connection, [Ok(token_response(name, 600))], store.clone());
            bench.client.token().unwrap().expose().to_owned()
        };
        let (one, two) = (with(rule), with(other));
        assert_eq!(one.record_key(), two.record_key());
        assert_eq!(token(one.clone(), "first"), "first");
        assert_eq!(token(two, "second"), "second", "{other}");
        assert_eq!(token(with(other), "third"), "second", "{other}");
    }
}

/// Acme with an account that only chooses an identity, as far as the provider's code is concerned.
#[derive(Debug)]
struct Accounts(Profile);

impl Provider for Accounts {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn identity_settings(&self) -> &[&str] {
        &["account"]
    }
}

/// Whatever selects a tenant is a part of the grant's key.
#[test]
fn a_tenant_in_any_part_of_a_request_has_its_own_grant() {
    let key = |rules: &str, account: &str| {
        let mut settings = Settings::from_pairs(APP).unwrap();
        settings.set("grant", "authorization-code").unwrap();
        settings.set("extra.account", account).unwrap();
        let base = "[grants.authorization-code]\nclient_auth = [\"none\"]\n";
        let (base_url, rules) = match rules.strip_prefix("https://") {
            Some(_) => (rules, ""),
            None => ("https://login.acme.example", rules),
        };
        let text = format!("{BASE}{base}{rules}").replace("https://login.acme.example", base_url);
        let provider = Accounts(Profile::from_toml(&text).unwrap());
        let connection = Connection::new("mine", &settings, Arc::new(provider)).unwrap();
        connection.record_key()
    };
    assert_eq!(key("", "1"), key("", "2"));
    for rules in [
        "https://{extra.account}.acme.example",
        "https://acme.example/{extra.account}",
        "headers.X-Account = \"{extra.account}\"",
        "params.account = \"{extra.account}\"",
        "[authorize]\nparams.account = \"{extra.account}\"",
        "[assertion]\nclaims.account = \"{extra.account}\"",
    ] {
        assert_ne!(key(rules, "1"), key(rules, "2"), "{rules}");
        assert_eq!(key(rules, "1"), key(rules, "1"), "{rules}");
    }
}
