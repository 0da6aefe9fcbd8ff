//! Tests with real servers: the conformance suite, declared durability, and servers that are killed,
//! full, frozen or reconfigured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_redis::RedisStore;
use countersign_store::{Durability, Error, ErrorKind, Lease, Owner, Store, StoreKey, Swap};
use countersign_store_conformance::servers::{Authority, Cutter, RedisServer, until};
use countersign_store_conformance::{Backend, Kills, run, survives_kills, survives_lost_responses};

const LONG: Duration = Duration::from_secs(60);

fn backend(url: String) -> Backend {
    Backend::new(move || countersign_redis::open(&url).unwrap())
}

fn key(word: &str) -> StoreKey {
    StoreKey::of([word])
}

fn applied(swap: Swap) -> u64 {
    match swap {
        Swap::Applied(version) => version,
        other => panic!("not applied: {other:?}"),
    }
}

fn unavailable(swap: Swap) -> Error {
    match swap {
        Swap::Unavailable(error) => error,
        other => panic!("not unavailable: {other:?}"),
    }
}

fn open_error(url: &str) -> Error {
    let error = RedisStore::open(url).unwrap_err();
    let text = format!("{error:?}");
    assert!(
        !text.contains("sesame") && !text.contains("wr0ng"),
        "{text}"
    );
    assert_eq!(error.setting_name(), Some("store"), "{text}");
    error
}

#[test]
fn the_conformance_suite_passes() {
    let server = RedisServer::durable();
    run(&backend(server.url()));
    run(&backend(server.tls_url()));
    // The records have no time to live.
    assert_ne!(server.command(&["DBSIZE"]), ":0\r\n");
    assert!(server.command(&["INFO", "keyspace"]).contains("expires=0"));
}

#[test]
fn the_declared_durability_is_the_servers() {
    for (options, durability, fits) in [
        ("--appendonly no", Durability::Ephemeral, false),
        (
            "--appendonly yes --appendfsync everysec",
            Durability::ProcessCrash,
            true,
        ),
        (
            "--appendonly yes --appendfsync always",
            Durability::PowerLoss,
            true,
        ),
        (
            "--appendonly yes --appendfsync always --maxmemory 64mb --maxmemory-policy allkeys-lru",
            Durability::Ephemeral,
            false,
        ),
    ] {
        let server = RedisServer::start(options);
        let store = RedisStore::open(&server.url()).unwrap();
        assert_eq!(store.capabilities().durability, durability, "{options}");
        assert_eq!(store.fit_for_rotation().is_ok(), fits, "{options}");
        if let Err(error) = store.fit_for_rotation() {
            assert_eq!(error.kind(), ErrorKind::Unusable);
            assert!(error.hint().unwrap().contains("ephemeral=allow"));
            let forced = RedisStore::open(&format!(
                "{}?ephemeral=allow&timeout_ms=60000",
                server.plain_url()
            ))
            .unwrap();
            assert_eq!(forced.capabilities().durability, durability);
            forced.fit_for_rotation().unwrap();
        }
    }
}

#[test]
fn login_errors_say_why_and_contain_no_secret() {
    let server = RedisServer::start("--appendonly yes --requirepass sesame");
    let port = server.port();
    for login in ["", ":wr0ng@", "nobody:wr0ng@"] {
        let error = open_error(&format!("redis://{login}127.0.0.1:{port}/"));
        assert_eq!(error.kind(), ErrorKind::Unusable, "{login}: {error}");
        assert!(
            error.hint().unwrap().contains("password"),
            "{login}: {error:?}"
        );
    }
    let store = RedisStore::open(&format!("redis://:sesame@127.0.0.1:{port}/3")).unwrap();
    let shown = format!("{store:?}");
    assert!(!shown.contains("sesame") && shown.contains("/3"), "{shown}");
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));

    let open = RedisServer::ephemeral();
    let error = open_error(&format!("redis://:sesame@127.0.0.1:{}/", open.port()));
    assert_eq!(error.kind(), ErrorKind::Unusable, "{error}");
    let closed = open_error("redis://127.0.0.1:1/");
    assert_eq!(closed.kind(), ErrorKind::Unavailable);
    for url in [
        "redis://:sesame@cache.example/",
        "redis://:sesame@127.0.0.1/zero",
        "redis://:sesame@127.0.0.1/?prefix=a*b",
        "redis://:sesame@127.0.0.1,127.0.0.2/",
        "redis://:sesame@127.0.0.1/?ephemeral=yes",
    ] {
        assert_eq!(open_error(url).kind(), ErrorKind::Setting, "{url}");
    }
    let database = open_error(&format!("redis://127.0.0.1:{}/99", open.port()));
    assert!(database.message().contains("out of range"), "{database}");
}

