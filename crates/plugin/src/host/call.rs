//! One call of a plugin's function.
//!
//! Plugins see a call as a number that is never reused, so a stale one is detected.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::{Error, ErrorKind};
use zeroize::Zeroizing;

use super::Services;
use super::library::Library;
use super::shown::Shown;
use crate::abi::{
    csign_plugin_call, csign_plugin_host, csign_plugin_kind as Kind, csign_plugin_status as Status,
};

/// A function of a plugin's vtable.
pub(super) type Function =
    unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32;

/// The strings that a function set, by name.
pub(super) type Written = BTreeMap<String, Zeroizing<String>>;

/// The names that a function may set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Writes {
    Nothing,
    Only(&'static str),
    Anything,
}

/// A function call: the plugin, the function, its input and its output.
pub(super) struct Call {
    pub(super) library: Arc<Library>,
    pub(super) services: Arc<Services>,
    /// The provider's id.
    pub(super) provider: &'static str,
    /// The function's name in the vtable.
    pub(super) name: &'static str,
    pub(super) shown: Shown,
    pub(super) writes: Writes,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    written: Written,
    /// The strings that the plugin has pointers to. Each ends with a NUL.
    lent: BTreeMap<String, Zeroizing<Vec<u8>>>,
    rejection: Option<Rejection>,
    breach: Option<String>,
}

/// A copy of the plugin's reason for rejecting the request.
#[derive(Clone, Debug, Default)]
pub(super) struct Rejection {
    pub(super) kind: u32,
    pub(super) message: String,
    pub(super) hint: String,
    pub(super) setting: String,
    pub(super) retry_after_s: u64,
}

/// The calls whose functions are still running.
static OPEN: Mutex<BTreeMap<csign_plugin_call, Arc<Call>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The upper 16 bits of a call's number are its library's index, which identifies the plugin that
/// used a stale call.
const LIBRARY_SHIFT: u32 = 48;

const MAX_NAMES: usize = 1000;

impl Call {
    /// Calls the function with the host's table, and returns the strings that it set.
    ///
    /// # Errors
    ///
    /// Returns the plugin's rejection, or [`ErrorKind::Plugin`] if the plugin failed, panicked or
    /// broke a rule.
    pub(super) fn run(
        self,
        function: Function,
        host: &'static csign_plugin_host,
    ) -> Result<Written, Error> {
        let open = Open::new(self);
        // SAFETY: the ABI requires that a plugin's functions take the host's table and a call. The
        // table is static.
        let status = unsafe { function(host, open.number) };
        let call = open.close();
        call.outcome(status)
    }

    /// Finds a running call by number. A plugin that uses a stale number becomes suspect.
    pub(super) fn find(number: csign_plugin_call) -> Option<Arc<Self>> {
        let call = lock(&OPEN).get(&number).cloned();
        // A number that was never assigned, such as 0, identifies no plugin.
        let count = number & ((1 << LIBRARY_SHIFT) - 1);
        let was = (1..NEXT.load(Ordering::Relaxed)).contains(&count);
        if call.is_none()
            && was
            && let Some(library) = Library::numbered((number >> LIBRARY_SHIFT) as u16)
        {
            library.suspect("it used a call after the function had returned");
        }
        call
    }

    /// Returns the start and the length of the string with this name.
    pub(super) fn show(&self, name: &str) -> Option<(*const c_char, usize)> {
        let mut state = lock(&self.state);
        if !state.lent.contains_key(name) {
            let text = self.shown.text(name)?;
            let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
            state.lent.insert(name.to_owned(), bytes);
        }
        let lent = &state.lent[name];
        Some((lent.as_ptr().cast(), lent.len() - 1))
    }

    /// Stores a string that the plugin sets.
    pub(super) fn write(&self, name: &str, value: &str) -> Status {
        let may = match self.writes {
            Writes::Nothing => false,
            Writes::Only(only) => name == only,
            Writes::Anything => !name.is_empty() && !name.contains(char::is_control),
        };
        if !may {
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            return self.breach(format!("set `{name}`, which it may not set"));
        }
        let mut state = lock(&self.state);
        if state.written.len() >= MAX_NAMES && !state.written.contains_key(name) {
            drop(state);
            return self.breach("set more than 1000 names".to_owned());
        }
        let value = Zeroizing::new(value.to_owned());
        state.written.insert(name.to_owned(), value);
        Status::Ok
    }

    pub(super) fn reject(&self, rejection: Rejection) -> Status {
        lock(&self.state).rejection = Some(rejection);
        Status::Ok
    }

    /// Records a violation of the ABI: the request fails, and the plugin becomes suspect.
    pub(super) fn breach(&self, what: String) -> Status {
        self.library.suspect(&format!("`{}` {what}", self.name));
        lock(&self.state).breach.get_or_insert(what);
        Status::Misuse
    }

