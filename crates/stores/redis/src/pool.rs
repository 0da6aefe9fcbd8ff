//! The connections to one server: kept, checked before use, and replaced when lost.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign_store::{Durability, Error};
use countersign_store_address::{Address, Unanswered, failed, refused};
use redis::{Cmd, Value};
use rustls::ClientConfig;

use crate::facts::Facts;
use crate::wire::{Connection, Failure};

/// A server and the connections to it.
pub(crate) struct Server {
    address: Address,
    tls: Option<Arc<ClientConfig>>,
    database: u32,
    timeout: Duration,
    most: usize,
    /// How many replicas have to confirm each change.
    replicas: u32,
    /// Whether each change waits until the server's disk has it.
    waits_for_disk: bool,
    promised: Durability,
    pool: Mutex<Pool>,
    returned: Condvar,
    /// A child of fork has its parent's sockets: what one asks, the other could read. And the pool
    /// may be locked for ever there, by a thread that is gone.
    process: u32,
}

struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

/// An answer, and whether the command may have been carried out before, too.
pub(crate) struct Answer {
    pub(crate) value: Value,
    pub(crate) resent: bool,
}

impl Server {
    /// Connects once, to learn what the server is.
    pub(crate) fn open(address: Address) -> Result<(Self, Facts), Error> {
        let tls = match address.scheme.as_str() {
            "rediss" => Some(address.tls()?),
            _ => {
                address.check_plaintext("write rediss:// for TLS")?;
                None
            }
        };
        let database = match address.path.as_str() {
            "" => 0,
            path => path
                .parse()
                .map_err(|_| refused(format!("`store`: the database /{path} is not a number")))?,
        };
        let most: usize = address.read("pool", 4)?;
        let mut server = Self {
            timeout: address.timeout()?,
            most: most.max(1),
            replicas: address.read("replicas", 0)?,
            waits_for_disk: address.word("fsync", &["wait"])?.is_some(),
            promised: Durability::Ephemeral,
            tls,
            database,
            pool: Mutex::new(Pool {
                idle: Vec::new(),
                open: 0,
            }),
            returned: Condvar::new(),
            process: std::process::id(),
            address,
        };
        let (connection, facts) = server.connect(Instant::now() + server.timeout)?;
        server.promised = facts.durability(server.waits_for_disk);
        server.pool().open = 1;
        server.give_back(Some(connection));
        Ok((server, facts))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// How long one command may take, everything included.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether this is a child of the process that opened the store.
    pub(crate) fn is_a_parents(&self) -> bool {
        self.process != std::process::id()
    }

    pub(crate) fn durability(&self) -> Durability {
        self.promised
    }

    /// Carries out a command that may safely be carried out twice. Where its answer is lost it is
    /// sent again, until there is one or the time is over. `command` makes it; with `true`, in a
    /// form that does not lean on what the server remembers. A change that is `settled` is
    /// confirmed by replicas and disk as the settings ask.
    pub(crate) fn run(
        &self,
        settled: bool,
        command: impl Fn(bool) -> Cmd,
    ) -> Result<Answer, Unanswered> {
        let deadline = Instant::now() + self.timeout;
        let mut lost: Option<Error> = None;
        let mut pause = Duration::from_millis(2);
        loop {
            let failure = match self.take(deadline) {
                Err(error) => Failure::Refused(error),
                Ok(mut connection) => {
                    let answer = self.call(&mut connection, deadline, settled, &command);
                    let whole = matches!(answer, Ok(_) | Err(Failure::Refused(_)));
                    self.give_back(whole.then_some(connection));
                    match answer {
                        Ok(value) => {
                            let resent = lost.is_some();
                            return Ok(Answer { value, resent });
                        }
                        Err(failure) => failure,
                    }
                }
            };
            let over = Instant::now() + pause >= deadline;
            match (failure, lost.take()) {
                (Failure::Unsettled(error), _) => return Err(Unanswered::Unknown(error)),
                (Failure::Lost(error), _) if over => return Err(Unanswered::Unknown(error)),
                (Failure::Lost(error), _) => lost = Some(error),
                (Failure::Refused(error), None) => return Err(Unanswered::NotDone(error)),
                (Failure::NotSent(error), None) if over => return Err(Unanswered::NotDone(error)),
                (Failure::NotSent(_) | Failure::NoScript, None) => {}
                (_, Some(first)) if over => return Err(Unanswered::Unknown(first)),
                // What was lost may have been done, whatever is said now: ask until it is known.
                (_, first) => lost = first,
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    fn call(
        &self,
        connection: &mut Connection,
        deadline: Instant,
        settled: bool,
        command: &impl Fn(bool) -> Cmd,
    ) -> Result<Value, Failure> {
        let value = match connection.call(&command(false), deadline) {
            // The script's text brings it back: after a restart, or a SCRIPT FLUSH.
            Err(Failure::NoScript) => connection.call(&command(true), deadline)?,
            other => other?,
        };
        if settled && (self.replicas > 0 || self.waits_for_disk) {
            self.settle(connection, deadline)?;
        }
        Ok(value)
    }

    /// Waits until replicas and disk have the change. Without that it is not what was promised.
    fn settle(&self, connection: &mut Connection, deadline: Instant) -> Result<(), Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = (left.as_millis() as u64 * 9 / 10).max(1);
        let mut command = match self.waits_for_disk {
            true => redis::cmd("WAITAOF").arg(1).to_owned(),
            false => redis::cmd("WAIT"),
        };
        command.arg(self.replicas).arg(wait);
        let (disk, replicas) = match connection.call(&command, deadline) {
            Ok(Value::Int(replicas)) => (true, replicas),
            Ok(Value::Array(counts)) => match counts[..] {
                [Value::Int(disk), Value::Int(replicas)] => (disk > 0, replicas),
                _ => (false, 0),
            },
            Ok(_) => (false, 0),
            Err(Failure::Refused(error)) => return Err(Failure::Unsettled(error)),
            Err(failure) => return Err(failure),
        };
        if disk && replicas >= i64::from(self.replicas) {
            return Ok(());
        }
        let at = &self.address;
        let wanted = self.replicas;
        Err(Failure::Unsettled(failed(format!(
            "{at} has the change, and only {replicas} of {wanted} replicas (disk: {disk}) confirmed it in time"
        ))))
    }

    fn take(&self, deadline: Instant) -> Result<Connection, Error> {
        if self.is_a_parents() {
            return self.connect(deadline).map(|(connection, _)| connection);
        }
        let mut pool = self.pool();
        while pool.idle.is_empty() && pool.open >= self.most {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let message = format!("all {} connections to {} are busy", self.most, self.address);
                return Err(failed(message).with_hint("raise the option pool in `store`"));
            }
            let waited = self.returned.wait_timeout(pool, left);
            pool = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        while let Some(mut connection) = pool.idle.pop() {
            if connection.is_alive() {
                return Ok(connection);
            }
            pool.open -= 1;
        }
        pool.open += 1;
        drop(pool);
        let connected = self.connect(deadline);
        if connected.is_err() {
            self.give_back(None);
        }
        connected.map(|(connection, _)| connection)
    }

    fn give_back(&self, connection: Option<Connection>) {
        if self.is_a_parents() {
            return;
        }
        let mut pool = self.pool();
        match connection {
            Some(connection) => pool.idle.push(connection),
            None => pool.open = pool.open.saturating_sub(1),
        }
        drop(pool);
        self.returned.notify_one();
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection, logged in, to a server that is still what it was.
    fn connect(&self, deadline: Instant) -> Result<(Connection, Facts), Error> {
        let address = &self.address;
        // Files with certificates and passwords are read for each connection: they are changed.
        let tls = self
            .tls
            .as_ref()
            .map(|former| address.tls_now().unwrap_or_else(|| former.clone()));
        let mut connection = Connection::open(address, tls.as_ref(), deadline)?;
        let mut ask = |command: &Cmd| match connection.call(command, deadline) {
            Ok(value) => Ok(value),
            Err(Failure::NoScript) => Ok(Value::Nil),
            Err(
                Failure::NotSent(error)
                | Failure::Refused(error)
                | Failure::Lost(error)
                | Failure::Unsettled(error),
            ) => Err(error),
        };
        if let Some(password) = address.password_now() {
            let mut command = redis::cmd("AUTH");
            if let Some(user) = &address.user {
                command.arg(user);
            }
            ask(command.arg(password.expose()))?;
        }
        if self.database != 0 {
            ask(redis::cmd("SELECT").arg(self.database))?;
        }
        let info = text(ask(&redis::cmd("INFO"))?);
        // Hosted servers often forbid it: the weaker of what may be is assumed then.
        let flushed = ask(redis::cmd("CONFIG").arg("GET").arg("appendfsync"));
        let flushed = flushed.ok().and_then(|value| match value {
            Value::Array(pair) => pair.into_iter().nth(1).map(text),
            _ => None,
        });
        let facts = Facts::read(&info, flushed);
        facts.check(&address.to_string(), self.waits_for_disk)?;
        let found = facts.durability(self.waits_for_disk);
        if found < self.promised {
            let promised = self.promised;
            return Err(failed(format!(
                "{address} keeps less than when this program started: {found:?}, was {promised:?}"
            ))
            .with_hint("look at the server's appendonly, appendfsync and maxmemory-policy, or restart this program"));
        }
        Ok((connection, facts))
    }
}

fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::SimpleString(text) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
impl Server {
    /// Takes the store for one that another process opened.
    pub(crate) fn pretend_to_be_of(&mut self, process: u32) {
        self.process = process;
    }

    /// How many connections are kept.
    pub(crate) fn idle(&self) -> usize {
        self.pool().idle.len()
    }
}
