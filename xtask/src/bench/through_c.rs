//! `cargo xtask bench bindings`: what a cached token costs through the C ABI and in each language, and what the library
//! weighs, into benches/RESULTS.md.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::bindings::{self, Stage};
use crate::dist::Dist;
use crate::{root, table, target};

const RESULTS: &str = "benches/RESULTS.md";
const BEGIN: &str = "\n<!-- through the C ABI: made by `cargo xtask bench bindings` -->\n";

/// Languages with a bench, and what the project's anchors say of the bare way there and back, with an 800-byte token.
const ANCHORS: &[(&str, &str)] = &[
    (
        "cpp",
        "C: call 1.6, borrowed pointer 13, copy into a buffer 19",
    ),
    ("go", "cgo: call 34, copy into a Go buffer and a string 237"),
    (
        "python",
        "cffi: call 74, borrowed pointer to str 335; ctypes: call 63, str 240",
    ),
    ("node", "koffi: call 39, borrowed pointer to string 102"),
    ("java", "no anchor for JNA"),
];

pub(super) fn run() -> Result<(), String> {
    let base = target().join("bench-bindings");
    let prefix = base.join("prefix");
    let dist = |features: &str, prefix: &Path| Dist {
        prefix: prefix.to_owned(),
        profile: "dist".into(),
        features: features.into(),
        packages: false,
    };
    let fleet = base.join("fleet");
    dist("fleet", &fleet).install()?;
    dist("", &prefix).install()?;
    let weigh = |prefix: &Path, file: &str| {
        let path = prefix.join("lib").join(file);
        let facts = fs::metadata(&path).map_err(|e| format!("{}: {e}", path.display()));
        facts.map(|facts| facts.len())
    };
    let mut text = String::from(
        "\n## Through the C ABI\n\nWritten by `cargo xtask bench bindings`. Nanoseconds of one thread, the median of rounds in one run; the empty call is \
         `csign_abi_version`, the way there and back in that language. The anchors were measured once on another day, in programs that do \
         nothing else.\n\n| | what | ns | anchors |\n|---|---|---|---|\n",
    );
    let stage = Stage::at(prefix.clone());
    for (language, anchor) in ANCHORS {
        let lines = stage.output(&Path::new("bindings").join(language), "bench.sh")?;
        let mut anchor = *anchor;
        for line in lines.lines().filter(|line| line.starts_with('{')) {
            let json: Value = serde_json::from_str(line).map_err(|e| format!("{language}: {e}"))?;
            let what = json["what"].as_str().unwrap_or("?");
            // Some also say how long their token is.
            let Some(ns) = json["ns"].as_f64() else {
                continue;
            };
            text.push_str(&format!(
                "| {} | {what} | {ns:.1} | {anchor} |\n",
                bindings::title(language)
            ));
            anchor = "";
        }
    }
    text.push_str("\n| library | bytes |\n|---|---|\n");
    let so = "libcountersign.so.0";
    text.push_str(&format!("| shared, stripped | {} |\n", weigh(&prefix, so)?));
    text.push_str(&format!(
        "| shared, stripped, with `fleet` | {} |\n",
        weigh(&fleet, so)?
    ));
    text.push_str(&format!(
        "| static | {} |\n",
        weigh(&prefix, "libcountersign.a")?
    ));
    let path = root().join(RESULTS);
    let results = fs::read_to_string(&path).map_err(|e| format!("{RESULTS}: {e}"))?;
    let before = results.split(BEGIN).next().unwrap_or_default();
    fs::write(&path, format!("{before}{BEGIN}{text}")).map_err(|e| format!("{RESULTS}: {e}"))?;
    table::say(&text);
    Ok(())
}

/// The section as it was, for whoever writes the rest of the file anew.
pub(super) fn section() -> String {
    let results = fs::read_to_string(root().join(RESULTS)).unwrap_or_default();
    let section = results.split_once(BEGIN).map(|(_, section)| section);
    section.map_or_else(String::new, |section| format!("{BEGIN}{section}"))
}
