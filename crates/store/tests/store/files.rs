//! The file store with other processes, lost files, and file systems that hang.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use countersign_store::{Error, ErrorKind, FileStore, Lease, Owner, Store, StoreKey, Stored, Swap};
use tempfile::TempDir;

const TTL: Duration = Duration::from_secs(30);

/// A store with the record `mine`, at version 1.
pub(crate) struct Bench {
    _scratch: TempDir,
    pub(crate) folder: PathBuf,
    pub(crate) store: FileStore,
    pub(crate) key: StoreKey,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("tokens");
        let bench = Self {
            store: FileStore::open(&folder).unwrap(),
            _scratch: scratch,
            folder,
            key: StoreKey::of(["mine"]),
        };
        assert!(matches!(bench.swap(None, None, b"one"), Swap::Applied(1)));
        bench
    }

    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.key.to_hex()))
    }

    pub(crate) fn swap(&self, expected: Option<u64>, fence: Option<u64>, value: &[u8]) -> Swap {
        self.store
            .compare_and_swap(&self.key, expected, fence, value)
    }

    fn stored(&self) -> Stored {
        self.store.load(&self.key).unwrap().unwrap()
    }

    pub(crate) fn lease(&self, word: &str) -> Result<u64, Error> {
        match self.store.lease(&self.key, &Owner::new(word), TTL)? {
            Lease::Granted { fence, .. } => Ok(fence),
            Lease::Busy { .. } => panic!("the lease is busy"),
        }
    }

    fn release(&self, word: &str, fence: u64) -> bool {
        let owner = Owner::new(word);
        self.store.release(&self.key, &owner, fence).unwrap()
    }
}

fn value(stored: &Stored) -> &[u8] {
    stored.value.as_ref().unwrap()
}

pub(crate) fn assert_unusable(error: &Error, part: &str) {
    assert_eq!(
        (error.kind(), error.setting_name()),
        (ErrorKind::Unusable, Some("store")),
        "{error}"
    );
    let text = format!("{error}; {}", error.hint().unwrap_or_default());
    assert!(text.contains(part), "{text}");
}

#[test]
fn fences_keep_growing_if_the_lock_files_are_lost() {
    let bench = Bench::new();
    for version in 1..=25 {
        let fence = bench.lease("a").unwrap();
        let swap = bench.swap(Some(version), Some(fence), b"refreshed");
        assert!(matches!(swap, Swap::Applied(_)), "{swap:?}");
        assert!(bench.release("a", fence));
    }
    for ending in ["lock", "write-lock"] {
        fs::remove_file(bench.file(ending)).unwrap();
    }
    let fence = bench.lease("a").unwrap();
    assert!(fence > bench.stored().fence);
    let swap = bench.swap(Some(26), Some(fence), b"refreshed");
    assert!(matches!(swap, Swap::Applied(27)), "{swap:?}");
    assert!(bench.release("a", fence));
    fs::remove_file(bench.file("lock")).unwrap();
    let fence = bench.lease("a").unwrap();
    let swap = bench.store.tombstone(&bench.key, 27, Some(fence));
    assert!(matches!(swap, Swap::Applied(28)), "{swap:?}");
}

#[test]
fn a_holder_notices_that_its_lease_files_were_removed() {
    let bench = Bench::new();
    let owner = Owner::new("a");
    for ending in ["lock", "alive-"] {
        let fence = bench.lease("a").unwrap();
        assert!(bench.store.renew(&bench.key, &owner, fence, TTL).unwrap());
        for name in names(&bench.folder) {
            if name.contains(&format!(".{ending}")) {
                fs::remove_file(bench.folder.join(name)).unwrap();
            }
        }
        assert!(!bench.store.renew(&bench.key, &owner, fence, TTL).unwrap());
        assert!(!bench.release("a", fence));
    }
    bench.lease("a").unwrap();
}

