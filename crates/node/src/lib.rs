//! The native addon of the Node package `countersign`, on Node-API.
//!
//! It uses the crate `countersign` directly, without the C ABI, and contains no unsafe code of its
//! own. Node's thread never waits here, except in `NativeHost::exit`:
//!
//! - A call for a token is a future of core. When it can continue, its waker posts an event to
//!   Node's thread, which polls it there. No thread waits for it.
//! - Any other call that may wait runs on a thread of its own, which posts the outcome.
//! - A callback of the program is a question: the library's thread posts it, and waits until Node's
//!   thread has answered. The answer may come later, so a signer may return a promise. When the
//!   environment ends, all questions end without an answer.

mod callback;
mod cause;
mod client;
mod clock;
mod host;
mod key;
mod login;
mod options;
mod outcome;
mod registry;

use napi_derive::napi;
use serde_json::json;

use outcome::{Outcome, Value};

/// Returns the version of the addon.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Returns all settings, as JSON.
#[napi(catch_unwind)]
pub fn settings() -> String {
    let all = countersign_core::SETTINGS
        .iter()
        .map(|key| json!({"name": key.name, "secret": key.secret, "about": key.about}));
    json!(all.collect::<Vec<_>>()).to_string()
}

/// Reads a saved login.
#[napi(catch_unwind)]
pub fn restore_login(saved: String) -> Outcome {
    login::restored(saved).map(Value::Login).into()
}
