//! Every call returns within its bound, whatever hangs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use countersign_core::{
    App, Client, Connection, Error, ErrorKind, Extra, FileStore, Lease, MemoryStore, Owner,
    Profile, Provider, Request, Response, SendError, Settings, Store, Token, Transport, Url,
    Verdict, forward_store,
};

use crate::support::{
    PROFILE, block_on, client_credentials, connection, login, rotated_response, started_login,
};

/// Longer than a call that fails at once, and much shorter than a call that hangs.
const BOUND: Duration = Duration::from_millis(80);
/// Time enough for any call on a busy machine.
const AMPLE: Duration = Duration::from_secs(30);

/// Blocks calls while it is shut, and makes them panic once it is broken.
#[derive(Debug, Default)]
struct Door {
    shut: Mutex<bool>,
    opened: Condvar,
    broken: AtomicBool,
}

impl Door {
    fn shut(&self) {
        *self.shut.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    fn pass(&self) {
        assert!(!self.broken.load(Ordering::SeqCst), "this test's bug");
        let shut = self.shut.lock().unwrap();
        drop(self.opened.wait_while(shut, |shut| *shut).unwrap());
    }
}

/// A store whose calls hang while the door is shut.
#[derive(Debug)]
struct Hanging(Arc<Door>, MemoryStore);

impl Store for Hanging {
    forward_store!(self => self.1; capabilities, now_ms);
    forward_store!(self => { self.0.pass(); &self.1 }; load, compare_and_swap, tombstone, lease,
        renew, release, keys, set_aside);
}

/// A server that returns a rotated token, and hangs while the door is shut.
#[derive(Debug)]
struct Server(Arc<Door>);

impl Transport for Server {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        self.0.pass();
        Ok(rotated_response("a", "r1", 3600))
    }
}

/// Acme with a userinfo endpoint.
#[derive(Debug)]
struct Known(Profile);

impl Provider for Known {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn identity_request(&self, _: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let url = Url::parse("https://demo.acme.example/userinfo")?;
        Ok(Some(Request::get_with_bearer(url, token.secret())))
    }

    fn read_identity(&self, _: App<'_>, _: &Response) -> Result<Extra, Error> {
        Ok(Extra::new())
    }
}

struct Bench {
    client: Client,
    token: Token,
    store: Arc<Door>,
    server: Arc<Door>,
    below: Arc<Hanging>,
}

/// Creates a client that has a token, and whose calls fail soon.
fn bench() -> Bench {
    bench_within(BOUND)
}