/// Two writers may then work at once, and one finds the other's successor.
#[test]
fn removing_lock_files_during_changes_costs_at_most_a_retry() {
    let bench = Bench::new();
    let write = || {
        // Each writer has its own store, as separate processes do.
        let store = FileStore::open(&bench.folder).unwrap();
        for _ in 0..150 {
            let failed = match store.load(&bench.key) {
                Ok(stored) => {
                    let version = stored.map(|stored| stored.version);
                    match store.compare_and_swap(&bench.key, version, None, b"changed") {
                        Swap::Unavailable(error) | Swap::Unknown(error) => Some(error),
                        Swap::Applied(_) | Swap::Conflict(_) | Swap::Fenced => None,
                    }
                }
                Err(error) => Some(error),
            };
            if let Some(error) = failed {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            }
        }
    };
    std::thread::scope(|scope| {
        let writers = [scope.spawn(write), scope.spawn(write), scope.spawn(write)];
        while writers.iter().any(|writer| !writer.is_finished()) {
            for name in names(&bench.folder) {
                if name.contains("write-lock") || name.contains(".alive-") {
                    // Its holder may have removed it already.
                    let _ = fs::remove_file(bench.folder.join(name));
                }
            }
        }
    });
    assert!(bench.store.load(&bench.key).unwrap().is_some());
}

/// Leaves what a writer leaves that is killed between writing a successor and renaming it.
fn leave_behind(bench: &Bench, version: u64, fence: Option<u64>, bytes: &[u8]) {
    let other = tempfile::tempdir().unwrap();
    let store = FileStore::open(other.path().join("tokens")).unwrap();
    for before in 0..version {
        let expected = (before > 0).then_some(before);
        let swap = store.compare_and_swap(&bench.key, expected, fence, bytes);
        assert!(matches!(swap, Swap::Applied(_)), "{swap:?}");
    }
    let record = store.folder().join(bench.file("rec").file_name().unwrap());
    fs::copy(record, bench.file("new")).unwrap();
}

#[test]
fn a_complete_successor_of_a_killed_writer_is_adopted() {
    let bench = Bench::new();
    leave_behind(&bench, 2, Some(9), b"the only new refresh token");
    let stored = bench.stored();
    assert_eq!((stored.version, stored.fence), (2, 9));
    assert_eq!(value(&stored), b"the only new refresh token");
    assert!(!bench.file("new").exists());

    // A writer that read the record before the recovery gets a conflict with the new record.
    leave_behind(&bench, 3, Some(9), b"three");
    match bench.swap(Some(2), None, b"mine") {
        Swap::Conflict(Some(now)) => assert_eq!((now.version, value(&now)), (3, &b"three"[..])),
        other => panic!("{other:?}"),
    }

    // The first record of a key is found as well, even by listing.
    fs::remove_file(bench.file("rec")).unwrap();
    leave_behind(&bench, 1, None, b"first");
    assert_eq!(bench.store.keys().unwrap(), [bench.key]);
    assert_eq!(value(&bench.stored()), b"first");

    // If the record is damaged, its successor is the only copy.
    fs::write(bench.file("rec"), b"rubbish").unwrap();
    leave_behind(&bench, 2, None, b"second");
    assert_eq!(value(&bench.stored()), b"second");
}

#[test]
fn truncated_outdated_and_fenced_successors_are_not_adopted() {
    let bench = Bench::new();
    assert!(matches!(
        bench.swap(Some(1), Some(5), b"two"),
        Swap::Applied(2)
    ));
    let unchanged = |why: &str| {
        let stored = bench.stored();
        assert_eq!((stored.version, value(&stored)), (2, &b"two"[..]), "{why}");
        assert!(!bench.file("new").exists(), "{why}");
    };
    for (version, fence, why) in [
        (2, 5, "not newer"),
        (4, 5, "not the next version"),
        (3, 4, "fenced"),
    ] {
        leave_behind(&bench, version, Some(fence), b"other");
        unchanged(why);
    }
    leave_behind(&bench, 3, Some(5), b"truncated");
    let whole = fs::read(bench.file("new")).unwrap();
    for end in 0..whole.len() {
        fs::write(bench.file("new"), &whole[..end]).unwrap();
        unchanged("truncated");
    }
}

