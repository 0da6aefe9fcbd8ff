//! What becomes of a connection when a server answers in a way of its own.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    App, Client, Connection, Error, ErrorKind, Extra, Grant, ManualClock, MemoryStore, Profile,
    Provider, Request, Response, Revocation, Settings, Store, SystemRandom, Token, Url, Verdict,
    read_resource_response, read_token_response, token_request,
};

use crate::support::{
    Bench, PROFILE, Script, bench, bench_with, client_credentials, connection, refreshing,
    rotated_answer, token_answer,
};

fn answer(status: u16, body: &str) -> Response {
    Response::new(status, [], body)
}

#[test]
fn a_refusal_without_a_code_is_told_and_ends_no_grant() {
    let Bench { client, script, .. } = bench(
        refreshing(),
        [Ok(answer(400, "")), Ok(rotated_answer("a", "r1", 600))],
    );
    let error = client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    // Had something between answered so, the grant still works.
    assert_eq!(client.token().unwrap().expose(), "a");
    assert!(script.forms()[1].ends_with("refresh_token=r0"));
}

#[test]
fn a_refusal_in_the_vendors_words_ends_the_grant() {
    let said = r#"{"status":"BAD_REFRESH_TOKEN","message":"unknown refresh token"}"#;
    let Bench { client, script, .. } = bench(refreshing(), [Ok(answer(400, said))]);
    for _ in 0..2 {
        let error = client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Reauthorize);
        assert!(error.message().contains("BAD_REFRESH_TOKEN"), "{error}");
    }
    assert_eq!(script.forms().len(), 1, "nothing is asked of a dead grant");
}

