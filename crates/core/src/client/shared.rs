//! What all grants of a client have in common: the app, and the injected ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::time::Duration;

use super::Change;
use super::credentials::Credentials;
use super::failpoint::Failpoints;
use super::leases::Leases;
use super::login_keys::LoginKeys;
use super::metadata::Metadata;
use super::seed::SpentSeeds;
use super::timer::Timer;
use crate::{Clock, Connection, Error, GrantId, Random, Transport};

/// The state that all grants of a client share.
pub(super) struct Shared {
    pub(super) connection: Arc<Connection>,
    pub(super) credentials: Credentials,
    pub(super) metadata: Metadata,
    pub(super) login_keys: LoginKeys,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) leases: Leases,
    /// The host, process and client, as events name them.
    pub(super) who: String,
    /// A random number between 0 and 1 that keeps the clients of a fleet from acting all at once.
    pub(super) jitter: f32,
    /// How far the server's clock is ahead of ours, if assertions must follow it.
    pub(super) skew_s: AtomicI64,
    pub(super) timer: Timer,
    pub(super) spent_seeds: Option<Arc<dyn SpentSeeds>>,
    /// Whether no new request may start.
    pub(super) draining: AtomicBool,
    pub(super) listener: Option<Listener>,
    pub(super) grant_listener: Option<GrantListener>,
    pub(super) warning: Option<OnWarning>,
    pub(super) failpoints: Option<Arc<dyn Failpoints>>,
    /// Overrides the settings, for tests.
    pub(super) max_wait: Option<Duration>,
}

pub(super) type OnWarning = Arc<dyn Fn(&Error) + Send + Sync>;
pub(super) type Listener = Arc<dyn Fn(&Change) + Send + Sync>;
pub(super) type GrantListener = Arc<dyn Fn(&GrantId, &Change) + Send + Sync>;
