//! Exact token requests: RFC vectors, and every client authentication method.

use countersign_core::{
    Clock, Connection, Form, ManualClock, Moment, PresentedGrant, Request, Secret, SystemRandom,
    jws, token_request,
};
use serde_json::Value;

use crate::support::{NOW, connection, try_connection};

fn now() -> Moment {
    ManualClock::at(NOW).now()
}

fn request(connection: &Connection, grant: &PresentedGrant) -> Request {
    token_request(connection, grant, now(), &SystemRandom::new()).unwrap()
}

fn vectors(name: &str) -> Value {
    let path = format!(
        "{}/../../tests/vectors/rfc/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn authorization(request: &Request) -> &str {
    let header = request.headers().find(|(name, _)| *name == "Authorization");
    header.unwrap().1.expose()
}

#[test]
fn basic_credentials_match_rfc_6749_section_2_3_1() {
    let vectors = vectors("rfc6749_form_and_basic.json");
    let cases = vectors["basic"].as_array().unwrap();
    assert!(cases.len() >= 4);
    for case in cases {
        let (id, secret) = (
            case["client_id"].as_str().unwrap(),
            case["client_secret"].as_str().unwrap(),
        );
        for (encoding, member) in [
            ("rfc6749", "authorization"),
            ("raw", "raw_variant_some_servers_need"),
        ] {
            let mut settings = countersign_core::Settings::from_pairs([
                ("provider", "acme"),
                ("environment", "demo"),
                ("grant", "client-credentials"),
                ("client_auth", "basic"),
                ("basic_encoding", encoding),
            ])
            .unwrap();
            settings.set("client_id", id).unwrap();
            settings.set("client_secret", secret).unwrap();
            let connection = Connection::new("mine", &settings, crate::support::provider());
            if encoding == "raw" && id.contains(':') {
                // Servers end the ID at the first colon (RFC 7617 section 2).
                let error = connection.unwrap_err();
                assert_eq!(error.setting_name(), Some("client_id"));
                assert!(
                    error.hint().unwrap().contains("basic_encoding"),
                    "{error:?}"
                );
                continue;
            }
            let connection = connection.unwrap();
            if connection.client_id() != id {
                // Spaces around a client ID are trimmed, but this vector has some.
                continue;
            }
            let request = request(&connection, &PresentedGrant::ClientCredentials);
            let expected = case[member].as_str().unwrap();
            if member == "authorization" || !expected.is_empty() {
                assert_eq!(authorization(&request), expected, "{id} {encoding}");
            }
        }
    }
}

#[test]
fn forms_match_rfc_6749_appendix_b() {
    let vectors = vectors("rfc6749_form_and_basic.json");
    let appendix = &vectors["appendix_b"];
    let body = Form::new()
        .field("v", appendix["decoded"].as_str().unwrap())
        .encode();
    assert_eq!(
        body.as_str(),
        format!("v={}", appendix["encoded"].as_str().unwrap())
    );
}

#[test]
fn the_assertion_parameters_are_those_of_rfc_7523() {
    let vectors = vectors("rfc7523.json");
    let key = rsa_key();
    let jwt = try_connection([
        ("grant", "jwt-bearer"),
        ("client_id", "app"),
        ("subject", "user"),
        ("private_key", key.as_str()),
    ])
    .unwrap();
    let body = request(&jwt, &PresentedGrant::JwtBearer).body().unwrap();
    let encoded = vectors["grant_type_form_encoded"].as_str().unwrap();
    assert!(
        body.starts_with(&format!("grant_type={encoded}&assertion=eyJ")),
        "{}",
        *body
    );
    assert_eq!(
        body.matches('=').count(),
        2,
        "only the two parameters are sent"
    );

    let client = try_connection([
        ("grant", "client-credentials"),
        ("client_auth", "private_key_jwt"),
        ("client_id", "app"),
        ("private_key", key.as_str()),
    ])
    .unwrap();
    let request = request(&client, &PresentedGrant::ClientCredentials);
    let form = request.form().unwrap();
    assert_eq!(
        form.names().collect::<Vec<_>>(),
        [
            "grant_type",
            "client_id",
            "client_assertion_type",
            "client_assertion"
        ]
    );
    assert_eq!(
        form.value("client_assertion_type"),
        vectors["client_assertion_type"].as_str()
    );
    let claims = claims(form.value("client_assertion").unwrap());
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&"app".into(), &"app".into())
    );
    assert_eq!(claims["aud"], "https://demo.acme.example/token");
}

