//! Transports that share connections, certificates and TLS sessions.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::UreqTransport;
use super::route::Route;
use super::trust::Trust;
use crate::{Error, Network};

/// Builds transports that share resources. Transports with the same `roots`, `ca_file` and
/// `ca_only` share TLS sessions and the certificates, which are read once; if `proxy` is the same
/// as well, they share connections.
///
/// A program with many connections keeps one `Transports` and gets each client's transport from it.
///
/// # Example
///
/// ```
/// use countersign_core::{Network, Transports};
///
/// let transports = Transports::new();
/// let one = transports.get(&Network::default())?;
/// let another = transports.get(&Network::default())?;
/// assert!(one.shares_connections_with(&another));
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Default)]
pub struct Transports(Mutex<Known>);

#[derive(Default)]
struct Known {
    trusts: Vec<(Network, Weak<Trust>)>,
    routes: Vec<(Network, Weak<Route>)>,
}

impl Transports {
    /// Creates an empty set of transports.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a transport for these settings. It shares everything except `timeout_ms` with the
    /// transports in use that have the same settings.
    ///
    /// # Errors
    ///
    /// As [`UreqTransport::new`].
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::{Network, Transports};
    ///
    /// let mut patient = Network::default();
    /// patient.timeout = Duration::from_secs(120);
    /// let transports = Transports::new();
    /// let one = transports.get(&Network::default())?;
    /// assert!(transports.get(&patient)?.shares_connections_with(&one));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn get(&self, network: &Network) -> Result<UreqTransport, Error> {
        let mut known = self.known();
        let found = find(&known.routes, |other| other.same_route(network));
        let route = match found {
            Some(route) => route,
            None => {
                let trust = known.trust(network)?;
                let route = Arc::new(Route::new(network.proxy.as_ref(), trust)?);
                known.routes.retain(|(_, route)| route.strong_count() > 0);
                known.routes.push((network.clone(), Arc::downgrade(&route)));
                route
            }
        };
        Ok(UreqTransport::over(route, network.timeout))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn trust(&mut self, network: &Network) -> Result<Arc<Trust>, Error> {
        if let Some(trust) = find(&self.trusts, |other| other.same_trust(network)) {
            return Ok(trust);
        }
        let trust = Arc::new(Trust::new(network)?);
        self.trusts.retain(|(_, trust)| trust.strong_count() > 0);
        let choice = Network {
            proxy: None,
            ..network.clone()
        };
        self.trusts.push((choice, Arc::downgrade(&trust)));
        Ok(trust)
    }
}

fn find<T>(known: &[(Network, Weak<T>)], is: impl Fn(&Network) -> bool) -> Option<Arc<T>> {
    known
        .iter()
        .filter(|(network, _)| is(network))
        .find_map(|(_, shared)| shared.upgrade())
}

impl UreqTransport {
    /// Whether both come from the same [`Transports`] and have the same settings, apart from the
    /// timeout.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Network, Transports, UreqTransport};
    ///
    /// let transports = Transports::new();
    /// let one = transports.get(&Network::default())?;
    /// assert!(one.shares_connections_with(&transports.get(&Network::default())?));
    /// assert!(!one.shares_connections_with(&UreqTransport::new(&Network::default())?));
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn shares_connections_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.route, &other.route)
    }
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transports")
            .field("routes", &self.known().routes.len())
            .finish_non_exhaustive()
    }
}
