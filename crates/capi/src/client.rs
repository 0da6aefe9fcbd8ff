//! A client: gets one connection's token and keeps it valid.

mod cached;
mod drain;
mod forget;
mod history;
mod login;
mod make;
mod options;
mod start;

use std::ffi::c_char;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_core::{Error, Revocation, Secret, Source, Token};

use self::cached::Claim;
pub use self::drain::*;
pub use self::forget::*;
pub use self::history::*;
pub use self::login::*;
pub use self::options::*;
pub use self::start::*;
use crate::boundary::{buffer, call, object, out, run, run_inline, text};
use crate::callback::{is_calling_done, is_calling_out};
use crate::error::Failure;
use crate::handle::{Reused, find, free, handle, new, new_with};
use crate::slots::Full;
use crate::text::Owned;
use crate::token::Shown;
use crate::{
    csign_config, csign_error, csign_registry, csign_status, csign_text, csign_token, fork,
};

/// A connection's client: returns its token and keeps it valid.
///
/// Any number of threads may use it at once. At most one token request per connection is in
/// progress at a time. Calls block until there is a token or an error, for at most five times the
/// setting timeout_ms plus 60 s, even if the store, the server or a callback hangs.
pub struct csign_client {
    _opaque: [u8; 0],
}

pub(crate) struct Client {
    inner: countersign_core::Client,
    /// The cached token's handle.
    shown: Reused<csign_token>,
    /// The place of the cached token's copy. `None` if reading it must look at the host's clock.
    claim: Option<Claim>,
    closed: AtomicBool,
    poisoned: AtomicBool,
    /// Whether the clock is the host's, and so a callback.
    clock_is_hosts: bool,
    id: u64,
    born: u32,
}

handle!(csign_client, Client, "client", Client);

/// Copies the cached token into a buffer, if it can be read without looking up the client.
macro_rules! copy_cached {
    ($client:ident, $buffer:ident, $capacity:ident, $length:ident) => {
        cached::read($client.addr(), |token| {
            buffer!($buffer, $capacity, $length)?.fill_text(token.expose())
        })
    };
}

/// What happened to a token at the vendor when its connection was forgotten.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_revocation {
    /// The vendor revoked it.
    REVOKED = 1,
    /// The vendor can't revoke such tokens: only the copy here is gone.
    NOT_OFFERED = 2,
    /// There was nothing to revoke.
    NOTHING_HELD = 3,
    /// The vendor did not revoke it. It is kept for another attempt, or was forgotten by force.
    FAILED = 4,
}

impl From<&Revocation> for csign_revocation {
    fn from(revocation: &Revocation) -> Self {
        match revocation {
            Revocation::Revoked => Self::REVOKED,
            Revocation::NotOffered => Self::NOT_OFFERED,
            Revocation::NothingHeld => Self::NOTHING_HELD,
            _ => Self::FAILED,
        }
    }
}

/// Creates a client. Copies the config, which may be freed or reused. Sends nothing yet.
///
///     csign_client *client = NULL;
///     csign_token *token = NULL;
///     if (csign_client_new(config, NULL, &client, &error) == CSIGN_STATUS_OK
///         && csign_client_token(client, 0, &token, &error) == CSIGN_STATUS_OK)
///         send(csign_token_authorization(token, NULL));
///     csign_token_free(token);
///     csign_client_free(client);
///
/// @param registry    the providers; NULL for the built-in ones.
/// @param out_client  receives the client; free it with csign_client_free.
/// @param error       receives the error object on failure; may be NULL.
///
/// Errors: CSIGN_STATUS_SETTING and CSIGN_STATUS_KEY, naming the setting and how to fix it;
/// CSIGN_STATUS_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_new(
    config: *const csign_config,
    registry: *const csign_registry,
    out_client: *mut *mut csign_client,
    error: *mut *mut csign_error,
) -> csign_status {
    call!(error, || {
        let out = out!(out_client)?;
        let config = object(config)?.settled();
        let registry = match registry.is_null() {
            true => countersign::registry()?,
            false => object(registry)?.registry(),
        };
        let id = make::next_id();
        let inner = make::client(&config, &registry, id)?;
        let clock_is_hosts = config.clock.is_some();
        out.put(new_with(|number| Client {
            inner,
            shown: Reused::new(),
            claim: (!clock_is_hosts).then(|| Claim::new(number)),
            closed: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            clock_is_hosts,
            id,
            born: fork::generation(),
        })?);
        Ok(())
    })
}

