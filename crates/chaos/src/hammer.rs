//! Many processes, one rotating connection, and somebody who kills them at random.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign::Keeper;
use countersign_sandbox::LogEntry;
use rustix::process::{Pid, Signal, kill_process};

use crate::ledger::{self, Kill, Tally, presented};
use crate::worker::Line;
use crate::{Place, PlaceKind, Server, Stage};

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the tokens survive.
    pub store: PlaceKind,
    /// What the server makes of a replay.
    pub server: Server,
    /// How many workers.
    pub processes: usize,
    /// How many threads each.
    pub threads: usize,
    /// How often one is killed or stopped; 0 for never.
    pub kill_ms: u64,
    /// For how long.
    pub seconds: u64,
    /// How slowly the server answers: 16 bytes each so often; 0 for at once. It makes the time
    /// longer in which a kill costs the only answer.
    pub slow_ms: u64,
    /// The program of the workers.
    pub program: PathBuf,
    /// What the randomness begins with.
    pub seed: u64,
}

const NAME: &str = "boldsign-code";
const TTL_S: u64 = 2;
const TIMEOUT_MS: u64 = 2000;

/// Runs it, and tells what it amounts to. Beside it, what was seen of each loss and wrong word.
///
/// # Panics
///
/// Where the sandbox, the store or a worker does not start.
pub fn run(plan: &Plan) -> (Tally, Vec<String>) {
    let stage = Stage::start(plan.server, TTL_S);
    let place = Place::start(plan.store);
    let keeper = stage.keeper(NAME, TIMEOUT_MS, place.open("hammer"));
    stage.log_in(&keeper).expect("the first login");
    if plan.slow_ms > 0 {
        stage.slow_down(plan.slow_ms);
    }
    let mut run = Run {
        plan,
        stage: &stage,
        keeper,
        setting: place.setting("hammer"),
        seen: Arc::default(),
        workers: Vec::new(),
        kills: Vec::new(),
        stops: Vec::new(),
        notes: Vec::new(),
        losses: Losses::default(),
        random: Random(plan.seed | 1),
    };
    run.go();
    run.settle()
}

struct Run<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    /// The parent's own, for logins and for the trail.
    keeper: Keeper,
    setting: String,
    seen: Arc<Mutex<Seen>>,
    workers: Vec<Worker>,
    kills: Vec<Kill>,
    stops: Vec<Stop>,
    notes: Vec<String>,
    losses: Losses,
    random: Random,
}

/// What the workers have told.
#[derive(Default)]
struct Seen {
    at: HashMap<u32, String>,
    windows: Vec<u64>,
    waits: Vec<(u32, i64, i64)>,
    wrong: Vec<String>,
    /// Losses that a caller was told of as such.
    told: Vec<(i64, String)>,
}

#[derive(Default)]
struct Losses {
    /// How much of the server's log was looked at.
    read: usize,
    count: usize,
    avoidable: usize,
    untold: usize,
}

/// A stop of a worker, from SIGSTOP to SIGCONT.
struct Stop {
    pid: u32,
    from_ms: i64,
    to_ms: Option<i64>,
    until: Instant,
}

