//! An ID for this process that no other process on any machine has.

use std::fs;

/// A process: its ID, start time, boot ID and PID namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProcessId(String);

/// The placeholder for a part that the system doesn't report.
const UNKNOWN: &str = "?";

impl ProcessId {
    /// Returns the ID of this process.
    pub(super) fn own() -> Self {
        let or_unknown = |part: Option<String>| part.unwrap_or_else(|| UNKNOWN.to_owned());
        Self(format!(
            "{}:{}:{}:{}",
            std::process::id(),
            or_unknown(started()),
            or_unknown(booted()),
            or_unknown(namespace())
        ))
    }

    pub(super) fn parse(word: &str) -> Self {
        Self(word.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether both may be the same process. Unknown parts are not compared.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let (mut one, mut two) = (self.0.split(':'), other.0.split(':'));
        loop {
            match (one.next(), two.next()) {
                (None, None) => return true,
                (Some(a), Some(b)) if a == b || a == UNKNOWN || b == UNKNOWN => {}
                _ => return false,
            }
        }
    }
}

/// Returns when the process started, in ticks since boot: field 22 of `stat` in proc(5).
fn started() -> Option<String> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The command in field 2 may contain spaces and parentheses.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(19).map(str::to_owned)
}

fn booted() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

fn namespace() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    let digits = |c: &char| c.is_ascii_digit();
    Some(link.to_string_lossy().chars().filter(digits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_differ_if_any_known_part_differs() {
        let own = ProcessId::own();
        assert!(own.may_be(&ProcessId::own()));
        #[cfg(target_os = "linux")]
        assert!(!own.as_str().contains(UNKNOWN), "{own:?}");
        let of = ProcessId::parse;
        assert!(of("1:2:b:n").may_be(&of("1:2:b:n")));
        assert!(of("1:?:b:n").may_be(&of("1:2:b:?")));
        for other in ["2:2:b:n", "1:3:b:n", "1:2:c:n", "1:2:b:m", "1:2:b", ""] {
            assert!(!of("1:2:b:n").may_be(&of(other)), "{other}");
        }
    }
}
