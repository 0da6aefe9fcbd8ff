//! Starts the workers, injects faults into them, and ends those that exceed their bounds.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::seen::{Seen, reader};
use super::stop::Stop;
use super::{Plan, lock};
use crate::watch::bound;
use crate::{PlaceKind, Stage};

/// The workers of a run.
pub(super) struct Crew<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
    store: String,
    seen: Arc<Mutex<Seen>>,
    workers: Vec<Worker>,
    /// The forked children of ended workers, which run until their pipe is closed.
    orphans: Vec<Orphans>,
    /// How many workers received the signal to shut down.
    pub(super) shut_down: usize,
    /// How many workers did not respond within the bound of a call.
    pub(super) silent: usize,
}

pub(super) struct Worker {
    pub(super) child: Child,
    input: Option<ChildStdin>,
    reader: JoinHandle<()>,
    /// When it received the signal to shut down.
    ending: Option<Instant>,
}

/// The forked children of an ended worker.
struct Orphans {
    since: Instant,
    input: Option<ChildStdin>,
    reader: JoinHandle<()>,
}

/// Returns how long forked children outlive their worker.
///
/// With files, longer than any process waits for a lock, to find locks that they inherit. With
/// a database, shorter, because it counts their copies of its sockets.
fn orphan_lifetime(store: PlaceKind) -> Duration {
    match store {
        PlaceKind::Redis | PlaceKind::Postgres => Duration::from_secs(10),
        _ => Duration::from_secs(30),
    }
}

impl<'a> Crew<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        stage: &'a Stage,
        store: String,
        seen: Arc<Mutex<Seen>>,
    ) -> Self {
        Self {
            plan,
            stage,
            store,
            seen,
            workers: Vec::new(),
            orphans: Vec::new(),
            shut_down: 0,
            silent: 0,
        }
    }

    pub(super) fn fill(&mut self) {
        for index in 0..self.plan.processes {
            let worker = self.start(index);
            self.workers.push(worker);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.workers.len()
    }

    pub(super) fn pid(&self, index: usize) -> u32 {
        self.workers[index].child.id()
    }

    pub(super) fn is_ending(&self, index: usize) -> bool {
        self.workers[index].ending.is_some()
    }

    pub(super) fn kill(&mut self, index: usize) {
        let fresh = self.start(index);
        let mut old = std::mem::replace(&mut self.workers[index], fresh);
        let _ = old.child.kill();
        self.reap(old);
    }

    pub(super) fn shut_down(&mut self, index: usize) {
        self.workers[index].tell("shut down");
        self.workers[index].ending = Some(Instant::now());
        self.shut_down += 1;
    }

    pub(super) fn fork(&mut self, index: usize, asks: bool) {
        let word = if asks { "fork and ask" } else { "fork" };
        self.workers[index].tell(word);
    }

    /// Replaces workers that have ended or don't respond.
    ///
    /// It is an error if one ends although it wasn't told to shut down.
    pub(super) fn replace_ended(&mut self, stops: &[Stop]) {
        let lifetime = orphan_lifetime(self.plan.store);
        self.orphans
            .retain(|orphans| orphans.since.elapsed() < lifetime);
        let patience = bound(self.plan.timeout_ms) + Duration::from_secs(5);
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            let pid = worker.child.id();
            let expected = worker.ending.is_some();
            if let Ok(Some(status)) = worker.child.try_wait() {
                if !(expected && status.success()) {
                    let wrong = format!("a worker ended unexpectedly: {status}");
                    lock(&self.seen).wrong.push(wrong);
                }
                self.kill(index);
                continue;
            }
            let is_stopped = stops
                .iter()
                .any(|stop| stop.pid == pid && stop.to_ms.is_none());
            let heard = lock(&self.seen).beats.get(&pid).copied();
            let silent = heard.is_some_and(|at| at.elapsed() > patience);
            let stays = worker.ending.is_some_and(|at| at.elapsed() > patience);
            if !is_stopped && (silent || stays) {
                self.silent += 1;
                self.kill(index);
            }
        }
    }

    /// Waits until all workers and their forked children have finished, and ends them.
    pub(super) fn end(&mut self) {
        let until = Instant::now() + bound(self.plan.timeout_ms) + Duration::from_secs(5);
        let mut workers = std::mem::take(&mut self.workers);
        for worker in &mut workers {
            worker.tell("stop");
        }
        for mut worker in workers {
            while matches!(worker.child.try_wait(), Ok(None)) {
                if Instant::now() > until {
                    self.silent += 1;
                    let _ = worker.child.kill();
                }
                std::thread::park_timeout(Duration::from_millis(5));
            }
            self.reap(worker);
        }
        while !lock(&self.seen).asking.is_empty() && Instant::now() < until {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        self.silent += lock(&self.seen).asking.len();
        for orphans in self.orphans.drain(..) {
            drop(orphans.input);
            let _ = orphans.reader.join();
        }
    }

    fn start(&self, index: usize) -> Worker {
        let mut command = order(&self.plan.program, self.plan, &self.store);
        command
            .args(["--threads", &self.plan.threads.to_string()])
            .arg("--folder")
            .arg(self.stage.sandbox.dir());
        // Two connections that share a grant replace each other's token. So only one worker uses
        // both, and none in a run without faults, which compares requests with expiries.
        if index == 0 && self.plan.kill_ms > 0 {
            command.arg("--shares");
        }
        Worker::start(command, &self.seen)
    }

    fn reap(&mut self, mut worker: Worker) {
        let _ = worker.child.wait();
        self.orphans.push(Orphans {
            since: Instant::now(),
            input: worker.input.take(),
            reader: worker.reader,
        });
    }
}

/// Returns the command line of a worker.
pub(super) fn order(program: &Path, plan: &Plan, store: &str) -> Command {
    let mut command = Command::new(program);
    command
        .arg("worker")
        .args(["--server", plan.server.as_str()])
        .args(["--store", store])
        .args(["--timeout-ms", &plan.timeout_ms.to_string()]);
    command
}

impl Worker {
    pub(super) fn start(mut command: Command, seen: &Arc<Mutex<Seen>>) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start a worker");
        let pid = child.id();
        lock(seen).beats.insert(pid, Instant::now());
        let output = child.stdout.take().expect("stdout is a pipe");
        Self {
            input: child.stdin.take(),
            child,
            reader: reader(Arc::clone(seen), pid, output),
            ending: None,
        }
    }

    /// Stops it, and waits as long as its calls may take. Reports whether it succeeded.
    pub(super) fn end(mut self, timeout_ms: u64) -> bool {
        self.tell("stop");
        let until = Instant::now() + bound(timeout_ms);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    drop(self.input);
                    return self.reader.join().is_ok() && status.success();
                }
                _ if Instant::now() > until => {
                    let _ = self.child.kill();
                    return false;
                }
                _ => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    fn tell(&mut self, word: &str) {
        if let Some(input) = &mut self.input {
            // Fails if the worker has ended in the meantime.
            let _ = input.write_all(format!("{word}\n").as_bytes());
        }
    }
}
