//! What verdicts and error kinds mean, in the same words wherever it is documented, and the names that each language
//! types by hand. Core's descriptions are the source, and the header's names.

use std::fs;
use std::path::{Path, PathBuf};

/// Where each verdict is described by hand.
const DESCRIBED: &[&str] = &[
    "include/countersign.hpp",
    "bindings/cpp/README.md",
    "bindings/go/README.md",
    "bindings/go/verdict.go",
    "bindings/java/README.md",
    "bindings/java/src/main/java/dev/countersign/Verdict.java",
    "bindings/node/README.md",
    "bindings/node/src/error.ts",
    "bindings/python/README.md",
    "bindings/python/src/countersign/errors.py",
];

#[test]
fn every_language_describes_the_verdicts_as_core_does() {
    let core = fs::read_to_string(root().join("crates/core/src/error.rs")).unwrap();
    let (_, verdicts) = core.split_once("pub enum Verdict {").unwrap();
    let (verdicts, _) = verdicts.split_once("\n}").unwrap();
    let comments = verdicts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("/// "));
    let sentences: Vec<_> = comments
        .map(|comment| words(comment.trim_end_matches('.')))
        .collect();
    assert_eq!(sentences.len(), 5, "{sentences:?}");
    for file in DESCRIBED {
        let text = read(file);
        for sentence in &sentences {
            assert!(text.contains(sentence), "{file}: {sentence}");
        }
    }
}

/// Java's are compared with the header in HeaderTest, and Python's are generated from it.
#[test]
fn the_header_describes_the_error_kinds_as_core_does() {
    let core = fs::read_to_string(root().join("crates/core/src/error.rs")).unwrap();
    let (_, kinds) = core.split_once("pub enum ErrorKind {").unwrap();
    let (kinds, _) = kinds.split_once("\n}").unwrap();
    let header = read("include/countersign.h");
    let mut known = 0;
    let mut description = String::new();
    for line in kinds.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            description = format!("{description} {comment}");
            continue;
        }
        let Some(kind) = line.strip_suffix(',') else {
            continue;
        };
        let described = words(&std::mem::take(&mut description));
        let entry = format!("{described} */ csign_status_{} =", snake(kind));
        assert!(header.contains(&entry), "{kind}: {entry}");
        known += 1;
    }
    assert_eq!(known, 20);
}

/// Node's and Java's are compared with the header in their own tests, and Python's are generated from it.
#[test]
fn go_and_cpp_have_every_name_of_the_header() {
    let go: String = fs::read_dir(root().join("bindings/go"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "go"))
        .map(|path| words(&fs::read_to_string(path).unwrap()))
        .collect();
    let cpp = read("include/countersign.hpp");
    let header = read("include/countersign.h");
    let names: Vec<_> = header
        .split(" = ")
        .filter_map(|before| before.split(' ').next_back())
        .filter_map(|name| name.strip_prefix("csign_"))
        .collect();
    let mut known = 0;
    for (prefix, its_type) in [
        ("verdict_", "verdict"),
        ("source_", "source"),
        ("change_", "change"),
        ("revocation_", "revocation"),
        // Go's own words are those of log/slog.
        ("log_level_", "c."),
    ] {
        for name in names.iter().filter_map(|name| name.strip_prefix(prefix)) {
            let word = match its_type {
                "c." => format!("c.csign_{prefix}{name}"),
                _ => format!("{its_type} = \"{name}\""),
            };
            assert!(go.contains(&word), "Go: {word}");
            assert!(
                cpp.contains(&format!(" {name} = csign_{prefix}{name},")),
                "C++: {its_type} {name}"
            );
            known += 1;
        }
    }
    for name in names.iter().filter_map(|name| name.strip_prefix("status_")) {
        assert!(
            go.contains(&format!("status = c.csign_status_{name} ")),
            "Go: {name}"
        );
        known += 1;
    }
    assert_eq!(known, 5 + 4 + 3 + 4 + 4 + 31);
}

/// `LoginRequired` as `login_required`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(file: &str) -> String {
    words(&fs::read_to_string(root().join(file)).unwrap())
}

/// The words of a text, whatever marks comments and tables, wherever lines end.
fn words(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "*" | "/**" | "//" | "///" | "#:"));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}