#[test]
fn assertions_are_back_dated_bounded_and_fresh() {
    let key = rsa_key();
    let jwt = |ttl: &str| {
        try_connection([
            ("grant", "jwt-bearer"),
            ("client_id", "app"),
            ("subject", "user"),
            ("private_key", key.as_str()),
            ("assertion_ttl_s", ttl),
        ])
        .unwrap()
    };
    let of = |connection: &Connection| {
        claims(
            request(connection, &PresentedGrant::JwtBearer)
                .form()
                .unwrap()
                .value("assertion")
                .unwrap(),
        )
    };
    let (first, second) = (of(&jwt("300")), of(&jwt("300")));
    assert_eq!(first["aud"], "demo.acme.example");
    assert_eq!(first["scope"], "sign");
    assert_eq!(
        (&first["iat"], &first["exp"]),
        (&(NOW - 60).into(), &(NOW + 300).into())
    );
    assert_ne!(first["jti"], second["jti"]);
    // At most the maximum lifetime after the backdated `iat`.
    assert_eq!(of(&jwt("3600"))["exp"], NOW - 60 + 3600);
}

#[test]
fn each_client_authentication_sends_its_own_and_no_more() {
    let refresh = PresentedGrant::RefreshToken(Secret::new("r+/="));
    for (auth, body, header) in [
        (
            "basic",
            "grant_type=refresh_token&refresh_token=r%2B%2F%3D",
            Some("Basic YXBwOnMzY3JldA=="),
        ),
        (
            "post",
            "grant_type=refresh_token&refresh_token=r%2B%2F%3D&client_id=app&client_secret=s3cret",
            None,
        ),
        (
            "none",
            "grant_type=refresh_token&refresh_token=r%2B%2F%3D&client_id=app",
            None,
        ),
    ] {
        let connection = connection([
            ("grant", "refresh-token"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("client_auth", auth),
        ]);
        let request = request(&connection, &refresh);
        assert_eq!(request.body().unwrap().as_str(), body);
        let sent = request.headers().find(|(name, _)| *name == "Authorization");
        assert_eq!(sent.map(|(_, value)| value.expose()), header);
        assert!(
            request.is_single_use(),
            "a refresh token that rotates is single-use"
        );
    }
}

#[test]
fn client_secret_jwt_is_signed_with_the_secret() {
    let secret = "a-32-byte-or-longer-shared-secret!!";
    let connection = connection([
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", secret),
        ("client_auth", "client_secret_jwt"),
        ("scopes", "read write"),
    ]);
    let request = request(&connection, &PresentedGrant::ClientCredentials);
    let form = request.form().unwrap();
    assert_eq!(form.value("scope"), Some("read write"));
    assert_eq!(form.value("client_secret"), None);
    let token = form.value("client_assertion").unwrap();
    let signed = token.rsplit_once('.').unwrap();
    let mut expected = jws::hmac_sha256_base64(secret, signed.0.as_bytes());
    expected = expected
        .replace('+', "-")
        .replace('/', "_")
        .replace('=', "");
    assert_eq!(signed.1, expected);
}

fn claims(token: &str) -> Value {
    let parsed = jws::inspect(token).unwrap();
    serde_json::from_slice(&parsed.payload).unwrap()
}

/// A new key in the format of DocuSign.
pub(crate) fn rsa_key() -> String {
    let output = std::process::Command::new("openssl")
        .args(["genrsa", "-traditional", "2048"])
        .output()
        .expect("these tests need the openssl command");
    String::from_utf8(output.stdout).unwrap()
}
