//! Detects fork: a client from before a fork would wait for threads that don't exist in the child.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks there were between the first client's process and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);
static WATCHING: Once = Once::new();

/// Returns this process's generation, and watches for forks from the first call on.
pub(crate) fn generation() -> u32 {
    WATCHING.call_once(watch);
    now()
}

/// Returns the generation if forks are watched: one load.
#[inline]
pub(crate) fn now() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn watch() {
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler only adds to an atomic, which is safe in a child of a process with threads.
    // The library is never unloaded.
    let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}

#[cfg(not(unix))]
fn watch() {}
