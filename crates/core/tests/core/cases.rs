//! Tests of the runner of cases.

use countersign_core::cases::Cases;
use countersign_core::{Profile, from_profile, testing};
use serde_json::{Value, json};

fn request(changes: Value) -> Value {
    let mut case = json!({
        "name": "jwt",
        "settings": {"environment": "demo", "grant": "jwt-bearer", "client_id": "app",
                     "subject": "joe", "private_key": "p256", "key_id": "k1"},
        "request": {
            "method": "POST",
            "url": "https://demo.acme.example/token",
            "headers": {"accept": "application/json"},
            "body": "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=<assertion>",
            "assertions": [{
                "in": "assertion",
                "header": {"alg": "ES256", "typ": "JWT", "kid": "k1"},
                "claims": {"iss": "app", "sub": "joe", "aud": "demo.acme.example", "scope": "sign",
                           "iat": 1_699_999_940, "exp": 1_700_000_300, "jti": "<jti>"}
            }]
        }
    });
    merge(&mut case, changes);
    json!({"requests": [case]})
}

fn response(changes: Value) -> Value {
    let mut case = json!({
        "name": "dead", "as": "refresh-token", "status": 400,
        "settings": {"environment": "demo", "grant": "authorization-code", "client_id": "app",
                     "client_secret": "s3cret", "redirect_uri": "https://app.example/callback"},
        "headers": {"X-Acme-Trace": "t1"},
        "body": {"error": "invalid_grant"},
        "error": {"kind": "login_required", "verdict": "reauthorize", "trace_id": "t1",
                  "hint_contains": "log in again"}
    });
    merge(&mut case, changes);
    json!({"responses": [case]})
}

fn merge(to: &mut Value, changes: Value) {
    match (to, changes) {
        (Value::Object(to), Value::Object(changes)) => {
            for (name, value) in changes {
                merge(to.entry(name).or_insert(Value::Null), value);
            }
        }
        (to, value) => *to = value,
    }
}

#[track_caller]
fn run(file: &Value) -> String {
    let cases = Cases::from_json(&file.to_string()).unwrap();
    let failed = cases.run(&testing::provider());
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    failed.join("\n")
}

#[test]
fn right_cases_pass() {
    assert_eq!(run(&request(json!({}))), "");
    assert_eq!(run(&response(json!({}))), "");
    assert_eq!(
        run(&response(json!({
            "status": 200,
            "body": r#"{"access_token":"t","refresh_token":"r","expires_in":"3600","instance":"eu"}"#,
            "token": {"access_token": "t", "token_type": "Bearer", "expires_in": 3600, "scope": null,
                      "refresh_token": true, "id_token": false, "extra": {"instance": "eu"},
                      "headers": {"Authorization": "Bearer <access_token>"}},
            "error": null
        }))),
        ""
    );
}

