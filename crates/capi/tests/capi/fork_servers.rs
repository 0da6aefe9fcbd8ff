//! A forked child keeps nothing of its parent's store on a server: no leases and no connections.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::{Lease, Owner, Store, StoreKey, Swap, wait_for_lease};
use countersign_store_conformance::servers::{PostgresServer, RedisServer};

use crate::fork::{Child, idle_grandchild};

const TTL: Duration = Duration::from_secs(60);

fn key() -> StoreKey {
    StoreKey::of(["mine"])
}

fn granted(store: &dyn Store, owner: &Owner, ttl: Duration) -> u64 {
    match store.lease(&key(), owner, ttl).unwrap() {
        Lease::Granted { fence, .. } => fence,
        Lease::Busy { .. } => panic!("busy: {:?}", store.holder(&key())),
    }
}

fn is_busy(store: &dyn Store) -> bool {
    let lease = store.lease(&key(), &Owner::new("other"), TTL).unwrap();
    matches!(lease, Lease::Busy { .. })
}

type Open = Arc<dyn Fn() -> Arc<dyn Store>>;

/// Checks that a child neither holds nor releases its parent's leases.
fn check_that_leases_stay_the_parents(open: &Open) {
    let (store, owner) = (open(), Owner::new("parent"));
    let fence = granted(store.as_ref(), &owner, TTL);
    let mut store = Some(store);
    let disowned = Child::succeeds(|| {
        let parents = store.take().unwrap();
        let lost = !parents.renew(&key(), &owner, fence, TTL).unwrap()
            && !parents.release(&key(), &owner, fence).unwrap();
        let is_hinted = parents.lease(&key(), &owner, TTL).is_err_and(|error| {
            error
                .hint()
                .is_some_and(|hint| hint.contains("in the child"))
        });
        // Dropping the store in the child doesn't release the lease either.
        drop(parents);
        lost && is_hinted
    });
    assert!(disowned);
    let store = store.unwrap();
    assert!(store.renew(&key(), &owner, fence, TTL).unwrap());
    let other = open();
    assert!(is_busy(other.as_ref()));
    // A released lease is free although a forked child lives.
    let _child = Child::idle();
    assert!(store.release(&key(), &owner, fence).unwrap());
    let fence = granted(other.as_ref(), &owner, TTL);
    assert!(other.release(&key(), &owner, fence).unwrap());
    // A store that the child opens works.
    assert!(Child::succeeds(|| {
        let own = open();
        let owner = Owner::new("child");
        let fence = granted(own.as_ref(), &owner, TTL);
        own.release(&key(), &owner, fence).unwrap()
    }));
}

/// Checks that a lease ends with its holder, although a child of it lives and has its sockets.
fn check_that_a_lease_ends_with_its_holder(open: &Open) {
    const SHORT: Duration = Duration::from_secs(2);
    let in_holder = Arc::clone(open);
    let holder = idle_grandchild(move || {
        let store = in_holder();
        granted(store.as_ref(), &Owner::new("holder"), SHORT);
        store
    });
    let _grandchild = holder.kill_parent();
    let (store, owner) = (open(), Owner::new("next"));
    let patience = Duration::from_secs(60);
    let fence = wait_for_lease(store.as_ref(), &key(), &owner, TTL, patience).unwrap();
    assert!(store.release(&key(), &owner, fence).unwrap());
}

/// Whether the server's program is installed.
fn is_installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths).any(|folder| folder.join(program).exists());
    found || std::path::Path::new("/usr/lib/postgresql").exists() && program == "postgres"
}

#[test]
fn a_child_uses_no_redis_connection_of_its_parent() {
    if !is_installed("redis-server") {
        return;
    }
    let server = RedisServer::durable();
    let url = server.url();
    let open: Open = {
        let url = url.clone();
        Arc::new(move || countersign_redis::open(&url).unwrap())
    };
    check_that_leases_stay_the_parents(&open);
    check_that_a_lease_ends_with_its_holder(&open);

    // The child opens a connection of its own, which the server counts.
    let store = open();
    store.load(&key()).unwrap();
    let connections = || -> u64 {
        let info = server.command(&["INFO", "stats"]);
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().trim().parse().unwrap()
    };
    let before = connections();
    assert!(Child::succeeds(|| {
        let swap = store.compare_and_swap(&key(), None, None, b"of the child");
        matches!(swap, Swap::Applied(1))
    }));
    // One of them is the connection that reads the count.
    assert!(connections() - before >= 2);
    // The parent continues to use its own connection.
    let before = connections();
    let stored = store.load(&key()).unwrap().unwrap();
    assert_eq!(stored.value.unwrap().as_slice(), b"of the child");
    assert_eq!(connections() - before, 1);
}

#[test]
fn a_child_uses_no_postgresql_connection_of_its_parent() {
    if !is_installed("postgres") {
        return;
    }
    let server = PostgresServer::start("");
    for url in [server.url(), server.tls_url()] {
        let open: Open = {
            let url = url.clone();
            Arc::new(move || countersign_postgres::open(&url).unwrap())
        };
        check_that_leases_stay_the_parents(&open);
        check_that_a_lease_ends_with_its_holder(&open);

        let store = open();
        let swap = store.compare_and_swap(&key(), None, None, b"of the parent");
        assert!(!matches!(swap, Swap::Unavailable(_) | Swap::Unknown(_)));
        let sessions = || -> BTreeSet<String> {
            let pids = server
                .sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'countersign'");
            pids.lines().map(str::to_owned).collect()
        };
        let before = sessions();
        // The child sends nothing over the parent's sessions, and ends none of them.
        let mut store = Some(store);
        assert!(Child::succeeds(|| {
            let parents = store.take().unwrap();
            let is_hinted = parents.load(&key()).is_err_and(|error| {
                error
                    .hint()
                    .is_some_and(|hint| hint.contains("in the child"))
            });
            drop(parents);
            is_hinted
        }));
        let store = store.unwrap();
        let stored = store.load(&key()).unwrap().unwrap();
        assert_eq!(stored.value.unwrap().as_slice(), b"of the parent");
        // Sessions of earlier stores may be ending.
        let after = sessions();
        assert!(
            !after.is_empty() && after.is_subset(&before),
            "sessions {after:?}, expected some of {before:?}"
        );
    }
}
