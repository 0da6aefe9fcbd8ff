//! Scenarios with one mistake in them: each of them must fail.

use serde_json::{Value, json};

use crate::scenario::{Action, Facts, Scenario};

/// A description of the change, and the scenario with it.
type Wrong = (String, Scenario);

/// Changes each expectation to a wrong one.
pub(crate) fn of_expectations(scenario: &Scenario) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (what, open) in scenario.open.iter().flat_map(wrong_facts) {
        wrong.push((
            format!("open: {what}"),
            with(scenario, |s| s.open = Some(open)),
        ));
    }
    if scenario.open.is_some() {
        wrong.push(("open: removed".into(), with(scenario, |s| s.open = None)));
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
        wrong.push((format!("step {index}: error or success"), changed));
    }
    if let Some(requests) = &scenario.requests {
        let mut more = requests.clone();
        more.push("jwt-bearer".into());
        let changed = with(scenario, |s| s.requests = Some(more));
        wrong.push(("requests: one more".into(), changed));
    }
    wrong
}

/// Removes each instruction to the sandbox, and each setting that decides the outcome.
///
/// Except policies, which only make the sandbox stricter, and delays, which only keep a window
/// open: a correct library passes without them.
pub(crate) fn of_instructions(scenario: &Scenario) -> Vec<Wrong> {
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
            wrong.push((format!("step {index} removed"), changed));
        }
    }
    for key in scenario.settings.keys() {
        // This setting only makes a scenario faster.
        if key == "timeout_ms" {
            continue;
        }
        let changed = with(scenario, |s| drop(s.settings.remove(key)));
        wrong.push((format!("setting {key} removed"), changed));
    }
    if scenario.plugin.is_some() {
        let changed = with(scenario, |s| s.plugin = None);
        wrong.push(("plugin removed".into(), changed));
    }
    wrong
}

fn with(scenario: &Scenario, change: impl FnOnce(&mut Scenario)) -> Scenario {
    let mut scenario = scenario.clone();
    change(&mut scenario);
    scenario
}

/// Returns a copy of the expectations for each of them, with that one wrong.
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
