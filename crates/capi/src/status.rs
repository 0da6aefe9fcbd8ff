//! Statuses, verdicts and versions: the numbers of the ABI.

use std::ffi::c_char;

use countersign_core::{Error, ErrorKind, Verdict};

/// The ABI version that a program was compiled against: major << 16 | minor.
///
/// A minor version only adds. Major 0 may change until the first release. See docs/abi.md.
pub const CSIGN_ABI_VERSION: u32 = 1;

/// The result of a call. Treat an unknown number as a failure.
///
/// 1 to 19: incorrect use of the API. 20 to 39: settings, keys, signatures. 40 to 59: the network
/// and the store. 60 to 79: the server rejected the request. 80 to 89: the response can't be read.
/// 90 to 99: a plugin. 100 and up: a bug in countersign.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_status {
    /// The call succeeded.
    OK = 0,
    /// A required argument is NULL.
    NULL_ARGUMENT = 1,
    /// A text argument is not UTF-8.
    BAD_UTF8 = 2,
    /// A number or length is out of range, or the functions were called in the wrong order.
    BAD_ARGUMENT = 3,
    /// The handle was freed, has another type, or was never a handle.
    BAD_HANDLE = 4,
    /// The client was closed.
    CLOSED = 5,
    /// A callback called the client that it was called by.
    REENTERED = 6,
    /// The client was created before a fork. Create another one in the child process.
    FORKED = 7,
    /// The buffer is too small. The required length was written.
    BUFFER_TOO_SMALL = 8,
    /// A setting is missing, unknown, malformed, or conflicts with another one.
    SETTING = 20,
    /// A key can't be read, or isn't suitable for its use.
    KEY = 21,
    /// Signing failed.
    SIGNING = 22,
    /// A signature or token is not valid.
    VERIFICATION = 23,
    /// The request was not sent: the name could not be resolved, or the connection failed.
    CONNECT = 40,
    /// The server's certificate is not trusted, or the TLS handshake failed.
    TLS = 41,
    /// The request was sent, but no complete response arrived.
    INTERRUPTED = 42,
    /// The server received too many requests.
    THROTTLED = 43,
    /// The server is temporarily unavailable.
    UNAVAILABLE = 44,
    /// The store can't be read or written.
    STORE = 45,
    /// Another client holds the lease of this grant.
    BUSY = 46,
    /// The call's own timeout is over. The work continues, and its outcome is kept.
    TIMEOUT = 47,
    /// The caller cancelled the call. Work that had started continues, and its outcome is kept.
    CANCELLED = 48,
    /// The server rejected the request with an OAuth error (RFC 6749 section 5.2).
    REJECTED = 60,
    /// The refresh token or the consent is no longer valid: a person must log in.
    LOGIN_REQUIRED = 61,
    /// The user has not consented, or an administrator has not approved the app.
    CONSENT_REQUIRED = 62,
    /// No token is stored, and this grant requires a login first.
    NO_TOKEN = 63,
    /// The callback doesn't belong to this login, or the person denied access.
    CALLBACK = 64,
    /// This machine's clock and the server's differ too much.
    CLOCK = 65,
    /// The response is not a valid OAuth response.
    UNREADABLE = 80,
    /// A plugin can't be loaded, failed, or violated the plugin ABI.
    PLUGIN = 90,
    /// The library panicked, which is a bug in countersign. The client is poisoned.
    PANIC = 100,
    /// An earlier call on this client panicked. Create another client.
    POISONED = 101,
    /// A bug in countersign.
    INTERNAL = 102,
}

/// What to do about an error. The names are the same in every language.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_verdict {
    /// Try again, after the wait that the error gives, if any.
    RETRY = 1,
    /// A person must act, at the error's URL if it has one.
    REAUTHORIZE = 2,
    /// A setting is wrong, here or at the vendor; the message names it.
    FIX_CONFIGURATION = 3,
    /// The server may have rotated the refresh token; nothing was sent twice.
    OUTCOME_UNKNOWN = 4,
    /// An unreadable response, a signature that does not verify, a wrong call, or a bug.
    UNEXPECTED = 5,
}

/// Returns the ABI version of the running library: major << 16 | minor.
///
/// A binding compares it with the CSIGN_ABI_VERSION that it was compiled against: the major must be
/// equal, and the minor at least as high.
#[unsafe(no_mangle)]
pub extern "C" fn csign_abi_version() -> u32 {
    CSIGN_ABI_VERSION
}

