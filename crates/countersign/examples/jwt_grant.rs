//! Gets a token by a signed assertion, without a person (grant type `jwt-bearer`, RFC 7523).
//!
//! Try it with the sandbox:
//!
//! ```text
//! cargo xtask sandbox --dir /tmp/sandbox
//! COUNTERSIGN_CONFIG=/tmp/sandbox/connections.toml \
//!     cargo run -p countersign --example jwt_grant -- docusign-jwt
//! ```
//!
//! For a real vendor, write a `countersign.toml` with the connection, and leave out
//! `COUNTERSIGN_CONFIG`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;

use countersign::{Error, Verdict};

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or("docusign-jwt".to_owned());
    match run(&name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            // Only a failure that may pass by itself is worth a retry.
            match error.verdict() {
                Verdict::Retry => ExitCode::from(75),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(name: &str) -> Result<(), Error> {
    let client = countersign::load(name)?;
    let token = client.token()?;
    println!(
        "token from {}: {} bytes",
        token.source(),
        token.expose().len()
    );
    println!(
        "expires at {:?}, scope {:?}",
        token.expires_at(),
        token.scope()
    );
    // Whom it is for, and where the vendor's API is.
    for (name, value) in client.identity()? {
        println!("{name}: {value}");
    }
    // From now on, call `client.token()` before each request to the API. It is cached.
    println!("token from {}", client.token()?.source());
    Ok(())
}
