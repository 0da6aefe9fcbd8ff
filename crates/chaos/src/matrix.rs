//! The crash matrix: one refresh with one fault at one failpoint, and what became of the grant.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign_core::failpoint::Point;
use countersign_core::{Client, ErrorKind, FileStore, Store, Verdict};

use crate::once::{Failing, Mishap};
use crate::{Place, PlaceKind, Server, Stage, table};

/// The maximum duration of a request.
pub(crate) const TIMEOUT_MS: u64 = 1000;

/// Longer than a request may take.
const DELAY: Duration = Duration::from_millis(1500);

pub(crate) const CONNECTION: &str = "boldsign-refresh";

/// A fault at a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Kills a real process. With a store in memory, panics in the refreshing thread.
    Kill,
    /// Fails the step.
    Error,
    /// Delays the step beyond the request's timeout, while another client wants the same token.
    Delay,
}

impl Act {
    const ALL: [Self; 3] = [Self::Kill, Self::Error, Self::Delay];

    fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Error => "error",
            Self::Delay => "delay",
        }
    }
}

/// One cell of the matrix.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The failpoint.
    pub point: Point,
    /// The fault.
    pub act: Act,
    /// The server's policy.
    pub server: Server,
}

impl Case {
    /// Reports whether the only copy of the new token is lost, so that no client can keep it.
    ///
    /// The process that has it is killed, or the response is dropped before it is read, and the
    /// server doesn't accept the old token again.
    pub fn loses_the_only_response(&self) -> bool {
        let with_holder = matches!(
            self.point,
            Point::Received | Point::BeforePersist | Point::BeforeFallback
        );
        self.server == Server::Strict
            && match self.act {
                Act::Kill => with_holder,
                Act::Error => self.point == Point::Received,
                Act::Delay => false,
            }
    }
}

/// What became of the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The refresh token in the store works.
    Kept,
    /// The grant is lost, and the error says so and names the attempt.
    LostAndReported,
    /// The grant is lost, and the error says something else.
    Lost(String),
    /// The fault was not injected, or something else went wrong.
    Broken(String),
}

/// Runs all cases with one store, ordered by failpoint, server and fault.
///
/// # Panics
///
/// If the store's server doesn't start.
pub fn run(kind: PlaceKind, program: &Path) -> Vec<(Case, Outcome)> {
    let place = Place::start(kind);
    let cases: Vec<_> = Point::ALL
        .iter()
        .flat_map(|&point| {
            [Server::Strict, Server::Grace]
                .into_iter()
                .flat_map(move |server| Act::ALL.map(|act| Case { point, act, server }))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(&case) = cases.get(index) else {
                return done;
            };
            done.push((
                index,
                case,
                one(&place, &format!("case{index}"), case, program),
            ));
        }
    };
    let mut outcomes: Vec<_> = std::thread::scope(|scope| {
        // A case mostly waits for a deadline, or for a lease to expire.
        let threads: Vec<_> = (0..24).map(|_| scope.spawn(work)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        joined.flatten().collect()
    });
    outcomes.sort_by_key(|(index, ..)| *index);
    outcomes
        .into_iter()
        .map(|(_, case, outcome)| (case, outcome))
        .collect()
}

/// Returns the outcomes as a Markdown table.
pub fn markdown(outcomes: &[(Case, Outcome)]) -> String {
    let mut heading = vec!["point".to_owned()];
    for server in [Server::Strict, Server::Grace] {
        heading.extend(Act::ALL.map(|act| format!("{}, {}", server.as_str(), act.as_str())));
    }
    let mut rows = vec![heading];
    for chunk in outcomes.chunks(2 * Act::ALL.len()) {
        let mut row = vec![format!("`{:?}`", chunk[0].0.point)];
        row.extend(chunk.iter().map(|(case, outcome)| word(case, outcome)));
        rows.push(row);
    }
    table(&rows)
}

/// Returns what is wrong with the outcomes: avoidable losses and wrong errors.
pub fn complaints(outcomes: &[(Case, Outcome)]) -> Vec<String> {
    let wrong = |(case, outcome): &&(Case, Outcome)| match outcome {
        Outcome::Kept => false,
        Outcome::LostAndReported => !case.loses_the_only_response(),
        Outcome::Lost(_) | Outcome::Broken(_) => true,
    };
    let wrong = outcomes.iter().filter(wrong);
    wrong
        .map(|(case, outcome)| format!("{case:?}: {outcome:?}"))
        .collect()
}

fn word(case: &Case, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Kept => "kept".into(),
        Outcome::LostAndReported if case.loses_the_only_response() => "lost, reported".into(),
        Outcome::LostAndReported => "LOST, reported".into(),
        Outcome::Lost(_) => "LOST".into(),
        Outcome::Broken(_) => "BROKEN".into(),
    }
}

