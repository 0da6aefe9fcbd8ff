//! The file store among other users, and on disks that refuse for good.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use countersign_store::{FileStore, Owner, Store, StoreKey, Swap};

use crate::files::{Bench, Disk, must_be_fixed, names};

const TTL: Duration = Duration::from_secs(30);

#[test]
fn only_plain_files_of_this_user_are_touched() {
    let bench = Bench::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let precious = elsewhere.path().join("precious");
    let forged = fs::read(bench.file("rec")).unwrap();
    fs::write(&precious, &forged).unwrap();
    type Plant = fn(&Path, &Path);
    let link: Plant = |precious, at| symlink(precious, at).unwrap();
    let second_name: Plant = |precious, at| fs::hard_link(precious, at).unwrap();
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
        (second_name, "2 names"),
        (fifo, "not a regular file"),
    ];
    if is_root() {
        plants.push((foreign, "belongs to user 65534"));
    }
    for (plant, says) in plants {
        let planted = |ending: &str| {
            let _ = fs::remove_file(bench.file(ending));
            plant(&precious, &bench.file(ending));
        };
        planted("rec");
        must_be_fixed(&bench.store.load(&bench.key).unwrap_err(), says);
        must_be_fixed(&bench.store.keys().unwrap_err(), says);
        match bench.swap(Some(1), None, b"mine") {
            Swap::Unavailable(error) => must_be_fixed(&error, says),
            other => panic!("{other:?}"),
        }
        fs::remove_file(bench.file("rec")).unwrap();
        fs::write(bench.file("rec"), &forged).unwrap();
        planted("lock");
        must_be_fixed(&bench.lease("a").unwrap_err(), says);
        fs::remove_file(bench.file("lock")).unwrap();
        for ending in ["write-lock", "spare"] {
            planted(ending);
            // It is refused or replaced, and what it led to is left alone.
            drop(bench.swap(Some(1), None, b"mine"));
            let _ = fs::remove_file(bench.file(ending));
            fs::write(bench.file("rec"), &forged).unwrap();
        }
        planted("new");
        drop(bench.store.load(&bench.key));
        drop(bench.swap(Some(1), None, b"mine"));
        let _ = fs::remove_file(bench.file("new"));
        fs::write(bench.file("rec"), &forged).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), forged, "{says}");
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
fn a_folder_of_another_user_is_left_alone() {
    if !is_root() {
        return;
    }
    let bench = Bench::new();
    let fence = bench.lease("a").unwrap();
    std::os::unix::fs::chown(&bench.folder, Some(65_534), None).unwrap();
    let before = names(&bench.folder);
    let refused = "belongs to user 65534, and this program runs as user 0";
    must_be_fixed(&FileStore::open(&bench.folder).unwrap_err(), refused);
    // Also if it changed hands while it was open.
    must_be_fixed(&bench.store.load(&bench.key).unwrap_err(), refused);
    match bench.swap(Some(1), Some(fence), b"mine") {
        Swap::Unavailable(error) => must_be_fixed(&error, "sudo -u '#65534'"),
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&bench.folder), before);
}

#[test]
fn a_disk_that_cannot_be_written_is_a_matter_of_the_configuration() {
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
    must_be_fixed(&error, "mount this one read-write");
    match store.compare_and_swap(&key, Some(1), None, b"two") {
        Swap::Unavailable(error) => must_be_fixed(&error, "a disk that can be written"),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.load(&key).unwrap().unwrap().version, 1);
}

#[test]
fn a_process_without_descriptors_is_told_which_limit_to_raise() {
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
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "a process of its own, for a_process_without_descriptors_is_told_which_limit_to_raise"]
fn leaves_no_descriptors() {
    let store = FileStore::open(std::env::var("FOLDER").unwrap()).unwrap();
    let taken: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let error = store.load(&StoreKey::of(["mine"])).unwrap_err();
    drop(taken);
    must_be_fixed(&error, "ulimit -n");
}

#[test]
fn a_folder_that_another_user_can_replace_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let open = scratch.path().join("open");
    fs::create_dir(&open).unwrap();
    let mode = |mode| fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let error = FileStore::open(open.join("tokens")).unwrap_err();
    must_be_fixed(&error, "open may be written by other users (mode 0777)");
    must_be_fixed(&error, "chmod go-w ");
    // As in /tmp, nobody can replace what is another's.
    mode(0o1777);
    FileStore::open(open.join("tokens")).unwrap();
}
