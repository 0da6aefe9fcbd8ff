//! A caller's timeout or cancellation ends its wait, and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use countersign_core::{
    Cancel, Client, Error, ErrorKind, MemoryStore, Pending, Source, Store, Verdict, forward_store,
};

use crate::support::{
    Bench, bench, bench_with, block_on, client_credentials, refreshing, rotated_response,
    started_login, token_response,
};

const SOON: Duration = Duration::from_millis(1);
const AMPLE: Duration = Duration::from_secs(30);

/// How a caller gives up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Timeout,
    Cancel,
}

impl Limit {
    const ALL: [Self; 2] = [Self::Timeout, Self::Cancel];

    fn kind(self) -> ErrorKind {
        match self {
            Self::Timeout => ErrorKind::Timeout,
            Self::Cancel => ErrorKind::Cancelled,
        }
    }

    /// Waits for a call that hangs, in this thread or as a future, until the caller gives up.
    fn end<T: Clone + Send + 'static>(self, call: Pending<T>, is_future: bool) -> Error {
        let cancel = Cancel::new();
        let call = match self {
            Self::Timeout => call.timeout(SOON),
            Self::Cancel => call.cancel_with(&cancel),
        };
        let setter = std::thread::spawn(move || match self {
            Self::Timeout => {}
            Self::Cancel => cancel.cancel(),
        });
        let result = match is_future {
            true => block_on(call),
            false => call.wait(),
        };
        setter.join().unwrap();
        match result {
            Ok(_) => panic!("{self:?}: the call hangs"),
            Err(error) => error,
        }
    }
}

type Call = (&'static str, fn(&Client, Limit, bool) -> Error);

/// All async calls that send a request.
const CALLS: [Call; 7] = [
    ("token", |client, limit, is_future| {
        limit.end(client.token_async(), is_future)
    }),
    ("token_valid_for", |client, limit, is_future| {
        limit.end(
            client.token_valid_for_async(Duration::from_secs(60)),
            is_future,
        )
    }),
    ("refresh_now", |client, limit, is_future| {
        limit.end(client.refresh_now_async(), is_future)
    }),
    ("complete_login", |client, limit, is_future| {
        let (login, callback) = started_login(client).unwrap();
        limit.end(client.complete_login_async(&login, &callback), is_future)
    }),
    ("identity", |client, limit, is_future| {
        limit.end(client.identity_async(), is_future)
    }),
    ("forget", |client, limit, is_future| {
        limit.end(client.forget_async(), is_future)
    }),
    ("force_forget", |client, limit, is_future| {
        limit.end(client.force_forget_async(), is_future)
    }),
];

fn held(responses: usize) -> Bench {
    let responses = (0..responses).map(|_| Ok(rotated_response("a", "r1", 3600)));
    let bench = bench(refreshing(), responses);
    bench.script.hold();
    bench
}

#[test]
fn a_caller_that_gives_up_gets_its_error_and_the_work_continues() {
    for (name, call) in CALLS {
        for limit in Limit::ALL {
            for is_future in [false, true] {
                let bench = held(2);
                let error = call(&bench.client, limit, is_future);
                assert_eq!(
                    (error.kind(), error.verdict()),
                    (limit.kind(), Verdict::Retry),
                    "{name}: {error}"
                );
                assert!(error.hint().unwrap().contains("call again"), "{error:?}");
                if limit == Limit::Timeout {
                    // A cancelled call may have ended before it began.
                    bench.script.wait_for_requests(1);
                }
                bench.script.release();
                bench.client.drain(AMPLE).unwrap();
            }
        }
    }
}

#[test]
fn giving_up_is_never_the_outcome_of_the_request() {
    for limit in Limit::ALL {
        let bench = held(1);
        let client = bench.client.clone();
        let first = std::thread::spawn(move || client.token());
        bench.script.wait_for_requests(1);
        let error = limit.end(bench.client.token_async(), true);
        assert_eq!(error.kind(), limit.kind());
        bench.script.release();
        assert_eq!(first.join().unwrap().unwrap().expose(), "a");
        let counts = bench.client.counts();
        assert_eq!((counts.refreshed, counts.failures), (1, 0), "{limit:?}");
        let again = bench_with(refreshing(), [], Arc::clone(&bench.store));
        assert_eq!(again.client.token().unwrap().source(), Source::Store);
    }
}

#[test]
fn after_a_timeout_the_cached_token_is_returned_while_it_is_valid() {
    let responses = ["a", "b"].map(|token| Ok(token_response(token, 3600)));
    let bench = bench(client_credentials(), responses);
    bench.client.token().unwrap();
    bench.script.hold();
    let token = bench.client.refresh_now_async().timeout(SOON).wait();
    assert_eq!(token.unwrap().expose(), "a");
    // A caller that cancelled wants no token.
    let error = Limit::Cancel.end(bench.client.refresh_now_async(), false);
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    bench.script.release();
}

#[test]
fn a_call_whose_signal_is_already_set_does_nothing() {
    // A request would fail otherwise, because the script has no response for it.
    let bench = bench(refreshing(), []);
    let cancel = Cancel::new();
    cancel.cancel();
    for is_future in [false, true] {
        let calls: [Result<(), Error>; 3] = [
            ended(bench.client.token_async().cancel_with(&cancel), is_future),
            ended(bench.client.forget_async().cancel_with(&cancel), is_future),
            ended(bench.client.events_async().cancel_with(&cancel), is_future),
        ];
        for result in calls {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        }
    }
    bench.client.drain(AMPLE).unwrap();
    assert!(bench.script.requests().is_empty());
    assert!(bench.client.events().unwrap().is_empty());
}

fn ended<T: Clone + Send + 'static>(call: Pending<T>, is_future: bool) -> Result<(), Error> {
    match is_future {
        true => block_on(call).map(drop),
        false => call.wait().map(drop),
    }
}

