#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error_reply;
mod facts;
mod pool;
mod script;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_store::{
    Capabilities, Error, ErrorKind, Holder, Lease, LeaseKind, Owner, Store, StoreKey, Stored, Swap,
};
use countersign_store_address::{
    Address, Ids, MAX_RETRY_WAIT, NoResponse, conflict, countable, failed, forked, granted_ms,
    misconfigured, rejected,
};
use redis::{Cmd, Value};
use zeroize::Zeroizing;

use crate::pool::Server;
use crate::script::{EXTEND, LEASE, SWAP};

/// Opens the store at a `redis://` or `rediss://` URL; see the crate's page for its options.
///
/// # Errors
///
/// As [`RedisStore::open`].
///
/// # Example
///
/// ```no_run
/// let store = countersign_redis::open("rediss://app:s3cret@redis.example/0")?;
/// println!("{:?}", store.capabilities().durability);
/// # Ok::<(), countersign_store::Error>(())
/// ```
pub fn open(url: &str) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(RedisStore::open(url)?))
}

/// Keeps each record in a hash on a Redis or Valkey server, which scripts change atomically.
pub struct RedisStore {
    server: Server,
    prefix: String,
    ids: Ids,
    /// Why the server would lose records, and what to do about it.
    loses: Option<(String, &'static str)>,
    /// Whether the settings allow that.
    ephemeral: bool,
}

const OPTIONS: &[&str] = &["pool", "prefix", "replicas", "fsync", "ephemeral"];

impl RedisStore {
    /// Connects, and checks the server and its durability.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the URL isn't usable, or would send tokens to another machine
    /// unencrypted. [`ErrorKind::Unavailable`] or [`ErrorKind::Unusable`] if the server can't be
    /// reached, rejects the login, or is a replica or part of a cluster.
    pub fn open(url: &str) -> Result<Self, Error> {
        let address = Address::parse(url, &["redis", "rediss"], OPTIONS)?;
        if address.hosts.len() != 1 || address.hosts[0].is_socket() {
            return Err(rejected("`store` must name exactly one host")
                .with_hint("use redis://HOST:PORT/ or rediss://HOST:PORT/"));
        }
        let prefix = address.option("prefix").unwrap_or("countersign");
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        if prefix.is_empty() || !prefix.chars().all(plain) {
            return Err(rejected(
                "`store`: the option prefix may only contain letters, digits and -_.:",
            ));
        }
        let prefix = prefix.to_owned();
        let ephemeral = address.word("ephemeral", &["allow"])?.is_some();
        let (server, facts) = Server::open(address)?;
        Ok(Self {
            server,
            prefix,
            ids: Ids::default(),
            loses: facts.loses(),
            ephemeral,
        })
    }

    /// Returns the name of a record's hash. The braces give each record its own hash slot, in case a
    /// proxy shards the server.
    fn key(&self, key: &StoreKey) -> String {
        format!("{{{}:{}}}", self.prefix, key.to_hex())
    }

    fn change(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: Option<&[u8]>,
    ) -> Swap {
        let id = match self.ids.fresh() {
            Ok(id) => id,
            Err(error) => return Swap::Unavailable(error),
        };
        let number = |number: Option<u64>| number.map(|n| n.to_string()).unwrap_or_default();
        let (name, expected_text, fence) = (self.key(key), number(expected), number(fence));
        let kept = if value.is_some() { "1" } else { "0" };
        let value = value.unwrap_or_default();
        let response = self.server.run(true, |by_text| {
            let mut command = SWAP.call(&name, by_text);
            command
                .arg(&expected_text)
                .arg(&fence)
                .arg(&id)
                .arg(kept)
                .arg(value);
            command
        });
        let response = match response {
            Ok(response) => response,
            Err(no_response) => return no_response.into(),
        };
        let mut words = words(response.value);
        let unexpected = || Swap::Unknown(self.unexpected_response());
        match (words.first().map(|word| word.as_slice()), words.len()) {
            (Some(b"applied"), 2) => match number_of(&words[1]) {
                Some(version) => Swap::Applied(version),
                None => unexpected(),
            },
            (Some(b"fenced"), 1) => Swap::Fenced,
            (Some(b"conflict"), 5) => {
                let Ok(current) = read_record(words.split_off(1)) else {
                    return unexpected();
                };
                conflict(self.server.address(), expected, current, response.resent)
            }
            _ => unexpected(),
        }
    }

