//! A service of another user, and root, who runs a client on its store.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign::{Error, FileStore, Keeper, Verdict};
use tempfile::TempDir;

use super::crew::{Worker, order};
use super::seen::Seen;
use super::{Plan, Run, TIMEOUT_MS, lock};
use crate::tenants::{CLERK, TENANTS};
use crate::{PlaceKind, Stage};

/// The user `nobody`.
const NOBODY: u32 = 65534;

/// A worker of that user, with a store that it owns.
pub(super) struct Service {
    scratch: TempDir,
    worker: Worker,
    /// How many tokens it had been given when root was there last.
    given: usize,
    /// How often root was there.
    pub(super) visits: usize,
}

impl Service {
    /// Why there can be none in this run, if so.
    pub(super) fn missing(plan: &Plan) -> Option<&'static str> {
        match plan.store {
            PlaceKind::File if rustix::process::geteuid().is_root() => None,
            PlaceKind::File => Some("only root can run a worker as another user"),
            _ => Some("a database knows no owner of a record"),
        }
    }

    /// Starts it, with everything that it needs where it can read it.
    pub(super) fn start(
        plan: &Plan,
        stage: &Stage,
        seen: &Arc<Mutex<Seen>>,
    ) -> std::io::Result<Self> {
        let scratch = tempfile::tempdir()?;
        let base = scratch.path();
        std::fs::set_permissions(base, std::fs::Permissions::from_mode(0o755))?;
        let program = base.join("countersign-chaos");
        std::fs::copy(&plan.program, &program)?;
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

    /// What root did to the store by refreshing its token.
    fn visit(&mut self, run: &VisitedBy<'_>) -> Option<String> {
        self.visits += 1;
        let folder = store(self.scratch.path());
        let connection =
            TENANTS[CLERK].connect(run.stage.sandbox.dir(), run.plan.server, TIMEOUT_MS);
        let refreshed = FileStore::open(&folder)
            .map_err(Error::from)
            .and_then(|store| {
                let keeper = Keeper::builder(connection).store(Arc::new(store)).build()?;
                keeper.refresh_now()
            });
        let told = |error: &Error| error.verdict() == Verdict::FixConfiguration;
        if let Err(error) = &refreshed
            && !told(error)
        {
            return Some(format!(
                "root was told to {}: {error}",
                error.verdict().as_str()
            ));
        }
        let foreign = foreign_files(&folder);
        foreign.map(|path| format!("root left {} to itself", path.display()))
    }

    /// Whether the worker was given a token since root was there.
    fn goes_on(&mut self, seen: &Mutex<Seen>) -> bool {
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
    /// Root refreshes the token of a service that another user runs: it must refuse, or leave the
    /// files to their owner. The service goes on.
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
        // What it was given before does not count.
        let pid = service.worker.child.id();
        service.given = lock(&self.seen)
            .given
            .get(&pid)
            .copied()
            .unwrap_or_default();
        if !service.goes_on(&self.seen) {
            let wrong = "the service was given no token after root was there";
            lock(&self.seen).wrong.push(wrong.to_owned());
        }
    }

    pub(super) fn end_service(&mut self) {
        if let Some(service) = self.service.take() {
            self.visits = service.visits;
            if !service.worker.end() {
                let wrong = "the service's worker did not end well";
                lock(&self.seen).wrong.push(wrong.to_owned());
            }
        }
    }
}

fn store(base: &Path) -> PathBuf {
    base.join("home/tokens")
}

fn owned_folder(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    chown(path, Some(NOBODY), Some(NOBODY))
}

/// A file of the store that is not the service's.
fn foreign_files(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let foreign = |path: &PathBuf| {
        // One may be gone by now.
        std::fs::symlink_metadata(path).is_ok_and(|file| file.uid() != NOBODY)
    };
    let mut paths = entries.map(|entry| entry.path());
    paths.find(foreign)
}
