//! Requests equal those that vendors' own SDKs send, but for the differences that are explained.
//!
//! `tests/sdks/run.py` recorded what the SDKs send. See `tests/sdks/README.md`.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read files and run openssl"
)]

mod sdk;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::sdk::compare::differences;
use self::sdk::request::normal_request;

/// Returns all recordings: of each SDK its name and its JSON.
fn recordings() -> Vec<(String, Value)> {
    let folder = root().join("tests/sdks/recorded");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, json)
    };
    files.iter().map(read).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn cases(recording: &Value) -> &[Value] {
    recording["cases"].as_array().expect("`cases` is an array")
}

/// Returns what is wrong with one case.
fn check(case: &Value) -> Result<(), String> {
    let ours = normal_request(case)?;
    let found = differences(&case["request"], &ours);
    let listed = case["differences"].as_array().expect("`differences`");
    let place = |one: &Value| {
        format!(
            "{}: {} by the SDK, {} by countersign",
            one["at"], one["sdk"], one["countersign"]
        )
    };
    let found: BTreeSet<_> = found.iter().map(place).collect();
    let listed: BTreeSet<_> = listed.iter().map(place).collect();
    let unexplained = found
        .difference(&listed)
        .map(|one| format!("unexplained {one}"));
    let absent = listed
        .difference(&found)
        .map(|one| format!("no longer {one}"));
    let wrong: Vec<_> = unexplained.chain(absent).collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n  ")),
    }
}

#[test]
fn requests_equal_those_of_the_vendors_sdks() {
    let mut wrong = Vec::new();
    for (name, recording) in recordings() {
        for case in cases(&recording) {
            if let Err(what) = check(case) {
                wrong.push(format!("{name}, {}: {what}", case["name"]));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} cases fail:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_difference_is_explained() {
    for (name, recording) in recordings() {
        for case in cases(&recording) {
            for one in case["differences"].as_array().expect("`differences`") {
                let why = one["why"].as_str().unwrap_or_default();
                assert!(why.len() > 20, "{name}, {}: {one}", case["name"]);
            }
        }
    }
}

#[test]
fn a_changed_request_is_noticed() {
    for (name, recording) in recordings() {
        for case in cases(&recording) {
            let mut changed = case.clone();
            let place = match case["does"] == "sign" {
                true => &mut changed["request"]["assertions"][0]["claims"]["exp"],
                false => &mut changed["request"]["url"],
            };
            *place = "changed".into();
            assert!(check(&changed).is_err(), "{name}, {}", case["name"]);
        }
    }
}
