//! Against real servers.

use countersign_store_conformance::servers::PostgresServer;
use countersign_store_conformance::{Backend, run};

fn backend(url: String) -> Backend {
    Backend::new(move || countersign_postgres::open(&url).unwrap())
}

#[test]
fn it_holds_what_every_store_holds() {
    let server = PostgresServer::start("");
    run(&backend(server.url()));
}
