//! The table of what ran: tests/scenarios/RESULTS.md has every scenario in every language.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{codegen, root};

pub(super) const LANGUAGES: &[(&str, &str)] = &[
    ("rust", "Rust"),
    ("cpp", "C++"),
    ("go", "Go"),
    ("python", "Python"),
    ("node", "Node"),
    ("java", "Java"),
];

const TABLE: &str = "tests/scenarios/RESULTS.md";

/// Writes the table from the results of a whole run. In CI, compares it with the committed one.
pub(super) fn agree(results: &Path) -> Result<(), String> {
    let scenarios = scenarios()?;
    let outcomes = outcomes(results)?;
    let gaps: Vec<_> = scenarios
        .keys()
        .flat_map(|name| LANGUAGES.iter().map(move |(id, _)| (name, id)))
        .filter(|(name, id)| {
            outcomes
                .get(**id)
                .is_none_or(|all| !all.contains_key(*name))
        })
        .map(|(name, id)| format!("{name} in {id}"))
        .collect();
    if !gaps.is_empty() {
        return Err(format!("not run: {}", gaps.join(", ")));
    }
    let check = std::env::var_os("CI").is_some_and(|value| value == "true");
    codegen::agree(
        Path::new(TABLE),
        &every_scenario(&scenarios, &outcomes),
        check,
    )
}

type Scenarios = BTreeMap<String, Value>;
type Outcomes = BTreeMap<String, BTreeMap<String, String>>;

fn scenarios() -> Result<Scenarios, String> {
    let mut all = BTreeMap::new();
    for (name, json) in json_files(&root().join("tests/scenarios"))? {
        all.insert(name, json);
    }
    Ok(all)
}

fn outcomes(results: &Path) -> Result<Outcomes, String> {
    let mut all = BTreeMap::new();
    for (language, json) in json_files(results)? {
        let scenarios = json["scenarios"].as_object().cloned().unwrap_or_default();
        let scenarios = scenarios.into_iter().map(|(name, outcome)| {
            let outcome = outcome.as_str().unwrap_or("failed: not a text").to_owned();
            (name, outcome)
        });
        all.insert(language, scenarios.collect());
    }
    Ok(all)
}

fn json_files(folder: &Path) -> Result<Vec<(String, Value)>, String> {
    let shown = folder.display();
    let files = fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
    let paths = files.flatten().map(|file| file.path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    let read = |path: std::path::PathBuf| {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let refuse = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| refuse(&error))?;
        let json = serde_json::from_str(&text).map_err(|error| refuse(&error))?;
        Ok((name, json))
    };
    paths.map(read).collect()
}

fn every_scenario(scenarios: &Scenarios, outcomes: &Outcomes) -> String {
    let mut text = String::from(
        "# What ran\n\nEvery scenario of this folder in every language, written by `cargo xtask bindings`.\n\n",
    );
    text.push_str(&heading("scenario"));
    let mut reasons = Vec::new();
    for name in scenarios.keys() {
        text.push_str(&format!("| [{name}]({name}.json) |"));
        for (id, language) in LANGUAGES {
            let outcome = outcomes[*id][name].as_str();
            match outcome.strip_prefix("not applicable: ") {
                Some(reason) => {
                    reasons.push(format!("- {language}, {name}: {reason}"));
                    text.push_str(" n/a |");
                }
                None => text.push_str(&format!(
                    " {} |",
                    outcome.split(':').next().unwrap_or_default()
                )),
            }
        }
        text.push('\n');
    }
    if !reasons.is_empty() {
        text.push_str(&format!("\nNot applicable:\n\n{}\n", reasons.join("\n")));
    }
    text
}

fn heading(first: &str) -> String {
    let names: Vec<_> = LANGUAGES.iter().map(|(_, name)| *name).collect();
    let bars = "---|".repeat(names.len() + 1);
    format!("| {first} | {} |\n|{bars}\n", names.join(" | "))
}
