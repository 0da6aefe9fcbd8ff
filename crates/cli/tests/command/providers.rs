//! `countersign providers`.

use crate::setup::{Run, command};

fn run(arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    Run::of(command(folder.path()).args(arguments), "")
}

#[test]
fn providers_are_searched_by_id_and_name() {
    let found = run(&["providers", "SalesForce", "--json"]).json();
    let found = found.as_array().unwrap();
    assert!(
        found
            .iter()
            .any(|it| it["id"] == "salesforce" && it["name"] == "Salesforce")
    );
    for provider in found {
        let text = format!("{} {}", provider["id"], provider["name"]).to_lowercase();
        assert!(text.contains("salesforce"), "{provider}");
    }
    assert_eq!(
        run(&["providers", "no such vendor", "--json"]).json(),
        serde_json::json!([])
    );
}

#[test]
fn providers_are_listed_in_a_line_each_and_one_is_shown_whole() {
    let all = run(&["providers"]).succeeded().stdout;
    let boldsign = all
        .lines()
        .find(|line| line.starts_with("boldsign "))
        .unwrap();
    assert!(boldsign.contains("BoldSign: "), "{boldsign}");
    let one = run(&["providers", "boldsign"]).succeeded().stdout;
    assert!(
        one.contains("\n  environment eu: https://account-eu.boldsign.com"),
        "{one}"
    );
    let none = run(&["providers", "salesforze"]);
    assert_eq!(none.code, 2, "{none:?}");
    assert!(none.stderr.contains("salesforce"), "{none:?}");
}

#[test]
fn an_unknown_provider_names_the_nearest_and_how_to_add_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("countersign.toml");
    std::fs::write(&config, "[connections.mine]\nprovider = \"sales-forze\"\n").unwrap();
    let run = Run::of(command(folder.path()).args(["token", "mine", "--json"]), "");
    let error = run.error(2);
    let (message, hint) = (
        error["message"].as_str().unwrap(),
        error["hint"].as_str().unwrap(),
    );
    assert!(message.contains("did you mean `salesforce`?"), "{message}");
    assert!(
        hint.contains("`profiles`") && hint.contains("--profile"),
        "{hint}"
    );
    assert!(hint.contains("countersign providers"), "{hint}");
}
