//! What all stores of this crate do, and the file store on a real file system.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use countersign_store::{
    ErrorKind, FileStore, KeyRing, Lease, MemoryStore, Owner, SealedStore, Store, StoreKey, Swap,
};

const TTL: Duration = Duration::from_secs(30);

/// Checks what every store does.
fn conforms(store: &dyn Store) {
    let (key, other) = (StoreKey::of(["a", "b"]), StoreKey::of(["ab"]));
    assert_ne!(key, other);
    assert!(store.load(&key).unwrap().is_none());
    assert!(matches!(
        store.compare_and_swap(&key, Some(1), None, b"x"),
        Swap::Conflict(None)
    ));
    assert!(matches!(
        store.compare_and_swap(&key, None, None, b"one"),
        Swap::Applied(1)
    ));
    match store.compare_and_swap(&key, None, None, b"two") {
        Swap::Conflict(Some(now)) => assert_eq!(now.version, 1),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        store.compare_and_swap(&key, Some(1), Some(5), b"two"),
        Swap::Applied(2)
    ));
    assert!(matches!(
        store.compare_and_swap(&key, Some(2), Some(4), b"late"),
        Swap::Fenced
    ));
    let read = store.load(&key).unwrap().unwrap();
    assert_eq!(
        (read.version, read.fence, read.value.unwrap().as_slice()),
        (2, 5, &b"two"[..])
    );
    assert!(store.load(&other).unwrap().is_none());

    // A tombstone increments the version, so a late writer of the old value gets a conflict.
    assert!(matches!(
        store.tombstone(&key, 2, Some(6)),
        Swap::Applied(3)
    ));
    let tombstone = store.load(&key).unwrap().unwrap();
    assert_eq!((tombstone.version, tombstone.value.is_none()), (3, true));
    assert!(store.keys().unwrap().is_empty());
    assert!(matches!(
        store.compare_and_swap(&key, Some(2), None, b"late"),
        Swap::Conflict(_)
    ));
    assert!(matches!(
        store.compare_and_swap(&key, Some(3), None, b"new"),
        Swap::Applied(4)
    ));

    assert_eq!(store.keys().unwrap(), [key]);
    assert_eq!(StoreKey::from_hex(&key.to_hex()), Some(key));

    // There is one lease at a time, and its fence only grows.
    let (me, you) = (Owner::new("me"), Owner::new("you"));
    let first = granted(store.lease(&key, &me, TTL).unwrap());
    assert!(matches!(
        store.lease(&key, &you, TTL).unwrap(),
        Lease::Busy { .. }
    ));
    assert!(store.renew(&key, &me, first, TTL).unwrap());
    assert!(!store.renew(&key, &you, first, TTL).unwrap());
    assert!(!store.release(&key, &you, first).unwrap());
    assert!(store.release(&key, &me, first).unwrap());
    assert!(!store.release(&key, &me, first).unwrap());
    let second = granted(store.lease(&key, &you, TTL).unwrap());
    assert!(second > first);
    assert!(store.release(&key, &you, second).unwrap());
}

fn granted(lease: Lease) -> u64 {
    match lease {
        Lease::Granted { fence, .. } => fence,
        Lease::Busy { .. } => panic!("the lease is busy"),
    }
}

#[test]
fn memory_conforms() {
    conforms(&MemoryStore::new());
}

#[test]
fn files_conform() {
    let folder = tempfile::tempdir().unwrap();
    conforms(&FileStore::open(folder.path().join("tokens")).unwrap());
}

const OLD: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const NEW: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

fn sealed(below: &Arc<MemoryStore>, keys: &str) -> SealedStore {
    let ring = KeyRing::parse(keys).unwrap();
    SealedStore::new(below.clone(), ring)
}

#[test]
fn sealed_conforms() {
    conforms(&sealed(&Arc::new(MemoryStore::new()), OLD));
}

#[test]
fn a_sealed_value_is_bound_to_its_record_and_version() {
    let below = Arc::new(MemoryStore::new());
    let store = sealed(&below, OLD);
    let (a, b) = (StoreKey::of(["a"]), StoreKey::of(["b"]));
    for key in [&a, &b] {
        assert!(matches!(
            store.compare_and_swap(key, None, None, b"one"),
            Swap::Applied(1)
        ));
    }
    let first = below.load(&a).unwrap().unwrap().value.unwrap();
    // A change of any byte is noticed.
    for byte in 0..first.len() {
        let mut flipped = first.to_vec();
        flipped[byte] ^= 1;
        let other = Arc::new(MemoryStore::new());
        assert!(matches!(
            other.compare_and_swap(&a, None, None, &flipped),
            Swap::Applied(1)
        ));
        assert!(sealed(&other, OLD).load(&a).is_err(), "byte {byte}");
    }
    // So is a value that was moved to another record.
    assert!(matches!(
        below.compare_and_swap(&b, Some(1), None, &first),
        Swap::Applied(2)
    ));
    assert!(
        store
            .load(&b)
            .unwrap_err()
            .message()
            .contains("a copy of another record")
    );
    // And an older value that was put back.
    assert!(matches!(
        store.compare_and_swap(&a, Some(1), None, b"two"),
        Swap::Applied(2)
    ));
    assert!(matches!(
        below.compare_and_swap(&a, Some(2), None, &first),
        Swap::Applied(3)
    ));
    assert!(store.load(&a).is_err());
}

