//! Gets tokens of many users whom one app may act for, each by an assertion of its own.
//!
//! Try it with the sandbox. The second user hasn't consented:
//!
//! ```text
//! cargo xtask sandbox --dir /tmp/sandbox
//! COUNTERSIGN_CONFIG=/tmp/sandbox/connections.toml \
//!     cargo run -p countersign --example many_users -- docusign-jwt \
//!     6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb01 6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb02
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::process::ExitCode;
use std::sync::Arc;

use countersign::{Configuration, Error, Subjects};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or("docusign-jwt".to_owned());
    match run(&name, &words.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, users: &[String]) -> Result<(), Error> {
    let settings = countersign::resolve(name, Configuration::find()?.settings(name)?)?;
    let connection = countersign::connection(name, &settings, &countersign::registry()?, None)?;
    let transport = countersign::transport(connection.network())?;
    // Keeps up to a million tokens in memory. Share it among all threads.
    let subjects = Subjects::new(connection, Arc::new(transport), 1_000_000)?;

    // In advance, for those who will need one. Otherwise `subjects.token(user)` gets it.
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    subjects.fetch_all(&users, 2, |user, outcome| match outcome {
        Ok(token) => println!("{user}: {} bytes", token.expose().len()),
        Err(error) => match error.url() {
            Some(url) => println!("{user}: {error}; open {url}"),
            None => println!("{user}: {error}"),
        },
    });
    println!("{} of {} users have a token", subjects.len(), users.len());
    Ok(())
}
