//! Checks that every language describes verdicts and error kinds with core's words.

use std::fs;

use super::model::{self, Value};
use crate::root;

/// The files with handwritten descriptions of the verdicts.
const DESCRIBED: &[&str] = &[
    "bindings/cpp/README.md",
    "bindings/go/README.md",
    "bindings/java/README.md",
    "bindings/node/README.md",
    "bindings/node/src/error.ts",
    "bindings/python/README.md",
    "bindings/python/src/countersign/_errors.py",
];

#[test]
fn every_language_describes_the_verdicts_as_core_does() {
    let verdicts = model::core_variants("Verdict").unwrap();
    assert_eq!(verdicts.len(), 5);
    for file in DESCRIBED {
        let text = words(&fs::read_to_string(root().join(file)).unwrap());
        for verdict in &verdicts {
            let sentence = words(verdict.about.trim_end_matches('.'));
            assert!(text.contains(&sentence), "{file}: {sentence}");
        }
    }
}

#[test]
fn the_c_abi_describes_kinds_and_verdicts_as_core_does() {
    let model = model::countersign().unwrap();
    for (name, short, count) in [("ErrorKind", "status", 22), ("Verdict", "verdict", 5)] {
        let described = model.enumeration(short).unwrap();
        let core = model::core_variants(name).unwrap();
        assert_eq!(core.len(), count, "{name}");
        for Value { name, about, .. } in &core {
            let own = described.values.iter().find(|value| value.name == *name);
            assert_eq!(own.map(|value| &value.about), Some(about), "{short} {name}");
        }
    }
}

/// Returns the words of a text, without comment and table marks.
fn words(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "*" | "/**" | "//" | "///" | "#:"));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}
