//! Starts real servers on loopback for tests, and kills them when they are dropped.
//!
//! If a server can't be started, the test fails and says what to install.

mod authority;
mod cutter;
mod pooler;
mod postgres;
mod redis;

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

pub use self::authority::Authority;
pub use self::cutter::Cutter;
pub use self::pooler::Pooler;
pub use self::postgres::PostgresServer;
pub use self::redis::RedisServer;

/// How long the stores of tests wait: on a machine under load a connection takes seconds.
const PATIENT: &str = "timeout_ms=60000";

/// A process that is killed when it goes out of scope.
#[derive(Debug)]
struct Guarded(Child);

impl Guarded {
    fn start(mut command: Command, install: &str) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {program}: {error}; run: {install}"));
        Self(child)
    }

    /// Sends SIGKILL and waits for the process to end.
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Kills the process and its children.
    ///
    /// It is stopped first, so that it starts no more children, and doesn't reap those that end:
    /// their IDs can't be reused meanwhile.
    fn kill_with_children(&mut self) {
        self.signal("-STOP");
        let id = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            // It may have ended already.
            let _ = Command::new("kill").args(["-KILL", child]).status();
        }
        self.kill();
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(
            sent.is_ok_and(|status| status.success()),
            "kill {name} {id}"
        );
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns a port that nobody listens on, below the range for outgoing connections.
pub fn free_port() -> u16 {
    let mut seed = std::process::id().wrapping_mul(2_654_435_761);
    for _ in 0..10_000 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        seed = seed
            .wrapping_mul(1_664_525)
            .wrapping_add(now.map_or(1, |now| now.subsec_nanos()) | 1);
        let port = 15_000 + (seed >> 8) as u16 % 17_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from 15000 to 31999 on 127.0.0.1");
}

/// Calls `look` until it returns something, or the time is up.
pub fn until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        match look() {
            None if began.elapsed() > patience => return None,
            None => std::thread::park_timeout(Duration::from_millis(5)),
            found => return found,
        }
    }
}
