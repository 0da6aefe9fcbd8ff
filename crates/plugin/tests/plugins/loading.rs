//! Which files are loaded: path, permissions, owner, digest.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;

use countersign_core::{Error, ErrorKind, Registry};
use countersign_plugin::{Loader, Sha256};
use countersign_plugin_testing::{Built, c, rust};

use crate::support::{HEADERS, load};

fn built() -> Built {
    c("tests/plugins/misshapen.c", HEADERS, &[])
}

#[track_caller]
fn rejected(path: &Path) -> Error {
    let error = Loader::new().load(path, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting, "{error}");
    assert_eq!(error.setting_name(), Some("plugin"), "{error}");
    assert!(error.hint().is_some(), "{error}");
    error
}

#[test]
fn a_relative_path_is_rejected() {
    let built = built();
    let name = Path::new(built.path().file_name().unwrap());
    assert!(rejected(name).message().contains("not absolute"));
    let dotted = Path::new("./plugin.so");
    assert!(rejected(dotted).message().contains("not absolute"));
}

#[test]
fn what_is_not_a_library_is_rejected() {
    let built = built();
    let missing = built.folder().join("another.so");
    assert!(rejected(&missing).message().contains("no such file"));
    assert!(rejected(built.folder()).message().contains("not a file"));
    let text = built.folder().join("text.so");
    fs::write(&text, "not a library").unwrap();
    fs::set_permissions(&text, Permissions::from_mode(0o644)).unwrap();
    let error = rejected(&text);
    assert!(error.message().contains("cannot be loaded"), "{error}");
    // The message includes the system loader's reason.
    assert!(!error.message().ends_with("dlopen failed"), "{error}");
}

#[test]
fn a_file_that_others_may_write_is_rejected() {
    let built = built();
    for mode in [0o757, 0o777, 0o646, 0o666] {
        fs::set_permissions(built.path(), Permissions::from_mode(mode)).unwrap();
        let error = rejected(built.path());
        assert!(error.message().contains("is writable"), "{error}");
        assert!(error.hint().unwrap().starts_with("chmod go-w"), "{error:?}");
    }
    fs::set_permissions(built.path(), Permissions::from_mode(0o600)).unwrap();
    load(&built);
}

#[test]
fn a_path_through_a_folder_that_others_may_write_is_rejected() {
    let built = built();
    let inner = built.folder().join("inner");
    fs::create_dir(&inner).unwrap();
    let plugin = inner.join("plugin.so");
    fs::copy(built.path(), &plugin).unwrap();
    for (folder, mode) in [(inner.as_path(), 0o777), (built.folder(), 0o707)] {
        let before = fs::metadata(folder).unwrap().permissions();
        fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        let error = rejected(&plugin);
        assert!(error.message().contains("is writable"), "{error}");
        fs::set_permissions(folder, before).unwrap();
    }
    // Others may add files to a sticky folder. That is allowed above the plugin's own folder only.
    fs::set_permissions(&inner, Permissions::from_mode(0o1777)).unwrap();
    rejected(&plugin);
    fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(built.folder(), Permissions::from_mode(0o1777)).unwrap();
    Loader::new().load(&plugin, None).unwrap();
}

/// Only root can change a file's owner, so this test does nothing for other users.
#[test]
fn a_file_of_another_user_is_rejected() {
    let built = built();
    let inner = built.folder().join("inner/most");
    fs::create_dir_all(&inner).unwrap();
    let deep = inner.join("plugin.so");
    fs::copy(built.path(), &deep).unwrap();
    // The owner of any folder above can replace what is in it.
    for path in [&*deep, &*inner, inner.parent().unwrap(), built.folder()] {
        let (before, own) = (fs::metadata(path).unwrap(), 12_345);
        if chown(path, Some(own), None).is_err() {
            return;
        }
        let error = rejected(&deep);
        assert!(error.message().contains("belongs to user 12345"), "{error}");
        chown(path, Some(before.uid()), None).unwrap();
    }
    Loader::new().load(&deep, None).unwrap();
}

#[test]
fn a_link_in_a_folder_that_others_may_write_is_rejected() {
    let built = built();
    let open = tempfile::tempdir().unwrap();
    let link = open.path().join("plugin.so");
    symlink(built.path(), &link).unwrap();
    Loader::new().load(&link, None).unwrap();
    fs::set_permissions(open.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(rejected(&link).message().contains("is writable"));
}

#[test]
fn the_file_must_match_a_given_digest() {
    let built = built();
    let loader = Loader::new();
    let wrong: Sha256 = "0".repeat(64).parse().unwrap();
    let error = loader.load(built.path(), Some(wrong)).unwrap_err();
    assert_eq!(error.setting_name(), Some("plugin"));
    assert!(error.message().contains(&wrong.to_string()), "{error}");
    let digest = load(&built).digest();
    loader.load(built.path(), Some(digest)).unwrap();
    // The digest is the one of the loaded code, even if the file changes later. Replace the file by
    // renaming, as installers do: the mapped file must not change.
    let another = built.folder().join("another");
    fs::write(&another, "another").unwrap();
    fs::set_permissions(&another, Permissions::from_mode(0o755)).unwrap();
    fs::rename(&another, built.path()).unwrap();
    assert!(loader.load(built.path(), Some(wrong)).is_err());
    assert_eq!(
        loader.load(built.path(), Some(digest)).unwrap().digest(),
        digest
    );
}

#[test]
fn the_digest_is_the_same_as_sha256sums() {
    let built = built();
    let reported = std::process::Command::new("sha256sum")
        .arg(built.path())
        .output();
    let reported = String::from_utf8(reported.unwrap().stdout).unwrap();
    assert_eq!(
        reported.split(' ').next(),
        Some(load(&built).digest().to_string().as_str())
    );
}

#[test]
fn a_file_is_loaded_once_however_it_is_named() {
    let built = built();
    let link = built.folder().join("link.so");
    symlink(built.path(), &link).unwrap();
    let first = load(&built);
    let second = Loader::new().load(&link, None).unwrap();
    assert_eq!(first.path(), second.path());
    assert_eq!(first.providers().len(), 1);
    assert!(!Arc::ptr_eq(&first.providers()[0], &second.providers()[0]));
    // Each uses its own loader's log, but they share the library.
    let registry = first.register(Registry::new()).unwrap();
    let error = second.register(registry).unwrap_err();
    assert!(
        error
            .message()
            .contains("a provider with the id `misshapen`"),
        "{error}"
    );
}

#[test]
fn threads_that_load_the_same_file_get_the_same_plugin() {
    let built = built();
    let load = || load(&built).digest();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), load());
        }
    });
}

#[test]
fn a_plugin_cannot_replace_a_provider() {
    let built = c("tests/plugins/misshapen.c", HEADERS, &[]);
    let there = countersign_core::from_profile(load(&built).providers()[0].profile().clone());
    let registry = Registry::new().with(there).unwrap();
    let error = load(&built).register(registry).unwrap_err();
    assert_eq!(error.setting_name(), Some("provider"));
    assert!(error.message().contains("misshapen"), "{error}");
    assert!(
        error.message().contains(&*built.path().to_string_lossy()),
        "{error}"
    );
}

#[test]
fn a_plugin_in_rust_is_loaded_like_any_other() {
    let built = rust("countersign-plugin-panicking");
    let plugin = load(&built);
    assert_eq!(plugin.name(), "countersign-plugin-panicking");
    assert_eq!(plugin.version(), env!("CARGO_PKG_VERSION"));
    assert_eq!(plugin.providers()[0].profile().name, "Panicking");
    assert_eq!(plugin.suspicion(), None);
}
