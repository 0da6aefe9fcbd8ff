//! The scripts: each operation is one, so that nothing comes between its reading and its writing.

use std::sync::LazyLock;

use redis::Cmd;

pub(crate) static SWAP: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/swap.lua")));
pub(crate) static LEASE: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/lease.lua")));
pub(crate) static EXTEND: LazyLock<Script> =
    LazyLock::new(|| Script::of(include_str!("scripts/extend.lua")));

/// A script's text, and the digest by which a server that has seen it knows it.
pub(crate) struct Script {
    text: &'static str,
    digest: String,
}

impl Script {
    fn of(text: &'static str) -> Self {
        // What EVALSHA asks for; nothing secret hangs on it.
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        let digest = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Self {
            text,
            digest: digest.collect(),
        }
    }

    /// A call on one key, to which the arguments are added.
    pub(crate) fn call(&self, key: &str, by_text: bool) -> Cmd {
        let mut command = match by_text {
            true => redis::cmd("EVAL").arg(self.text).to_owned(),
            false => redis::cmd("EVALSHA").arg(&self.digest).to_owned(),
        };
        command.arg(1).arg(key);
        command
    }
}
