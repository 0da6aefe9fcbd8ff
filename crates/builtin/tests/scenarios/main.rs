//! The scenarios of `tests/scenarios`, run by the Rust library. Every other language runs the same
//! files; what their words mean is told by the README beside them.

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
fn every_scenario_holds() {
    let stage = Stage::set();
    let scenarios = Scenario::all();
    assert!(scenarios.len() >= 25, "only {} were found", scenarios.len());
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

/// Each expectation is turned into a wrong one, and the run that was as expected is held against
/// that: it must not pass.
#[test]
fn every_expectation_can_fail() {
    let stage = Stage::set();
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
    assert!(tried > 200, "only {tried} were tried");
    assert!(passed.is_empty(), "these pass:\n{}", passed.join("\n"));
}

/// What the sandbox is told and what is set is what the outcome depends on: left out, one at a
/// time, the scenario does not hold.
#[test]
fn every_circumstance_matters() {
    let stage = Stage::set();
    let mut passed = Vec::new();
    for scenario in Scenario::all() {
        for (what, scenario) in mutations::of_circumstances(&scenario) {
            if run(&stage, &scenario).is_ok() {
                passed.push(format!("{}: {what}", scenario.name));
            }
        }
    }
    assert!(
        passed.is_empty(),
        "these hold all the same:\n{}",
        passed.join("\n")
    );
}

#[test]
fn the_readme_tells_of_every_step() {
    let readme = std::fs::read_to_string(scenario::folder().join("README.md")).expect("a README");
    for scenario in Scenario::all() {
        for step in &scenario.steps {
            let word = format!("| `{}` |", step.word);
            assert!(readme.contains(&word), "the README has no {word}");
        }
    }
}
