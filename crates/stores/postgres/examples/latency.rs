//! Measures this store's calls with a server on this machine, with and without TLS.
//!
//! `cargo run --release --example latency -p countersign-postgres`

use std::io::Write;

use countersign_store_conformance::latency;
use countersign_store_conformance::servers::PostgresServer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = PostgresServer::start("");
    let mut out = std::io::stdout();
    for (connection, url) in [("loopback", server.url()), ("TLS", server.tls_url())] {
        let store = countersign_postgres::open(&url)?;
        let [swap, load, lease] = latency(store.as_ref(), 2000);
        writeln!(
            out,
            "PostgreSQL, {connection}: change {swap}; load {load}; lease and release {lease}"
        )?;
    }
    Ok(())
}
