//! `cargo xtask abi`: what the headers promise, against the library, the code and the last record.
//!
//! `--check` compares; `--record` writes include/countersign.abi anew, which is a decision: see docs/abi.md;
//! `--test` also compiles, links and abuses, in C.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bindings::Stage;
use crate::{codegen, root, table};

const RECORD: &str = "include/countersign.abi";
const HEADING: &str = "# What the headers promise, written by `cargo xtask abi --record`. A line may be added in a minor\n\
                       # version of the ABI, and changed or taken away in a major one only; see docs/abi.md.\n";

/// Exports that only builds for tests have.
const TEST_HOOKS: &str = "csign_test_";

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    match options {
        ["--check"] => check(&library()?),
        ["--check", "--library", path] => check(Path::new(path)),
        ["--test"] => {
            let stage = Stage::set()?;
            check(&stage.library())?;
            stage.run(Path::new("tests/abi"), "run.sh", &[])
        }
        ["--record"] => {
            let text = format!("{HEADING}{}\n", promised()?.join("\n"));
            codegen::agree(Path::new(RECORD), &text, false)
        }
        _ => Err("say `abi --check [--library FILE]`, `abi --record` or `abi --test`".into()),
    }
}

fn check(library: &Path) -> Result<(), String> {
    codegen::run(&["--check"])?;
    let header = read("include/countersign.h")?;
    let declared: BTreeSet<_> = functions(&header).map(|(name, _)| name).collect();
    let mut exported = exported(library)?;
    exported.retain(|name| !name.starts_with(TEST_HOOKS));
    let missing: Vec<_> = declared.difference(&exported).cloned().collect();
    let secret: Vec<_> = exported.difference(&declared).cloned().collect();
    if !missing.is_empty() || !secret.is_empty() {
        return Err(format!(
            "countersign.h and {} disagree: declared and not exported: [{}]; exported and not declared: [{}]",
            library.display(),
            missing.join(", "),
            secret.join(", "),
        ));
    }
    compare_with_record()?;
    table::say(&format!(
        "{} functions declared and exported; the record holds\n",
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
            "the headers no longer keep what {RECORD} says; in a major version only:\n  {}",
            broken.join("\n  ")
        ));
    }
    let new: Vec<_> = promised.difference(&record).copied().collect();
    match new.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "not in {RECORD} yet: raise the minor of CSIGN_ABI_VERSION if there was a release, and run \
             cargo xtask abi --record:\n  {}",
            new.join("\n  ")
        )),
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// Everything that a program compiled against the headers relies on, one line each.
fn promised() -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for path in ["include/countersign.h", "include/countersign_plugin.h"] {
        let header = without_comments(&read(path)?);
        all.extend(functions(&header).map(|(_, declaration)| format!("function {declaration}")));
        all.extend(callbacks(&header));
        all.extend(numbers(&header));
        all.extend(layouts(path, &header)?);
    }
    all.sort();
    all.dedup();
    Ok(all)
}

/// The exported functions of a header: their names, and their declarations on one line.
fn functions(header: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let exported = ["CSIGN_API ", "CSIGN_PLUGIN_EXPORT "];
    statements(header).filter_map(move |statement| {
        let declaration = exported.iter().find_map(|mark| {
            let start = statement.find(mark)?;
            (!statement.contains("#define")).then(|| statement[start + mark.len()..].to_owned())
        })?;
        let name = declaration.split('(').next()?;
        let name = name.rsplit([' ', '*']).next()?.to_owned();
        (!name.starts_with(TEST_HOOKS)).then_some((name, declaration))
    })
}

fn callbacks(header: &str) -> impl Iterator<Item = String> + '_ {
    statements(header)
        .filter(|statement| statement.starts_with("typedef ") && statement.contains("(*"))
        .map(|statement| format!("callback {}", &statement["typedef ".len()..]))
}

/// Enumerators and constants.
fn numbers(header: &str) -> impl Iterator<Item = String> + '_ {
    header.lines().filter_map(|line| {
        let line = line.trim();
        if let Some(constant) = line.strip_prefix("#define CSIGN_") {
            let (name, value) = constant.split_once(' ')?;
            let plain = value.starts_with(|c: char| c.is_ascii_digit() || c == '(');
            return (plain && !name.contains('('))
                .then(|| format!("constant CSIGN_{name} {value}"));
        }
        let (name, value) = line.strip_suffix(',')?.split_once(" = ")?;
        let known = name.starts_with("CSIGN_") && value.parse::<i64>().is_ok();
        known.then(|| format!("enumerator {name} {value}"))
    })
}

