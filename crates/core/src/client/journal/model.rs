//! Runs the rotation journal in every order that two processes, a server and some faults allow.
//!
//! The steps of a refresh are listed here, since the real ones do I/O: this is the order of
//! `rotate.rs` and `save.rs`. What a step decides and what it writes is the real code. The search
//! is exhaustive: it ends when no new state can be reached.

mod state;

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;

use self::state::*;
use super::*;
use crate::client::record::Asked;
use crate::{Connection, ErrorKind, Extra, Moment, TokenResponse, testing};

/// Which faults happen, and how many of them at most.
#[derive(Clone, Copy, Default)]
struct Faults {
    crash: bool,
    lost_response: bool,
    /// A process stands still for longer than its lease lasts.
    pause: bool,
    failed_save: bool,
    at_most: u8,
}

#[derive(Clone, Copy)]
struct Rules {
    policy: Policy,
    faults: Faults,
    /// Whether the lease ends with its process only, as that of files does.
    kernel_lock: bool,
    /// Whether a process waits until the request of an unresolved attempt can't arrive anymore.
    waits: bool,
}

/// The final states of a search.
#[derive(Debug, Default, PartialEq)]
struct Found {
    states: usize,
    ends: usize,
    /// The server accepts no stored refresh token anymore.
    lost: usize,
    /// Lost, although the response with the new token had reached a living process.
    avoidable: usize,
    /// The record or an error says that the grant has ended, but the server accepts its token.
    declared_dead: usize,
    /// Lost, but neither the record nor an error says so.
    unreported: usize,
    /// The steps to one of the avoidable losses.
    path: Option<Vec<String>>,
}

/// What the search needs besides the state.
struct Model {
    rules: Rules,
    connection: Connection,
}