    fn extend(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, Error> {
        // A forked child doesn't hold its parent's leases.
        if self.server.is_forked() {
            return Ok(false);
        }
        let name = self.key(key);
        let response = self.server.run(false, |by_text| {
            let mut command = EXTEND.call(&name, by_text);
            command
                .arg(owner.as_str())
                .arg(fence)
                .arg(ttl.as_micros() as u64);
            command
        });
        let response = response.map_err(NoResponse::into_error)?;
        match words(response.value).first().map(|word| word.as_slice()) {
            Some(b"kept") => Ok(true),
            Some(b"released") => Ok(response.resent),
            Some(b"lost") => Ok(false),
            _ => Err(self.unexpected_response()),
        }
    }

    fn ask(&self, command: impl Fn() -> Cmd) -> Result<Value, Error> {
        let response = self.server.run(false, |_| command());
        response
            .map(|response| response.value)
            .map_err(NoResponse::into_error)
    }

    fn unexpected_response(&self) -> Error {
        let at = self.server.address();
        let message = format!("{at} sent an unexpected response");
        Error::new(ErrorKind::Damaged, message).with_setting("store")
    }
}

impl Store for RedisStore {
    fn warning(&self) -> Option<Error> {
        self.server.address().warning()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: self.server.durability(),
            lease: LeaseKind::Timed,
            shared: true,
        }
    }

    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let name = self.key(key);
        let fields = ["version", "fence", "kept", "value"];
        let value = self.ask(|| redis::cmd("HMGET").arg(&name).arg(&fields).to_owned())?;
        read_record(words(value)).map_err(|()| self.unexpected_response())
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        self.change(key, expected, fence, Some(value))
    }

    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.change(key, Some(expected), fence, None)
    }

    fn lease(&self, key: &StoreKey, owner: &Owner, ttl: Duration) -> Result<Lease, Error> {
        if self.server.is_forked() {
            return Err(forked(self.server.address()));
        }
        let name = self.key(key);
        let ttl = countable(ttl);
        let response = self.ids.lease(key, owner, |id| {
            let response = self.server.run(true, |by_text| {
                let mut command = LEASE.call(&name, by_text);
                command
                    .arg(owner.as_str())
                    .arg(id)
                    .arg(ttl.as_micros() as u64);
                command
            });
            response.map_err(NoResponse::into_error)
        })?;
        let words = words(response.value);
        let number = words.get(1).and_then(|word| number_of(word));
        match (words.first().map(|word| word.as_slice()), number) {
            (Some(b"granted"), Some(fence)) => Ok(Lease::Granted {
                fence,
                valid_for: Some(ttl),
            }),
            (Some(b"busy"), Some(left)) => Ok(Lease::Busy {
                retry_in: Duration::from_micros(left).min(MAX_RETRY_WAIT),
            }),
            _ => Err(self.unexpected_response()),
        }
    }

    fn renew(
        &self,
        key: &StoreKey,
        owner: &Owner,
        fence: u64,
        ttl: Duration,
    ) -> Result<bool, Error> {
        self.extend(key, owner, fence, countable(ttl))
    }

    fn release(&self, key: &StoreKey, owner: &Owner, fence: u64) -> Result<bool, Error> {
        self.extend(key, owner, fence, Duration::ZERO)
    }

    fn holder(&self, key: &StoreKey) -> Result<Option<Holder>, Error> {
        let name = self.key(key);
        let fields = ["lease_owner", "lease_fence", "lease_until"];
        let lease = self.ask(|| redis::cmd("HMGET").arg(&name).arg(&fields).to_owned())?;
        let [owner, fence, until] =
            <[_; 3]>::try_from(words(lease)).map_err(|_| self.unexpected_response())?;
        let now_ms = self.now_ms()?;
        let held = number_of(&until).is_some_and(|until| until > now_ms.unsigned_abs() * 1000);
        Ok(held.then(|| {
            let owner = Owner::new(String::from_utf8_lossy(&owner).into_owned());
            Holder::new(owner, number_of(&fence).and_then(granted_ms))
        }))
    }

    fn keys(&self) -> Result<Vec<StoreKey>, Error> {
        const LISTING: u32 = 12;
        let deadline = Instant::now() + self.server.timeout() * LISTING;
        let (begin, end) = (format!("{{{}:", self.prefix), "}");
        let mut found = Vec::new();
        let mut cursor = b"0".to_vec();
        loop {
            if Instant::now() >= deadline {
                let at = self.server.address();
                let message = format!("{at} did not list its records in time");
                return Err(failed(message).with_hint("raise the option timeout_ms in `store`"));
            }
            let scan = self.ask(|| {
                let mut command = redis::cmd("SCAN");
                let pattern = format!("{begin}*{end}");
                command
                    .arg(&cursor)
                    .arg("MATCH")
                    .arg(pattern)
                    .arg("COUNT")
                    .arg(500);
                command
            })?;
            let Value::Array(parts) = scan else {
                return Err(self.unexpected_response());
            };
            let [next, names] =
                <[Value; 2]>::try_from(parts).map_err(|_| self.unexpected_response())?;
            for name in words(names) {
                let name = String::from_utf8_lossy(&name).into_owned();
                let hex = name
                    .strip_prefix(&begin)
                    .and_then(|name| name.strip_suffix(end));
                let Some(key) = hex.and_then(StoreKey::from_hex) else {
                    continue;
                };
                let kept = self.ask(|| redis::cmd("HGET").arg(&name).arg("kept").to_owned())?;
                if kept == Value::BulkString(b"1".to_vec()) {
                    found.push(key);
                }
            }
            match next {
                Value::BulkString(next) if next != b"0" => cursor = next,
                _ => break,
            }
        }
        // SCAN may return a name twice.
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn fit_for_rotation(&self) -> Result<(), Error> {
        match &self.loses {
            Some((why, remedy)) if !self.ephemeral => {
                let at = self.server.address();
                let message = format!("{at} {why}: a grant by login could be lost");
                let hint = format!("{remedy}; or accept that: add ephemeral=allow to `store`");
                Err(misconfigured(message, hint))
            }
            _ => Ok(()),
        }
    }

    fn now_ms(&self) -> Result<i64, Error> {
        let time = words(self.ask(|| redis::cmd("TIME"))?);
        let number = |index: usize| time.get(index).and_then(|word| number_of(word));
        match (number(0), number(1)) {
            (Some(seconds), Some(micros)) => Ok((seconds * 1000 + micros / 1000) as i64),
            _ => Err(self.unexpected_response()),
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("at", &self.server.address().to_string())
            .field("durability", &self.server.durability())
            .finish_non_exhaustive()
    }
}

/// Parses `version, fence, kept, value`. Without a version there is no record.
fn read_record(words: Vec<Zeroizing<Vec<u8>>>) -> Result<Option<Stored>, ()> {
    let [version, fence, kept, value] = <[_; 4]>::try_from(words).map_err(|_| ())?;
    if version.is_empty() {
        return Ok(None);
    }
    Ok(Some(Stored {
        version: number_of(&version).ok_or(())?,
        fence: number_of(&fence).ok_or(())?,
        value: (kept.as_slice() == b"1").then_some(value),
    }))
}

fn words(value: Value) -> Vec<Zeroizing<Vec<u8>>> {
    let word = |value| match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into_bytes(),
        Value::Int(number) => number.to_string().into_bytes(),
        _ => Vec::new(),
    };
    match value {
        Value::Array(values) => values.into_iter().map(word).map(Zeroizing::new).collect(),
        _ => Vec::new(),
    }
}

