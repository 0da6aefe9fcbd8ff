//! Copies of the clients' cached tokens, where a call reads one without looking up the client.
//!
//! Each client slot has a place, which stays in memory when the client goes: reading a place is always
//! safe. It says which client may be read there, and a copy says whose it is, because a thread may leave
//! one there late. So reading costs one look-up of arc-swap, that of the copy, and not another one for
//! the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use countersign::{Cached, Token};

use crate::fork;
use crate::slots::{Chunks, index_of};

static PLACES: Chunks<Place> = Chunks::new();

#[derive(Default)]
struct Place {
    /// The number of the client whose token may be read here. Once that was freed, closed or poisoned it is
    /// another number, and never this one again.
    client: AtomicUsize,
    token: ArcSwapOption<Copied>,
}

/// A copy of a client's cached token.
struct Copied {
    client: usize,
    born: u32,
    token: Cached,
}

/// Reads the cached token of a client, if there is a copy, it is fresh, and the client can be used.
#[inline]
pub(super) fn read<R>(client: usize, read: impl FnOnce(&Token) -> R) -> Option<R> {
    let place = PLACES.get(index_of(client))?;
    if place.client.load(Ordering::SeqCst) != client {
        return None;
    }
    let copied = place.token.load();
    let copied = copied.as_ref()?;
    // It may be the token of a client that had the slot before, or has it now.
    if copied.client != client || copied.born != fork::now() {
        return None;
    }
    copied.token.fresh().map(read)
}

/// A client's right to its place.
pub(super) struct Claim {
    client: usize,
}

impl Claim {
    pub(super) fn new(client: usize) -> Self {
        let place = PLACES.get_or_make(index_of(client));
        place.client.store(client, Ordering::SeqCst);
        Self { client }
    }

    /// Puts a copy of the client's cached token there.
    #[cold]
    pub(super) fn put(&self, token: Cached, born: u32) {
        let Some(place) = self.place() else {
            return;
        };
        let client = self.client;
        let copied = Arc::new(Copied {
            client,
            born,
            token,
        });
        place.token.store(Some(Arc::clone(&copied)));
        // `end` and `clear` empty the place last. If they did so before the copy arrived, the checks
        // see what they had changed first, and no copy stays behind.
        let has_ended = place.client.load(Ordering::SeqCst) != client;
        if has_ended || copied.token.fresh().is_none() {
            place.token.store(None);
        }
    }

    /// Drops the copy, so that the token can be wiped. There may be another copy later.
    pub(super) fn clear(&self) {
        if let Some(place) = self.place() {
            place.token.store(None);
        }
    }

    /// Ends the claim: later calls look up the client, and find out why it cannot be used.
    pub(super) fn end(&self) {
        let Some(place) = PLACES.get(index_of(self.client)) else {
            return;
        };
        let order = Ordering::SeqCst;
        let ended = place.client.compare_exchange(self.client, 0, order, order);
        if ended.is_ok() {
            place.token.store(None);
        }
    }

    /// The place, while the claim lasts.
    fn place(&self) -> Option<&'static Place> {
        let place = PLACES.get(index_of(self.client))?;
        (place.client.load(Ordering::SeqCst) == self.client).then_some(place)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests;
