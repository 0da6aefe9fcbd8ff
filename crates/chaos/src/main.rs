//! `countersign-chaos`: the command line of the hammer and the crash matrix.

#![forbid(unsafe_code)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use countersign_chaos::{
    Order, PlaceKind, Point, Server, between_marks, hammer, hammer::Strike, matrix, once, window,
    worker,
};

#[derive(Parser)]
#[command(about = "Kills real processes of countersign and counts lost grants")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Inject faults at random into processes that share a store; prints one JSON object
    Hammer(Hammer),
    /// Kill, fail and delay one refresh at every failpoint; prints a Markdown table
    Matrix(Matrix),
    /// Measure the time from reading a response until it is durable
    Window {
        /// file, redis or postgres
        #[arg(long, default_value = "file")]
        store: PlaceKind,
        /// Number of refreshes
        #[arg(long, default_value_t = 500)]
        count: usize,
    },
    #[command(hide = true)]
    Worker(Child),
    #[command(hide = true)]
    Once(Child),
}

#[derive(Args)]
struct Hammer {
    /// file, redis or postgres
    #[arg(long, default_value = "file")]
    store: PlaceKind,
    /// strict: a refresh token presented twice revokes the grant; grace: it works until its
    /// successor is used
    #[arg(long, default_value = "strict")]
    server: Server,
    /// Number of processes
    #[arg(long, default_value_t = 8)]
    processes: usize,
    /// Number of threads per process
    #[arg(long, default_value_t = 8)]
    threads: usize,
    /// Milliseconds between two faults; 0 disables them
    #[arg(long, default_value_t = 1000)]
    kill_ms: u64,
    /// Faults to inject, separated by commas: kill, stop, shutdown (drain and exit), fork (in the
    /// middle of a refresh), locks (remove lock files, or end a database's leases), records (remove
    /// a record, or all records of a database), root (refresh a token on another user's store)
    #[arg(
        long,
        default_value = "kill,stop,shutdown,fork,locks,records,root",
        value_delimiter = ','
    )]
    strikes: Vec<Strike>,
    /// Duration of the run
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Milliseconds between two pieces of 16 bytes of a response; 0 sends it at once
    #[arg(long, default_value_t = 0)]
    slow_ms: u64,
    /// Seed of the random numbers, printed at start; random by default
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Args)]
struct Matrix {
    /// memory, file, redis or postgres, separated by commas
    #[arg(long, default_value = "memory,file", value_delimiter = ',')]
    stores: Vec<String>,
    /// Markdown page to write the tables to, between its marks
    #[arg(long)]
    write: Option<PathBuf>,
}

#[derive(Args)]
struct Child {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    server: Server,
    #[arg(long)]
    store: String,
    #[arg(long)]
    timeout_ms: u64,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long)]
    shares: bool,
    #[arg(long)]
    point: Option<usize>,
    #[arg(long, default_value = "fallback")]
    fallback: PathBuf,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Hammer(options) => hammer(&options),
        Command::Matrix(options) => matrix(&options),
        Command::Window { store, count } => {
            let (p50, p99) = window::measure(store, count);
            say(&format!("{}: p50 {p50} µs, p99 {p99} µs", store.as_str()));
            Ok(())
        }
        Command::Worker(child) => {
            worker::work(&worker::Order {
                folder: child.folder,
                server: child.server,
                store: child.store,
                timeout_ms: child.timeout_ms,
                threads: child.threads,
                shares: child.shares,
            });
            Ok(())
        }
        Command::Once(child) => {
            let failed = once(&Order {
                folder: child.folder,
                server: child.server,
                store: child.store,
                fallback: child.fallback,
                timeout_ms: child.timeout_ms,
                point: child.point.map(|point| Point::ALL[point]),
            });
            match (failed, child.point) {
                (None, None) => Ok(()),
                (None, Some(_)) => Err("the refresh did not reach the failpoint".into()),
                (Some(why), _) => Err(why),
            }
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&format!("chaos: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn hammer(options: &Hammer) -> Result<(), String> {
    if let Some(why) = options.store.missing() {
        return Err(why);
    }
    let seed = options.seed.unwrap_or_else(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(1, |since| since.as_nanos() as u64)
    });
    complain(&format!("seed {seed}"));
    let (tally, notes) = hammer::run(&hammer::Plan {
        store: options.store,
        server: options.server,
        processes: options.processes.max(1),
        threads: options.threads.max(1),
        kill_ms: options.kill_ms,
        strikes: options.strikes.clone(),
        seconds: options.seconds,
        slow_ms: options.slow_ms,
        timeout_ms: 2000,
        program: program()?,
        seed,
    });
    for note in notes {
        complain(&note);
    }
    say(&serde_json::to_string(&tally).map_err(|error| error.to_string())?);
    match tally.complaints() {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(wrong.join("; ")),
    }
}

fn matrix(options: &Matrix) -> Result<(), String> {
    let mut wrong = Vec::new();
    for word in &options.stores {
        let kind = match word.as_str() {
            "memory" => PlaceKind::Memory,
            word => word.parse()?,
        };
        if let Some(why) = kind.missing() {
            complain(&format!("skipped {word}: {why}"));
            continue;
        }
        let outcomes = matrix::run(kind, &program()?);
        let table = matrix::markdown(&outcomes);
        say(&format!("{word}\n\n{table}"));
        wrong.extend(matrix::complaints(&outcomes));
        if let Some(path) = &options.write {
            let page = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
            let mark = format!("crash matrix {word}");
            let (_, page) = between_marks(&page, &mark, &table)
                .ok_or_else(|| format!("{} has no marks `{mark}`", path.display()))?;
            std::fs::write(path, page).map_err(|error| error.to_string())?;
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n")),
    }
}

fn program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| error.to_string())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
