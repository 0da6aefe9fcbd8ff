//! Clients: the calls of the package's class `Client`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use countersign_core::{Client, Error, Listener, Revocation, Secret, SystemRandom, TokenFuture};
use napi::bindgen_prelude::Either;
use napi_derive::napi;
use serde_json::json;

use crate::callback::Callback;
use crate::clock::NativeClock;
use crate::host::{Host, NativeEvent, NativeHost, Slot, lock, run, spawn};
use crate::login::restored;
use crate::options::{Callbacks, ClientFields, client};
use crate::outcome::{Failure, Outcome, TokenFields, Value};
use crate::registry::NativeRegistry;

/// A client, as the package's TypeScript sees it. Empty until it is built, and once it is freed.
#[napi]
pub struct NativeClient {
    host: Arc<Host>,
    id: u32,
    slot: Arc<Slot>,
    /// The calls for a token that wait, by number.
    waiting: RefCell<HashMap<u32, TokenFuture>>,
    waker: Waker,
}

/// Has Node's thread poll a client's calls.
struct Poller {
    host: Arc<Host>,
    client: u32,
}

impl Wake for Poller {
    fn wake(self: Arc<Self>) {
        self.host.post(NativeEvent::new("wake", self.client));
    }
}

/// Counts of events since a client was created.
#[napi(object)]
pub struct CountsFields {
    /// Cached tokens returned as objects.
    pub hits: f64,
    /// Tokens taken from the store.
    pub adopted: f64,
    /// Tokens requested by assertion, client credentials or login.
    pub minted: f64,
    /// Tokens requested with a refresh token.
    pub refreshed: f64,
    /// Callers that waited for a request that another caller had started.
    pub waits: f64,
    /// Requests, and attempts at one, that returned no token.
    pub failures: f64,
}

#[napi]
impl NativeClient {
    /// Creates an empty object for a client with this number.
    #[napi(constructor, catch_unwind)]
    pub fn new(host: &NativeHost, id: u32) -> Self {
        let host = Arc::clone(&host.host);
        let poller = Poller {
            host: Arc::clone(&host),
            client: id,
        };
        Self {
            host,
            id,
            slot: Arc::default(),
            waiting: RefCell::default(),
            waker: Arc::new(poller).into(),
        }
    }

    /// Builds the client.
    #[napi(catch_unwind)]
    pub fn build(
        &self,
        call: u32,
        mut options: ClientFields,
        registry: Option<&NativeRegistry>,
        clock: Option<&NativeClock>,
    ) {
        let callbacks = Callbacks::take(&self.host, &mut options);
        let host = Arc::clone(&self.host);
        let slot = Arc::clone(&self.slot);
        let id = self.id;
        let registry = registry.map(NativeRegistry::registry);
        let clock = clock.map(|clock| Arc::clone(&clock.clock));
        run(&self.host, call, move || {
            let registry = registry.map_or_else(countersign::registry, Ok)?;
            *lock(&slot) = Some(client(&options, callbacks, &registry, clock)?);
            host.add_client(id, &slot);
            Ok(Value::Nothing)
        });
    }

    /// Returns the cached access token if it is fresh.
    #[napi(catch_unwind)]
    pub fn peek_text(&self) -> Option<String> {
        let slot = lock(&self.slot);
        Some(slot.as_ref()?.fresh()?.expose().to_owned())
    }

    /// Returns the cached token if it is valid long enough, or `true` if it is still the last one.
    #[napi(catch_unwind)]
    pub fn peek(
        &self,
        min_valid_ms: f64,
        last: Option<String>,
    ) -> Option<Either<bool, TokenFields>> {
        let token = lock(&self.slot).as_ref()?.peek(duration(min_valid_ms))?;
        Some(match last.is_some_and(|last| last == token.expose()) {
            true => Either::A(true),
            false => Either::B((&token).into()),
        })
    }

    /// Asks for a token. Returns nothing if the call has to wait: then poll it when the client is
    /// woken.
    #[napi(catch_unwind)]
    pub fn token(&self, call: u32, min_valid_ms: f64, force: bool) -> Option<Outcome> {
        let future = match self.client() {
            Err(failure) => return Some(Err(failure).into()),
            Ok(client) if force => client.refresh_now_async(),
            Ok(client) => match duration(min_valid_ms) {
                None => client.token_async(),
                Some(min_valid) => client.token_valid_for_async(min_valid),
            },
        };
        self.waiting.borrow_mut().insert(call, future);
        self.poll(call)
    }

    /// Continues a call for a token.
    #[napi(catch_unwind)]
    pub fn poll(&self, call: u32) -> Option<Outcome> {
        let mut waiting = self.waiting.borrow_mut();
        let future = waiting.get_mut(&call)?;
        let mut context = Context::from_waker(&self.waker);
        let Poll::Ready(outcome) = Pin::new(future).poll(&mut context) else {
            return None;
        };
        waiting.remove(&call);
        Some(outcome.map(Value::Token).map_err(Failure::from).into())
    }

    /// Ends a call for a token that nobody waits for any more. Its request continues.
    #[napi(catch_unwind)]
    pub fn abandon(&self, call: u32) {
        self.waiting.borrow_mut().remove(&call);
    }

    /// Reports a token that an API rejected.
    #[napi(catch_unwind)]
    pub fn invalidate(&self, call: u32, access_token: String) {
        self.run(call, move |client| {
            client.invalidate_access_token(&Secret::new(access_token));
            Ok(Value::Nothing)
        });
    }