fn bench_within(bound: Duration) -> Bench {
    let (store, server) = (Arc::<Door>::default(), Arc::<Door>::default());
    let below = Arc::new(Hanging(Arc::clone(&store), MemoryStore::new()));
    let settings = [
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "r0"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    let settings = Settings::from_pairs(settings).unwrap();
    let provider = Arc::new(Known(Profile::from_toml(PROFILE).unwrap()));
    let connection = Connection::new("mine", &settings, provider).unwrap();
    let client = Client::builder(connection)
        .store(Arc::clone(&below) as Arc<dyn Store>)
        .transport(Arc::new(Server(Arc::clone(&server))))
        .max_wait(bound)
        .build()
        .unwrap();
    // On a busy machine, getting the first token may take longer than the bound.
    let token = loop {
        match client.token() {
            Err(error) if error.kind() == ErrorKind::Busy => {}
            token => break token.unwrap(),
        }
    };
    Bench {
        client,
        token,
        store,
        server,
        below,
    }
}

type Call = (&'static str, fn(&Client, &Token) -> Result<(), Error>);

/// All calls that may use the store or send a request.
const CALLS: [Call; 22] = [
    ("token", |client, token| {
        client.invalidate(token);
        client.token().map(drop)
    }),
    ("token_valid_for", |client, token| {
        client.invalidate(token);
        client.token_valid_for(Duration::from_secs(3000)).map(drop)
    }),
    ("token_async", |client, token| {
        client.invalidate(token);
        block_on(client.token_async()).map(drop)
    }),
    ("refresh_now", |client, token| {
        client.invalidate(token);
        client.refresh_now().map(drop)
    }),
    ("token_valid_for_async", |client, token| {
        client.invalidate(token);
        block_on(client.token_valid_for_async(Duration::from_secs(3000))).map(drop)
    }),
    ("refresh_now_async", |client, token| {
        client.invalidate(token);
        block_on(client.refresh_now_async()).map(drop)
    }),
    ("complete_login", |client, _| login(client).map(drop)),
    ("complete_login_async", |client, _| {
        let (login, callback) = started_login(client)?;
        block_on(client.complete_login_async(&login, &callback)).map(drop)
    }),
    ("forget_async", |client, _| {
        block_on(client.forget_async()).map(drop)
    }),
    ("force_forget_async", |client, _| {
        block_on(client.force_forget_async()).map(drop)
    }),
    ("identity_async", |client, _| {
        block_on(client.identity_async()).map(drop)
    }),
    ("events_async", |client, _| {
        block_on(client.events_async()).map(drop)
    }),
    ("refresh_token_expires_at_async", |client, _| {
        block_on(client.refresh_token_expires_at_async()).map(drop)
    }),
    ("forget", |client, _| client.forget().map(drop)),
    ("force_forget", |client, _| client.force_forget().map(drop)),
    ("identity", |client, _| client.identity().map(drop)),
    ("identity_of", |client, token| {
        client.identity_of(token).map(drop)
    }),
    ("events", |client, _| client.events().map(drop)),
    ("set_aside", |client, _| client.set_aside().map(drop)),
    ("has_refresh_token", |client, _| {
        client.has_refresh_token().map(drop)
    }),
    ("refresh_token_expires_at", |client, _| {
        client.refresh_token_expires_at().map(drop)
    }),
    ("login_warnings", |client, token| {
        client.login_warnings(token).map(drop)
    }),
];

const READS_ONLY: [&str; 7] = [
    "events",
    "events_async",
    "refresh_token_expires_at_async",
    "set_aside",
    "has_refresh_token",
    "refresh_token_expires_at",
    "login_warnings",
];

/// Runs a call that must return, and returns its result.
#[track_caller]
fn returned<T: Send + 'static>(name: &str, call: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(call()));
    match receiver.recv_timeout(AMPLE) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => panic!("{name} did not return"),
        Err(RecvTimeoutError::Disconnected) => panic!("{name} panicked"),
    }
}

fn call(bench: &Bench, (name, call): Call) -> Result<(), Error> {
    let (client, token) = (bench.client.clone(), bench.token.clone());
    returned(name, move || call(&client, &token))
}

