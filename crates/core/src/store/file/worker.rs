//! Calls into a file system that may never come back, as a hard NFS mount whose server is gone.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Runs calls on threads of their own, and waits for each as long as it may take.
#[derive(Debug, Default)]
pub(super) struct Worker {
    /// How many calls were given up and are still in the file system's hands.
    late: Arc<AtomicUsize>,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum Missed {
    /// It did not come back in time.
    Late,
    /// It was not begun: the system gives this process no more threads.
    NoThread(io::Error),
}

const RUNNING: u8 = 0;
const LATE: u8 = 1;
const DONE: u8 = 2;

impl Worker {
    /// What the call returns, if it returns in time. The result of a later return is dropped.
    pub(super) fn run<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Missed> {
        // Each holds a thread: a file system that does not answer these does not answer more.
        const MOST: usize = 4;
        if self.late.load(Ordering::SeqCst) >= MOST {
            return Err(Missed::Late);
        }
        let (tell, told) = mpsc::sync_channel(1);
        let state = Arc::new(AtomicU8::new(RUNNING));
        let (ends, late) = (Arc::clone(&state), Arc::clone(&self.late));
        let spawned = std::thread::Builder::new()
            .name("countersign-files".into())
            .spawn(move || {
                // Nobody listens any more if it is late.
                let _ = tell.send(call());
                if ends.swap(DONE, Ordering::SeqCst) == LATE {
                    late.fetch_sub(1, Ordering::SeqCst);
                }
            });
        spawned.map_err(Missed::NoThread)?;
        match told.recv_timeout(patience) {
            Ok(value) => Ok(value),
            // It panicked.
            Err(RecvTimeoutError::Disconnected) => Err(Missed::Late),
            Err(RecvTimeoutError::Timeout) => {
                let gone =
                    state.compare_exchange(RUNNING, LATE, Ordering::SeqCst, Ordering::SeqCst);
                if gone.is_ok() {
                    self.late.fetch_add(1, Ordering::SeqCst);
                }
                told.try_recv().map_err(|_| Missed::Late)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_given_up_and_a_few_of_them_are_the_last() {
        let (worker, short) = (Worker::default(), Duration::from_millis(5));
        let long = Duration::from_secs(60);
        assert!(matches!(worker.run(long, || 7), Ok(7)));
        let stuck = Arc::new(Barrier::new(5));
        for _ in 0..4 {
            let stuck = Arc::clone(&stuck);
            let given_up = worker.run(short, move || stuck.wait().is_leader());
            assert!(matches!(given_up, Err(Missed::Late)), "{given_up:?}");
        }
        // The file system is asked no more: this neither starts a thread nor waits.
        assert!(matches!(worker.run(long, || 7), Err(Missed::Late)));
        stuck.wait();
        while worker.run(long, || 7).is_err() {
            std::thread::yield_now();
        }
    }
}
