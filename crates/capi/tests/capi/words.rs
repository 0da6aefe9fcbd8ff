//! What a verdict means, in the same words wherever it is documented. Core's are the source: see status.rs.

use std::fs;
use std::path::Path;

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
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let core = fs::read_to_string(root.join("crates/core/src/error.rs")).unwrap();
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
        let text = words(&fs::read_to_string(root.join(file)).unwrap());
        for sentence in &sentences {
            assert!(text.contains(sentence), "{file}: {sentence}");
        }
    }
}

/// The words of a text, whatever marks comments and tables, wherever lines end.
fn words(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "*" | "//" | "///" | "#:"));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}
