//! `cargo xtask test`: runs every check and prints a table of the results.
//!
//! With `--fast`, it skips checks that need servers, other languages' compilers or release builds.

use std::process::Command;
use std::time::Instant;

use crate::{
    abi, bench, bindings, budget, cargo, demo, examples, package, root, table, tidy, tools,
};

/// Crates whose tests start database servers, kill processes or build plugins.
const SLOW: [&str; 5] = [
    "countersign-chaos",
    "countersign-plugin",
    "countersign-postgres",
    "countersign-redis",
    "countersign-store-conformance",
];

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    match options {
        [] => everything(),
        ["--fast"] => fast(),
        _ => Err("usage: cargo xtask test [--fast]".to_owned()),
    }
}

fn fast() -> Result<(), String> {
    let mut report = Report::default();
    format_and_lints(&mut report);
    report.run("tests", || {
        let mut tests = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
        tests.extend(SLOW.iter().flat_map(|member| ["--exclude", member]));
        cargo::run(&tests, &[])
    });
    report.run("house rules", tidy::run);
    report.run("examples", || examples::run(&[]));
    report.run("crate budget", budget::run);
    report.close(true)
}

fn everything() -> Result<(), String> {
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    let mut report = Report::default();
    let missing = tools::install_missing();
    for line in &missing {
        report.missing("tools", line);
    }
    let browser = tools::is_installed("chromium") && tools::is_installed("chromedriver");

    format_and_lints(&mut report);
    report.run("core alone", || {
        let bare = [
            "check",
            "-p",
            "countersign-core",
            "--no-default-features",
            "--locked",
        ];
        cargo::run(&bare, &[("RUSTFLAGS", "-D warnings".as_ref())])
    });
    // The workspace's tests build these with the features that the command enables. Test the
    // default features and all features as well.
    for (package, name) in [("countersign-jose", "jose"), ("countersign-core", "core")] {
        report.run(&format!("{name}, default features"), || {
            cargo::run(&["test", "-p", package, "--locked"], &[])
        });
        report.run(&format!("{name}, all features"), || {
            let all = ["test", "-p", package, "--all-features", "--locked"];
            cargo::run(&all, &[])
        });
    }
    report.run("benches", || {
        let mut lints = vec![
            "clippy",
            "--manifest-path",
            bench::MANIFEST,
            "--all-targets",
        ];
        lints.extend(["--locked", "--", "-D", "warnings"]);
        cargo::run(
            &lints,
            &[("CARGO_TARGET_DIR", root().join("target").as_os_str())],
        )
    });
    report.run("docs", || {
        let docs = ["doc", "--workspace", "--no-deps", "--locked"];
        cargo::run(&docs, &[("RUSTDOCFLAGS", "-D warnings".as_ref())])
    });
    report.run("tests", || {
        let mut tests = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
        if browser {
            tests.extend(["--features", "countersign-cli/browser-tests"]);
        }
        cargo::run(&tests, &[])
    });
    // Includes the test-only exports, such as one that panics.
    report.run("libcountersign", || {
        let hooked = [
            "test",
            "-p",
            "countersign-capi",
            "--features",
            "test-hooks",
            "--locked",
        ];
        cargo::run(&hooked, &[])
    });
    report.run("abi and bindings", || bindings::run_with_abi(abi::check));
    if !browser {
        report.missing("browser", "skipped the login in a real browser");
    }
    report.run("house rules", tidy::run);
    report.run("examples", || examples::run(&[]));
    report.run("crate budget", budget::run);
    report.run("packages", || package::run(&[]));
    report.run("demo", demo::run);
    report.close(strict)
}

fn format_and_lints(report: &mut Report) {
    if component("fmt", report) {
        report.run("format", || {
            cargo::run(&["fmt", "--all", "--check"], &[])?;
            let benches = ["fmt", "--manifest-path", bench::MANIFEST, "--check"];
            cargo::run(&benches, &[])
        });
    }
    if component("clippy", report) {
        let lints = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--locked",
            "--",
            "-D",
            "warnings",
        ];
        report.run("lints", || cargo::run(&lints, &[]));
    }
}

/// Reports whether a component of the toolchain is installed.
fn component(name: &str, report: &mut Report) -> bool {
    let there = Command::new(env!("CARGO"))
        .args([name, "--version"])
        .output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        report.missing(name, &format!("run: rustup component add {name}"));
    }
    there
}

#[derive(Default)]
struct Report {
    rows: Vec<Vec<String>>,
    failed: usize,
    missing: usize,
}

impl Report {
    fn run(&mut self, name: &str, step: impl FnOnce() -> Result<(), String>) {
        table::say(&format!("\n== {name}\n"));
        let start = Instant::now();
        let outcome = step();
        let took = format!("{:.1} s", start.elapsed().as_secs_f64());
        let (word, detail) = match outcome {
            Ok(()) => ("ok", String::new()),
            Err(why) => {
                self.failed += 1;
                table::complain(&why);
                ("FAILED", why.lines().next().unwrap_or_default().to_owned())
            }
        };
        self.rows
            .push(vec![name.to_owned(), word.to_owned(), took, detail]);
    }

    fn missing(&mut self, name: &str, detail: &str) {
        self.missing += 1;
        let row = [name, "MISSING", "", detail].map(str::to_owned);
        self.rows.push(row.to_vec());
    }

    fn close(self, strict: bool) -> Result<(), String> {
        table::say("\n");
        let heading = ["step", "outcome", "time", ""].map(str::to_owned).to_vec();
        let rows: Vec<_> = std::iter::once(heading).chain(self.rows).collect();
        table::print(&rows);
        match (self.failed, self.missing) {
            (0, 0) => Ok(()),
            (0, missing) if !strict => {
                table::complain(&format!(
                    "\n!! {missing} checks were skipped, see MISSING above"
                ));
                Ok(())
            }
            (failed, missing) => Err(format!("{failed} steps failed, {missing} were skipped")),
        }
    }
}