/// Returns a token: the cached one, the stored one, or a new one from a request that all callers
/// share.
///
/// The token is valid for at least `min_valid_ms`, if the vendor's tokens live that long.
///
/// @param min_valid_ms  how long it must still be valid, in milliseconds; 0 for the setting
///                      min_valid_s.
/// @param out_token     receives the token; free it with csign_token_free.
/// @param error         receives the error object on failure; may be NULL. Its verdict says what to
///                      do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_token(
    client: *const csign_client,
    min_valid_ms: u64,
    out_token: *mut *mut csign_token,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_token);
    with!(client, error, |client: &Client| {
        let out = out?;
        let token = client.token(min_valid_ms)?;
        out.put(client.show(token)?);
        Ok(())
    })
}

/// Like csign_client_token, but never waits: for threads that must not block, such as an event
/// loop's.
///
/// If no such token is cached, it succeeds with NULL: then call csign_client_token on another
/// thread.
///
/// While the cached token is unchanged, this function and csign_client_token normally return the
/// same handle with one more owner. A caller that kept the handle needn't read the token again.
///
/// @param min_valid_ms  how long it must still be valid, in milliseconds; 0 for the setting
///                      min_valid_s.
/// @param out_token     receives the token, or NULL; free it with csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_peek(
    client: *const csign_client,
    min_valid_ms: u64,
    out_token: *mut *mut csign_token,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_token);
    with!(client, error, |client: &Client| {
        let out = out?;
        if let Some(token) = client.peek(min_valid_ms)? {
            out.put(client.show(token)?);
        }
        Ok(())
    })
}

/// Like csign_client_token, but copies the bare access token into a buffer. There is nothing to
/// free.
///
/// The caller wipes the buffer.
///
/// @param buffer    receives the token, followed by a NUL if there is room for it.
/// @param capacity  the buffer's size in bytes.
/// @param length    receives the token's length, without the NUL; also with
///                  CSIGN_STATUS_BUFFER_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_copy_token(
    client: *const csign_client,
    min_valid_ms: u64,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut *mut csign_error,
) -> csign_status {
    let cached = || match min_valid_ms {
        0 => copy_cached!(client, buffer, capacity, length),
        _ => None,
    };
    with!(client, error, cached, |client: &Client| {
        let buffer = buffer!(buffer, capacity, length)?;
        if min_valid_ms == 0
            && let Some(fresh) = client.fresh()?
        {
            return buffer.fill_text(fresh.expose());
        }
        let token = client.token(min_valid_ms)?;
        buffer.fill_text(token.expose())
    })
}

/// Like csign_client_copy_token, but never waits: for threads that must not block.
///
/// If no valid token is cached, it succeeds with a length of 0: then call csign_client_token on
/// another thread.
///
/// @param length  receives the token's length; 0 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_peek_token(
    client: *const csign_client,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut *mut csign_error,
) -> csign_status {
    let cached = || copy_cached!(client, buffer, capacity, length);
    with!(client, error, cached, |client: &Client| {
        let buffer = buffer!(buffer, capacity, length)?;
        match client.fresh()? {
            Some(fresh) => buffer.fill_text(fresh.expose())?,
            None => buffer.leave_empty(),
        }
        Ok(())
    })
}

/// Requests a new token, even if the cached one is valid.
///
/// If the request fails and the old token is still valid, returns the old token.
///
/// @param out_token  receives the token; free it with csign_token_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_refresh(
    client: *const csign_client,
    out_token: *mut *mut csign_token,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_token);
    with!(client, error, |client: &Client| {
        let out = out?;
        client.may_wait()?;
        let token = client.inner.refresh_now()?;
        out.put(client.show(token)?);
        Ok(())
    })
}

/// Reports that an API rejected this access token (401). The next call gets a new one.
///
/// Reporting a token that has since been replaced doesn't affect the newer one.
///
/// There is one exception, so that an API that rejects every token doesn't cost a token request per
/// API call: a token that itself replaced a rejected one is kept for its first minute. Until then
/// callers get that same token again, and csign_client_events lists a "rejected_again" event.
/// csign_client_refresh always requests a new one.
///
/// @param access_token  the bare token that was rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_invalidate(
    client: *const csign_client,
    access_token: *const c_char,
    access_token_length: usize,
    error: *mut *mut csign_error,
) -> csign_status {
    with!(client, error, |client: &Client| {
        let rejected = text!(access_token, access_token_length)?;
        client.may_call()?;
        client.inner.invalidate_access_token(&Secret::new(rejected));
        client.drop_token();
        Ok(())
    })
}

