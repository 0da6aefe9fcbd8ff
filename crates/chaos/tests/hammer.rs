//! Short runs of the hammer. For a long one, run `cargo xtask chaos --seconds 3600`.

use countersign_chaos::hammer::{Plan, Strike, run};
use countersign_chaos::ledger::Tally;
use countersign_chaos::{PlaceKind, Server};

fn plan(store: PlaceKind, server: Server) -> Plan {
    Plan {
        store,
        server,
        processes: 4,
        threads: 5,
        kill_ms: 0,
        strikes: Strike::ALL.to_vec(),
        seconds: 6,
        slow_ms: 0,
        timeout_ms: 2000,
        program: env!("CARGO_BIN_EXE_countersign-chaos").into(),
        seed: 20_261_121,
    }
}

fn run_cleanly(plan: &Plan) -> Option<Tally> {
    if let Some(why) = plan.store.missing() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
        return None;
    }
    let (tally, notes) = run(plan);
    let wrong = tally.complaints();
    assert!(
        wrong.is_empty(),
        "{wrong:?}\n{tally:?}\n{}",
        notes.join("\n")
    );
    Some(tally)
}

#[test]
fn without_faults_there_is_one_request_per_expiry() {
    let tally = run_cleanly(&plan(PlaceKind::File, Server::Strict)).unwrap();
    assert!(tally.expiries >= 2, "{tally:?}");
    assert_eq!(tally.refresh_posts, tally.expiries);
}

#[test]
fn killed_processes_lose_nothing_at_a_server_with_grace() {
    let tally = run_cleanly(&Plan {
        kill_ms: 150,
        slow_ms: 4,
        ..plan(PlaceKind::File, Server::Grace)
    })
    .unwrap();
    assert!(tally.kills > 5, "{tally:?}");
}

#[test]
fn killed_processes_lose_only_what_no_client_could_keep_at_a_strict_server() {
    let tally = run_cleanly(&Plan {
        kill_ms: 100,
        slow_ms: 5,
        seconds: 9,
        ..plan(PlaceKind::File, Server::Strict)
    })
    .unwrap();
    assert!(tally.kills > 10, "{tally:?}");
}

#[test]
fn nothing_is_lost_if_processes_fork_and_shut_down_and_files_are_removed() {
    let tally = run_cleanly(&Plan {
        kill_ms: 200,
        slow_ms: 4,
        // On a machine under load, a slow response takes longer than 2 s. Then nobody can keep it.
        timeout_ms: 15_000,
        strikes: vec![
            Strike::Fork,
            Strike::RemoveLocks,
            Strike::RemoveRecords,
            Strike::ShutDown,
        ],
        ..plan(PlaceKind::File, Server::Strict)
    })
    .unwrap();
    assert_eq!(tally.lost, 0, "{tally:?}");
    let struck = [
        tally.forks,
        tally.locks_removed,
        tally.records_removed,
        tally.shutdowns,
    ];
    assert!(!struck.contains(&0), "{tally:?}");
}

#[test]
fn with_redis_and_postgres_there_is_one_request_per_expiry() {
    for store in [PlaceKind::Redis, PlaceKind::Postgres] {
        if let Some(tally) = run_cleanly(&plan(store, Server::Strict)) {
            assert_eq!(tally.refresh_posts, tally.expiries, "{tally:?}");
        }
    }
}

#[test]
fn redis_and_postgres_lose_nothing_at_a_server_with_grace() {
    for store in [PlaceKind::Redis, PlaceKind::Postgres] {
        let plan = Plan {
            kill_ms: 400,
            ..plan(store, Server::Grace)
        };
        if let Some(tally) = run_cleanly(&plan) {
            assert!(tally.records_removed > 0, "{tally:?}");
        }
    }
}