/// Size and offsets of every struct whose fields the header shows, as a C compiler sees them.
fn layouts(path: &str, header: &str) -> Result<Vec<String>, String> {
    let mut program = format!(
        "#include <stdio.h>\n#include \"{}\"\nint main(void) {{\n",
        root().join(path).display()
    );
    let mut any = false;
    for block in header.split("typedef struct ").skip(1) {
        let Some((name, rest)) = block.split_once(" {\n") else {
            continue;
        };
        if name.contains([';', '\n']) {
            continue;
        }
        any = true;
        let body = rest.split("\n}").next().unwrap_or_default();
        program.push_str(&format!(
            "  printf(\"size {name} %zu\\n\", sizeof({name}));\n"
        ));
        for field in statements(body).filter(|field| !field.is_empty()) {
            let field = field.split(')').next().unwrap_or_default();
            let field = field.rsplit([' ', '*']).next().unwrap_or_default();
            let field = field.split('[').next().unwrap_or_default();
            program.push_str(&format!(
                "  printf(\"offset {name}.{field} %zu\\n\", offsetof({name}, {field}));\n"
            ));
        }
    }
    program.push_str("  return 0;\n}\n");
    match any {
        true => run_c(&program),
        false => Ok(Vec::new()),
    }
}

fn run_c(program: &str) -> Result<Vec<String>, String> {
    let folder = std::env::temp_dir().join(format!("countersign-abi-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
    let outcome = std::fs::write(&source, program)
        .map_err(|error| error.to_string())
        .and_then(|()| {
            let built = Command::new("cc")
                .arg("-o")
                .args([&binary, &source])
                .output();
            let built = built.map_err(|error| format!("cc: {error}"))?;
            match built.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
            }
        })
        .and_then(|()| {
            Command::new(&binary)
                .output()
                .map_err(|error| error.to_string())
        });
    let _ = std::fs::remove_dir_all(&folder);
    let text = String::from_utf8_lossy(&outcome?.stdout).into_owned();
    Ok(text.lines().map(str::to_owned).collect())
}

/// The statements of a header, each on one line.
fn statements(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(';').map(|statement| {
        let words: Vec<_> = statement
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .flat_map(str::split_whitespace)
            .collect();
        words.join(" ")
    })
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        out.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let lines = out
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// What a shared library exports to the dynamic linker.
fn exported(library: &Path) -> Result<BTreeSet<String>, String> {
    let output = Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(library)
        .output()
        .map_err(|error| format!("nm: {error} (Debian: apt-get install binutils)"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    Ok(names.map(str::to_owned).collect())
}

/// The shared library, built as the tests build it.
fn library() -> Result<PathBuf, String> {
    crate::cargo::run(&["build", "-p", "countersign-capi", "--locked"], &[])?;
    Ok(crate::target().join("debug/libcountersign_capi.so"))
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "\
/* CSIGN_API int in_a_comment(void); */
typedef int32_t (*csign_f)(void *user_data,
                           size_t n);
enum e {
    CSIGN_E_A = 1,
    CSIGN_E_B = 7,
};
#define CSIGN_V 3
#define CSIGN_API
CSIGN_API
int32_t csign_do(const csign_x *x,
                 size_t n);
CSIGN_API const char *csign_name(int32_t n);
";

    #[test]
    fn reads_what_a_header_promises() {
        let header = without_comments(HEADER);
        let names: Vec<_> = functions(&header).collect();
        assert_eq!(names[0].0, "csign_do");
        assert_eq!(names[0].1, "int32_t csign_do(const csign_x *x, size_t n)");
        assert_eq!(names[1].0, "csign_name");
        let numbers: Vec<_> = numbers(&header).collect();
        assert_eq!(
            numbers,
            [
                "enumerator CSIGN_E_A 1",
                "enumerator CSIGN_E_B 7",
                "constant CSIGN_V 3"
            ]
        );
        let callbacks: Vec<_> = callbacks(&header).collect();
        assert_eq!(
            callbacks,
            ["callback int32_t (*csign_f)(void *user_data, size_t n)"]
        );
    }
}
