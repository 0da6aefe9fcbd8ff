//! Scenarios with one thing wrong in them: none of them may hold.

use serde_json::{Value, json};

use crate::scenario::{Action, Facts, Scenario};

/// What was changed, and the scenario with that change.
type Wrong = (String, Scenario);

/// Each expectation turned into a wrong one.
pub(crate) fn of_expectations(scenario: &Scenario) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (what, open) in scenario.open.iter().flat_map(wrong_facts) {
        wrong.push((
            format!("open: {what}"),
            with(scenario, |s| s.open = Some(open)),
        ));
    }
    if scenario.open.is_some() {
        wrong.push(("open: left out".into(), with(scenario, |s| s.open = None)));
    }
    for (index, step) in scenario.steps.iter().enumerate() {
        for (what, expect) in step.expect.iter().flat_map(wrong_facts) {
            let changed = with(scenario, |s| s.steps[index].expect = Some(expect));
            wrong.push((format!("step {index}: {what}"), changed));
        }
        let fails = step
            .expect
            .as_ref()
            .is_some_and(|expect| expect.contains_key("error"));
        let other = match fails {
            true => None,
            false => json!({"error": {}}).as_object().cloned(),
        };
        let changed = with(scenario, |s| s.steps[index].expect = other);
        wrong.push((format!("step {index}: error or none"), changed));
    }
    if let Some(requests) = &scenario.requests {
        let mut more = requests.clone();
        more.push("jwt-bearer".into());
        let changed = with(scenario, |s| s.requests = Some(more));
        wrong.push(("requests: one more".into(), changed));
    }
    wrong
}

/// Each word to the sandbox, and each setting that decides, left out. A policy makes the sandbox
/// stricter, and slowness keeps a window open: a library that does right passes without.
pub(crate) fn of_circumstances(scenario: &Scenario) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        let next = scenario.steps.get(index + 1).map(|next| &next.action);
        let decides = match &step.action {
            Action::Sandbox { post, .. } => {
                post != "/_sandbox/policy"
                    && !matches!(next, Some(Action::Threads { .. } | Action::Cancel {}))
            }
            Action::Advance { .. } => true,
            _ => false,
        };
        if decides {
            let changed = with(scenario, |s| drop(s.steps.remove(index)));
            wrong.push((format!("step {index} left out"), changed));
        }
    }
    for key in scenario.settings.keys() {
        // It makes a scenario short, and decides nothing.
        if key == "timeout_ms" {
            continue;
        }
        let changed = with(scenario, |s| drop(s.settings.remove(key)));
        wrong.push((format!("setting {key} left out"), changed));
    }
    if scenario.plugin.is_some() {
        let changed = with(scenario, |s| s.plugin = None);
        wrong.push(("the plugin left out".into(), changed));
    }
    wrong
}

fn with(scenario: &Scenario, change: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = scenario.clone();
    change(&mut scenario);
    scenario
}

/// The same expectations with one of them wrong, for each of them.
fn wrong_facts(facts: &Facts) -> Vec<(String, Facts)> {
    let mut all = Vec::new();
    for (member, value) in facts {
        if let Value::Object(inner) = value {
            for (what, inner) in wrong_facts(inner) {
                let mut changed = facts.clone();
                changed.insert(member.clone(), Value::Object(inner));
                all.push((format!("{member}.{what}"), changed));
            }
            continue;
        }
        let mut changed = facts.clone();
        changed.remove(member);
        let (name, value) = match (member.as_str(), value) {
            ("same_as", value) => ("different_from", value.clone()),
            ("different_from", value) => ("same_as", value.clone()),
            (name, Value::Number(number)) => (name, json!(number.as_i64().unwrap_or(0) + 1000)),
            (name, Value::Null) => (name, json!(1000)),
            (name, other) => (
                name,
                json!(format!("{} not this", other.as_str().unwrap_or(""))),
            ),
        };
        changed.insert(name.to_owned(), value);
        all.push((member.clone(), changed));
    }
    let mut unknown = facts.clone();
    unknown.insert("nobody_knows".into(), json!(1));
    all.push(("an unknown member".into(), unknown));
    all
}
