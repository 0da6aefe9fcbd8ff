//! A list that grows while others read it, and whose items never move.

// Unlike std's OnceLock, it never waits: after fork(), the thread that initializes it may not exist.
use once_cell::race::OnceBox;

use super::INDEX_BITS;

/// Each chunk is twice as long as the one before. The first has 64 items.
const FIRST_CHUNK_BITS: u32 = 6;
const CHUNKS: usize = (INDEX_BITS - FIRST_CHUNK_BITS + 1) as usize;

pub(crate) struct Chunks<T>([OnceBox<Vec<T>>; CHUNKS]);

impl<T: Default> Chunks<T> {
    pub(crate) const fn new() -> Self {
        Self([const { OnceBox::new() }; CHUNKS])
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (chunk, offset) = place(index);
        self.0.get(chunk)?.get()?.get(offset)
    }

    /// Returns the item, and creates its chunk if there is none yet.
    pub(crate) fn get_or_make(&self, index: usize) -> &T {
        let (chunk, offset) = place(index);
        let length = 1 << (chunk as u32 + FIRST_CHUNK_BITS);
        let make = || Box::new((0..length).map(|_| T::default()).collect());
        &self.0[chunk].get_or_init(make)[offset]
    }

    #[cfg(any(test, feature = "test-hooks"))]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(OnceBox::get).flatten()
    }
}

/// Returns an item's chunk, and its offset there.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let position = index + (1 << FIRST_CHUNK_BITS);
    let bits = position.ilog2();
    ((bits - FIRST_CHUNK_BITS) as usize, position - (1 << bits))
}