fn number_of(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use countersign_store_conformance::servers::RedisServer;

    use super::*;

    #[test]
    fn a_forked_child_holds_no_leases_and_uses_no_sockets_of_its_parent() {
        let server = RedisServer::durable();
        let mut store = RedisStore::open(&server.url()).unwrap();
        let (key, owner) = (StoreKey::of(["mine"]), Owner::new("parent"));
        let long = Duration::from_secs(60);
        let Lease::Granted { fence, .. } = store.lease(&key, &owner, long).unwrap() else {
            panic!("busy");
        };
        // In the child.
        store.server.pretend_to_be_of(0);
        let idle = store.server.idle();
        assert!(!store.renew(&key, &owner, fence, long).unwrap());
        assert!(!store.release(&key, &owner, fence).unwrap());
        let error = store.lease(&key, &owner, long).unwrap_err();
        assert!(error.hint().unwrap().contains("in the child"), "{error}");
        let swap = store.compare_and_swap(&key, None, None, b"child");
        assert!(matches!(swap, Swap::Applied(1)), "{swap:?}");
        assert_eq!(store.server.idle(), idle);
        // In the parent, nothing has changed.
        store.server.pretend_to_be_of(std::process::id());
        assert!(store.renew(&key, &owner, fence, long).unwrap());
        assert!(store.release(&key, &owner, fence).unwrap());
    }
}
