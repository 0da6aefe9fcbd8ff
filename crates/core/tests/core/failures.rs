//! `response.success`, `response.error` and the rows of `[[errors]]` that look at the response.

use countersign_core::{
    Clock, Error, ErrorKind, ManualClock, PresentedGrant, Response, Secret, SystemRandom,
    TokenResponse, Verdict, read_token_response, token_request,
};
use serde_json::{Value, json};

use crate::support::{Bench, NOW, bench, json as response, vendor};

fn read(rules: &str, response: &Response) -> Result<TokenResponse, Error> {
    let connection = vendor(rules, &[]);
    let grant = PresentedGrant::RefreshToken(Secret::from("canary-refresh-token"));
    let clock = ManualClock::at(NOW);
    let random = SystemRandom::new();
    let request = token_request(&connection, &grant, clock.now(), &random)?;
    read_token_response(&connection, &grant, &request, response, clock.now())
}

fn body(rules: &str, body: Value) -> Result<TokenResponse, Error> {
    read(rules, &response(200, body))
}

#[test]
fn a_member_decides_whether_a_response_is_a_success() {
    let rules = "response.success = { \"/ok\" = true, code = 0, \"/meta/0\" = \"fine\" }";
    let fine = json!({"ok": true, "code": 0.0, "meta": ["fine"], "access_token": "t"});
    assert_eq!(body(rules, fine).unwrap().access_token.expose(), "t");
    // `error` isn't what decides.
    let fine =
        json!({"ok": true, "code": 0, "meta": ["fine"], "access_token": "t", "error": "none"});
    body(rules, fine).unwrap();
    for failure in [
        json!({"ok": false, "code": 0, "meta": ["fine"], "access_token": "t"}),
        json!({"ok": "true", "code": 0, "meta": ["fine"], "access_token": "t"}),
        json!({"ok": true, "code": "0", "meta": ["fine"], "access_token": "t"}),
        json!({"ok": true, "code": 0, "meta": {"1": "fine"}, "access_token": "t"}),
        json!({"ok": true, "code": 0, "meta": ["fine "], "access_token": "t"}),
        json!({"ok": [true], "code": 0, "meta": ["fine"], "access_token": "t"}),
        json!({"ok": null, "code": 0, "meta": ["fine"], "access_token": "t"}),
        json!({"access_token": "t"}),
    ] {
        let error = body(rules, failure.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{failure}");
        assert!(
            !format!("{error:?}").contains("OutcomeUnknown"),
            "{error:?}"
        );
    }
    // Members that make a success don't make one of another status.
    let fine = json!({"ok": true, "code": 0, "meta": ["fine"], "access_token": "t"});
    let error = read(rules, &response(400, fine)).unwrap_err();
    assert_eq!(error.http_status(), Some(400));
    let twice = r#"{"ok":false,"ok":true,"code":0,"meta":["fine"],"access_token":"t"}"#;
    let error = read(rules, &response(200, twice)).unwrap_err();
    assert!(error.message().contains("`ok` occurs twice"), "{error}");
}

#[test]
fn a_failure_that_the_profile_recognizes_spends_and_salvages_nothing() {
    let rules = "response.success = { ok = true }";
    let refreshing = vendor(
        rules,
        &[("grant", "refresh-token"), ("refresh_token", "r0")],
    );
    let failed = json!({"ok": false, "reason": "busy", "refresh_token": "not one"});
    let next = json!({"ok": true, "access_token": "b", "refresh_token": "r2", "expires_in": 600});
    let responses = [Ok(response(200, failed)), Ok(response(200, next))];
    let Bench { client, script, .. } = bench(refreshing, responses);
    let error = client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error:?}");
    assert_eq!(client.token().unwrap().expose(), "b");
    assert!(script.forms()[1].contains("refresh_token=r0"));
}

#[test]
fn the_code_and_the_message_are_read_where_the_profile_says() {
    let rules = r#"
        [response]
        success = { ok = true }
        error = ["/failure/0/key", "problem"]
        error_description = "/failure/0/words"
        [[errors]]
        error = "E7"
        description = "too old"
        kind = "login_required"
        hint = "log in"
        [[errors]]
        error = "9"
        kind = "throttled"
        hint = "wait"
    "#;
    let said = json!({
        "ok": false,
        "error": "generic", "error_description": "generic words",
        "failure": [{"key": "E7", "words": "it is too old"}],
    });
    for status in [200, 400, 418] {
        let error = read(rules, &response(status, said.clone())).unwrap_err();
        assert_eq!(error.oauth_error(), Some("E7"));
        assert_eq!(error.oauth_description(), Some("it is too old"));
        assert_eq!(error.kind(), ErrorKind::LoginRequired);
        assert_eq!(
            error.hint().map(|hint| hint.starts_with("log in")),
            Some(true)
        );
    }
    // A number is a code as well, and the second place counts without the first.
    let said = json!({"ok": false, "failure": [], "problem": 9, "message": "slow down, please"});
    let error = body(rules, said).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    // The message is found as in other vendors' responses.
    assert_eq!(error.oauth_description(), Some("slow down, please"));
    // Without a value in any place, everything is.
    let said = json!({"ok": false, "error": "invalid_client", "failure": {"0": null}});
    let error = body(rules, said).unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_client"));
    assert_eq!(error.setting_name(), Some("client_secret"));
    // Values of other types are neither.
    for odd in [
        json!(null),
        json!([]),
        json!({"a": 1}),
        json!(""),
        json!("  "),
    ] {
        let said = json!({"ok": false, "failure": [{"key": odd, "words": odd}]});
        let error = body(rules, said).unwrap_err();
        assert_eq!(error.oauth_error(), None, "{odd}");
        assert_eq!(error.oauth_description(), None, "{odd}");
    }
}

