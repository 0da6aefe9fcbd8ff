//! Runs the exhaustive model of the protocol in `tests/model/rotation.py`.
//!
//! It explores every interleaving of two processes, one expiry and some faults, against servers
//! with and without grace.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Runs the model for our two protocols, a common one, and ours without its intent.
const SCRIPT: &str = r#"
import json
from rotation import *
full = dict(lease=True, reread=True, fenced=True, intent=True, wait=True, keep=True, check=True, merge=True)
protocols = {
    'timed lease': P('timed lease', patient=True, **full),
    'kernel lock': P('kernel lock', flock=True, **full),
    'lock and re-read': PROTO[2],
    'no intent': P('no intent', patient=False, **dict(full, intent=False, wait=False)),
}
print(json.dumps([
    dict(run(p, server, faults), protocol=name, server=server, faults=word)
    for name, p in protocols.items()
    for server in (STRICT, GRACE_NEW, GRACE_SAME)
    for word, faults in FAULT
]))
"#;

#[test]
fn the_full_protocols_have_no_avoidable_losses() {
    let rows = explored();
    let full = rows.iter().filter(|row| {
        matches!(
            row["protocol"].as_str(),
            Some("timed lease" | "kernel lock")
        )
    });
    let mut count = 0;
    for row in full {
        assert_eq!(row["avoid"], 0, "{row}");
        if row["server"] != "strict" {
            assert_eq!(row["lost"], 0, "{row}");
        }
        count += 1;
    }
    assert_eq!(count, 2 * 3 * 6);
}

#[test]
fn the_results_match_docs_reliability() {
    let rows = explored();
    let cell = |protocol: &str, faults: &str| {
        let found = rows.iter().find(|row| {
            row["protocol"] == protocol && row["server"] == "strict" && row["faults"] == faults
        });
        let row = found.unwrap_or_else(|| panic!("{protocol}, {faults}"));
        ["lost", "avoid", "ends"].map(|name| row[name].as_u64().unwrap_or(u64::MAX))
    };
    assert_eq!(cell("timed lease", "none"), [0, 0, 2]);
    assert_eq!(cell("timed lease", "crash"), [8, 0, 26]);
    assert_eq!(cell("timed lease", "lost/late reply"), [2, 0, 4]);
    assert_eq!(cell("timed lease", "pause>TTL"), [0, 0, 16]);
    assert_eq!(cell("timed lease", "save fails once"), [0, 0, 4]);
    assert_eq!(cell("timed lease", "any two"), [150, 0, 306]);
    assert_eq!(cell("kernel lock", "crash"), [4, 0, 16]);
    assert_eq!(cell("kernel lock", "any two"), [50, 0, 102]);
    // The model finds faulty protocols: the common one, and ours without its intent.
    assert_eq!(cell("lock and re-read", "any two"), [354, 210, 396]);
    assert!(cell("no intent", "any two")[1] > 0);
}

fn explored() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/model");
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .env("PYTHONPATH", folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 must be installed; run: sudo apt-get install python3");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).expect("parse the results")
}