struct Worker {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Run<'_> {
    fn go(&mut self) {
        for _ in 0..self.plan.processes {
            let worker = self.start();
            self.workers.push(worker);
        }
        let end = Instant::now() + Duration::from_secs(self.plan.seconds);
        let interval = Duration::from_millis(self.plan.kill_ms);
        let mut next = Instant::now() + interval;
        while Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(10));
            self.wake_the_stopped(false);
            self.look_for_losses();
            self.miss_nobody();
            if self.plan.kill_ms > 0 && Instant::now() >= next {
                self.strike();
                next = Instant::now() + interval;
            }
        }
        self.wake_the_stopped(true);
        for worker in std::mem::take(&mut self.workers) {
            worker.end();
        }
        self.look_for_losses();
    }

    fn settle(self) -> (Tally, Vec<String>) {
        let log = self.stage.sandbox.log();
        let mut seen = lock(&self.seen);
        let stopped = |pid: u32, from: i64, to: i64| {
            self.stops.iter().any(|stop| {
                stop.pid == pid && stop.from_ms <= to && stop.to_ms.is_none_or(|end| end >= from)
            })
        };
        let waits = seen
            .waits
            .iter()
            .filter(|(pid, from, to)| !stopped(*pid, *from, *to));
        let max_wait_ms = waits.map(|(_, from, to)| to - from).max().unwrap_or(0);
        let mut notes = self.notes;
        notes.extend(
            seen.wrong
                .iter()
                .take(20)
                .map(|wrong| format!("wrong: {wrong}")),
        );
        let tally = Tally {
            store: self.plan.store.as_str(),
            server: self.plan.server.as_str(),
            seconds: self.plan.seconds,
            expiries: ledger::expiries(&log, TTL_S as i64 * 1000),
            refresh_posts: self.stage.refreshes().len(),
            kills: self.kills.len(),
            presented_twice: ledger::presented_twice(&log),
            lost: self.losses.count,
            lost_avoidable: self.losses.avoidable,
            wrong_verdicts: seen.wrong.len() + self.losses.untold,
            max_wait_ms,
            stops: self.stops.len(),
            window_p50_us: ledger::percentile(&mut seen.windows, 50),
            window_p99_us: ledger::percentile(&mut seen.windows, 99),
        };
        (tally, notes)
    }

    fn start(&self) -> Worker {
        let mut child = Command::new(&self.plan.program)
            .arg("worker")
            .args([
                "--server",
                self.plan.server.as_str(),
                "--store",
                &self.setting,
            ])
            .args(["--timeout-ms", &TIMEOUT_MS.to_string()])
            .args(["--threads", &self.plan.threads.to_string()])
            .arg("--folder")
            .arg(self.stage.sandbox.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a worker");
        let (pid, seen) = (child.id(), Arc::clone(&self.seen));
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The last line of a killed one may be cut.
                if let Ok(line) = serde_json::from_str(&line) {
                    lock(&seen).take(pid, line);
                }
            }
        });
        Worker {
            child,
            reader: Some(reader),
        }
    }

    /// Kills one, or stops it for a while.
    fn strike(&mut self) {
        let index = self.random.below(self.workers.len());
        let pid = self.workers[index].child.id();
        if self
            .stops
            .iter()
            .any(|stop| stop.pid == pid && stop.to_ms.is_none())
        {
            return;
        }
        // Every fifth is a stop: shorter than a request may take, or a live process would lose its
        // answer to its own deadline.
        if self.random.below(5) == 0 {
            let span = 100 + self.random.below(TIMEOUT_MS as usize / 2) as u64;
            signal(pid, Signal::STOP);
            self.stops.push(Stop {
                pid,
                from_ms: now_ms(),
                to_ms: None,
                until: Instant::now() + Duration::from_millis(span),
            });
            return;
        }
        let at_ms = now_ms();
        let fresh = self.start();
        std::mem::replace(&mut self.workers[index], fresh).kill();
        let point = lock(&self.seen).at.remove(&pid);
        self.kills.push(Kill { pid, at_ms, point });
    }

    fn wake_the_stopped(&mut self, all: bool) {
        for stop in self.stops.iter_mut().filter(|stop| stop.to_ms.is_none()) {
            if all || Instant::now() >= stop.until {
                signal(stop.pid, Signal::CONT);
                stop.to_ms = Some(now_ms());
            }
        }
    }

    /// A worker that ends of itself is a fault of ours or of the keeper's.
    fn miss_nobody(&mut self) {
        for index in 0..self.workers.len() {
            if let Ok(Some(status)) = self.workers[index].child.try_wait() {
                let wrong = format!("a worker ended of itself: {status}");
                lock(&self.seen).wrong.push(wrong);
                let fresh = self.start();
                std::mem::replace(&mut self.workers[index], fresh).kill();
            }
        }
    }

    /// A refusal in the server's log is a loss: whose, and was it told?
    fn look_for_losses(&mut self) {
        let log = self.stage.sandbox.log();
        let refused = |entry: &&LogEntry| {
            entry.grant.as_deref() == Some("refresh-token") && entry.status == Some(400)
        };
        let Some(refusal) = log.iter().skip(self.losses.read).find(refused) else {
            self.losses.read = log.len();
            return;
        };
        self.losses.count += 1;
        let print = presented(refusal).unwrap_or_default().to_owned();
        let avoidable = self.was_avoidable(&log, &print, refusal.time_ms);
        self.losses.avoidable += usize::from(avoidable);
        let patience = Instant::now() + Duration::from_secs(10);
        let told = loop {
            let told = |(at, _): &&(i64, String)| *at >= refusal.time_ms - 1;
            let found = lock(&self.seen).told.iter().find(told).cloned();
            if found.is_some() || Instant::now() > patience {
                break found;
            }
            self.wake_the_stopped(false);
            std::thread::park_timeout(Duration::from_millis(10));
        };
        self.losses.untold += usize::from(told.is_none());
        let told = told.map_or("nobody was told".into(), |(_, message)| message);
        self.notes
            .push(format!("lost (avoidable: {avoidable}): {told}"));
        for _ in 0..5 {
            match self.stage.log_in(&self.keeper) {
                Ok(()) => break,
                Err(error) => self.notes.push(format!("login: {error}")),
            }
        }
        self.losses.read = self.stage.sandbox.log().len();
    }

    /// Whether the one whose request rotated this token lived and could have had its answer, or had
    /// it in the store.
    fn was_avoidable(&mut self, log: &[LogEntry], print: &str, refused_ms: i64) -> bool {
        let rotated = log
            .iter()
            .find(|entry| presented(entry) == Some(print) && entry.status == Some(200));
        let events = self.keeper.events().unwrap_or_default();
        let first = events
            .iter()
            .find(|event| event.spent.as_deref() == Some(print));
        let pid = first.and_then(|event| event.by.split(':').nth(1)?.parse::<u32>().ok());
        let (Some(rotated), Some(pid)) = (rotated, pid) else {
            self.notes.push(format!("no trail of {print}: {events:?}"));
            return true;
        };
        let kill = self.kills.iter().find(|kill| kill.pid == pid);
        let gave_up = first.and_then(|first| ledger::gave_up_after_ms(first, &events));
        self.notes.push(format!(
            "{print} was rotated at {} by {pid}, refused at {refused_ms}; {kill:?}, gave up after {gave_up:?} ms",
            rotated.time_ms
        ));
        let died = kill.is_some_and(|kill| kill.held_an_answer() && kill.at_ms <= refused_ms);
        // On a busy machine, or stopped, one that lives may see its answer come too late.
        let too_late = gave_up.is_some_and(|waited_ms| waited_ms >= TIMEOUT_MS as i64);
        !died && !too_late
    }
}

