//! Polls the calls that were started, and calls back with their results.
//!
//! One thread per process does so, while there are such calls.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use countersign_core::{Error, ErrorKind, Verdict};

use crate::boundary::panicked;
use crate::callback::calling_done;
use crate::error::Failure;
use crate::handle::new;
use crate::result::{Returned, Value};
use crate::{csign_result, fork};

/// What a call that was started returns.
pub(crate) type Outcome = Result<Value, Failure>;

type Call = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The function that gets a result, and the host's data.
pub(crate) struct Done {
    pub(crate) call: unsafe extern "C" fn(*mut c_void, *mut csign_result),
    pub(crate) user_data: *mut c_void,
    /// The client's id, on which the function must not wait.
    pub(crate) client: u64,
}

// SAFETY: csign_done_fn's documentation says that it is called on another thread.
unsafe impl Send for Done {}

/// The calls of a process that have a result, or that may have one.
struct Queue {
    /// The generation of the process. After fork, the child has another queue: missing threads may
    /// hold the locks of this one.
    born: u32,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    woken: VecDeque<Arc<Task>>,
    /// How many calls have not called back yet.
    pending: usize,
    is_running: bool,
}

struct Task {
    queue: &'static Queue,
    progress: Mutex<Progress>,
}

enum Progress {
    Waiting(Call, Finish),
    Ended(Outcome, Finish),
    Done,
}

/// What happens after a call has ended, before and when it calls back.
struct Finish {
    before: Box<dyn FnOnce(&Outcome) + Send>,
    done: Done,
}

/// Starts a call on this thread. Calls `before` and `done` once each on the other one, unless it
/// fails.
pub(crate) fn start(
    call: impl Future<Output = Outcome> + Send + 'static,
    before: impl FnOnce(&Outcome) + Send + 'static,
    done: Done,
) -> Result<(), Failure> {
    let queue = Queue::of_this_process();
    queue.expect_one()?;
    let before = Box::new(before);
    let task = Arc::new(Task {
        queue,
        progress: Mutex::new(Progress::Waiting(Box::pin(call), Finish { before, done })),
    });
    if task.poll() {
        queue.push(task);
    }
    Ok(())
}

impl Queue {
    fn of_this_process() -> &'static Self {
        static CURRENT: AtomicPtr<Queue> = AtomicPtr::new(ptr::null_mut());
        let born = fork::generation();
        loop {
            let current = CURRENT.load(Ordering::Acquire);
            // SAFETY: NULL, or leaked below, so that it is never freed.
            if let Some(queue) = unsafe { current.as_ref() }
                && queue.born == born
            {
                return queue;
            }
            let made = Box::into_raw(Box::new(Self {
                born,
                state: Mutex::default(),
                changed: Condvar::new(),
            }));
            let swapped =
                CURRENT.compare_exchange(current, made, Ordering::AcqRel, Ordering::Acquire);
            if swapped.is_err() {
                // SAFETY: made above, and nobody else has it.
                drop(unsafe { Box::from_raw(made) });
            }
        }
    }

    /// Counts a call, and starts the thread if none is running.
    fn expect_one(&'static self) -> Result<(), Failure> {
        let mut state = self.state();
        if !state.is_running {
            let thread = std::thread::Builder::new().name("countersign-done".into());
            thread.spawn(|| self.run()).map_err(|error| {
                let message = format!("cannot start a thread for the results: {error}");
                Error::new(ErrorKind::Internal, message).with_verdict(Verdict::Retry)
            })?;
            state.is_running = true;
        }
        state.pending += 1;
        Ok(())
    }

    fn push(&self, task: Arc<Task>) {
        self.state().woken.push_back(task);
        self.changed.notify_one();
    }

    /// Calls back until no call is pending.
    fn run(&self) {
        let mut state = self.state();
        loop {
            if let Some(task) = state.woken.pop_front() {
                drop(state);
                let has_called_back = task.poll() && task.call_back();
                drop(task);
                state = self.state();
                state.pending -= usize::from(has_called_back);
            } else if state.pending == 0 {
                state.is_running = false;
                return;
            } else {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// Polls the call, and returns whether it has ended and not called back yet.
    fn poll(self: &Arc<Self>) -> bool {
        let mut progress = self.progress();
        let Progress::Waiting(call, _) = &mut *progress else {
            return matches!(*progress, Progress::Ended(..));
        };
        let waker = Waker::from(Arc::clone(self));
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut context)));
        let outcome = match polled {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panic) => Err(panicked(&*panic)),
        };
        if let Progress::Waiting(call, finish) = std::mem::replace(&mut *progress, Progress::Done) {
            *progress = Progress::Ended(outcome, finish);
            drop(progress);
            // The last owner of a client may be dropped here, which calls the host.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(call)));
        }
        true
    }

    /// Calls back with the outcome. Returns whether that is the first time.
    fn call_back(&self) -> bool {
        let ended = std::mem::replace(&mut *self.progress(), Progress::Done);
        let Progress::Ended(outcome, finish) = ended else {
            return false;
        };
        // Whatever happens here, the host gets its data back.
        let prepared = catch_unwind(AssertUnwindSafe(|| {
            (finish.before)(&outcome);
            new(Returned::new(outcome)).unwrap_or(ptr::null_mut())
        }));
        let result = prepared.unwrap_or(ptr::null_mut());
        let Done {
            call,
            user_data,
            client,
        } = finish.done;
        // SAFETY: the host passed function and data together, for one call.
        calling_done(client, || unsafe { call(user_data, result) });
        true
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let queue = self.queue;
        queue.push(self);
    }
}
