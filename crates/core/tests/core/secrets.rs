//! Secrets appear in no output for people. Canaries, planted everywhere, show it.

use std::sync::Arc;

use countersign_core::{
    Client, Connection, Error, MemoryStore, PresentedGrant, Response, Secret, Settings,
    SystemRandom, read_token_response, token_request,
};

use crate::support::{MockTransport, provider, refreshing};

/// Asserts that a text contains no canary: as it is, in base64 or percent-encoded.
fn assert_unseen(text: &str, place: &str) {
    assert!(!text.is_empty());
    let of = |canary: &str| {
        let base64 = base64_of(canary);
        let encoded: String = canary.bytes().map(|b| format!("%{b:02X}")).collect();
        [canary.to_owned(), base64, encoded]
    };
    for canary in ["canary", "CANARY"].iter().flat_map(|word| of(word)) {
        // Padding would prevent a match within a longer text.
        let core = canary.trim_end_matches('=');
        assert!(!text.contains(core), "{place} shows {core}: {text}");
    }
}

fn base64_of(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let chunks = text.as_bytes().chunks(3);
    chunks
        .flat_map(|chunk| {
            let bytes = [
                chunk[0],
                *chunk.get(1).unwrap_or(&0),
                *chunk.get(2).unwrap_or(&0),
            ];
            let all = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
            (0..4).map(move |i| char::from(ALPHABET[(all >> (18 - 6 * i)) as usize & 63]))
        })
        .collect()
}

fn planted() -> Settings {
    Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "canary-client-secret"),
        ("refresh_token", "canary-refresh-token"),
        ("redirect_uri", "https://app.example/callback"),
        ("proxy", "http://user:canary@127.0.0.1:1"),
    ])
    .unwrap()
}

#[test]
fn debug_of_everything_shows_no_secret() {
    let settings = planted();
    let connection = Connection::new("mine", &settings, provider()).unwrap();
    let grant = PresentedGrant::RefreshToken(Secret::new("canary"));
    let now = countersign_core::Clock::now(&countersign_core::ManualClock::at(1));
    let request = token_request(&connection, &grant, now, &SystemRandom::new()).unwrap();
    let response = Response::new(
        200,
        [("Set-Cookie", "canary")],
        r#"{"access_token":"canary","refresh_token":"canary","id_token":"canary"}"#,
    );
    let read = read_token_response(&connection, &grant, &request, &response, now).unwrap();
    let login = connection
        .authorization_url(
            "https://app.example/callback",
            "s",
            &countersign_core::pkce::Pkce::new([7; 32]),
        )
        .unwrap();
    let store = Arc::new(MemoryStore::new());
    let script = MockTransport::new([Ok(response.clone())]);
    let client = Client::builder(connection.clone())
        .transport(script)
        .store(store.clone())
        .build()
        .unwrap();
    let token = client.token().unwrap();
    for (what, text) in [
        ("Settings", format!("{settings:?}")),
        (
            "Connection",
            format!("{connection:?} {:#?}", connection.network()),
        ),
        ("PresentedGrant", format!("{grant:?}")),
        ("Request", format!("{request:?}")),
        ("Response", format!("{response:?}")),
        ("TokenResponse", format!("{read:?}")),
        ("Token", format!("{token:?}")),
        ("Client", format!("{client:?} {store:?}")),
        ("URL", format!("{login:?}")),
    ] {
        assert_unseen(&text, what);
    }
}

#[test]
fn secrets_that_a_server_echoes_are_redacted() {
    let echo = |status, body: &str| {
        Response::new(
            status,
            [("Content-Type", "text/html; canary-client-secret")],
            body,
        )
    };
    for response in [
        echo(
            400,
            r#"{"error":"invalid_grant","error_description":"bad token canary-refresh-token of canary-client-secret"}"#,
        ),
        echo(400, r#"{"error":"canary-refresh-token"}"#),
        echo(500, "<html>canary-refresh-token</html>"),
        echo(200, r#"{"access_token":"canary canary"}"#),
        echo(200, r#"{"access_token":"canary"#),
        echo(302, "canary"),
        echo(429, "canary-refresh-token"),
    ] {
        let connection = Connection::new("mine", &planted(), provider()).unwrap();
        let script = MockTransport::new([Ok(response.clone())]);
        let client = Client::builder(connection)
            .transport(script)
            .build()
            .unwrap();
        let error = client.token().unwrap_err();
        assert_unseen(&all_of(&error), "the error");
    }
}

#[test]
fn errors_of_the_store_show_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(countersign_core::FileStore::open(folder.path().join("tokens")).unwrap());
    let body = r#"{"access_token":"canary","refresh_token":"canary","expires_in":600}"#;
    let script = MockTransport::new([Ok(Response::new(200, [], body))]);
    let client = Client::builder(refreshing())
        .transport(script)
        .store(store.clone())
        .build()
        .unwrap();
    client.token().unwrap();
    let record = std::fs::read_dir(store.folder())
        .unwrap()
        .map(|e| e.unwrap().path());
    let record = record
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "rec"))
        .unwrap();
    let mut bytes = std::fs::read(&record).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&record, bytes).unwrap();
    let fresh = Client::builder(refreshing())
        .transport(MockTransport::new([]))
        .store(store)
        .build()
        .unwrap();
    assert_unseen(&all_of(&fresh.token().unwrap_err()), "the error");
}

fn all_of(error: &Error) -> String {
    format!(
        "{error} {error:?} {error:#?} {:?} {:?}",
        error.hint(),
        error.url()
    )
}
