//! Against real servers: what every store holds, what is declared, and what happens when the
//! server is killed, full, frozen, or not what it was.

use std::sync::Arc;
use std::time::Duration;

use countersign::{Durability, ErrorKind, Lease, Owner, Store, StoreKey, Swap, Verdict};
use countersign_redis::RedisStore;
use countersign_store_conformance::servers::RedisServer;
use countersign_store_conformance::{Backend, run};

fn backend(url: String) -> Backend {
    Backend::new(move || countersign_redis::open(&url).unwrap())
}

#[test]
fn it_holds_what_every_store_holds() {
    let server = RedisServer::durable();
    run(&backend(server.url()));
}
