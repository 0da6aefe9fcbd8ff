//! `cargo xtask abi`: compares the headers with the library, the code and the last record.
//!
//! - `--check` compares.
//! - `--record` writes include/countersign.abi. See docs/abi.md for when to do this.
//! - `--test` also compiles and runs the C tests, including misuse.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bindings::{Output, Stage};
use crate::codegen::model::{self, Model};
use crate::codegen::{self, c};
use crate::{root, table};

const RECORD: &str = "include/countersign.abi";
const HEADING: &str = "# The ABI of the headers, written by `cargo xtask abi --record`. Lines may be added in a minor version\n\
                       # of the ABI, and changed or removed only in a major one; see docs/abi.md.\n";

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    match options {
        ["--check"] => check(&library()?),
        ["--check", "--library", path] => check(Path::new(path)),
        ["--test"] => {
            let stage = Stage::set()?;
            check(&stage.library())?;
            stage.run(Path::new("tests/abi"), "run.sh", &[], &Output::Inherited)
        }
        ["--record"] => {
            let text = format!("{HEADING}{}\n", promised()?.join("\n"));
            codegen::write_or_check(Path::new(RECORD), &text, false)
        }
        _ => Err("usage: cargo xtask abi --check [--library FILE] | --record | --test".into()),
    }
}

pub(crate) fn check(library: &Path) -> Result<(), String> {
    codegen::run(&["--check"])?;
    let model = model::countersign()?;
    let declared: BTreeSet<_> = model.exported().map(|one| one.name.clone()).collect();
    let mut exported = exported(library)?;
    exported.retain(|name| !name.starts_with(model::TEST_HOOKS));
    let missing: Vec<_> = declared.difference(&exported).cloned().collect();
    let secret: Vec<_> = exported.difference(&declared).cloned().collect();
    if !missing.is_empty() || !secret.is_empty() {
        return Err(format!(
            "crates/capi and {} differ: declared but not exported: [{}]; exported but not declared: [{}]",
            library.display(),
            missing.join(", "),
            secret.join(", "),
        ));
    }
    compare_with_record()?;
    table::say(&format!(
        "{} functions are declared and exported, and match the record\n",
        declared.len()
    ));
    Ok(())
}

fn compare_with_record() -> Result<(), String> {
    let record = read(RECORD)?;
    let record: BTreeSet<_> = lines(&record).collect();
    let promised = promised()?;
    let promised: BTreeSet<_> = promised.iter().map(String::as_str).collect();
    let broken: Vec<_> = record.difference(&promised).copied().collect();
    if !broken.is_empty() {
        return Err(format!(
            "the headers break {RECORD}, which requires a new major version:\n  {}",
            broken.join("\n  ")
        ));
    }
    let new: Vec<_> = promised.difference(&record).copied().collect();
    match new.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "not in {RECORD} yet: increment the minor of CSIGN_ABI_VERSION if it is part of a release, \
             and run cargo xtask abi --record:\n  {}",
            new.join("\n  ")
        )),
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// Returns everything that a program compiled against the headers relies on, one line each.
fn promised() -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for (path, model) in [
        ("include/countersign.h", model::countersign()?),
        ("include/countersign_plugin.h", model::plugin()?),
    ] {
        let functions = model.exported().map(c::declaration);
        all.extend(functions.map(|one| format!("function {one}")));
        let callbacks = model.callbacks.iter().map(c::callback);
        all.extend(callbacks.map(|one| format!("callback {one}")));
        let constants = model.constants.iter();
        all.extend(constants.map(|one| format!("constant {} {}", one.name, one.value)));
        for (name, number) in enumerators(&model) {
            all.push(format!("enumerator {name} {number}"));
        }
        all.extend(layouts(path, &model)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

fn enumerators(model: &Model) -> impl Iterator<Item = (String, i64)> + '_ {
    model.enums.iter().flat_map(|one| {
        let values = one.values.iter();
        values.map(|value| (one.constant(value), value.number))
    })
}

/// Returns the size and offsets of every struct with public fields, as a C compiler sees them.
///
/// The compiler also checks that the model declares the same as the header.
fn layouts(path: &str, model: &Model) -> Result<Vec<String>, String> {
    let mut program = format!(
        "#define CSIGN_TEST_HOOKS\n#include <stdio.h>\n#include \"{}\"\n",
        root().join(path).display()
    );
    for one in &model.functions {
        program.push_str(&format!("{};\n", c::declaration(one)));
    }
    for one in &model.callbacks {
        program.push_str(&format!("typedef {};\n", c::callback(one)));
    }
    let constants = model
        .constants
        .iter()
        .map(|one| (one.name.clone(), one.value));
    for (name, number) in constants.chain(enumerators(model)) {
        program.push_str(&format!(
            "_Static_assert({name} == {number}, \"{name}\");\n"
        ));
    }
    program.push_str("int main(void) {\n");
    for one in &model.structs {
        let name = &one.name;
        program.push_str(&format!(
            "  printf(\"size {name} %zu\\n\", sizeof({name}));\n"
        ));
        for field in &one.fields {
            program.push_str(&format!(
                "  printf(\"offset {name}.{field} %zu\\n\", offsetof({name}, {field}));\n"
            ));
        }
    }
    program.push_str("  return 0;\n}\n");
    run_c(&program).map_err(|why| format!("{path} differs from its source: {why}"))
}

fn run_c(program: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (source, binary) = (folder.path().join("layout.c"), folder.path().join("layout"));
    std::fs::write(&source, program).map_err(|error| error.to_string())?;
    let built = Command::new("cc")
        .args(["-std=c11", "-o"])
        .args([&binary, &source])
        .output()
        .map_err(|error| format!("cc: {error}"))?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    let output = Command::new(&binary)
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// Returns the symbols that a shared library exports.
fn exported(library: &Path) -> Result<BTreeSet<String>, String> {
    let output = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library)
        .output()
        .map_err(|error| format!("nm: {error}; on Debian, run: apt-get install binutils"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    Ok(names.map(str::to_owned).collect())
}

/// Builds the shared library as the tests do, and returns its path.
fn library() -> Result<PathBuf, String> {
    crate::cargo::run(&["build", "-p", "countersign-capi", "--locked"], &[])?;
    Ok(crate::target().join("debug/libcountersign_capi.so"))
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
}