#[test]
fn a_wrong_expectation_fails_and_says_what_differs() {
    for (changes, says) in [
        (json!({"request": {"method": "GET"}}), "the method differs"),
        (
            json!({"request": {"url": "https://demo.acme.example/tokens"}}),
            "the URL differs",
        ),
        (
            json!({"request": {"headers": {"accept": "text/html"}}}),
            "the header `accept` differs",
        ),
        (
            json!({"request": {"body": "grant_type=x&assertion=<assertion>"}}),
            "the body differs from `grant_type=x` on",
        ),
        (
            json!({"request": {"assertions": []}}),
            "the request has 1 assertions, and the case 0",
        ),
        (
            json!({"settings": {"key_id": "k2"}}),
            "the header of assertion differs in `kid`",
        ),
        (
            json!({"settings": {"subject": "ann"}}),
            "the claims of assertion differs in `sub`",
        ),
        (
            json!({"settings": {"private_key": "ed25519"}}),
            "the profile accepts no algorithm of the key `ed25519`",
        ),
        (
            json!({"settings": {"private_key": "rsa4096"}}),
            "names no key of a case",
        ),
        (
            json!({"settings": {"client_id": null, "audiense": "x"}}),
            "did you mean `audience`?",
        ),
        (json!({"request": null}), "add either `request` or `error`"),
        (
            json!({"request": null, "error": {"setting": "subject"}}),
            "expected an error",
        ),
        (
            json!({"request": null, "error": {"setting": "client_id"}, "settings": {"subject": ""}}),
            "the error `setting` differs",
        ),
    ] {
        let failed = run(&request(changes.clone()));
        let expected = "requests[0] \"jwt\": ";
        assert!(
            failed.starts_with(expected) && failed.contains(says),
            "{changes}: {failed}"
        );
    }
    for (changes, says) in [
        (
            json!({"error": {"kind": "rejected"}}),
            "the error `kind` differs",
        ),
        (
            json!({"error": {"hint_contains": "pay"}}),
            "the error `hint` does not contain",
        ),
        (
            json!({"error": {"kinds": "rejected"}}),
            "the error has no `kinds`; did you mean `kind`?",
        ),
        (
            json!({"status": 200, "body": r#"{"access_token":"t"}"#}),
            "expected an error, but the response is a token",
        ),
        (json!({"error": null, "token": {}}), "expected a token; "),
        (
            json!({"settings": 3}),
            "`settings` is not the index of a request case",
        ),
        (json!({"as": "refresh"}), "which is not known"),
    ] {
        let failed = run(&response(changes.clone()));
        assert!(failed.contains(says), "{changes}: {failed}");
    }
}

#[test]
fn values_that_depend_on_the_key_are_named() {
    let profile = format!(
        "{}\n[assertion.header]\n\"x5t#S256\" = \"{{cert_sha256}}\"\n[assertion.claims]\nfp = \"SHA256:{{spki_sha256}}\"\n",
        testing::PROFILE.replace("[refresh]", "x5c = true\n[refresh]")
    );
    let profile = Profile::from_toml(&profile).unwrap();
    let case = |key: &str| {
        let file = request(json!({
            "settings": {"private_key": key},
            "request": {"assertions": [{
                "in": "assertion",
                "header": {"alg": "RS256", "typ": "JWT", "kid": "k1", "x5t#S256": "<cert_sha256>",
                           "x5c": ["<certificate>"]},
                "claims": {"iss": "app", "sub": "joe", "aud": "demo.acme.example", "scope": "sign",
                           "iat": 1_699_999_940, "exp": 1_700_000_300, "jti": "<jti>",
                           "fp": "SHA256:<spki_sha256>"}
            }]}
        }));
        let cases = Cases::from_json(&file.to_string()).unwrap();
        cases.run(&from_profile(profile.clone()))
    };
    assert_eq!(case("rsa+cert"), []);
    assert!(case("rsa")[0].what.contains("has no certificate"));
}

#[test]
fn mistakes_in_a_file_are_errors_with_the_line() {
    for (text, says) in [
        (
            "{\n  \"requests\": [{\"nam\": 1}]\n}",
            "line 2: unknown field `nam`",
        ),
        ("{\n\n", "line 3: EOF while parsing"),
        (
            "{\"responses\": [{\"name\": \"x\", \"status\": \"200\"}]}",
            "line 1: invalid type: string",
        ),
    ] {
        let error = Cases::from_json(text).unwrap_err();
        assert!(error.message().starts_with(says), "{error}");
    }
}

#[test]
fn what_a_complete_set_has_is_known() {
    let profile = testing::provider();
    let lacking = |file: Value| {
        let cases = Cases::from_json(&file.to_string()).unwrap();
        cases.lacking(profile.profile())
    };
    let all = lacking(json!({}));
    assert_eq!(all.len(), 10, "{all:#?}");
    assert!(!lacking(request(json!({}))).contains(&all[0]));
    let without_refresh = lacking(response(json!({})));
    assert!(
        !without_refresh
            .iter()
            .any(|what| what.contains("dead refresh token"))
    );
}
