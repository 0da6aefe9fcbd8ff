//! The grant of one principal of a client's app.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::pending::Pending;
use super::principals::Principals;
use super::{Cached, Client, Counts, Event, Fresh, Inner, Revocation};
use crate::{Error, Extra, GrantId, GrantKind, Secret, StoreKey, Token};

/// The grant of one principal: a user, tenant or account of the host.
///
/// [`Client::grant`] returns it. It has a record of its own in the client's store, and returns that
/// principal's tokens only. Otherwise it behaves like a [`Client`].
///
/// Clones, and all handles of one ID in a process, share one state. A grant needs no thread,
/// connection or descriptor of its own.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign_core::{ErrorKind, MemoryStore, testing};
///
/// # let connection = countersign_core::testing::connection([
/// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
/// #     ("redirect_uri", "https://app.example/callback"),
/// # ])?;
/// let client = testing::client_of(connection, [], Arc::new(MemoryStore::new())).client;
/// let grant = client.grant("acme/42")?;
/// // Nobody has logged in for this principal.
/// assert_eq!(grant.token().unwrap_err().kind(), ErrorKind::NoToken);
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Grant {
    id: GrantId,
    client: Client,
}

/// Whose grant it is.
pub(super) enum Whose {
    /// The connection's own grant, with the grants of its principals.
    Connection(Principals),
    Principal(GrantId),
}

impl Client {
    /// Returns the grant of a principal, for a connection whose grant type is authorization-code.
    ///
    /// This does no I/O. The ID is chosen by the server, never by a request: see [`GrantId`].
    ///
    /// # Errors
    ///
    /// If the ID isn't valid, for another grant type, and in a forked child.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_core::{MemoryStore, testing};
    ///
    /// # let connection = countersign_core::testing::connection([
    /// #     ("grant", "authorization-code"), ("client_id", "app"), ("client_secret", "s3cret"),
    /// #     ("redirect_uri", "https://app.example/callback"),
    /// # ])?;
    /// let client = testing::client_of(connection, [], Arc::new(MemoryStore::new())).client;
    /// assert_eq!(client.grant("acme/42")?.id().as_str(), "acme/42");
    /// assert!(client.grant("acme/../43").is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn grant(&self, id: impl AsRef<str>) -> Result<Grant, Error> {
        let id = GrantId::new(id.as_ref())?;
        self.0.check_process()?;
        let shared = &self.0.shared;
        let Whose::Connection(principals) = &self.0.whose else {
            return Err(Error::setting(
                "grant",
                "a principal's grant has no grants of its own",
            ));
        };
        if shared.connection.grant() != GrantKind::AuthorizationCode {
            return Err(has_no_principals(shared.connection.grant()));
        }
        let inner = principals.get(&id, || self.0.of_principal(id.clone()));
        Ok(Grant {
            id,
            client: Client(inner),
        })
    }
}

fn has_no_principals(kind: GrantKind) -> Error {
    let message = format!("`grant` is {kind}, but grants by principal need authorization-code");
    let hint = match kind {
        GrantKind::JwtBearer => "use Subjects, or build one client for each connection",
        _ => "set grant to authorization-code, or build one client for each connection",
    };
    Error::setting("grant", message).with_hint(hint)
}

