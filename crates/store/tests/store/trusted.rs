//! Which files are trusted, by the owner and mode of the file and of every folder and link above it.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use countersign_store::trusted::{self, OpenError};
use tempfile::TempDir;

/// The files `outer/inner/file`, all owned by this user.
struct Tree {
    root: TempDir,
}

impl Tree {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let tree = Self { root };
        fs::create_dir_all(tree.inner()).unwrap();
        fs::write(tree.file(), "text").unwrap();
        for (path, mode) in [
            (tree.outer(), 0o755),
            (tree.inner(), 0o755),
            (tree.file(), 0o644),
        ] {
            set_mode(&path, mode);
        }
        tree
    }

    fn outer(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("outer")
    }

    fn inner(&self) -> PathBuf {
        self.outer().join("inner")
    }

    fn file(&self) -> PathBuf {
        self.inner().join("file")
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[track_caller]
fn accepted(path: &Path) {
    assert_eq!(trusted::read(path).unwrap().as_slice(), b"text");
}

#[track_caller]
fn rejected(path: &Path, blamed: &Path) -> String {
    match trusted::read(path) {
        Err(OpenError::Untrusted(why)) => {
            let message = why.to_string();
            let named = message.starts_with(&format!("{} ", blamed.display()));
            assert!(named, "{message} does not name {}", blamed.display());
            assert!(
                why.hint().contains(&*blamed.to_string_lossy()),
                "{}",
                why.hint()
            );
            message
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_other_users_can_write_is_rejected() {
    let tree = Tree::new();
    accepted(&tree.file());
    for (path, modes) in [
        (tree.file(), [0o646, 0o666]),
        (tree.inner(), [0o757, 0o777]),
        (tree.outer(), [0o757, 0o777]),
    ] {
        let before = fs::metadata(&path).unwrap().permissions();
        for mode in modes {
            set_mode(&path, mode);
            let message = rejected(&tree.file(), &path);
            assert!(
                message.contains(&format!("writable by other users (mode {mode:04o})")),
                "{message}"
            );
        }
        fs::set_permissions(&path, before).unwrap();
    }
    accepted(&tree.file());
}

#[test]
fn a_writable_folder_with_the_sticky_bit_is_trusted() {
    let tree = Tree::new();
    for folder in [tree.outer(), tree.inner()] {
        set_mode(&folder, 0o1777);
    }
    accepted(&tree.file());
}

#[test]
fn links_are_followed_and_the_path_behind_them_is_checked() {
    let tree = Tree::new();
    let elsewhere = tempfile::tempdir().unwrap();
    // The way Kubernetes mounts a secret: file -> ..data/file, ..data -> a folder.
    symlink(tree.inner(), elsewhere.path().join("..data")).unwrap();
    let link = elsewhere.path().join("link");
    symlink("..data/file", &link).unwrap();
    accepted(&link);
    let place = trusted::open(&link).unwrap().path;
    assert_eq!(place, tree.file().canonicalize().unwrap());

    set_mode(&tree.outer(), 0o777);
    rejected(&link, &tree.outer().canonicalize().unwrap());
    set_mode(&tree.outer(), 0o755);
    set_mode(elsewhere.path(), 0o777);
    rejected(&link, &elsewhere.path().canonicalize().unwrap());
    set_mode(elsewhere.path(), 0o755);

    let round = elsewhere.path().join("round");
    symlink("round", &round).unwrap();
    assert!(matches!(trusted::read(&round), Err(OpenError::Io(_))));
}

/// Only root can change a file's owner, so only root's tests check this.
#[test]
fn files_folders_and_links_of_another_user_are_rejected() {
    const SOMEBODY: u32 = 12_345;
    let tree = Tree::new();
    let link = tree.root.path().join("link");
    symlink(tree.file(), &link).unwrap();
    for path in [tree.file(), tree.inner(), tree.outer()] {
        let own = fs::metadata(&path).unwrap().uid();
        if chown(&path, Some(SOMEBODY), None).is_err() {
            return;
        }
        for way in [&tree.file(), &link] {
            let message = rejected(way, &path);
            assert!(message.contains("belongs to user 12345"), "{message}");
        }
        chown(&path, Some(own), None).unwrap();
    }
    std::os::unix::fs::lchown(&link, Some(SOMEBODY), None).unwrap();
    rejected(&link, &link);
    accepted(&tree.file());
}

#[test]
fn pipes_of_this_user_and_devices_can_be_read() {
    // The shell's `--config <(command)` and `/dev/stdin` are pipes. This one is of a child.
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"text").unwrap();
    let out = child.stdout.take().unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&out);
    if Path::new("/proc/self/fd").exists() {
        accepted(Path::new(&format!("/proc/self/fd/{number}")));
    }
    child.wait().unwrap();
    trusted::read(Path::new("/dev/null")).unwrap();
}