#[test]
fn a_code_in_a_200_without_a_token_is_a_failure() {
    let rules = "response.error = \"/outcome/code\"";
    let error = body(rules, json!({"outcome": {"code": "no_such_app"}})).unwrap_err();
    assert_eq!(error.oauth_error(), Some("no_such_app"));
    assert_eq!(error.kind(), ErrorKind::Rejected);
    // Beside a token it is something else, such as `0`.
    let fine = json!({"outcome": {"code": 0}, "access_token": "t"});
    assert_eq!(body(rules, fine).unwrap().access_token.expose(), "t");
}

#[test]
fn what_a_server_echoes_where_the_profile_says_is_redacted() {
    let rules = "response.error = \"/e\"\nresponse.error_description = \"/d\"";
    for echoed in ["canary-refresh-token", "s3cret"] {
        let said =
            json!({"e": format!("bad {echoed}"), "d": format!("{echoed}\u{1b}[31m\r\nX: y")});
        let error = read(rules, &response(400, said)).unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.oauth_description());
        assert!(!shown.contains(echoed), "{shown}");
        let text = error.oauth_description().unwrap();
        assert!(!text.contains(['\u{1b}', '\r', '\n']), "{text:?}");
    }
    let long = json!({"e": "x".repeat(100_000)});
    let error = read(rules, &response(400, long)).unwrap_err();
    assert!(format!("{error:?}").len() < 3000);
}

#[test]
fn rows_look_at_members_and_headers() {
    let rules = r#"
        [[errors]]
        members = { "/fault/codes/0" = 17, "state" = "gone" }
        kind = "login_required"
        hint = "by members"
        [[errors]]
        status = 403
        headers = { "X-Reason" = "quota", "x-zone" = "" }
        kind = "throttled"
        hint = "by headers"
        [[errors]]
        members = { "ready" = false }
        kind = "unavailable"
        hint = "by one member"
    "#;
    let hint = |response: &Response| {
        let error = read(rules, response).unwrap_err();
        let hint = error.hint().unwrap_or_default().to_owned();
        hint.split(';').next().unwrap_or_default().to_owned()
    };
    let said = json!({"fault": {"codes": [17]}, "state": "gone"});
    assert_eq!(hint(&response(400, said.clone())), "by members");
    // A 200 with these members is a failure.
    assert_eq!(hint(&response(200, said)), "by members");
    for other in [
        json!({"fault": {"codes": [17]}}),
        json!({"fault": {"codes": [17]}, "state": ["gone"]}),
        json!({"fault": {"codes": ["17"]}, "state": "gone"}),
        json!({"fault": {"codes": {"1": 17}}, "state": "gone"}),
        json!([{"fault": {"codes": [17]}, "state": "gone"}]),
    ] {
        assert_ne!(hint(&response(400, other.clone())), "by members", "{other}");
    }
    let with = |headers: &[(&'static str, &str)], status| {
        hint(&Response::new(status, headers.iter().copied(), ""))
    };
    let both = [
        ("x-zone", "7"),
        ("x-reason", "other"),
        ("X-REASON", "Monthly Quota reached"),
    ];
    assert_eq!(with(&both, 403), "by headers");
    assert_ne!(with(&both, 400), "by headers");
    assert_ne!(with(&both[..2], 403), "by headers");
    assert_ne!(with(&both[1..], 403), "by headers");
    // A token is no failure, whatever is beside it.
    let fine = json!({"ready": false, "access_token": "t"});
    assert_eq!(body(rules, fine).unwrap().access_token.expose(), "t");
    // A body with bytes after its object, and a form.
    assert_eq!(
        hint(&response(400, "{\"ready\":false} <!-- -->")),
        "by one member"
    );
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let form = Response::new(400, form, "state=gone&error=x");
    assert_ne!(hint(&form), "by members");
}

#[test]
fn rows_about_a_response_do_not_match_a_callback() {
    let rules = r#"
        [[errors]]
        members = { "a" = 1 }
        kind = "throttled"
        hint = "no"
        [[errors]]
        headers = { "x-a" = "" }
        kind = "throttled"
        hint = "no"
    "#;
    let client = bench(vendor(rules, &[("grant", "authorization-code")]), []).client;
    let login = client.start_login(None).unwrap();
    let callback = format!("error=server_error&state={}", login.state());
    let error = client.complete_login(&login, &callback).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert_eq!(error.verdict(), Verdict::Retry);
}
