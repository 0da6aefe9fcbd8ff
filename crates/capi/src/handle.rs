//! Handles: C holds an object's number in its type's table, in the shape of a pointer.
//!
//! Nothing is ever read through a handle, so any value is safe to pass in.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::slots::{Entry, Found, Full, Table};

/// A type whose handles C holds.
pub(crate) trait Handle: Sized + 'static {
    /// The object behind the handle.
    type Body: Send + Sync + 'static;
    /// The type's name in error messages.
    const NAME: &'static str;

    fn table() -> &'static Table<Self::Body>;
}

/// Tells the handles of one type from those of another.
#[repr(u8)]
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    // No address begins with 0x5: see `slots`.
    Client = 0x51,
    Cancel,
    Config,
    Error,
    Key,
    Login,
    Registry,
    Result,
    Text,
    Token,
}

/// Implements [`Handle`] for a type of the header.
macro_rules! handle {
    ($handle:ty, $kind:ident, $name:literal, $body:ty) => {
        impl $crate::handle::Handle for $handle {
            type Body = $body;
            const NAME: &'static str = $name;

            #[inline]
            fn table() -> &'static $crate::slots::Table<$body> {
                static TABLE: $crate::slots::Table<$body> =
                    $crate::slots::Table::new($crate::handle::Kind::$kind as u8);
                &TABLE
            }
        }
    };
}
pub(crate) use handle;

/// Returns a handle's object. `None` if it was freed, is of another type, or never existed.
#[inline]
pub(crate) fn find<H: Handle>(handle: *const H) -> Option<Found<H::Body>> {
    H::table().find(handle.addr())
}

/// Creates an object, and returns a handle that its owner frees.
pub(crate) fn new<H: Handle>(body: H::Body) -> Result<*mut H, Full> {
    let entry = H::table().insert(body)?;
    Ok(handle_of(&entry))
}

/// Like [`new`], for an object that stores its own number.
pub(crate) fn new_with<H: Handle>(make: impl FnOnce(usize) -> H::Body) -> Result<*mut H, Full> {
    let entry = H::table().insert_with(make)?;
    Ok(handle_of(&entry))
}

/// Adds an owner to an object, and returns its handle. NULL if the handle names no object.
pub(crate) fn share<H: Handle>(handle: *const H) -> *mut H {
    match find(handle) {
        Some(found) if found.entry().share() => handle.cast_mut(),
        _ => ptr::null_mut(),
    }
}

/// Removes an owner from an object. The last one frees it.
pub(crate) fn free<H: Handle>(handle: *mut H) {
    if let Some(found) = find(handle.cast_const()) {
        // The host's destructor may run in here. It must not unwind, and ours don't.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            H::table().release(found.entry());
            drop(found);
        }));
    }
}

fn handle_of<H: Handle>(entry: &Entry) -> *mut H {
    ptr::without_provenance_mut(entry.number())
}

/// A handle lent to a callback until the callback returns.
pub(crate) struct Lent<H: Handle> {
    entry: Arc<Entry>,
    of: PhantomData<fn() -> H>,
}

impl<H: Handle> Lent<H> {
    pub(crate) fn new(body: H::Body) -> Result<Self, Full> {
        Ok(Self {
            entry: H::table().insert(body)?,
            of: PhantomData,
        })
    }

    pub(crate) fn handle(&self) -> *const H {
        handle_of(&self.entry)
    }
}

impl<H: Handle> Drop for Lent<H> {
    fn drop(&mut self) {
        H::table().release(&self.entry);
    }
}

/// A handle that is returned again and again while its object is current.
pub(crate) struct Reused<H: Handle> {
    entry: ArcSwapOption<Entry>,
    of: PhantomData<fn() -> H>,
}

impl<H: Handle> Reused<H> {
    pub(crate) fn new() -> Self {
        Self {
            entry: ArcSwapOption::empty(),
            of: PhantomData,
        }
    }

    /// Returns the kept handle with one more owner if its object is current, or creates another.
    pub(crate) fn give(
        &self,
        is_right: impl FnOnce(&H::Body) -> bool,
        make: impl FnOnce() -> H::Body,
    ) -> Result<*mut H, Full> {
        let kept = self.entry.load();
        if let Some(entry) = kept.as_ref()
            && is_right(entry.body())
            && entry.share()
        {
            return Ok(handle_of(entry));
        }
        drop(kept);
        let made = H::table().insert_pinned(make())?;
        let handle = handle_of(&made);
        self.replace(Some(made));
        Ok(handle)
    }

    /// Drops the handle. Its object lives on while it has owners.
    pub(crate) fn clear(&self) {
        self.replace(None);
    }

    fn replace(&self, entry: Option<Arc<Entry>>) {
        if let Some(former) = self.entry.swap(entry) {
            H::table().unpin(&former);
        }
    }
}

impl<H: Handle> Drop for Reused<H> {
    fn drop(&mut self) {
        self.clear();
    }
}
