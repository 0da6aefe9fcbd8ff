//! The `openssl` command: an implementation of its own to make keys with and to check us by.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs `openssl` with words split at blanks and gives what it wrote.
pub(crate) fn openssl(arguments: &str, input: &[u8]) -> Vec<u8> {
    let output = run(arguments, input);
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The same for what is text.
pub(crate) fn openssl_text(arguments: &str, input: &str) -> String {
    String::from_utf8(openssl(arguments, input.as_bytes())).expect("openssl wrote text")
}

/// Whether `openssl` agreed.
#[allow(dead_code)]
pub(crate) fn openssl_agrees(arguments: &str) -> bool {
    run(arguments, b"").status.success()
}

fn run(arguments: &str, input: &[u8]) -> Output {
    let mut child = Command::new("openssl")
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("these tests need the `openssl` command (apt-get install openssl): {error}")
        });
    // A command that reads no input closes the pipe early; its status tells what happened.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input);
    child.wait_with_output().expect("openssl ends")
}
