//! What a server reports about itself at connect.

use std::collections::HashMap;

use countersign_store::{Durability, Error};
use countersign_store_address::{failed, misconfigured};

/// A server's responses to `INFO` and, if permitted, `CONFIG GET appendfsync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    version: (u32, u32),
    primary: bool,
    loading: bool,
    cluster: bool,
    journal: bool,
    /// When the journal is flushed, if known.
    flushed: Option<String>,
    /// The policy that evicts keys without a time to live, if one is active.
    evicts: Option<String>,
}

impl Facts {
    pub(crate) fn read(info: &str, flushed: Option<String>) -> Self {
        let facts: HashMap<_, _> = info
            .lines()
            .filter_map(|line| line.split_once(':'))
            .collect();
        let is = |name: &str, value: &str| facts.get(name).is_some_and(|v| v.trim() == value);
        let mut numbers = facts
            .get("redis_version")
            .map_or("", |version| version.trim())
            .split('.')
            .map(|number| number.parse().unwrap_or(0));
        let policy = facts.get("maxmemory_policy").map(|policy| policy.trim());
        let bounded = !is("maxmemory", "0");
        Self {
            version: (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)),
            primary: is("role", "master"),
            loading: is("loading", "1"),
            cluster: is("cluster_enabled", "1"),
            journal: is("aof_enabled", "1"),
            flushed,
            evicts: policy
                .filter(|policy| bounded && policy.starts_with("allkeys"))
                .map(str::to_owned),
        }
    }

    /// Rejects a server that can't store records.
    pub(crate) fn check(&self, at: &str, waits_for_disk: bool) -> Result<(), Error> {
        if self.loading {
            return Err(failed(format!("{at} is still loading its data")));
        }
        if self.cluster {
            return Err(misconfigured(
                format!("{at} is part of a Redis Cluster, which is not supported"),
                "use a server without cluster mode",
            ));
        }
        if !self.primary {
            // This may pass: it also happens during a failover.
            return Err(failed(format!("{at} is a replica: it accepts no changes"))
                .with_hint("name the primary in `store`"));
        }
        if waits_for_disk && (self.version < (7, 2) || !self.journal) {
            let (major, minor) = self.version;
            return Err(misconfigured(
                format!(
                    "{at} cannot wait for its disk (fsync=wait): that requires version 7.2+ with appendonly yes, and it is {major}.{minor}"
                ),
                "remove fsync=wait, and set on the server: appendonly yes, appendfsync always",
            ));
        }
        Ok(())
    }

    pub(crate) fn durability(&self, waits_for_disk: bool) -> Durability {
        if self.evicts.is_some() || !self.journal {
            Durability::Ephemeral
        } else if waits_for_disk || self.flushed.as_deref() == Some("always") {
            Durability::PowerLoss
        } else {
            Durability::ProcessCrash
        }
    }

    /// Returns why a restart or a full memory would lose records, with a hint, or `None`.
    pub(crate) fn loses(&self) -> Option<(String, &'static str)> {
        if let Some(policy) = &self.evicts {
            let why = format!("evicts records when its memory is full (maxmemory-policy {policy})");
            return Some((why, "set on the server: maxmemory-policy noeviction"));
        }
        (!self.journal).then(|| {
            let why = "keeps no journal, so a restart loses records".to_owned();
            (why, "set on the server: appendonly yes, appendfsync always")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nrole:master\r\naof_enabled:1\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";

    #[test]
    fn durability_follows_from_the_servers_settings() {
        let read = |info: &str, flushed: Option<&str>| {
            Facts::read(info, flushed.map(str::to_owned)).durability(false)
        };
        assert_eq!(read(INFO, Some("always")), Durability::PowerLoss);
        assert_eq!(read(INFO, Some("everysec")), Durability::ProcessCrash);
        assert_eq!(read(INFO, None), Durability::ProcessCrash);
        assert_eq!(
            read(
                &INFO.replace("aof_enabled:1", "aof_enabled:0"),
                Some("always")
            ),
            Durability::Ephemeral
        );
        let evicting = INFO.replace("noeviction", "allkeys-lru");
        assert_eq!(read(&evicting, Some("always")), Durability::PowerLoss);
        assert_eq!(
            read(
                &evicting.replace("maxmemory:0", "maxmemory:1000"),
                Some("always")
            ),
            Durability::Ephemeral
        );
        let evicting_keys_that_expire = INFO
            .replace("noeviction", "volatile-lru")
            .replace("maxmemory:0", "maxmemory:9");
        assert_eq!(
            read(&evicting_keys_that_expire, Some("always")),
            Durability::PowerLoss
        );
    }

    #[test]
    fn servers_that_cannot_store_records_are_rejected() {
        let check = |info: &str, waits| Facts::read(info, None).check("redis://h", waits);
        assert!(check(INFO, false).is_ok());
        assert!(check(INFO, true).unwrap_err().message().contains("7.2"));
        assert!(check(&INFO.replace("7.0.15", "8.0.1"), true).is_ok());
        assert!(check(&INFO.replace("role:master", "role:slave"), false).is_err());
        assert!(check(&INFO.replace("role:", "cluster_enabled:1\r\nrole:"), false).is_err());
        assert!(check(&INFO.replace("role:", "loading:1\r\nrole:"), false).is_err());
    }
}
