//! Runs the scenarios of `tests/scenarios` with the Rust library.
//!
//! Every other language runs the same files. The README next to them is their specification.

mod client;
mod judge;
mod mutations;
mod results;
mod run;
mod scenario;
mod stage;
mod steps;

use self::run::{Stop, filled, run};
use self::scenario::Scenario;
use self::stage::Stage;

#[test]
fn every_scenario_passes() {
    let stage = Stage::start();
    let scenarios = Scenario::all();
    assert!(scenarios.len() >= 25, "found only {}", scenarios.len());
    let results: Vec<_> = scenarios
        .iter()
        .map(|scenario| {
            let result = match run(&stage, scenario) {
                Ok(_) => "ok".to_owned(),
                Err(Stop::Failed(why)) => format!("failed: {why}"),
                Err(Stop::NotApplicable(reason)) => format!("not applicable: {reason}"),
            };
            (scenario.name.clone(), result)
        })
        .collect();
    results::write(&results);
    let failed: Vec<_> = results
        .iter()
        .filter(|(_, result)| result.starts_with("failed"))
        .map(|(name, result)| format!("{name}: {result}"))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Changes each expectation to a wrong one, and compares it with the same run: it must fail.
#[test]
fn every_expectation_can_fail() {
    let stage = Stage::start();
    let mut tried = 0;
    let mut passed = Vec::new();
    for scenario in Scenario::all() {
        let record = match run(&stage, &scenario) {
            Ok(record) => record,
            Err(Stop::NotApplicable(_)) => continue,
            Err(Stop::Failed(why)) => panic!("{}: {why}", scenario.name),
        };
        let wrong = mutations::of_expectations(&filled(&stage, &scenario));
        assert!(!wrong.is_empty(), "{} expects nothing", scenario.name);
        for (what, scenario) in wrong {
            tried += 1;
            if judge::judge(&scenario, &record).is_ok() {
                passed.push(format!("{}: {what}", scenario.name));
            }
        }
    }
    assert!(tried > 200, "tried only {tried}");
    assert!(passed.is_empty(), "these pass:\n{}", passed.join("\n"));
}

/// Removes each instruction to the sandbox and each setting, one at a time: the scenario must fail.
#[test]
fn every_instruction_and_setting_matters() {
    let stage = Stage::start();
    let mut passed = Vec::new();
    for scenario in Scenario::all() {
        for (what, scenario) in mutations::of_instructions(&scenario) {
            if run(&stage, &scenario).is_ok() {
                passed.push(format!("{}: {what}", scenario.name));
            }
        }
    }
    assert!(passed.is_empty(), "these pass:\n{}", passed.join("\n"));
}

#[test]
fn the_readme_documents_every_step() {
    let readme = std::fs::read_to_string(scenario::folder().join("README.md")).expect("a README");
    for scenario in Scenario::all() {
        for step in &scenario.steps {
            let word = format!("| `{}` |", step.word);
            assert!(readme.contains(&word), "the README has no {word}");
        }
    }
}
