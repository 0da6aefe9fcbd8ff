//! The crash matrix holds, and the page shows it as it is.

use std::path::Path;

use countersign_chaos::matrix::{complaints, markdown, run};
use countersign_chaos::{PlaceKind, between_marks};

fn holds_and_is_shown(kind: PlaceKind) {
    let word = kind.as_str();
    if let Some(why) = kind.missing() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
        return;
    }
    let outcomes = run(kind, Path::new(env!("CARGO_BIN_EXE_countersign-chaos")));
    let wrong = complaints(&outcomes);
    assert!(wrong.is_empty(), "{word}:\n{}", wrong.join("\n"));
    let table = markdown(&outcomes);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reliability.md");
    let page = std::fs::read_to_string(page).expect("docs/reliability.md");
    let (shown, _) = between_marks(&page, &format!("crash matrix {word}"), "").expect("marks");
    assert_eq!(
        shown, table,
        "docs/reliability.md is not what was seen; the command to make it anew stands there"
    );
}

#[test]
fn in_one_process() {
    holds_and_is_shown(PlaceKind::Memory);
}

#[test]
fn on_one_machine() {
    holds_and_is_shown(PlaceKind::File);
}

#[test]
fn in_a_fleet_with_redis() {
    holds_and_is_shown(PlaceKind::Redis);
}

#[test]
fn in_a_fleet_with_postgres() {
    holds_and_is_shown(PlaceKind::Postgres);
}
