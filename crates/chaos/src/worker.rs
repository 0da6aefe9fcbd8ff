//! A process whose threads want the connection's token all the time, and which tells its parent
//! where each refresh is, so that the parent knows what a kill fell on.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign::probe::{Point, Probe};
use countersign::{Clock, Error, Keeper, SystemClock};
use serde::{Deserialize, Serialize};

use crate::{Server, connection, open};

/// What a worker is told to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The sandbox's folder.
    pub folder: PathBuf,
    /// Its policy.
    pub server: Server,
    /// The store's setting.
    pub store: String,
    /// The request's timeout.
    pub timeout_ms: u64,
    /// How many threads want a token.
    pub threads: usize,
}

/// A line that a worker prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// A refresh is at this point.
    At(String),
    /// From an answer read to its being durable, in microseconds.
    Window(u64),
    /// A caller waited longer than any before, between these moments.
    Waited {
        /// In milliseconds since 1970.
        from_ms: i64,
        /// In milliseconds since 1970.
        to_ms: i64,
    },
    /// A caller was refused.
    Refused {
        /// The verdict.
        verdict: String,
        /// The kind.
        kind: String,
        /// The words.
        message: String,
    },
    /// A caller was given a token that had run out before the call.
    Expired,
}

/// Works until its standard input is closed.
pub fn work(order: &Order) {
    let reporter = Arc::new(Reporter::default());
    let keeper = Keeper::builder(connection(
        &order.folder,
        "boldsign-code",
        order.server,
        order.timeout_ms,
    ))
    .store(open(&order.store))
    .probe(Arc::clone(&reporter) as Arc<dyn Probe>)
    .build()
    .expect("a keeper");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..order.threads {
            scope.spawn(|| want(&keeper, &reporter, &stop));
        }
        // The parent closes it when it is done, and when it dies.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stop.store(true, Ordering::SeqCst);
    });
}

fn want(keeper: &Keeper, reporter: &Reporter, stop: &AtomicBool) {
    let clock = SystemClock::new();
    while !stop.load(Ordering::SeqCst) {
        let before = clock.now();
        let got = keeper.token();
        let after = clock.now();
        let waited = after.boot_ms - before.boot_ms;
        if waited > reporter.longest_ms.fetch_max(waited, Ordering::SeqCst) {
            reporter.say(&Line::Waited {
                from_ms: before.unix_ms,
                to_ms: after.unix_ms,
            });
        }
        let pause = match got {
            Ok(token) => {
                // By the clock of before the call: being slow to look is no fault of the keeper.
                if token.remaining(before).is_zero() {
                    reporter.say(&Line::Expired);
                }
                Duration::from_millis(3)
            }
            Err(error) => {
                reporter.say(&Line::Refused {
                    verdict: error.verdict().as_str().to_owned(),
                    kind: error.kind().as_str().to_owned(),
                    message: error.message().to_owned(),
                });
                Duration::from_millis(50)
            }
        };
        std::thread::park_timeout(pause);
    }
}

#[derive(Default)]
struct Reporter {
    longest_ms: AtomicU64,
    read_at: Mutex<Option<Instant>>,
}

impl Reporter {
    fn say(&self, line: &Line) {
        let text = serde_json::to_string(line).unwrap_or_default() + "\n";
        // In one write: what a killed process has said is said.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

impl Probe for Reporter {
    fn at(&self, point: Point) -> Result<(), Error> {
        self.say(&Line::At(format!("{point:?}")));
        let Ok(mut read_at) = self.read_at.lock() else {
            return Ok(());
        };
        match point {
            Point::BeforePersist => *read_at = Some(Instant::now()),
            Point::Persisted => {
                if let Some(since) = read_at.take() {
                    let micros = since.elapsed().as_micros();
                    drop(read_at);
                    self.say(&Line::Window(u64::try_from(micros).unwrap_or(u64::MAX)));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
