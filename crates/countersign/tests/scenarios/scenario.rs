//! A scenario's file. Members that the README doesn't document are rejected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

/// A step's expectations, or its result.
pub(crate) type Facts = Map<String, Value>;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) connection: String,
    /// Settings that override the connection's. Null removes a setting.
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, Option<String>>,
    #[serde(default)]
    pub(crate) clock: bool,
    #[serde(default)]
    pub(crate) signer: SignerCallback,
    #[serde(default)]
    pub(crate) listener: bool,
    /// The path of a plugin that the client's registry has loaded.
    pub(crate) plugin: Option<String>,
    pub(crate) open: Option<Facts>,
    pub(crate) steps: Vec<Step>,
    pub(crate) requests: Option<Vec<String>>,
}

/// The signer callback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) enum SignerCallback {
    #[default]
    None,
    Signs,
    Fails,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Facts")]
pub(crate) struct Step {
    /// The member `do`.
    pub(crate) word: String,
    pub(crate) action: Action,
    /// The member `as`: a name for the token.
    pub(crate) name: Option<String>,
    pub(crate) expect: Option<Facts>,
}

// Unit variants would accept unknown members.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Action {
    Token {
        min_valid_s: Option<u64>,
    },
    Refresh {},
    Login {
        decision: String,
    },
    Invalidate {
        token: String,
    },
    Identity {},
    Forget {
        #[serde(default)]
        force: bool,
    },
    Drain {},
    Counts {},
    Advance {
        s: i64,
    },
    Sandbox {
        post: String,
        body: Value,
    },
    Reopen {},
    Threads {
        count: usize,
    },
    Cancel {},
    Api {
        path: String,
    },
    Events {},
    CloseInUse {
        #[serde(rename = "count")]
        _count: usize,
    },
    Collect {
        rounds: usize,
    },
}

impl Scenario {
    /// Reads all scenarios, sorted by name.
    pub(crate) fn all() -> Vec<Self> {
        let mut paths: Vec<_> = std::fs::read_dir(folder())
            .expect("the scenarios' folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .collect();
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let shown = path.display();
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{shown}: {e}"));
        let scenario: Self = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert_eq!(
            Some(scenario.name.as_str()),
            path.file_stem().and_then(|s| s.to_str())
        );
        assert!(
            scenario.about.ends_with('.'),
            "{shown}: `about` must be a sentence"
        );
        assert!(
            scenario.open.is_none() || scenario.steps.is_empty(),
            "{shown}: a scenario with `open` can't have steps"
        );
        scenario
    }
}

/// Returns the folder of the scenarios.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios")
}

/// Returns the files of the profiles that connections can use.
pub(crate) fn profiles() -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder().join("profiles")).expect("profiles");
    files.map(|file| file.expect("a file").path()).collect()
}

impl TryFrom<Value> for SignerCallback {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Bool(true) => Ok(Self::Signs),
            Value::String(word) if word == "fails" => Ok(Self::Fails),
            other => Err(format!("`signer` must be true or \"fails\", not {other}")),
        }
    }
}

impl TryFrom<Facts> for Step {
    type Error = String;

    fn try_from(mut members: Facts) -> Result<Self, String> {
        let expect = match members.remove("expect") {
            None => None,
            Some(Value::Object(expect)) => Some(expect),
            Some(other) => return Err(format!("`expect` must be an object, not {other}")),
        };
        let name = match members.remove("as") {
            None => None,
            Some(Value::String(name)) => Some(name),
            Some(other) => return Err(format!("`as` must be a string, not {other}")),
        };
        let word = members.get("do").and_then(Value::as_str);
        let word = word.ok_or("a step has no `do`")?.to_owned();
        let action: Action =
            serde_json::from_value(Value::Object(members)).map_err(|e| format!("{word}: {e}"))?;
        if name.is_some() && !action.returns_token() {
            return Err(format!("{word}: returns no token to name"));
        }
        Ok(Self {
            word,
            action,
            name,
            expect,
        })
    }
}

impl Action {
    pub(crate) fn returns_token(&self) -> bool {
        matches!(
            self,
            Self::Token { .. } | Self::Refresh {} | Self::Login { .. } | Self::Threads { .. }
        )
    }
}
