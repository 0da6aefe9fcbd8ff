//! Responses that RFC 6749 doesn't describe.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    App, Client, Connection, Error, ErrorKind, Extra, ManualClock, MemoryStore, PresentedGrant,
    Profile, Provider, Request, Response, Revocation, Settings, Store, SystemRandom, Token, Url,
    Verdict, read_resource_response, read_token_response, token_request,
};

use crate::support::{
    Bench, MockTransport, PROFILE, bench, bench_with, client_credentials, connection, refreshing,
    rotated_response, token_response,
};

fn response(status: u16, body: &str) -> Response {
    Response::new(status, [], body)
}

#[test]
fn a_400_without_a_code_does_not_end_the_grant() {
    let Bench { client, script, .. } = bench(
        refreshing(),
        [Ok(response(400, "")), Ok(rotated_response("a", "r1", 600))],
    );
    let error = client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    // It may have come from a proxy, so the grant is tried again.
    assert_eq!(client.token().unwrap().expose(), "a");
    assert!(script.forms()[1].ends_with("refresh_token=r0"));
}

#[test]
fn a_rejection_in_the_vendors_words_ends_the_grant() {
    let said = r#"{"status":"BAD_REFRESH_TOKEN","message":"unknown refresh token"}"#;
    let Bench { client, script, .. } = bench(refreshing(), [Ok(response(400, said))]);
    for _ in 0..2 {
        let error = client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Reauthorize);
        assert!(error.message().contains("BAD_REFRESH_TOKEN"), "{error}");
    }
    assert_eq!(script.forms().len(), 1, "the rejected token is sent once");
}

