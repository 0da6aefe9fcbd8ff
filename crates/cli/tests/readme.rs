//! Runs the README's examples, and checks the page of all settings.

use std::path::Path;
use std::process::Command;

use countersign_core::cases::Cases;
use countersign_core::profile::find_mistakes;
use countersign_core::{SETTINGS, Settings, provider_from_toml};
use countersign_sandbox::{Options, Sandbox};

fn readme() -> String {
    page("README.md")
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Returns the content of the fenced blocks with this info string.
fn blocks<'a>(readme: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("```{kind}\n");
    readme
        .split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

#[test]
fn commands_of_the_readme_work() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(Options {
        tls: true,
        dir: Some(dir.path().join("sandbox")),
        ..Options::default()
    })
    .unwrap();
    let command = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let path = format!(
        "{}:{}",
        command.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let readme = readme();
    let lines = blocks(&readme, "sh").into_iter().flat_map(str::lines);
    let lines: Vec<_> = lines
        .filter(|line| line.starts_with("countersign"))
        .collect();
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines {
        // Already started above.
        if line.starts_with("countersign-sandbox ") {
            assert!(line.ends_with(" &"), "{line}");
            continue;
        }
        let line = line.replace("DIR", &sandbox.dir().display().to_string());
        let run = Command::new("sh")
            .args(["-c", &line])
            .env("PATH", &path)
            .output()
            .unwrap();
        assert!(
            run.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

#[test]
fn settings_of_the_readme_are_valid() {
    let readme = readme();
    let toml = blocks(&readme, "toml");
    assert!(!toml.is_empty());
    for block in toml {
        assert!(!Settings::from_toml(block).unwrap().is_empty(), "{block}");
    }
}

#[test]
fn the_page_of_settings_lists_all_and_marks_secrets() {
    let page = page("docs/settings.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: Vec<_> = rows
        .map(|row| {
            let first = row.split(" |").next().unwrap();
            match first.strip_suffix("` *") {
                Some(name) => (name, true),
                None => (first.trim_end_matches('`'), false),
            }
        })
        .collect();
    let known: Vec<_> = SETTINGS
        .iter()
        .map(|setting| (setting.name, setting.secret))
        .collect();
    assert_eq!(documented, known);
}

#[test]
fn profiles_and_cases_of_the_page_about_profiles_are_right() {
    let page = page("docs/profiles.md");
    let profiles = blocks(&page, "toml").into_iter();
    let profiles: Vec<_> = profiles
        .filter(|block| block.starts_with("id = "))
        .collect();
    assert_eq!(profiles.len(), 3);
    for profile in &profiles {
        assert_eq!(find_mistakes(profile), [], "{profile}");
    }
    let github = profiles
        .iter()
        .find(|profile| profile.contains("github"))
        .unwrap();
    let cases = Cases::from_json(blocks(&page, "json")[0]).unwrap();
    assert_eq!(cases.count(), 3);
    let provider = provider_from_toml(github).unwrap();
    assert_eq!(cases.run(&provider), []);
    assert_eq!(cases.lacking(provider.profile()), [] as [&str; 0]);
}
