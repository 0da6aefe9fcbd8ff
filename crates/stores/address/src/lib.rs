//! What `countersign-redis` and `countersign-postgres` share: parsing URLs and their options, TLS
//! trust, and sending a change again without applying it twice.
//!
//! This crate is an implementation detail of the two, and not meant to be used by itself.

#![forbid(unsafe_code)]

mod ids;
mod trust;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::Secret;
use countersign_store::{Error, ErrorKind, trusted};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

pub use crate::ids::{Ids, MAX_RETRY_WAIT, NoResponse, conflict, countable, forked, granted_ms};
pub use crate::trust::explain_certificate;

/// A server's address, parsed from `scheme://user:password@host:port,…/path?option=value`.
///
/// # Example
///
/// ```
/// use countersign_store_address::Address;
///
/// let url = "postgres://app:s3cret@db.example:5433/tokens?pool=2";
/// let address = Address::parse(url, &["postgres"], &["pool"])?;
/// assert_eq!(address.hosts[0].name, "db.example");
/// assert_eq!(address.to_string(), "postgres://db.example:5433/tokens");
/// assert!(!format!("{address:?}").contains("s3cret"));
/// # Ok::<(), countersign_store::Error>(())
/// ```
#[derive(Clone)]
pub struct Address {
    /// The scheme, without `://`.
    pub scheme: String,
    /// The user to log in as.
    pub user: Option<String>,
    /// The password, from the URL or from the file in the option `password_file`.
    pub password: Option<Secret>,
    /// The hosts, if there are any.
    pub hosts: Vec<Host>,
    /// The path, without its first slash.
    pub path: String,
    options: BTreeMap<String, String>,
    /// The files that could not be read again, and why. All copies share it.
    unreadable: Arc<Mutex<BTreeMap<&'static str, Error>>>,
}

/// A machine, or a folder that contains a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an IP address without brackets, or a folder, which starts with a slash.
    pub name: String,
    /// The port, if there is one in the URL.
    pub port: Option<u16>,
}

impl Address {
    /// Parses a URL with one of these schemes.
    ///
    /// All stores accept the options `password_file`, `timeout_ms`, `plaintext`, `ca_file` and
    /// `roots`. `options` are the store's own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the URL is malformed, an option is unknown or occurs twice, or the
    /// password file can't be read. Errors never contain the URL, because it contains a password.
    pub fn parse(url: &str, schemes: &[&str], options: &[&str]) -> Result<Self, Error> {
        let (scheme, rest) = url
            .split_once("://")
            .filter(|(scheme, _)| schemes.contains(scheme))
            .ok_or_else(|| {
                let known = schemes.join("://…, ");
                rejected("`store` is a URL with another scheme")
                    .with_hint(format!("use {known}://…"))
            })?;
        if rest.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '#') {
            return Err(
                rejected("`store` contains a space, a control character or a `#`").with_hint(
                    "percent-encode special characters in a password: # is %23, @ is %40, / is %2F",
                ),
            );
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            Some((user, password)) => (decode(user)?, decode(password)?),
            None => (String::new(), String::new()),
        };
        let given = |text: String| (!text.is_empty()).then_some(text);
        let mut address = Self {
            scheme: scheme.to_owned(),
            user: given(user),
            password: given(password).map(Secret::new),
            hosts: hosts
                .split(',')
                .filter(|host| !host.is_empty())
                .map(Host::parse)
                .collect::<Result<_, _>>()?,
            path: decode(path)?,
            options: read_options(query, options)?,
            unreadable: Arc::default(),
        };
        if let Some(file) = address.option("password_file") {
            if address.password.is_some() {
                return Err(
                    rejected("`store` has both a password and the option password_file")
                        .with_hint("keep one of them"),
                );
            }
            address.password = Some(read_password(file)?);
        }
        Ok(address)
    }

    /// Returns the current password, after reading `password_file` again.
    ///
    /// If the file can't be read, the previous password stays in use, and [`Address::warning`]
    /// returns the reason.
    pub fn password_now(&self) -> Option<Secret> {
        let read = self.option("password_file").map(read_password);
        let read = read.and_then(|read| {
            self.note("password_file", read.as_ref().err());
            read.ok()
        });
        read.or_else(|| self.password.clone())
    }

    /// Returns why a file could not be read for the last connection. Its previous contents stay in
    /// use.
    pub fn warning(&self) -> Option<Error> {
        let error = self.unreadable().values().next().cloned()?;
        Some(error.in_context("the previous value stays in use"))
    }

    fn note(&self, option: &'static str, failure: Option<&Error>) {
        let mut unreadable = self.unreadable();
        match failure {
            Some(error) => unreadable.insert(option, error.clone()),
            None => unreadable.remove(option),
        };
    }

    fn unreadable(&self) -> MutexGuard<'_, BTreeMap<&'static str, Error>> {
        self.unreadable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// Parses the value of an option, such as a number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if it can't be parsed.
    pub fn read<T: FromStr>(&self, name: &str, default: T) -> Result<T, Error> {
        let Some(text) = self.option(name) else {
            return Ok(default);
        };
        text.parse().map_err(|_| {
            rejected(format!(
                "`store`: option {name}={text} is not a number, or out of range"
            ))
        })
    }

    /// Returns the value of an option, which must be one of these words.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if it is another word.
    pub fn word<'a>(&self, name: &str, known: &[&'a str]) -> Result<Option<&'a str>, Error> {
        let Some(text) = self.option(name) else {
            return Ok(None);
        };
        match known.iter().find(|word| **word == text) {
            Some(word) => Ok(Some(word)),
            None => Err(
                rejected(format!("`store`: option {name}={text} is unknown")).with_hint(format!(
                    "use {name}={}",
                    known.join(&format!(" or {name}="))
                )),
            ),
        }
    }

    /// Returns the maximum time of one operation: the option `timeout_ms`, which defaults to 5 s.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if it is not a number from 10 to 300000.
    pub fn timeout(&self) -> Result<Duration, Error> {
        let milliseconds: u64 = self.read("timeout_ms", 5_000)?;
        if !(10..=300_000).contains(&milliseconds) {
            return Err(rejected(format!(
                "`store`: option timeout_ms={milliseconds} is out of range"
            ))
            .with_hint("use 10 to 300000 milliseconds"));
        }
        Ok(Duration::from_millis(milliseconds))
    }

    /// Returns whether all hosts are this machine.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(Host::is_local)
    }

    /// Rejects connections without TLS to other machines, unless the option `plaintext=allow` is
    /// set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if they are rejected. The hint starts with `instead`.
    pub fn check_plaintext(&self, instead: &str) -> Result<(), Error> {
        let allowed = self.word("plaintext", &["allow"])?.is_some();
        if allowed || self.is_local() {
            return Ok(());
        }
        Err(rejected(format!(
            "{self} would send tokens and the password unencrypted to another machine"
        ))
        .with_hint(format!(
            "{instead}; if everyone on that network may read them, add plaintext=allow"
        )))
    }
}

