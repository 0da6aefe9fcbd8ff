//! Failing stores: full disks, read-only folders, damaged records, killed servers.
//!
//! Each time, the error must say what is wrong, and the old state must be intact.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use countersign_chaos::{Place, PlaceKind, Server, Stage};
use countersign_core::failpoint::{Failpoints, Point};
use countersign_core::{Client, Error, ErrorKind, FileStore};
use rustix::process::geteuid;

const NAME: &str = "boldsign-refresh";
const TIMEOUT_MS: u64 = 1000;

/// The user `nobody` and its group.
const NOBODY: u32 = 65_534;

/// A grant in a folder, with an expired access token, and the bytes of its record.
struct Bench {
    stage: Stage,
    client: Client,
    folder: PathBuf,
    before: Vec<u8>,
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let stage = Stage::start(Server::Strict, 3600);
        let store = Arc::new(FileStore::open(folder).unwrap());
        let client = stage.client(NAME, TIMEOUT_MS, store);
        stage.use_up(&client).unwrap();
        let before = fs::read(record(folder)).unwrap();
        Self {
            stage,
            client,
            folder: folder.to_owned(),
            before,
        }
    }

    /// Asserts a store error with these words, and that nothing was sent or changed.
    fn assert_store_error(&self, words: &str) {
        let error = self.client.token().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
        assert!(error.message().contains(words), "{error}");
        assert!(
            error.message().contains(&self.folder.display().to_string()),
            "{error}"
        );
        assert_eq!(self.stage.refreshes().len(), 1, "nothing was sent");
        assert!(fs::read(record(&self.folder)).unwrap() == self.before);
    }

    fn still_works(&self) {
        self.client.token().unwrap();
        self.client.refresh_now().unwrap();
    }
}

fn record(folder: &Path) -> PathBuf {
    let found = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut records = found.filter(|path| path.extension().is_some_and(|ending| ending == "rec"));
    records.next().expect("the folder has a record")
}