#[test]
fn records_can_be_resealed_under_a_new_key() {
    let below = Arc::new(MemoryStore::new());
    let key = StoreKey::of(["mine"]);
    let swap = sealed(&below, OLD).compare_and_swap(&key, None, None, b"token");
    assert!(matches!(swap, Swap::Applied(1)));
    let error = sealed(&below, NEW).load(&key).unwrap_err();
    assert_eq!(
        (error.setting_name(), error.kind()),
        (Some("store_key"), ErrorKind::Unusable)
    );
    let both = sealed(&below, &format!("{NEW}\n{OLD}"));
    assert_eq!(
        both.load(&key).unwrap().unwrap().value.unwrap().as_slice(),
        b"token"
    );
    assert!(both.reseal(&key).unwrap());
    assert!(!both.reseal(&key).unwrap(), "it is under the first key now");
    let read = sealed(&below, NEW).load(&key).unwrap().unwrap();
    assert_eq!(read.value.unwrap().as_slice(), b"token");
    assert!(sealed(&below, OLD).load(&key).is_err());
}

#[test]
fn an_unencrypted_record_is_rejected_until_it_is_sealed_explicitly() {
    let below = Arc::new(MemoryStore::new());
    let key = StoreKey::of(["mine"]);
    assert!(matches!(
        below.compare_and_swap(&key, None, None, b"plain"),
        Swap::Applied(1)
    ));
    let store = sealed(&below, OLD);
    let hint = store.load(&key).unwrap_err().hint().unwrap().to_owned();
    assert!(hint.contains("SealedStore::seal_plain"), "{hint}");
    // Resealing rejects it, too: anyone who can write to the store could have planted it.
    assert_eq!(store.reseal(&key).unwrap_err().kind(), ErrorKind::Unusable);
    let raw = || below.load(&key).unwrap().unwrap().value.unwrap();
    assert_eq!(raw().as_slice(), b"plain");
    // Only the value that somebody has inspected is sealed.
    assert!(store.seal_plain(&key, b"other").is_err());
    assert_eq!(raw().as_slice(), b"plain");
    store.seal_plain(&key, b"plain").unwrap();
    assert_eq!(
        store.load(&key).unwrap().unwrap().value.unwrap().as_slice(),
        b"plain"
    );
    assert!(store.seal_plain(&key, b"plain").is_err(), "it is encrypted");
}

#[test]
fn racing_writers_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let key = StoreKey::of(["counter"]);
    // Each writer has its own store, as separate processes do.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = FileStore::open(&path).unwrap();
                let mut added = 0;
                while added < 25 {
                    let now = store.load(&key).unwrap();
                    let version = now.as_ref().map(|record| record.version);
                    let text = now.and_then(|record| record.value).unwrap_or_default();
                    let count: u64 = std::str::from_utf8(&text).unwrap().parse().unwrap_or(0);
                    let next = (count + 1).to_string();
                    match store.compare_and_swap(&key, version, None, next.as_bytes()) {
                        Swap::Applied(_) => added += 1,
                        Swap::Conflict(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
    let last = FileStore::open(&path).unwrap().load(&key).unwrap().unwrap();
    assert_eq!(
        (last.version, last.value.unwrap().as_slice()),
        (200, &b"200"[..])
    );
}

#[test]
fn two_stores_on_one_folder_share_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let (a, b) = (
        FileStore::open(&path).unwrap(),
        FileStore::open(&path).unwrap(),
    );
    let key = StoreKey::of(["mine"]);
    let first = granted(a.lease(&key, &Owner::new("a"), TTL).unwrap());
    assert!(matches!(
        b.lease(&key, &Owner::new("b"), TTL).unwrap(),
        Lease::Busy { .. }
    ));
    // The lease ends with its holder, and fences keep growing.
    drop(a);
    assert!(granted(b.lease(&key, &Owner::new("b"), TTL).unwrap()) > first);
}

#[test]
fn only_the_owner_can_read_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let store = FileStore::open(&path).unwrap();
    let key = StoreKey::of(["mine"]);
    let swap = store.compare_and_swap(&key, None, None, b"secret");
    assert!(matches!(swap, Swap::Applied(1)));
    store.lease(&key, &Owner::new("me"), TTL).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let files: Vec<_> = std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_folder_that_others_can_read_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("open");
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
    let error = FileStore::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    let hint = error.hint().unwrap();
    assert!(
        hint.starts_with("set `store` to a folder that contains nothing else, such as file:"),
        "{hint}"
    );
    assert!(hint.contains("run: chmod 0700 "), "{hint}");
}

