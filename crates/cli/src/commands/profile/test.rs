//! `countersign profile test`: runs a profile's cases.

use std::path::{Path, PathBuf};

use countersign::configuration::read_text;
use countersign_core::cases::Cases;
use countersign_core::{Error, ErrorKind, Profile, Verdict, from_profile};
use serde_json::json;

use crate::args::ProfileTestArgs;
use crate::output::{Output, Stop, exit_code};

pub(super) fn run(args: &ProfileTestArgs, output: &mut Output) -> Result<(), Stop> {
    let shown = args.file.display();
    let profile = Profile::from_toml(&read_text("the profile", &args.file)?)
        .map_err(|error| error.in_context(format_args!("{shown}")))?;
    let path = match &args.cases {
        Some(path) => path.clone(),
        None => find(&args.file)?,
    };
    let cases = Cases::from_json(&read_text("the cases", &path)?)
        .map_err(|error| error.in_context(format_args!("{}", path.display())))?;
    let lacking = cases.lacking(&profile);
    let failed = cases.run(&from_profile(profile));
    if output.is_json() {
        let failed: Vec<_> = failed
            .iter()
            .map(|failure| json!({"case": failure.case, "what": failure.what}))
            .collect();
        output.print_json(&json!({
            "profile": args.file,
            "cases": cases.count(),
            "failed": failed,
            "lacking": lacking,
        }))?;
    } else {
        for failure in &failed {
            output.print(&format!("FAIL {}", failure.case))?;
            for line in failure.what.lines() {
                output.print(&format!("  {line}"))?;
            }
        }
        let passed = cases.count() - failed.len();
        output.print(&format!(
            "{shown}: {passed} of {} cases pass",
            cases.count()
        ))?;
    }
    for what in lacking {
        output.warn(&format!("{} lacks {what}", path.display()));
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Stop::Code(exit_code(Verdict::FixConfiguration))),
    }
}

/// Finds the cases of a profile: `NAME.json` beside it, or in the folder `cases` beside its own.
fn find(profile: &Path) -> Result<PathBuf, Error> {
    let beside = profile.with_extension("json");
    let name = beside.file_name().unwrap_or_default();
    let folder = profile.parent().unwrap_or(Path::new(""));
    let apart = folder.join("..").join("cases").join(name);
    for path in [&beside, &apart] {
        if path.exists() {
            return Ok(path.clone());
        }
    }
    let message = format!(
        "there are no cases for {}: looked for {} and {}",
        profile.display(),
        beside.display(),
        apart.display()
    );
    Err(Error::new(ErrorKind::Setting, message).with_hint(
        "write the cases as docs/profiles.md describes, or name their file with --cases",
    ))
}
