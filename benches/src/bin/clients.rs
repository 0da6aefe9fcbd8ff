//! Memory, descriptors and connections of 2,000 clients in one process:
//! `cargo run --release --manifest-path benches/Cargo.toml --bin clients`.
//!
//! Starts the sandbox as a separate process and a PostgreSQL server, builds clients the same way as
//! the command and libcountersign, and gets a token for each. Prints the Markdown table of
//! `benches/CLIENT.md`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign_benches::memory::resident_bytes;
use countersign_core::{Client, Settings};
use countersign_sandbox::{Options, Sandbox};
use countersign_store_conformance::servers::PostgresServer;

const CLIENTS: usize = 2_000;
const THREADS: usize = 8;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("serve") => return serve(),
        Some("measure") => return measure(&args[1], &args[2], &args[3], &args[4]),
        _ => {}
    }
    let vendor = Vendor::start();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut table = String::from(
        "| store | building one | bytes of an idle client | descriptors before, after 2,000 tokens, idle | connections to the vendor after 2,000 tokens, idle | connections to the store |\n|---|---|---|---|---|---|\n",
    );
    let postgres = PostgresServer::start("");
    for store in [
        "memory".to_owned(),
        format!("file:{}", folder.path().join("tokens").display()),
        postgres.url(),
    ] {
        table += &measured(&vendor, &store, postgres.port());
    }
    let _ = std::io::stdout().write_all(table.as_bytes());
}

/// Runs [`measure`] in a separate process: otherwise one store's clients would reuse the memory
/// that the previous store's clients freed.
fn measured(vendor: &Vendor, store: &str, postgres: u16) -> String {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["measure", &vendor.connections, store])
        .args([vendor.port.to_string(), postgres.to_string()])
        .stderr(Stdio::inherit())
        .output();
    let output = output.expect("the process starts");
    assert!(output.status.success(), "measuring {store} failed");
    String::from_utf8(output.stdout).expect("a row of text")
}

/// Builds the clients with `store` and prints one row of the table.
fn measure(connections: &str, store: &str, vendor: &str, postgres: &str) {
    let port = |text: &str| text.parse::<u16>().expect("a port");
    let (vendor, postgres) = (port(vendor), port(postgres));
    let registry = countersign::registry().expect("the built-in providers");
    let text = std::fs::read_to_string(connections).expect("connections.toml");
    let all = Settings::from_toml(&text).expect("the sandbox's connections");
    let mut settings = Settings::select(all, "boldsign-cc").expect("the sandbox's connection");
    settings.set("store", store).expect("a store");
    let folder = Path::new(connections).parent().expect("a folder");
    let settings = settings.relative_to(folder);
    let make = |index: usize| {
        let settings = settings.clone().resolve(|_| None)?;
        let name = format!("client-{index}");
        let connection = countersign::connection(&name, &settings, &registry, None)?;
        let transport = countersign::transport(connection.network())?;
        countersign::client_builder(connection, |_| ())?
            .transport(Arc::new(transport))
            .build()
    };
    // The first client is a warm-up: it initializes what all clients share.
    let first = make(CLIENTS).expect("a client");
    let (descriptors, resident) = (open_files(), resident_bytes());
    let mut took = Vec::with_capacity(CLIENTS);
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|index| {
            let start = Instant::now();
            let client = make(index).expect("a client");
            took.push(start.elapsed());
            client
        })
        .collect();
    took.sort();
    let made = resident_bytes();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(client) = clients.get(next.fetch_add(1, Ordering::Relaxed)) {
                    client.token().expect("a token");
                }
            });
        }
    });
    let busy = (open_files(), connections_to(vendor));
    // Idle connections are closed after 4 s.
    std::thread::sleep(Duration::from_secs(6));
    let idle = (open_files(), connections_to(vendor));
    let with_token = resident_bytes();
    let row = format!(
        "| {} | {:.0} µs | {} new, {} with a token | {descriptors}, {}, {} | {}, {} | {} |\n",
        store.split(':').next().unwrap_or_default(),
        took[took.len() / 2].as_nanos() as f64 / 1000.0,
        (made.saturating_sub(resident)) / CLIENTS as u64,
        (with_token.saturating_sub(resident)) / CLIENTS as u64,
        busy.0,
        idle.0,
        busy.1,
        idle.1,
        connections_to(postgres),
    );
    let _ = std::io::stdout().write_all(row.as_bytes());
    drop((first, clients));
}

/// The sandbox, as a separate process, so that its descriptors are not counted.
struct Vendor {
    process: Child,
    connections: String,
    port: u16,
}

impl Vendor {
    fn start() -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut process = Command::new(program)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sandbox's process");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("its first line");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("a JSON line");
        let word = |name: &str| ready[name].as_str().expect("a text").to_owned();
        let port = word("url")
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        Self {
            process,
            connections: word("connections"),
            port: port.expect("a port"),
        }
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        // The sandbox exits when its stdin closes.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn serve() {
    let sandbox = Sandbox::start(Options {
        tls: true,
        ..Options::default()
    });
    let sandbox = sandbox.expect("the sandbox");
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "{}", sandbox.ready_line());
    let _ = stdout.flush();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) - 1
}

/// Counts this process's TCP connections to this port, in any state, including CLOSE_WAIT.
fn connections_to(port: u16) -> usize {
    let links = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let own: BTreeSet<_> = links
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            let link = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(link.to_owned())
        })
        .collect();
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap_or_default();
    let remote = format!(":{port:04X}");
    table
        .lines()
        .filter(|line| {
            let mut fields = line.split_whitespace();
            let at_port = fields
                .nth(2)
                .is_some_and(|remote_at| remote_at.ends_with(&remote));
            at_port && fields.nth(6).is_some_and(|inode| own.contains(inode))
        })
        .count()
}
