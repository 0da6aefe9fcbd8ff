//! The cost of a cached token, compared to its floors:
//! `cargo run --release --manifest-path benches/Cargo.toml --bin client`.
//!
//! Prints the Markdown table of `benches/CLIENT.md`.

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign_benches::memory::resident_bytes;
use countersign_core::{
    Client, Connection, Profile, Request, Response, SendError, Settings, Signer, Subjects,
    Transport, jose,
};

const PROFILE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    environments.production.base_url = "https://login.acme.example"
    endpoints.token = "{base_url}/token"
    grants.client-credentials.client_auth = ["post"]
    grants.jwt-bearer.client_auth = ["none"]
    assertion.algorithms = ["RS256"]
"#;

/// The length of a typical vendor's token.
const TOKEN_LENGTH: usize = 800;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(150);

/// An operation and its name.
type Measured<'a> = (&'static str, Box<dyn Fn() + Sync + 'a>);

fn main() {
    let mut out = std::io::stdout().lock();
    let client = client();
    let plain = (String::from("t"), i64::MAX);
    let swapped = arc_swap::ArcSwap::from_pointee(plain.clone());
    let coarse = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    };
    let mut table =
        String::from("| operation | 1 thread | 2 threads | 8 threads |\n|---|---|---|---|\n");
    let cases: Vec<Measured<'_>> = vec![
        (
            "floor: coarse clock and a comparison",
            Box::new(|| {
                black_box(coarse() < black_box(&plain).1);
            }),
        ),
        (
            "arc-swap load, coarse clock, comparison",
            Box::new(|| {
                let guard = swapped.load();
                black_box(coarse() < guard.1);
                black_box(guard.0.len());
            }),
        ),
        (
            "`Client::fresh`",
            Box::new(|| {
                let fresh = client.fresh();
                black_box(fresh.as_ref().map(|token| token.expose().len()));
            }),
        ),
        (
            "`Client::token` (owned, counted)",
            Box::new(|| {
                black_box(client.token().map(|token| token.expose().len()).ok());
            }),
        ),
    ];
    let threads = [1, 2, 8];
    let mut medians = vec![[0.0; 3]; cases.len()];
    for (column, threads) in threads.iter().enumerate() {
        let mut rounds = vec![Vec::new(); cases.len()];
        // Interleaved, so that a disturbance affects all of them.
        for _ in 0..ROUNDS {
            for (case, (_, run)) in cases.iter().enumerate() {
                rounds[case].push(cpu_ns_per_call(*threads, run.as_ref()));
            }
        }
        for (case, mut ns) in rounds.into_iter().enumerate() {
            ns.sort_by(f64::total_cmp);
            medians[case][column] = ns[ns.len() / 2];
        }
    }
    for ((name, _), ns) in cases.iter().zip(&medians) {
        table += &format!(
            "| {name} | {:.1} ns | {:.1} ns | {:.1} ns |\n",
            ns[0], ns[1], ns[2]
        );
    }
    let _ = writeln!(
        out,
        "CPU time per call, median of {ROUNDS} interleaved rounds of {} ms:\n\n{table}",
        ROUND.as_millis()
    );
    let _ = out.write_all(million().as_bytes());
}

/// Measures a million subjects: memory per subject, and the time to read a token.
fn million() -> String {
    const COUNT: usize = 1_000_000;
    let names: Vec<_> = (0..COUNT)
        .map(|n| format!("464f5d25-4be5-4bc4-b3d0-{n:012}"))
        .collect();
    let subjects = Subjects::new(by_assertion(), Arc::new(Canned), 2 * COUNT).expect("subjects");
    let before = resident_bytes();
    let start = Instant::now();
    for name in &names {
        subjects.token(name).expect("a token");
    }
    let filling = start.elapsed();
    let bytes = (resident_bytes() - before) as f64 / COUNT as f64;
    // An order that the caches can't predict.
    let start = Instant::now();
    let mut at = 1;
    for _ in 0..COUNT {
        at = (at * 48_271) % 2_147_483_647;
        black_box(subjects.fresh(&names[at % COUNT]).is_some());
    }
    let look = start.elapsed().as_nanos() as f64 / COUNT as f64;
    let few: Vec<_> = names.iter().take(1000).collect();
    let start = Instant::now();
    for round in 0..COUNT {
        black_box(subjects.fresh(few[round % 1000]).is_some());
    }
    let warm = start.elapsed().as_nanos() as f64 / COUNT as f64;
    format!(
        "{COUNT} subjects with tokens of {TOKEN_LENGTH} bytes and names of 36: {bytes:.0} bytes of resident memory each \
         (the token and its name are 836), filled in {:.1} s without signing or network; a look at any of them {look:.0} ns, \
         at one of a thousand {warm:.0} ns (both hand out a copy of the token).\n",
        filling.as_secs_f64()
    )
}

fn cpu_ns_per_call(threads: usize, run: &(dyn Fn() + Sync)) -> f64 {
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = cpu_time();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut done = 0;
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..1000 {
                        run();
                    }
                    done += 1000;
                }
                calls.fetch_add(done, Ordering::Relaxed);
            });
        }
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    (cpu_time() - before).as_nanos() as f64 / calls.into_inner() as f64
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn client() -> Client {
    let client =
        Client::builder(connection("client-credentials", None)).transport(Arc::new(Canned));
    let client = client.build().expect("a client");
    client.token().expect("a token");
    client
}

fn by_assertion() -> Connection {
    connection("jwt-bearer", Some(Arc::new(NoKey)))
}

fn connection(grant: &str, signer: Option<Arc<dyn Signer>>) -> Connection {
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("grant", grant),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("subject", "one of many"),
    ]);
    let provider =
        countersign_core::from_profile(Profile::from_toml(PROFILE).expect("the profile"));
    let settings = settings.expect("the settings");
    match signer {
        Some(signer) => Connection::with_signer("bench", &settings, provider, signer),
        None => Connection::new("bench", &settings, provider),
    }
    .expect("the connection")
}

#[derive(Debug)]
struct Canned;

impl Transport for Canned {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        let token = "t".repeat(TOKEN_LENGTH);
        let body =
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":36000}}"#);
        Ok(Response::new(200, [], body))
    }
}

/// A signer that signs nothing, because only the cache is measured.
#[derive(Debug)]
struct NoKey;

impl Signer for NoKey {
    fn algorithm(&self) -> countersign_core::Algorithm {
        countersign_core::Algorithm::RS256
    }

    fn sign(&self, _: &[u8], signature: &mut Vec<u8>) -> Result<(), jose::Error> {
        signature.extend_from_slice(&[0; 256]);
        Ok(())
    }
}