#[test]
fn a_timeout_does_not_extend_the_bound_of_every_call() {
    let transport = countersign_core::testing::MockTransport::new([]);
    transport.hold();
    let client = Client::builder(client_credentials())
        .transport(transport.clone())
        .max_wait(SOON)
        .build()
        .unwrap();
    let error = client.token_async().timeout(AMPLE).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    transport.release();
}

/// A task that records whether it was woken.
#[derive(Debug, Default)]
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn ten_thousand_dropped_futures_keep_no_waker() {
    let bench = held(1);
    let (task, cancel) = (Arc::new(Task::default()), Cancel::new());
    let waker = Waker::from(Arc::clone(&task));
    let mut waiting: Vec<_> = (0..10_000)
        .map(|_| bench.client.token_async().cancel_with(&cancel))
        .collect();
    for future in &mut waiting {
        let mut context = Context::from_waker(&waker);
        assert!(std::pin::Pin::new(future).poll(&mut context).is_pending());
    }
    let registered = Arc::strong_count(&task);
    assert!(registered > 10_000, "{registered}");
    drop(waiting);
    // Ours and that of `waker`.
    assert_eq!(Arc::strong_count(&task), 2);
    bench.script.wait_for_requests(1);
    bench.script.release();
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    assert!(!task.0.load(Ordering::SeqCst), "nobody was waiting");
}

#[test]
fn a_future_that_moves_to_another_task_wakes_only_that_one() {
    let bench = held(1);
    let mut future = bench.client.token_async();
    let tasks = [(); 2].map(|()| Arc::new(Task::default()));
    for task in &tasks {
        let waker = Waker::from(Arc::clone(task));
        let polled = std::pin::Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
    }
    assert_eq!(Arc::strong_count(&tasks[0]), 1);
    bench.script.release();
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    while !tasks[1].0.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    assert!(!tasks[0].0.load(Ordering::SeqCst));
    let polled = std::pin::Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(_))));
}

/// A store that holds back the result of its first load after [`Slow::hold`].
#[derive(Debug, Default)]
struct Slow {
    below: MemoryStore,
    loads: Mutex<Loads>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Loads {
    count: usize,
    hold_next: bool,
    is_held: bool,
}

impl Slow {
    fn hold(&self) {
        let mut loads = self.loads.lock().unwrap();
        loads.hold_next = true;
        loads.count = 0;
    }

    fn wait_until_held(&self) {
        let loads = self.loads.lock().unwrap();
        drop(
            self.changed
                .wait_while(loads, |loads| !loads.is_held)
                .unwrap(),
        );
    }

    fn release(&self) {
        self.loads.lock().unwrap().is_held = false;
        self.changed.notify_all();
    }

    fn loaded(&self) {
        let mut loads = self.loads.lock().unwrap();
        loads.count += 1;
        if std::mem::take(&mut loads.hold_next) {
            loads.is_held = true;
            self.changed.notify_all();
            drop(
                self.changed
                    .wait_while(loads, |loads| loads.is_held)
                    .unwrap(),
            );
        }
    }

    fn count(&self) -> usize {
        self.loads.lock().unwrap().count
    }
}

impl Store for Slow {
    forward_store!(self => self.below; capabilities, now_ms, compare_and_swap, tombstone, lease,
        renew, release, keys, set_aside);

    fn load(
        &self,
        key: &countersign_core::StoreKey,
    ) -> Result<Option<countersign_core::Stored>, countersign_core::store::Error> {
        let loaded = self.below.load(key);
        self.loaded();
        loaded
    }
}

#[test]
fn a_read_is_shared_but_never_older_than_the_call_for_it() {
    let store = Arc::new(Slow::default());
    let responses = [Ok(rotated_response("a", "r1", 3600))];
    let bench = bench_with(
        refreshing(),
        responses,
        Arc::clone(&store) as Arc<dyn Store>,
    );
    let client = bench.client.clone();
    store.hold();
    let early = std::thread::spawn(move || client.events());
    store.wait_until_held();
    bench.client.token().unwrap();
    let before = store.count();
    let mut late: Vec<_> = (0..100).map(|_| bench.client.events_async()).collect();
    for call in &mut late {
        let polled = std::pin::Pin::new(call).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    assert_eq!(store.count(), before, "they wait for the first read to end");
    store.release();
    assert!(early.join().unwrap().unwrap().is_empty());
    for call in late {
        assert_eq!(call.wait().unwrap().len(), 2);
    }
    assert_eq!(store.count(), before + 1, "one read for all of them");
}
