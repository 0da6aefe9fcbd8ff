//! What threads share: the standard library's, or loom's, which tries every order of events (`cargo xtask loom`).

#[cfg(not(loom))]
mod real {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

    macro_rules! const_fn {
        ($(#[$doc:meta])* pub fn $($rest:tt)*) => { $(#[$doc])* pub const fn $($rest)* };
    }

    macro_rules! global {
        ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
            $(#[$doc])* static $name: $type = $value;
        };
    }

    macro_rules! of_each_thread {
        ($($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
            std::thread_local! { $($(#[$doc])* static $name: $type = const { $value };)* }
        };
    }

    pub(crate) use {const_fn, global, of_each_thread};
}

#[cfg(loom)]
mod real {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, Ordering, fence};
    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    macro_rules! const_fn {
        ($($all:tt)*) => { $($all)* };
    }

    macro_rules! global {
        ($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;) => {
            loom::lazy_static! { $(#[$doc])* static ref $name: $type = $value; }
        };
    }

    macro_rules! of_each_thread {
        ($($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
            loom::thread_local! { $($(#[$doc])* static $name: $type = $value;)* }
        };
    }

    pub(crate) use {const_fn, global, of_each_thread};
}

pub(crate) use self::real::*;
