//! What this process keeps to itself: no core dump has its secrets, and no other program inherits them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::Command;

/// A program that gets our environment, but none of these secrets and no token of ours.
pub(crate) fn command(program: impl AsRef<OsStr>, secrets: &BTreeSet<String>) -> Command {
    let mut command = Command::new(program);
    for name in secrets {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if is_of_a_token(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// `exec` within `exec`: what the outer one said of its token is not true of the inner one's.
fn is_of_a_token(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("COUNTERSIGN_") && name != "COUNTERSIGN_CONFIG"
}

#[cfg(unix)]
pub(crate) use self::core_dumps::{allow_core_dumps, forbid_core_dumps};

#[cfg(unix)]
mod core_dumps {
    use std::sync::OnceLock;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// The limit that this process was started with.
    static GIVEN: OnceLock<Rlimit> = OnceLock::new();

    /// Keeps the memory of this process, which holds secrets, out of core files. Best effort: a
    /// system that refuses is no reason to give no token.
    pub(crate) fn forbid_core_dumps() {
        let given = *GIVEN.get_or_init(|| getrlimit(Resource::Core));
        let none = Rlimit {
            current: Some(0),
            ..given
        };
        let _ = setrlimit(Resource::Core, none);
        // A limit of 0 does not stop a kernel that pipes dumps to a handler. This does, and other
        // processes of the user cannot attach either; it ends when another program is executed.
        #[cfg(target_os = "linux")]
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }

    /// Gives the limit back, for a program that is started next.
    pub(crate) fn allow_core_dumps() {
        if let Some(given) = GIVEN.get() {
            let _ = setrlimit(Resource::Core, *given);
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn forbid_core_dumps() {}

#[cfg(not(unix))]
pub(crate) fn allow_core_dumps() {}