#[test]
fn a_redirect_of_a_refresh_spends_nothing() {
    for status in [301, 302, 307, 308] {
        let moved = Response::new(status, [("Location", "https://new.example/t?s=canary")], "");
        let Bench { client, script, .. } = bench(
            refreshing(),
            [Ok(moved), Ok(rotated_response("a", "r1", 600))],
        );
        let error = client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
        assert_eq!(error.setting_name(), Some("token_url"));
        assert!(error.message().contains("https://new.example,"), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
        // The response isn't lost, so the next refresh is an ordinary one.
        assert_eq!(client.token().unwrap().expose(), "a");
        assert!(script.forms()[1].ends_with("refresh_token=r0"));
        assert!(!format!("{:?}", client.events().unwrap()).contains("ResponseLost"));
    }
}

#[test]
fn a_redirected_revocation_names_the_target() {
    let moved = Response::new(302, [("Location", "https://new.example/login")], "");
    let bench = bench(
        refreshing(),
        [Ok(rotated_response("a", "r1", 600)), Ok(moved)],
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
fn errors_contain_the_wait_that_the_server_requested() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let wait = Response::new(429, [("Retry-After", "86400")], "");
    let first = bench_with(refreshing(), [Ok(wait)], Arc::clone(&store));
    let day = Duration::from_secs(86400);
    assert_eq!(first.client.token().unwrap_err().retry_after(), Some(day));
    first.clock.advance(Duration::from_secs(3600));
    let left = day - Duration::from_secs(3600);
    assert_eq!(first.client.token().unwrap_err().retry_after(), Some(left));
    // Another process reads it from the store.
    let second = bench_with(refreshing(), [], store);
    let wait = second.client.token().unwrap_err().retry_after().unwrap();
    assert!(wait >= left, "{wait:?}");
}

#[test]
fn an_excessive_wait_is_reported_but_limited() {
    let wait = Response::new(429, [("Retry-After", "99999999999999999999")], "");
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(refreshing(), [Ok(wait)]);
    let wait = client.token().unwrap_err().retry_after().unwrap();
    assert!(wait > Duration::from_secs(90 * 365 * 86400), "{wait:?}");
    clock.advance(Duration::from_secs(27 * 3600));
    script.push(Ok(rotated_response("a", "r1", 600)));
    assert_eq!(client.token().unwrap().expose(), "a");
}

#[test]
fn a_token_is_sent_as_bearer_unless_the_profile_says_otherwise() {
    let typed = |word: &str| {
        let body = format!(r#"{{"access_token":"t","token_type":"{word}","expires_in":600}}"#);
        response(200, &body)
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
        let reported = word.split('\\').next().unwrap();
        assert!(error.message().contains(reported), "{error}");
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
fn an_unsupported_token_keeps_its_refresh_token() {
    let bound = r#"{"access_token":"t","token_type":"DPoP","refresh_token":"r1"}"#;
    let Bench { client, script, .. } = bench(
        refreshing(),
        [
            Ok(response(200, bound)),
            Ok(rotated_response("a", "r2", 600)),
        ],
    );
    let error = client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert!(error.hint().unwrap().contains("response.token_types"));
    assert_eq!(client.token().unwrap().expose(), "a");
    assert!(script.forms()[1].ends_with("refresh_token=r1"));
}

#[test]
fn a_profile_with_an_invalid_scheme_is_rejected() {
    let profile = format!("{PROFILE}\n[response.token_types]\nbot = \"Bearer x\"\n");
    let error = Profile::from_toml(&profile).unwrap_err();
    assert!(
        error.message().contains("`response.token_types.bot`"),
        "{error}"
    );
}

#[test]
fn rows_match_any_status_and_make_a_200_an_error() {
    let rows = r#"
        [[errors]]
        status = 200
        error = "7"
        kind = "throttled"
        hint = "seven"
        [[errors]]
        status = 418
        kind = "rejected"
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
        let Bench { client, .. } = bench(own.clone(), [Ok(response(status, body))]);
        let error = client.token().unwrap_err();
        let shown = error.hint().unwrap();
        assert!(shown.starts_with(hint), "{status} {body}: {error:?}");
    }
    let fine = response(200, r#"{"access_token":"t","code":7,"expires_in":600}"#);
    let bench = bench(own, [Ok(fine)]);
    assert_eq!(bench.client.token().unwrap().expose(), "t");
}

#[test]
fn a_row_that_requires_a_login_matches_only_grants_with_a_login() {
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
    let bench = bench(connection.unwrap(), [Ok(response(400, body))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
}

#[test]
fn a_401_is_about_the_credentials_whatever_its_code_is() {
    let said = r#"{"error":"server_error","error_description":"access_denied"}"#;
    let bench = bench(client_credentials(), [Ok(response(401, said))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert_eq!(error.setting_name(), Some("client_secret"));
}

#[test]
fn a_raw_id_cannot_contain_a_colon() {
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
fn a_secret_that_is_part_of_an_error_code_leaves_the_code_readable() {
    let own = connection([
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "client"),
    ]);
    let said = r#"{"error":"invalid_client","error_description":"the secret is 'client'"}"#;
    let bench = bench(own, [Ok(response(400, said))]);
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_client"));
    assert_eq!(
        error.oauth_description(),
        Some("the secret is '[redacted]'")
    );
}

#[test]
fn secrets_in_headers_are_redacted() {
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

/// A provider with an identity endpoint.
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
fn the_error_of_a_resource_does_not_contain_the_token() {
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
    let script = MockTransport::new([
        Ok(token_response("canary!token", 600)),
        Ok(response(404, said)),
    ]);
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
    let grant = PresentedGrant::AuthorizationCode {
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
fn the_expiry_of_a_refresh_token_is_stored() {
    let with = |access: &str, refresh: &str| {
        let body = format!(r#"{{"access_token":"{access}","expires_in":600{refresh}}}"#);
        Ok(response(200, &body))
    };
    let Bench {
        client,
        clock,
        store,
        ..
    } = bench(
        refreshing(),
        [
            with(
                "a",
                r#","refresh_token":"r1","refresh_token_expires_in":5000"#,
            ),
            with("b", ""),
            with("c", r#","refresh_token":"r2""#),
            with("d", r#","refresh_expires_in":"700""#),
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
        // The same token keeps its expiry. A new one has none until a response contains it.
        assert_eq!(end(), expected);
        clock.advance(Duration::from_secs(600));
    }
}

/// Some vendors report errors with a 200, and not in the shape of RFC 6749.
#[test]
fn errors_of_any_shape_in_a_200_are_errors() {
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
        let actual = (
            error.verdict(),
            error.oauth_error(),
            error.oauth_description(),
        );
        let expected = (Verdict::Reauthorize, Some("invalid_grant"), Some("over"));
        assert_eq!(actual, expected, "{body}");
    }
}

/// The outcome is unknown, but the error contains the server's message.
#[test]
fn errors_contain_the_message_of_a_200_that_is_not_a_token_response() {
    for body in [
        r#"[{"errorCode":"invalid_grant","message":"over"}]"#,
        "<OAuth><error>invalid_grant</error><error_description>over</error_description></OAuth>",
    ] {
        let bench = bench(refreshing(), [Ok(response(200, body))]);
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
        let responses = [Ok(response), Ok(rotated_response("a2", "r2", 600))];
        let Bench { client, script, .. } = bench(refreshing(), responses);
        let token = client.token().unwrap();
        assert_eq!(token.expose(), "a");
        client.refresh_now().unwrap();
        assert!(script.forms()[1].ends_with("refresh_token=r1"));
    }
}

#[test]
fn the_new_refresh_token_of_a_malformed_form_is_kept() {
    let form = "access_token=a&access_token=b&refresh_token=r1";
    let responses = [
        Ok(response(200, form)),
        Ok(rotated_response("a2", "r2", 600)),
    ];
    let Bench { client, script, .. } = bench(refreshing(), responses);
    assert_eq!(client.token().unwrap_err().verdict(), Verdict::Retry);
    client.token().unwrap();
    assert!(script.forms()[1].ends_with("refresh_token=r1"));
}

#[test]
fn a_body_that_cannot_be_decoded_requires_no_login() {
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
fn the_error_of_a_request_that_is_too_large_names_scopes() {
    for status in [413, 414, 431] {
        let error = bench(
            refreshing(),
            [Ok(response(status, "<html>Too large</html>"))],
        )
        .client
        .token()
        .unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
        assert_eq!(error.setting_name(), Some("scopes"));
    }
}