/// A file system of a few pages, unmounted on drop.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=96k", "tmpfs"])
            .arg(folder.path());
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(folder)),
            why => {
                skip(&format!("a small tmpfs cannot be mounted: {why:?}"));
                None
            }
        }
    }

    fn remount(&self, option: &str) {
        let remounted = Command::new("mount")
            .args(["-o", &format!("remount,{option}")])
            .arg(self.0.path())
            .status();
        assert!(remounted.unwrap().success());
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.0.path().join("filler")).unwrap();
        while file.write_all(&[0; 1024]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.0.path().join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Does something once, when a refresh reaches a failpoint.
struct When<F>(Point, Mutex<Option<F>>);

impl<F: FnOnce() + Send> Failpoints for When<F> {
    fn at(&self, point: Point) -> Result<(), Error> {
        if point == self.0
            && let Some(act) = self.1.lock().unwrap().take()
        {
            act();
        }
        Ok(())
    }
}

#[test]
fn a_full_disk_is_noticed_before_anything_is_sent() {
    let Some(small) = Small::mount() else { return };
    let stage = Stage::start(Server::Strict, 3600);
    let folder = small.0.path().join("tokens");
    let client = stage.client(
        NAME,
        TIMEOUT_MS,
        Arc::new(FileStore::open(&folder).unwrap()),
    );
    small.fill();
    let error = client.token().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
    assert!(error.message().contains("No space left"), "{error}");
    assert!(error.message().contains(&folder.display().to_string()));
    assert_eq!(stage.refreshes().len(), 0, "nothing was sent");
    small.empty();
    client.token().unwrap();
}

#[test]
fn a_disk_that_fills_up_between_sending_and_saving_loses_nothing() {
    let Some(small) = Small::mount() else { return };
    let small = Arc::new(small);
    let folder = small.0.path().join("tokens");
    let bench = Bench::new(&folder);
    let filler = Arc::clone(&small);
    let client = Client::builder(bench.stage.connection(NAME, TIMEOUT_MS))
        .store(Arc::new(FileStore::open(&folder).unwrap()))
        .failpoints(Arc::new(When(
            Point::BeforePersist,
            Mutex::new(Some(move || filler.fill())),
        )))
        .build()
        .unwrap();
    // The intent has reserved the space for it.
    client.token().unwrap();
    assert!(client.unsaved().is_none());
    assert_eq!(bench.stage.refreshes().len(), 2);
    // On a full disk, another process finds the token. Its own refresh succeeds or changes nothing.
    bench.client.token().unwrap();
    assert_eq!(bench.stage.refreshes().len(), 2);
    drop(bench.client.refresh_now());
    small.empty();
    bench.still_works();
}

#[test]
fn a_read_only_folder_is_noticed_before_anything_is_sent() {
    let Some(small) = Small::mount() else { return };
    let bench = Bench::new(&small.0.path().join("tokens"));
    small.remount("ro");
    bench.assert_store_error("Read-only file system");
    small.remount("rw");
    bench.still_works();
}

#[test]
fn without_permission_the_error_names_the_file() {
    if !geteuid().is_root() {
        skip("only root can become the user nobody");
        return;
    }
    let room = tempfile::tempdir().unwrap();
    open_to_all(room.path());
    let folder = room.path().join("tokens");
    let bench = Bench::new(&folder);
    let program = room.path().join("chaos");
    // Let another process copy it. If this one did, a child that another thread starts in the
    // meantime could hold the copy open for writing, and the kernel would not run it.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_countersign-chaos"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    open_to_all(&program);
    give_away(bench.stage.sandbox.dir());
    give_away(&folder);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    let fallback = room.path().join("fallback");
    fs::create_dir(&fallback).unwrap();
    fs::set_permissions(&fallback, fs::Permissions::from_mode(0o700)).unwrap();
    give_away(&fallback);
    for locked in [false, true] {
        if locked {
            // Nobody may read the record.
            fs::set_permissions(record(&folder), fs::Permissions::from_mode(0o000)).unwrap();
        }
        let output = Command::new(&program)
            .arg("once")
            .args(["--server", "strict", "--timeout-ms", "1000", "--point", "9"])
            .arg("--store")
            .arg(format!("file:{}", folder.display()))
            .args([Path::new("--folder"), bench.stage.sandbox.dir()])
            .args([Path::new("--fallback"), &fallback])
            .uid(NOBODY)
            .gid(NOBODY)
            .current_dir("/")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(stderr.contains("Permission denied"), "{stderr}");
        assert!(stderr.contains(&folder.display().to_string()), "{stderr}");
        assert_eq!(bench.stage.refreshes().len(), 1, "nothing was sent");
        assert!(fs::read(record(&folder)).unwrap() == bench.before);
    }
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn give_away(folder: &Path) {
    chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        chown(entry.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

#[test]
fn a_damaged_record_is_kept_and_reported_and_nothing_is_sent() {
    let damages: [fn(&mut Vec<u8>); 5] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.truncate(bytes.len() - 1),
        |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        },
        |bytes| bytes.extend_from_slice(b"tail"),
    ];
    for damage in damages {
        let room = tempfile::tempdir().unwrap();
        let bench = Bench::new(&room.path().join("tokens"));
        let mut bytes = bench.before.clone();
        damage(&mut bytes);
        fs::write(record(&bench.folder), &bytes).unwrap();
        let error = bench.client.token().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
        assert!(error.message().contains("damaged"), "{error}");
        assert_eq!(bench.stage.refreshes().len(), 1, "nothing was sent");
        let aside = fs::read_dir(&bench.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut aside = aside.filter(|path| path.to_string_lossy().contains("damaged"));
        assert!(fs::read(aside.next().expect("the record is kept")).unwrap() == bytes);
    }
}

#[test]
fn an_incomplete_new_record_is_ignored() {
    let room = tempfile::tempdir().unwrap();
    let bench = Bench::new(&room.path().join("tokens"));
    let half = record(&bench.folder).with_extension("new");
    fs::write(half, &bench.before[..bench.before.len() / 2]).unwrap();
    bench.still_works();
}

#[test]
fn redis_killed_in_the_middle_of_a_refresh() {
    killed_in_the_middle(PlaceKind::Redis);
}

#[test]
fn postgres_killed_in_the_middle_of_a_refresh() {
    killed_in_the_middle(PlaceKind::Postgres);
}

fn killed_in_the_middle(kind: PlaceKind) {
    if let Some(why) = kind.missing() {
        skip(&why);
        return;
    }
    // Before the intent, nothing may be sent. After the response, nothing may be lost.
    for (point, sent) in [(Point::BeforeIntent, 1), (Point::BeforePersist, 2)] {
        let stage = Stage::start(Server::Strict, 3600);
        let place = Arc::new(Mutex::new(Place::start(kind)));
        let store = place.lock().unwrap().open("cut");
        stage
            .use_up(&stage.client(NAME, TIMEOUT_MS, store))
            .unwrap();
        let victim = Arc::clone(&place);
        let kill = move || match &mut *victim.lock().unwrap() {
            Place::Redis(server) => server.kill(),
            Place::Postgres(server) => server.kill(),
            _ => {}
        };
        let store = place.lock().unwrap().open("cut");
        let client = Client::builder(stage.connection(NAME, TIMEOUT_MS))
            .store(store)
            .failpoints(Arc::new(When(point, Mutex::new(Some(kill)))))
            .build()
            .unwrap();
        let error = client.token().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
        assert!(
            error.message().to_lowercase().contains(kind.as_str()),
            "{error}"
        );
        assert_eq!(stage.refreshes().len(), sent, "{point:?}");
        match &mut *place.lock().unwrap() {
            Place::Redis(server) => server.restart(),
            Place::Postgres(server) => server.restart(),
            _ => {}
        }
        client.token().unwrap();
        assert_eq!(
            stage.refreshes().len(),
            2,
            "{point:?}: the response was kept, or one request was sent"
        );
        let store = place.lock().unwrap().open("cut");
        stage.client(NAME, TIMEOUT_MS, store).refresh_now().unwrap();
    }
}
