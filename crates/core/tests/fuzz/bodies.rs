//! The bodies of the property tests and of the cargo-fuzz targets. Each takes arbitrary bytes. A
//! panic or a hang is a finding.

use std::sync::LazyLock;
use std::time::Duration;

use countersign_core::jws::{self, Algorithm, VerificationKey};
use countersign_core::{
    Clock, Connection, Error, IdTokenRules, Listener, Login, ManualClock, Moment, PresentedGrant,
    Profile, Random, Response, Secret, Settings, Url, read_token_response, testing, token_request,
};

/// A public key (RFC 8037 appendix A.2) and a secret.
static KEYS: LazyLock<[VerificationKey; 2]> = LazyLock::new(|| {
    let jwk = serde_json::json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let secret = "a secret of at least thirty-two bytes";
    [
        VerificationKey::from_jwk(&jwk).expect("the key of the RFC is valid"),
        VerificationKey::hmac(secret, Algorithm::HS256).expect("the secret is long enough"),
    ]
});

static CONNECTION: LazyLock<Connection> = LazyLock::new(|| {
    let settings = [
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", SECRET),
        ("redirect_uri", "http://127.0.0.1/callback"),
    ];
    testing::connection(settings).expect("the connection is valid")
});

const SECRET: &str = "s3cret-s3cret-s3cret";

/// Inspects and verifies a token, and validates it as an ID token.
pub(crate) fn compact_jws(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = jws::inspect(&text);
    for key in &*KEYS {
        if let Ok(verified) = jws::verify(&text, key) {
            let rules = IdTokenRules::new("https://login.acme.example", "app").nonce("n");
            let _ = rules.check(verified, now());
        }
    }
}

/// Validates an ID token with these claims and a valid signature.
pub(crate) fn id_token(data: &[u8]) {
    let secret = "a secret of at least thirty-two bytes";
    let key = countersign_core::PrivateKey::from_secret(secret);
    let signer = countersign_core::KeySigner::new(key, None, None).expect("the key can sign");
    let token = jws::sign(&signer, data, None).expect("the key signs anything");
    // Tokens longer than 64 KiB are rejected; all others verify.
    if let Ok(verified) = jws::verify(&token, &KEYS[1]) {
        assert_eq!(verified.payload, data);
        let access_token = Secret::new("t");
        let rules = IdTokenRules::new("https://login.acme.example", "app")
            .access_token(&access_token)
            .max_age(Duration::from_secs(1));
        let _ = rules.check(verified, now());
    }
}

/// Reads a token response. The first byte selects the status, the rest is the body.
pub(crate) fn token_response(data: &[u8]) {
    let (status, body) = match data.split_first() {
        Some((first, body)) => (
            [200, 400, 401, 403, 429, 500, 503][usize::from(first % 7)],
            body,
        ),
        None => (200, data),
    };
    let headers = [("Content-Type", "application/json"), ("Retry-After", "7")];
    let response = Response::new(status, headers, body);
    for grant in [
        PresentedGrant::RefreshToken(Secret::new("r3fresh-r3fresh")),
        PresentedGrant::ClientCredentials,
    ] {
        let request =
            token_request(&CONNECTION, &grant, now(), &Zeros).expect("the grant is complete");
        if let Err(error) = read_token_response(&CONNECTION, &grant, &request, &response, now()) {
            // Secrets that the server repeats are redacted.
            assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        }
    }
}

/// Parses a configuration file.
pub(crate) fn settings_toml(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(all) = Settings::from_toml(&text) else {
        return;
    };
    for (name, settings) in all {
        if let Ok(settings) = settings.resolve(|_| None) {
            let provider = std::sync::Arc::clone(CONNECTION.provider());
            let _ = Connection::new(&name, &settings, provider);
        }
    }
}

/// Fills a profile's template. A template that is accepted can be filled, and never with a secret.
pub(crate) fn profile_template(data: &[u8]) {
    // TOML accepts all escapes of JSON. It rejects an unescaped DEL.
    let text = serde_json::json!(String::from_utf8_lossy(data));
    let profile = Profile::from_toml(&format!(
        r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        environments.production.base_url = "https://login.acme.example"
        endpoints.token = "{{base_url}}/token"
        extra.a = "set"
        extra.b = "not set"
        [grants.client-credentials]
        client_auth = ["client_secret_jwt"]
        params.thing = {text}
        [assertion]
        claims.thing = [{text}]
        header.thing = {text}
        "#
    ));
    let Ok(profile) = profile else { return };
    let secret = [SECRET; 2].concat();
    let settings = Settings::from_pairs([
        ("client_id", "app"),
        ("client_secret", &secret),
        ("extra.a", "Some_thing.else"),
    ]);
    let provider = countersign_core::from_profile(profile);
    let settings = settings.expect("the settings are valid");
    let Ok(connection) = Connection::new("mine", &settings, provider) else {
        return;
    };
    let request = token_request(
        &connection,
        &PresentedGrant::ClientCredentials,
        now(),
        &Zeros,
    )
    .expect("a valid connection has all settings");
    let form = request.form().expect("a token request has a form");
    let assertion = form
        .value("client_assertion")
        .expect("the form has an assertion");
    let key = VerificationKey::hmac(secret, Algorithm::HS256).expect("the secret is long enough");
    let verified = jws::verify(assertion, &key).expect("the signature is valid");
    let claims = verified.claims().expect("the claims are an object");
    let shown = format!("{claims:?} {:?} {:?}", verified.header, form.value("thing"));
    assert!(!shown.contains(SECRET), "{shown}");
}

/// Validates a callback's query.
pub(crate) fn callback_query(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let login = login("http://127.0.0.1/callback");
    let matches = login.matches_callback(&query);
    match login.finish(&query) {
        Ok(_) => assert!(matches),
        Err(error) => assert!(!format!("{error:?}").contains(SECRET)),
    }
}

/// Parses a request to the loopback server, without a socket, which would take 20 ms per case.
pub(crate) fn callback_request(data: &[u8]) {
    static LOGIN: LazyLock<(Url, Login)> = LazyLock::new(|| {
        let redirect_uri = Url::parse("http://127.0.0.1:20001/callback").expect("the URL is valid");
        let login = login(redirect_uri.as_str());
        (redirect_uri, login)
    });
    let (redirect_uri, login) = &*LOGIN;
    if let Some(query) = Listener::query_of(data, redirect_uri)
        && login.matches_callback(&query)
    {
        let _ = login.finish(&query);
    }
}

fn login(redirect_uri: &str) -> Login {
    Login::start(&CONNECTION, redirect_uri, &Zeros)
        .expect("the provider has an authorization endpoint")
}

fn now() -> Moment {
    ManualClock::at(1_700_000_000).now()
}

/// Not random, so that every run of an input is the same.
#[derive(Debug)]
struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(0);
        Ok(())
    }
}
