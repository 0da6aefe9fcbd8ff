//! A provider for tests, and a transport that returns scripted responses.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use countersign_core::{
    Client, Connection, Error, ErrorKind, ManualClock, MemoryStore, Profile, Request, Response,
    SendError, Settings, Store, Swap, Token, Transport, Verdict, store,
};
use countersign_store_conformance::Intercepted;

/// A profile with every grant, rotation and one error row, to test core without a vendor.
pub(crate) const PROFILE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs/oauth"

    [environments.demo]
    base_url = "https://demo.acme.example"
    audience = "demo.acme.example"
    [environments.production]
    base_url = "https://login.acme.example"
    audience = "login.acme.example"
    [environments.own]
    audience = "{base_url}"

    [endpoints]
    token = "{base_url}/token"
    authorize = "{base_url}/authorize"
    revoke = "{base_url}/revoke"

    [grants.jwt-bearer]
    client_auth = ["none"]
    default_scopes = ["sign"]
    [grants.client-credentials]
    client_auth = ["post", "basic", "client_secret_jwt", "private_key_jwt"]
    send_scope = true
    [grants.authorization-code]
    client_auth = ["basic", "post", "none"]
    default_scopes = ["sign", "offline"]
    send_redirect_uri = true
    [grants.refresh-token]
    client_auth = ["basic", "post", "none"]

    [assertion]
    algorithms = ["RS256", "ES256"]
    scope_claim = true
    jwt_id = true

    [refresh]
    rotation = "always"

    [response]
    keep = ["instance"]
    trace_header = "X-Acme-Trace"

    [extra]
    tenant = "the tenant's name"

    [[errors]]
    error = "consent_required"
    kind = "consent_required"
    hint = "consent once"
"#;

pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn provider() -> Arc<dyn countersign_core::Provider> {
    countersign_core::from_profile(Profile::from_toml(PROFILE).unwrap())
}

pub(crate) fn connection<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Connection {
    try_connection(pairs).unwrap()
}

pub(crate) fn try_connection<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Connection, Error> {
    let mut settings = Settings::from_pairs([("provider", "acme"), ("environment", "demo")])?;
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    Connection::new("mine", &settings, provider())
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

pub(crate) fn token_answer(access: &str, seconds: u64) -> Response {
    let body =
        format!(r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{seconds}}}"#);
    Response::new(200, [("Content-Type", "application/json")], body)
}

pub(crate) fn rotated_answer(access: &str, refresh: &str, seconds: u64) -> Response {
    let body = format!(
        r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":{seconds},"refresh_token":"{refresh}"}}"#
    );
    Response::new(200, [("Content-Type", "application/json")], body)
}

pub(crate) fn refusal(status: u16, error: &str) -> Response {
    Response::new(status, [], format!(r#"{{"error":"{error}"}}"#))
}

pub(crate) fn cut() -> SendError {
    SendError::MaybeSent(Error::new(ErrorKind::Interrupted, "cut off"))
}

/// Returns responses in order, records every form, and holds responses while its gate is closed.
#[derive(Debug, Default)]
pub(crate) struct Script {
    responses: Mutex<VecDeque<Result<Response, SendError>>>,
    forms: Mutex<Vec<String>>,
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Gate {
    closed: bool,
    arrived: usize,
}

impl Script {
    pub(crate) fn new(
        responses: impl IntoIterator<Item = Result<Response, SendError>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            responses: Mutex::new(responses.into_iter().collect()),
            ..Self::default()
        })
    }

    pub(crate) fn push(&self, response: Result<Response, SendError>) {
        self.responses.lock().unwrap().push_back(response);
    }

    /// Returns the bodies of the requests so far.
    pub(crate) fn forms(&self) -> Vec<String> {
        self.forms.lock().unwrap().clone()
    }

    pub(crate) fn close_gate(&self) {
        self.gate.lock().unwrap().closed = true;
    }

    pub(crate) fn open_gate(&self) {
        self.gate.lock().unwrap().closed = false;
        self.changed.notify_all();
    }

    /// Waits until `count` requests have reached the gate.
    pub(crate) fn await_arrivals(&self, count: usize) {
        let gate = self.gate.lock().unwrap();
        drop(
            self.changed
                .wait_while(gate, |gate| gate.arrived < count)
                .unwrap(),
        );
    }
}

impl Transport for Script {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let body = request.body().map(|body| body.to_string());
        self.forms.lock().unwrap().push(body.unwrap_or_default());
        let mut gate = self.gate.lock().unwrap();
        gate.arrived += 1;
        self.changed.notify_all();
        drop(self.changed.wait_while(gate, |gate| gate.closed).unwrap());
        let next = self.responses.lock().unwrap().pop_front();
        next.expect("the script has a response for each request")
    }
}

/// Random bytes without jitter: the first two bytes, which determine the jitter, are 0.
#[derive(Debug)]
struct Unspread(countersign_core::SystemRandom);

impl countersign_core::Random for Unspread {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes)?;
        bytes[..2].fill(0);
        Ok(())
    }
}

pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) script: Arc<Script>,
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
    let clock = Arc::new(ManualClock::at(NOW));
    let script = Script::new(responses);
    let client = Client::builder(connection)
        .transport(script.clone())
        .clock(clock.clone())
        .random(Arc::new(Unspread(countersign_core::SystemRandom::new())))
        .store(Arc::clone(&store))
        .build()
        .unwrap();
    Bench {
        client,
        clock,
        script,
        store,
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
    let login = client.start_login(None)?;
    let (_, state) = login.url().as_str().split_once("state=").unwrap();
    let state = state.split('&').next().unwrap();
    client.complete_login(&login, &format!("code=c0de&state={state}"))
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
