//! `[response]` of a profile: where values are, and what they mean.

use std::time::Duration;

use countersign_core::{
    Clock, Error, ErrorKind, MemoryStore, PresentedGrant, Response, Secret, Source, Store,
    Subjects, SystemRandom, TokenResponse, Verdict, read_token_response, token_request,
};
use serde_json::{Value, json};

use crate::support::{
    Bench, MockTransport, NOW, bench, bench_with, by_assertion, json as response, login, vendor,
};

/// An unsigned JWT with these claims.
fn jwt(claims: &Value) -> String {
    let part = |text: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text.as_bytes());
    let header = part(r#"{"alg":"RS256"}"#);
    format!("{header}.{}.{}", part(&claims.to_string()), part("s"))
}

/// Reads a response to a refresh.
fn read(rules: &str, response: &Response) -> Result<TokenResponse, Error> {
    let connection = vendor(rules, &[]);
    let grant = PresentedGrant::RefreshToken(Secret::from("r0"));
    let clock = countersign_core::ManualClock::at(NOW);
    let random = SystemRandom::new();
    let request = token_request(&connection, &grant, clock.now(), &random)?;
    read_token_response(&connection, &grant, &request, response, clock.now())
}

fn body(rules: &str, body: Value) -> Result<TokenResponse, Error> {
    read(rules, &response(200, body))
}

#[test]
fn values_are_read_where_the_profile_says() {
    let rules = r#"
        [response]
        access_token = "/data/tokens/0/value"
        refresh_token = ["/data/refresh", "refresh"]
        id_token = "/data/id~1token"
        token_type = "/data/kind"
        token_types = { user = "Bearer" }
        expires_in = "/data/lifetime"
        refresh_token_expires_in = "/data/refresh_lifetime"
        scope = "/data/scopes"
    "#;
    let token = body(
        rules,
        json!({
            // None of these counts.
            "access_token": "no", "refresh_token": "no", "id_token": "no", "token_type": "mac",
            "expires_in": 1, "refresh_token_expires_in": 1, "scope": "no",
            "data": {
                "tokens": [{"value": "t"}],
                "refresh": "r1",
                "id/token": "i",
                "kind": "user",
                "lifetime": "600",
                "refresh_lifetime": 1200,
                "scopes": ["a", "b c"],
            },
        }),
    )
    .unwrap();
    assert_eq!(token.access_token.expose(), "t");
    assert_eq!(token.refresh_token.unwrap().expose(), "r1");
    assert_eq!(token.id_token.unwrap().expose(), "i");
    assert_eq!(token.token_type, "Bearer");
    assert_eq!(token.expires_in, Some(Duration::from_secs(600)));
    let refresh_lifetime = Duration::from_secs(1200);
    assert_eq!(token.refresh_token_expires_in, Some(refresh_lifetime));
    assert_eq!(token.scope.as_deref(), Some("a b c"));
}

#[test]
fn the_first_place_with_a_value_counts() {
    let rules = "response.access_token = [\"/a/b\", \"/c/0\", \"access_token\"]";
    for (body_, found) in [
        (
            json!({"a": {"b": "1"}, "c": ["2"], "access_token": "3"}),
            "1",
        ),
        (
            json!({"a": {"b": null}, "c": ["2"], "access_token": "3"}),
            "2",
        ),
        (json!({"a": "x", "c": [], "access_token": "3"}), "3"),
    ] {
        assert_eq!(body(rules, body_).unwrap().access_token.expose(), found);
    }
}

