//! The tokens of many subjects of one app.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use countersign_core::{
    ErrorKind, ManualClock, Request, Response, SendError, Subjects, Transport, Verdict,
};

use crate::support::{NOW, by_assertion, claims_of, client_credentials};

/// Issues a token that contains the subject's name, and records each requested subject.
#[derive(Debug, Default)]
struct Server {
    asked: Mutex<Vec<String>>,
}

impl Transport for Server {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let claims = claims_of(&request.body().unwrap());
        let subject = claims["sub"].as_str().unwrap().to_owned();
        let mut asked = self.asked.lock().unwrap();
        asked.push(subject.clone());
        if subject == "nobody" {
            return Ok(Response::new(400, [], r#"{"error":"invalid_grant"}"#));
        }
        let body = format!(
            r#"{{"access_token":"token-{}-of-{subject}","expires_in":600}}"#,
            asked.len()
        );
        Ok(Response::new(200, [], body))
    }
}

fn subjects(max: usize) -> (Subjects, Arc<Server>, Arc<ManualClock>) {
    let server = Arc::new(Server::default());
    let clock = Arc::new(ManualClock::at(NOW));
    let subjects = Subjects::new(by_assertion(), server.clone(), max).unwrap();
    (subjects.with_clock(clock.clone()), server, clock)
}

#[test]
fn each_subject_has_its_own_token_until_it_is_about_to_expire() {
    let (subjects, server, clock) = subjects(100);
    assert_eq!(subjects.token("ada").unwrap().expose(), "token-1-of-ada");
    assert_eq!(subjects.token("bob").unwrap().expose(), "token-2-of-bob");
    assert_eq!(subjects.token("ada").unwrap().expose(), "token-1-of-ada");
    clock.advance(Duration::from_secs(545));
    assert!(subjects.fresh("ada").is_none());
    assert_eq!(subjects.token("ada").unwrap().expose(), "token-3-of-ada");
    assert_eq!(*server.asked.lock().unwrap(), ["ada", "bob", "ada"]);
}

#[test]
fn many_threads_make_one_request_per_subject() {
    let (subjects, server, _) = subjects(1000);
    let names: Vec<_> = (0..50).map(|n| format!("user-{n}")).collect();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for name in &names {
                    assert!(
                        subjects
                            .token(name)
                            .unwrap()
                            .expose()
                            .ends_with(&format!("-of-{name}"))
                    );
                }
            });
        }
    });
    assert_eq!(server.asked.lock().unwrap().len(), 50);
}

/// A server that holds every response until `release` is called.
#[derive(Debug, Default)]
struct Hanging {
    asked: Mutex<usize>,
    changed: Condvar,
    released: Mutex<bool>,
}

impl Hanging {
    fn release(&self) {
        *self.released.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

impl Transport for Hanging {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        *self.asked.lock().unwrap() += 1;
        let released = self.released.lock().unwrap();
        drop(
            self.changed
                .wait_while(released, |released| !*released)
                .unwrap(),
        );
        Ok(Response::new(400, [], r#"{"error":"invalid_grant"}"#))
    }
}

#[test]
fn callers_that_wait_for_a_request_get_its_error() {
    const CALLERS: usize = 8;
    let server = Arc::new(Hanging::default());
    let subjects = Subjects::new(by_assertion(), server.clone(), 10).unwrap();
    let waiting = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                waiting.fetch_add(1, Ordering::SeqCst);
                let error = subjects.token("ada").unwrap_err();
                assert_eq!(error.verdict(), Verdict::FixConfiguration);
            });
        }
        while waiting.load(Ordering::SeqCst) < CALLERS || server.asked() == 0 {
            std::thread::yield_now();
        }
        server.release();
    });
    // A late caller may have started another request, but not every caller did.
    assert!(server.asked() < CALLERS, "{}", server.asked());
}

#[test]
fn a_call_returns_if_the_server_hangs() {
    let server = Arc::new(Hanging::default());
    let subjects = Subjects::new(by_assertion(), server.clone(), 10).unwrap();
    let subjects = subjects.with_max_wait(Duration::from_millis(50));
    for _ in 0..2 {
        let error = subjects.token("ada").unwrap_err();
        let is = (error.kind(), error.verdict());
        assert_eq!(is, (ErrorKind::Busy, Verdict::Retry), "{error}");
    }
    assert_eq!(
        server.asked(),
        1,
        "the second waits for the first's request"
    );
    server.release();
}

#[test]
fn fetch_all_reports_every_outcome() {
    let (subjects, _, _) = subjects(1000);
    let (good, bad) = (Mutex::new(0), Mutex::new(0));
    subjects.fetch_all(
        &["a", "b", "nobody", "c"],
        3,
        |subject, outcome| match outcome {
            Ok(token) => {
                assert!(token.expose().ends_with(subject));
                *good.lock().unwrap() += 1;
            }
            Err(error) => {
                assert_eq!(
                    (subject, error.verdict()),
                    ("nobody", Verdict::FixConfiguration)
                );
                *bad.lock().unwrap() += 1;
            }
        },
    );
    assert_eq!(
        (good.into_inner().unwrap(), bad.into_inner().unwrap()),
        (3, 1)
    );
}

#[test]
fn the_cache_is_bounded_and_evicts_expired_tokens_first() {
    let (subjects, _, clock) = subjects(64);
    for n in 0..500 {
        subjects.token(&format!("early-{n}")).unwrap();
    }
    assert!(subjects.len() <= 64, "{}", subjects.len());
    clock.advance(Duration::from_secs(601));
    for n in 0..500 {
        subjects.token(&format!("late-{n}")).unwrap();
    }
    assert!(subjects.len() <= 64);
}

#[test]
fn invalidating_an_old_token_keeps_the_newer_one() {
    let (subjects, _, _) = subjects(10);
    let first = subjects.token("ada").unwrap();
    subjects.invalidate("ada", &first);
    let second = subjects.token("ada").unwrap();
    assert_ne!(first, second);
    subjects.invalidate("ada", &first);
    assert_eq!(subjects.fresh("ada"), Some(second));
}

#[test]
fn other_grants_are_rejected_and_debug_shows_no_token() {
    let server = Arc::new(Server::default());
    let error = Subjects::new(client_credentials(), server, 10).unwrap_err();
    assert_eq!(error.setting_name(), Some("grant"));
    let (subjects, _, _) = subjects(10);
    subjects.token("ada").unwrap();
    assert!(!format!("{subjects:?}").contains("token-"));
}

#[test]
fn an_api_that_rejects_every_token_does_not_cost_one_request_per_call() {
    let (subjects, server, clock) = subjects(100);
    let call = |times: usize| {
        let calls = (0..times).map(|_| {
            let token = subjects.token("ada").unwrap();
            subjects.invalidate("ada", &token);
            token.expose().to_owned()
        });
        calls.reduce(|_, last| last).unwrap()
    };
    assert_eq!(call(20), "token-2-of-ada");
    clock.advance(Duration::from_secs(60));
    assert_eq!(call(20), "token-3-of-ada");
    assert_eq!(server.asked.lock().unwrap().len(), 3);
}
