//! Numbered slots with generations: the objects behind the handles of one type.
//!
//! A handle is a number: its type, a slot, and which of the slot's objects it names. Each object
//! stores its own number, and a look-up compares the two. So a number that was freed, made up or
//! belongs to another type finds nothing.
//!
//! Looking up takes no lock and writes nothing that threads share. Nothing here waits for another
//! thread, so a child of fork() can continue whatever state the parent's other threads left.

mod chunks;

use std::any::Any;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use arc_swap::{ArcSwapOption, Guard};

pub(crate) use self::chunks::Chunks;

// A number, from its upper end: kind, index, generation. On 64-bit machines the kind makes it no
// canonical address. A program that reads through a handle crashes (arm64 may ignore the upper byte,
// so not everywhere), and no garbage collector takes it for a pointer of its own.
const KIND_BITS: u32 = 8;
const INDEX_BITS: u32 = if usize::BITS == 64 { 24 } else { 14 };
const GENERATION_BITS: u32 = usize::BITS - KIND_BITS - INDEX_BITS;

/// The last index is not used, so that an index plus one fits as well.
const MAX_OBJECTS: usize = (1 << INDEX_BITS) - 1;
const MAX_GENERATION: u32 = ((1_u64 << GENERATION_BITS) - 1) as u32;

/// Returns the slot that a number names.
#[inline]
pub(crate) fn index_of(number: usize) -> usize {
    (number >> GENERATION_BITS) & ((1 << INDEX_BITS) - 1)
}

/// The objects of one type.
pub(crate) struct Table<T> {
    slots: Slots,
    of: PhantomData<fn() -> T>,
}

/// The untyped part of a table, so that the library contains its code once.
struct Slots {
    kind: u8,
    slots: Chunks<Slot>,
    /// How many slots were ever used.
    used: AtomicUsize,
    /// The lower half is the first vacant slot plus one. The upper half counts changes, so that a
    /// slot that left and came back isn't mistaken for one that stayed.
    vacant: AtomicU64,
}

#[derive(Default)]
struct Slot {
    object: ArcSwapOption<Entry>,
    /// The generation of its object, or of the last one it had.
    generation: AtomicU32,
    /// The next vacant slot plus one.
    next_vacant: AtomicU32,
}

/// An object in its slot.
pub(crate) struct Entry {
    number: usize,
    /// Twice the number of owners, plus one while it is pinned.
    holders: AtomicUsize,
    body: Box<dyn Any + Send + Sync>,
}

const OWNER: usize = 2;
const PIN: usize = 1;

/// An object that a look-up found. It stays alive until this is dropped.
pub(crate) struct Found<T> {
    object: Guard<Option<Arc<Entry>>>,
    of: PhantomData<fn() -> T>,
}

/// The table has no room for another object.
#[derive(Debug)]
pub(crate) struct Full;

impl<T: Send + Sync + 'static> Table<T> {
    pub(crate) const fn new(kind: u8) -> Self {
        Self {
            slots: Slots {
                kind,
                slots: Chunks::new(),
                used: AtomicUsize::new(0),
                vacant: AtomicU64::new(0),
            },
            of: PhantomData,
        }
    }

    /// Returns the object that a number names.
    #[inline]
    pub(crate) fn find(&self, number: usize) -> Option<Found<T>> {
        let object = self.slots.find(number)?;
        Some(Found {
            object,
            of: PhantomData,
        })
    }

    /// Puts an object with one owner into a slot.
    pub(crate) fn insert(&self, body: T) -> Result<Arc<Entry>, Full> {
        self.insert_with(|_| body)
    }

    /// Like [`Table::insert`], for an object that stores its own number.
    pub(crate) fn insert_with(&self, make: impl FnOnce(usize) -> T) -> Result<Arc<Entry>, Full> {
        let number = self.slots.take()?;
        Ok(self.slots.put(number, Box::new(make(number)), OWNER))
    }

    /// Puts an object with one owner into a slot. It stays there without owners until
    /// [`Table::unpin`].
    pub(crate) fn insert_pinned(&self, body: T) -> Result<Arc<Entry>, Full> {
        let number = self.slots.take()?;
        Ok(self.slots.put(number, Box::new(body), OWNER | PIN))
    }

    /// Removes an owner. Without owners, the number names nothing, and the object is dropped once
    /// nobody uses it any more.
    pub(crate) fn release(&self, entry: &Entry) {
        let change = |holders: usize| holders.checked_sub(OWNER);
        if entry.change(change) == Some(0) {
            self.slots.vacate(entry);
        }
    }

    /// Unpins an object, which frees its slot if it has no owner.
    pub(crate) fn unpin(&self, entry: &Entry) {
        if entry.change(|holders| Some(holders & !PIN)) == Some(0) {
            self.slots.vacate(entry);
        }
    }

    /// Returns the number of objects.
    #[cfg(any(test, feature = "test-hooks"))]
    pub(crate) fn len(&self) -> usize {
        let all = self.slots.slots.iter();
        all.filter(|slot| slot.object.load().is_some()).count()
    }
}

