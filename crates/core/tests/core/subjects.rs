//! Many subjects of one app.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::{ManualClock, Request, Response, SendError, Subjects, Transport, Verdict};

use crate::support::{NOW, by_assertion, claims_of, client_credentials};

/// Gives every subject a token with its name in it, and notes whom it was asked for.
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

fn subjects(most: usize) -> (Subjects, Arc<Server>, Arc<ManualClock>) {
    let server = Arc::new(Server::default());
    let clock = Arc::new(ManualClock::at(NOW));
    let subjects = Subjects::new(by_assertion(), server.clone(), most).unwrap();
    (subjects.with_clock(clock.clone()), server, clock)
}

#[test]
fn each_subject_has_its_own_token_until_it_is_nearly_over() {
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
fn many_threads_ask_once_for_each_subject() {
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

#[test]
fn a_batch_brings_every_outcome() {
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
fn memory_is_bounded_and_what_is_over_goes_first() {
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
fn a_stale_caller_invalidates_nothing_newer() {
    let (subjects, _, _) = subjects(10);
    let first = subjects.token("ada").unwrap();
    subjects.invalidate("ada", &first);
    let second = subjects.token("ada").unwrap();
    assert_ne!(first, second);
    subjects.invalidate("ada", &first);
    assert_eq!(subjects.fresh("ada"), Some(second));
}

#[test]
fn other_grants_are_refused_and_no_token_is_shown() {
    let server = Arc::new(Server::default());
    let error = Subjects::new(client_credentials(), server, 10).unwrap_err();
    assert_eq!(error.setting_name(), Some("grant"));
    let (subjects, _, _) = subjects(10);
    subjects.token("ada").unwrap();
    assert!(!format!("{subjects:?}").contains("token-"));
}

#[test]
fn an_api_that_rejects_everything_does_not_cost_a_request_a_call() {
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
