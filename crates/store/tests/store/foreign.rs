//! The file store with files of other users, read-only disks and exhausted limits.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use countersign_store::{FileStore, Owner, Store, StoreKey, Swap};

use crate::files::{Bench, Disk, assert_unusable, names};

const TTL: Duration = Duration::from_secs(30);

#[test]
fn only_regular_files_of_this_user_are_used() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let precious = elsewhere.path().join("precious");
    let forged = fs::read(bench.file("rec")).unwrap();
    fs::write(&precious, &forged).unwrap();
    type Plant = fn(&Path, &Path);
    let link: Plant = |precious, at| symlink(precious, at).unwrap();
    let hard_link: Plant = |precious, at| fs::hard_link(precious, at).unwrap();
    let fifo: Plant = |_, at| {
        let made = Command::new("mkfifo")
            .arg("-m600")
            .arg(at)
            .status()
            .unwrap();
        assert!(made.success());
    };
    let foreign: Plant = |precious, at| {
        fs::copy(precious, at).unwrap();
        std::os::unix::fs::chown(at, Some(65_534), None).unwrap();
    };
    let mut plants = vec![
        (link, "symbolic link"),
        (hard_link, "2 hard links"),
        (fifo, "not a regular file"),
    ];
    if is_root() {
        plants.push((foreign, "belongs to user 65534"));
    }
    for (plant, why) in plants {
        let planted = |ending: &str| {
            let _ = fs::remove_file(bench.file(ending));
            plant(&precious, &bench.file(ending));
        };
        planted("rec");
        assert_unusable(&bench.store.load(&bench.key).unwrap_err(), why);
        assert_unusable(&bench.store.keys().unwrap_err(), why);
        match bench.swap(Some(1), None, b"mine") {
            Swap::Unavailable(error) => assert_unusable(&error, why),
            other => panic!("{other:?}"),
        }
        fs::remove_file(bench.file("rec")).unwrap();
        fs::write(bench.file("rec"), &forged).unwrap();
        planted("lock");
        assert_unusable(&bench.lease("a").unwrap_err(), why);
        fs::remove_file(bench.file("lock")).unwrap();
        for ending in ["write-lock", "spare"] {
            planted(ending);
            // It is rejected or replaced, and the file it refers to is left alone.
            drop(bench.swap(Some(1), None, b"mine"));
            let _ = fs::remove_file(bench.file(ending));
            fs::write(bench.file("rec"), &forged).unwrap();
        }
        planted("new");
        drop(bench.store.load(&bench.key));
        drop(bench.swap(Some(1), None, b"mine"));
        let _ = fs::remove_file(bench.file("new"));
        fs::write(bench.file("rec"), &forged).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), forged, "{why}");
    }
}

fn is_root() -> bool {
    let root = fs::metadata("/proc/self")
        .is_ok_and(|facts| std::os::unix::fs::MetadataExt::uid(&facts) == 0);
    if !root {
        let _ = writeln!(io::stderr(), "NOT TESTED: this user is not root");
    }
    root
}

#[test]
fn a_folder_of_another_user_is_rejected() {
    if !is_root() {
        return;
    }
    let bench = Bench::new();
    let fence = bench.lease("a").unwrap();
    std::os::unix::fs::chown(&bench.folder, Some(65_534), None).unwrap();
    let before = names(&bench.folder);
    let why = "belongs to user 65534, and this program runs as user 0";
    assert_unusable(&FileStore::open(&bench.folder).unwrap_err(), why);
    // Even if its owner changed while the store was open.
    assert_unusable(&bench.store.load(&bench.key).unwrap_err(), why);
    match bench.swap(Some(1), Some(fence), b"mine") {
        Swap::Unavailable(error) => assert_unusable(&error, "sudo -u '#65534'"),
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&bench.folder), before);
}

#[test]
fn a_read_only_disk_makes_the_store_unusable() {
    if !is_root() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(scratch.path()) else {
        return;
    };
    let store = FileStore::open(disk.0.join("tokens")).unwrap();
    let key = StoreKey::of(["mine"]);
    let swap = store.compare_and_swap(&key, None, None, b"one");
    assert!(matches!(swap, Swap::Applied(1)), "{swap:?}");
    disk.run("mount", &["-o", "remount,ro"]);
    let error = store.lease(&key, &Owner::new("a"), TTL).unwrap_err();
    assert_unusable(&error, "mount this one read-write");
    match store.compare_and_swap(&key, Some(1), None, b"two") {
        Swap::Unavailable(error) => assert_unusable(&error, "a writable disk"),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.load(&key).unwrap().unwrap().version, 1);
}

#[test]
fn running_out_of_descriptors_names_the_limit_to_raise() {
    let bench = Bench::new();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 32; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "foreign::leaves_no_descriptors",
            "--ignored",
            "--nocapture",
        ])
        .env("FOLDER", &bench.folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "runs as a child of running_out_of_descriptors_names_the_limit_to_raise"]
fn leaves_no_descriptors() {
    let store = FileStore::open(std::env::var("FOLDER").unwrap()).unwrap();
    let taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let error = store.load(&StoreKey::of(["mine"])).unwrap_err();
    drop(taken);
    assert_unusable(&error, "ulimit -n");
}

#[test]
fn a_folder_that_another_user_can_replace_is_rejected() {
    let scratch = tempfile::tempdir().unwrap();
    let open = scratch.path().join("open");
    fs::create_dir(&open).unwrap();
    let mode = |mode| fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let error = FileStore::open(open.join("tokens")).unwrap_err();
    assert_unusable(&error, "open is writable by other users (mode 0777)");
    assert_unusable(&error, "chmod go-w ");
    // With the sticky bit, as in /tmp, nobody can replace another user's entries.
    mode(0o1777);
    FileStore::open(open.join("tokens")).unwrap();
}
