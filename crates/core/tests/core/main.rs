//! Tests of core through its public API.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

mod assertions;
mod authorization;
mod bounds;
mod cases;
mod client;
mod clocks;
mod connection;
mod device;
mod drain;
mod dry_run;
mod durability;
mod expired;
mod expiry;
mod failures;
mod forget;
mod grants;
mod identity;
mod key_settings;
mod login;
mod lookup;
mod loopback;
mod mistakes;
#[path = "../../../jose/tests/openssl/mod.rs"]
mod openssl;
mod places;
mod principals;
mod profiles;
mod rejected;
mod rereading;
mod responses;
mod rotation;
mod routes;
mod salvage;
mod secrets;
mod seeds;
mod store;
mod subjects;
mod support;
mod templates;
mod transport;
mod trust;
mod usage;
mod vendor_assertions;
mod vendor_mistakes;
mod vendor_requests;
mod vendor_revocations;
mod vendor_secrets;
mod vendor_urls;
mod vendor_words;
mod waits;
mod web_login_keys;
mod web_logins;
mod whom;