/// Returns the version of the running library, such as "0.1.0". Static; never freed.
#[unsafe(no_mangle)]
pub extern "C" fn csign_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Returns a status's name, such as "CONSENT_REQUIRED", or "UNKNOWN". Static; never freed.
///
/// @param status  a csign_status.
#[unsafe(no_mangle)]
pub extern "C" fn csign_status_name(status: i32) -> *const c_char {
    let name = STATUSES.iter().find(|(known, _)| *known as i32 == status);
    name.map_or(c"UNKNOWN".as_ptr(), |(_, name)| name.as_ptr())
}

/// Returns what to do about a failed call whose error object you don't have.
///
/// A call may fail with another verdict than its status usually has: if there is an error object,
/// csign_error_verdict is more exact. CSIGN_VERDICT_UNEXPECTED for CSIGN_STATUS_OK and for numbers
/// that are not statuses.
///
/// @param status  a csign_status.
#[unsafe(no_mangle)]
pub extern "C" fn csign_status_verdict(status: i32) -> csign_verdict {
    let mut kinds = KINDS.iter();
    let kind = kinds.find(|(_, known)| *known as i32 == status);
    kind.map_or(csign_verdict::UNEXPECTED, |(kind, _)| {
        Error::new(*kind, "").verdict().into()
    })
}

/// Returns a verdict's name in every language, such as "fix_configuration", or "unknown".
///
/// Static; never freed.
///
/// @param verdict  a csign_verdict.
#[unsafe(no_mangle)]
pub extern "C" fn csign_verdict_name(verdict: i32) -> *const c_char {
    match verdict {
        1 => c"retry",
        2 => c"reauthorize",
        3 => c"fix_configuration",
        4 => c"outcome_unknown",
        5 => c"unexpected",
        _ => c"unknown",
    }
    .as_ptr()
}

/// All statuses, with their names.
const STATUSES: &[(csign_status, &std::ffi::CStr)] = &[
    (csign_status::OK, c"OK"),
    (csign_status::NULL_ARGUMENT, c"NULL_ARGUMENT"),
    (csign_status::BAD_UTF8, c"BAD_UTF8"),
    (csign_status::BAD_ARGUMENT, c"BAD_ARGUMENT"),
    (csign_status::BAD_HANDLE, c"BAD_HANDLE"),
    (csign_status::CLOSED, c"CLOSED"),
    (csign_status::REENTERED, c"REENTERED"),
    (csign_status::FORKED, c"FORKED"),
    (csign_status::BUFFER_TOO_SMALL, c"BUFFER_TOO_SMALL"),
    (csign_status::SETTING, c"SETTING"),
    (csign_status::KEY, c"KEY"),
    (csign_status::SIGNING, c"SIGNING"),
    (csign_status::VERIFICATION, c"VERIFICATION"),
    (csign_status::CONNECT, c"CONNECT"),
    (csign_status::TLS, c"TLS"),
    (csign_status::INTERRUPTED, c"INTERRUPTED"),
    (csign_status::THROTTLED, c"THROTTLED"),
    (csign_status::UNAVAILABLE, c"UNAVAILABLE"),
    (csign_status::STORE, c"STORE"),
    (csign_status::BUSY, c"BUSY"),
    (csign_status::TIMEOUT, c"TIMEOUT"),
    (csign_status::CANCELLED, c"CANCELLED"),
    (csign_status::REJECTED, c"REJECTED"),
    (csign_status::LOGIN_REQUIRED, c"LOGIN_REQUIRED"),
    (csign_status::CONSENT_REQUIRED, c"CONSENT_REQUIRED"),
    (csign_status::NO_TOKEN, c"NO_TOKEN"),
    (csign_status::CALLBACK, c"CALLBACK"),
    (csign_status::CLOCK, c"CLOCK"),
    (csign_status::UNREADABLE, c"UNREADABLE"),
    (csign_status::PLUGIN, c"PLUGIN"),
    (csign_status::PANIC, c"PANIC"),
    (csign_status::POISONED, c"POISONED"),
    (csign_status::INTERNAL, c"INTERNAL"),
];