#[test]
fn what_is_not_where_the_profile_says_is_not_there() {
    let rules = "response.access_token = \"/data/0/token\"";
    for body_ in [
        json!({"access_token": "t"}),
        json!({"data": {"token": "t"}}),
        json!({"data": [{"token": 17}]}),
        json!({"data": [{"token": {"token": "t"}}]}),
        json!({"data": [{"token": ["t"]}]}),
        json!({"data": [{"token": ""}]}),
        json!({"data": [{"token": true}]}),
        json!({"data": "[{\"token\":\"t\"}]"}),
        json!([{"token": "t"}]),
        json!("t"),
    ] {
        let error = body(rules, body_.clone()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{body_}");
        assert_eq!(error.verdict(), Verdict::OutcomeUnknown, "{body_}");
        if body_.is_object() {
            let place = "the response has no access token at `/data/0/token`";
            assert!(error.message().contains(place), "{error}");
        }
    }
    // A value of another type is no refresh token, lifetime or scope either.
    let rules =
        "response.refresh_token = \"/r\"\nresponse.scope = \"/s\"\nresponse.expires_in = \"/e\"";
    for odd in [json!(null), json!([]), json!({"x": 1}), json!(false)] {
        let found = json!({"access_token": "t", "r": odd, "s": odd, "e": odd});
        let token = body(rules, found).unwrap();
        assert!(token.refresh_token.is_none() && token.expires_in.is_none());
        assert!(token.scope.is_none_or(|scope| scope.is_empty()));
    }
}

#[test]
fn a_token_elsewhere_is_as_strictly_read() {
    let rules = "response.access_token = \"/d/a\"\nresponse.refresh_token = \"/d/r\"";
    for (a, r) in [
        ("t\r\nX: y", "r1"),
        ("t t", "r1"),
        ("té", "r1"),
        ("t", "r\n1"),
    ] {
        let error = body(rules, json!({"d": {"a": a, "r": r}})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable, "{a:?} {r:?}");
        assert!(!format!("{error:?}").contains("X: y"), "{error:?}");
    }
    let twice = r#"{"d":{"a":"t"},"d":{"a":"u"}}"#;
    let error = read(rules, &response(200, twice)).unwrap_err();
    assert!(error.message().contains("`d` occurs twice"), "{error}");
    for twice in [
        r#"{"d":{"a":"t","a":"u"}}"#,
        r#"{"d":{"a":"t","r":"r1","\u0072":"r2"}}"#,
    ] {
        let error = read(rules, &response(200, twice)).unwrap_err();
        assert!(error.message().contains("occurs twice"), "{error}");
    }
    // What isn't read may occur twice.
    let twice = r#"{"d":{"x":1,"x":[{"y":-1.5,"y":null}],"a":"t"}}"#;
    let token = read(rules, &response(200, twice)).unwrap();
    assert_eq!(token.access_token.expose(), "t");
}

#[test]
fn scopes_are_separated_as_in_requests() {
    for (separator, scope, found) in [
        (",", json!("a,b c"), "a b c"),
        (",", json!(["a,b", "c"]), "a b c"),
        (" ", json!("a,b c"), "a,b c"),
        ("+", json!("a+b"), "a b"),
    ] {
        let rules = format!("grants.client-credentials.scope_separator = \"{separator}\"");
        let rules = format!("{rules}\ngrants.refresh-token.scope_separator = \"{separator}\"");
        let token = body(&rules, json!({"access_token": "t", "scope": scope}));
        assert_eq!(token.unwrap().scope.as_deref(), Some(found), "{separator}");
    }
}

#[test]
fn deep_and_huge_responses_are_rejected_or_read() {
    let rules = "response.access_token = \"/d/0\"\n[response.kept]\nx = \"/d/99999\"";
    let deep = format!(r#"{{"d":{}{}}}"#, "[".repeat(400_000), "]".repeat(400_000));
    assert!(read(rules, &response(200, deep)).is_err());
    let items = vec!["\"t\""; 200_000].join(",");
    let token = read(rules, &response(200, format!(r#"{{"d":[{items}]}}"#))).unwrap();
    assert_eq!(token.extra["x"], "t");
}

#[test]
fn lifetimes_are_read_in_their_unit() {
    let soon = NOW + 90;
    for (unit, value, seconds) in [
        ("seconds", json!(90), Some(90)),
        ("seconds", json!("90"), Some(90)),
        ("milliseconds", json!(90_500), Some(90)),
        ("milliseconds", json!("90500"), Some(90)),
        ("minutes", json!(1.5), Some(90)),
        ("hours", json!(2), Some(7200)),
        ("rfc3339", json!("2027-01-15T08:01:30Z"), Some(90)),
        ("rfc3339", json!("2027-01-15T09:01:30.25+01:00"), Some(90)),
        ("unix", json!(soon), Some(90)),
        ("unix", json!(soon.to_string()), Some(90)),
        ("unix_milliseconds", json!(soon * 1000), Some(90)),
        // What is over is over.
        ("seconds", json!(-5), Some(0)),
        ("milliseconds", json!(-5), Some(0)),
        ("unix", json!(NOW - 5), Some(0)),
        ("rfc3339", json!("1999-01-01T00:00:00Z"), Some(0)),
        // No number is a lifetime of more than ten years.
        ("hours", json!(1e300), Some(366 * 24 * 36_000)),
        ("unix_milliseconds", json!(1e300), Some(366 * 24 * 36_000)),
        (
            "rfc3339",
            json!("9999-12-31T23:59:59Z"),
            Some(366 * 24 * 36_000),
        ),
        // Nothing of another type is one.
        ("milliseconds", json!("soon"), None),
        ("milliseconds", json!([90_000]), None),
        ("milliseconds", json!("NaN"), None),
        ("minutes", json!({"minutes": 1}), None),
        ("unix", json!("2027-01-15T08:01:30Z"), None),
        ("unix", json!(-1), None),
        ("unix", json!("inf"), None),
        ("rfc3339", json!(soon), None),
        ("rfc3339", json!("2027-01-15"), None),
        ("rfc3339", json!("tomorrow"), None),
    ] {
        let rules = format!("[response]\nexpires_in = \"/e\"\nexpires_as = \"{unit}\"");
        let token = body(
            &rules,
            json!({"access_token": "t", "e": value, "expires_at": soon}),
        );
        let found = token.unwrap().expires_in.map(|lifetime| lifetime.as_secs());
        assert_eq!(found, seconds, "{unit} {value}");
    }
}

#[test]
fn an_end_is_judged_by_the_clock_of_the_server() {
    let rules = "[response]\nexpires_in = \"/e\"\nexpires_as = \"unix\"";
    let body = json!({"access_token": "t", "e": NOW + 3690}).to_string();
    let ahead = Response::new(200, [("Date", "Fri, 15 Jan 2027 09:00:00 GMT")], body);
    let token = read(rules, &ahead).unwrap();
    assert_eq!(token.expires_in, Some(Duration::from_secs(90)));
}

#[test]
fn the_lifetime_of_a_refresh_token_has_the_same_unit() {
    for (unit, value, seconds) in [
        ("milliseconds", json!(7_776_000_000_i64), 7_776_000),
        ("hours", json!(24), 86_400),
        ("unix", json!(NOW + 60), 60),
        ("rfc3339", json!("2027-01-15T08:01:00Z"), 60),
        ("seconds", json!(60), 60),
    ] {
        let rules = format!(
            "[response]\nexpires_in = \"/e\"\nexpires_as = \"{unit}\"\nrefresh_token_expires_in = \"/r\""
        );
        let token = body(&rules, json!({"access_token": "t", "r": value})).unwrap();
        let found = token.refresh_token_expires_in.unwrap().as_secs();
        assert_eq!(found, seconds, "{unit}");
    }
}

#[test]
fn the_exp_of_the_access_token_counts_instead_of_what_the_response_says() {
    let rules = "response.expires_as = \"jwt\"";
    let token = jwt(&json!({"exp": NOW + 60}));
    let stated = json!({"access_token": token, "expires_in": 86_400});
    let lifetime = body(rules, stated).unwrap().expires_in;
    assert_eq!(lifetime, Some(Duration::from_secs(60)));
    for claims in [json!({}), json!({"exp": "soon"}), json!([1])] {
        let stated = json!({"access_token": jwt(&claims), "expires_in": 86_400});
        assert_eq!(body(rules, stated).unwrap().expires_in, None, "{claims}");
    }
    let opaque = json!({"access_token": "t", "expires_in": 86_400});
    assert_eq!(body(rules, opaque).unwrap().expires_in, None);
}

#[test]
fn a_token_that_never_expires_is_used_until_an_api_rejects_it() {
    let rules = "response.expires_as = \"never\"";
    let year = Duration::from_secs(365 * 24 * 3600);
    for first in [
        json!({"access_token": "a"}),
        json!({"access_token": "a", "refresh_token": "r1"}),
        // Some vendors say it with a lifetime of 0.
        json!({"access_token": "a", "expires_in": 0}),
        json!({"access_token": "a", "expires_in": -1}),
    ] {
        let store: std::sync::Arc<dyn Store> = std::sync::Arc::new(MemoryStore::new());
        let refreshing = || {
            let own = [("grant", "refresh-token"), ("refresh_token", "r0")];
            vendor(rules, &own)
        };
        let bench = bench_with(refreshing(), [Ok(response(200, first))], store.clone());
        let token = bench.client.token().unwrap();
        assert_eq!(token.expires_at(), None);
        bench.clock.advance(year);
        assert_eq!(bench.client.token().unwrap().expose(), "a");
        // Another process finds it in the store, a year later.
        let other = bench_with(refreshing(), [], store);
        other.clock.advance(year);
        assert_eq!(other.client.token().unwrap().source(), Source::Store);
        let next = json!({"access_token": "b"});
        bench.script.push(Ok(response(200, next)));
        bench.client.invalidate(&token);
        assert_eq!(bench.client.token().unwrap().expose(), "b");
    }
    // A lifetime that is stated or configured ends it all the same.
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        vendor(rules, &[]),
        [Ok(response(
            200,
            json!({"access_token": "a", "expires_in": 600}),
        ))],
    );
    client.token().unwrap();
    clock.advance(Duration::from_secs(600));
    script.push(Ok(response(200, json!({"access_token": "b"}))));
    assert_eq!(client.token().unwrap().expose(), "b");
    let configured = vendor(rules, &[("assume_lifetime_s", "600")]);
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(
        configured,
        [Ok(response(200, json!({"access_token": "a"})))],
    );
    client.token().unwrap();
    clock.advance(Duration::from_secs(600));
    script.push(Ok(response(200, json!({"access_token": "b"}))));
    assert_eq!(client.token().unwrap().expose(), "b");
}

#[test]
fn a_subjects_token_that_never_expires_is_cached() {
    let profile =
        crate::support::PROFILE.replace("[response]", "[response]\nexpires_as = \"never\"");
    let provider = countersign_core::Profile::from_toml(&profile).unwrap();
    let connection = by_assertion();
    let settings = countersign_core::Settings::from_pairs([
        ("environment", "demo"),
        ("grant", "jwt-bearer"),
        ("client_id", "app"),
        ("subject", "joe"),
    ]);
    let connection = countersign_core::Connection::with_signer(
        "mine",
        &settings.unwrap(),
        countersign_core::from_profile(provider),
        std::sync::Arc::clone(connection.signer().unwrap()),
    )
    .unwrap();
    let script = MockTransport::new([Ok(response(200, json!({"access_token": "a"})))]);
    let clock = std::sync::Arc::new(countersign_core::ManualClock::at(NOW));
    let subjects = Subjects::new(connection, script, 8).unwrap();
    let subjects = subjects.with_clock(clock.clone());
    subjects.token("joe").unwrap();
    clock.advance(Duration::from_secs(365 * 24 * 3600));
    assert_eq!(subjects.token("joe").unwrap().expose(), "a");
}

#[test]
fn a_new_refresh_token_is_salvaged_where_the_profile_says() {
    let rules = r#"
        [response]
        access_token = "/data/access"
        refresh_token = "/data/refresh"
        expires_in = "/data/lifetime"
    "#;
    let refreshing = vendor(
        rules,
        &[("grant", "refresh-token"), ("refresh_token", "r0")],
    );
    for flawed in [
        r#"{"refresh":"no","data":{"refresh":"r1","access":"a b"}}"#,
        r#"{"refresh_token":"no","data":{"refresh":"r1","access":"cut o"#,
        r#"{"data":{"refresh":"r1","lifetime":1e400}}"#,
        r#"{"data":{"access":"a","refresh":"r1"},"data":{}}"#,
    ] {
        let next = json!({"data": {"access": "b", "refresh": "r2", "lifetime": 600}});
        let responses = [Ok(response(200, flawed)), Ok(response(200, next))];
        let Bench { client, script, .. } = bench(refreshing.clone(), responses);
        let error = client.token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry, "{flawed}: {error:?}");
        assert_eq!(client.token().unwrap().expose(), "b");
        let sent = script.forms();
        assert!(sent[1].contains("refresh_token=r1"), "{flawed}: {sent:?}");
    }
}

#[test]
fn forms_are_read_by_the_same_names() {
    let rules = "response.access_token = \"key\"\nresponse.refresh_token = \"/more\"";
    let token = read(rules, &response(200, "key=t&more=r1&access_token=no")).unwrap();
    assert_eq!(token.access_token.expose(), "t");
    assert_eq!(token.refresh_token.unwrap().expose(), "r1");
}

#[test]
fn values_are_kept_from_the_body_the_id_token_and_the_headers() {
    let rules = r#"
        [response]
        keep = ["instance", "absent"]
        [response.kept]
        team = "/team/id"
        count = "/team/members/1"
        tenant = { id_token = "/org/tid" }
        region = { header = "X-Region" }
        nothing = { header = "X-Nothing" }
        odd = "/team"
    "#;
    let id_token = jwt(&json!({"org": {"tid": "42"}}));
    let found = json!({
        "access_token": "t", "instance": "eu", "id_token": id_token,
        "team": {"id": "T1", "members": ["x", 7]},
    });
    let found = Response::new(200, [("x-region", "eu-1")], found.to_string());
    let extra = read(rules, &found).unwrap().extra;
    let expected = [
        ("count", "7"),
        ("instance", "eu"),
        ("region", "eu-1"),
        ("team", "T1"),
        ("tenant", "42"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(extra.into_iter().collect::<Vec<_>>(), expected);
    // An ID token that can't be read says nothing.
    for id_token in ["", "x", "a.b.c", "..", &jwt(&json!([1]))] {
        let found = json!({"access_token": "t", "id_token": id_token});
        let extra = body(rules, found).unwrap().extra;
        assert!(extra.is_empty(), "{id_token}: {extra:?}");
    }
}

#[test]
fn what_only_the_login_returns_is_kept_until_the_next_login() {
    let rules =
        "response.keep = [\"team\"]\n[response.kept]\nuser = \"/user/id\"\nhost = \"/host\"";
    let connection = || vendor(rules, &[("grant", "authorization-code")]);
    let first = json!({
        "access_token": "a", "refresh_token": "r1", "expires_in": 600,
        "team": "T1", "user": {"id": "U1"}, "host": "one",
    });
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(connection(), [Ok(response(200, first))]);
    login(&client).unwrap();
    // What a refresh does return replaces it.
    let second =
        json!({"access_token": "b", "refresh_token": "r2", "expires_in": 600, "host": "two"});
    script.push(Ok(response(200, second)));
    clock.advance(Duration::from_secs(600));
    let token = client.token().unwrap();
    let found = ["team", "user", "host"].map(|name| token.extra()[name].as_str());
    assert_eq!(found, ["T1", "U1", "two"]);
    // Another login may be another user's.
    script.push(Ok(response(
        200,
        json!({"access_token": "c", "expires_in": 600}),
    )));
    let token = login(&client).unwrap();
    assert!(token.extra().is_empty(), "{:?}", token.extra());
}

#[test]
fn a_response_of_the_app_itself_keeps_nothing_of_the_one_before() {
    let rules = "response.keep = [\"host\"]";
    let first = json!({"access_token": "a", "expires_in": 600, "host": "one"});
    let Bench {
        client,
        clock,
        script,
        ..
    } = bench(vendor(rules, &[]), [Ok(response(200, first))]);
    assert_eq!(client.token().unwrap().extra()["host"], "one");
    script.push(Ok(response(
        200,
        json!({"access_token": "b", "expires_in": 600}),
    )));
    clock.advance(Duration::from_secs(600));
    assert!(client.token().unwrap().extra().is_empty());
}
