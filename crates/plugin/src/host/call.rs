//! One call of a plugin's function: numbered, so that a number kept too long names nothing.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::{Error, ErrorKind};
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

/// What a function wrote, by name.
pub(super) type Written = BTreeMap<String, Zeroizing<String>>;

/// What a function may write.
#[derive(Clone, Copy, Debug)]
pub(super) enum Writes {
    Nothing,
    Only(&'static str),
    Anything,
}

/// A function to be called, and what goes with it.
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
    /// What was shown: the plugin has pointers into it. Each ends with a NUL.
    lent: BTreeMap<String, Zeroizing<Vec<u8>>>,
    refusal: Option<Refusal>,
    breach: Option<String>,
}

/// What a plugin gave as the reason, copied.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal {
    pub(super) kind: u32,
    pub(super) message: String,
    pub(super) hint: String,
    pub(super) setting: String,
    pub(super) retry_after_s: u64,
}

/// The calls that are not over.
static OPEN: Mutex<BTreeMap<csign_plugin_call, Arc<Call>>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A call's number has its library's in the upper 16 bits: who comes late is known.
const LIBRARY_SHIFT: u32 = 48;

const MOST_NAMES: usize = 1000;

impl Call {
    /// Calls the function with the host's table, and returns what it wrote.
    ///
    /// # Errors
    ///
    /// What the plugin refused; [`ErrorKind::Plugin`] where it failed, panicked or broke a rule.
    pub(super) fn run(
        self,
        function: Function,
        host: &'static csign_plugin_host,
    ) -> Result<Written, Error> {
        let open = Open::new(self);
        // SAFETY: a plugin's promise: its functions take the host's table and a call. The table is static.
        let status = unsafe { function(host, open.number) };
        let call = open.close();
        call.outcome(status)
    }

    /// The one of this number, while it is not over. Whose number comes late is suspect.
    pub(super) fn find(number: csign_plugin_call) -> Option<Arc<Self>> {
        let call = lock(&OPEN).get(&number).cloned();
        // A number that never was, such as 0, names nobody.
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

    /// Shows a text: where it begins and its length.
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

    /// Takes what the plugin writes.
    pub(super) fn write(&self, name: &str, value: &str) -> Status {
        let may = match self.writes {
            Writes::Nothing => false,
            Writes::Only(only) => name == only,
            Writes::Anything => !name.is_empty() && !name.contains(char::is_control),
        };
        if !may {
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            return self.breach(format!("wrote `{name}`, which it may not"));
        }
        let mut state = lock(&self.state);
        if state.written.len() >= MOST_NAMES && !state.written.contains_key(name) {
            drop(state);
            return self.breach("wrote more than 1000 names".to_owned());
        }
        let value = Zeroizing::new(value.to_owned());
        state.written.insert(name.to_owned(), value);
        Status::Ok
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> Status {
        lock(&self.state).refusal = Some(refusal);
        Status::Ok
    }

    /// Notes that a rule of the ABI was broken: the request fails, and the plugin is suspect.
    pub(super) fn breach(&self, what: String) -> Status {
        self.library.suspect(&format!("`{}` {what}", self.name));
        lock(&self.state).breach.get_or_insert(what);
        Status::Misuse
    }

    /// The text on one line, of a bearable length, without what the plugin was shown in confidence.
    pub(super) fn clean(&self, text: &str) -> String {
        const LONGEST: usize = 500;
        let text = self.shown.without_secrets(text);
        let words: Vec<_> = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .collect();
        let line = words.join(" ");
        match line.char_indices().nth(LONGEST) {
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
            .refusal
            .as_ref()
            .map(|refusal| refusal.message.as_str());
        let because = because(message.unwrap_or_default());
        if let Some(breach) = &state.breach {
            return Err(self.fault(breach));
        }
        match (status, state.refusal) {
            (status, None) if status == Status::Ok as i32 => Ok(state.written),
            (status, Some(refusal))
                if status == Status::Ok as i32 || status == Status::Refused as i32 =>
            {
                Err(self.refused(&refusal))
            }
            (status, None) if status == Status::Refused as i32 => {
                let what = "refused without a reason";
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

    fn refused(&self, refusal: &Refusal) -> Error {
        let message = match self.clean(&refusal.message) {
            message if message.is_empty() => return self.fault("refused without a message"),
            message => message,
        };
        let Some(kind) = kind(refusal.kind) else {
            let number = refusal.kind;
            return self.fault(&format!(
                "refused as kind {number}, which is not known: {message}"
            ));
        };
        let mut error = Error::new(kind, message).with_provider(self.provider);
        if !refusal.hint.is_empty() {
            error = error.with_hint(self.clean(&refusal.hint));
        }
        if !refusal.setting.is_empty() {
            error = error.with_setting(self.clean(&refusal.setting));
        }
        if refusal.retry_after_s > 0 {
            // A century is for ever, and keeps sums of times in range.
            const CENTURY_S: u64 = 100 * 366 * 24 * 3600;
            let wait = Duration::from_secs(refusal.retry_after_s.min(CENTURY_S));
            error = error.with_retry_after(wait);
        }
        error
    }

    /// An error that is the plugin's.
    fn fault(&self, what: &str) -> Error {
        fault(
            &self.library,
            self.provider,
            &format!("`{}` {what}", self.name),
        )
    }
}

/// An error that is a plugin's, whom it names.
pub(super) fn fault(library: &Library, provider: &str, what: &str) -> Error {
    let message = match (library.name(), library.version()) {
        (name, "") => format!("plugin {name}: {what}"),
        (name, version) => format!("plugin {name} {version}: {what}"),
    };
    let hint = format!(
        "this is a fault of the plugin {}: report it to its maker",
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
        (Kind::Refused, ErrorKind::Refused),
        (Kind::Throttled, ErrorKind::Throttled),
        (Kind::Unavailable, ErrorKind::Unavailable),
        (Kind::Unreadable, ErrorKind::Unreadable),
        (Kind::LoginRequired, ErrorKind::LoginRequired),
        (Kind::ConsentRequired, ErrorKind::ConsentRequired),
    ];
    let found = KINDS.iter().find(|(theirs, _)| *theirs as u32 == number);
    found.map(|(_, ours)| *ours)
}

/// A call that has a number.
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

    /// From now on the number means nothing.
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
