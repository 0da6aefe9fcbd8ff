//! Kills a refresh before each system call of the file store.
//!
//! [`matrix`](crate::matrix) kills at failpoints, which lie between the store's calls. This kills
//! inside of them: after a file is created and before it is written, after it is written and before
//! it is durable, and so on. A library that is loaded into the process (`tests/steps/killer.c`)
//! counts the system calls on the store's folder and kills the process before the nth.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign_core::{Client, FileStore, Store};

use crate::matrix::{CONNECTION, Outcome, TIMEOUT_MS, judge};
use crate::{Server, Stage};

/// A refresh in its own folder.
#[derive(Debug)]
pub struct Scene {
    /// The server's policy.
    pub server: Server,
    /// Whether it is the store's first refresh, in an empty folder.
    pub first: bool,
}

/// A system call on the store's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name of the call.
    pub call: String,
    /// The file's extension, such as `rec` or `write-lock`; empty for the folder itself.
    pub file: String,
}

/// A refresh that was killed before a step.
#[derive(Clone, Debug)]
pub struct Killed {
    /// The step before which it was killed.
    pub before: Step,
    /// What became of the grant.
    pub outcome: Outcome,
    /// Whether a client can keep the grant: no response was sent, or it was durable.
    pub could_be_kept: bool,
}

/// How long another process may take to refresh afterwards.
///
/// This covers the killed request's deadline and its own request on a busy machine, but not a wait
/// for a lock that wasn't released.
const PATIENCE: Duration = Duration::from_secs(20);

impl Scene {
    /// Refreshes once without a kill, and returns the steps.
    ///
    /// # Panics
    ///
    /// If the refresh fails.
    pub fn rehearse(&self, program: &Path, killer: &Path) -> Vec<Step> {
        let set = Set::new(self);
        let log = set.scratch.path().join("log");
        let mut refresh = set.refresh(program);
        refresh.env("LD_PRELOAD", killer).env("KILLER_LOG", &log);
        let status = refresh.status().expect("run the program");
        assert!(status.success(), "the refresh failed: {status}");
        steps(&log)
    }

    /// Refreshes once under another program, such as strace.
    ///
    /// # Panics
    ///
    /// If the refresh fails.
    pub fn observe(&self, program: &Path, observer: &[&str]) -> PathBuf {
        let set = Set::new(self);
        let refresh = set.refresh(program);
        let status = Command::new(observer[0])
            .args(&observer[1..])
            .arg(refresh.get_program())
            .args(refresh.get_args())
            .stdin(Stdio::null())
            .status()
            .expect("run the observer");
        assert!(status.success(), "the refresh failed: {status}");
        set.folder
    }

    /// Kills one refresh before each step, and returns what became of them.
    pub fn run(&self, program: &Path, killer: &Path) -> Vec<Killed> {
        let steps = self.rehearse(program, killer);
        let durable = steps
            .iter()
            .rposition(|step| step.call == "fsync" && step.file == "new");
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(before) = steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                let index = steps.iter().position(|step| std::ptr::eq(step, before));
                let index = index.unwrap_or_default();
                let (outcome, responded) = self.kill_at(index + 1, program, killer);
                let killed = Killed {
                    before: before.clone(),
                    outcome,
                    could_be_kept: self.server == Server::Grace
                        || !responded
                        || durable.is_some_and(|durable| index > durable),
                };
                done.push((index, killed));
            }
            done
        };
        let mut killed: Vec<_> = std::thread::scope(|scope| {
            // A case mostly waits for a deadline.
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
            let joined = threads.into_iter();
            joined
                .flat_map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        killed.sort_by_key(|(index, _)| *index);
        killed.into_iter().map(|(_, killed)| killed).collect()
    }

    /// Kills a refresh before its nth step.
    ///
    /// Returns what became of the grant, and whether the server had responded.
    fn kill_at(&self, nth: usize, program: &Path, killer: &Path) -> (Outcome, bool) {
        let set = Set::new(self);
        let before = set.stage.refreshes().len();
        let mut refresh = set.refresh(program);
        refresh
            .env("LD_PRELOAD", killer)
            .env("KILLER_AT", nth.to_string());
        let status = refresh.status().expect("run the program");
        if status.signal() != Some(9) {
            let why = format!("the process was not killed: {status}");
            return (Outcome::Broken(why), false);
        }
        let responded = set.stage.refreshes().len() > before;
        let began = Instant::now();
        let outcome = match set.check("damaged") {
            Ok(()) => judge(&set.client(), &set.stage),
            Err(why) => Outcome::Broken(why),
        };
        let outcome = set
            .check("draft")
            .map_or_else(Outcome::Broken, |()| outcome);
        match began.elapsed() {
            took if took > PATIENCE => {
                let why = format!("the next refresh took {took:?}");
                (Outcome::Broken(why), responded)
            }
            _ => (outcome, responded),
        }
    }
}