/// The status of each kind of error of core. A test fails if core has a kind that is missing here.
const KINDS: &[(ErrorKind, csign_status)] = &[
    (ErrorKind::Setting, csign_status::SETTING),
    (ErrorKind::Key, csign_status::KEY),
    (ErrorKind::Signing, csign_status::SIGNING),
    (ErrorKind::Verification, csign_status::VERIFICATION),
    (ErrorKind::Connect, csign_status::CONNECT),
    (ErrorKind::Tls, csign_status::TLS),
    (ErrorKind::Interrupted, csign_status::INTERRUPTED),
    (ErrorKind::Rejected, csign_status::REJECTED),
    (ErrorKind::Throttled, csign_status::THROTTLED),
    (ErrorKind::Unavailable, csign_status::UNAVAILABLE),
    (ErrorKind::Unreadable, csign_status::UNREADABLE),
    (ErrorKind::LoginRequired, csign_status::LOGIN_REQUIRED),
    (ErrorKind::ConsentRequired, csign_status::CONSENT_REQUIRED),
    (ErrorKind::NoToken, csign_status::NO_TOKEN),
    (ErrorKind::Callback, csign_status::CALLBACK),
    (ErrorKind::Clock, csign_status::CLOCK),
    (ErrorKind::Store, csign_status::STORE),
    (ErrorKind::Busy, csign_status::BUSY),
    (ErrorKind::Timeout, csign_status::TIMEOUT),
    (ErrorKind::Cancelled, csign_status::CANCELLED),
    (ErrorKind::Plugin, csign_status::PLUGIN),
];

impl From<ErrorKind> for csign_status {
    fn from(kind: ErrorKind) -> Self {
        let found = KINDS.iter().find(|(known, _)| *known == kind);
        found.map_or(Self::INTERNAL, |(_, status)| *status)
    }
}

impl From<Verdict> for csign_verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Retry => Self::RETRY,
            Verdict::Reauthorize => Self::REAUTHORIZE,
            Verdict::FixConfiguration => Self::FIX_CONFIGURATION,
            Verdict::OutcomeUnknown => Self::OUTCOME_UNKNOWN,
            Verdict::Unexpected => Self::UNEXPECTED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source of core's list of kinds. The test reads it, so that it notices a new kind.
    const CORE: &str = include_str!("../../core/src/error/kind.rs");

    #[test]
    fn every_kind_of_core_has_a_status_of_its_own() {
        let names = CORE.lines().filter_map(|line| {
            let (_, name) = line.trim().strip_prefix("Self::")?.split_once(" => \"")?;
            name.strip_suffix("\",")
        });
        let mut seen = Vec::new();
        for name in names {
            let Ok(kind) = serde_json::from_value::<ErrorKind>(name.into()) else {
                // A verdict's name.
                continue;
            };
            let status = csign_status::from(kind);
            assert!(
                !seen.contains(&status),
                "{name} has the status of another kind: {status:?}"
            );
            assert_eq!(
                status == csign_status::INTERNAL,
                name == "internal",
                "{name}"
            );
            seen.push(status);
        }
        assert!(seen.len() > 15, "core's list was not found");
    }

    #[test]
    fn a_status_has_the_verdict_that_its_errors_have_by_default() {
        for (kind, status) in KINDS {
            let verdict = csign_verdict::from(Error::new(*kind, "").verdict());
            assert_eq!(csign_status_verdict(*status as i32), verdict, "{kind:?}");
        }
        for other in [0, 1, 5, 100, -5] {
            assert_eq!(csign_status_verdict(other), csign_verdict::UNEXPECTED);
        }
        let consent = csign_status_verdict(csign_status::CONSENT_REQUIRED as i32);
        assert_eq!(consent, csign_verdict::REAUTHORIZE);
        let busy = csign_status_verdict(csign_status::BUSY as i32);
        assert_eq!(busy, csign_verdict::RETRY);
    }

    #[test]
    fn every_status_is_named_like_its_variant() {
        for (status, name) in STATUSES {
            // SAFETY: the name is static and ends with a NUL.
            let returned = unsafe { std::ffi::CStr::from_ptr(csign_status_name(*status as i32)) };
            assert_eq!(returned, *name);
            assert_eq!(returned.to_str().unwrap(), format!("{status:?}"));
        }
        // SAFETY: the name is static and ends with a NUL.
        let unknown = unsafe { std::ffi::CStr::from_ptr(csign_status_name(-5)) };
        assert_eq!(unknown, c"UNKNOWN");
    }
}
