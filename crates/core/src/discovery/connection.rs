//! Discovers the endpoints of a connection.

use std::sync::Arc;

use super::{Fetched, discover_resource, fetch};
use crate::metadata::MetadataSource;
use crate::{Clock, Connection, Error, Transport};

impl Connection {
    /// Fetches the server's metadata and returns a copy with its endpoints. Without discovery, the
    /// copy is the same.
    ///
    /// A [`Client`](crate::Client) does this itself, and keeps the metadata in its store.
    ///
    /// # Errors
    ///
    /// As [`discover_resource`](crate::discover_resource), [`discover`](crate::discover) and
    /// [`Connection::with_metadata`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let connection = testing::connection([
    /// #     ("grant", "client-credentials"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// # ])?;
    /// // Acme's endpoints are in its profile, so nothing is requested.
    /// let transport = testing::MockTransport::new([]);
    /// let clock = testing::ManualClock::at(testing::NOW);
    /// let same = connection.discover(&*transport, &clock)?;
    /// assert_eq!(same.token_url(), connection.token_url());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn discover(&self, transport: &dyn Transport, clock: &dyn Clock) -> Result<Self, Error> {
        if !self.needs_metadata() {
            return Ok(self.clone());
        }
        let fetched = self.fetch_metadata(transport, clock).map_err(|error| {
            error
                .in_context(self.label())
                .with_provider(&self.profile().id)
        })?;
        self.with_metadata(Arc::new(fetched.metadata))
    }

    /// Fetches the metadata of the issuer, or of the server that the resource names.
    pub(crate) fn fetch_metadata(
        &self,
        transport: &dyn Transport,
        clock: &dyn Clock,
    ) -> Result<Fetched, Error> {
        let resource = match self.metadata_source() {
            MetadataSource::Issuer(issuer) => return fetch(issuer, transport, clock),
            MetadataSource::Resource(resource) => discover_resource(resource, transport, clock)?,
        };
        // There is at least one, and the first one is the resource's choice.
        let issuer = resource.authorization_servers.first();
        fetch(issuer.map_or("", String::as_str), transport, clock)
    }
}
