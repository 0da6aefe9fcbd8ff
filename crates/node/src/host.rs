//! The environment that loaded the addon: its thread's events, and questions to the program.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use countersign_core::{Client, Error, ErrorKind, Verdict};
use napi::bindgen_prelude::{Buffer, Env};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::outcome::{Failure, Outcome, TokenFields, Value};

/// Something that Node's thread has to do.
#[napi(object)]
#[derive(Default)]
pub struct NativeEvent {
    /// `wake`, `done`, `log`, `change`, `sign`, `open`, `released` or `forgotten`.
    pub kind: String,
    /// The client to poll, the call that is done, the callback, or the cause.
    pub id: u32,
    /// The question to answer.
    pub question: Option<u32>,
    /// The level of a line, or what changed.
    pub word: Option<String>,
    /// A line of the log, or a URL.
    pub text: Option<String>,
    /// What to sign.
    pub bytes: Option<Buffer>,
    /// The new token.
    pub token: Option<TokenFields>,
    /// The outcome of a call.
    pub outcome: Option<Outcome>,
}

impl NativeEvent {
    pub(crate) fn new(kind: &str, id: u32) -> Self {
        Self {
            kind: kind.into(),
            id,
            ..Self::default()
        }
    }
}

/// Weak, so that it doesn't keep the event loop running. The package does, during calls.
type Dispatch = ThreadsafeFunction<NativeEvent, (), NativeEvent, napi::Status, false, true>;

/// A place where a client is, until it is closed.
pub(crate) type Slot = Mutex<Option<Client>>;

/// What the addon has for one environment.
pub(crate) struct Host {
    dispatch: Dispatch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the environment ends, so that no question is answered any more.
    closed: bool,
    last: u32,
    questions: HashMap<u32, SyncSender<Answer>>,
    clients: HashMap<u32, Weak<Slot>>,
}

/// What the program answers.
pub(crate) enum Answer {
    Returned(Vec<u8>),
    Threw(u32),
}

impl Host {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts an event to Node's thread, which drops it if the environment has ended.
    pub(crate) fn post(&self, event: NativeEvent) {
        self.dispatch
            .call(event, ThreadsafeFunctionCallMode::NonBlocking);
    }

    /// Posts a question and waits for its answer. Returns `None` if the environment ends.
    pub(crate) fn ask(&self, mut event: NativeEvent) -> Option<Answer> {
        let (sender, receiver) = sync_channel(1);
        {
            let mut state = self.state();
            if state.closed {
                return None;
            }
            state.last = state.last.wrapping_add(1);
            event.question = Some(state.last);
            let question = state.last;
            state.questions.insert(question, sender);
        }
        self.post(event);
        receiver.recv().ok()
    }

    /// Registers a client, whose requests the process waits for when it exits.
    pub(crate) fn add_client(&self, id: u32, slot: &Arc<Slot>) {
        self.state().clients.insert(id, Arc::downgrade(slot));
    }

    pub(crate) fn remove_client(&self, id: u32) {
        self.state().clients.remove(&id);
    }

    /// Ends all questions without an answer, those of the future too.
    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let questions = std::mem::take(&mut state.questions);
        drop(state);
        drop(questions);
    }
}

/// Runs a call on a thread of its own, and posts its outcome.
pub(crate) fn run(
    host: &Arc<Host>,
    call: u32,
    work: impl FnOnce() -> Result<Value, Failure> + Send + 'static,
) {
    let done = move |host: &Host, outcome: &Result<Value, Failure>| {
        host.post(NativeEvent {
            outcome: Some(outcome.into()),
            ..NativeEvent::new("done", call)
        });
    };
    let own = Arc::clone(host);
    let body = move || {
        let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            let message = "countersign panicked";
            Err(Error::new(ErrorKind::Internal, message).into())
        });
        done(&own, &outcome);
    };
    if let Err(error) = spawn(body) {
        done(host, &Err(error.into()));
    }
}

/// Starts a thread, which nobody joins.
pub(crate) fn spawn(body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let thread = thread::Builder::new().name("countersign-node".into());
    thread.spawn(body).map(drop).map_err(|error| {
        let message = format!("cannot start a thread for the call: {error}");
        Error::new(ErrorKind::Internal, message).with_verdict(Verdict::Retry)
    })
}

/// The environment, as the package's TypeScript sees it. There is one in each worker.
#[napi]
pub struct NativeHost {
    pub(crate) host: Arc<Host>,
}

#[napi]
impl NativeHost {
    /// Creates the host. `dispatch` runs on Node's thread, and must not throw.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, dispatch: Dispatch) -> napi::Result<Self> {
        let host = Arc::new(Host {
            dispatch,
            state: Mutex::default(),
        });
        env.add_env_cleanup_hook(Arc::downgrade(&host), |host| {
            if let Some(host) = host.upgrade() {
                host.close();
            }
        })?;
        Ok(Self { host })
    }

    /// Answers a question with what the callback returned.
    #[napi(catch_unwind)]
    pub fn answer(&self, question: u32, returned: Option<Buffer>) {
        let returned = returned.map(|bytes| bytes.to_vec());
        self.reply(question, Answer::Returned(returned.unwrap_or_default()));
    }

    /// Answers a question with what the callback threw, which the package holds under this number.
    /// Returns whether anybody still waited for the answer.
    #[napi(catch_unwind)]
    pub fn fail(&self, question: u32, cause: u32) -> bool {
        self.reply(question, Answer::Threw(cause))
    }

    /// Waits for the requests in flight, for at most this time, because the process exits.
    #[napi(catch_unwind)]
    pub fn exit(&self, timeout_ms: u32) {
        self.host.close();
        let slots: Vec<_> = self.host.state().clients.values().cloned().collect();
        let timeout = Duration::from_millis(timeout_ms.into());
        let drains: Vec<_> = slots
            .iter()
            .filter_map(Weak::upgrade)
            .filter_map(|slot| lock(&slot).clone())
            .map(|client| thread::spawn(move || client.drain(timeout)))
            .collect();
        for drain in drains {
            // Nobody is left to hear of a failure. The client's log has the store's errors.
            let _ = drain.join();
        }
    }
}

impl NativeHost {
    fn reply(&self, question: u32, answer: Answer) -> bool {
        let sender = self.host.state().questions.remove(&question);
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }
}

pub(crate) fn lock(slot: &Slot) -> MutexGuard<'_, Option<Client>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
