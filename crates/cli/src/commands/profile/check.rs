//! `countersign profile check`: finds the mistakes of a profile.

use countersign::configuration::read_text;
use countersign_core::Verdict;
use countersign_core::profile::{Mistake, find_mistakes};
use serde_json::{Value, json};

use crate::args::ProfileFileArgs;
use crate::output::{Output, Stop, exit_code};

pub(super) fn run(args: &ProfileFileArgs, output: &mut Output) -> Result<(), Stop> {
    let shown = args.file.display();
    let found = find_mistakes(&read_text("the profile", &args.file)?);
    if output.is_json() {
        let found: Vec<_> = found.iter().map(as_json).collect();
        output.print_json(&json!({"profile": args.file, "mistakes": found}))?;
    } else {
        for mistake in &found {
            let kind = if mistake.is_error { "error" } else { "warning" };
            let (line, message) = (mistake.line, &mistake.message);
            output.print(&format!("{shown}:{line}: {kind}: {message}"))?;
            output.print(&format!("  fix: {}", mistake.fix))?;
        }
        if found.is_empty() {
            output.print(&format!("{shown}: no mistakes found"))?;
        }
    }
    match found.iter().any(|mistake| mistake.is_error) {
        true => Err(Stop::Code(exit_code(Verdict::FixConfiguration))),
        false => Ok(()),
    }
}

fn as_json(mistake: &Mistake) -> Value {
    json!({
        "line": mistake.line,
        "severity": if mistake.is_error { "error" } else { "warning" },
        "message": mistake.message,
        "fix": mistake.fix,
    })
}