impl Slots {
    // Not inlined: a copy in every exported function adds up.
    #[inline(never)]
    fn find(&self, number: usize) -> Option<Guard<Option<Arc<Entry>>>> {
        if number >> (usize::BITS - KIND_BITS) != usize::from(self.kind) {
            return None;
        }
        let object = self.slots.get(index_of(number))?.object.load();
        let entry = object.as_ref()?;
        let named = entry.number == number && entry.holders.load(Ordering::Relaxed) >= OWNER;
        named.then_some(object)
    }

    /// Takes a vacant slot, and returns the number of its next object.
    fn take(&self) -> Result<usize, Full> {
        let index = self
            .take_vacant()
            .or_else(|| self.take_unused())
            .ok_or(Full)?;
        let slot = self.slots.get_or_make(index);
        // No other thread has this slot now.
        let generation = slot.generation.load(Ordering::Relaxed) + 1;
        slot.generation.store(generation, Ordering::Relaxed);
        let kind = usize::from(self.kind) << (usize::BITS - KIND_BITS);
        Ok(kind | (index << GENERATION_BITS) | generation as usize)
    }

    /// Puts an object into the slot that was taken for it.
    fn put(&self, number: usize, body: Box<dyn Any + Send + Sync>, holders: usize) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            number,
            holders: AtomicUsize::new(holders),
            body,
        });
        let slot = self.slots.get_or_make(index_of(number));
        slot.object.store(Some(Arc::clone(&entry)));
        entry
    }

    /// Vacates the slot of an object without owners.
    fn vacate(&self, entry: &Entry) {
        let index = index_of(entry.number);
        let Some(slot) = self.slots.get(index) else {
            return;
        };
        let object = slot.object.swap(None);
        // A slot without unused generations is abandoned: no number names two objects.
        if slot.generation.load(Ordering::Relaxed) < MAX_GENERATION {
            self.change_vacant(|first| {
                slot.next_vacant.store(first, Ordering::Relaxed);
                Some(index as u32 + 1)
            });
        }
        // Last, because dropping it may call the host.
        drop(object);
    }

    fn take_vacant(&self) -> Option<usize> {
        let taken = self.change_vacant(|first| {
            let slot = self.slots.get(first.checked_sub(1)? as usize)?;
            Some(slot.next_vacant.load(Ordering::Relaxed))
        });
        Some(taken?.checked_sub(1)? as usize)
    }

    /// Replaces the first vacant slot, and returns the former one.
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
}

impl Entry {
    /// Returns the object's number.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Returns the object, which has its table's type.
    pub(crate) fn body<T: 'static>(&self) -> &T {
        match self.body.downcast_ref() {
            Some(body) => body,
            None => unreachable!("a table holds objects of one type"),
        }
    }

    /// Adds an owner, unless the object was freed.
    pub(crate) fn share(&self) -> bool {
        self.change(|holders| (holders > 0).then_some(holders + OWNER))
            .is_some()
    }

    /// Changes the holders, and returns the new value if there is one.
    fn change(&self, change: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        let former = self
            .holders
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, &change);
        former.ok().and_then(change)
    }
}

impl<T> Found<T> {
    pub(crate) fn entry(&self) -> &Entry {
        match self.object.as_ref() {
            Some(entry) => entry,
            None => unreachable!("only made of an object"),
        }
    }
}

impl<T: 'static> Deref for Found<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.entry().body()
    }
}

#[cfg(test)]
mod tests;
