//! The crash matrix has no avoidable losses, and docs/reliability.md shows the same tables.

use std::path::Path;

use countersign_chaos::matrix::{complaints, markdown, run};
use countersign_chaos::{PlaceKind, between_marks};

fn matches_the_page(kind: PlaceKind) {
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
    let page = std::fs::read_to_string(page).expect("read docs/reliability.md");
    let (shown, _) =
        between_marks(&page, &format!("crash matrix {word}"), "").expect("the page has marks");
    assert_eq!(
        shown, table,
        "docs/reliability.md is out of date; run the command that it names"
    );
}

#[test]
fn memory() {
    matches_the_page(PlaceKind::Memory);
}

#[test]
fn files() {
    matches_the_page(PlaceKind::File);
}

#[test]
fn redis() {
    matches_the_page(PlaceKind::Redis);
}

#[test]
fn postgres() {
    matches_the_page(PlaceKind::Postgres);
}
