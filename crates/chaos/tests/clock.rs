//! Clock jumps, suspends, short lifetimes and slow responses.
//!
//! The client must not return an expired token, and must not send many requests.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign_core::{
    Client, Clock, Connection, ManualClock, MemoryStore, Request, Response, SendError, Store,
    Transport, Verdict, testing,
};

const NOW: i64 = 1_800_000_000;
const MINUTES: Duration = Duration::from_secs(600);

/// A server whose tokens contain their expiry by the boot clock, which nothing can set.
#[derive(Debug)]
struct Vendor {
    clock: Arc<ManualClock>,
    lifetime: Duration,
    takes: Duration,
    posts: Mutex<u64>,
}

impl Transport for Vendor {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        let mut posts = self.posts.lock().unwrap();
        *posts += 1;
        let ends = self.clock.now().boot_ms + self.lifetime.as_millis() as u64;
        self.clock.advance(self.takes);
        let (lifetime, count) = (self.lifetime.as_secs(), *posts);
        let body = format!(
            r#"{{"access_token":"until-{ends}","expires_in":{lifetime},"refresh_token":"r{count}"}}"#
        );
        Ok(Response::new(200, [], body))
    }
}

struct Bench {
    clock: Arc<ManualClock>,
    vendor: Arc<Vendor>,
    clients: Vec<Client>,
}

impl Bench {
    /// Builds three clients that share a store, as three processes would.
    fn new(lifetime_s: u64, takes: Duration) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let vendor = Arc::new(Vendor {
            clock: Arc::clone(&clock),
            lifetime: Duration::from_secs(lifetime_s),
            takes,
            posts: Mutex::default(),
        });
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let client = || {
            Client::builder(connection())
                .transport(Arc::clone(&vendor) as Arc<dyn Transport>)
                .clock(Arc::clone(&clock) as Arc<dyn Clock>)
                .store(Arc::clone(&store))
                .build()
                .unwrap()
        };
        Self {
            clients: vec![client(), client(), client()],
            clock,
            vendor,
        }
    }

    /// Requests tokens of all clients repeatedly. None may be expired.
    fn ask(&self) {
        for _ in 0..10 {
            for client in &self.clients {
                let token = client.token().unwrap();
                let ends: u64 = token.expose().trim_start_matches("until-").parse().unwrap();
                let now = self.clock.now().boot_ms;
                assert!(ends > now, "{now}: the token expired at {ends}");
            }
        }
    }

    fn posts(&self) -> u64 {
        *self.vendor.posts.lock().unwrap()
    }

    fn jump(&self, by_s: i64) {
        self.clock.set_wall(self.clock.now().unix_s() + by_s);
    }
}

fn connection() -> Connection {
    testing::connection([
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "r0"),
        ("min_valid_s", "0"),
    ])
    .unwrap()
}

#[test]
fn a_jump_of_the_wall_clock_causes_at_most_one_request() {
    for jump in [600, -600, 600, 86_400, -86_400] {
        let bench = Bench::new(3600, Duration::ZERO);
        bench.ask();
        assert_eq!(bench.posts(), 1);
        bench.jump(jump);
        bench.ask();
        bench.jump(-jump);
        bench.ask();
        // A jump past the expiry, or to before the request, may cause one request.
        assert!(bench.posts() <= 3, "{jump}: {}", bench.posts());
        bench.clock.advance(Duration::from_secs(3600));
        bench.ask();
        assert!(bench.posts() <= 4, "{jump}: {}", bench.posts());
    }
}

#[test]
fn setting_the_wall_clock_back_does_not_extend_a_token() {
    let bench = Bench::new(3600, Duration::ZERO);
    bench.ask();
    for _ in 0..12 {
        bench.clock.advance(MINUTES);
        // Set it back to before the last time that both clocks were read.
        bench.jump(-605);
        bench.ask();
    }
    // In two hours, at most one request each time it was set back.
    assert!((2..=13).contains(&bench.posts()), "{}", bench.posts());
}

#[test]
fn a_suspend_of_five_hours_causes_one_request() {
    let bench = Bench::new(3600, Duration::ZERO);
    bench.ask();
    bench.clock.advance(Duration::from_secs(5 * 3600));
    bench.ask();
    assert_eq!(bench.posts(), 2);
}

#[test]
fn tokens_that_live_for_a_second_cause_one_request_each() {
    let bench = Bench::new(1, Duration::ZERO);
    for _ in 0..600 {
        bench.ask();
        bench.clock.advance(Duration::from_millis(100));
    }
    // One per second for a minute, and a few more: a client refreshes up to a twentieth early.
    assert!((60..=68).contains(&bench.posts()), "{}", bench.posts());
}

#[test]
fn a_response_slower_than_its_tokens_lifetime_is_an_error_without_a_storm() {
    let bench = Bench::new(2, Duration::from_secs(3));
    for _ in 0..100 {
        let error = bench.clients[0].token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry, "{error}");
    }
    assert!(bench.posts() <= 2, "{}", bench.posts());
}

#[test]
fn a_lifetime_counts_from_the_start_of_a_slow_request() {
    let bench = Bench::new(5, Duration::from_secs(3));
    for _ in 0..100 {
        bench.ask();
        bench.clock.advance(Duration::from_millis(500));
    }
    assert!((20..=27).contains(&bench.posts()), "{}", bench.posts());
}
