//! Tests of reading errors of servers.

use super::*;

fn reported(body: &str) -> (Option<String>, Option<String>) {
    let reported = ServerError::of(&Response::new(400, [], body), body.as_bytes());
    (reported.code, reported.text)
}

#[test]
fn errors_of_every_shape_are_read() {
    for (body, code, text) in [
        (
            r#"{"error":"invalid_grant","error_description":"d"}"#,
            "invalid_grant",
            "d",
        ),
        (
            r#"{"status":"BAD_REFRESH_TOKEN","message":"missing or unknown"}"#,
            "BAD_REFRESH_TOKEN",
            "missing or unknown",
        ),
        (
            r#"{"code":"invalid_client","message":"no"}"#,
            "invalid_client",
            "no",
        ),
        (r#"{"error":{"message":"m","code":"c"}}"#, "c", "m"),
        (
            r#"{"error":{"message":"m","code":400,"status":"UNAUTHENTICATED"}}"#,
            "UNAUTHENTICATED",
            "m",
        ),
        (
            r#"{"error":{"error_name":"unauthorized","error_msg":"m"}}"#,
            "unauthorized",
            "m",
        ),
        (r#"{"errorCode":"E1","errorSummary":"s"}"#, "E1", "s"),
        (r#"{"error_code":19,"error_msg":"s"}"#, "19", "s"),
        (
            r#"[{"message":"Session expired","errorCode":"INVALID_SESSION_ID"}]"#,
            "INVALID_SESSION_ID",
            "Session expired",
        ),
        (
            r#"{"errors":[{"errorType":"invalid_grant","message":"m"}],"success":false}"#,
            "invalid_grant",
            "m",
        ),
        (r#"{"errors":["one","two"]}"#, "", "one; two"),
        (
            r#"{"response":{"errors":[{"code":"10401","message":"m"}]}}"#,
            "10401",
            "m",
        ),
        (
            r#"{"fault":{"faultstring":"f","detail":{"errorcode":"x"}}}"#,
            "",
            "f",
        ),
        (
            r#"{"message":"Bad Request","errors":[{"resource":"RefreshToken","field":"refresh_token","code":"invalid"}]}"#,
            "invalid",
            "Bad Request; RefreshToken refresh_token",
        ),
        (
            r#"{"message":"Bad Request","error":400}"#,
            "",
            "Bad Request",
        ),
        (r#"{"error":true,"status":400,"message":"m"}"#, "", "m"),
        (r#"{"detail":"d"}"#, "", "d"),
        (
            r#"{"type":"about:blank","title":"t","status":400}"#,
            "",
            "t",
        ),
        (
            r#"{"id":"unauthorized","message":"m"}"#,
            "unauthorized",
            "m",
        ),
        (
            "error=bad_refresh_token&error_description=It+is+gone.",
            "bad_refresh_token",
            "It is gone.",
        ),
        (
            "error_description=It+is+over&error=bad",
            "bad",
            "It is over",
        ),
        (
            "{\"error\":\"e\",\"message\":\"m\"}\n{\"trace\":1}",
            "e",
            "m",
        ),
        (
            r#"{"error":"e","error_description":"d"}<!-- proxy 7 -->"#,
            "e",
            "d",
        ),
        ("Invalid credentials.", "", "Invalid credentials."),
        ("1 and 1=2", "", "1 and 1=2"),
        (
            "<html><head><title>Sign in</title></head><body>x</body></html>",
            "",
            "Sign in",
        ),
        (
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>a &amp; b</Message></Error>",
            "AccessDenied",
            "a & b",
        ),
        (
            r#"{"odd":[1,{"access_token":"t"}]}"#,
            "",
            r#"{"odd":[1,{"access_token":"[redacted]"}]}"#,
        ),
        ("", "", ""),
        ("{}", "", ""),
        (r#"{"error":null,"x":[""]}"#, "", ""),
    ] {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        assert_eq!(reported(body), (some(code), some(text)), "{body}");
    }
}

#[test]
fn the_challenge_is_read_if_the_body_has_no_code() {
    let headers = [(
        "WWW-Authenticate",
        r#"Bearer realm="x", error="invalid_token", error_description="it expired""#,
    )];
    let reported =
        |body: &str| ServerError::of(&Response::new(401, headers, body), body.as_bytes());
    assert_eq!(reported("").code.as_deref(), Some("invalid_token"));
    assert_eq!(reported("").text.as_deref(), Some("it expired"));
    assert_eq!(reported("no").text.as_deref(), Some("no"));
    assert_eq!(reported(r#"{"error":"e"}"#).code.as_deref(), Some("e"));
}

#[test]
fn challenges_may_have_quoted_strings() {
    for (headers, code, text) in [
        (&[r#"Basic realm="error=x, or not""#][..], None, None),
        (
            &[r#"Bearer error = "e", error_description="say \"no\", \\ too""#],
            Some("e"),
            Some(r#"say "no", \ too"#),
        ),
        (&[r#"Bearer error="cut o"#], Some("cut o"), None),
        (&["Negotiate YWJj==", "Bearer error=e,x=y"], Some("e"), None),
    ] {
        let headers = headers.iter().map(|value| ("WWW-Authenticate", *value));
        let response = Response::new(401, headers, "");
        for reported in [
            ServerError::of(&response, b""),
            ServerError::besides_tokens(&response, b"{}"),
        ] {
            assert_eq!(
                (reported.code.as_deref(), reported.text.as_deref()),
                (code, text)
            );
        }
    }
}

#[test]
fn any_character_encoding_is_read_but_binary_data_is_not() {
    let reported = |body: &[u8]| ServerError::of(&Response::new(400, [], body), body);
    let utf16: Vec<_> =
        r#"{"error":"e","message":"é"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for body in [&utf16[..], b"{\"error\":\"e\",\"message\":\"\xe9\"}"] {
        assert_eq!(reported(body).code.as_deref(), Some("e"));
        assert_eq!(reported(body).text.as_deref(), Some("é"));
    }
    assert_eq!(reported(b"Schl\xfcssel").text.as_deref(), Some("Schlüssel"));
    assert!(reported(b"\x0b\x02\x80abc\x03").is_nothing());
}

#[test]
fn a_response_that_may_contain_a_token_shows_none_of_it() {
    let reported = |body: &str| {
        let reported = ServerError::besides_tokens(&Response::new(200, [], body), body.as_bytes());
        (reported.code, reported.text)
    };
    assert_eq!(reported(r#"{"access_tok"#), (None, None));
    assert_eq!(reported(r#""t0ken""#), (None, None));
    assert_eq!(reported("t0ken"), (None, None));
    assert_eq!(reported("<a>t0ken</a>"), (None, None));
    let page = reported("<html><title>Wi-Fi</title>t0ken</html>");
    assert_eq!(page, (None, Some("Wi-Fi".to_owned())));
    let json = reported(r#"{"code":40105,"message":"m","data":{"access_token":"t0ken"}}"#);
    assert_eq!(json, (Some("40105".to_owned()), Some("m".to_owned())));
    for body in [
        r#"[{"errorCode":"e","message":"m"}]"#,
        "<OAuth><error>e</error><error_description>m</error_description><x>t0ken</x></OAuth>",
    ] {
        assert_eq!(reported(body), (Some("e".to_owned()), Some("m".to_owned())));
    }
}
