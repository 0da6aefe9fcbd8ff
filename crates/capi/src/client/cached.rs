//! Copies of the clients' cached tokens, which calls read without looking up the client.
//!
//! Each client slot has a place. It stays in memory when the client is freed, so reading a place is
//! always safe. The place says which client may read there, and the copy says whose it is, because
//! a thread may leave one late. So a read costs one look-up by arc-swap, that of the copy, instead
//! of two.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use countersign_core::{Cached, Token};

use crate::fork;
use crate::slots::{Chunks, index_of};

static PLACES: Chunks<Place> = Chunks::new();

#[derive(Default)]
struct Place {
    /// The number of the client that may read here. When that client is freed, closed or poisoned,
    /// it changes, and never changes back.
    client: AtomicUsize,
    token: ArcSwapOption<Copied>,
}

/// A copy of a client's cached token.
struct Copied {
    client: usize,
    born: u32,
    token: Cached,
}

/// Reads a client's cached token, if there is a fresh copy and the client is usable.
#[inline]
pub(super) fn read<R>(client: usize, read: impl FnOnce(&Token) -> R) -> Option<R> {
    let place = PLACES.get(index_of(client))?;
    if place.client.load(Ordering::SeqCst) != client {
        return None;
    }
    let copied = place.token.load();
    let copied = copied.as_ref()?;
    // It may belong to the slot's former or next client.
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
        if let Some(place) = self.place() {
            self.put_at(place, token, born);
        }
    }

    fn put_at(&self, place: &Place, token: Cached, born: u32) {
        let client = self.client;
        let copied = Arc::new(Copied {
            client,
            born,
            token,
        });
        place.token.store(Some(Arc::clone(&copied)));
        // `end` and `clear` empty the place last. If they did so before the copy arrived, the
        // checks see what they had changed first, and no copy stays behind.
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

    /// Ends the claim. Later calls look up the client, and report why it can't be used.
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

    /// Returns the place, while the claim lasts.
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
