//! `interleaved [--quick] [FOLDER]`: measures every case and writes `RESULTS.md` and `tokens.svg`.

#![forbid(unsafe_code)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use countersign_benches::measure::{Plan, measure};
use countersign_benches::{cases, plot, report};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let quick = words.iter().any(|word| word == "--quick");
    let folder = words.iter().find(|word| !word.starts_with("--"));
    let folder = folder.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let plan = Plan {
        rounds: if quick { 3 } else { 21 },
        turns: if quick { 2 } else { 6 },
        turn: Duration::from_millis(if quick { 3 } else { 8 }),
    };
    let load_before = report::load();
    let outcomes = measure(cases(), plan, |round| {
        let _ = write!(std::io::stderr(), "\rround {round} of {}", plan.rounds);
    });
    let _ = writeln!(std::io::stderr());
    let machine = report::Machine::look(load_before, plan);
    let written = std::fs::write(
        folder.join("tokens.svg"),
        plot::draw(&outcomes, &machine.cpu),
    )
    .and_then(|()| {
        std::fs::write(
            folder.join("RESULTS.md"),
            report::write(&outcomes, &machine),
        )
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
