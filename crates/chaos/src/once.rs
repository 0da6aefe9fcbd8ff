//! One refresh with one fault.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign_core::failpoint::{Failpoints, Point};
use countersign_core::{Client, Error, ErrorKind, FileStore, Store, Swap, Verdict, store};
use countersign_store_conformance::Intercepted;
use rustix::process::{Signal, getpid, kill_process};

use crate::{Server, connection, open};

/// A fault at a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Does nothing.
    None,
    /// Kills this process.
    Kill,
    /// Panics in the refreshing thread, which replaces a kill if the store is in memory.
    Panic,
    /// Fails the step.
    Error,
    /// Delays the step.
    Delay(Duration),
}

/// Injects a fault once.
///
/// If its failpoint is one of the fallback store's, the store rejects every write from the response
/// on, until it is repaired.
#[derive(Debug)]
pub struct Failing {
    point: Point,
    mishap: Mishap,
    fired: AtomicBool,
    broken: Arc<AtomicBool>,
}

impl Failing {
    /// Returns a fault at a failpoint.
    pub fn new(point: Point, mishap: Mishap) -> Arc<Self> {
        Arc::new(Self {
            point,
            mishap,
            fired: AtomicBool::new(false),
            broken: Arc::default(),
        })
    }

    /// Wraps the store, so that it can reject writes.
    pub fn around(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        let broken = Arc::clone(&self.broken);
        let message = "the test makes the store reject this write";
        Arc::new(Intercepted::new(store).on_change(
            move |change| match broken.load(Ordering::SeqCst) {
                true => {
                    Swap::Unavailable(store::Error::new(store::ErrorKind::Unavailable, message))
                }
                false => change(),
            },
        ))
    }

    /// Repairs the store: it accepts writes again.
    pub fn mend(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    /// Reports whether the refresh reached the failpoint.
    pub fn fired(&self) -> bool {
        self.fired.load(Ordering::SeqCst)
    }
}

impl Failpoints for Failing {
    fn at(&self, point: Point) -> Result<(), Error> {
        let of_fallback = matches!(self.point, Point::BeforeFallback | Point::InFallback);
        if of_fallback && point == Point::BeforePersist && !self.fired() {
            self.broken.store(true, Ordering::SeqCst);
        }
        if point != self.point || self.fired.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        match self.mishap {
            Mishap::None => Ok(()),
            Mishap::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
                std::process::abort()
            }
            // Panics without a message on stderr.
            Mishap::Panic => std::panic::resume_unwind(Box::new(())),
            Mishap::Error => Err(
                Error::new(ErrorKind::Store, "the test makes this step fail")
                    .with_verdict(Verdict::Retry),
            ),
            Mishap::Delay(span) => {
                std::thread::sleep(span);
                Ok(())
            }
        }
    }
}

/// The options of a child process, from its command line.
#[derive(Clone, Debug)]
pub struct Order {
    /// The sandbox's folder.
    pub folder: PathBuf,
    /// The server's policy.
    pub server: Server,
    /// The store's setting.
    pub store: String,
    /// The folder of the fallback store.
    pub fallback: PathBuf,
    /// The setting `timeout_ms`.
    pub timeout_ms: u64,
    /// The failpoint at which it kills itself; `None` completes the refresh.
    pub point: Option<Point>,
}

/// Refreshes once, up to a failpoint if there is one. Returns the error, if there is one.
pub fn once(order: &Order) -> Option<String> {
    let failpoints = match order.point {
        Some(point) => Failing::new(point, Mishap::Kill),
        None => Failing::new(Point::Leased, Mishap::None),
    };
    let connection = connection(
        &order.folder,
        "boldsign-refresh",
        order.server,
        order.timeout_ms,
    );
    let client = Client::builder(connection)
        .store(failpoints.around(open(&order.store)))
        .fallback_store(Arc::new(
            FileStore::open(&order.fallback).expect("open the fallback store"),
        ))
        .failpoints(failpoints)
        .build()
        .expect("build a client");
    client.token().err().map(|error| error.to_string())
}
