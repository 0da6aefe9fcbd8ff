//! Measures this store's calls with a server on this machine, with and without TLS.
//!
//! `cargo run --release --example latency -p countersign-redis`

use std::io::Write;

use countersign_store_conformance::latency;
use countersign_store_conformance::servers::RedisServer;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = RedisServer::durable();
    let mut out = std::io::stdout();
    for (connection, url) in [("loopback", server.url()), ("TLS", server.tls_url())] {
        let store = countersign_redis::open(&url)?;
        let [swap, load, lease] = latency(store.as_ref(), 2000);
        writeln!(
            out,
            "Redis, appendfsync always, {connection}: change {swap}; load {load}; lease and release {lease}"
        )?;
    }
    Ok(())
}
