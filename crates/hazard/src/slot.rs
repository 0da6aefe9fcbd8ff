//! Where each thread says what it looks at.

use std::cell::Cell;
use std::ptr;

use crate::fence;
use crate::sync::{self, AtomicBool, AtomicPtr, Ordering};

/// One thread's hazard pointer. Slots are never freed; a thread that ends leaves its slot to the next one.
// A cache line of its own, and the one beside it, which processors fetch along.
#[repr(align(128))]
pub(crate) struct Slot {
    looks_at: AtomicPtr<()>,
    taken: AtomicBool,
    /// Whether its thread has to pay for the fence.
    fenced: bool,
    next: AtomicPtr<Slot>,
}

sync::global! {
    /// The slot that was made last.
    static LAST: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());
}

sync::of_each_thread! {
    // Without a destructor, so that looking at it is one load.
    static MINE: Cell<Option<&'static Slot>> = Cell::new(None);
    static GIVES_BACK: GivesBack = GivesBack(Cell::new(None));
}

/// Leaves this thread's slot to others when the thread ends.
struct GivesBack(Cell<Option<&'static Slot>>);

impl Slot {
    /// This thread's slot; none while the thread ends.
    #[inline]
    pub(crate) fn mine() -> Option<&'static Self> {
        match MINE.with(Cell::get) {
            Some(slot) => Some(slot),
            None => Self::take(),
        }
    }

    /// Whether its thread looks at nothing.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        self.looks_at.load(Ordering::Relaxed).is_null()
    }

    #[inline]
    pub(crate) fn set(&self, value: *mut ()) {
        // As `clear`, for those who find the slot only after it names something else.
        self.looks_at.store(value, Ordering::Release);
    }

    /// Between the store in the slot and the second look at what it names.
    #[inline]
    pub(crate) fn fence(&self) {
        fence::light(self.fenced);
    }

    /// Whoever finds the slot cleared finds what its thread did before done.
    #[inline]
    pub(crate) fn clear(&self) {
        self.looks_at.store(ptr::null_mut(), Ordering::Release);
    }

    #[cold]
    fn take() -> Option<&'static Self> {
        // Refused where this thread is past giving its slot back: a slot taken now would be lost.
        GIVES_BACK
            .try_with(|gives_back| {
                let left = all().find(|slot| {
                    !slot.taken.load(Ordering::Relaxed) && !slot.taken.swap(true, Ordering::Acquire)
                });
                let slot = left.unwrap_or_else(Self::another);
                gives_back.0.set(Some(slot));
                MINE.with(|mine| mine.set(Some(slot)));
                slot
            })
            .ok()
    }

    fn another() -> &'static Self {
        let slot: &'static Self = Box::leak(Box::new(Self {
            looks_at: AtomicPtr::new(ptr::null_mut()),
            taken: AtomicBool::new(true),
            fenced: !fence::writers_pay(),
            next: AtomicPtr::new(ptr::null_mut()),
        }));
        let this = ptr::from_ref(slot).cast_mut();
        let mut last = LAST.load(Ordering::Relaxed);
        loop {
            slot.next.store(last, Ordering::Relaxed);
            match LAST.compare_exchange_weak(last, this, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return slot,
                Err(newer) => last = newer,
            }
        }
    }
}

/// Whether any thread looks at this.
pub(crate) fn any_is(value: *mut ()) -> bool {
    all().any(|slot| slot.looks_at.load(Ordering::Acquire) == value)
}

fn all() -> impl Iterator<Item = &'static Slot> {
    // SAFETY: null, or a slot, which is never freed; what it holds was written before it was put there.
    let at = |slot: *mut Slot| unsafe { slot.as_ref() };
    std::iter::successors(at(LAST.load(Ordering::Acquire)), move |slot| {
        at(slot.next.load(Ordering::Relaxed))
    })
}

impl Drop for GivesBack {
    fn drop(&mut self) {
        let _ = MINE.try_with(Cell::take);
        // What still names something may protect a reading that this thread drops after us, and nobody else's then.
        if let Some(slot) = self.0.take().filter(|slot| slot.is_free()) {
            slot.taken.store(false, Ordering::Release);
        }
    }
}
