//! Keeps this process's secrets out of core dumps and out of other programs' environments.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::process::Command;

/// Builds a command that inherits our environment, without these secret variables and without the
/// variables of an outer `exec`.
pub(crate) fn command(program: impl AsRef<OsStr>, secrets: &BTreeSet<String>) -> Command {
    let mut command = Command::new(program);
    for name in secrets {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if is_token_variable(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// Returns whether an outer `exec` may have set this variable, which describes another token.
fn is_token_variable(name: &OsStr) -> bool {
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

    /// Disables core dumps, which would contain secrets.
    ///
    /// Best effort: a command works without it.
    pub(crate) fn forbid_core_dumps() {
        let given = *GIVEN.get_or_init(|| getrlimit(Resource::Core));
        let none = Rlimit {
            current: Some(0),
            ..given
        };
        let _ = setrlimit(Resource::Core, none);
        // A limit of 0 doesn't stop a kernel that pipes dumps to a handler. This does, and it keeps
        // the user's other processes from attaching. Executing another program resets it.
        #[cfg(target_os = "linux")]
        let _ =
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }

    /// Restores the original limit, for a program that is started next.
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
