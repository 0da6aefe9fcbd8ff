//! Short runs of the hammer; long ones by hand: `cargo xtask chaos --seconds 3600`.

use countersign_chaos::hammer::{Plan, run};
use countersign_chaos::ledger::Tally;
use countersign_chaos::{PlaceKind, Server};

fn plan(store: PlaceKind, server: Server) -> Plan {
    Plan {
        store,
        server,
        processes: 4,
        threads: 4,
        kill_ms: 0,
        seconds: 6,
        slow_ms: 0,
        program: env!("CARGO_BIN_EXE_countersign-chaos").into(),
        seed: 20_261_121,
    }
}

fn held(plan: &Plan) -> Option<Tally> {
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
fn without_kills_there_is_one_request_for_each_expiry() {
    let tally = held(&plan(PlaceKind::File, Server::Strict)).unwrap();
    assert!(tally.expiries >= 2, "{tally:?}");
    assert_eq!(tally.refresh_posts, tally.expiries);
}

#[test]
fn killed_processes_lose_nothing_at_a_server_with_grace() {
    let tally = held(&Plan {
        kill_ms: 150,
        slow_ms: 4,
        ..plan(PlaceKind::File, Server::Grace)
    });
    assert!(tally.unwrap().kills > 10);
}

#[test]
fn killed_processes_lose_only_what_nobody_could_keep_at_a_strict_server() {
    let tally = held(&Plan {
        kill_ms: 100,
        slow_ms: 5,
        seconds: 9,
        ..plan(PlaceKind::File, Server::Strict)
    });
    assert!(tally.unwrap().kills > 20);
}

#[test]
fn the_fleets_stores_send_once_for_each_expiry_as_well() {
    for store in [PlaceKind::Redis, PlaceKind::Postgres] {
        if let Some(tally) = held(&plan(store, Server::Strict)) {
            assert_eq!(tally.refresh_posts, tally.expiries, "{tally:?}");
        }
    }
}