impl Grant {
    /// Returns whose grant it is.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// assert_eq!(grant.id().as_str(), "acme/42");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn id(&self) -> &GrantId {
        &self.id
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.client.0
    }

    /// Returns the grant as a client, for code and adapters that take one.
    ///
    /// Its [`Client::connection`] is the app's.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Client, Error, Grant};
    ///
    /// /// Works for a client's own grant and for a principal's.
    /// fn header(client: &Client) -> Result<String, Error> {
    ///     Ok(client.token()?.authorization().expose().to_owned())
    /// }
    ///
    /// fn header_of(grant: &Grant) -> Result<String, Error> {
    ///     header(grant.as_client())
    /// }
    /// ```
    pub fn as_client(&self) -> &Client {
        &self.client
    }

    /// Like [`Client::token`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Client::token`]. With the verdict `reauthorize`, the person has to connect the account
    /// again.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// // After a login, until the person or the vendor ends the grant.
    /// assert_eq!(grant.token()?.expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn token(&self) -> Result<Token, Error> {
        self.client.token()
    }

    /// Like [`Grant::token`], for async code on any runtime.
    pub fn token_async(&self) -> Pending<Token> {
        self.client.token_async()
    }

    /// Like [`Client::token_valid_for`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Grant::token`].
    pub fn token_valid_for(&self, min_valid: Duration) -> Result<Token, Error> {
        self.client.token_valid_for(min_valid)
    }

    /// Like [`Grant::token_valid_for`], for async code on any runtime.
    pub fn token_valid_for_async(&self, min_valid: Duration) -> Pending<Token> {
        self.client.token_valid_for_async(min_valid)
    }

    /// Like [`Client::refresh_now`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Grant::token`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([Ok(testing::rotated_response("t2", "r2", 3600))]);
    /// assert_eq!(grant.refresh_now()?.expose(), "t2");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn refresh_now(&self) -> Result<Token, Error> {
        self.client.refresh_now()
    }

    /// Like [`Grant::refresh_now`], for async code on any runtime.
    pub fn refresh_now_async(&self) -> Pending<Token> {
        self.client.refresh_now_async()
    }

    /// Like [`Client::fresh`], for this principal.
    #[inline]
    pub fn fresh(&self) -> Option<Fresh<'_>> {
        self.client.fresh()
    }

    /// Like [`Client::peek`], for this principal.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// assert_eq!(grant.peek(None).unwrap().expose(), "t1");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn peek(&self, min_valid: Option<Duration>) -> Option<Token> {
        self.client.peek(min_valid)
    }

    /// Like [`Client::cached`], for this principal.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// assert!(grant.cached().is_some());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn cached(&self) -> Option<Cached> {
        self.client.cached()
    }

    /// Like [`Client::invalidate`], for this principal.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([Ok(testing::rotated_response("t2", "r2", 3600))]);
    /// let token = grant.token()?;
    /// // An API answered 401.
    /// grant.invalidate(&token);
    /// assert_eq!(grant.token()?.expose(), "t2");
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn invalidate(&self, token: &Token) {
        self.client.invalidate(token);
    }

    /// Like [`Client::invalidate_access_token`], for this principal.
    pub fn invalidate_access_token(&self, access_token: &Secret) {
        self.client.invalidate_access_token(access_token);
    }

    /// Like [`Client::forget`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Client::forget`].
    pub fn forget(&self) -> Result<Revocation, Error> {
        self.client.forget()
    }

    /// Like [`Grant::forget`], for async code on any runtime.
    pub fn forget_async(&self) -> Pending<Revocation> {
        self.client.forget_async()
    }

    /// Like [`Client::force_forget`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Client::force_forget`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// grant.force_forget()?;
    /// assert!(grant.token().is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn force_forget(&self) -> Result<Revocation, Error> {
        self.client.force_forget()
    }

    /// Like [`Client::identity`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Client::identity`].
    pub fn identity(&self) -> Result<Extra, Error> {
        self.client.identity()
    }

    /// Like [`Client::events`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Client::events`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// assert!(!grant.events()?.is_empty());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        self.client.events()
    }

    /// Like [`Client::has_refresh_token`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Client::has_refresh_token`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// assert!(grant.has_refresh_token()?);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn has_refresh_token(&self) -> Result<bool, Error> {
        self.client.has_refresh_token()
    }

    /// Like [`Client::refresh_token_expires_at`], for this principal.
    ///
    /// # Errors
    ///
    /// As [`Client::refresh_token_expires_at`].
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// // The vendor does not say.
    /// assert_eq!(grant.refresh_token_expires_at()?, None);
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn refresh_token_expires_at(&self) -> Result<Option<i64>, Error> {
        self.client.refresh_token_expires_at()
    }

    /// Like [`Client::unsaved`], for this principal.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::testing;
    ///
    /// # let grant = testing::grant([]);
    /// // Every refresh token is in the store.
    /// assert!(grant.unsaved().is_none());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn unsaved(&self) -> Option<Error> {
        self.client.unsaved()
    }

    /// Like [`Client::counts`], for this principal since its grant was read into memory.
    pub fn counts(&self) -> Counts {
        self.client.counts()
    }
}

impl AsRef<Client> for Grant {
    fn as_ref(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("id", &self.id)
            .field("client", &self.client)
            .finish()
    }
}

impl Inner {
    /// Creates the state of a principal's grant.
    fn of_principal(&self, id: GrantId) -> Self {
        let base = self.asks_for.as_deref();
        let asks_for = base.map(|base| StoreKey::of([base, "principal", id.as_str()]).to_hex());
        let persistence = self.persistence.of_principal(id.clone());
        let shared = Arc::clone(&self.shared);
        Self::new(shared, Whose::Principal(id), persistence, asks_for)
    }

    pub(super) fn principal(&self) -> Option<&GrantId> {
        match &self.whose {
            Whose::Connection(_) => None,
            Whose::Principal(id) => Some(id),
        }
    }

    /// Returns how messages refer to the grant.
    pub(super) fn label(&self) -> String {
        let connection = self.shared.connection.label();
        match self.principal() {
            None => connection,
            Some(id) => format!("{connection}, grant `{id}`"),
        }
    }
}
