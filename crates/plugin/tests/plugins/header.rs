//! The C header compiles without warnings in C and C++, and its structs have the same layout as in
//! Rust.

use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_plugin::abi::{
    ENTRY_V1, csign_plugin_host, csign_plugin_module, csign_plugin_rejection, csign_provider_vtable,
};

const STRICT: &[&str] = &["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include")
}

#[track_caller]
fn compiles(compiler: &str, standard: &str, source: &Path) {
    let output = Command::new(compiler)
        .args(STRICT)
        .arg(format!("-std={standard}"))
        .arg("-I")
        .arg(include())
        .arg(source)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{compiler} {standard}: {said}");
}

fn is_there(compiler: &str) -> bool {
    Command::new(compiler).arg("--version").output().is_ok()
}

#[test]
fn compiles_without_warnings_in_c_and_cpp() {
    let folder = tempfile::tempdir().unwrap();
    let twice = "#include \"countersign_plugin.h\"\n#include \"countersign_plugin.h\"\ntypedef csign_plugin_module not_empty;\n";
    let (c, cpp) = (folder.path().join("unit.c"), folder.path().join("unit.cpp"));
    std::fs::write(&c, twice).unwrap();
    std::fs::write(&cpp, twice).unwrap();
    for compiler in ["cc", "gcc", "clang"]
        .into_iter()
        .filter(|name| is_there(name))
    {
        for standard in ["c99", "c11", "c17", "c2x"] {
            compiles(compiler, standard, &c);
        }
    }
    for compiler in ["c++", "g++", "clang++"]
        .into_iter()
        .filter(|name| is_there(name))
    {
        for standard in ["c++17", "c++20"] {
            compiles(compiler, standard, &cpp);
        }
    }
}

/// Writes C assertions of each struct's size and each member's offset.
macro_rules! layout {
    ($code:ident, $($name:ident { $($member:ident),+ })+) => {$(
        let (name, size) = (stringify!($name), size_of::<$name>());
        writeln!($code, "_Static_assert(sizeof({name}) == {size}, \"{name}\");").unwrap();
        $(
            let (member, place) = (stringify!($member), offset_of!($name, $member));
            writeln!(
                $code,
                "_Static_assert(offsetof({name}, {member}) == {place}, \"{name}.{member}\");"
            )
            .unwrap();
        )+
    )+};
}

#[test]
fn structs_have_the_same_layout_as_in_rust() {
    let mut code = "#include \"countersign_plugin.h\"\n".to_owned();
    layout! { code,
        csign_plugin_rejection {
            struct_size, kind, message, message_len, hint, hint_len, setting, setting_len, retry_after_s
        }
        csign_plugin_host {
            struct_size, abi_minor, version, text, set, reject, log, now_unix_s, get_extension
        }
        csign_provider_vtable {
            struct_size, flags, id, profile, check, parameters, translate, read, identity, read_identity,
            get_extension
        }
        csign_plugin_module {
            struct_size, abi_minor, name, version, provider_count, providers, get_extension
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("layout.c");
    std::fs::write(&unit, code).unwrap();
    compiles("cc", "c11", &unit);
}

#[test]
fn declares_the_entry_function() {
    let header = std::fs::read_to_string(include().join("countersign_plugin.h")).unwrap();
    let declared = format!(
        "*{}(const struct csign_plugin_host *host);",
        ENTRY_V1.to_str().unwrap()
    );
    assert!(header.contains(&declared));
}
