//! Input from outside causes no panics. Runs the bodies of `cargo xtask fuzz` for a short time.
//!
//! The inputs are mutated seeds. `PROPTEST_CASES` sets how many.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

mod bodies;

use proptest::prelude::*;

const TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
    09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const TOKENS: &[&str] = &[TOKEN, "eyJhbGciOiJub25lIn0.e30.", "..", "a.b.c.d.e"];
const CLAIMS: &[&str] = &[
    r#"{"iss":"https://login.acme.example","sub":"joe","aud":["app"],"azp":"app","exp":1700000600,
        "iat":1700000000,"nonce":"n","at_hash":"x","auth_time":1.5e9,"nbf":0}"#,
    r#"{"aud":"app","exp":-9223372036854775808,"iat":18446744073709551615}"#,
];
const RESPONSES: &[&str] = &[
    r#"0{"access_token":"t","token_type":"Bearer","expires_in":3600,"refresh_token":"r","scope":"a b"}"#,
    r#"1{"error":"invalid_grant","error_description":"s3cret-s3cret-s3cret","error_uri":"https://x"}"#,
    r#"0{"access_token":7,"expires_in":"1e400","scope":null}"#,
    "5<html>",
];
const SETTINGS: &[&str] = &[
    "[connections.mine]\nprovider = \"acme\"\nclient_id = \"app\"\nclient_secret_env = \"S\"\n\
     scopes = [\"a\", \"b\"]\ntimeout_ms = 1000\nstore = \"file:x\"\nextra.a = \"b\"\n",
    "[connections.\"\"]\nprovider = 7\n[connections.b]\nredirect_uri = \"http://[::1]:99999/\"\n",
];
const TEMPLATES: &[&str] = &[
    "{client_id}-{extra.a|label|dash|upper}",
    "{subject?}{extra.b:none|lower}{extra.c}",
    "{cert_sha256?} {spki_sha256:} {scopes}",
    "{issuer}/{token_url}",
    "{client_secret}{{}}é{|?:}",
];
const QUERIES: &[&str] = &[
    "code=abc&state=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "?error=access_denied&error_description=a+b%20c&state=%41&state=",
    "&&=&%&%zz=%ff",
];
const REQUESTS: &[&str] = &[
    "GET /callback?code=abc&state=AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: 127.0.0.1:20001\r\n\r\n",
    "POST /callback HTTP/1.1\r\nHost: evil\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "GET http://x/ HTTP/9.9\r\n\r\n",
];

/// Cuts, inserts, changes and repeats bytes of a seed.
fn mutated(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..5u8);
    let edits = prop::collection::vec(edit, 0..8);
    (prop::sample::select(seeds), edits).prop_map(|(seed, edits)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (at, with, how) in edits {
            let at = at.index(bytes.len() + 1);
            match how {
                0 if at < bytes.len() => bytes[at] = with,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, with),
                // Repeats the end, which can result in duplicate members.
                3 => bytes.extend_from_within(at..),
                _ => {
                    bytes.drain(..at);
                }
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compact_jws(data in mutated(TOKENS)) {
        bodies::compact_jws(&data);
    }

    #[test]
    fn id_token(data in mutated(CLAIMS)) {
        bodies::id_token(&data);
    }

    #[test]
    fn token_response(data in mutated(RESPONSES)) {
        bodies::token_response(&data);
    }

    #[test]
    fn settings_toml(data in mutated(SETTINGS)) {
        bodies::settings_toml(&data);
    }

    #[test]
    fn profile_template(data in mutated(TEMPLATES)) {
        bodies::profile_template(&data);
    }

    #[test]
    fn callback_query(data in mutated(QUERIES)) {
        bodies::callback_query(&data);
    }

    #[test]
    fn callback_request(data in mutated(REQUESTS)) {
        bodies::callback_request(&data);
    }
}

/// If the seed were rejected, the fuzzer would only test the first checks.
#[test]
fn a_callback_request_is_parsed_without_a_socket() {
    let redirect_uri = countersign_core::Url::parse("http://127.0.0.1:20001/callback").unwrap();
    let query_of =
        |request: &str| countersign_core::Listener::query_of(request.as_bytes(), &redirect_uri);
    assert_eq!(
        query_of(REQUESTS[0]).as_deref(),
        Some("code=abc&state=AAAAAAAAAAAAAAAAAAAAAA")
    );
    assert_eq!(query_of(REQUESTS[1]), None);
    assert_eq!(query_of(REQUESTS[0].trim_end()), None);
}
