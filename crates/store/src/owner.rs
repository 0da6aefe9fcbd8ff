//! Owners and holders of leases.

use std::fmt;

/// The owner of a lease: one client of one process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(String);

impl Owner {
    /// Creates an owner from a word that nobody else uses.
    ///
    /// # Example
    ///
    /// ```
    /// let owner = countersign_store::Owner::new("0193d3a6-4f0c-7c3e-9d65-6f1f3b6d2a11");
    /// assert_eq!(owner.as_str(), "0193d3a6-4f0c-7c3e-9d65-6f1f3b6d2a11");
    /// ```
    pub fn new(word: impl Into<String>) -> Self {
        Self(word.into())
    }

    /// Creates an owner `HOST:PID:WORD` from a word that nobody else in this process uses. Errors
    /// about a busy lease name the host and process.
    ///
    /// # Example
    ///
    /// ```
    /// let owner = countersign_store::Owner::of_this_process("import");
    /// assert!(owner.as_str().ends_with(&format!(":{}:import", std::process::id())));
    /// ```
    pub fn of_this_process(word: &str) -> Self {
        Self(format!("{}:{}:{word}", host(), std::process::id()))
    }

    /// Returns the owner as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host and the process ID, if the owner names them.
    fn place(&self) -> Option<(&str, u32)> {
        let (rest, _) = self.0.rsplit_once(':')?;
        let (host, pid) = rest.rsplit_once(':')?;
        Some((host, pid.parse().ok()?))
    }
}

/// The current holder of a lease, and when it took the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The holder.
    pub owner: Owner,
    /// When the lease was taken, in milliseconds since 1970 by the store's clock, if the store
    /// knows.
    pub since_ms: Option<i64>,
}

impl Holder {
    /// Creates a holder that took the lease at this time.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::{Holder, Owner};
    ///
    /// let holder = Holder::new(Owner::new("web-1:17:import"), Some(1_764_235_923_999));
    /// assert_eq!(holder.to_string(), "process 17 on web-1 since 2025-11-27T09:32:03Z");
    /// ```
    pub fn new(owner: Owner, since_ms: Option<i64>) -> Self {
        Self { owner, since_ms }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner.place() {
            Some((host, pid)) => write!(f, "process {pid} on {host}")?,
            None => write!(f, "`{}`", self.owner.as_str())?,
        }
        match self.since_ms {
            Some(since) => write!(f, " since {}", utc(since)),
            None => Ok(()),
        }
    }
}

/// Formats a time as in RFC 3339, to the second.
fn utc(unix_ms: i64) -> String {
    let seconds = unix_ms.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years start in March and are counted in eras of 400, so that leap days come last.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Returns the name of this machine.
#[cfg(unix)]
pub(crate) fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

#[cfg(not(unix))]
pub(crate) fn host() -> String {
    "host".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_by_process_host_and_time() {
        let holder = |owner: &str, since_ms| Holder::new(Owner::new(owner), since_ms).to_string();
        assert_eq!(
            holder("web-1:17:word", Some(1_764_235_923_999)),
            "process 17 on web-1 since 2025-11-27T09:32:03Z"
        );
        assert_eq!(holder("web-1:17:word", None), "process 17 on web-1");
        assert_eq!(holder("word", None), "`word`");
        assert_eq!(holder("a:b:c", None), "`a:b:c`");
    }

    #[test]
    fn times_are_formatted_as_in_rfc_3339() {
        for (unix_s, formatted) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc(unix_s * 1000), formatted);
        }
    }
}
