//! Tests with real servers: the conformance suite, creating tables, logins, and servers that are
//! killed, slow or reconfigured.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign_postgres::PostgresStore;
use countersign_store::{Durability, ErrorKind, Lease, Owner, Store, StoreKey, Swap};
use countersign_store_conformance::servers::{Authority, Cutter, Pooler, PostgresServer, until};
use countersign_store_conformance::{
    Backend, CHECKS, Kills, run, survives_kills, survives_lost_responses,
};

const LONG: Duration = Duration::from_secs(60);

fn backend(url: String) -> Backend {
    Backend::new(move || countersign_postgres::open(&url).unwrap())
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

fn open_error(url: &str) -> countersign_store::Error {
    let error = PostgresStore::open(url).unwrap_err();
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
    let server = PostgresServer::start("");
    run(&backend(server.url()));
    assert_eq!(
        server.sql("SELECT count(*) FROM pg_prepared_statements"),
        "0"
    );

    // It also works with another schema, over TLS and over the Unix socket.
    server.sql("CREATE SCHEMA \"Auth \"");
    let store = PostgresStore::open(&format!("{}&schema=Auth%20", server.tls_url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    assert_eq!(
        server.sql("SELECT count(*) FROM \"Auth \".countersign_records"),
        "1"
    );
    assert_eq!(store.capabilities().durability, Durability::PowerLoss);
    assert!(store.fit_for_rotation().is_ok());
    let shown = format!("{store:?}");
    assert!(!shown.contains("sesame"), "{shown}");
    let folder = server
        .socket_folder()
        .display()
        .to_string()
        .replace('/', "%2F");
    let by_socket = format!(
        "postgres://app:sesame-street@{folder}:{}/postgres",
        server.port()
    );
    PostgresStore::open(&by_socket).unwrap();
    let by_option = format!("postgres://app:sesame-street@/postgres?host={folder}");
    // The option names no port, and the server doesn't use the default one.
    assert_eq!(open_error(&by_option).kind(), ErrorKind::Unavailable);
}

#[test]
fn a_pooler_may_run_each_statement_in_another_session() {
    let server = PostgresServer::start("synchronous_commit = off\n");
    let pooler = Pooler::start(&server, 3);
    run(&backend(pooler.url()));
    // The store leaves nothing in the sessions, which are shared.
    let store = PostgresStore::open(&pooler.url()).unwrap();
    assert_eq!(store.capabilities().durability, Durability::PowerLoss);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert_eq!(server.sql(open), "0");
}

#[test]
fn processes_that_start_at_once_create_the_tables_once() {
    let server = PostgresServer::start("");
    for round in 0..6 {
        server.sql("DROP TABLE IF EXISTS countersign_records, countersign_schema");
        let url = format!("{}?pool=1&timeout_ms=60000", server.plain_url());
        thread::scope(|scope| {
            for number in 0..12 {
                let url = url.as_str();
                scope.spawn(move || {
                    let store = PostgresStore::open(url).unwrap();
                    applied(store.compare_and_swap(
                        &key(&format!("{round} {number}")),
                        None,
                        None,
                        b"v",
                    ));
                });
            }
        });
        assert_eq!(server.sql("SELECT version FROM countersign_schema"), "1");
        assert_eq!(server.sql("SELECT count(*) FROM countersign_records"), "12");
    }
    server.sql("INSERT INTO countersign_schema (version) VALUES (99)");
    let error = open_error(&server.url());
    assert!(error.message().contains("version 99"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unusable);
}

#[test]
fn a_database_without_tables_is_rejected_if_none_are_to_be_created() {
    let server = PostgresServer::start("");
    let error = countersign_postgres::open_existing(&server.url()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable, "{error}");
    assert!(error.hint().unwrap().contains("store_create"), "{error}");
    assert_eq!(
        server.sql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'countersign%'"),
        "0"
    );
    countersign_postgres::open(&server.url()).unwrap();
    countersign_postgres::open_existing(&server.url()).unwrap();
}

#[test]
fn a_user_who_may_not_create_tables_gets_the_sql_in_the_hint() {
    let server = PostgresServer::start("");
    server.sql("CREATE ROLE worker LOGIN PASSWORD 'sesame-2'");
    let url = server.url_as("worker", "sesame-2");
    let error = open_error(&url);
    assert_eq!(error.kind(), ErrorKind::Unusable);
    let hint = error.hint().unwrap();
    let sql = &hint[hint.find("CREATE TABLE").unwrap()..];
    server.sql("CREATE TABLE countersign_schema (version integer PRIMARY KEY)");
    let ungranted = open_error(&url);
    assert!(
        ungranted.hint().unwrap().contains("GRANT SELECT"),
        "{ungranted:?}"
    );
    server.sql("DROP TABLE countersign_schema");
    // The SQL in the hint works as it is, and grants enough permissions.
    server.sql(sql);
    let store = countersign_postgres::open(&url).unwrap();
    drop(store);
    let backend = backend(url);
    CHECKS
        .iter()
        .take(10)
        .for_each(|(_, check)| check(&backend));
    server.sql("REVOKE UPDATE ON countersign_records FROM worker");
    let store = PostgresStore::open(&server.url_as("worker", "sesame-2")).unwrap();
    match store.compare_and_swap(&key("a"), Some(1), None, b"v") {
        Swap::Unavailable(error) => assert_eq!(error.kind(), ErrorKind::Unusable),
        other => panic!("{other:?}"),
    }
}

#[test]
fn login_errors_say_why_and_contain_no_secret() {
    let server = PostgresServer::start("");
    let port = server.port();
    let wrong = open_error(&server.url_as("app", "wr0ng"));
    assert_eq!(wrong.kind(), ErrorKind::Unusable);
    assert!(
        wrong.message().contains("password authentication failed"),
        "{wrong}"
    );
    let missing = open_error(&format!("postgres://app@127.0.0.1:{port}/postgres"));
    assert_eq!(missing.kind(), ErrorKind::Unusable);
    assert!(
        missing.hint().unwrap().contains("password_file"),
        "{missing:?}"
    );
    let nowhere = open_error(&format!(
        "postgres://app:sesame-street@127.0.0.1:{port}/nowhere"
    ));
    assert!(nowhere.message().contains("nowhere"), "{nowhere}");
    let closed = open_error("postgres://app:sesame-street@127.0.0.1:1/postgres");
    assert_eq!(closed.kind(), ErrorKind::Unavailable);
    assert!(closed.message().contains("refused"), "{closed}");
    for url in [
        "postgres://app:sesame@db.example/d?sslmode=disable",
        "postgres://app:sesame@db.example/d?sslmode=prefer",
        "postgres://app:sesame@db.example/d?sslmod=require",
        "postgres://127.0.0.1/d",
        "postgres://app:sesame@/d",
        "postgres://app:sesame@127.0.0.1/d?timeout_ms=0",
        "postgres://app:sesame@127.0.0.1/d?pool=many",
    ] {
        let error = open_error(url);
        assert_eq!(error.kind(), ErrorKind::Setting, "{url}");
    }
}

#[test]
fn tls_checks_the_authority_and_the_name() {
    let server = PostgresServer::start("");
    PostgresStore::open(&server.tls_url()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let stranger = Authority::new(scratch.path());
    let port = server.port();
    let place = format!("postgres://app:sesame-street@localhost:{port}/postgres");
    for trust in [
        format!("sslmode=require&sslrootcert={}", stranger.ca.display()),
        "sslmode=require".to_owned(),
    ] {
        let error = open_error(&format!("{place}?{trust}"));
        assert_eq!(error.kind(), ErrorKind::Unusable);
        // The HTTP transport uses the same words.
        let issuer = "issued by \"a test's authority\", which is not trusted";
        assert!(error.message().contains(issuer), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("the option sslrootcert of store"), "{hint}");
    }
    let other_name = server.tls_url().replace("@localhost", "@127.0.0.1");
    let error = open_error(&other_name);
    let names = "its certificate is for localhost, not for 127.0.0.1";
    assert!(error.message().contains(names), "{error}");
}

#[test]
fn changes_are_on_the_disk_before_they_are_acknowledged_even_with_asynchronous_commit() {
    // Asynchronous commit would flush every ten seconds, and killing the server would lose changes.
    let lazy = "synchronous_commit = off\nwal_writer_delay = 10s\n";
    let mut server = PostgresServer::start(lazy);
    let store = PostgresStore::open(&server.url()).unwrap();
    assert_eq!(store.capabilities().durability, Durability::PowerLoss);
    let mut version = None;
    for round in 0..5 {
        version = Some(applied(store.compare_and_swap(
            &key("a"),
            version,
            None,
            &[round],
        )));
        applied(store.compare_and_swap(&key(&format!("b{round}")), None, None, b"created"));
        server.kill();
        server.restart();
        // The store connects again by itself.
        let record = store.load(&key("a")).unwrap().unwrap();
        assert_eq!(
            Some(record.version),
            version,
            "an acknowledged change is lost"
        );
        assert!(store.load(&key(&format!("b{round}"))).unwrap().is_some());
    }
}

#[test]
fn killing_the_server_loses_no_change_and_repeats_none() {
    let mut server = PostgresServer::start("");
    let store: Arc<dyn Store> =
        countersign_postgres::open(&format!("{}?timeout_ms=1500", server.plain_url())).unwrap();
    let kills = Kills {
        count: 3,
        pause: Duration::from_millis(300),
        changes: 60,
    };
    survives_kills(&store, kills, || server.restart());
}

#[test]
fn lost_responses_repeat_no_change() {
    let server = PostgresServer::start("");
    let wire = Cutter::to(server.port());
    let url = server
        .url()
        .replace(&server.port().to_string(), &wire.port().to_string());
    let store = countersign_postgres::open(&url).unwrap();
    let other = countersign_postgres::open(&server.url()).unwrap();
    survives_lost_responses(&store, &other, &wire);
}

#[test]
fn a_server_that_is_down_is_unavailable_and_ended_sessions_are_replaced() {
    let mut server = PostgresServer::start("");
    let store = PostgresStore::open(&format!("{}?timeout_ms=900", server.plain_url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    // Callers don't notice that an administrator ends the store's sessions.
    for version in 1..6 {
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'countersign'");
        applied(store.compare_and_swap(&key("a"), Some(version), None, b"v"));
    }
    server.kill();
    let mut version = 6;
    let gone = until(Duration::from_secs(60), || {
        match store.compare_and_swap(&key("a"), Some(version), None, b"w") {
            Swap::Unavailable(error) => return Some(error),
            // A session may outlive its postmaster by one statement.
            Swap::Applied(now) => version = now,
            Swap::Unknown(_) => {}
            other => panic!("{other:?}"),
        }
        None
    });
    let error = gone.expect("once no session is left, a change is certainly not made");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(store.load(&key("a")).is_err() && store.now_ms().is_err());
    assert!(store.lease(&key("a"), &Owner::new("o"), LONG).is_err());
    server.restart();
    let found = store.load(&key("a")).unwrap().unwrap().version;
    assert!(
        found == version || found == version + 1,
        "{found}, acknowledged {version}"
    );
    // The request that certainly failed holds no lease.
    assert!(matches!(
        store.lease(&key("a"), &Owner::new("p"), LONG).unwrap(),
        Lease::Granted { .. }
    ));
}

#[test]
fn a_change_of_a_locked_row_is_cancelled_with_a_known_outcome() {
    let server = PostgresServer::start("");
    // The pooler's sessions have no statement timeout, so only the store's own timeout applies.
    let pooler = Pooler::start(&server, 3);
    let open =
        |url: String, ms: u32| PostgresStore::open(&format!("{url}?timeout_ms={ms}")).unwrap();
    let (hasty, pooled) = (open(server.plain_url(), 700), open(pooler.plain_url(), 700));
    let patient = format!(
        "{}?timeout_ms=30000&application_name=the%20patient",
        server.plain_url()
    );
    let patient = PostgresStore::open(&patient).unwrap();
    applied(patient.compare_and_swap(&key("a"), None, None, b"v"));
    applied(patient.compare_and_swap(&key("b"), None, None, b"v"));
    server.sql("CREATE TABLE let_go ()");
    let count = |condition: &str| {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE {condition}");
        (server.sql(&sql) == "1").then_some(())
    };
    thread::scope(|scope| {
        // Locks the row until the table `let_go` has a row.
        let hog = scope.spawn(|| {
            server.sql(
                "DO $$ BEGIN PERFORM 1 FROM countersign_records FOR UPDATE; \
                 LOOP PERFORM pg_sleep(0.02); EXIT WHEN EXISTS (SELECT FROM let_go) OR clock_timestamp() > now() + interval '1 minute'; END LOOP; END $$",
            );
        });
        until(Duration::from_secs(20), || count("wait_event = 'PgSleep'"))
            .expect("the row is locked");
        let began = Instant::now();
        match hasty.compare_and_swap(&key("a"), Some(1), None, b"w") {
            Swap::Unavailable(error) => assert!(error.message().contains("57014"), "{error}"),
            other => panic!("{other:?}"),
        }
        // A pooler may drop the cancel request. Then the outcome is unknown.
        match pooled.compare_and_swap(&key("b"), Some(1), None, b"w") {
            Swap::Unavailable(error) => assert!(error.message().contains("57014"), "{error}"),
            Swap::Unknown(_) => {}
            other => panic!("{other:?}"),
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert_eq!(patient.load(&key("a")).unwrap().unwrap().version, 1);
        // If an administrator ends a waiting session, the change is sent again and applied once.
        let waiting = scope.spawn(|| patient.compare_and_swap(&key("a"), Some(1), None, b"w"));
        let waits = "application_name = 'the patient' AND wait_event_type = 'Lock'";
        until(Duration::from_secs(20), || count(waits)).expect("the change waits");
        server.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {waits}"
        ));
        server.sql("INSERT INTO let_go DEFAULT VALUES");
        assert_eq!(applied(waiting.join().unwrap()), 2);
        hog.join().unwrap();
    });
    assert_eq!(patient.load(&key("a")).unwrap().unwrap().version, 2);
}

#[test]
fn calls_to_a_frozen_server_time_out() {
    let server = PostgresServer::start("");
    let store =
        PostgresStore::open(&format!("{}?timeout_ms=1000&pool=1", server.plain_url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'countersign'");
    server.freeze();
    let began = Instant::now();
    assert!(store.load(&key("a")).is_err());
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    server.thaw();
    assert!(store.load(&key("a")).unwrap().is_some());
}

#[test]
fn a_server_without_fsync_is_ephemeral_and_unfit_for_rotation() {
    let server = PostgresServer::start("fsync = off\n");
    let store = PostgresStore::open(&server.url()).unwrap();
    assert_eq!(store.capabilities().durability, Durability::Ephemeral);
    let error = store.fit_for_rotation().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.hint().unwrap().contains("ephemeral=allow"));
    let forced = PostgresStore::open(&format!(
        "{}?ephemeral=allow&timeout_ms=60000",
        server.plain_url()
    ))
    .unwrap();
    assert_eq!(forced.capabilities().durability, Durability::Ephemeral);
    forced.fit_for_rotation().unwrap();
}

#[test]
fn a_read_only_server_is_rejected() {
    let server = PostgresServer::start("");
    let store = PostgresStore::open(&format!("{}?timeout_ms=5000", server.plain_url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    server.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    server.sql("SELECT pg_reload_conf()");
    let read_only = until(Duration::from_secs(60), || {
        PostgresStore::open(&server.url()).err()
    });
    let error = read_only.expect("the server becomes read-only");
    assert!(error.message().contains("read-only"), "{error}");
    match store.compare_and_swap(&key("a"), Some(1), None, b"w") {
        Swap::Unavailable(_) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_store_works_inside_another_runtime() {
    let server = PostgresServer::start("");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = PostgresStore::open(&server.url()).unwrap();
        applied(store.compare_and_swap(&key("a"), None, None, b"v"));
        drop(store);
    });
}
