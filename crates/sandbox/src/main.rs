//! `countersign-sandbox`: serves the sandbox until SIGINT or SIGTERM.

#![forbid(unsafe_code)]

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use countersign_sandbox::{Error, Options, Rotation, Sandbox, StopSignals};

/// Runs a strict local emulator of the token services of DocuSign, Salesforce and BoldSign.
///
/// Prints one line of JSON once it is ready, with `url`, `dir`, `connections` and `ca_file`, and
/// serves until SIGINT or SIGTERM.
#[derive(Parser)]
#[command(name = "countersign-sandbox", version, max_term_width = 100)]
struct Args {
    /// The address to listen on; port 0 selects a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The folder for connections.toml, keys and CA; a temporary one by default.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Serve over TLS, with a CA generated at start.
    #[arg(long)]
    tls: bool,
    /// Reject what the vendors' documentation rejects, even if the vendors accept it.
    #[arg(long)]
    strict: bool,
    /// A redirect URI to register, exactly as the app sends it; may be repeated.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// What happens to a refresh token when it is used; by default, what each vendor does.
    #[arg(long, value_name = "MODE")]
    rotation: Option<Rotation>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

fn run(args: Args) -> Result<(), Error> {
    if !args.tls && !args.listen.ip().is_loopback() {
        say(
            "warning: without --tls, others on the network can read what is sent; countersign itself \
             uses http only at loopback addresses",
        );
    }
    let sandbox = Sandbox::start(Options {
        listen: args.listen,
        dir: args.dir,
        tls: args.tls,
        strict: args.strict,
        rotation: args.rotation,
        redirect_uris: args.redirect_uris,
        ..Options::default()
    })?;
    // Before the ready line: a process that reads it may send a signal at once.
    let signals = StopSignals::listen()?;
    let mut stdout = std::io::stdout();
    // If stdout is closed, nobody waits for the line.
    let _ = writeln!(stdout, "{}", sandbox.ready_line());
    let _ = stdout.flush();
    signals.wait();
    Ok(())
}

fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
