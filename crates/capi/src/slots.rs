//! Numbered slots with a generation: the objects behind one type's handles.
//!
//! A handle is a number: which type it is of, which slot it names, and which of the objects that the
//! slot has held. A number that was freed, made up or is of another type finds nothing, because the
//! object itself knows its number and the two are compared.
//!
//! Looking up takes no lock and writes nothing that threads share. Nothing here waits for another
//! thread, so a child of fork() can go on with whatever the parent's other threads left half done.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwapOption, Guard};
// Unlike std's OnceLock it waits for nobody: after fork(), whoever was initializing it may be gone.
use once_cell::race::OnceBox;

/// Slots are found by their upper bits alone, so that a chunk never moves: each is twice the former.
const FIRST_CHUNK_BITS: u32 = 6;
const CHUNKS: usize = (INDEX_BITS - FIRST_CHUNK_BITS + 1) as usize;

// A number, from its upper end: kind, index, generation. On 64-bit machines the kind makes it no
// canonical address. A program that reads through a handle crashes (arm64 may ignore the upper byte,
// so not everywhere), and no garbage collector takes it for a pointer of its own.
const KIND_BITS: u32 = 8;
const INDEX_BITS: u32 = if usize::BITS == 64 { 24 } else { 14 };
const GENERATION_BITS: u32 = usize::BITS - KIND_BITS - INDEX_BITS;

/// The last index is not used, so that an index plus one fits as well.
const MAX_OBJECTS: usize = (1 << INDEX_BITS) - 1;
const MAX_GENERATION: u32 = ((1_u64 << GENERATION_BITS) - 1) as u32;

/// The objects of one type.
pub(crate) struct Table<T> {
    kind: u8,
    chunks: [OnceBox<Vec<Slot<T>>>; CHUNKS],
    /// How many slots have been in use, now or earlier.
    used: AtomicUsize,
    /// The slot that was vacated last, plus one, in the lower half. The upper half counts changes, so
    /// that a slot that left and came back is not mistaken for one that stayed.
    vacant: AtomicU64,
}

struct Slot<T> {
    object: ArcSwapOption<Entry<T>>,
    /// Of the object that it holds, or held last.
    generation: AtomicU32,
    /// The vacant slot after this one, plus one.
    next_vacant: AtomicU32,
}

/// An object in its slot.
pub(crate) struct Entry<T> {
    number: usize,
    /// Twice the number of owners, and one more while it is pinned.
    holders: AtomicUsize,
    pub(crate) body: T,
}

const OWNER: usize = 2;
const PIN: usize = 1;

/// An object that a number named; it stays alive until this is dropped.
pub(crate) struct Found<T>(Guard<Option<Arc<Entry<T>>>>);

/// There is no room for another object.
#[derive(Debug)]
pub(crate) struct Full;

impl<T> Table<T> {
    pub(crate) const fn new(kind: u8) -> Self {
        Self {
            kind,
            chunks: [const { OnceBox::new() }; CHUNKS],
            used: AtomicUsize::new(0),
            vacant: AtomicU64::new(0),
        }
    }

    /// Returns the object that the number names.
    #[inline]
    pub(crate) fn find(&self, number: usize) -> Option<Found<T>> {
        if number >> (usize::BITS - KIND_BITS) != usize::from(self.kind) {
            return None;
        }
        let index = (number >> GENERATION_BITS) & ((1 << INDEX_BITS) - 1);
        let object = self.slot(index)?.object.load();
        let entry = object.as_ref()?;
        let named = entry.number == number && entry.holders.load(Ordering::Relaxed) >= OWNER;
        named.then_some(Found(object))
    }

    /// Puts an object into a slot. It has one owner.
    pub(crate) fn insert(&self, body: T) -> Result<Arc<Entry<T>>, Full> {
        self.insert_held(body, OWNER)
    }

    /// Puts an object into a slot. It has one owner, and stays there without one until [`Table::unpin`].
    pub(crate) fn insert_pinned(&self, body: T) -> Result<Arc<Entry<T>>, Full> {
        self.insert_held(body, OWNER | PIN)
    }

    fn insert_held(&self, body: T, holders: usize) -> Result<Arc<Entry<T>>, Full> {
        let index = self
            .take_vacant()
            .or_else(|| self.take_unused())
            .ok_or(Full)?;
        let slot = self.slot_or_new(index);
        // This thread alone has the slot.
        let generation = slot.generation.load(Ordering::Relaxed) + 1;
        slot.generation.store(generation, Ordering::Relaxed);
        let kind = usize::from(self.kind) << (usize::BITS - KIND_BITS);
        let entry = Arc::new(Entry {
            number: kind | (index << GENERATION_BITS) | generation as usize,
            holders: AtomicUsize::new(holders),
            body,
        });
        slot.object.store(Some(Arc::clone(&entry)));
        Ok(entry)
    }

