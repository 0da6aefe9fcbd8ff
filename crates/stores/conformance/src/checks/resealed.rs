//! A record that is resealed under another key while another process refreshes it.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use countersign_core::failpoint::{Failpoints, Point};
use countersign_core::{
    Client, Connection, Error, ErrorKind, KeyRing, Lease, Profile, Request, Response, SealedStore,
    SendError, Settings, Store, StoreKey, Transport, store,
};

use crate::{Backend, Intercepted, fresh_key};

const OLD: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=";
const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU=";

/// The refresh loses no token, whichever keys its process has and at whichever point it is.
pub(super) fn while_refreshed(backend: &Backend) {
    for store_key in [
        OLD.to_owned(),
        format!("{OLD} {NEW}"),
        format!("{NEW} {OLD}"),
    ] {
        for point in Point::ALL {
            if !matches!(point, Point::BeforeFallback | Point::InFallback) {
                resealed_at(*point, &store_key, backend);
            }
        }
    }
}

fn resealed_at(point: Point, store_key: &str, backend: &Backend) {
    let case = format!("at {point:?}, with {store_key}");
    // Each case has its own connection.
    let client_id = fresh_key().to_hex();
    let connection = |store_key| connection(&client_id, store_key);
    let before = client(&connection(OLD), backend, None);
    before.token().unwrap();
    let connection = connection(store_key);
    let key = connection.record_key();
    let meddler = Meddler::new(point, backend.open(), key);
    let refreshing = client(&connection, backend, Some(meddler.clone()));
    // The refresh spends the first refresh token, and the caller gets the new access token.
    let token = refreshing.refresh_now();
    assert_eq!(token.expect(&case).expose(), "access-2", "{case}");
    let resealed = meddler
        .join()
        .unwrap_or_else(|| panic!("{case}: not reached"));
    let by_the_refresh = store_key.starts_with(NEW);
    assert_eq!(resealed.expect(&case), !by_the_refresh, "{case}");

    // A process with the next settings reads the newest refresh token.
    let both = sealed(backend.open(), &format!("{NEW} {OLD}"));
    let newest = both.load(&key).expect(&case).unwrap().value.unwrap();
    let newest = String::from_utf8_lossy(&newest).into_owned();
    assert!(newest.contains("\"refresh-2\""), "{case}: {newest}");
    if store_key != OLD {
        let token = refreshing.refresh_now();
        assert_eq!(token.expect(&case).expose(), "access-3", "{case}");
        return;
    }
    // A process without the new key uses its token until it expires. New processes fail.
    assert_eq!(refreshing.refresh_now().expect(&case).expose(), "access-2");
    let error = client(&connection, backend, None).token().unwrap_err();
    assert_eq!(error.setting_name(), Some("store_key"), "{case}: {error}");
    let kept = sealed(backend.open(), NEW).load(&key).expect(&case);
    let kept = kept.unwrap().value.unwrap();
    assert_eq!(String::from_utf8_lossy(&kept), newest, "{case}");
}

/// Reseals the record, as another process, once a refresh has reached a point. The refresh continues
/// when that has finished, or found the lease busy.
struct Meddler {
    at: Point,
    key: StoreKey,
    store: Mutex<Option<Arc<dyn Store>>>,
    running: Mutex<Option<JoinHandle<Result<bool, store::Error>>>>,
}

impl Meddler {
    fn new(at: Point, store: Arc<dyn Store>, key: StoreKey) -> Arc<Self> {
        Arc::new(Self {
            at,
            key,
            store: Mutex::new(Some(store)),
            running: Mutex::default(),
        })
    }

    fn join(&self) -> Option<Result<bool, store::Error>> {
        let running = self.running.lock().unwrap().take()?;
        Some(running.join().unwrap())
    }
}

impl Failpoints for Meddler {
    fn at(&self, point: Point) -> Result<(), Error> {
        let store = match point == self.at {
            true => self.store.lock().unwrap().take(),
            false => None,
        };
        let Some(store) = store else { return Ok(()) };
        let key = self.key;
        let (resume, resumed) = channel();
        let running = thread::spawn(move || {
            let busy: Sender<()> = resume.clone();
            let store = Intercepted::new(store).on_lease(move |lease| {
                if matches!(lease, Lease::Busy { .. }) {
                    let _ = busy.send(());
                }
            });
            let resealed = sealed(Arc::new(store), &format!("{NEW} {OLD}")).reseal(&key);
            let _ = resume.send(());
            resealed
        });
        *self.running.lock().unwrap() = Some(running);
        resumed.recv().map_err(|_| {
            let message = "resealing panicked";
            Error::new(ErrorKind::Internal, message)
        })
    }
}

/// Responds to the n-th refresh token with the next one.
#[derive(Debug)]
struct Vendor;

impl Transport for Vendor {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let form = request
            .body()
            .map(|body| body.to_string())
            .unwrap_or_default();
        let spent = form.split("refresh-").last().unwrap_or_default();
        let spent: u32 = spent.split('&').next().unwrap_or_default().parse().unwrap();
        let next = spent + 1;
        let body = format!(
            r#"{{"access_token":"access-{next}","token_type":"Bearer","expires_in":600,"refresh_token":"refresh-{next}"}}"#
        );
        Ok(Response::new(200, [], body))
    }
}

fn client(connection: &Connection, backend: &Backend, meddler: Option<Arc<Meddler>>) -> Client {
    let client = Client::builder(connection.clone())
        .transport(Arc::new(Vendor))
        .store(backend.open());
    match meddler {
        Some(meddler) => client.failpoints(meddler),
        None => client,
    }
    .build()
    .unwrap()
}

fn connection(client_id: &str, store_key: &str) -> Connection {
    let profile = Profile::from_toml(
        r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        environments.production.base_url = "https://login.acme.example"
        endpoints.token = "{base_url}/token"
        grants.refresh-token.client_auth = ["none"]
        refresh.rotation = "always"
        "#,
    );
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("grant", "refresh-token"),
        ("client_id", client_id),
        ("refresh_token", "refresh-0"),
        ("store_key", store_key),
    ]);
    let provider = countersign_core::from_profile(profile.unwrap());
    Connection::new("resealed", &settings.unwrap(), provider).unwrap()
}

fn sealed(below: Arc<dyn Store>, keys: &str) -> SealedStore {
    let ring = KeyRing::parse(keys).unwrap();
    SealedStore::new(below, ring)
}