    /// Returns the URL of the consent page.
    #[napi(catch_unwind)]
    pub fn consent_url(&self, call: u32) {
        self.run(call, |client| {
            let connection = client.connection();
            let none = || {
                let message = format!("connection `{}` has no consent page", connection.name());
                Error::setting("redirect_uri", message).with_hint(
                    "set redirect_uri; without jwt-bearer grants, vendors ask for consent during login",
                )
            };
            let url = connection.consent_url().ok_or_else(none)?;
            Ok(Value::Text(url.as_str().to_owned()))
        });
    }

    /// Returns the user that the token is for, as JSON.
    #[napi(catch_unwind)]
    pub fn identity(&self, call: u32) {
        self.run(call, |client| {
            Ok(Value::Text(json!(client.identity()?).to_string()))
        });
    }

    /// Starts a login.
    #[napi(catch_unwind)]
    pub fn start_login(&self, call: u32, redirect_uri: Option<String>) {
        self.run(call, move |client| {
            let login = client.start_login(redirect_uri.as_deref())?;
            Ok(Value::Login(login))
        });
    }

    /// Completes a login.
    #[napi(catch_unwind)]
    pub fn complete_login(&self, call: u32, saved: String, callback: String) {
        self.run(call, move |client| {
            let login = restored(saved)?;
            Ok(Value::Token(client.complete_login(&login, &callback)?))
        });
    }

    /// Runs a complete login on this machine.
    #[napi(catch_unwind)]
    pub fn login(&self, call: u32, timeout_ms: f64, open: u32, port: Option<u16>) {
        let open = Callback::new(&self.host, open);
        self.run(call, move |client| {
            let missing = || Error::setting("redirect_uri", "`redirect_uri` is missing");
            let redirect_uri = client.connection().redirect_uri().ok_or_else(missing)?;
            let listener = Listener::bind(redirect_uri, port, &SystemRandom::new())?;
            let login = client.start_login(Some(listener.redirect_uri().as_str()))?;
            open.open(login.url().as_str())?;
            let timeout = Duration::from_millis(timeout_ms as u64);
            let token = listener.wait(&login, timeout, |query| {
                client.complete_login(&login, query)
            })?;
            Ok(Value::Token(token))
        });
    }

    /// Revokes and forgets the grant.
    #[napi(catch_unwind)]
    pub fn forget(&self, call: u32, force: bool) {
        self.run(call, move |client| {
            let revocation = match force {
                true => client.force_forget()?,
                false => client.forget()?,
            };
            Ok(match revocation {
                Revocation::Revoked => Value::Forgotten("revoked", None),
                Revocation::NotOffered => Value::Forgotten("not_offered", None),
                Revocation::NothingHeld => Value::Forgotten("nothing_held", None),
                Revocation::Failed(reason) => Value::Forgotten("failed", Some(reason)),
                _ => Value::Forgotten("failed", None),
            })
        });
    }

    /// Returns the history of the grant, as JSON.
    #[napi(catch_unwind)]
    pub fn events(&self, call: u32) {
        self.run(call, |client| {
            Ok(Value::Text(json!(client.events()?).to_string()))
        });
    }

    /// Returns when the refresh token expires, in seconds since 1970.
    #[napi(catch_unwind)]
    pub fn refresh_token_expires_at(&self, call: u32) {
        self.run(call, |client| {
            Ok(Value::Number(client.refresh_token_expires_at()?))
        });
    }

    /// Fails if the last token could not be stored.
    #[napi(catch_unwind)]
    pub fn check_saved(&self, call: u32) {
        self.run(call, |client| match client.unsaved() {
            Some(error) => Err(error.into()),
            None => Ok(Value::Nothing),
        });
    }

    /// Waits for requests in flight, and starts no new ones.
    #[napi(catch_unwind)]
    pub fn drain(&self, call: u32, timeout_ms: f64) {
        self.run(call, move |client| {
            client.drain(Duration::from_millis(timeout_ms as u64))?;
            Ok(Value::Nothing)
        });
    }

    /// Returns the counters.
    #[napi(catch_unwind)]
    pub fn counts(&self) -> Option<CountsFields> {
        let counts = lock(&self.slot).as_ref()?.counts();
        Some(CountsFields {
            hits: counts.hits as f64,
            adopted: counts.adopted as f64,
            minted: counts.minted as f64,
            refreshed: counts.refreshed as f64,
            waits: counts.waits as f64,
            failures: counts.failures as f64,
        })
    }

    /// Frees the client. That may wipe, write and disconnect, so it gets a thread.
    #[napi(catch_unwind)]
    pub fn free(&self, call: u32) {
        self.waiting.borrow_mut().clear();
        self.host.remove_client(self.id);
        let client = lock(&self.slot).take();
        run(&self.host, call, move || {
            drop(client);
            Ok(Value::Nothing)
        });
    }
}

impl NativeClient {
    fn client(&self) -> Result<Client, Failure> {
        let client = lock(&self.slot).clone();
        client.ok_or_else(|| Failure::usage("the client was closed", "create a new client"))
    }

    fn run(
        &self,
        call: u32,
        work: impl FnOnce(&Client) -> Result<Value, Failure> + Send + 'static,
    ) {
        let client = self.client();
        run(&self.host, call, move || work(&client?));
    }
}

impl Drop for NativeClient {
    fn drop(&mut self) {
        self.host.remove_client(self.id);
        // They share the client, whose end may wait for a store.
        self.waiting.get_mut().clear();
        if let Some(client) = lock(&self.slot).take() {
            // Without a thread, it is dropped here.
            let _ = spawn(move || drop(client));
        }
    }
}

/// Returns a minimum validity; `None` for the setting's.
fn duration(ms: f64) -> Option<Duration> {
    (ms > 0.0).then(|| Duration::from_millis(ms as u64))
}
