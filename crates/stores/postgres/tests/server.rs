//! Against real servers: what every store holds, how the tables come to be, who is let in, and
//! what happens when the server is killed, slow, or not what it was.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use countersign_postgres::PostgresStore;
use countersign_store::{Durability, ErrorKind, Lease, Owner, Store, StoreKey, Swap};
use countersign_store_conformance::servers::{Authority, Cutter, Pooler, PostgresServer, until};
use countersign_store_conformance::{
    Backend, CHECKS, Kills, run, survives_kills, survives_lost_answers,
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

fn refusal(url: &str) -> countersign_store::Error {
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
fn it_holds_what_every_store_holds() {
    let server = PostgresServer::start("");
    run(&backend(server.url()));
    assert_eq!(
        server.sql("SELECT count(*) FROM pg_prepared_statements"),
        "0"
    );

    // In a schema of its own, by TLS, and by the socket: the same table or another, the same store.
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
    // The option names no port, and the server's is not the usual one.
    assert_eq!(refusal(&by_option).kind(), ErrorKind::Unavailable);
}

#[test]
fn a_pooler_may_hand_every_statement_to_another_session() {
    let server = PostgresServer::start("synchronous_commit = off\n");
    let pooler = Pooler::start(&server, 3);
    run(&backend(pooler.url()));
    // Nothing of ours stays in the sessions, which others get.
    let store = PostgresStore::open(&pooler.url()).unwrap();
    assert_eq!(store.capabilities().durability, Durability::PowerLoss);
    let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert_eq!(server.sql(open), "0");
}

#[test]
fn many_starting_at_once_make_the_tables_once() {
    let server = PostgresServer::start("");
    for round in 0..6 {
        server.sql("DROP TABLE IF EXISTS countersign_records, countersign_schema");
        let url = format!("{}?pool=1", server.url());
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
    let error = refusal(&server.url());
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
fn who_may_not_make_tables_is_told_the_sql() {
    let server = PostgresServer::start("");
    server.sql("CREATE ROLE worker LOGIN PASSWORD 'sesame-2'");
    let url = server.url_as("worker", "sesame-2");
    let error = refusal(&url);
    assert_eq!(error.kind(), ErrorKind::Unusable);
    let hint = error.hint().unwrap();
    let sql = &hint[hint.find("CREATE TABLE").unwrap()..];
    server.sql("CREATE TABLE countersign_schema (version integer PRIMARY KEY)");
    let ungranted = refusal(&url);
    assert!(
        ungranted.hint().unwrap().contains("GRANT SELECT"),
        "{ungranted:?}"
    );
    server.sql("DROP TABLE countersign_schema");
    // What the hint says is what helps, as it stands, and no more rights than that are needed.
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
fn who_is_not_let_in_is_told_why_and_no_secret() {
    let server = PostgresServer::start("");
    let port = server.port();
    let wrong = refusal(&server.url_as("app", "wr0ng"));
    assert_eq!(wrong.kind(), ErrorKind::Unusable);
    assert!(
        wrong.message().contains("password authentication failed"),
        "{wrong}"
    );
    let missing = refusal(&format!("postgres://app@127.0.0.1:{port}/postgres"));
    assert_eq!(missing.kind(), ErrorKind::Unusable);
    assert!(
        missing.hint().unwrap().contains("password_file"),
        "{missing:?}"
    );
    let nowhere = refusal(&format!(
        "postgres://app:sesame-street@127.0.0.1:{port}/nowhere"
    ));
    assert!(nowhere.message().contains("nowhere"), "{nowhere}");
    let closed = refusal("postgres://app:sesame-street@127.0.0.1:1/postgres");
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
        let error = refusal(url);
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
        let error = refusal(&format!("{place}?{trust}"));
        assert_eq!(error.kind(), ErrorKind::Unusable);
        // In the words that the transport has for it.
        let issuer = "issued by \"a test's authority\", which is not trusted";
        assert!(error.message().contains(issuer), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("the option sslrootcert of store"), "{hint}");
    }
    let other_name = server.tls_url().replace("@localhost", "@127.0.0.1");
    let error = refusal(&other_name);
    let names = "its certificate is for localhost, not for 127.0.0.1";
    assert!(error.message().contains(names), "{error}");
}

#[test]
fn a_change_is_on_the_disk_before_it_is_told_whatever_the_session_says() {
    // Asynchronous commit would flush every ten seconds: a killed server would lose the change.
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
        // The same store goes on by itself.
        let record = store.load(&key("a")).unwrap().unwrap();
        assert_eq!(
            Some(record.version),
            version,
            "a change that was told is gone"
        );
        assert!(store.load(&key(&format!("b{round}"))).unwrap().is_some());
    }
}

#[test]
fn killed_in_the_middle_nothing_told_is_lost_and_nothing_is_done_twice() {
    let mut server = PostgresServer::start("");
    let store: Arc<dyn Store> =
        countersign_postgres::open(&format!("{}?timeout_ms=1500", server.url())).unwrap();
    let kills = Kills {
        count: 3,
        pause: Duration::from_millis(300),
        changes: 60,
    };
    survives_kills(&store, kills, || server.restart());
}

#[test]
fn lost_answers_are_found_out() {
    let server = PostgresServer::start("");
    let wire = Cutter::to(server.port());
    let url = server
        .url()
        .replace(&server.port().to_string(), &wire.port().to_string());
    let store = countersign_postgres::open(&url).unwrap();
    let other = countersign_postgres::open(&server.url()).unwrap();
    survives_lost_answers(&store, &other, &wire);
}

#[test]
fn down_is_unavailable_and_cut_off_is_found_out() {
    let mut server = PostgresServer::start("");
    let store = PostgresStore::open(&format!("{}?timeout_ms=900", server.url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    // An administrator ends our sessions: nobody notices.
    for version in 1..6 {
        server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'countersign'");
        applied(store.compare_and_swap(&key("a"), Some(version), None, b"v"));
    }
    server.kill();
    let mut version = 6;
    let gone = until(Duration::from_secs(5), || {
        match store.compare_and_swap(&key("a"), Some(version), None, b"w") {
            Swap::Unavailable(error) => return Some(error),
            // A session may outlive its postmaster by one statement.
            Swap::Applied(now) => version = now,
            Swap::Unknown(_) => {}
            other => panic!("{other:?}"),
        }
        None
    });
    let error = gone.expect("certainly not written, once the connection is known to be gone");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(store.load(&key("a")).is_err() && store.now_ms().is_err());
    assert!(store.lease(&key("a"), &Owner::new("o"), LONG).is_err());
    server.restart();
    let found = store.load(&key("a")).unwrap().unwrap().version;
    assert!(
        found == version || found == version + 1,
        "{found}, told {version}"
    );
    // What failed for certain holds nothing.
    assert!(matches!(
        store.lease(&key("a"), &Owner::new("p"), LONG).unwrap(),
        Lease::Granted { .. }
    ));
}

#[test]
fn a_row_that_somebody_holds_ends_in_a_certain_no() {
    let server = PostgresServer::start("");
    // The pooler's sessions have no statement timeout: there it is our own patience that ends.
    let pooler = Pooler::start(&server, 3);
    let open =
        |url: String, ms: u32| PostgresStore::open(&format!("{url}?timeout_ms={ms}")).unwrap();
    let (hasty, pooled) = (open(server.url(), 700), open(pooler.url(), 700));
    let patient = format!(
        "{}?timeout_ms=30000&application_name=the%20patient",
        server.url()
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
        // Holds the row until it is told to let go.
        let hog = scope.spawn(|| {
            server.sql(
                "DO $$ BEGIN PERFORM 1 FROM countersign_records FOR UPDATE; \
                 LOOP PERFORM pg_sleep(0.02); EXIT WHEN EXISTS (SELECT FROM let_go) OR clock_timestamp() > now() + interval '1 minute'; END LOOP; END $$",
            );
        });
        until(Duration::from_secs(20), || count("wait_event = 'PgSleep'"))
            .expect("the row's holder");
        let began = Instant::now();
        match hasty.compare_and_swap(&key("a"), Some(1), None, b"w") {
            Swap::Unavailable(error) => assert!(error.message().contains("57014"), "{error}"),
            other => panic!("{other:?}"),
        }
        // A pooler may drop the request to cancel: what is waiting is waiting, and it is said.
        match pooled.compare_and_swap(&key("b"), Some(1), None, b"w") {
            Swap::Unavailable(error) => assert!(error.message().contains("57014"), "{error}"),
            Swap::Unknown(_) => {}
            other => panic!("{other:?}"),
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert_eq!(patient.load(&key("a")).unwrap().unwrap().version, 1);
        // Ended by an administrator while it waits, it is asked again, and made once.
        let waiting = scope.spawn(|| patient.compare_and_swap(&key("a"), Some(1), None, b"w"));
        let waits = "application_name = 'the patient' AND wait_event_type = 'Lock'";
        until(Duration::from_secs(20), || count(waits)).expect("the change that waits");
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
fn a_frozen_server_is_given_up_in_time() {
    let server = PostgresServer::start("");
    let store = PostgresStore::open(&format!("{}?timeout_ms=1000&pool=1", server.url())).unwrap();
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
fn a_server_that_keeps_less_is_declared_and_refused() {
    let server = PostgresServer::start("fsync = off\n");
    let store = PostgresStore::open(&server.url()).unwrap();
    assert_eq!(store.capabilities().durability, Durability::Ephemeral);
    let error = store.fit_for_rotation().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unusable);
    assert!(error.hint().unwrap().contains("ephemeral=allow"));
    let forced = PostgresStore::open(&format!("{}?ephemeral=allow", server.url())).unwrap();
    assert_eq!(forced.capabilities().durability, Durability::Ephemeral);
    forced.fit_for_rotation().unwrap();
}

#[test]
fn a_read_only_server_takes_nothing_and_says_so() {
    let server = PostgresServer::start("");
    let store = PostgresStore::open(&format!("{}?timeout_ms=5000", server.url())).unwrap();
    applied(store.compare_and_swap(&key("a"), None, None, b"v"));
    server.sql("ALTER SYSTEM SET default_transaction_read_only = on");
    server.sql("SELECT pg_reload_conf()");
    let read_only = until(Duration::from_secs(5), || {
        PostgresStore::open(&server.url()).err()
    });
    let error = read_only.expect("a refusal");
    assert!(error.message().contains("read-only"), "{error}");
    match store.compare_and_swap(&key("a"), Some(1), None, b"w") {
        Swap::Unavailable(_) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_with_a_runtime_of_its_own_may_call_it() {
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