/// Returns the URL where a user allows the app to act for them, before the first jwt-bearer grant.
///
/// @param out_url  receives the URL; free it with csign_text_free.
///
/// Errors: CSIGN_STATUS_SETTING if the vendor has no such page or redirect_uri is not set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_consent_url(
    client: *const csign_client,
    out_url: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_url);
    with!(client, error, |client: &Client| {
        let out = out?;
        client.may_call()?;
        let connection = client.inner.connection();
        let none = || {
            let message = format!("connection `{}` has no consent page", connection.name());
            Error::setting("redirect_uri", message).with_hint(
                "set redirect_uri; without jwt-bearer grants, vendors ask for consent during login",
            )
        };
        let url = connection.consent_url().ok_or_else(none)?;
        out.put(Owned::into_handle(url.as_str())?);
        Ok(())
    })
}

/// Returns who the token stands for and where its API is, as a JSON object of strings.
///
/// It contains what came with the token and the vendor's userinfo, which is requested once and
/// cached. csign_text_field returns a single member.
///
///     if (csign_client_identity(client, &identity, &error) == CSIGN_STATUS_OK)
///         connect_to(csign_text_field(identity, CSIGN_TEXT("base_uri"), NULL));
///
/// @param out_json  receives the text; free it with csign_text_free.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_identity(
    client: *const csign_client,
    out_json: *mut *mut csign_text,
    error: *mut *mut csign_error,
) -> csign_status {
    let out = out!(out_json);
    with!(client, error, |client: &Client| {
        let out = out?;
        client.may_wait()?;
        let identity = client.inner.identity()?;
        out.put(Owned::object_into_handle(&identity)?);
        Ok(())
    })
}

/// Closes a client while other threads may be using it.
///
/// Calls in progress end as they would have; later ones return CSIGN_STATUS_CLOSED. The client must
/// still be freed. To wait for requests in flight, call csign_client_drain.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_close(client: *const csign_client) {
    if let Some(client) = find(client) {
        client.closed.store(true, Ordering::Release);
        client.end_claim();
    }
}

/// Wipes and frees a client. NULL is allowed.
///
/// Calls in progress on other threads end as they would have; later ones return
/// CSIGN_STATUS_BAD_HANDLE. Its tokens stay valid. A request in flight continues unless the process
/// exits: csign_client_drain waits for it. Does nothing in a child of fork if the parent created
/// the client, and nothing in a callback of the client itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn csign_client_free(client: *mut csign_client) {
    let Some(known) = find(client.cast_const()) else {
        return;
    };
    // In a child of fork, threads that don't exist may hold its locks. In a callback of its own, it
    // is in use.
    if known.born == fork::now() && !is_calling_out(known.id) {
        known.end_claim();
        drop(known);
        free(client);
    }
}

/// Runs the body of a call on a client, if the client is usable. Poisons a client whose call
/// panics.
///
/// # Safety
///
/// `error` is NULL or valid for writes.
pub(crate) unsafe fn run_on(
    client: *const csign_client,
    error: *mut *mut csign_error,
    body: Body<'_>,
) -> csign_status {
    // SAFETY: the caller makes the same promise.
    let status = unsafe { run(error, &mut || call_on(client, body)) };
    poison_after(client, status)
}

/// Like [`run_on`], but tries `first` before it looks up the client.
///
/// # Safety
///
/// See [`run_on`].
#[inline]
unsafe fn run_first_or_on(
    client: *const csign_client,
    error: *mut *mut csign_error,
    first: impl FnOnce() -> Option<Result<(), Failure>>,
    body: Body<'_>,
) -> csign_status {
    let body = || match first() {
        Some(done) => done,
        None => call_on(client, body),
    };
    // SAFETY: the caller makes the same promise.
    let status = unsafe { run_inline(error, body) };
    poison_after(client, status)
}

/// The body of a call on a client. Runs once.
type Body<'a> = &'a mut dyn FnMut(&Client) -> Result<(), Failure>;

#[inline(never)]
fn call_on(client: *const csign_client, body: Body<'_>) -> Result<(), Failure> {
    let found = object(client)?;
    // Dereferenced once, because each dereference checks the type.
    let client: &Client = &found;
    client.check()?;
    body(client)
}

#[inline]
fn poison_after(client: *const csign_client, status: csign_status) -> csign_status {
    if status == csign_status::PANIC
        && let Some(client) = find(client)
    {
        client.poison();
    }
    status
}

