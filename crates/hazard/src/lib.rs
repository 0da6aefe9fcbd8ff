//! A value that many threads look at for the price of two plain stores, while one of them now and then puts another in
//! its place: what a keeper needs for its token.
//!
//! Each thread that looks has one hazard pointer (M. Michael, "Hazard Pointers", 2004): it says there what it looks
//! at, and a value that a hazard pointer names is not dropped. The fence that this needs between the reader's store and
//! its second load is paid by the writer, for all threads at once (`membarrier(2)`); where the kernel has no such call,
//! readers pay for it.
//!
//! `arc-swap` does the same with two locked instructions in each look, which were two thirds of what a token from
//! memory cost.

#[cfg(test)]
extern crate self as countersign_hazard;

mod fence;
#[cfg(test)]
#[path = "../tests/replaced.rs"]
mod replaced;
mod slot;
mod sync;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::PoisonError;

use self::slot::Slot;
use self::sync::{Arc, AtomicPtr, Mutex, MutexGuard, Ordering};

/// A value, or none, that any number of threads look at while others replace it.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign_hazard::Published;
///
/// let name = Published::empty();
/// assert!(name.read().is_none());
/// name.publish(Some(Arc::new("first".to_owned())));
///
/// let reading = name.read().unwrap();
/// name.publish(Some(Arc::new("second".to_owned())));
/// assert_eq!(*reading, "first");
/// drop(reading);
/// assert_eq!(*name.read().unwrap(), "second");
/// ```
pub struct Published<T> {
    /// From `Arc::into_raw`, or null: one share of the value is ours.
    current: AtomicPtr<T>,
    /// What was replaced while somebody looked at it.
    replaced: Mutex<Vec<Arc<T>>>,
}

/// A look at a [`Published`] value, which is not dropped meanwhile. Let go of it soon.
///
/// A thread looks at one value at a time for the low price; a second look beside it shares the value instead.
pub struct Reading<'a, T> {
    value: NonNull<T>,
    /// Where this thread says that it looks at the value; none where the reading has a share of it.
    slot: Option<&'static Slot>,
    of: PhantomData<&'a Published<T>>,
}

impl<T> Published<T> {
    sync::const_fn! {
        /// Without a value.
        pub fn empty() -> Self {
            Self {
                current: AtomicPtr::new(ptr::null_mut()),
                replaced: Mutex::new(Vec::new()),
            }
        }
    }

    /// Looks at the value, without a lock and without waiting.
    #[inline]
    pub fn read(&self) -> Option<Reading<'_, T>> {
        match Slot::mine() {
            Some(slot) if slot.is_free() => {
                let value = self.protect(slot)?;
                Some(Reading::new(value, Some(slot)))
            }
            _ => {
                let share = Arc::into_raw(self.share_locked()?).cast_mut();
                // `into_raw` gives no null.
                Some(Reading::new(NonNull::new(share)?, None))
            }
        }
    }

    /// A share of the value, to be kept.
    pub fn share(&self) -> Option<Arc<T>> {
        let reading = self.read()?;
        let value = reading.value.as_ptr();
        // SAFETY: from `Arc::into_raw`, and the reading keeps the value's own share from being given back meanwhile.
        unsafe {
            Arc::increment_strong_count(value);
            Some(Arc::from_raw(value))
        }
    }

    /// Puts another value, or none, in place of this one. The old one is dropped here where nobody looks at it, and
    /// else by a later call, or with the whole.
    pub fn publish(&self, value: Option<Arc<T>>) {
        let new = value.map_or(ptr::null_mut(), |value| Arc::into_raw(value).cast_mut());
        let mut replaced = self.lock();
        let old = self.current.swap(new, Ordering::AcqRel);
        if !old.is_null() {
            // SAFETY: from `Arc::into_raw` by an earlier call, and nobody else takes it out: the swap was ours.
            replaced.push(unsafe { Arc::from_raw(old) });
        }
        if replaced.is_empty() || !fence::heavy() {
            return;
        }
        let (kept, unread) = std::mem::take(&mut *replaced)
            .into_iter()
            .partition(|value| is_read(value));
        *replaced = kept;
        drop(replaced);
        // Only now: what happens when a value is dropped is not ours to hold a lock over.
        drop::<Vec<_>>(unread);
    }

    /// Says in the slot that this thread looks at the value, and makes sure that it was in time.
    #[inline]
    fn protect(&self, slot: &'static Slot) -> Option<NonNull<T>> {
        let mut seen = self.current.load(Ordering::Relaxed);
        while let Some(value) = NonNull::new(seen) {
            slot.set(seen.cast());
            slot.fence();
            // Still there, after the store: whoever replaces it now sees the slot.
            let again = self.current.load(Ordering::Acquire);
            if again == seen {
                return Some(value);
            }
            seen = again;
        }
        slot.clear();
        None
    }

    /// As [`Published::share`], without a slot.
    #[cold]
    fn share_locked(&self) -> Option<Arc<T>> {
        let _no_other_value = self.lock();
        let value = self.current.load(Ordering::Acquire);
        if value.is_null() {
            return None;
        }
        // SAFETY: from `Arc::into_raw`, and its share is given back under the lock only.
        unsafe {
            Arc::increment_strong_count(value);
            Some(Arc::from_raw(value))
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<T>>> {
        self.replaced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a thread says that it looks at the value. Most look for some nanoseconds, so it is worth a few more tries.
fn is_read<T>(value: &Arc<T>) -> bool {
    const TRIES: u32 = if cfg!(loom) { 1 } else { 64 };
    let value = Arc::as_ptr(value).cast_mut().cast();
    (0..TRIES).all(|_| {
        std::hint::spin_loop();
        slot::any_is(value)
    })
}

impl<T> Default for Published<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T> Drop for Published<T> {
    fn drop(&mut self) {
        // Nobody else has us any more.
        let value = self.current.load(Ordering::Relaxed);
        if !value.is_null() {
            // SAFETY: from `Arc::into_raw`. A reading would have borrowed us, so there is none but what was forgotten.
            drop(unsafe { Arc::from_raw(value) });
        }
    }
}

impl<T> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").finish_non_exhaustive()
    }
}

impl<T> Reading<'_, T> {
    #[inline]
    fn new(value: NonNull<T>, slot: Option<&'static Slot>) -> Self {
        Self {
            value,
            slot,
            of: PhantomData,
        }
    }
}

impl<T> Deref for Reading<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: protected by the slot, or by a share.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for Reading<'_, T> {
    #[inline]
    fn drop(&mut self) {
        match self.slot {
            Some(slot) => slot.clear(),
            // SAFETY: from `Arc::into_raw` in `read`, and given back once.
            None => drop(unsafe { Arc::from_raw(self.value.as_ptr()) }),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Reading<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
