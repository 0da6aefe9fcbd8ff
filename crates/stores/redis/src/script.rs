//! The Lua scripts. Each operation is a single script, so it is atomic.

use std::sync::LazyLock;

use redis::Cmd;

pub(crate) static SWAP: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/swap.lua")));
pub(crate) static LEASE: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/lease.lua")));
pub(crate) static EXTEND: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/extend.lua")));

/// A script's text, and its digest, which is enough for a server that has seen it.
pub(crate) struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    fn of(text: &'static str) -> Self {
        // EVALSHA requires SHA-1. Security doesn't depend on it.
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let digest = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Self {
            text,
            digest: digest.collect(),
        }
    }

    /// Builds a call on one key, to which the caller adds the arguments.
    pub(crate) fn call(&self, key: &str, by_text: bool) -> Cmd {
        let mut command = match by_text {
            true => redis::cmd("EVAL").arg(self.text).to_owned(),
            false => redis::cmd("EVALSHA").arg(&self.digest).to_owned(),
        };
        command.arg(1).arg(key);
        command
    }
}
