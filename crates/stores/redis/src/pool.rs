//! The connection pool of one server. Connections are checked before use and replaced when lost.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign_store::{Durability, Error};
use countersign_store_address::{Address, NoResponse, failed, rejected};
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
    max: usize,
    /// How many replicas must confirm each change.
    replicas: u32,
    /// Whether each change waits until it is on the server's disk.
    waits_for_disk: bool,
    promised: Durability,
    pool: Mutex<Pool>,
    returned: Condvar,
    /// The process that opened the store. A forked child shares its parent's sockets, and each could
    /// read the other's responses. In the child, the pool may also be locked forever, by a thread
    /// that doesn't exist there.
    process: u32,
}

struct Pool {
    idle: Vec<Connection>,
    open: usize,
}

/// A response, and whether the command may have been carried out before.
pub(crate) struct Response {
    pub(crate) value: Value,
    pub(crate) resent: bool,
}

impl Server {
    /// Connects once, to check the server.
    pub(crate) fn open(address: Address) -> Result<(Self, Facts), Error> {
        let tls = match address.scheme.as_str() {
            "rediss" => Some(address.tls()?),
            _ => {
                address.check_plaintext("use rediss:// for TLS")?;
                None
            }
        };
        let database = match address.path.as_str() {
            "" => 0,
            path => path
                .parse()
                .map_err(|_| rejected(format!("`store`: the database /{path} is not a number")))?,
        };
        let max: usize = address.read("pool", 4)?;
        let mut server = Self {
            timeout: address.timeout()?,
            max: max.max(1),
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
        server.put_back(Some(connection));
        Ok((server, facts))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the maximum time of one command, including connecting and retries.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns whether this process is a forked child of the one that opened the store.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    pub(crate) fn durability(&self) -> Durability {
        self.promised
    }

    /// Runs a command that may safely run twice. If its response is lost, it is sent again until
    /// there is one or the time is up.
    ///
    /// `command` builds it. With `true`, it contains the script's text instead of its digest.
    /// `confirmed` waits until replicas and disk have the change, as far as the settings require.
    pub(crate) fn run(
        &self,
        confirmed: bool,
        command: impl Fn(bool) -> Cmd,
    ) -> Result<Response, NoResponse> {
        let deadline = Instant::now() + self.timeout;
        let mut lost: Option<Error> = None;
        let mut pause = Duration::from_millis(2);
        loop {
            let failure = match self.take(deadline) {
                Err(error) => Failure::Rejected(error),
                Ok(mut connection) => {
                    let response = self.call(&mut connection, deadline, confirmed, &command);
                    let complete = matches!(response, Ok(_) | Err(Failure::Rejected(_)));
                    self.put_back(complete.then_some(connection));
                    match response {
                        Ok(value) => {
                            let resent = lost.is_some();
                            return Ok(Response { value, resent });
                        }
                        Err(failure) => failure,
                    }
                }
            };
            let over = Instant::now() + pause >= deadline;
            match (failure, lost.take()) {
                (Failure::Unconfirmed(error), _) => return Err(NoResponse::Unknown(error)),
                (Failure::Lost(error), _) if over => return Err(NoResponse::Unknown(error)),
                (Failure::Lost(error), _) => lost = Some(error),
                (Failure::Rejected(error), None) => return Err(NoResponse::NotDone(error)),
                (Failure::NotSent(error), None) if over => return Err(NoResponse::NotDone(error)),
                (Failure::NotSent(_) | Failure::NoScript, None) => {}
                (_, Some(first)) if over => return Err(NoResponse::Unknown(first)),
                // The lost command may have been carried out, whatever failed now: try again.
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
        confirmed: bool,
        command: &impl Fn(bool) -> Cmd,
    ) -> Result<Value, Failure> {
        let value = match connection.call(&command(false), deadline) {
            // The server forgets scripts in a restart or SCRIPT FLUSH: send the text.
            Err(Failure::NoScript) => connection.call(&command(true), deadline)?,
            other => other?,
        };
        if confirmed && (self.replicas > 0 || self.waits_for_disk) {
            self.confirm(connection, deadline)?;
        }
        Ok(value)
    }

    /// Waits until replicas and disk have the change.
    fn confirm(&self, connection: &mut Connection, deadline: Instant) -> Result<(), Failure> {
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
            Err(Failure::Rejected(error)) => return Err(Failure::Unconfirmed(error)),
            Err(failure) => return Err(failure),
        };
        if disk && replicas >= i64::from(self.replicas) {
            return Ok(());
        }
        let at = &self.address;
        let wanted = self.replicas;
        Err(Failure::Unconfirmed(failed(format!(
            "{at} applied the change, but only {replicas} of {wanted} replicas (disk: {disk}) confirmed it in time"
        ))))
    }

    fn take(&self, deadline: Instant) -> Result<Connection, Error> {
        if self.is_forked() {
            return self.connect(deadline).map(|(connection, _)| connection);
        }
        let mut pool = self.pool();
        while pool.idle.is_empty() && pool.open >= self.max {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let message = format!("all {} connections to {} are busy", self.max, self.address);
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
            self.put_back(None);
        }
        connected.map(|(connection, _)| connection)
    }

    fn put_back(&self, connection: Option<Connection>) {
        if self.is_forked() {
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

    /// Opens a connection, logs in, and checks that the server is still as durable as before.
    fn connect(&self, deadline: Instant) -> Result<(Connection, Facts), Error> {
        let address = &self.address;
        // Certificates and passwords change, so their files are read for each connection.
        let tls = self
            .tls
            .as_ref()
            .map(|previous| address.tls_now().unwrap_or_else(|| previous.clone()));
        let mut connection = Connection::open(address, tls.as_ref(), deadline)?;
        let mut ask = |command: &Cmd| match connection.call(command, deadline) {
            Ok(value) => Ok(value),
            Err(Failure::NoScript) => Ok(Value::Nil),
            Err(
                Failure::NotSent(error)
                | Failure::Rejected(error)
                | Failure::Lost(error)
                | Failure::Unconfirmed(error),
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
        // Hosted servers often forbid this. Then the weakest possibility is assumed.
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
                "{address} is less durable than when this program started: {found:?}, was {promised:?}"
            ))
            .with_hint("check the server's appendonly, appendfsync and maxmemory-policy, or restart this program"));
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
    /// Makes the store look as if another process had opened it.
    pub(crate) fn pretend_to_be_of(&mut self, process: u32) {
        self.process = process;
    }

    /// Returns the number of idle connections.
    pub(crate) fn idle(&self) -> usize {
        self.pool().idle.len()
    }
}
