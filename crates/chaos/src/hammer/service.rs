//! A service that another user runs, and root, which runs a client on the service's store.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign_core::{Client, Error, FileStore, Verdict};
use tempfile::TempDir;

use super::crew::{Worker, order};
use super::seen::Seen;
use super::{Plan, Run, lock};
use crate::tenants::{CLERK, TENANTS};
use crate::{PlaceKind, Stage};

/// The user `nobody`.
const NOBODY: u32 = 65534;

/// A worker that runs as `nobody`, with its own store.
pub(super) struct Service {
    scratch: TempDir,
    worker: Worker,
    /// How many tokens it had got when root last used its store.
    given: usize,
    /// How often root used its store.
    pub(super) visits: usize,
}

impl Service {
    /// Returns why this run can't have a service, if it can't.
    pub(super) fn missing(plan: &Plan) -> Option<&'static str> {
        match plan.store {
            PlaceKind::File if rustix::process::geteuid().is_root() => None,
            PlaceKind::File => Some("only root can run a worker as another user"),
            _ => Some("records in a database have no owner"),
        }
    }

    /// Starts it, with copies of the files that it needs.
    pub(super) fn start(
        plan: &Plan,
        stage: &Stage,
        seen: &Arc<Mutex<Seen>>,
    ) -> std::io::Result<Self> {
        let scratch = tempfile::tempdir()?;
        let base = scratch.path();
        std::fs::set_permissions(base, std::fs::Permissions::from_mode(0o755))?;
        let program = base.join("countersign-chaos");
        copy_program(&plan.program, &program)?;
        for name in ["sandbox", "home"] {
            owned_folder(&base.join(name))?;
        }
        for entry in std::fs::read_dir(stage.sandbox.dir())? {
            let entry = entry?;
            let copy = base.join("sandbox").join(entry.file_name());
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), &copy)?;
                chown(&copy, Some(NOBODY), Some(NOBODY))?;
            }
        }
        let store = format!("file:{}", store(base).display());
        let mut command = order(&program, plan, &store);
        command
            .args(["--threads", "0"])
            .arg("--folder")
            .arg(base.join("sandbox"))
            .current_dir("/")
            .uid(NOBODY)
            .gid(NOBODY);
        Ok(Self {
            worker: Worker::start(command, seen),
            scratch,
            given: 0,
            visits: 0,
        })
    }

    /// Refreshes the service's token as root. Returns what went wrong, if anything.
    fn visit(&mut self, run: &VisitedBy<'_>) -> Option<String> {
        self.visits += 1;
        let folder = store(self.scratch.path());
        let connection = TENANTS[CLERK].connect(
            run.stage.sandbox.dir(),
            run.plan.server,
            run.plan.timeout_ms,
        );
        let refreshed = FileStore::open(&folder)
            .map_err(Error::from)
            .and_then(|store| {
                let client = Client::builder(connection).store(Arc::new(store)).build()?;
                client.refresh_now()
            });
        let expected = |error: &Error| error.verdict() == Verdict::FixConfiguration;
        if let Err(error) = &refreshed
            && !expected(error)
        {
            return Some(format!(
                "root got the verdict {}: {error}",
                error.verdict().as_str()
            ));
        }
        let foreign = foreign_file(&folder);
        foreign.map(|path| format!("root left {} with another owner", path.display()))
    }

    /// Waits until the worker has got a token since root used its store.
    fn still_works(&mut self, seen: &Mutex<Seen>) -> bool {
        let pid = self.worker.child.id();
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let given = lock(seen).given.get(&pid).copied().unwrap_or_default();
            if given > self.given {
                self.given = given;
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

struct VisitedBy<'a> {
    plan: &'a Plan,
    stage: &'a Stage,
}

impl Run<'_> {
    /// Refreshes the service's token as root.
    ///
    /// The client must reject this, or keep the files' owner. The service must still work.
    pub(super) fn visit_service(&mut self) {
        let by = VisitedBy {
            plan: self.plan,
            stage: self.stage,
        };
        let Some(service) = &mut self.service else {
            return;
        };
        let wrong = service.visit(&by);
        lock(&self.seen).wrong.extend(wrong);
        // Don't count the tokens that it got before.
        let pid = service.worker.child.id();
        service.given = lock(&self.seen)
            .given
            .get(&pid)
            .copied()
            .unwrap_or_default();
        if !service.still_works(&self.seen) {
            let wrong = "the service got no token after root used its store";
            lock(&self.seen).wrong.push(wrong.to_owned());
        }
    }

    pub(super) fn end_service(&mut self) {
        if let Some(service) = self.service.take() {
            self.visits = service.visits;
            if !service.worker.end(self.plan.timeout_ms) {
                let wrong = "the service's worker failed or did not stop";
                lock(&self.seen).wrong.push(wrong.to_owned());
            }
        }
    }
}

/// Copies the program with `cp`.
///
/// If this process wrote the copy, a child that another thread starts meanwhile would inherit the
/// open file until it executes its own program, and starting the copy would fail with `ETXTBSY`.
fn copy_program(from: &Path, to: &Path) -> std::io::Result<()> {
    let status = Command::new("cp").args([from, to]).status()?;
    if !status.success() {
        let (from, to) = (from.display(), to.display());
        return Err(std::io::Error::other(format!("cp {from} {to}: {status}")));
    }
    Ok(())
}

fn store(base: &Path) -> PathBuf {
    base.join("home/tokens")
}

fn owned_folder(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    chown(path, Some(NOBODY), Some(NOBODY))
}

/// Returns a file of the store that the service doesn't own, if there is one.
fn foreign_file(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let foreign = |path: &PathBuf| {
        // The file may have been removed in the meantime.
        std::fs::symlink_metadata(path).is_ok_and(|file| file.uid() != NOBODY)
    };
    let mut paths = entries.map(|entry| entry.path());
    paths.find(foreign)
}
