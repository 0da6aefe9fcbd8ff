//! Runs the other tests under valgrind, if that is installed.

use std::process::Command;

#[test]
fn valgrind_finds_nothing() {
    let is_there = Command::new("valgrind").arg("--version").output().is_ok();
    if !is_there {
        return;
    }
    let output = Command::new("valgrind")
        .args(["--quiet", "--error-exitcode=9", "--leak-check=full"])
        // Memory of the test harness, its threads and glibc's loader is "possibly lost" at exit.
        .args([
            "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite",
        ])
        .arg(std::env::current_exe().unwrap())
        .arg("--test-threads=1")
        .args(["memory::", "loading::", "header::"].map(|module| format!("--skip={module}")))
        // The test harness leaks the terminal's description.
        .env_remove("TERM")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let shown = shown + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}");
    assert!(shown.contains("test result: ok."), "{shown}");
}
