//! Forks a worker while another of its threads is in the middle of a refresh.
//!
//! Only a fork copies leases, sockets and locks; a spawned program would have none of them. The
//! `fork` crate makes the call, so that this crate has no unsafe code.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::failpoint::Point;
use countersign_core::{Client, Error, Verdict};
use fork::Fork;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_process};

use crate::line::{Line, report_token};
use crate::open;
use crate::order::Order;
use crate::tenants::GRANTS;
use crate::watch::{Watch, bound};

/// How many tokens a child requests.
const ASKED: usize = 20;

/// Makes a thread fork while a refresh waits at a failpoint.
#[derive(Clone, Default)]
pub(crate) struct Forker(Arc<(Mutex<Turn>, Condvar)>);

#[derive(Clone, Copy, Default, PartialEq)]
enum Turn {
    #[default]
    Idle,
    /// The next refresh will wait for a fork.
    Wanted { asks: bool },
    /// A refresh waits at a failpoint.
    Now { asks: bool },
}

impl Forker {
    /// Requests a fork at the next failpoint of a refresh.
    pub(crate) fn want(&self, asks: bool) {
        let mut turn = self.turn();
        if *turn == Turn::Idle {
            *turn = Turn::Wanted { asks };
        }
    }

    /// Makes a refresh wait at this failpoint for a requested fork.
    ///
    /// The child is then a copy of the process at that moment.
    pub(crate) fn at(&self, point: Point) {
        let waits = !matches!(point, Point::BeforeFallback | Point::InFallback);
        let mut turn = self.turn();
        if let Turn::Wanted { asks } = *turn
            && waits
        {
            *turn = Turn::Now { asks };
            self.0.1.notify_all();
            while matches!(*turn, Turn::Now { .. }) {
                turn = self.0.1.wait(turn).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Forks on request, on this thread, until `stop` is set.
    pub(crate) fn run(&self, order: &Order, clients: &[Client], stop: &AtomicBool) {
        let mut turn = self.turn();
        loop {
            if let Turn::Now { asks } = *turn {
                match fork::fork() {
                    Ok(Fork::Parent(child)) => {
                        let child = u32::try_from(child).unwrap_or_default();
                        Line::Forked { child, asks }.say();
                    }
                    Ok(Fork::Child) => run_child(order, clients, asks),
                    Err(error) => Line::Wrong(format!("fork: {error}")).say(),
                }
                *turn = Turn::Idle;
                self.0.1.notify_all();
            } else if stop.load(Ordering::SeqCst) {
                // A later refresh must not wait for this thread.
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

/// Runs the child: requests tokens if `asks` is set, then waits until the pipe is closed.
///
/// It ends with a signal, so that exit handlers of the worker don't run in the child.
fn run_child(order: &Order, clients: &[Client], asks: bool) -> ! {
    if asks {
        ask(order, clients);
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

fn ask(order: &Order, clients: &[Client]) {
    let bound = bound(order.timeout_ms);
    // A thread that doesn't exist in this process may hold the lock of the worker's watch.
    let watch = Watch::default();
    for (who, client) in clients.iter().enumerate().take(GRANTS) {
        let cached = watch.timed("token in a child", bound, || client.token());
        match cached {
            Ok(token) => report_token(who, &token, &mut None),
            Err(error) if is_fork_error(&error) => {}
            Err(error) => Line::Wrong(format!("the parent's client: {error}")).say(),
        }
        let refreshed = watch.timed("refresh in a child", bound, || client.refresh_now());
        if !refreshed.is_err_and(|error| is_fork_error(&error)) {
            Line::Wrong("the parent's client did not reject a refresh in the child".into()).say();
        }
    }
    let store = open(&order.store);
    let own = |who| order.client(who, &store, None);
    let own: Vec<Client> = (0..GRANTS).map(own).collect();
    let mut seen = vec![None; GRANTS];
    for turn in 0..ASKED {
        let who = turn % GRANTS;
        match watch.timed("token in a child", bound, || own[who].token()) {
            Ok(token) => report_token(who, &token, &mut seen[who]),
            Err(error) => Line::failed(who, &error).say(),
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn is_fork_error(error: &Error) -> bool {
    error.verdict() == Verdict::FixConfiguration
        && error
            .hint()
            .is_some_and(|hint| hint.contains("in the child"))
}
