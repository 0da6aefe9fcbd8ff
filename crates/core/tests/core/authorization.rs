//! Authorization requests and callbacks: every form of a callback, and what each error means.

use countersign_core::{
    Connection, Error, ErrorKind, Login, PresentedGrant, Profile, Response, Settings, SystemRandom,
    Url, Verdict, read_authorization_response,
};

use crate::support::{Bench, PROFILE, bench, rotated_response};

const REDIRECT_URI: &str = "https://app.example/cb";

/// Builds a connection with a login, with these lines added to the profile.
fn with(lines: &str, pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let profile = Profile::from_toml(&format!("{PROFILE}\n{lines}"))?;
    let mut settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", REDIRECT_URI),
    ])?;
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    Connection::new("mine", &settings, countersign_core::from_profile(profile))
}

fn start(connection: &Connection) -> Login {
    let redirect_uri = connection.redirect_uri().unwrap().as_str();
    Login::start(connection, redirect_uri, &SystemRandom::new()).unwrap()
}

/// Web frameworks pass the whole URL, the path and query, or the query with its `?`.
#[test]
fn a_callback_can_be_a_url_a_path_or_a_query() {
    let connection = with("", &[]).unwrap();
    let Bench { client, .. } = bench(connection, [Ok(rotated_response("a", "r1", 600))]);
    let login = client.start_login(None).unwrap();
    let query = format!("code=a%2Fb%3Fc&state={}", login.state());
    for callback in [
        query.clone(),
        format!("?{query}"),
        format!(" {query}\r\n"),
        format!("{REDIRECT_URI}?{query}"),
        format!("HTTPS://app.example/cb?{query}#_=_"),
        format!("http://localhost:8400/callback?{query}"),
        format!("/cb?{query}"),
        format!("/?{query}"),
        format!("localhost:8400/callback?{query}"),
        format!("https://app.example/cb;a=b?tenant=1&{query}"),
        // Some characters that should be encoded are not.
        format!("https://app.example/cb?{query}&next=/?a=b"),
        format!("{query}&iss=https://login.example/?a"),
    ] {
        assert!(login.matches_callback(&callback), "{callback}");
        let grant = login.finish(&callback).expect(&callback);
        let PresentedGrant::AuthorizationCode { code, .. } = grant else {
            panic!("finish must return an authorization code");
        };
        assert_eq!(code.expose(), "a/b?c", "{callback}");
    }
    let callback = format!("{REDIRECT_URI}?{query}");
    assert_eq!(
        client.complete_login(&login, &callback).unwrap().expose(),
        "a"
    );
}

/// A pasted URL without a query is a mistake, not a forgery.
#[test]
fn a_callback_without_a_query_has_its_own_error() {
    let login = start(&with("", &[]).unwrap());
    for callback in [
        "",
        "?",
        "\n",
        REDIRECT_URI,
        "https://app.example/cb?",
        "/cb",
        "code",
    ] {
        assert!(!login.matches_callback(callback), "{callback}");
        let error = login.finish(callback).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Callback);
        assert!(
            error.message().contains("no query"),
            "{callback:?}: {error}"
        );
    }
}

#[test]
fn state_is_in_the_url_and_survives_saving() {
    let login = start(&with("", &[]).unwrap());
    assert!(
        login
            .url()
            .as_str()
            .contains(&format!("&state={}&", login.state()))
    );
    let restored = Login::restore(&login.save()).unwrap();
    assert_eq!(restored.state(), login.state());
}

/// RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6.
#[test]
fn errors_of_the_authorization_endpoint_have_verdicts() {
    use Verdict::{FixConfiguration, Reauthorize, Retry};
    let connection = with("", &[]).unwrap();
    let login = start(&connection);
    for (word, verdict, setting) in [
        ("invalid_scope", FixConfiguration, Some("scopes")),
        ("invalid_request", FixConfiguration, Some("authorize_url")),
        ("unauthorized_client", FixConfiguration, Some("grant")),
        ("unsupported_response_type", FixConfiguration, Some("grant")),
        (
            "invalid_request_uri",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "invalid_request_object",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "request_not_supported",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "request_uri_not_supported",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "registration_not_supported",
            FixConfiguration,
            Some("authorize_url"),
        ),
        ("invalid_client", FixConfiguration, Some("client_id")),
        (
            "invalid_target",
            FixConfiguration,
            Some("authorize.resource"),
        ),
        ("server_error", Retry, None),
        ("temporarily_unavailable", Retry, None),
        ("access_denied", Reauthorize, None),
        ("login_required", Reauthorize, None),
        ("interaction_required", Reauthorize, None),
        ("account_selection_required", Reauthorize, None),
        ("unmet_authentication_requirements", Reauthorize, None),
        ("something_new", Reauthorize, None),
    ] {
        let callback = format!(
            "error={word}&error_description=why+so&state={}",
            login.state()
        );
        for error in [
            login.finish(&callback).unwrap_err(),
            read_authorization_response(&connection, &login, &callback).unwrap_err(),
        ] {
            assert_eq!(
                (error.verdict(), error.setting_name()),
                (verdict, setting),
                "{word}"
            );
            assert_eq!(error.oauth_error(), Some(word));
            assert_eq!(error.oauth_description(), Some("why so"));
            assert!(
                error.message().contains(&format!("{word}: why so")),
                "{error}"
            );
            assert!(error.hint().is_some(), "{word}");
            assert_eq!(error.provider(), Some("acme"));
            assert_eq!(
                error.kind() == ErrorKind::Callback,
                verdict == Reauthorize,
                "{word}"
            );
        }
    }
}

/// Vendors have their own errors, and give those of the RFCs other meanings.
#[test]
fn the_profile_explains_errors_of_the_authorization_endpoint() {
    let rows = r#"
        [[errors]]
        error = "access_denied"
        description = "admin approval"
        kind = "rejected"
        setting = "client_id"
        hint = "have the app approved"
        [[errors]]
        error = "access_denied"
        kind = "login_required"
        hint = "allow access"
        [[errors]]
        grants = ["refresh-token"]
        error = "app_blocked"
        kind = "throttled"
        hint = "not this row"
        [[errors]]
        status = 400
        error = "app_blocked"
        kind = "throttled"
        hint = "nor this one: a callback has no status"
        [[errors]]
        error = "app_blocked"
        kind = "rejected"
        setting = "client_id"
        hint = "have the app unblocked"
        [[errors]]
        error = "busy_now"
        kind = "unavailable"
        hint = "wait a while"
    "#;
    let connection = with(rows, &[]).unwrap();
    let client = bench(connection, []).client;
    let login = client.start_login(None).unwrap();
    let report = |error: &str| {
        let callback = format!("{error}&state={}", login.state());
        client.complete_login(&login, &callback).unwrap_err()
    };
    for (reported, kind, verdict, hint) in [
        (
            "error=access_denied&error_description=Needs+Admin+Approval",
            ErrorKind::Rejected,
            Verdict::FixConfiguration,
            "have the app approved",
        ),
        // The error is about this login, whatever its kind in the profile.
        (
            "error=access_denied",
            ErrorKind::Callback,
            Verdict::Reauthorize,
            "allow access",
        ),
        (
            "error=app_blocked",
            ErrorKind::Rejected,
            Verdict::FixConfiguration,
            "have the app unblocked",
        ),
        (
            "error=busy_now",
            ErrorKind::Unavailable,
            Verdict::Retry,
            "wait a while",
        ),
        (
            "error=consent_required",
            ErrorKind::Callback,
            Verdict::Reauthorize,
            "consent once",
        ),
    ] {
        let error = report(reported);
        let found = (error.kind(), error.verdict());
        assert_eq!(found, (kind, verdict), "{reported}");
        assert_eq!(error.hint(), Some(hint), "{reported}");
    }
}

