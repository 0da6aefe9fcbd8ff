//! Whether this process is a child: a client made before a fork waits for threads that are gone.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between the first client's process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);
static WATCHING: Once = Once::new();

/// The generation of this process, watched from the first call on.
pub(crate) fn generation() -> u32 {
    WATCHING.call_once(watch);
    now()
}

/// The generation, where it is watched already: one load.
#[inline]
pub(crate) fn now() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn watch() {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler does nothing but an atomic addition, which is safe in a child of a
    // process with threads; the library is never unloaded.
    let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(unix))]
fn watch() {}
