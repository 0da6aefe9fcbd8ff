//! The state of two processes, a store and a server, and what changes it.

use std::fmt::Write;
use std::rc::Rc;

use super::*;

/// How the server treats a refresh token that it has replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Policy {
    /// It revokes the grant.
    Strict,
    /// Until the new one is used, it returns another new one.
    AnotherInGrace,
    /// Until the new one is used, it returns that one again.
    SameInGrace,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Start,
    Lease,
    Load,
    Recover,
    Open,
    Intend,
    Send,
    Wait,
    LoseResponse,
    ReadRejection,
    Save,
    Release { again: bool },
    Done,
    Down,
}

#[derive(Clone)]
pub(super) struct Process {
    pub(super) step: Step,
    pub(super) fence: u32,
    pub(super) version: u32,
    pub(super) loaded: Option<Rc<Record>>,
    pub(super) rotation: Option<Rc<Rotation>>,
    pub(super) obtained: Option<Rc<Record>>,
    pub(super) unsaved: Option<Rc<Record>>,
    /// The version of the record whose unresolved attempt it has waited for.
    pub(super) waited_for: Option<u32>,
}

#[derive(Clone)]
pub(super) struct Server {
    pub(super) current: u32,
    pub(super) previous: u32,
    pub(super) revoked: bool,
    pub(super) rotations: u32,
}

#[derive(Clone)]
pub(super) struct State {
    pub(super) server: Server,
    pub(super) record: Rc<Record>,
    pub(super) version: u32,
    pub(super) fence: u32,
    pub(super) lease: Option<usize>,
    pub(super) fallback: Option<Rc<Record>>,
    pub(super) processes: [Process; 2],
    /// Requests under way: the attempt, its process, the refresh token.
    pub(super) requests: Vec<(String, usize, u32)>,
    /// Responses that a process can read: the attempt, and the new refresh token.
    pub(super) responses: Vec<(String, Option<u32>)>,
    pub(super) attempts: u32,
    pub(super) faults: u8,
    /// Whether a new refresh token was lost that no client could have kept.
    pub(super) excused: bool,
    /// Whether an error said that the grant has ended.
    pub(super) reported_end: bool,
    /// How this state was reached, for a person who reads a failure.
    pub(super) path: Vec<String>,
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Start,
            fence: 0,
            version: 0,
            loaded: None,
            rotation: None,
            obtained: None,
            unsaved: None,
            waited_for: None,
        }
    }

    pub(super) fn attempt(&self) -> Option<&str> {
        self.rotation
            .as_ref()
            .map(|rotation| rotation.attempt.id.as_str())
    }

    pub(super) fn is_up(&self) -> bool {
        self.step != Step::Down
    }
}

impl Server {
    /// Returns the new refresh token, unless it rejects this one.
    pub(super) fn refresh(&mut self, token: u32, policy: Policy) -> Option<u32> {
        if self.revoked {
            return None;
        }
        if token == self.current {
            self.rotations += 1;
            (self.previous, self.current) = (self.current, self.rotations + 1);
            return Some(self.current);
        }
        match policy {
            Policy::AnotherInGrace if token == self.previous => {
                self.rotations += 1;
                self.current = self.rotations + 1;
                Some(self.current)
            }
            Policy::SameInGrace if token == self.previous => Some(self.current),
            _ => {
                self.revoked = true;
                None
            }
        }
    }

    pub(super) fn accepts(&self, record: &Record, policy: Policy) -> bool {
        let token = token_of(record);
        let in_grace = policy != Policy::Strict && token == self.previous;
        !self.revoked && (token == self.current || in_grace)
    }
}

pub(super) fn rotation(process: &Process) -> &Rotation {
    process.rotation.as_deref().unwrap()
}

pub(super) fn token_of(record: &Record) -> u32 {
    let token = record.refresh_token.as_ref().unwrap();
    token.expose().parse().unwrap()
}

/// Writes a record as a store does: under the version that was read, and no older fence.
pub(super) fn write(state: &mut State, index: usize, record: Record) -> bool {
    let process = &mut state.processes[index];
    let applied = state.version == process.version && state.fence <= process.fence;
    if applied {
        state.version += 1;
        process.version = state.version;
        state.record = Rc::new(record);
    }
    applied
}

/// Keeps a new token that the store rejected, in memory and in the fallback store.
pub(super) fn put_aside(state: &mut State, index: usize) {
    let process = &mut state.processes[index];
    process.unsaved = process.obtained.clone();
    state.fallback = process.obtained.clone();
}

/// Returns what tells one state from another. Histories don't.
pub(super) fn key(state: &State) -> String {
    let mut key = String::new();
    let server = &state.server;
    let State {
        version,
        fence,
        lease,
        requests,
        responses,
        attempts,
        faults,
        excused,
        reported_end,
        ..
    } = state;
    write!(
        key,
        "{} {} {} {} {version} {fence} {lease:?} {requests:?} {responses:?} {attempts} {faults} {excused} {reported_end}",
        server.current, server.previous, server.revoked, server.rotations,
    )
    .unwrap();
    summarize(&mut key, Some(&state.record));
    summarize(&mut key, state.fallback.as_ref());
    for process in &state.processes {
        let Process {
            step,
            fence,
            version,
            ..
        } = process;
        write!(key, " {step:?} {fence} {version} {:?}", process.attempt()).unwrap();
        write!(key, " {:?}", process.waited_for).unwrap();
        summarize(&mut key, process.loaded.as_ref());
        summarize(&mut key, process.obtained.as_ref());
        summarize(&mut key, process.unsaved.as_ref());
    }
    key
}

fn summarize(key: &mut String, record: Option<&Rc<Record>>) {
    match record {
        None => key.push_str(" -"),
        Some(record) => {
            let attempt = record.attempt.as_ref();
            let attempt = attempt.map(|at| (&at.id, at.ambiguous, &at.replay_of));
            let (token, ended) = (token_of(record), record.ended.is_some());
            write!(key, " {token} {} {ended} {attempt:?}", record.generation).unwrap();
        }
    }
}