/// Returns the decoded query of a URL, in order.
fn query(url: &Url) -> Vec<(String, String)> {
    let query = url.as_str().split_once('?').unwrap().1;
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    let decode = |text: &str| {
        let mut parts = text.split('%');
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| {
            let byte = u8::from_str_radix(&part[..2], 16).unwrap();
            format!("{text}{}{}", char::from(byte), &part[2..])
        })
    };
    pairs
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn values<'a>(query: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    let found = query.iter().filter(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).collect()
}

#[test]
fn parameters_are_added_to_the_authorization_request() {
    let lines = r#"
        [authorize.params]
        access_type = "offline"
        resource = ["https://one.example", "https://two.example"]
        tenant = "{extra.tenant?}"
        prompt = "none"
        "grant_options[]" = "per-user"
    "#;
    let set = [
        ("authorize.prompt", "select_account"),
        ("authorize.login_hint", "joe@acme.example"),
    ];
    let connection = with(lines, &set).unwrap();
    let sent = query(start(&connection).url());
    for (name, expected) in [
        ("access_type", vec!["offline"]),
        (
            "resource",
            vec!["https://one.example", "https://two.example"],
        ),
        ("tenant", vec![]),
        ("prompt", vec!["select_account"]),
        ("login_hint", vec!["joe@acme.example"]),
        ("grant_options[]", vec!["per-user"]),
        ("response_type", vec!["code"]),
    ] {
        assert_eq!(values(&sent, name), expected, "{name}");
    }
    let connection = with(lines, &[("extra.tenant", "eu")]).unwrap();
    let sent = query(start(&connection).url());
    assert_eq!(values(&sent, "tenant"), ["eu"]);
    assert_eq!(values(&sent, "prompt"), ["none"]);
}

#[test]
fn parameters_that_a_login_sets_cannot_be_added() {
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "a b",
        "a=b",
    ] {
        let key = format!("authorize.{name}");
        let error = with("", &[(&key, "x")]).unwrap_err();
        assert_eq!(error.setting_name(), Some(key.as_str()), "{error}");
        let error = with(&format!("[authorize.params]\n\"{name}\" = \"x\""), &[]).unwrap_err();
        let expected = format!("`authorize.params.{name}`");
        assert!(error.message().contains(&expected), "{error}");
    }
    for (line, expected) in [
        ("params.x = \"{nobody}\"", "`authorize.params.x` is invalid"),
        ("keep = [\"state\"]", "`authorize.keep` names `state`"),
        (
            "loopback_port = \"some\"",
            "`authorize.loopback_port`: unknown variant `some`, expected `any` or `exact`",
        ),
        ("nonces = true", "did you mean `nonce`?"),
    ] {
        let error = with(&format!("[authorize]\n{line}"), &[]).unwrap_err();
        assert!(error.message().contains(expected), "{line}: {error}");
    }
    // A missing setting of a template is reported when the connection is built.
    let lines = "[authorize.params]\ntenant = \"{extra.tenant}\"";
    let error = with(lines, &[]).unwrap_err();
    assert_eq!(error.setting_name(), Some("extra.tenant"), "{error}");
}

/// The loopback server receives neither posted forms nor fragments.
#[test]
fn a_response_mode_that_the_loopback_server_cannot_read_is_rejected() {
    let loopback = ("redirect_uri", "http://127.0.0.1/callback");
    for (mode, accepted) in [("form_post", false), ("fragment", false), ("query", true)] {
        let mode = ("authorize.response_mode", mode);
        let result = with("", &[loopback, mode]);
        assert_eq!(result.is_ok(), accepted, "{mode:?}");
        with("", &[mode]).unwrap();
    }
}

/// OpenID Connect Core section 11.
#[test]
fn offline_access_adds_the_prompt_of_the_profile() {
    let lines = "[authorize]\noffline_access_prompt = \"consent\"";
    for (scopes, set, prompt) in [
        ("sign offline_access", None, Some("consent")),
        ("sign", None, None),
        (
            "sign offline_access",
            Some(("authorize.prompt", "login consent")),
            Some("login consent"),
        ),
    ] {
        let settings: Vec<_> = [("scopes", scopes)].into_iter().chain(set).collect();
        let sent = query(start(&with(lines, &settings).unwrap()).url());
        assert_eq!(
            values(&sent, "prompt"),
            prompt.into_iter().collect::<Vec<_>>()
        );
        let without = query(start(&with("", &[("scopes", scopes)]).unwrap()).url());
        assert!(values(&without, "prompt").is_empty());
    }
}

