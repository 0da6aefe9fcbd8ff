//! The hammer: processes share a store with several connections, and faults are injected at random.

mod crew;
mod losses;
mod removal;
mod seen;
mod service;
mod stop;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_core::Client;
use countersign_sandbox::LogEntry;

use self::crew::Crew;
use self::losses::Losses;
use self::removal::Removals;
use self::seen::Seen;
use self::service::Service;
use self::stop::Stop;
use crate::ledger::{self, Kill, Tally};
use crate::tenants::{GRANTS, SEEDED, TENANTS, grant_of};
use crate::{Place, PlaceKind, Server, Stage};

/// The options of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The store.
    pub store: PlaceKind,
    /// The server's policy.
    pub server: Server,
    /// The number of workers.
    pub processes: usize,
    /// The number of threads per worker.
    pub threads: usize,
    /// The milliseconds between two faults; 0 disables them.
    pub kill_ms: u64,
    /// The faults to choose from.
    pub strikes: Vec<Strike>,
    /// The duration of the run.
    pub seconds: u64,
    /// The milliseconds between two pieces of 16 bytes of a response; 0 sends it at once.
    ///
    /// A slow response extends the time during which a kill loses the only copy of a token.
    pub slow_ms: u64,
    /// The setting `timeout_ms` of the workers' clients.
    pub timeout_ms: u64,
    /// The program of the workers.
    pub program: PathBuf,
    /// The seed of the random numbers.
    pub seed: u64,
}

/// A fault, injected into a worker or the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// Kills a worker.
    Kill,
    /// Stops a worker, and continues it later.
    Stop,
    /// Tells a worker to drain its clients and exit.
    ShutDown,
    /// Forks a worker in the middle of a refresh. The child does nothing, or requests tokens.
    Fork,
    /// Removes lock files or spare files of the store; in a database, ends all leases.
    RemoveLocks,
    /// Removes a record; in a database, all records.
    RemoveRecords,
    /// Refreshes, as root, the token of another user's service in that user's store.
    Root,
}

impl Strike {
    /// All faults.
    pub const ALL: &[Self] = &[
        Self::Kill,
        Self::Stop,
        Self::ShutDown,
        Self::Fork,
        Self::RemoveLocks,
        Self::RemoveRecords,
        Self::Root,
    ];

    /// Returns the word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::ShutDown => "shutdown",
            Self::Fork => "fork",
            Self::RemoveLocks => "locks",
            Self::RemoveRecords => "records",
            Self::Root => "root",
        }
    }

    /// Returns how often it is chosen, relative to the others. Most faults should be kills.
    fn weight(self) -> usize {
        match self {
            Self::Kill => 12,
            Self::Stop | Self::RemoveLocks => 4,
            Self::ShutDown | Self::Fork => 3,
            Self::RemoveRecords | Self::Root => 1,
        }
    }
}

impl std::str::FromStr for Strike {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|strike| strike.as_str() == text);
        found.copied().ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|strike| strike.as_str()).collect();
            format!("`{text}` must be one of {}", words.join(", "))
        })
    }
}

pub(crate) const TTL_S: u64 = 2;

/// Runs it. Returns the result, and notes on each loss and wrong result.
///
/// # Panics
///
/// If the sandbox, the store or a worker doesn't start.
pub fn run(plan: &Plan) -> (Tally, Vec<String>) {
    let stage = Stage::start(plan.server, TTL_S);
    let place = Place::start(plan.store);
    let store = place.open("hammer");
    let client = |who: usize| {
        let builder = TENANTS[who].client(stage.sandbox.dir(), plan.server, plan.timeout_ms);
        let builder = builder.store(Arc::clone(&store));
        builder.build().expect("build a client")
    };
    let clients: Vec<_> = (0..TENANTS.len()).map(client).collect();
    for (client, tenant) in clients.iter().zip(TENANTS).take(SEEDED) {
        stage.log_in(client, tenant.login).expect("log in");
    }
    if plan.slow_ms > 0 {
        stage.slow_down(plan.slow_ms);
    }
    let seen = Arc::new(Mutex::new(Seen::of(plan.store)));
    let mut run = Run {
        plan,
        stage: &stage,
        place: &place,
        clients,
        crew: Crew::new(plan, &stage, place.setting("hammer"), Arc::clone(&seen)),
        seen,
        kills: Vec::new(),
        stops: Vec::new(),
        removals: Removals::default(),
        notes: Vec::new(),
        losses: Losses::default(),
        random: fastrand::Rng::with_seed(plan.seed),
        struck: 0,
        service: None,
        visits: 0,
    };
    if plan.kill_ms > 0 && plan.strikes.contains(&Strike::Root) {
        match Service::missing(plan) {
            Some(why) => run.notes.push(format!("SKIPPED root: {why}")),
            None => {
                let service = Service::start(plan, &stage, &run.seen);
                run.service = Some(service.expect("start the service"));
            }
        }
    }
    run.go();
    run.settle()
}

