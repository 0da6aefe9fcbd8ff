//! The `openssl` command, which creates keys and checks results independently.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs `openssl` with arguments separated by spaces, and returns its output.
pub(crate) fn openssl(arguments: &str, input: &[u8]) -> Vec<u8> {
    let output = run(arguments, input);
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Like [`openssl`], for text.
pub(crate) fn openssl_text(arguments: &str, input: &str) -> String {
    String::from_utf8(openssl(arguments, input.as_bytes())).expect("openssl writes UTF-8")
}

/// Returns whether `openssl` succeeded.
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
    // A command that reads no input closes the pipe early, so writing may fail.
    let _ = child.stdin.take().expect("stdin is piped").write_all(input);
    child.wait_with_output().expect("wait for openssl")
}
