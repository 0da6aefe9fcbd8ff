//! Bounded calls to a file system that may hang, such as a hard NFS mount whose server is down.

#![expect(
    clippy::disallowed_methods,
    reason = "this module starts the threads for calls that may hang"
)]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

/// Runs each call on its own thread and waits for it up to a timeout.
#[derive(Debug, Default)]
pub(super) struct Worker {
    /// How many calls timed out and are still blocked in the file system.
    late: Arc<AtomicUsize>,
}

/// Why a call returned no result.
#[derive(Debug)]
pub(super) enum Missed {
    /// The call timed out.
    Late,
    /// The call was not started, because no thread could be created.
    NoThread(io::Error),
}

const RUNNING: u8 = 0;
const LATE: u8 = 1;
const DONE: u8 = 2;

impl Worker {
    /// Returns the call's result if it finishes in time. A later result is dropped.
    pub(super) fn run<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Missed> {
        // Each blocks a thread, and a file system that hangs on these hangs on more of them, too.
        const MAX_LATE: usize = 4;
        if self.late.load(Ordering::SeqCst) >= MAX_LATE {
            return Err(Missed::Late);
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let state = Arc::new(AtomicU8::new(RUNNING));
        let (ends, late) = (Arc::clone(&state), Arc::clone(&self.late));
        let spawned = std::thread::Builder::new()
            .name("countersign-files".into())
            .spawn(move || {
                // If it is late, the receiver is gone.
                let _ = sender.send(call());
                if ends.swap(DONE, Ordering::SeqCst) == LATE {
                    late.fetch_sub(1, Ordering::SeqCst);
                }
            });
        spawned.map_err(Missed::NoThread)?;
        match receiver.recv_timeout(patience) {
            Ok(value) => Ok(value),
            // The call panicked.
            Err(RecvTimeoutError::Disconnected) => Err(Missed::Late),
            Err(RecvTimeoutError::Timeout) => {
                let gone =
                    state.compare_exchange(RUNNING, LATE, Ordering::SeqCst, Ordering::SeqCst);
                if gone.is_ok() {
                    self.late.fetch_add(1, Ordering::SeqCst);
                }
                receiver.try_recv().map_err(|_| Missed::Late)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn calls_that_hang_time_out_and_a_few_of_them_block_further_calls() {
        let (worker, short) = (Worker::default(), Duration::from_millis(5));
        let long = Duration::from_secs(60);
        assert!(matches!(worker.run(long, || 7), Ok(7)));
        let stuck = Arc::new(Barrier::new(5));
        for _ in 0..4 {
            let stuck = Arc::clone(&stuck);
            let timed_out = worker.run(short, move || stuck.wait().is_leader());
            assert!(matches!(timed_out, Err(Missed::Late)), "{timed_out:?}");
        }
        // This neither starts a thread nor waits.
        assert!(matches!(worker.run(long, || 7), Err(Missed::Late)));
        stuck.wait();
        while worker.run(long, || 7).is_err() {
            std::thread::yield_now();
        }
    }
}