impl Seen {
    fn take(&mut self, pid: u32, line: Line) {
        match line {
            Line::At(point) => {
                self.at.insert(pid, point);
            }
            Line::Window(micros) => self.windows.push(micros),
            Line::Waited { from_ms, to_ms } => self.waits.push((pid, from_ms, to_ms)),
            Line::Expired => self.wrong.push("an expired token was handed out".into()),
            Line::Refused {
                verdict,
                kind,
                message,
            } => {
                match (verdict.as_str(), kind.as_str()) {
                    ("reauthorize", "login_required")
                        if message.contains("the answer to refresh attempt ") =>
                    {
                        self.told.push((now_ms(), message));
                    }
                    // Nothing is lost yet: it is to be tried again, or to be found out.
                    ("retry", _) | ("outcome_unknown", "interrupted" | "unavailable") => {}
                    _ => self.wrong.push(format!("{verdict}, {kind}: {message}")),
                }
            }
        }
    }
}

impl Worker {
    fn kill(mut self) {
        let _ = self.child.kill();
        self.join();
    }

    /// Lets it finish: its standard input is closed.
    fn end(mut self) {
        drop(self.child.stdin.take());
        self.join();
    }

    fn join(&mut self) {
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Marsaglia's xorshift: a run can be had again by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis() as i64
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