impl Model {
    fn new(rules: Rules) -> Self {
        let settings = [
            ("grant", "authorization-code"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("redirect_uri", "http://127.0.0.1/callback"),
        ];
        let connection = testing::connection(settings).unwrap();
        Self { rules, connection }
    }

    /// Returns the record of a response that has this refresh token.
    fn record(&self, token: u32, spent: Option<&Secret>, before: Option<&Record>) -> Record {
        let asked = Asked {
            started: Moment {
                unix_ms: 0,
                boot_ms: 0,
            },
            spent,
            grant: "login".to_owned(),
            token_for: None,
            seed: None,
            replaces_rejected: false,
            callback: None,
            registration: None,
        };
        let response = TokenResponse {
            access_token: Secret::new("t0ken"),
            token_type: "Bearer".to_owned(),
            expires_in: None,
            refresh_token: Some(Secret::new(token.to_string())),
            refresh_token_expires_in: None,
            id_token: None,
            scope: None,
            extra: Extra::new(),
        };
        Record::of(&self.connection, asked, response, before)
    }

    fn search(&self) -> Found {
        let first = State {
            server: Server {
                current: 1,
                previous: 0,
                revoked: false,
                rotations: 0,
            },
            record: Rc::new(self.record(1, None, None)),
            version: 1,
            fence: 0,
            lease: None,
            fallback: None,
            processes: [Process::new(), Process::new()],
            requests: Vec::new(),
            responses: Vec::new(),
            attempts: 0,
            faults: 0,
            excused: false,
            reported_end: false,
            path: Vec::new(),
        };
        let mut seen = HashSet::from([key(&first)]);
        let mut queue = VecDeque::from([first]);
        let mut found = Found::default();
        while let Some(state) = queue.pop_front() {
            let next = self.next(&state);
            if next.is_empty() {
                self.judge(&state, &mut found);
            }
            for state in next {
                if seen.insert(key(&state)) {
                    queue.push_back(state);
                }
            }
            assert!(seen.len() < 2_000_000, "the search does not end");
        }
        found.states = seen.len();
        found
    }

    fn judge(&self, state: &State, found: &mut Found) {
        let done = |process: &Process| process.step == Step::Done;
        assert!(state.processes.iter().all(done), "a process waits for ever");
        let policy = self.rules.policy;
        let kept = [Some(&state.record), state.fallback.as_ref()];
        let accepted = kept
            .into_iter()
            .flatten()
            .any(|r| state.server.accepts(r, policy));
        found.ends += 1;
        found.lost += usize::from(!accepted);
        let avoidable = !accepted && !state.excused;
        if avoidable {
            found.avoidable += 1;
            found.path.get_or_insert_with(|| state.path.clone());
        }
        let ended = state.record.ended.is_some() || state.reported_end;
        found.declared_dead += usize::from(accepted && ended);
        found.unreported += usize::from(!accepted && !ended);
    }

    fn next(&self, state: &State) -> Vec<State> {
        let mut all = Vec::new();
        for index in 0..state.processes.len() {
            self.faults(state, index, &mut all);
            self.advance(state, index, &mut all);
        }
        for at in 0..state.requests.len() {
            let mut next = state.clone();
            let (attempt, process, token) = next.requests.remove(at);
            let before = next.server.rotations;
            next.path.push(format!("server: {attempt}, token {token}"));
            let response = next.server.refresh(token, self.rules.policy);
            let process = &state.processes[process];
            match process.step == Step::Wait && process.attempt() == Some(&attempt) {
                true => next.responses.push((attempt, response)),
                false => next.excused |= next.server.rotations > before,
            }
            all.push(next);
        }
        all
    }

    fn faults(&self, state: &State, index: usize, all: &mut Vec<State>) {
        let Rules {
            faults,
            kernel_lock,
            ..
        } = self.rules;
        let process = &state.processes[index];
        if state.faults >= faults.at_most || matches!(process.step, Step::Done | Step::Down) {
            return;
        }
        let fault = |what: &str| {
            let mut next = state.clone();
            next.faults += 1;
            next.path
                .push(format!("{index}: {what} at {:?}", process.step));
            next
        };
        let brought = |state: &State| {
            let own = |(id, token): &(String, Option<u32>)| {
                process.attempt() == Some(id) && token.is_some()
            };
            state.responses.iter().any(own)
        };
        if faults.crash && process.step != Step::Start {
            let mut next = fault("crash");
            let in_memory = process.step == Step::Save;
            next.excused |= in_memory || process.step == Step::Wait && brought(state);
            next.responses
                .retain(|(id, _)| process.attempt() != Some(id));
            if kernel_lock && next.lease == Some(index) {
                next.lease = None;
            }
            next.processes[index] = Process {
                step: Step::Down,
                ..Process::new()
            };
            all.push(next);
        }
        if faults.pause && !kernel_lock && state.lease == Some(index) {
            let mut next = fault("pause");
            next.lease = None;
            all.push(next);
        }
        if faults.lost_response && process.step == Step::Wait {
            let mut next = fault("response lost");
            next.excused |= brought(state);
            next.responses
                .retain(|(id, _)| process.attempt() != Some(id));
            next.processes[index].step = Step::LoseResponse;
            all.push(next);
        }
        if faults.failed_save && process.step == Step::Save {
            let mut next = fault("save failed");
            put_aside(&mut next, index);
            next.processes[index].step = Step::Release { again: true };
            all.push(next);
        }
    }

    fn advance(&self, state: &State, index: usize, all: &mut Vec<State>) {
        let mut next = state.clone();
        let journal = RotationJournal {
            by: ["a", "b"][index],
            now_ms: 0,
        };
        let process = &state.processes[index];
        let step = match process.step {
            Step::Done => return,
            Step::Down => Step::Start,
            Step::Start => Step::Lease,
            Step::Lease => {
                // The lease of a process that has crashed runs out.
                let free = state.lease.is_none_or(|holder| {
                    let step = state.processes[holder].step;
                    matches!(step, Step::Down | Step::Start | Step::Lease | Step::Done)
                });
                if !free {
                    return;
                }
                next.fence += 1;
                next.lease = Some(index);
                next.processes[index].fence = next.fence;
                Step::Load
            }
            Step::Load => {
                next.processes[index].loaded = Some(Rc::clone(&state.record));
                next.processes[index].version = state.version;
                Step::Recover
            }
            Step::Recover => {
                let waiting = [&process.unsaved, &state.fallback];
                let waiting = waiting
                    .into_iter()
                    .flatten()
                    .map(|record| (**record).clone());
                let loaded = process.loaded.as_deref();
                match newest_unsaved(loaded, waiting) {
                    None => {
                        next.processes[index].unsaved = None;
                        Step::Open
                    }
                    Some(newer) => match write(&mut next, index, newer) {
                        false => Step::Release { again: true },
                        true => {
                            next.fallback = None;
                            next.processes[index].unsaved = None;
                            next.processes[index].loaded = Some(Rc::clone(&next.record));
                            Step::Open
                        }
                    },
                }
            }
            Step::Open => match self.open(state, index, journal) {
                None => return,
                Some((step, rotation)) => {
                    let process = &mut next.processes[index];
                    next.attempts += u32::from(rotation.is_some());
                    process.rotation = rotation.map(Rc::new);
                    process.waited_for = (step == Step::Load).then_some(process.version);
                    step
                }
            },
            Step::Intend => {
                let record = rotation(process).record.clone();
                match write(&mut next, index, record) {
                    true => Step::Send,
                    false => Step::Release { again: true },
                }
            }
            Step::Send => {
                let rotation = rotation(process);
                if state.fence == process.fence && state.lease == Some(index) {
                    let token = token_of(&rotation.record);
                    let request = (rotation.attempt.id.clone(), index, token);
                    next.requests.push(request);
                    Step::Wait
                } else {
                    let conclusion = journal.conclude(rotation, Outcome::NotSent);
                    write(&mut next, index, conclusion.record);
                    Step::Release { again: true }
                }
            }
            Step::Wait => {
                let own = |(id, _): &(String, _)| process.attempt() == Some(id);
                let Some(at) = state.responses.iter().position(own) else {
                    return;
                };
                let (_, token) = next.responses.remove(at);
                match token {
                    None => Step::ReadRejection,
                    Some(token) => {
                        let rotation = rotation(process);
                        let before = Some(&rotation.record);
                        let record = self.record(token, Some(&rotation.token), before);
                        let record = journal.refreshed(rotation, record);
                        next.processes[index].obtained = Some(Rc::new(record));
                        Step::Save
                    }
                }
            }
            Step::LoseResponse => {
                let conclusion = journal.conclude(rotation(process), Outcome::ResponseLost);
                write(&mut next, index, conclusion.record);
                Step::Release { again: true }
            }
            Step::ReadRejection => {
                let rotation = rotation(process);
                match is_replaced(&rotation.token, Some(&state.record)) {
                    true => Step::Release { again: true },
                    false => {
                        let error = Error::new(ErrorKind::LoginRequired, "rejected")
                            .with_oauth("invalid_grant", None);
                        let outcome = Outcome::Rejected {
                            error: &error,
                            rest: None,
                        };
                        let conclusion = journal.conclude(rotation, outcome);
                        next.reported_end |= conclusion.ended.is_some();
                        write(&mut next, index, conclusion.record);
                        Step::Release { again: false }
                    }
                }
            }
            Step::Save => {
                let record = process.obtained.as_deref().unwrap();
                let spent = fingerprint(&rotation(process).token);
                if write(&mut next, index, record.clone()) {
                    Step::Release { again: false }
                } else if supersedes(Some(&state.record), record, Some(&spent)) {
                    let process = &mut next.processes[index];
                    process.version = state.version;
                    process.fence = process.fence.max(state.fence);
                    Step::Save
                } else {
                    put_aside(&mut next, index);
                    Step::Release { again: false }
                }
            }
            Step::Release { again } => {
                if next.lease == Some(index) {
                    next.lease = None;
                }
                let process = &mut next.processes[index];
                *process = Process {
                    unsaved: process.unsaved.take(),
                    ..Process::new()
                };
                match again {
                    true => Step::Start,
                    false => Step::Done,
                }
            }
        };
        next.processes[index].step = step;
        next.path
            .push(format!("{index}: {:?}, then {step:?}", process.step));
        all.push(next);
    }

    /// Decides whether to present the refresh token. None while the process has to wait.
    fn open(
        &self,
        state: &State,
        index: usize,
        journal: RotationJournal<'_>,
    ) -> Option<(Step, Option<Rotation>)> {
        let done = Some((Step::Release { again: false }, None));
        let record = state.processes[index].loaded.as_deref().unwrap();
        // The first record's access token has expired; that of a later one has not.
        if record.generation > 1 {
            return done;
        }
        let token = record.refresh_token.clone().unwrap();
        let conditions = Conditions {
            spends: &fingerprint(&token),
            credentials: "app",
            force: false,
            access_token_works: false,
            in_grace: false,
        };
        let unresolved = match open(record, &conditions) {
            Opening::Ended(_) => return done,
            Opening::NotYet(_) => unreachable!("the access token has expired"),
            Opening::Present { unresolved } => unresolved,
        };
        let version = state.processes[index].version;
        let waited_for = state.processes[index].waited_for;
        if waited_for.is_some_and(|waited_for| waited_for != version) {
            return Some((Step::Release { again: true }, None));
        }
        if let Some(attempt) = &unresolved
            && self.rules.waits
            && waited_for.is_none()
        {
            let on_the_way = state.requests.iter().any(|(id, ..)| *id == attempt.id);
            // The deadline is longer than any pause of a living process.
            let under_way = state.processes.iter().enumerate().any(|(other, process)| {
                let steps = matches!(process.step, Step::Send | Step::Wait | Step::Save);
                other != index && process.is_up() && process.attempt() == Some(&attempt.id) && steps
            });
            // Afterwards the new token may be in the store, or wait in the fallback store.
            return (!on_the_way && !under_way).then_some((Step::Load, None));
        }
        let intent = Intent {
            id: format!("attempt {}", state.attempts),
            token,
            grant: record.grant.clone().unwrap(),
            seed: None,
            credentials: "app".to_owned(),
            timeout_ms: 0,
        };
        let rotation = journal.intend(record.clone(), intent, unresolved);
        Some((Step::Intend, Some(rotation)))
    }
}

const ALL: [(&str, Faults); 6] = {
    const NONE: Faults = Faults {
        crash: false,
        lost_response: false,
        pause: false,
        failed_save: false,
        at_most: 1,
    };
    [
        ("no fault", NONE),
        (
            "crash",
            Faults {
                crash: true,
                ..NONE
            },
        ),
        (
            "lost or late response",
            Faults {
                lost_response: true,
                ..NONE
            },
        ),
        (
            "pause longer than the lease",
            Faults {
                pause: true,
                ..NONE
            },
        ),
        (
            "save fails",
            Faults {
                failed_save: true,
                ..NONE
            },
        ),
        (
            "any two",
            Faults {
                crash: true,
                lost_response: true,
                pause: true,
                failed_save: true,
                at_most: 2,
            },
        ),
    ]
};

fn search(policy: Policy, faults: Faults, kernel_lock: bool, waits: bool) -> Found {
    let rules = Rules {
        policy,
        faults,
        kernel_lock,
        waits,
    };
    Model::new(rules).search()
}

const POLICIES: [Policy; 3] = [Policy::Strict, Policy::AnotherInGrace, Policy::SameInGrace];

#[test]
fn no_refresh_token_is_lost_that_a_client_could_have_kept() {
    for kernel_lock in [false, true] {
        for policy in POLICIES {
            for (name, faults) in ALL {
                let found = search(policy, faults, kernel_lock, true);
                let case = format!("{policy:?}, {name}, kernel lock {kernel_lock}: {found:#?}");
                assert_eq!(found.avoidable, 0, "{case}");
                assert_eq!(found.declared_dead, 0, "{case}");
                assert_eq!(found.unreported, 0, "{case}");
                if policy != Policy::Strict {
                    assert_eq!(found.lost, 0, "{case}");
                }
            }
        }
    }
}

#[test]
fn the_results_match_docs_reliability() {
    let row = |kernel_lock| {
        ALL.map(|(_, faults)| {
            let found = search(Policy::Strict, faults, kernel_lock, true);
            (found.lost, found.ends)
        })
    };
    assert_eq!(
        row(false),
        [(0, 1), (1, 6), (1, 2), (0, 5), (0, 2), (12, 32)]
    );
    assert_eq!(
        row(true),
        [(0, 1), (1, 6), (1, 2), (0, 1), (0, 2), (10, 25)]
    );
}

#[test]
fn the_search_finds_what_goes_wrong_without_the_wait() {
    let (_, any_two) = ALL[5];
    let found = search(Policy::Strict, any_two, false, false);
    assert!(found.avoidable > 0);
    assert!(found.path.is_some());
    // Even then no successor is overwritten by another one that is worth less.
    assert_eq!(
        search(Policy::AnotherInGrace, any_two, false, false).avoidable,
        0
    );
}
