//! Writes the results, from which the table of scenarios by language is generated.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

/// Writes `rust.json` to the folder that `COUNTERSIGN_SCENARIO_RESULTS` names, if it is set.
pub(crate) fn write(results: &[(String, String)]) {
    let Some(folder) = std::env::var_os("COUNTERSIGN_SCENARIO_RESULTS").map(PathBuf::from) else {
        return;
    };
    let scenarios: Map<_, _> = results
        .iter()
        .map(|(name, result)| (name.clone(), Value::from(result.as_str())))
        .collect();
    let text = json!({"language": "rust", "scenarios": scenarios}).to_string();
    std::fs::create_dir_all(&folder).expect("the folder of the results");
    std::fs::write(folder.join("rust.json"), text + "\n").expect("the results");
}