    /// Takes an owner away. Without any, the number names nothing and the object goes, once nobody
    /// looks at it any more.
    pub(crate) fn release(&self, entry: &Entry<T>) {
        let change = |holders: usize| holders.checked_sub(OWNER);
        if entry.change(change) == Some(0) {
            self.vacate(entry);
        }
    }

    /// Lets go of an object that was put there pinned. It goes when it has no owner.
    pub(crate) fn unpin(&self, entry: &Entry<T>) {
        if entry.change(|holders| Some(holders & !PIN)) == Some(0) {
            self.vacate(entry);
        }
    }

    /// Frees the slot of an object that nobody holds.
    fn vacate(&self, entry: &Entry<T>) {
        let index = (entry.number >> GENERATION_BITS) & ((1 << INDEX_BITS) - 1);
        let Some(slot) = self.slot(index) else {
            return;
        };
        let object = slot.object.swap(None);
        // A slot whose numbers are used up is given up: no number names two objects.
        if slot.generation.load(Ordering::Relaxed) < MAX_GENERATION {
            self.change_vacant(|first| {
                slot.next_vacant.store(first, Ordering::Relaxed);
                Some(index as u32 + 1)
            });
        }
        // Last: what goes may call the host.
        drop(object);
    }

    fn take_vacant(&self) -> Option<usize> {
        let taken = self.change_vacant(|first| {
            let slot = self.slot(first.checked_sub(1)? as usize)?;
            Some(slot.next_vacant.load(Ordering::Relaxed))
        });
        Some(taken?.checked_sub(1)? as usize)
    }

    /// Replaces the first vacant slot, and returns the former first.
    fn change_vacant(&self, change: impl Fn(u32) -> Option<u32>) -> Option<u32> {
        const HALF: u32 = u32::BITS;
        let former = self
            .vacant
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |vacant| {
                let first = change(vacant as u32)?;
                let changes = ((vacant >> HALF) as u32).wrapping_add(1);
                Some((u64::from(changes) << HALF) | u64::from(first))
            });
        former.ok().map(|former| former as u32)
    }

    fn take_unused(&self) -> Option<usize> {
        let next = |used: usize| (used < MAX_OBJECTS).then_some(used + 1);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .ok()
    }

    #[inline]
    fn slot(&self, index: usize) -> Option<&Slot<T>> {
        let (chunk, offset) = place(index);
        self.chunks[chunk].get()?.get(offset)
    }

    fn slot_or_new(&self, index: usize) -> &Slot<T> {
        let (chunk, offset) = place(index);
        let make = || {
            Box::new(
                (0..1 << (chunk as u32 + FIRST_CHUNK_BITS))
                    .map(|_| Slot::new())
                    .collect(),
            )
        };
        &self.chunks[chunk].get_or_init(make)[offset]
    }

    /// How many objects there are.
    #[cfg(any(test, feature = "test-hooks"))]
    pub(crate) fn len(&self) -> usize {
        let slots = self.chunks.iter().filter_map(OnceBox::get).flatten();
        slots.filter(|slot| slot.object.load().is_some()).count()
    }
}

/// The chunk of a slot, and where it is there.
#[inline]
fn place(index: usize) -> (usize, usize) {
    let position = index + (1 << FIRST_CHUNK_BITS);
    let bits = position.ilog2();
    ((bits - FIRST_CHUNK_BITS) as usize, position - (1 << bits))
}

impl<T> Slot<T> {
    fn new() -> Self {
        Self {
            object: ArcSwapOption::const_empty(),
            generation: AtomicU32::new(0),
            next_vacant: AtomicU32::new(0),
        }
    }
}

impl<T> Entry<T> {
    /// What names it.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Adds an owner, unless nobody holds it any more.
    pub(crate) fn share(&self) -> bool {
        self.change(|holders| (holders > 0).then_some(holders + OWNER))
            .is_some()
    }

    /// Returns what it was changed to, if it was.
    fn change(&self, change: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        let former = self
            .holders
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, &change);
        former.ok().and_then(change)
    }
}

impl<T> Found<T> {
    #[inline]
    pub(crate) fn entry(&self) -> &Entry<T> {
        match self.0.as_ref() {
            Some(entry) => entry,
            None => unreachable!("only made of an object"),
        }
    }
}

impl<T> Deref for Found<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.entry().body
    }
}

#[cfg(test)]
mod tests;
