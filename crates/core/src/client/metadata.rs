//! The metadata of the client's authorization server: cached in memory and in the store, and
//! fetched again when it is old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Inner, login_keys};
use crate::metadata::MetadataSource;
use crate::{Connection, Error, ErrorKind, Moment, ServerMetadata, Verdict, discovery};

/// For how long old metadata is used while the server does not return newer one.
const STALE: Duration = Duration::from_secs(7 * 24 * 3600);
/// The minimum time between two attempts to replace old metadata.
const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// The metadata that a client knows.
#[derive(Default)]
pub(super) struct Metadata(Mutex<Option<Known>>);

#[derive(Clone)]
struct Known {
    metadata: Arc<ServerMetadata>,
    fetched: i64,
    lifetime: Duration,
    /// When fetching it again last failed.
    failed: Option<i64>,
}

/// The entry in the store.
#[derive(Serialize, Deserialize)]
struct Written {
    countersign: String,
    source: String,
    issuer: String,
    fetched_ms: i64,
    lifetime_s: u64,
    document: String,
}

/// The value of `countersign` in an entry.
const KIND: &str = "metadata";

impl Known {
    fn age(&self, now: Moment) -> Duration {
        Duration::from_millis(now.unix_ms.saturating_sub(self.fetched).max(0) as u64)
    }

    fn is_fresh(&self, now: Moment) -> bool {
        // Metadata of the future was written with another clock.
        self.fetched <= now.unix_ms && self.age(now) < self.lifetime
    }

    fn is_usable(&self, now: Moment) -> bool {
        self.age(now) < self.lifetime + STALE
    }

    fn may_be_replaced(&self, now: Moment) -> bool {
        let failed = self.failed.filter(|failed| *failed <= now.unix_ms);
        failed.is_none_or(|failed| now.unix_ms - failed >= MIN_INTERVAL.as_millis() as i64)
    }
}

impl Inner {
    /// Returns the connection with its current secrets, the server's endpoints, and the client ID
    /// that the server registered, if it did.
    ///
    /// # Errors
    ///
    /// If the endpoints must be discovered and that fails.
    pub(super) fn resolved(&self) -> Result<Arc<Connection>, Error> {
        Ok(self.registered(self.with_endpoints()?))
    }

    /// Returns the connection with its current secrets and the server's endpoints.
    pub(super) fn with_endpoints(&self) -> Result<Arc<Connection>, Error> {
        let connection = self.shared.credentials.current();
        if !connection.needs_metadata() {
            return Ok(connection);
        }
        let metadata = self.metadata(&connection)?;
        connection.with_metadata(metadata).map(Arc::new)
    }

    fn metadata(&self, connection: &Connection) -> Result<Arc<ServerMetadata>, Error> {
        let source = connection.metadata_source();
        // Held while fetching: the other threads need the same document.
        let mut cached = self
            .shared
            .metadata
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.shared.clock.now();
        if cached.as_ref().is_none_or(|known| !known.is_fresh(now)) {
            let stored = self.stored_metadata(source);
            let newer = |stored: &Known| cached.as_ref().is_none_or(|c| c.fetched < stored.fetched);
            if let Some(stored) = stored.filter(newer) {
                *cached = Some(stored);
            }
        }
        let known = cached.as_ref();
        if let Some(known) =
            known.filter(|known| known.is_fresh(now) || !known.may_be_replaced(now))
        {
            return Ok(Arc::clone(&known.metadata));
        }
        let fetched =
            connection.fetch_metadata(self.shared.transport.as_ref(), self.shared.clock.as_ref());
        match fetched.and_then(|fetched| of_same_server(source, cached.as_ref(), fetched)) {
            Ok(fetched) => {
                self.store_metadata(source, now, &fetched);
                let metadata = Arc::new(fetched.metadata);
                *cached = Some(Known {
                    metadata: Arc::clone(&metadata),
                    fetched: now.unix_ms,
                    lifetime: fetched.lifetime,
                    failed: None,
                });
                Ok(metadata)
            }
            Err(error) => {
                let error = error
                    .in_context(connection.label())
                    .with_provider(&connection.profile().id);
                match cached.as_mut().filter(|known| known.is_usable(now)) {
                    Some(known) => {
                        known.failed = Some(now.unix_ms);
                        self.warn(&error.in_context("the earlier metadata stays in use"));
                        Ok(Arc::clone(&known.metadata))
                    }
                    None => Err(error),
                }
            }
        }
    }

    /// Returns the metadata in the store. A store that can't be read costs one more request.
    fn stored_metadata(&self, source: MetadataSource<'_>) -> Option<Known> {
        let stored = self.persistence.store().load(&source.store_key()).ok()??;
        let written: Written = serde_json::from_slice(&stored.value?).ok()?;
        let is_it = written.countersign == KIND && written.source == source.as_str();
        let document = is_it.then_some(written.document)?;
        let metadata = ServerMetadata::from_json(&written.issuer, document.as_bytes()).ok()?;
        let is_of_issuer = match source {
            MetadataSource::Issuer(issuer) => issuer == metadata.issuer,
            MetadataSource::Resource(_) => true,
        };
        Some(Known {
            metadata: is_of_issuer.then_some(metadata)?.into(),
            fetched: written.fetched_ms,
            lifetime: discovery::limited(Duration::from_secs(written.lifetime_s)),
            failed: None,
        })
    }

    fn store_metadata(
        &self,
        source: MetadataSource<'_>,
        now: Moment,
        fetched: &discovery::Fetched,
    ) {
        let Ok(document) = str::from_utf8(&fetched.document) else {
            return;
        };
        let written = Written {
            countersign: KIND.to_owned(),
            source: source.as_str().to_owned(),
            issuer: fetched.metadata.issuer.clone(),
            fetched_ms: now.unix_ms,
            lifetime_s: fetched.lifetime.as_secs(),
            document: document.to_owned(),
        };
        let store = self.persistence.store();
        let key = source.store_key();
        if let Ok(before) = store.load(&key)
            && let Ok(bytes) = serde_json::to_vec(&written)
        {
            // If another process was faster, its document is as good.
            let expected = before.map(|stored| stored.version);
            drop(store.compare_and_swap(&key, expected, None, &bytes));
        }
    }
}

/// Rejects the metadata of another server than the one that the resource named before. It would get
/// the refresh token and the app's credentials.
fn of_same_server(
    source: MetadataSource<'_>,
    known: Option<&Known>,
    fetched: discovery::Fetched,
) -> Result<discovery::Fetched, Error> {
    let (MetadataSource::Resource(resource), Some(known)) = (source, known) else {
        return Ok(fetched);
    };
    let (before, now) = (&known.metadata.issuer, &fetched.metadata.issuer);
    if before == now {
        return Ok(fetched);
    }
    let message = format!(
        "{resource} now names the authorization server {now}, but the app used {before} so far"
    );
    Err(Error::new(ErrorKind::Verification, message)
        .with_verdict(Verdict::FixConfiguration)
        .with_setting("issuer")
        .with_hint(format!(
            "if you trust the new server, set issuer = \"{now}\"; people must then log in again"
        )))
}

/// Returns whether this is the value of an entry with metadata or with the keys for logins, which
/// is not a record of a grant.
pub(super) fn is_metadata(value: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Marked {
        countersign: String,
    }
    let marked = serde_json::from_slice::<Marked>(value);
    marked.is_ok_and(|marked| [KIND, login_keys::KIND].contains(&marked.countersign.as_str()))
}