/// A token response that includes an ID token with these claims.
fn with_id_token(claims: &str) -> Response {
    let part = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    let id_token = format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(claims),
        part("signature")
    );
    let body = serde_json::json!({
        "access_token": "a", "refresh_token": "r1", "expires_in": 600, "id_token": id_token,
    });
    Response::new(200, [], body.to_string())
}

/// OpenID Connect Core sections 3.1.2.1 and 3.1.3.7.
#[test]
fn a_login_for_openid_sends_a_nonce_and_checks_it() {
    let connection = with("", &[("scopes", "openid sign")]).unwrap();
    for (claims, rejection) in [
        (r#"{"nonce":"NONCE"}"#, None),
        (
            r#"{"nonce":"of another login"}"#,
            Some("belongs to another login"),
        ),
        (r#"{"sub":"joe"}"#, Some("has no `nonce`")),
        (r#"{"nonce":7}"#, Some("has no `nonce`")),
    ] {
        let Bench { client, script, .. } = bench(connection.clone(), []);
        let login = client.start_login(None).unwrap();
        let sent = query(login.url());
        let nonce = values(&sent, "nonce")[0].to_owned();
        assert_eq!(nonce.len(), 43);
        assert_ne!(nonce, login.state());
        // Web servers may complete the login in another process.
        let login = Login::restore(&login.save()).unwrap();
        script.push(Ok(with_id_token(&claims.replace("NONCE", &nonce))));
        let callback = format!("code=c&state={}", login.state());
        let result = client.complete_login(&login, &callback);
        let Some(expected) = rejection else {
            assert_eq!(result.unwrap().expose(), "a");
            continue;
        };
        let error = result.unwrap_err();
        assert!(error.message().contains(expected), "{error}");
        assert_eq!(error.verdict(), Verdict::Reauthorize);
        assert!(client.peek(None).is_none(), "the token was cached");
    }
    // Without a nonce, an ID token needs none.
    for (lines, scopes) in [("", "sign"), ("[authorize]\nnonce = false", "openid sign")] {
        let connection = with(lines, &[("scopes", scopes)]).unwrap();
        assert!(values(&query(start(&connection).url()), "nonce").is_empty());
        let Bench { client, .. } = bench(connection, [Ok(with_id_token("{}"))]);
        let login = client.start_login(None).unwrap();
        let callback = format!("code=c&state={}", login.state());
        client.complete_login(&login, &callback).unwrap();
    }
}

/// QuickBooks sends the company only in the callback.
#[test]
fn parameters_of_the_callback_are_stored_with_the_grant() {
    let lines = "[authorize]\nkeep = [\"realmId\", \"instance\"]";
    let connection = with(lines, &[]).unwrap();
    let response = |token: &str, refresh: &str, more: &str| {
        let body = format!(
            r#"{{"access_token":"{token}","refresh_token":"{refresh}","expires_in":600{more}}}"#
        );
        Ok(Response::new(200, [], body))
    };
    let Bench { client, script, .. } = bench(connection.clone(), [response("a1", "r1", "")]);
    let login = client.start_login(None).unwrap();
    let state = login.state();
    let callback = format!(
        "{REDIRECT_URI}?code=c&state={state}&realmId=123&instance=forged&other=x&twice=1&twice=2"
    );
    let parameters = login.parameters(&callback).unwrap();
    let names: Vec<_> = parameters.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["instance", "other", "realmId"],
        "includes parameters that are not stored"
    );
    login
        .parameters("realmId=123&code=c&state=forged")
        .unwrap_err();
    let token = client.complete_login(&login, &callback).unwrap();
    assert_eq!(token.extra()["realmId"], "123");
    assert!(!token.extra().contains_key("other"));
    // A refresh does not return it again. A value in the token response overrides it.
    script.push(response("a2", "r2", r#","instance":"eu1""#));
    let token = client.refresh_now().unwrap();
    assert_eq!(
        (token.expose(), token.extra()["realmId"].as_str()),
        ("a2", "123")
    );
    assert_eq!(token.extra()["instance"], "eu1");
    // Another login may be for another company.
    let login = client.start_login(None).unwrap();
    script.push(response("a3", "r3", ""));
    let callback = format!("code=c&state={}", login.state());
    let token = client.complete_login(&login, &callback).unwrap();
    assert!(!token.extra().contains_key("realmId"), "{token:?}");
}

/// A URL in the error would have no `state` or PKCE challenge, so its login could not be completed.
#[test]
fn errors_that_need_a_login_say_how_to_start_one() {
    for redirect_uri in [
        "http://127.0.0.1/callback",
        "http://localhost:8400/callback",
        REDIRECT_URI,
    ] {
        let connection = with("", &[("redirect_uri", redirect_uri)]).unwrap();
        let rejected = r#"{"error":"invalid_grant"}"#;
        let Bench { client, script, .. } = bench(connection, []);
        let assert_login_hint = |error: Error| {
            assert_eq!(error.verdict(), Verdict::Reauthorize);
            assert_eq!(error.url(), None, "{error:?}");
            let hint = error.hint().unwrap();
            assert!(hint.contains("call start_login"), "{error:?}");
            assert!(
                !hint.contains("countersign "),
                "the hint of a library names a command: {error:?}"
            );
        };
        // Never logged in; code rejected; response lost; refresh token expired.
        assert_login_hint(client.token().unwrap_err());
        for outcome in [
            Ok(Response::new(400, [], rejected)),
            Err(crate::support::cut()),
        ] {
            script.push(outcome);
            let login = client.start_login(None).unwrap();
            let callback = format!("code=c&state={}", login.state());
            assert_login_hint(client.complete_login(&login, &callback).unwrap_err());
        }
        script.push(Ok(rotated_response("a", "r1", 600)));
        let login = client.start_login(None).unwrap();
        let callback = format!("code=c&state={}", login.state());
        let token = client.complete_login(&login, &callback).unwrap();
        client.invalidate(&token);
        script.push(Ok(Response::new(400, [], rejected)));
        assert_login_hint(client.token().unwrap_err());
        assert_login_hint(client.token().unwrap_err());
    }
}

/// A request for consent is not a login.
#[test]
fn a_denied_consent_is_not_called_a_login() {
    let lines = "[consent]\nindividual = \"{scopes}\"";
    let connection = with(lines, &[]).unwrap();
    let random = SystemRandom::new();
    let asked = Login::start_consent(&connection, REDIRECT_URI, false, &random).unwrap();
    let restored = Login::restore(&asked.save()).unwrap();
    for login in [asked, restored] {
        let callback = format!("error=access_denied&state={}", login.state());
        let error = login.finish(&callback).unwrap_err();
        assert_eq!(
            error.message(),
            "the request for consent failed: access_denied"
        );
        assert_eq!(
            error.hint(),
            Some("ask for consent again, and allow access")
        );
    }
}

/// A server that requires a nonce with `openid` requires it on its consent page as well.
#[test]
fn a_consent_for_openid_sends_a_nonce() {
    let lines = "[consent]\nindividual = \"{scopes} openid\"\nadmin.scope = \"sign\"\nadmin.admin_consent_scope = \"{scopes}\"";
    let connection = with(lines, &[]).unwrap();
    for (admin, nonces) in [(false, 1), (true, 0)] {
        let random = SystemRandom::new();
        let asked = Login::start_consent(&connection, REDIRECT_URI, admin, &random).unwrap();
        assert_eq!(
            values(&query(asked.url()), "nonce").len(),
            nonces,
            "{admin}"
        );
    }
}
