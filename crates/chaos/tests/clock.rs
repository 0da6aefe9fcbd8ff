//! Clocks that jump, machines that sleep, lifetimes of a second, answers that take their time:
//! no token that has run out is handed out, and no storm of requests follows.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign::{
    Clock, Connection, Keeper, ManualClock, MemoryStore, Profile, Request, Response, SendError,
    Settings, Store, Transport, Verdict, from_profile,
};

const NOW: i64 = 1_800_000_000;
const MINUTES: Duration = Duration::from_secs(600);

/// A server whose tokens tell when they end, by the boot clock: the time that nobody sets.
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
    keepers: Vec<Keeper>,
}

impl Bench {
    /// Three keepers that share a store, as three processes would.
    fn new(lifetime_s: u64, takes: Duration) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let vendor = Arc::new(Vendor {
            clock: Arc::clone(&clock),
            lifetime: Duration::from_secs(lifetime_s),
            takes,
            posts: Mutex::default(),
        });
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keeper = || {
            Keeper::builder(connection())
                .transport(Arc::clone(&vendor) as Arc<dyn Transport>)
                .clock(Arc::clone(&clock) as Arc<dyn Clock>)
                .store(Arc::clone(&store))
                .build()
                .unwrap()
        };
        Self {
            keepers: vec![keeper(), keeper(), keeper()],
            clock,
            vendor,
        }
    }

    /// All keepers are asked again and again; none may give what has run out.
    fn ask(&self) {
        for _ in 0..10 {
            for keeper in &self.keepers {
                let token = keeper.token().unwrap();
                let ends: u64 = token.expose().trim_start_matches("until-").parse().unwrap();
                let now = self.clock.now().boot_ms;
                assert!(ends > now, "{now}: a token that ended at {ends}");
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
    let profile = Profile::from_toml(
        r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        environments.production.base_url = "https://login.acme.example"
        endpoints.token = "{base_url}/token"
        grants.refresh-token.client_auth = ["post"]
        refresh.rotation = "always"
        "#,
    )
    .unwrap();
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "r0"),
        ("min_valid_s", "0"),
    ])
    .unwrap();
    Connection::new("clock", &settings, from_profile(profile)).unwrap()
}

#[test]
fn a_wall_clock_that_jumps_costs_one_request_at_most() {
    for jump in [600, -600, 600, 86_400, -86_400] {
        let bench = Bench::new(3600, Duration::ZERO);
        bench.ask();
        assert_eq!(bench.posts(), 1);
        bench.jump(jump);
        bench.ask();
        bench.jump(-jump);
        bench.ask();
        // A jump past the end, or to before the token was got, makes it worth asking once.
        assert!(bench.posts() <= 3, "{jump}: {}", bench.posts());
        bench.clock.advance(Duration::from_secs(3600));
        bench.ask();
        assert!(bench.posts() <= 4, "{jump}: {}", bench.posts());
    }
}

#[test]
fn a_wall_clock_set_back_does_not_make_a_token_last() {
    let bench = Bench::new(3600, Duration::ZERO);
    bench.ask();
    for _ in 0..12 {
        bench.clock.advance(MINUTES);
        // Further back than the last look at both clocks, so that the next look is a close one.
        bench.jump(-605);
        bench.ask();
    }
    // Two hours went by: by no more than a request for each time it was set back.
    assert!((2..=13).contains(&bench.posts()), "{}", bench.posts());
}

#[test]
fn a_suspend_of_five_hours_costs_one_request() {
    let bench = Bench::new(3600, Duration::ZERO);
    bench.ask();
    bench.clock.advance(Duration::from_secs(5 * 3600));
    bench.ask();
    assert_eq!(bench.posts(), 2);
}

#[test]
fn lifetimes_of_a_second_cost_one_request_each() {
    let bench = Bench::new(1, Duration::ZERO);
    for _ in 0..600 {
        bench.ask();
        bench.clock.advance(Duration::from_millis(100));
    }
    // A minute: sixty, and some more, because a keeper refreshes up to a twentieth early.
    assert!((60..=68).contains(&bench.posts()), "{}", bench.posts());
}

#[test]
fn an_answer_slower_than_its_token_lives_is_an_error_and_no_storm() {
    let bench = Bench::new(2, Duration::from_secs(3));
    for _ in 0..100 {
        let error = bench.keepers[0].token().unwrap_err();
        assert_eq!(error.verdict(), Verdict::Retry, "{error}");
    }
    assert!(bench.posts() <= 2, "{}", bench.posts());
}

#[test]
fn a_slow_answer_counts_from_its_request() {
    let bench = Bench::new(5, Duration::from_secs(3));
    for _ in 0..100 {
        bench.ask();
        bench.clock.advance(Duration::from_millis(500));
    }
    assert!((20..=27).contains(&bench.posts()), "{}", bench.posts());
}