    /// Returns the text as one line of limited length, without the response's secrets.
    pub(super) fn clean(&self, text: &str) -> String {
        const MAX_CHARS: usize = 500;
        let text = self.shown.without_secrets(text);
        let words: Vec<_> = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        let line = words.join(" ");
        match line.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    fn outcome(&self, status: i32) -> Result<Written, Error> {
        let state = std::mem::take(&mut *lock(&self.state));
        let because = |text: &str| match self.clean(text) {
            reason if reason.is_empty() => String::new(),
            reason => format!(": {reason}"),
        };
        let message = state
            .rejection
            .as_ref()
            .map(|rejection| rejection.message.as_str());
        let because = because(message.unwrap_or_default());
        if let Some(breach) = &state.breach {
            return Err(self.fault(breach));
        }
        match (status, state.rejection) {
            (status, None) if status == Status::Ok as i32 => Ok(state.written),
            (status, Some(rejection))
                if status == Status::Ok as i32 || status == Status::Rejected as i32 =>
            {
                Err(self.rejected(&rejection))
            }
            (status, None) if status == Status::Rejected as i32 => {
                let what = "returned CSIGN_PLUGIN_STATUS_REJECTED without calling `reject`";
                self.breach(what.to_owned());
                Err(self.fault(what))
            }
            (status, _) if status == Status::Panicked as i32 => {
                let what = format!("panicked{because}");
                self.library.suspect(&format!("`{}` {what}", self.name));
                Err(self.fault(&what))
            }
            (status, _) if status == Status::Failed as i32 => {
                Err(self.fault(&format!("failed{because}")))
            }
            (status, _) => Err(self.fault(&format!("failed with status {status}{because}"))),
        }
    }

    fn rejected(&self, rejection: &Rejection) -> Error {
        let message = match self.clean(&rejection.message) {
            message if message.is_empty() => {
                return self.fault("called `reject` without a message");
            }
            message => message,
        };
        let Some(kind) = kind(rejection.kind) else {
            let number = rejection.kind;
            return self.fault(&format!(
                "called `reject` with the unknown kind {number}: {message}"
            ));
        };
        let mut error = Error::new(kind, message).with_provider(self.provider);
        if !rejection.hint.is_empty() {
            error = error.with_hint(self.clean(&rejection.hint));
        }
        if !rejection.setting.is_empty() {
            error = error.with_setting(self.clean(&rejection.setting));
        }
        if rejection.retry_after_s > 0 {
            // A limit of a century avoids overflow in sums of times.
            const CENTURY_S: u64 = 100 * 366 * 24 * 3600;
            let wait = Duration::from_secs(rejection.retry_after_s.min(CENTURY_S));
            error = error.with_retry_after(wait);
        }
        error
    }

    /// Builds an error that blames the plugin.
    fn fault(&self, what: &str) -> Error {
        fault(
            &self.library,
            self.provider,
            &format!("`{}` {what}", self.name),
        )
    }
}

/// Builds an error that blames and names the plugin.
pub(super) fn fault(library: &Library, provider: &str, what: &str) -> Error {
    let message = match (library.name(), library.version()) {
        (name, "") => format!("plugin {name}: {what}"),
        (name, version) => format!("plugin {name} {version}: {what}"),
    };
    let hint = format!(
        "report this bug to the author of the plugin {}",
        library.path().display()
    );
    Error::new(ErrorKind::Plugin, message)
        .with_hint(hint)
        .with_provider(provider)
}

fn kind(number: u32) -> Option<ErrorKind> {
    const KINDS: &[(Kind, ErrorKind)] = &[
        (Kind::Setting, ErrorKind::Setting),
        (Kind::Verification, ErrorKind::Verification),
        (Kind::Rejected, ErrorKind::Rejected),
        (Kind::Throttled, ErrorKind::Throttled),
        (Kind::Unavailable, ErrorKind::Unavailable),
        (Kind::Unreadable, ErrorKind::Unreadable),
        (Kind::LoginRequired, ErrorKind::LoginRequired),
        (Kind::ConsentRequired, ErrorKind::ConsentRequired),
    ];
    let found = KINDS.iter().find(|(theirs, _)| *theirs as u32 == number);
    found.map(|(_, ours)| *ours)
}

/// A running call, which has a number.
struct Open {
    number: csign_plugin_call,
    call: Arc<Call>,
}

impl Open {
    fn new(call: Call) -> Self {
        let count = NEXT.fetch_add(1, Ordering::Relaxed) & ((1 << LIBRARY_SHIFT) - 1);
        let number = u64::from(call.library.index()) << LIBRARY_SHIFT | count;
        let call = Arc::new(call);
        lock(&OPEN).insert(number, Arc::clone(&call));
        Self { number, call }
    }

    /// Ends the call: its number becomes stale.
    fn close(self) -> Arc<Call> {
        Arc::clone(&self.call)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        lock(&OPEN).remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
