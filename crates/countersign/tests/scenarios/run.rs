//! Runs one scenario.

use std::collections::BTreeMap;

use crate::client::Maker;
use crate::judge;
use crate::scenario::{Facts, Scenario};
use crate::stage::Stage;
use crate::steps::{self, Steps};

/// Why a scenario stopped early.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    /// A step is not possible in Rust.
    NotApplicable(String),
}

/// The results of a run that passed.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// The error of building the client, if it failed.
    pub(crate) open: Option<Facts>,
    pub(crate) seen: Vec<Seen>,
    /// The access tokens that have a name.
    pub(crate) tokens: BTreeMap<String, String>,
    pub(crate) requests: Vec<String>,
}

/// The result of a step.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Token {
        facts: Facts,
        access: String,
    },
    /// The result of each of several threads.
    Each(Vec<Self>),
    Failed(Facts),
    Facts(Facts),
}

/// Runs a scenario, and checks each step's result before the next step.
pub(crate) fn run(stage: &Stage, scenario: &Scenario) -> Result<Record, Stop> {
    stage.reset();
    // Left by an earlier run of the same scenario.
    let _ = std::fs::remove_dir_all(stage.fill("{dir}/kept"));
    let scenario = &filled(stage, scenario);
    let maker = Maker::new(stage, scenario);
    let mut record = Record::default();
    match maker.client() {
        Err(error) => record.open = Some(steps::error_facts(&error)),
        Ok(client) => {
            judge::open(scenario, &record)?;
            let mut steps = Steps::new(stage, &maker, client);
            for (index, step) in scenario.steps.iter().enumerate() {
                let at = |why| format!("step {index} ({}): {why}", step.word);
                let seen = steps.run(step).map_err(|stop| match stop {
                    Stop::Failed(why) => Stop::Failed(at(why)),
                    reason => reason,
                })?;
                if let (Some(name), Seen::Token { access, .. }) = (&step.name, seen.first()) {
                    record.tokens.insert(name.clone(), access.clone());
                }
                judge::step(step, &seen, &record).map_err(at)?;
                record.seen.push(seen);
            }
        }
    }
    record.requests = stage.requests()?;
    judge::judge(scenario, &record)?;
    Ok(record)
}

/// Replaces `{url}`, `{dir}` and `{plugins}` in the expectations.
pub(crate) fn filled(stage: &Stage, scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    let fill = |facts: &mut Facts| {
        for value in facts.values_mut() {
            fill_value(stage, value);
        }
    };
    scenario.open.as_mut().map(fill);
    for step in &mut scenario.steps {
        step.expect.as_mut().map(fill);
    }
    scenario
}

fn fill_value(stage: &Stage, value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => *text = stage.fill(text),
        serde_json::Value::Object(members) => {
            members
                .values_mut()
                .for_each(|value| fill_value(stage, value));
        }
        _ => {}
    }
}

impl Seen {
    /// Returns the result of the first thread, or the result itself.
    pub(crate) fn first(&self) -> &Self {
        match self {
            Self::Each(all) => all.first().unwrap_or(self),
            other => other,
        }
    }
}

impl From<String> for Stop {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}
