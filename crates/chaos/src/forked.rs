//! Forks a worker while another of its threads is in the middle of a refresh.
//!
//! The `fork` crate makes the call: this crate stays free of unsafe code, and the child is a copy
//! of a process that holds leases, sockets and locks, which no spawned program could be.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign::probe::Point;
use countersign::{Error, Keeper, Verdict};
use fork::Fork;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process};

use crate::line::{Line, tell_whose};
use crate::open;
use crate::order::Order;
use crate::tenants::GRANTS;
use crate::watch::{Watch, bound};

/// How many tokens a child asks for.
const ASKED: usize = 20;

/// Has a thread fork when a refresh is at a point.
#[derive(Clone, Default)]
pub(crate) struct Forker(Arc<(Mutex<Turn>, Condvar)>);

#[derive(Clone, Copy, Default, PartialEq)]
enum Turn {
    #[default]
    Idle,
    /// The next refresh waits for it.
    Wanted { asks: bool },
    /// A refresh waits at a point.
    Now { asks: bool },
}

impl Forker {
    /// From now on the next point of a refresh is where to fork.
    pub(crate) fn want(&self, asks: bool) {
        let mut turn = self.turn();
        if *turn == Turn::Idle {
            *turn = Turn::Wanted { asks };
        }
    }

    /// A refresh is at this point: it waits for the fork, so that the child is a copy of that moment.
    pub(crate) fn at(&self, point: Point) {
        let holds = !matches!(point, Point::BeforeSpool | Point::Spooled);
        let mut turn = self.turn();
        if let Turn::Wanted { asks } = *turn
            && holds
        {
            *turn = Turn::Now { asks };
            self.0.1.notify_all();
            while matches!(*turn, Turn::Now { .. }) {
                turn = self.0.1.wait(turn).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Forks when told, on this thread.
    pub(crate) fn run(&self, order: &Order, keepers: &[Keeper], stop: &AtomicBool) {
        let mut turn = self.turn();
        loop {
            if let Turn::Now { asks } = *turn {
                match fork::fork() {
                    Ok(Fork::Parent(child)) => {
                        let child = u32::try_from(child).unwrap_or_default();
                        Line::Forked { child, asks }.say();
                    }
                    Ok(Fork::Child) => live(order, keepers, asks),
                    Err(error) => Line::Wrong(format!("fork: {error}")).say(),
                }
                *turn = Turn::Idle;
                self.0.1.notify_all();
            } else if stop.load(Ordering::SeqCst) {
                // A refresh that comes later finds nobody to wait for.
                *turn = Turn::Idle;
                return;
            }
            let wait = self.0.1.wait_timeout(turn, Duration::from_millis(100));
            (turn, _) = wait.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The child's life: it may ask for tokens, and then does nothing until the parent's parent closes
/// the pipe. It ends by a signal: what the worker registered for its end is the worker's.
fn live(order: &Order, keepers: &[Keeper], asks: bool) -> ! {
    if asks {
        ask(order, keepers);
        let child = std::process::id();
        Line::ForkDone { child }.say();
    }
    let stdin = rustix::stdio::stdin();
    let hung_up = |fd: &PollFd<'_>| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR);
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::empty())];
        if poll(&mut fds, None).is_ok() && hung_up(&fds[0]) {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}

fn ask(order: &Order, keepers: &[Keeper]) {
    let bound = bound(order.timeout_ms);
    // The worker's may be locked by a thread that this process does not have.
    let watch = Watch::default();
    for (who, keeper) in keepers.iter().enumerate().take(GRANTS) {
        let cached = watch.timed("token in a child", bound, || keeper.token());
        match cached {
            Ok(token) => tell_whose(who, &token, &mut None),
            Err(error) if tells_of_the_fork(&error) => {}
            Err(error) => Line::Wrong(format!("the parent's client: {error}")).say(),
        }
        let refreshed = watch.timed("refresh in a child", bound, || keeper.refresh_now());
        if !refreshed.is_err_and(|error| tells_of_the_fork(&error)) {
            Line::Wrong("the parent's client refreshed in a child".into()).say();
        }
    }
    let store = open(&order.store);
    let own = |who| order.keeper(who, &store, None);
    let own: Vec<Keeper> = (0..GRANTS).map(own).collect();
    let mut seen = vec![None; GRANTS];
    for turn in 0..ASKED {
        let who = turn % GRANTS;
        match watch.timed("token in a child", bound, || own[who].token()) {
            Ok(token) => tell_whose(who, &token, &mut seen[who]),
            Err(error) => Line::refused(who, &error).say(),
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn tells_of_the_fork(error: &Error) -> bool {
    error.verdict() == Verdict::FixConfiguration
        && error
            .hint()
            .is_some_and(|hint| hint.contains("in the child"))
}
