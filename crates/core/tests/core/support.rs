//! Connections and clients for tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use countersign_core::testing;
pub(crate) use countersign_core::testing::{
    MockTransport, NOW, PROFILE, error_response as rejection, provider, rotated_response,
    token_response,
};
use countersign_core::{
    Client, Connection, Error, ErrorKind, Login, ManualClock, MemoryStore, Profile, Response,
    SendError, Settings, Store, Swap, Token, Verdict, store,
};
use countersign_store_conformance::Intercepted;

pub(crate) fn connection<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Connection {
    try_connection(pairs).unwrap()
}

pub(crate) fn try_connection<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Connection, Error> {
    testing::connection(pairs)
}

/// A vendor that supports every grant and says nothing else.
const PLAIN: &str = r#"
id = "plain"
name = "Plain"
documentation = "https://plain.example/docs"
environments.main.base_url = "https://login.plain.example"
endpoints.token = "{base_url}/token"
endpoints.authorize = "{base_url}/authorize"
endpoints.userinfo = "{base_url}/userinfo"
grants.client-credentials.client_auth = ["post"]
grants.authorization-code.client_auth = ["post"]
grants.refresh-token.client_auth = ["post"]
refresh.rotation = "always"
"#;

/// Reads the profile of a vendor with these additional lines.
pub(crate) fn profile(more: &str) -> Result<Profile, Error> {
    Profile::from_toml(&format!("{PLAIN}{more}\n"))
}

/// A connection to the vendor with these additional lines in its profile.
pub(crate) fn vendor(more: &str, pairs: &[(&str, &str)]) -> Connection {
    let common = [
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let mut settings = Settings::from_pairs(common).unwrap();
    for (key, value) in pairs {
        settings.set(key, value).unwrap();
    }
    let provider = countersign_core::from_profile(profile(more).unwrap());
    Connection::new("mine", &settings, provider).unwrap()
}

/// A response with JSON.
pub(crate) fn json(status: u16, body: impl ToString) -> Response {
    Response::new(status, [], body.to_string())
}

/// A connection of the app itself.
pub(crate) fn client_credentials() -> Connection {
    connection([
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ])
}

/// A connection with a rotating refresh token that starts as `r0`.
pub(crate) fn refreshing() -> Connection {
    connection([
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "r0"),
        ("redirect_uri", "https://app.example/callback"),
    ])
}

/// A signer without a key.
#[derive(Debug)]
struct NoKey;

impl countersign_core::Signer for NoKey {
    fn algorithm(&self) -> countersign_core::Algorithm {
        countersign_core::Algorithm::RS256
    }

    fn sign(&self, _: &[u8], signature: &mut Vec<u8>) -> Result<(), countersign_core::jose::Error> {
        signature.extend_from_slice(&[0; 32]);
        Ok(())
    }
}

/// A connection that requests tokens for a subject by assertion.
pub(crate) fn by_assertion() -> Connection {
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "jwt-bearer"),
        ("client_id", "app"),
        ("subject", "somebody"),
    ]);
    Connection::with_signer("mine", &settings.unwrap(), provider(), Arc::new(NoKey)).unwrap()
}

/// A connection for logins of an app that could also sign.
pub(crate) fn by_assertion_or_login() -> Connection {
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "authorization-code"),
        ("client_auth", "none"),
        ("client_id", "app"),
        ("redirect_uri", "https://app.example/callback"),
    ]);
    Connection::with_signer("mine", &settings.unwrap(), provider(), Arc::new(NoKey)).unwrap()
}

/// Returns the claims of the assertion in a form.
pub(crate) fn claims_of(form: &str) -> serde_json::Value {
    let assertion = form.split("assertion=").nth(1).unwrap();
    let parsed = countersign_core::jws::inspect(assertion).unwrap();
    serde_json::from_slice(&parsed.payload).unwrap()
}

pub(crate) fn cut() -> SendError {
    SendError::MaybeSent(Error::new(ErrorKind::Interrupted, "cut off"))
}

pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) script: Arc<MockTransport>,
    pub(crate) store: Arc<dyn Store>,
}

/// Creates a client with a scripted transport, a manual clock and a memory store.
pub(crate) fn bench(
    connection: Connection,
    responses: impl IntoIterator<Item = Result<Response, SendError>>,
) -> Bench {
    bench_with(connection, responses, Arc::new(MemoryStore::new()))
}

pub(crate) fn bench_with(
    connection: Connection,
    responses: impl IntoIterator<Item = Result<Response, SendError>>,
    store: Arc<dyn Store>,
) -> Bench {
    let test = testing::client_of(connection, responses, store);
    Bench {
        client: test.client,
        clock: test.clock,
        script: test.transport,
        store: test.store,
    }
}

/// Asserts that an error asks for a login, although no login was started.
pub(crate) fn assert_asks_for_a_login(error: &Error) {
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::NoToken, Verdict::Reauthorize)
    );
    assert!(error.hint().unwrap().contains("start_login"), "{error:?}");
    assert_eq!(
        error.url(),
        None,
        "no login was started that a URL could complete"
    );
}

/// A memory store that accepts a number of writes and rejects later ones.
pub(crate) struct LimitedStore {
    pub(crate) store: Arc<dyn Store>,
    left: Arc<AtomicU64>,
}

impl LimitedStore {
    pub(crate) fn accepting(writes: u64) -> Self {
        let left = Arc::new(AtomicU64::new(writes));
        let counted = Arc::clone(&left);
        let store = Intercepted::new(Arc::new(MemoryStore::new())).on_change(move |change| {
            let left = counted.load(Ordering::SeqCst);
            counted.store(left.saturating_sub(1), Ordering::SeqCst);
            match left {
                0 => Swap::Unavailable(store::Error::new(store::ErrorKind::Unavailable, "no room")),
                _ => change(),
            }
        });
        Self {
            store: Arc::new(store),
            left,
        }
    }

    pub(crate) fn accept_all(&self) {
        self.accept_only(u64::MAX);
    }

    pub(crate) fn accept_only(&self, writes: u64) {
        self.left.store(writes, Ordering::SeqCst);
    }
}

/// Logs in like a browser that returns at once.
pub(crate) fn login(client: &Client) -> Result<Token, Error> {
    let (login, callback) = started_login(client)?;
    client.complete_login(&login, &callback)
}

/// Starts a login, and returns it with the query that the browser returns with.
pub(crate) fn started_login(client: &Client) -> Result<(Login, String), Error> {
    let login = client.start_login(None)?;
    let callback = format!("code=c0de&state={}", login.state());
    Ok((login, callback))
}

/// Polls a future like a runtime without timers.
pub(crate) fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Bell(mpsc::SyncSender<()>);
    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.try_send(());
        }
    }
    let (ring, rung) = mpsc::sync_channel(1);
    let waker = Waker::from(Arc::new(Bell(ring)));
    loop {
        let mut context = Context::from_waker(&waker);
        match std::pin::Pin::new(&mut future).poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => rung.recv().unwrap(),
        }
    }
}