#[test]
fn the_permissions_in_the_hint_are_enough() {
    let server = RedisServer::durable();
    let missing = server.command(&["ACL", "SETUSER", "worker", "on", ">sesame", "~*", "+info"]);
    assert_eq!(missing, "+OK\r\n");
    let url = format!("redis://worker:sesame@127.0.0.1:{}/", server.port());
    // It can connect. The first missing permission is reported with the full list.
    let store = RedisStore::open(&url).unwrap();
    assert_eq!(
        store.capabilities().durability,
        Durability::ProcessCrash,
        "the weakest possibility is assumed"
    );
    let error = store.load(&key("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    let hint = error.hint().unwrap();
    let rules = hint.split("SETUSER NAME on >PASSWORD ").nth(1).unwrap();
    let mut command = vec!["ACL", "SETUSER", "few", "on", ">sesame"];
    command.extend(
        rules
            .split_whitespace()
            .filter(|rule| rule.starts_with(['~', '+'])),
    );
    assert_eq!(server.command(&command), "+OK\r\n");
    let few = format!("redis://few:sesame@127.0.0.1:{}/", server.port());
    assert_eq!(
        RedisStore::open(&few).unwrap().capabilities().durability,
        Durability::PowerLoss
    );
    run(&backend(few));
}

#[test]
fn tls_checks_the_authority_and_the_name() {
    let server = RedisServer::durable();
    let scratch = tempfile::tempdir().unwrap();
    let stranger = Authority::new(scratch.path());
    let place = format!("rediss://localhost:{}/", server.tls_port());
    for url in [
        place.clone(),
        format!("{place}?ca_file={}", stranger.ca.display()),
    ] {
        let error = open_error(&url);
        assert_eq!(error.kind(), ErrorKind::Unusable, "{error}");
        // The HTTP transport uses the same words.
        let issuer = "issued by \"a test's authority\", which is not trusted";
        assert!(error.message().contains(issuer), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("the option ca_file of store"), "{hint}");
    }
    let error = open_error(&server.tls_url().replace("//localhost", "//127.0.0.1"));
    let names = "its certificate is for localhost, not for 127.0.0.1";
    assert!(error.message().contains(names), "{error}");
    // TLS to a port without TLS, and the reverse, fail in time and say why.
    let mixed = open_error(&format!(
        "rediss://localhost:{}/?timeout_ms=500",
        server.port()
    ));
    assert!(
        mixed.message().contains("TLS") || mixed.message().contains("timed out"),
        "{mixed}"
    );
    open_error(&format!(
        "redis://localhost:{}/?timeout_ms=500",
        server.tls_port()
    ));
}

#[test]
fn scripts_are_sent_again_after_a_flush() {
    let server = RedisServer::durable();
    let store = RedisStore::open(&server.url()).unwrap();
    for version in 0..5 {
        server.command(&["SCRIPT", "FLUSH"]);
        applied(store.compare_and_swap(&key("a"), (version > 0).then_some(version), None, b"v"));
        server.command(&["SCRIPT", "FLUSH"]);
        let owner = Owner::new("o");
        let Lease::Granted { fence, .. } = store.lease(&key("a"), &owner, LONG).unwrap() else {
            panic!("busy");
        };
        server.command(&["SCRIPT", "FLUSH"]);
        assert!(store.release(&key("a"), &owner, fence).unwrap());
    }
}

#[test]
fn killing_the_server_loses_no_change_and_repeats_none() {
    let mut server = RedisServer::durable();
    let store: Arc<dyn Store> =
        countersign_redis::open(&format!("{}?timeout_ms=1500", server.plain_url())).unwrap();
    let kills = Kills {
        count: 4,
        pause: Duration::from_millis(60),
        changes: 400,
    };
    survives_kills(&store, kills, || server.restart());
}

#[test]
fn lost_responses_repeat_no_change() {
    let server = RedisServer::durable();
    let wire = Cutter::to(server.port());
    let url = format!("redis://127.0.0.1:{}/", wire.port());
    let store = countersign_redis::open(&url).unwrap();
    let other = countersign_redis::open(&server.url()).unwrap();
    survives_lost_responses(&store, &other, &wire);
}

#[test]
fn a_server_that_is_down_is_unavailable_and_a_missing_response_is_unknown() {
    let mut server = RedisServer::durable();
    let store = RedisStore::open(&format!("{}?timeout_ms=800", server.plain_url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    // Another store, with a connection from while the server still responded.
    let other = RedisStore::open(&format!("{}?timeout_ms=800", server.plain_url())).unwrap();
    // Its server knows the lease script: the first call would be sent twice.
    assert!(matches!(
        other.lease(&key("b"), &Owner::new("o"), LONG).unwrap(),
        Lease::Granted { .. }
    ));
    server.freeze();
    let began = Instant::now();
    assert!(matches!(
        store.compare_and_swap(&key("a"), Some(1), None, b"w"),
        Swap::Unknown(_)
    ));
    let owner = Owner::new("o");
    assert!(other.lease(&key("a"), &owner, LONG).is_err());
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    server.thaw();
    // The change was carried out late, and once.
    let late = until(Duration::from_secs(60), || {
        store
            .load(&key("a"))
            .unwrap()
            .filter(|record| record.version == 2)
    });
    assert!(late.is_some());
    // The lease whose response was lost is granted to the same owner of the same store only.
    assert!(matches!(
        other.lease(&key("a"), &Owner::new("p"), LONG).unwrap(),
        Lease::Busy { .. }
    ));
    assert!(matches!(
        store.lease(&key("a"), &owner, LONG).unwrap(),
        Lease::Busy { .. }
    ));
    assert!(matches!(
        other.lease(&key("a"), &owner, LONG).unwrap(),
        Lease::Granted { .. }
    ));
    assert!(matches!(
        other.lease(&key("a"), &owner, LONG).unwrap(),
        Lease::Busy { .. }
    ));

    server.kill();
    let error = unavailable(store.compare_and_swap(&key("a"), Some(2), None, b"x"));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(store.load(&key("a")).is_err() && store.now_ms().is_err());
    server.restart();
    assert_eq!(store.load(&key("a")).unwrap().unwrap().version, 2);
}

#[test]
fn fences_grow_even_if_the_server_loses_everything() {
    let mut server = RedisServer::ephemeral();
    let store = RedisStore::open(&server.url()).unwrap();
    let owner = Owner::new("o");
    let mut last = 0;
    for _ in 0..3 {
        match store.lease(&key("a"), &owner, LONG).unwrap() {
            Lease::Granted { fence, .. } => {
                assert!(fence > last, "{fence} after {last}");
                last = fence;
            }
            busy => panic!("{busy:?}"),
        }
        applied(store.compare_and_swap(&key("a"), None, Some(last), b"v"));
        server.restart();
        // The server has lost its records, as declared.
        assert!(store.load(&key("a")).unwrap().is_none());
    }
}

#[test]
fn a_server_that_has_become_less_durable_is_not_used() {
    let mut server = RedisServer::durable();
    let store = RedisStore::open(&format!("{}?timeout_ms=5000", server.plain_url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    server.command(&["CONFIG", "SET", "appendfsync", "no"]);
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    let error = unavailable(store.compare_and_swap(&key("a"), Some(1), None, b"w"));
    assert!(error.message().contains("less durable"), "{error}");
    server.restart();
    applied(store.compare_and_swap(&key("a"), Some(1), None, b"w"));
}

#[test]
fn a_full_server_rejects_changes_and_keeps_its_records() {
    let server =
        RedisServer::start("--appendonly yes --appendfsync always --maxmemory-policy noeviction");
    let store = RedisStore::open(&server.url()).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = unavailable(store.compare_and_swap(&key("a"), Some(1), None, b"w"));
    assert!(
        error.message().contains("OOM") && error.hint().unwrap().contains("maxmemory"),
        "{error:?}"
    );
    assert!(store.lease(&key("a"), &Owner::new("o"), LONG).is_err());
    let record = store.load(&key("a")).unwrap().unwrap();
    assert_eq!(
        (record.version, record.value.unwrap().as_slice()),
        (1, &b"v"[..])
    );
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    applied(store.compare_and_swap(&key("a"), Some(1), None, b"w"));
}

#[test]
fn a_replica_is_rejected_when_opened_and_later() {
    let server = RedisServer::durable();
    let replica = server.replica();
    let error = open_error(&replica.url());
    assert!(error.message().contains("replica"), "{error}");
    let store = RedisStore::open(&format!("{}?timeout_ms=5000", server.plain_url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    // A failover turned it into a replica.
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = unavailable(store.compare_and_swap(&key("a"), Some(1), None, b"w"));
    assert!(error.hint().unwrap().contains("primary"), "{error:?}");
    server.command(&["REPLICAOF", "NO", "ONE"]);
    applied(store.compare_and_swap(&key("a"), Some(1), None, b"w"));
}

#[test]
fn replicas_confirm_changes_if_required() {
    let server = RedisServer::durable();
    let mut replica = server.replica();
    let store = |timeout_ms: u32| {
        let url = format!("{}?replicas=1&timeout_ms={timeout_ms}", server.plain_url());
        RedisStore::open(&url).unwrap()
    };
    // A new replica may still be writing its first copy to the disk.
    let (patient, hasty) = (store(20_000), store(600));
    let linked = || {
        server
            .command(&["INFO", "replication"])
            .contains("state=online")
            .then_some(())
    };
    until(Duration::from_secs(60), linked).expect("the replica connects");
    applied(patient.compare_and_swap(&key("a"), None, None, b"v"));
    replica.kill();
    match hasty.compare_and_swap(&key("a"), Some(1), None, b"w") {
        Swap::Unknown(error) => assert!(error.message().contains("0 of 1 replicas"), "{error}"),
        other => panic!("{other:?}"),
    }
    replica.restart();
    until(Duration::from_secs(60), linked).expect("the replica connects");
    applied(patient.compare_and_swap(&key("a"), Some(2), None, b"w"));

    // Whether this server can wait for its disk depends on its version.
    match RedisStore::open(&format!(
        "{}?fsync=wait&timeout_ms=60000",
        server.plain_url()
    )) {
        Ok(store) => {
            assert_eq!(
                applied(store.compare_and_swap(&key("b"), None, None, b"v")),
                1
            );
            assert_eq!(store.capabilities().durability, Durability::PowerLoss);
        }
        Err(error) => assert!(error.message().contains("7.2"), "{error}"),
    }
}
