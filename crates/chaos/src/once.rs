//! One refresh with one mishap in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign::probe::{Point, Probe};
use countersign::{Error, ErrorKind, FileStore, Keeper, Store, Swap, Verdict, store};
use countersign_store_conformance::Intercepted;
use rustix::process::{Signal, getpid, kill_process};

use crate::{Server, connection, open};

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Nothing.
    None,
    /// SIGKILL to this very process.
    Kill,
    /// The refresh thread ends in a panic: the death of a holder whose store lives in the process.
    Panic,
    /// The step fails.
    Error,
    /// The step takes this long.
    Delay(Duration),
}

/// Brings a mishap about, once. Where its point is one of the spool's, the store takes nothing
/// from the answer on until it is mended.
#[derive(Debug)]
pub struct Probing {
    point: Point,
    mishap: Mishap,
    fired: AtomicBool,
    broken: Arc<AtomicBool>,
}

impl Probing {
    /// A mishap at a point.
    pub fn new(point: Point, mishap: Mishap) -> Arc<Self> {
        Arc::new(Self {
            point,
            mishap,
            fired: AtomicBool::new(false),
            broken: Arc::default(),
        })
    }

    /// The store as the refresh sees it.
    pub fn around(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        let broken = Arc::clone(&self.broken);
        let message = "the store takes nothing, as the test wants it";
        Arc::new(Intercepted::new(store).on_change(
            move |change| match broken.load(Ordering::SeqCst) {
                true => {
                    Swap::Unavailable(store::Error::new(store::ErrorKind::Unavailable, message))
                }
                false => change(),
            },
        ))
    }

    /// From now on the store takes things again.
    pub fn mend(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    /// Whether the point was reached.
    pub fn fired(&self) -> bool {
        self.fired.load(Ordering::SeqCst)
    }
}

impl Probe for Probing {
    fn at(&self, point: Point) -> Result<(), Error> {
        let of_spool = matches!(self.point, Point::BeforeSpool | Point::Spooled);
        if of_spool && point == Point::BeforePersist && !self.fired() {
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
            // As a panic, but without its noise.
            Mishap::Panic => std::panic::resume_unwind(Box::new(())),
            Mishap::Error => Err(Error::new(ErrorKind::Store, "the test fails this step")
                .with_verdict(Verdict::Retry)),
            Mishap::Delay(span) => {
                std::thread::sleep(span);
                Ok(())
            }
        }
    }
}

/// What a child process is told to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The sandbox's folder.
    pub folder: PathBuf,
    /// Its policy.
    pub server: Server,
    /// The store's setting.
    pub store: String,
    /// The spool's folder.
    pub spool: PathBuf,
    /// The request's timeout.
    pub timeout_ms: u64,
    /// Where to end; nothing for going through with it.
    pub point: Option<Point>,
}

/// Refreshes, and ends in the middle of it if told to. Returns why it failed, if it did.
pub fn once(order: &Order) -> Option<String> {
    let probe = match order.point {
        Some(point) => Probing::new(point, Mishap::Kill),
        None => Probing::new(Point::Leased, Mishap::None),
    };
    let connection = connection(
        &order.folder,
        "boldsign-refresh",
        order.server,
        order.timeout_ms,
    );
    let keeper = Keeper::builder(connection)
        .store(probe.around(open(&order.store)))
        .spool(Arc::new(FileStore::open(&order.spool).expect("the spool")))
        .probe(probe)
        .build()
        .expect("a keeper");
    keeper.token().err().map(|error| error.to_string())
}
