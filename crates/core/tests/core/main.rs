//! What core promises, tested through its public API.

mod connection;
mod grants;
mod keeper;
mod login;
mod rooms;
mod rotation;
mod secrets;
mod store;
mod support;
mod transport;