#[test]
fn a_redirect_of_a_refresh_spends_nothing() {
    for status in [301, 302, 307, 308] {
        let moved = Response::new(status, [("Location", "https://new.example/t?s=canary")], "");
        let Bench { client, script, .. } = bench(
            refreshing(),
            [Ok(moved), Ok(rotated_answer("a", "r1", 600))],
        );
        let error = client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
        assert_eq!(error.setting_name(), Some("token_url"));
        assert!(error.message().contains("https://new.example,"), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
        // Not a question about a lost answer: the next refresh is one like any other.
        assert_eq!(client.token().unwrap().expose(), "a");
        assert!(script.forms()[1].ends_with("refresh_token=r0"));
        assert!(!format!("{:?}", client.events().unwrap()).contains("AnswerLost"));
    }
}

#[test]
fn a_redirect_of_a_revocation_names_where_it_leads() {
    let moved = Response::new(302, [("Location", "https://new.example/login")], "");
    let bench = bench(
        refreshing(),
        [Ok(rotated_answer("a", "r1", 600)), Ok(moved)],
    );
    bench.client.token().unwrap();
    let failed = match bench.client.forget() {
        Ok(Revocation::Failed(error)) | Err(error) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(failed.verdict(), Verdict::FixConfiguration);
    assert!(failed.message().contains("https://new.example"), "{failed}");
}

#[test]
fn a_wait_is_told_as_the_server_asked_for_it() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let wait = Response::new(429, [("Retry-After", "86400")], "");
    let first = bench_with(refreshing(), [Ok(wait)], Arc::clone(&store));
    let day = Duration::from_secs(86400);
    assert_eq!(first.client.token().unwrap_err().retry_after(), Some(day));
    first.clock.advance(Duration::from_secs(3600));
    let left = day - Duration::from_secs(3600);
    assert_eq!(first.client.token().unwrap_err().retry_after(), Some(left));
    // Another process learns of it through the store.
    let second = bench_with(refreshing(), [], store);
    let told = second.client.token().unwrap_err().retry_after().unwrap();
    assert!(told >= left, "{told:?}");
}

#[test]
fn no_wait_is_too_long_to_be_told_and_none_lasts_for_ever() {
    let wait = Response::new(429, [("Retry-After", "99999999999999999999")], "");
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(refreshing(), [Ok(wait)]);
    let told = client.token().unwrap_err().retry_after().unwrap();
    assert!(told > Duration::from_secs(90 * 365 * 86400), "{told:?}");
    clock.advance(Duration::from_secs(27 * 3600));
    script.push(Ok(rotated_answer("a", "r1", 600)));
    assert_eq!(client.token().unwrap().expose(), "a");
}

#[test]
fn a_token_is_presented_as_bearer_unless_the_profile_says_otherwise() {
    let typed = |word: &str| {
        let body = format!(r#"{{"access_token":"t","token_type":"{word}","expires_in":600}}"#);
        answer(200, &body)
    };
    for word in [
        "Bearer",
        "bearer",
        "BEARER ",
        "",
        "bot",
        "user",
        "BearerToken",
    ] {
        let bench = bench(client_credentials(), [Ok(typed(word))]);
        let token = bench.client.token().unwrap();
        assert_eq!(token.authorization().expose(), "Bearer t", "{word}");
    }
    for word in ["mac", "DPoP", "Bearer\\r\\nX: 1", "Be arer", "pop"] {
        let bench = bench(client_credentials(), [Ok(typed(word))]);
        let error = bench.client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{word}");
        let told = word.split('\\').next().unwrap();
        assert!(error.message().contains(told), "{error}");
    }
    let listed = format!("{PROFILE}\n[response.token_types]\nmac = \"MAC\"\nbot = \"Bearer\"\n");
    let provider = countersign_core::from_profile(Profile::from_toml(&listed).unwrap());
    let settings = Settings::from_pairs([
        ("environment", "demo"),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ])
    .unwrap();
    let own = Connection::new("mine", &settings, provider).unwrap();
    for (word, header) in [
        ("MAC", "MAC t"),
        ("bot", "Bearer t"),
        ("bearer", "Bearer t"),
    ] {
        let bench = bench(own.clone(), [Ok(typed(word))]);
        assert_eq!(
            bench.client.token().unwrap().authorization().expose(),
            header
        );
    }
    let bench = bench(own, [Ok(typed("user"))]);
    let error = bench.client.token().unwrap_err();
    assert!(error.message().contains("`user`"), "{error}");
}

#[test]
fn a_token_that_cannot_be_used_costs_no_refresh_token() {
    let bound = r#"{"access_token":"t","token_type":"DPoP","refresh_token":"r1"}"#;
    let Bench { client, script, .. } = bench(
        refreshing(),
        [Ok(answer(200, bound)), Ok(rotated_answer("a", "r2", 600))],
    );
    let error = client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert!(error.hint().unwrap().contains("response.token_types"));
    assert_eq!(client.token().unwrap().expose(), "a");
    assert!(script.forms()[1].ends_with("refresh_token=r1"));
}

#[test]
fn a_scheme_that_no_header_can_have_is_refused_in_a_profile() {
    let profile = format!("{PROFILE}\n[response.token_types]\nbot = \"Bearer x\"\n");
    let error = Profile::from_toml(&profile).unwrap_err();
    assert!(
        error.message().contains("`response.token_types.bot`"),
        "{error}"
    );
}

#[test]
fn a_row_makes_a_failure_of_a_200_and_reaches_every_status() {
    let rows = r#"
        [[errors]]
        status = 200
        error = "7"
        kind = "throttled"
        hint = "seven"
        [[errors]]
        status = 418
        kind = "refused"
        setting = "scopes"
        hint = "a teapot"
        [[errors]]
        status = 400
        kind = "login_required"
        hint = "as good as dead"
    "#;
    let provider =
        countersign_core::from_profile(Profile::from_toml(&format!("{PROFILE}\n{rows}")).unwrap());
    let settings = Settings::from_pairs([
        ("environment", "demo"),
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "r0"),
    ])
    .unwrap();
    let own = Connection::new("mine", &settings, provider).unwrap();
    for (status, body, hint) in [
        (200, r#"{"code":7,"message":"wait"}"#, "seven"),
        (418, "", "a teapot"),
        (418, "<html>tea</html>", "a teapot"),
        (400, "", "as good as dead"),
        (400, r#"{"code":"odd"}"#, "as good as dead"),
    ] {
        let Bench { client, .. } = bench(own.clone(), [Ok(answer(status, body))]);
        let error = client.token().unwrap_err();
        let told = error.hint().unwrap();
        assert!(told.starts_with(hint), "{status} {body}: {error:?}");
    }
    let fine = answer(200, r#"{"access_token":"t","code":7,"expires_in":600}"#);
    let bench = bench(own, [Ok(fine)]);
    assert_eq!(bench.client.token().unwrap().expose(), "t");
}

#[test]
fn a_row_that_ends_in_a_login_is_for_grants_that_have_one() {
    let row = r#"
        [[errors]]
        error = "invalid_grant"
        kind = "login_required"
        hint = "log in again"
    "#;
    let profile = Profile::from_toml(&format!("{PROFILE}\n{row}")).unwrap();
    let settings = [
        ("environment", "demo"),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ];
    let settings = Settings::from_pairs(settings).unwrap();
    let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile));
    let body = r#"{"error":"invalid_grant","error_description":"no such app"}"#;
    let bench = bench(connection.unwrap(), [Ok(answer(400, body))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
}

#[test]
fn with_401_no_word_makes_it_the_servers_fault() {
    let said = r#"{"error":"server_error","error_description":"access_denied"}"#;
    let bench = bench(client_credentials(), [Ok(answer(401, said))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert_eq!(error.setting_name(), Some("client_secret"));
}

#[test]
fn a_colon_does_not_go_into_a_raw_id() {
    let with = |encoding| {
        crate::support::try_connection([
            ("grant", "client-credentials"),
            ("client_auth", "basic"),
            ("basic_encoding", encoding),
            ("client_id", "a:b"),
            ("client_secret", "s3cret"),
        ])
    };
    with("rfc6749").unwrap();
    let error = with("raw").unwrap_err();
    assert_eq!(error.setting_name(), Some("client_id"));
    assert!(error.hint().unwrap().contains("basic_encoding"));
}

#[test]
fn a_secret_that_is_a_word_of_the_rfcs_leaves_the_error_readable() {
    let own = connection([
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "client"),
    ]);
    let said = r#"{"error":"invalid_client","error_description":"the secret is 'client'"}"#;
    let bench = bench(own, [Ok(answer(400, said))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_client"));
    assert_eq!(
        error.oauth_description(),
        Some("the secret is '[redacted]'")
    );
}

#[test]
fn headers_are_as_clean_as_bodies() {
    let own = connection([
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "p@ss/w+rd 1&x"),
    ]);
    let headers = [
        ("Content-Type", "text/p%40ss%2Fw%2Brd+1%26x"),
        ("X-Acme-Trace", "p@ss\\/w\\u002brd 1\\u0026x"),
        ("Location", "https://p%40ss%2Fw%2Brd%201%26x.example/"),
        ("WWW-Authenticate", "Basic error=\"p@ss/w+rd 1&amp;x\""),
    ];
    for status in [200, 302, 303, 400, 401, 404, 500] {
        let bench = bench(own.clone(), [Ok(Response::new(status, headers, "odd"))]);
        let error = bench.client.token().unwrap_err();
        let shown = format!("{error} {error:?}");
        for part in ["p@ss", "p%40ss", "rd 1", "w%2Brd"] {
            assert!(!shown.contains(part), "{status}: {shown}");
        }
    }
}

/// Says whom a token is for at an endpoint of its own.
#[derive(Debug)]
struct WithUserinfo(Profile);

impl Provider for WithUserinfo {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn identity_request(&self, _: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let url = Url::parse("https://demo.acme.example/userinfo")?;
        Ok(Some(Request::get_with_bearer(url, token.secret())))
    }

    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        read_resource_response(app, response)?;
        Ok(Extra::new())
    }
}

#[test]
fn what_a_resource_says_is_told_without_the_token() {
    let profile = Profile::from_toml(PROFILE).unwrap();
    let settings = Settings::from_pairs([
        ("environment", "demo"),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ])
    .unwrap();
    let own = Connection::new("mine", &settings, Arc::new(WithUserinfo(profile))).unwrap();
    let said = r#"{"errorCode":"E9","message":"no such thing as canary!token"}"#;
    let script = Script::new([Ok(token_answer("canary!token", 600)), Ok(answer(404, said))]);
    let client = Client::builder(own)
        .transport(script)
        .clock(Arc::new(ManualClock::at(crate::support::NOW)))
        .build()
        .unwrap();
    client.token().unwrap();
    let error = client.identity().unwrap_err();
    assert_eq!(error.oauth_error(), Some("E9"));
    assert!(
        error.message().contains("no such thing as [redacted]"),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("canary"));
}

#[test]
fn a_redirect_spends_no_code() {
    let own = connection([
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ]);
    let grant = Grant::AuthorizationCode {
        code: "canary-code".into(),
        redirect_uri: "https://app.example/callback".into(),
        verifier: "canary-verifier".into(),
    };
    let now = countersign_core::Clock::now(&ManualClock::at(crate::support::NOW));
    let request = token_request(&own, &grant, now, &SystemRandom::new()).unwrap();
    let moved = Response::new(307, [("Location", "https://x.example/?c=canary-code")], "");
    let error = read_token_response(&own, &grant, &request, &moved, now).unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert!(error.hint().unwrap().ends_with("then log in again"));
    assert!(!format!("{error:?}").contains("canary"));
}

#[test]
fn when_the_refresh_token_ends_is_kept_with_it() {
    let told = |access: &str, refresh: &str| {
        let body = format!(r#"{{"access_token":"{access}","expires_in":600{refresh}}}"#);
        Ok(answer(200, &body))
    };
    let Bench {
        client,
        clock,
        store,
        ..
    } = bench(
        refreshing(),
        [
            told(
                "a",
                r#","refresh_token":"r1","refresh_token_expires_in":5000"#,
            ),
            told("b", ""),
            told("c", r#","refresh_token":"r2""#),
            told("d", r#","refresh_expires_in":"700""#),
        ],
    );
    assert_eq!(client.refresh_token_expires_at().unwrap(), None);
    let end = || {
        let stored = store.load(&refreshing().record_key());
        let value = stored.unwrap().unwrap().value.unwrap();
        let now = countersign_core::Clock::now(clock.as_ref());
        let record = countersign_core::RecordSummary::read(&value, now).unwrap();
        let end = record.refresh_token_expires_at();
        assert_eq!(client.refresh_token_expires_at().unwrap(), end);
        end
    };
    let start = crate::support::NOW;
    for expected in [
        Some(start + 5000),
        Some(start + 5000),
        None,
        Some(start + 3 * 600 + 700),
    ] {
        client.token().unwrap();
        // The same token without a word keeps its end; another one has none until told.
        assert_eq!(end(), expected);
        clock.advance(Duration::from_secs(600));
    }
}

/// What is not the shape of RFC 6749 still tells what the server decided.
#[test]
fn shapes_of_refusals_in_a_200_are_refusals() {
    for (kind, body) in [
        (
            "application/json",
            r#"{"error":{"code":"invalid_grant","message":"over"}}"#,
        ),
        (
            "application/json",
            r#"{"errors":[{"code":"invalid_grant","message":"over"}]}"#,
        ),
        ("text/plain", "error_description=over&error=invalid_grant"),
    ] {
        let response = Response::new(200, [("Content-Type", kind)], body);
        let error = bench(refreshing(), [Ok(response)])
            .client
            .token()
            .unwrap_err();
        let is = (
            error.verdict(),
            error.oauth_error(),
            error.oauth_description(),
        );
        let expected = (Verdict::Reauthorize, Some("invalid_grant"), Some("over"));
        assert_eq!(is, expected, "{body}");
    }
}

/// An XML document or a list that is no token response leaves a doubt, but not in silence.
#[test]
fn the_words_of_any_200_are_told() {
    for body in [
        r#"[{"errorCode":"invalid_grant","message":"over"}]"#,
        "<OAuth><error>invalid_grant</error><error_description>over</error_description></OAuth>",
    ] {
        let bench = bench(refreshing(), [Ok(answer(200, body))]);
        let error = bench.client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::OutcomeUnknown, "{error:?}");
        assert!(
            error.message().contains("it says: invalid_grant: over"),
            "{error}"
        );
    }
}

#[test]
fn a_token_is_read_in_any_character_encoding_and_as_a_form() {
    let json = r#"{"access_token":"a","refresh_token":"r1","expires_in":60,"name":"é"}"#;
    let utf16: Vec<u8> = json.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin1: Vec<u8> = json.chars().map(|c| c as u8).collect();
    let form = b"access_token=a&refresh_token=r1&expires_in=60".to_vec();
    for body in [utf16, latin1, form] {
        let response = Response::new(200, [("Content-Type", "text/plain")], body);
        let answers = [Ok(response), Ok(rotated_answer("a2", "r2", 600))];
        let Bench { client, script, .. } = bench(refreshing(), answers);
        let token = client.token().unwrap();
        assert_eq!(token.expose(), "a");
        client.refresh_now().unwrap();
        assert!(script.forms()[1].ends_with("refresh_token=r1"));
    }
}

#[test]
fn the_new_refresh_token_of_a_flawed_form_is_kept() {
    let form = "access_token=a&access_token=b&refresh_token=r1";
    let answers = [Ok(answer(200, form)), Ok(rotated_answer("a2", "r2", 600))];
    let Bench { client, script, .. } = bench(refreshing(), answers);
    assert_eq!(client.token().unwrap_err().verdict(), Verdict::Retry);
    client.token().unwrap();
    assert!(script.forms()[1].ends_with("refresh_token=r1"));
}

#[test]
fn a_body_that_cannot_be_decoded_asks_for_no_login() {
    let headers = [("Content-Encoding", "br")];
    let response = Response::new(400, headers, b"\x0b\x02\x80abc\x03".to_vec());
    let error = bench(refreshing(), [Ok(response)])
        .client
        .token()
        .unwrap_err();
    assert_eq!(error.verdict(), Verdict::Unexpected, "{error:?}");
    assert!(
        error.message().contains("the unknown encoding br"),
        "{error}"
    );
}

#[test]
fn a_request_that_is_too_large_names_what_to_leave_out() {
    for status in [413, 414, 431] {
        let error = bench(refreshing(), [Ok(answer(status, "<html>Too large</html>"))])
            .client
            .token()
            .unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
        assert_eq!(error.setting_name(), Some("scopes"));
    }
}
