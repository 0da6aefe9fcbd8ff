//! The real command against the sandbox, over real TLS.

mod canary;
mod configuration;
mod consent;
mod device;
mod device_login;
mod doctor;
mod dry_run;
mod exec;
mod failures;
mod key_new;
mod keys;
mod login;
mod packaging;
mod plugin;
mod profile;
mod providers;
mod setup;
mod store;
mod store_servers;
mod store_tenants;
mod terminal;
mod token;