/// Converts a closure that runs once to one that [`run_on`] takes.
pub(crate) fn once_on(
    body: impl FnOnce(&Client) -> Result<(), Failure>,
) -> impl FnMut(&Client) -> Result<(), Failure> {
    let mut body = Some(body);
    move |client| body.take().map_or(Ok(()), |body| body(client))
}

/// Runs the body of an exported function on a client; see [`run_on`].
macro_rules! with {
    ($client:ident, $error:ident, $body:expr) => {{
        let mut body = $crate::client::once_on($body);
        // SAFETY: by the header, `error` is NULL or valid for writes.
        unsafe { $crate::client::run_on($client, $error, &mut body) }
    }};
    ($client:ident, $error:ident, $first:expr, $body:expr) => {{
        let (first, mut body) = ($first, once_on($body));
        // SAFETY: by the header, `error` is NULL or valid for writes.
        unsafe { run_first_or_on($client, $error, first, &mut body) }
    }};
}
pub(crate) use with;

impl Client {
    #[inline]
    fn check(&self) -> Result<(), Failure> {
        let sound = !self.closed.load(Ordering::Acquire)
            && !self.poisoned.load(Ordering::Acquire)
            && self.born == fork::now();
        match sound {
            true => Ok(()),
            false => Err(self.unusable()),
        }
    }

    #[cold]
    fn unusable(&self) -> Failure {
        if self.born != fork::now() {
            let message = "the client was created before this process was forked";
            return Failure::misuse(csign_status::FORKED, message)
                .hint("create the client in the child, after fork");
        }
        if self.poisoned.load(Ordering::Acquire) {
            let message = "an earlier call on this client panicked";
            return Failure::bug(csign_status::POISONED, message)
                .hint("create a new client, and report the panic as a bug");
        }
        Failure::misuse(csign_status::CLOSED, "the client was closed")
            .hint("create a new client, or close this one later")
    }

    fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
        self.end_claim();
    }

    /// Fails on a thread that runs a callback of this client.
    fn may_call(&self) -> Result<(), Failure> {
        if !is_calling_out(self.id) {
            return Ok(());
        }
        let message = "a callback called the client that is calling it";
        Err(Failure::misuse(csign_status::REENTERED, message)
            .hint("pass the work to another thread, and return from the callback"))
    }

    /// Like [`Client::may_call`], and fails if the callback gets a result of this client.
    fn may_wait(&self) -> Result<(), Failure> {
        self.may_call()?;
        if !is_calling_done(self.id) {
            return Ok(());
        }
        let message = "a csign_done_fn called a function of the same client that waits";
        Err(Failure::misuse(csign_status::REENTERED, message)
            .hint("start the call instead, or pass the work to another thread"))
    }

    fn fresh(&self) -> Result<Option<countersign_core::Fresh<'_>>, Failure> {
        if self.clock_is_hosts {
            self.may_call()?;
        }
        let fresh = self.inner.fresh();
        if fresh.is_some()
            && let Some(claim) = &self.claim
            && let Some(token) = self.inner.cached()
        {
            claim.put(token, self.born);
        }
        Ok(fresh)
    }

    /// Drops the cached token's handle and copy, so that it can be wiped.
    fn drop_token(&self) {
        self.shown.clear();
        if let Some(claim) = &self.claim {
            claim.clear();
        }
    }

    fn end_claim(&self) {
        if let Some(claim) = &self.claim {
            claim.end();
        }
    }

    fn peek(&self, min_valid_ms: u64) -> Result<Option<Token>, Failure> {
        if self.clock_is_hosts {
            self.may_call()?;
        }
        let least = (min_valid_ms > 0).then(|| Duration::from_millis(min_valid_ms));
        Ok(self.inner.peek(least))
    }

    fn token(&self, min_valid_ms: u64) -> Result<Token, Failure> {
        self.may_wait()?;
        Ok(match min_valid_ms {
            0 => self.inner.token()?,
            ms => self.inner.token_valid_for(Duration::from_millis(ms))?,
        })
    }

    /// Returns a handle for the token. All callers who get the cached token share one.
    fn show(&self, token: Token) -> Result<*mut csign_token, Full> {
        if token.source() != Source::Cache {
            return new(Shown::new(token));
        }
        let is_shown = |shown: &Shown| shown.shows(&token);
        self.shown.give(is_shown, || Shown::new(token.clone()))
    }
}