#[test]
fn calls_time_out_while_another_writer_hangs() {
    let mut bench = Bench::new();
    bench.store = bench.store.with_timeout(Duration::from_millis(100));
    let lock = File::open(bench.file("write-lock")).unwrap();
    lock.lock().unwrap();
    let began = Instant::now();
    match bench.swap(Some(1), None, b"two") {
        Swap::Unavailable(error) => {
            assert!(error.message().contains("write-lock"), "{error}");
            assert_eq!(error.kind(), ErrorKind::Unavailable);
        }
        other => panic!("{other:?}"),
    }
    // Readers don't wait for a successor that they can't recover now.
    leave_behind(&bench, 2, None, b"two");
    assert_eq!(bench.stored().version, 1);
    assert!(began.elapsed() < Duration::from_secs(20));
    lock.unlock().unwrap();
    assert_eq!(bench.stored().version, 2);

    let lock = File::create(bench.file("lock")).unwrap();
    lock.lock().unwrap();
    let error = bench
        .store
        .lease(&bench.key, &Owner::new("a"), TTL)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    lock.unlock().unwrap();
    bench.lease("a").unwrap();
}

/// A file system on a loop device, if this user may mount one.
pub(crate) struct Disk(pub(crate) PathBuf);

impl Disk {
    pub(crate) fn mount(scratch: &Path) -> Option<Self> {
        let (image, at) = (scratch.join("image"), scratch.join("disk"));
        fs::create_dir(&at).unwrap();
        let ran = |program: &str, args: &[&Path]| {
            let status = Command::new(program)
                .args(args)
                .stderr(Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        File::create(&image).unwrap().set_len(16 << 20).unwrap();
        let loop_device = [Path::new("-o"), Path::new("loop"), &image, &at];
        let made = ran("mkfs.ext4", &[Path::new("-q"), &image]) && ran("mount", &loop_device);
        if !made {
            let _ = writeln!(
                io::stderr(),
                "NOT TESTED: this user may not mount a file system"
            );
        }
        made.then_some(Self(at))
    }

    pub(crate) fn run(&self, program: &str, args: &[&str]) {
        let status = Command::new(program).args(args).arg(&self.0).status();
        assert!(status.unwrap().success(), "{program} {args:?}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.run("umount", &[]);
    }
}

#[test]
fn calls_time_out_if_the_file_system_hangs() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(scratch.path()) else {
        return;
    };
    let store = FileStore::open(disk.0.join("tokens")).unwrap();
    let key = StoreKey::of(["mine"]);
    let swap = store.compare_and_swap(&key, None, None, b"one");
    assert!(matches!(swap, Swap::Applied(1)), "{swap:?}");
    let store = store.with_timeout(Duration::from_millis(100));
    disk.run("fsfreeze", &["--freeze"]);
    let began = Instant::now();
    let swap = store.compare_and_swap(&key, Some(1), None, b"two");
    let leased = store.lease(&key, &Owner::new("a"), TTL);
    let took = began.elapsed();
    disk.run("fsfreeze", &["--unfreeze"]);
    match swap {
        Swap::Unknown(error) => {
            assert!(
                error.message().contains("did not respond within"),
                "{error}"
            );
            assert_eq!(error.setting_name(), Some("store"));
        }
        other => panic!("{other:?}"),
    }
    assert!(leased.is_err(), "{leased:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    // The late calls finish once the file system responds, and leave nothing locked.
    let began = Instant::now();
    let patient = FileStore::open(disk.0.join("tokens")).unwrap();
    while patient.load(&key).unwrap().unwrap().version < 2 {
        assert!(began.elapsed() < Duration::from_secs(60));
    }
    loop {
        match patient.lease(&key, &Owner::new("b"), TTL).unwrap() {
            Lease::Granted { .. } => break,
            Lease::Busy { .. } => assert!(began.elapsed() < Duration::from_secs(60)),
        }
    }
    // The late threads have the folder open, so it can't be unmounted before they end.
    drop((store, patient));
    while names(Path::new("/proc/self/task")).iter().any(|task| {
        let name = fs::read_to_string(format!("/proc/self/task/{task}/comm"));
        name.is_ok_and(|name| name.starts_with("countersign-fil"))
    }) {
        std::thread::yield_now();
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(name).collect()
}

/// A process that holds the lease, until it is killed.
struct Holding(
    Child,
    #[expect(dead_code, reason = "closing it would end the child")] ChildStdin,
);

impl Holding {
    fn start(bench: &Bench) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "files::holds_the_lease",
                "--ignored",
                "--nocapture",
            ])
            .env("FOLDER", &bench.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("has the lease")));
        Self(child, stdin)
    }
}