struct Run<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    place: &'a Place,
    /// The parent's own clients, one per tenant, for logins and for the history.
    clients: Vec<Client>,
    crew: Crew<'a>,
    seen: Arc<Mutex<Seen>>,
    kills: Vec<Kill>,
    stops: Vec<Stop>,
    removals: Removals,
    notes: Vec<String>,
    losses: Losses,
    random: fastrand::Rng,
    struck: usize,
    service: Option<Service>,
    /// How often root used the service's store.
    visits: usize,
}

impl Run<'_> {
    fn go(&mut self) {
        self.crew.fill();
        let end = Instant::now() + Duration::from_secs(self.plan.seconds);
        let interval = Duration::from_millis(self.plan.kill_ms);
        let mut next = Instant::now() + interval;
        while Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(10));
            self.resume_stopped(false);
            self.look_for_losses();
            self.restore_removed();
            self.crew.replace_ended(&self.stops);
            if self.plan.kill_ms > 0 && Instant::now() >= next {
                self.strike();
                next = Instant::now() + interval;
            }
        }
        self.resume_stopped(true);
        self.crew.end();
        self.end_service();
        self.look_for_losses();
    }

    fn strike(&mut self) {
        match self.next_strike() {
            Some(Strike::RemoveLocks) => self.remove_locks(),
            Some(Strike::RemoveRecords) => self.remove_records(),
            Some(Strike::Root) => self.visit_service(),
            Some(strike) => self.strike_a_worker(strike),
            None => {}
        }
    }

    /// Chooses each fault once, so that a short run has them all, and then at random.
    fn next_strike(&mut self) -> Option<Strike> {
        let strikes = &self.plan.strikes;
        self.struck += 1;
        if let Some(&strike) = strikes.get(self.struck - 1) {
            return Some(strike);
        }
        let weights: usize = strikes.iter().map(|strike| strike.weight()).sum();
        let mut drawn = self.random.usize(..weights.max(1));
        let chosen = strikes.iter().find(|strike| {
            let hit = drawn < strike.weight();
            drawn = drawn.saturating_sub(strike.weight());
            hit
        });
        chosen.copied()
    }

    /// Chooses a worker that is neither stopped nor shutting down.
    fn running_worker(&mut self) -> Option<usize> {
        let stopped = |pid: u32| {
            let mut stops = self.stops.iter();
            stops.any(|stop| stop.pid == pid && stop.to_ms.is_none())
        };
        let runs = |&index: &usize| !self.crew.is_ending(index) && !stopped(self.crew.pid(index));
        let running: Vec<_> = (0..self.crew.len()).filter(runs).collect();
        self.random.choice(running)
    }

    fn strike_a_worker(&mut self, strike: Strike) {
        let Some(index) = self.running_worker() else {
            return;
        };
        let pid = self.crew.pid(index);
        match strike {
            Strike::Stop => {
                // Shorter than a request may take, or the worker would exceed its own deadline and
                // lose the response.
                let span = 100 + self.random.u64(..self.plan.timeout_ms / 2);
                self.stops
                    .push(Stop::begin(pid, Duration::from_millis(span)));
            }
            Strike::ShutDown => self.crew.shut_down(index),
            Strike::Fork => {
                let asks = self.random.bool();
                self.crew.fork(index, asks);
            }
            _ => {
                let at_ms = now_ms();
                self.crew.kill(index);
                let points = lock(&self.seen).at.remove(&pid).unwrap_or_default();
                let points = points.into_iter();
                let points = points.map(|(who, point)| (TENANTS[who].grant, point));
                self.kills.push(Kill {
                    pid,
                    at_ms,
                    points: points.collect(),
                });
            }
        }
    }

    fn resume_stopped(&mut self, all: bool) {
        for stop in &mut self.stops {
            stop.end_if(all);
        }
    }

    fn settle(self) -> (Tally, Vec<String>) {
        let log = self.stage.sandbox.log();
        let mut seen = lock(&self.seen);
        let waits = seen.waits.iter();
        let waits = waits.filter(|(pid, from, to)| {
            let mut stops = self.stops.iter();
            !stops.any(|stop| stop.overlap_ms(*pid, *from, *to) > 0)
        });
        let max_wait_ms = waits.map(|(_, from, to)| to - from).max().unwrap_or(0);
        let mut late = seen.late(&self.stops);
        late.append(&mut seen.blocked);
        // Removing a lock ends the lease of one holder. But it must not reset the fence: then no
        // holder could write for a while.
        for grant in 0..GRANTS {
            let fenced = seen.fenced.iter().filter(|(of, _)| *of == grant);
            let fenced: Vec<_> = fenced.map(|(_, message)| message.clone()).collect();
            if fenced.len() > self.removals.ended(grant).count() {
                seen.wrong.extend(fenced);
            }
        }
        let foreign = self.foreign(&log, &seen);
        let mut notes = self.notes;
        let wrong = seen.wrong.iter().map(|wrong| format!("wrong: {wrong}"));
        let late_notes = late.iter().map(|late| format!("unbounded: {late}"));
        let foreign_notes = foreign.iter().map(|foreign| format!("owner: {foreign}"));
        notes.extend(wrong.chain(late_notes).chain(foreign_notes).take(40));
        let of_grant = |grant: usize| {
            let entries = log.iter().filter(|entry| grant_of(entry) == Some(grant));
            entries.cloned().collect::<Vec<_>>()
        };
        let expiries =
            (0..GRANTS).map(|grant| ledger::expiries(&of_grant(grant), TTL_S as i64 * 1000));
        let tally = Tally {
            store: self.plan.store.as_str(),
            server: self.plan.server.as_str(),
            seconds: self.plan.seconds,
            expiries: expiries.sum(),
            refresh_posts: self.stage.refreshes().len(),
            kills: self.kills.len(),
            presented_twice: ledger::presented_twice(&log),
            lost: self.losses.count,
            lost_avoidable: self.losses.avoidable,
            wrong_verdicts: seen.wrong.len() + self.losses.unreported,
            wrong_owner: foreign.len(),
            unbounded: late.len() + self.crew.silent,
            max_wait_ms,
            stops: self.stops.len(),
            shutdowns: self.crew.shut_down,
            forks: seen.forks,
            locks_removed: self.removals.locks.len(),
            records_removed: self.removals.records,
            root_visits: self.visits,
            window_p50_us: ledger::percentile(&mut seen.windows, 50),
            window_p99_us: ledger::percentile(&mut seen.windows, 99),
        };
        (tally, notes)
    }

    /// Returns the tokens that a connection got although the server issued them to another one.
    fn foreign(&self, log: &[LogEntry], seen: &Seen) -> Vec<String> {
        let issued = log.iter().filter_map(|entry| {
            let issued = entry.issued.as_ref()?;
            Some((issued.access_token.as_str(), entry))
        });
        let issued: HashMap<_, _> = issued.collect();
        let wrong = seen.got.iter().filter_map(|(who, print)| {
            let tenant = &TENANTS[*who];
            let client_id = self.clients[*who].connection().client_id();
            match issued.get(print.as_str()) {
                Some(entry) if tenant.owns(client_id, entry) => None,
                Some(entry) => Some(format!("{tenant:?} got the token of {entry:?}")),
                None => Some(format!(
                    "{tenant:?} got {print}, which the server never issued"
                )),
            }
        });
        wrong.collect()
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
