//! Every vendor's profile is read, and every case passes.
#![allow(clippy::disallowed_methods, reason = "tests read files")]

use std::fs;
use std::path::Path;

use countersign_catalog::{Vendor, catalog, search, vendor, vendors};
use countersign_core::cases::Cases;
use countersign_core::{Profile, Registry, from_profile};

/// The grades of evidence that comments in profiles give.
const GRADES: &[&str] = &["[S]", "[D]", "[T]", "[C]"];

fn read(path: &str) -> Result<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn check(vendor: &'static Vendor) -> Result<(), String> {
    let profile = read(&format!("profiles/{}.toml", vendor.id()))?;
    let parsed = Profile::from_toml(&profile).map_err(|error| error.to_string())?;
    let embedded = Profile::from_toml(vendor.toml()).map_err(|error| error.to_string())?;
    if format!("{parsed:?}") != format!("{embedded:?}") {
        return Err("the profile without comments differs".to_owned());
    }
    if !parsed.documentation.starts_with("https://") {
        return Err("`documentation` is not an https URL".to_owned());
    }
    let comments: Vec<_> = profile.lines().filter(|line| line.contains('#')).collect();
    if !comments
        .iter()
        .any(|line| GRADES.iter().any(|grade| line.contains(grade)))
    {
        return Err("no comment has a grade of evidence, such as [D]".to_owned());
    }
    let cases = read(&format!("cases/{}.json", vendor.id()))?;
    let cases = Cases::from_json(&cases).map_err(|error| error.to_string())?;
    let lacking = cases.lacking(&parsed);
    if !lacking.is_empty() {
        return Err(format!("the cases lack {}", lacking.join(", ")));
    }
    let failed = cases.run(&vendor.provider());
    match failed.is_empty() {
        true => Ok(()),
        false => {
            let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
            Err(failed.join("\n  "))
        }
    }
}

#[test]
fn every_vendor_has_cases_that_pass() {
    let failed: Vec<_> = vendors()
        .iter()
        .filter_map(|vendor| Some(format!("{}: {}", vendor.id(), check(vendor).err()?)))
        .collect();
    assert!(
        failed.is_empty(),
        "{} vendors fail:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn every_case_belongs_to_a_vendor() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "json") {
            let id = path.file_stem().unwrap().to_str().unwrap();
            assert!(vendor(id).is_some(), "cases/{id}.json has no profile");
        }
    }
}

#[test]
fn vendors_are_found_by_id_and_by_a_part_of_their_name() {
    for one in vendors() {
        assert_eq!(vendor(one.id()).unwrap().name(), one.name());
        assert!(search(&one.name().to_uppercase()).any(|found| found.id() == one.id()));
        let provider = one.provider();
        assert_eq!((provider.id(), provider.name()), (one.id(), one.name()));
        assert_eq!(provider.profile().name, one.name());
    }
    assert!(vendor("no-such-vendor").is_none());
    assert_eq!(search("no such vendor").count(), 0);
}

#[test]
fn a_provider_of_ones_own_takes_precedence_over_the_catalogue() {
    let Some(known) = vendors().first() else {
        return;
    };
    let mut own = Profile::from_toml(known.toml()).unwrap();
    own.name = "My own".to_owned();
    let registry = Registry::new()
        .with_catalog(catalog())
        .with(from_profile(own))
        .unwrap();
    assert_eq!(
        registry.provider(known.id()).unwrap().profile().name,
        "My own"
    );
    assert_eq!(registry.iter().count(), vendors().len());
    assert_eq!(
        registry.iter().filter(|it| it.id() == known.id()).count(),
        1
    );
}