#[test]
#[ignore = "runs as a child of a_lease_names_its_process_and_ends_with_it"]
fn holds_the_lease() {
    let store = FileStore::open(std::env::var("FOLDER").unwrap()).unwrap();
    let owner = Owner::of_this_process("test");
    let lease = store.lease(&StoreKey::of(["mine"]), &owner, TTL).unwrap();
    assert!(matches!(lease, Lease::Granted { .. }));
    io::stdout().write_all(b"has the lease\n").unwrap();
    let _ = io::stdin().read_line(&mut String::new());
}

#[test]
fn a_lease_names_its_process_and_ends_with_it() {
    let bench = Bench::new();
    assert_eq!(bench.store.holder(&bench.key).unwrap(), None);
    let mut other = Holding::start(&bench);
    let owner = Owner::new("a");
    let lease = bench.store.lease(&bench.key, &owner, TTL).unwrap();
    assert!(matches!(lease, Lease::Busy { .. }), "{lease:?}");
    let holder = bench.store.holder(&bench.key).unwrap().unwrap();
    let pid = other.0.id();
    assert!(holder.owner.as_str().ends_with(&format!(":{pid}:test")));
    assert!(
        holder
            .to_string()
            .starts_with(&format!("process {pid} on "))
    );
    assert!(holder.since_ms.unwrap() > 1_700_000_000_000);
    // Listing removes the leftovers of dead processes, and nothing else.
    bench.store.keys().unwrap();
    assert!(bench.store.holder(&bench.key).unwrap().is_some());
    other.0.kill().unwrap();
    other.0.wait().unwrap();
    assert_eq!(bench.store.holder(&bench.key).unwrap(), None);
    let fence = bench.lease("a").unwrap();
    let proofs = |folder: &Path| {
        let names = names(folder).into_iter();
        names.filter(|name| name.contains(".alive-")).count()
    };
    assert_eq!(proofs(&bench.folder), 1, "the dead process's proof is gone");
    assert!(bench.release("a", fence));
    assert_eq!(proofs(&bench.folder), 0);
    // Leftovers of a process that died before it claimed anything, and of one whose lock was
    // removed while it wrote.
    fs::write(bench.file("alive-1-abandoned"), "").unwrap();
    fs::write(bench.file("draft-2-abandoned"), "half").unwrap();
    bench.store.keys().unwrap();
    assert_eq!(proofs(&bench.folder), 0);
    assert!(!bench.file("draft-2-abandoned").exists());
}

#[test]
fn damaged_copies_are_private_and_can_be_removed() {
    let bench = Bench::new();
    fs::write(bench.file("rec"), b"rubbish, with a token in it").unwrap();
    fs::set_permissions(bench.file("rec"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(bench.store.load(&bench.key).is_err());
    let aside = PathBuf::from(bench.store.set_aside(&bench.key).unwrap().unwrap());
    let mode = aside.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let other = bench
        .folder
        .join(format!("{}.damaged-1", StoreKey::of(["other"]).to_hex()));
    fs::write(&other, b"another connection's").unwrap();
    let removed = bench.store.remove_set_aside(&bench.key).unwrap();
    assert_eq!(removed, [aside.display().to_string()]);
    assert!(!aside.exists() && other.exists());
    assert!(bench.store.set_aside(&bench.key).unwrap().is_none());
    assert!(bench.store.remove_set_aside(&bench.key).unwrap().is_empty());
}