/// Returns what is wrong with the outcomes.
pub fn complaints(killed: &[Killed]) -> Vec<String> {
    let wrong = |(_, killed): &(usize, &Killed)| match killed.outcome {
        Outcome::Kept => false,
        Outcome::LostAndReported => killed.could_be_kept,
        Outcome::Lost(_) | Outcome::Broken(_) => true,
    };
    let wrong = killed.iter().enumerate().filter(wrong);
    wrong
        .map(|(index, killed)| format!("{}: {killed:?}", index + 1))
        .collect()
}

/// A sandbox and a store.
struct Set {
    stage: Stage,
    scratch: tempfile::TempDir,
    folder: PathBuf,
}

impl Set {
    fn new(scene: &Scene) -> Self {
        let scratch = tempfile::tempdir().expect("create a folder");
        // The library compares paths as the kernel resolves them.
        let folder = scratch.path().canonicalize().expect("resolve the folder");
        let set = Self {
            stage: Stage::start(scene.server, 3600),
            folder: folder.join("store"),
            scratch,
        };
        if !scene.first {
            let used = set.stage.use_up(&set.client());
            used.expect("refresh");
        }
        set
    }

    fn client(&self) -> Client {
        let connection = self.stage.connection(CONNECTION, TIMEOUT_MS);
        let store = FileStore::open(&self.folder).expect("open the store");
        let builder = Client::builder(connection).store(Arc::new(store));
        builder.build().expect("build a client")
    }

    fn refresh(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .arg("once")
            .args(["--server", self.stage.server.as_str()])
            .arg("--store")
            .arg(format!("file:{}", self.folder.display()))
            .args(["--timeout-ms", &TIMEOUT_MS.to_string()])
            .args([Path::new("--folder"), self.stage.sandbox.dir()])
            .args([
                Path::new("--fallback"),
                &self.scratch.path().join("fallback"),
            ])
            .env("KILLER_FOLDER", &self.folder)
            .stdin(Stdio::null());
        command
    }

    /// Checks that the record loads, and that no file of this kind was left.
    fn check(&self, kind: &str) -> Result<(), String> {
        let store = FileStore::open(&self.folder).map_err(|error| error.to_string())?;
        let connection = self.stage.connection(CONNECTION, TIMEOUT_MS);
        let loaded = store.load(&connection.record_key());
        loaded.map_err(|error| error.to_string())?;
        let names = std::fs::read_dir(&self.folder).map_err(|error| error.to_string())?;
        let mut names = names.flatten().map(|entry| entry.file_name());
        let kind = format!(".{kind}-");
        match names.find(|name| name.to_string_lossy().contains(&kind)) {
            Some(name) => Err(format!("{} was left behind", name.display())),
            None => Ok(()),
        }
    }
}

fn steps(log: &Path) -> Vec<Step> {
    let log = std::fs::read_to_string(log).expect("read the log");
    let step = |line: &str| {
        let (call, path) = line.split_once(' ').expect("a call and a path");
        let name = path.rsplit('/').next().unwrap_or_default();
        let ending = name.split_once('.').map_or("", |(_, ending)| ending);
        // The rest of the name is random.
        let ending = ["alive", "draft"]
            .into_iter()
            .find(|kind| ending.starts_with(&format!("{kind}-")))
            .unwrap_or(ending);
        Step {
            call: call.to_owned(),
            file: ending.to_owned(),
        }
    };
    log.lines().map(step).collect()
}
