//! A process whose threads keep requesting tokens of several connections.
//!
//! It reports the failpoints of each refresh, so that its parent knows what a kill interrupted.

use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign_core::failpoint::{Failpoints, Point};
use countersign_core::{Client, Clock, Error, SystemClock, Token};

use crate::forked::Forker;
use crate::line::{Line, report_token};
use crate::open;
pub use crate::order::Order;
use crate::tenants::{CLERK, GRANTS, SHARER, TENANTS};
use crate::watch::{Watch, bound};

/// Runs until its standard input is closed or says to stop or shut down.
pub fn work(order: &Order) {
    let forker = Forker::default();
    let store = open(&order.store);
    let client = |who: usize| {
        let reporter = Reporter {
            who,
            forker: forker.clone(),
            read_at: Mutex::default(),
        };
        order.client(who, &store, Some(Arc::new(reporter)))
    };
    let clients: Vec<_> = (0..TENANTS.len()).map(client).collect();
    let work = Work {
        order,
        clients,
        longest_ms: AtomicU64::new(0),
        watch: Watch::default(),
        stop: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for thread in 0..order.threads {
            let who = match order.shares && thread == GRANTS {
                true => SHARER,
                false => thread % GRANTS,
            };
            let work = &work;
            scope.spawn(move || work.want(who));
        }
        scope.spawn(|| work.clerk());
        scope.spawn(|| work.watch());
        scope.spawn(|| forker.run(order, &work.clients, &work.stop));
        work.obey(&forker);
        work.stop.store(true, Ordering::SeqCst);
    });
}

/// The state that the threads of a worker share.
pub(crate) struct Work<'a> {
    pub(crate) order: &'a Order,
    pub(crate) clients: Vec<Client>,
    longest_ms: AtomicU64,
    pub(crate) watch: Watch,
    stop: AtomicBool,
}

impl Work<'_> {
    /// Follows the parent's commands until it says to stop, or ends.
    fn obey(&self, forker: &Forker) {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match line.as_str() {
                "shut down" => {
                    self.shut_down();
                    std::process::exit(0);
                }
                "stop" => return,
                "fork" => forker.want(false),
                "fork and ask" => forker.want(true),
                _ => {}
            }
        }
    }

    /// Drains all clients as a program would: stops them all, then waits with one deadline.
    fn shut_down(&self) {
        let timeout = Duration::from_millis(self.order.timeout_ms) + Duration::from_secs(5);
        let until = Instant::now() + timeout;
        for client in &self.clients {
            let _ = client.drain(Duration::ZERO);
        }
        // Drain may offer a token that the store rejected once more, after its deadline.
        let slack = Duration::from_secs(5);
        for client in &self.clients {
            let left = until.saturating_duration_since(Instant::now());
            let drained = self
                .watch
                .timed("drain", left + slack, || client.drain(left));
            if let Err(error) = drained {
                Line::Wrong(format!("drain: {error}")).say();
            }
        }
    }

    fn want(&self, who: usize) {
        let mut seen = None;
        while !self.stop.load(Ordering::SeqCst) {
            let got = self.ask(who, "token", Client::token, &mut seen);
            let pause = match got {
                Some(_) => Duration::from_millis(3),
                None => Duration::from_millis(50),
            };
            std::thread::park_timeout(pause);
        }
    }

    /// Makes calls that could lose a user's grant, for an app that acts for itself.
    fn clerk(&self) {
        let client = &self.clients[CLERK];
        let mut seen = None;
        for turn in 0_usize.. {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let token = self.ask(CLERK, "token", Client::token, &mut seen);
            match turn % 4 {
                0 => drop(self.ask(CLERK, "refresh", Client::refresh_now, &mut seen)),
                1 => {
                    if let Some(token) = token {
                        self.timed("invalidate", || client.invalidate(&token));
                    }
                }
                2 => {
                    if let Err(error) = self.timed("events", || client.events()) {
                        Line::failed(CLERK, &error).say();
                    }
                }
                _ => {
                    if let Err(error) = self.timed("forget", || client.forget()) {
                        Line::failed(CLERK, &error).say();
                    }
                }
            }
            std::thread::park_timeout(Duration::from_millis(150));
        }
    }

    fn watch(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            Line::Beat.say();
            self.watch.look();
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    fn timed<T>(&self, call: &'static str, work: impl FnOnce() -> T) -> T {
        self.watch.timed(call, bound(self.order.timeout_ms), work)
    }

    /// Requests a token, and reports it, or what is wrong with it.
    fn ask(
        &self,
        who: usize,
        call: &'static str,
        ask: fn(&Client) -> Result<Token, Error>,
        seen: &mut Option<String>,
    ) -> Option<Token> {
        let clock = SystemClock::new();
        let before = clock.now();
        let got = self.timed(call, || ask(&self.clients[who]));
        let after = clock.now();
        let waited = after.boot_ms - before.boot_ms;
        if waited > self.longest_ms.fetch_max(waited, Ordering::SeqCst) {
            let waited = Line::Waited {
                from_ms: before.unix_ms,
                to_ms: after.unix_ms,
            };
            waited.say();
        }
        match got {
            Ok(token) => {
                // Use the time before the call: the token may expire before this thread runs again.
                if token.remaining(before).is_zero() {
                    Line::Expired.say();
                }
                report_token(who, &token, seen);
                Some(token)
            }
            Err(error) => {
                Line::failed(who, &error).say();
                None
            }
        }
    }
}

/// Reports the failpoints of one tenant's refreshes.
struct Reporter {
    who: usize,
    read_at: Mutex<Option<Instant>>,
    forker: Forker,
}

impl Failpoints for Reporter {
    fn at(&self, point: Point) -> Result<(), Error> {
        let at = Line::At {
            who: self.who,
            point: format!("{point:?}"),
        };
        at.say();
        self.forker.at(point);
        let Ok(mut read_at) = self.read_at.lock() else {
            return Ok(());
        };
        match point {
            Point::BeforePersist => *read_at = Some(Instant::now()),
            Point::Persisted => {
                if let Some(since) = read_at.take() {
                    let micros = since.elapsed().as_micros();
                    drop(read_at);
                    Line::Window(u64::try_from(micros).unwrap_or(u64::MAX)).say();
                }
            }
            _ => {}
        }
        Ok(())
    }
}
