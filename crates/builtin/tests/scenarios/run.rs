//! One scenario from its first step to its last.

use std::collections::BTreeMap;

use crate::client::Maker;
use crate::judge;
use crate::scenario::{Facts, Scenario};
use crate::stage::Stage;
use crate::steps::{self, Steps};

/// Why a scenario ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    /// Rust has nothing of this kind.
    NotApplicable(String),
}

/// What was seen in a run that was as expected.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// How making the client failed, if it did.
    pub(crate) open: Option<Facts>,
    pub(crate) seen: Vec<Seen>,
    /// The access tokens that have a name.
    pub(crate) tokens: BTreeMap<String, String>,
    pub(crate) requests: Vec<String>,
}

/// What a step brought.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Token {
        facts: Facts,
        access: String,
    },
    /// What each of several threads got.
    Each(Vec<Self>),
    Failed(Facts),
    Facts(Facts),
}

/// Runs a scenario; each step is judged before the next one is taken.
pub(crate) fn run(stage: &Stage, scenario: &Scenario) -> Result<Record, Stop> {
    stage.reset();
    // Of an earlier run of the same scenario.
    let _ = std::fs::remove_dir_all(stage.fill("{dir}/kept"));
    let scenario = &filled(stage, scenario);
    let maker = Maker::new(stage, scenario);
    let mut record = Record::default();
    match maker.client() {
        Err(error) => record.open = Some(steps::told(&error)),
        Ok(keeper) => {
            judge::open(scenario, &record)?;
            let mut steps = Steps::new(stage, &maker, keeper);
            for (index, step) in scenario.steps.iter().enumerate() {
                let at = |why| format!("step {index} ({}): {why}", step.word);
                let seen = steps.take(step).map_err(|stop| match stop {
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

/// The scenario with `{url}`, `{dir}` and `{plugins}` replaced in what is expected.
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
    /// Itself, or what the first thread got.
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