#[test]
fn a_folder_that_cannot_be_created_makes_the_store_unusable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = FileStore::open(file.path().join("below")).unwrap_err();
    assert_eq!(error.setting_name(), Some("store"));
    assert_eq!(error.kind(), ErrorKind::Unusable, "{error}");
    assert!(error.hint().unwrap().contains("file:FOLDER"));
}

#[test]
fn the_folders_above_a_store_are_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("volume");
    let error = FileStore::open(mount.join("tokens")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable, "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains(&mount.display().to_string()), "{hint}");
    assert!(!mount.exists());
    std::fs::create_dir(&mount).unwrap();
    FileStore::open(mount.join("tokens")).unwrap();
    FileStore::open(mount.join("tokens")).unwrap();
}

#[test]
fn a_damaged_record_is_set_aside_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let store = FileStore::open(&path).unwrap();
    let key = StoreKey::of(["mine"]);
    let swap = store.compare_and_swap(&key, None, None, b"precious");
    assert!(matches!(swap, Swap::Applied(1)));
    let record = path.join(format!("{}.rec", key.to_hex()));
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&record, &whole[..whole.len() - 3]).unwrap();
    let error = store.load(&key).unwrap_err();
    assert!(error.message().contains("is damaged"), "{error}");
    let kept = std::fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let kept: Vec<_> = kept
        .filter(|path| path.to_string_lossy().contains(".damaged-"))
        .collect();
    assert_eq!(std::fs::read(&kept[0]).unwrap(), &whole[..whole.len() - 3]);
    assert!(store.load(&key).unwrap().is_none());
}

#[test]
fn a_failed_write_leaves_the_old_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let store = FileStore::open(&path).unwrap();
    let key = StoreKey::of(["mine"]);
    assert!(matches!(
        store.compare_and_swap(&key, None, None, b"old"),
        Swap::Applied(1)
    ));
    // A folder in place of the new file makes the write fail even for root, unlike a mode.
    let in_the_way = path.join(format!("{}.new", key.to_hex()));
    std::fs::create_dir_all(in_the_way.join("x")).unwrap();
    match store.compare_and_swap(&key, Some(1), None, b"new") {
        Swap::Unavailable(error) => assert!(error.message().contains(".new"), "{error}"),
        other => panic!("{other:?}"),
    }
    // It might be the successor of a killed writer, so the old record isn't returned meanwhile.
    assert!(store.load(&key).is_err());
    std::fs::remove_dir_all(in_the_way).unwrap();
    assert_eq!(
        store.load(&key).unwrap().unwrap().value.unwrap().as_slice(),
        b"old"
    );
}

/// A file system of 64 KiB, unmounted when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"])
            .arg(at)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg(&self.0).status();
        assert!(unmounted.unwrap().success());
    }
}

#[test]
fn a_refresh_can_be_finished_although_the_disk_has_filled_up() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("small")) else {
        use std::io::Write;
        let _ = writeln!(
            std::io::stderr(),
            "NOT TESTED: this user may not mount a small file system"
        );
        return;
    };
    let store = FileStore::open(disk.0.join("tokens")).unwrap();
    let key = StoreKey::of(["mine"]);
    // The intent, as large as what will follow it.
    assert!(matches!(
        store.compare_and_swap(&key, None, None, &[b'i'; 3000]),
        Swap::Applied(1)
    ));
    // Somebody fills the disk to the last byte.
    let filler = std::fs::File::create(disk.0.join("filler")).unwrap();
    let mut filler = std::io::BufWriter::with_capacity(512, filler);
    while std::io::Write::write_all(&mut filler, &[0; 512]).is_ok() {}
    let swap = store.compare_and_swap(&key, Some(1), None, &[b'a'; 3500]);
    assert!(matches!(swap, Swap::Applied(2)), "{swap:?}");
    let stored = store.load(&key).unwrap().unwrap();
    assert_eq!(stored.value.unwrap().as_slice(), [b'a'; 3500]);
    // A change that doesn't fit is rejected as a whole, and the record stays.
    match store.compare_and_swap(&key, Some(2), None, &[b'b'; 40_000]) {
        Swap::Unavailable(error) => assert!(error.message().contains("cannot"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.load(&key).unwrap().unwrap().version, 2);
    drop(filler.into_parts());
}