fn one(place: &Place, name: &str, case: Case, program: &Path) -> Outcome {
    let stage = Stage::start(case.server, 3600);
    let fallback = tempfile::tempdir().expect("create a folder");
    let fallback_folder = fallback.path().join("fallback");
    let client = |store: Arc<dyn Store>, failpoints: Option<Arc<Failing>>| {
        let connection = stage.connection(CONNECTION, TIMEOUT_MS);
        let fallback = FileStore::open(&fallback_folder).expect("open the fallback store");
        let store = match &failpoints {
            Some(failpoints) => failpoints.around(store),
            None => store,
        };
        let mut builder = Client::builder(connection)
            .store(store)
            .fallback_store(Arc::new(fallback));
        if let Some(failpoints) = failpoints {
            builder = builder.failpoints(failpoints);
        }
        builder.build().expect("build a client")
    };
    if let Err(why) = stage.use_up(&client(place.open(name), None)) {
        return Outcome::Broken(format!("the first refresh: {why}"));
    }
    let survivor = match (case.act, place) {
        (Act::Kill, Place::Memory(_)) => {
            let failpoints = Failing::new(case.point, Mishap::Panic);
            drop(client(place.open(name), Some(Arc::clone(&failpoints))).token());
            if !failpoints.fired() {
                return Outcome::Broken("the refresh did not reach the failpoint".into());
            }
            failpoints.mend();
            client(place.open(name), None)
        }
        (Act::Kill, _) => {
            if let Err(why) = kill_a_child(
                &stage,
                &place.setting(name),
                &fallback_folder,
                case,
                program,
            ) {
                return Outcome::Broken(why);
            }
            client(place.open(name), None)
        }
        (Act::Error, _) => {
            let failpoints = Failing::new(case.point, Mishap::Error);
            let same = client(place.open(name), Some(Arc::clone(&failpoints)));
            drop(same.token());
            if !failpoints.fired() {
                return Outcome::Broken("the refresh did not reach the failpoint".into());
            }
            failpoints.mend();
            same
        }
        (Act::Delay, _) => {
            let failpoints = Failing::new(case.point, Mishap::Delay(DELAY));
            let slow = client(place.open(name), Some(Arc::clone(&failpoints)));
            let other = client(place.open(name), None);
            std::thread::scope(|scope| {
                let refresh = scope.spawn(|| drop(slow.token()));
                while !failpoints.fired() && !refresh.is_finished() {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                let heals = matches!(case.point, Point::BeforeFallback | Point::InFallback);
                if heals {
                    failpoints.mend();
                }
                drop(other.token());
            });
            if !failpoints.fired() {
                return Outcome::Broken("the refresh did not reach the failpoint".into());
            }
            if stage.refreshes().len() > 2 {
                return Outcome::Broken("the second client sent a request as well".into());
            }
            slow
        }
    };
    judge(&survivor, &stage)
}

fn kill_a_child(
    stage: &Stage,
    store: &str,
    fallback: &Path,
    case: Case,
    program: &Path,
) -> Result<(), String> {
    let point = Point::ALL.iter().position(|point| *point == case.point);
    let status = Command::new(program)
        .arg("once")
        .args(["--server", case.server.as_str(), "--store", store])
        .args(["--timeout-ms", &TIMEOUT_MS.to_string()])
        .args(["--point", &point.unwrap_or_default().to_string()])
        .args([Path::new("--folder"), stage.sandbox.dir()])
        .args([Path::new("--fallback"), fallback])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(9) => Ok(()),
        _ => Err(format!("the child was not killed: {status}")),
    }
}

/// Retries as a caller would, and then checks whether the stored refresh token still works.
pub(crate) fn judge(client: &Client, stage: &Stage) -> Outcome {
    // The lease of a killed holder expires after twice the timeout and ten seconds.
    let patience = Duration::from_secs(60);
    let began = Instant::now();
    loop {
        let error = match client.token() {
            Ok(_) => break,
            Err(error) => error,
        };
        match (error.verdict(), error.kind()) {
            (Verdict::Reauthorize, ErrorKind::LoginRequired) => {
                return match error.message().contains("the response to refresh attempt ") {
                    true => Outcome::LostAndReported,
                    false => Outcome::Lost(error.to_string()),
                };
            }
            (Verdict::Retry | Verdict::OutcomeUnknown, _) if began.elapsed() < patience => {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            _ => return Outcome::Lost(error.to_string()),
        }
    }
    let before = stage.refreshes().len();
    match client.refresh_now() {
        Ok(_) => match stage.refreshes().len() - before {
            1 => {}
            sent => return Outcome::Broken(format!("refresh_now sent {sent} requests")),
        },
        Err(error) => return Outcome::Lost(error.to_string()),
    }
    match stage.refreshes().last().and_then(|entry| entry.status) {
        Some(200) => Outcome::Kept,
        status => Outcome::Lost(format!("the server returned {status:?}")),
    }
}