/// Shows the hosts and the path, without user, password and options.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        for (index, host) in self.hosts.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            host.fmt(f)?;
        }
        match self.path.is_empty() {
            true => Ok(()),
            false => write!(f, "/{}", self.path),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("at", &self.to_string())
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Parses `name`, `name:port`, `[v6]:port` or a percent-encoded folder.
    fn parse(text: &str) -> Result<Self, Error> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (name, after) = rest
                    .split_once(']')
                    .ok_or_else(|| rejected("`store`: a host starts with [ but has no ]"))?;
                (name, after.strip_prefix(':'))
            }
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let port = match port.filter(|port| !port.is_empty()) {
            Some(port) => Some(
                port.parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| {
                        rejected("`store`: a host's port is not a number from 1 to 65535")
                    })?,
            ),
            None => None,
        };
        Ok(Self {
            name: decode(name)?,
            port,
        })
    }

    /// Returns whether this is a folder that contains a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    fn is_local(&self) -> bool {
        let loopback = |ip: IpAddr| ip.is_loopback();
        self.is_socket()
            || self.name.eq_ignore_ascii_case("localhost")
            || self.name.parse().is_ok_and(loopback)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.contains(':') {
            true => write!(f, "[{}]", self.name)?,
            false => f.write_str(&self.name)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Creates an error about the setting `store`.
pub fn rejected(message: impl Into<String>) -> Error {
    Error::setting("store", message)
}

/// Creates an error of a store's server. Trying again may help.
pub fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, message).with_setting("store")
}

/// Creates an error of a store's server that persists until a person fixes it.
pub fn misconfigured(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unusable, message)
        .with_setting("store")
        .with_hint(hint)
}

/// Returns an error for a process or machine that has reached its limit on open files, if that is
/// among the causes of `error`. Trying again doesn't help then.
pub fn out_of_descriptors(
    at: &Address,
    error: &(dyn std::error::Error + 'static),
) -> Option<Error> {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut codes = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    // WSAEMFILE; EMFILE and ENFILE, which have the same numbers on every Unix.
    let exhausted = |code: &i32| match cfg!(windows) {
        true => *code == 10_024,
        false => *code == 24 || *code == 23,
    };
    let error = io::Error::from_raw_os_error(codes.find(exhausted)?);
    Some(misconfigured(
        format!("{at} cannot be reached: {error}"),
        "raise the limit on open files (ulimit -n, LimitNOFILE= in a systemd unit), or find what this program leaves open",
    ))
}

/// Reads the file in an option. `unusable` builds the error from the reason.
fn read_trusted(
    path: &Path,
    unusable: impl FnOnce(String) -> Error,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    trusted::read(path).map_err(|rejection| {
        let error = unusable(rejection.to_string());
        match rejection.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })
}

/// Reads the password from the file in the option `password_file`, without byte order mark and line
/// breaks around it.
fn read_password(file: &str) -> Result<Secret, Error> {
    let unusable = |why: String| rejected(format!("`store`: password_file {file} {why}"));
    let bytes = read_trusted(Path::new(file), unusable)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable("is not UTF-8 text".into()))?;
    let password = trusted::secret_in(text);
    match password.is_empty() {
        true => Err(unusable("is empty".into())),
        false => Ok(Secret::new(password)),
    }
}

/// The options that all stores accept.
const COMMON: &[&str] = &[
    "password_file",
    "timeout_ms",
    "plaintext",
    "ca_file",
    "roots",
];

fn read_options(query: &str, own: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    let mut options = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let known = || COMMON.iter().chain(own);
        if !known().any(|known| **known == name) {
            let near = known().min_by_key(|known| strsim::damerau_levenshtein(known, &name));
            return Err(
                rejected(format!("`store` has an unknown option `{name}`")).with_hint(
                    match near.filter(|near| strsim::damerau_levenshtein(near, &name) < 4) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!(
                            "the options are: {}",
                            known().copied().collect::<Vec<_>>().join(", ")
                        ),
                    },
                ),
            );
        }
        if options.insert(name.clone(), value).is_some() {
            return Err(rejected(format!("`store` has the option `{name}` twice")));
        }
    }
    Ok(options)
}

fn decode(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(String::from)
        .map_err(|_| rejected("`store` contains percent-encoded bytes that are not UTF-8"))
}

#[cfg(test)]
mod tests;