#[test]
fn the_bound_is_as_documented() {
    for timeout_ms in ["1000", "30000"] {
        let settings = [
            ("grant", "client-credentials"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("timeout_ms", timeout_ms),
        ];
        let client = Client::builder(connection(settings)).build().unwrap();
        let timeout = Duration::from_millis(timeout_ms.parse().unwrap());
        assert_eq!(client.max_wait(), timeout * 5 + Duration::from_secs(60));
    }
}

#[test]
fn every_call_returns_if_the_store_hangs() {
    for each in CALLS {
        let bench = bench();
        bench.store.shut();
        let error = call(&bench, each).expect_err(each.0);
        assert_eq!(
            (error.kind(), error.verdict()),
            (ErrorKind::Busy, Verdict::Retry)
        );
        assert!(error.message().contains("did not finish within"), "{error}");
        bench.store.open();
    }
}

#[test]
fn every_call_returns_an_error_if_the_store_panics() {
    for each in CALLS {
        // Printing a backtrace takes a while.
        let bench = bench_within(AMPLE);
        bench.store.break_down();
        let error = call(&bench, each).expect_err(each.0);
        assert_eq!(error.kind(), ErrorKind::Internal, "{}: {error}", each.0);
        assert!(error.message().ends_with("panicked"), "{error}");
    }
}

#[test]
fn every_call_returns_if_the_server_hangs() {
    // Calls that only read don't wait for the server.
    for each in CALLS
        .into_iter()
        .filter(|(name, _)| !READS_ONLY.contains(name))
    {
        let bench = bench();
        bench.server.shut();
        let error = call(&bench, each).expect_err(each.0);
        assert!(error.message().contains("did not finish within"), "{error}");
        bench.server.open();
    }
}

#[test]
fn every_call_returns_if_another_process_never_releases_the_lease() {
    let needs_the_lease = [
        "token",
        "token_valid_for",
        "token_async",
        "token_valid_for_async",
        "refresh_now",
        "refresh_now_async",
        "complete_login",
        "complete_login_async",
        "forget",
        "forget_async",
        "force_forget",
        "force_forget_async",
    ];
    for each in CALLS
        .into_iter()
        .filter(|(name, _)| needs_the_lease.contains(name))
    {
        let bench = bench();
        let key = bench.client.connection().record_key();
        let hour = Duration::from_secs(3600);
        let lease = bench
            .below
            .lease(&key, &Owner::new("another"), hour)
            .unwrap();
        assert!(matches!(lease, Lease::Granted { .. }));
        let error = call(&bench, each).expect_err(each.0);
        assert_eq!(error.kind(), ErrorKind::Busy, "{}: {error}", each.0);
    }
}

#[test]
fn draining_returns_within_its_own_bound_whatever_hangs() {
    for hangs in ["store", "server"] {
        let bench = bench();
        match hangs {
            "store" => bench.store.shut(),
            _ => bench.server.shut(),
        }
        call(&bench, CALLS[3]).unwrap_err();
        let client = bench.client.clone();
        let error = returned("drain", move || client.drain(BOUND)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        bench.store.open();
        bench.server.open();
        // The work that hung continues, and draining waits for it.
        let client = bench.client.clone();
        let drained = returned("drain", move || client.drain(AMPLE));
        assert!(drained.is_ok(), "{hangs}: {drained:?}");
    }
}

#[test]
fn work_continues_after_its_caller_stopped_waiting() {
    let bench = bench();
    bench.server.shut();
    let forget = CALLS.into_iter().find(|(name, _)| *name == "forget");
    call(&bench, forget.unwrap()).unwrap_err();
    bench.server.open();
    let client = bench.client.clone();
    returned("drain", move || client.drain(AMPLE)).unwrap();
    assert!(
        bench.client.events().unwrap().is_empty(),
        "the record is deleted"
    );
}

#[test]
fn futures_of_one_refresh_each_have_the_whole_bound() {
    let bench = bench();
    bench.client.invalidate(&bench.token);
    bench.server.shut();
    let client = bench.client.clone();
    let (first, second) = returned("token_async", move || {
        // The second future starts when the first one's time is up, and has another waker.
        let first = block_on(client.token_async());
        let second = block_on(client.token_async());
        (first, second)
    });
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Busy);
    bench.server.open();
}

#[test]
fn a_file_store_whose_lock_is_never_released_fails_within_its_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("tokens");
    let open = || FileStore::open(&at).unwrap().with_timeout(BOUND);
    let (ours, theirs) = (Arc::new(open()), open());
    let client = Client::builder(client_credentials())
        .store(Arc::clone(&ours) as Arc<dyn Store>)
        .transport(Arc::new(Server(Arc::default())))
        .max_wait(BOUND)
        .build()
        .unwrap();
    let key = client.connection().record_key();
    let hour = Duration::from_secs(3600);
    theirs.lease(&key, &Owner::new("another"), hour).unwrap();
    let lease = returned("lease", move || ours.lease(&key, &Owner::new("we"), hour));
    assert!(matches!(lease.unwrap(), Lease::Busy { .. }));
    let error = returned("token", move || client.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
}
