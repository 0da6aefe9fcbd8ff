//! Stores on servers, shared by many clients of one process.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use countersign_core::{StoreKey, StoreSetting, Swap};
use countersign_store_conformance::servers::{PostgresServer, RedisServer};

/// Counts this process's TCP connections to a port.
fn connections_to(port: u16) -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let own: BTreeSet<_> = links
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(inode.to_owned())
        })
        .collect();
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let remote = format!(":{port:04X}");
    let ours = table.lines().filter(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields[2].ends_with(&remote) && own.contains(fields[9])
    });
    ours.count()
}

/// Opens a store from more clients at once than either server accepts connections by default.
fn assert_shared(url: String, port: u16) {
    const CLIENTS: usize = 200;
    let setting = StoreSetting::Server(url);
    let stores: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|index| {
                let setting = &setting;
                scope.spawn(move || {
                    let store = countersign::stores::open_store(setting).unwrap();
                    let key = StoreKey::of([index.to_string().as_str()]);
                    let swap = store.compare_and_swap(&key, None, None, b"value");
                    assert!(matches!(swap, Swap::Applied(1)), "{swap:?}");
                    store
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(stores.iter().all(|store| Arc::ptr_eq(store, &stores[0])));
    let open = connections_to(port);
    assert!((1..=4).contains(&open), "{open} connections");
}

#[test]
fn clients_of_a_process_share_postgresql_connections() {
    let server = PostgresServer::start("max_connections = 20\n");
    assert_shared(server.url(), server.port());
}

#[test]
fn clients_of_a_process_share_redis_connections() {
    let server = RedisServer::ephemeral();
    assert_shared(server.url(), server.port());
}

/// Changes a password in its file and on the server, which closes connections with the old one.
fn assert_follows_its_file(url: &str, file: &Path, change: impl Fn(&str)) {
    std::fs::write(file, "one\n").unwrap();
    change("one");
    let url = format!("{url}?timeout_ms=30000&password_file={}", file.display());
    let store = countersign::stores::open_store(&StoreSetting::Server(url)).unwrap();
    let key = StoreKey::of(["mine"]);
    assert!(store.load(&key).unwrap().is_none());
    std::fs::write(file, "two\n").unwrap();
    change("two");
    assert!(store.load(&key).unwrap().is_none());
}

#[test]
fn each_new_connection_reads_the_password_file() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = PostgresServer::start("");
    let url = format!("postgres://clerk@127.0.0.1:{}/postgres", postgres.port());
    postgres.sql("CREATE ROLE clerk SUPERUSER LOGIN");
    assert_follows_its_file(&url, &folder.path().join("postgres"), |password| {
        postgres.sql(&format!("ALTER ROLE clerk PASSWORD '{password}'"));
        postgres
            .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk'");
    });
    let redis = RedisServer::ephemeral();
    let url = format!("redis://clerk@127.0.0.1:{}/", redis.port());
    assert_follows_its_file(&url, &folder.path().join("redis"), |password| {
        let password = format!(">{password}");
        redis.command(&[
            "ACL",
            "SETUSER",
            "clerk",
            "on",
            "resetpass",
            &password,
            "~*",
            "&*",
            "+@all",
        ]);
        redis.command(&["CLIENT", "KILL", "USER", "clerk"]);
    });
}
