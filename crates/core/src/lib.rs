//! countersign gets access tokens for server-side integrations and keeps them valid.
//!
//! It signs the assertion, posts the form, understands the vendor's response, and never loses a
//! refresh token that a client could have kept. [`Settings`] and a [`Provider`] make a
//! [`Connection`]; a [`Client`] returns the connection's token. Building a request and reading its
//! response are pure functions: see [`token_request`] and [`read_token_response`].
//!
//! This crate knows no vendor. The crates `countersign-docusign`, `countersign-salesforce` and
//! `countersign-boldsign` know theirs. A [`Profile`] describes any other.
//!
//! Every function fails with the same [`Error`] type, whose [`Verdict`] says what to do.
//!
//! # Example
//!
//! ```no_run
//! # #[cfg(feature = "ureq")] fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use countersign_core::{Connection, Client, Profile, Settings, from_profile};
//!
//! // If the vendor has a crate of its own, call its `provider()` instead.
//! let provider = from_profile(Profile::from_toml(&std::fs::read_to_string("acme.toml")?)?);
//! let file = Settings::from_toml(&std::fs::read_to_string("countersign.toml")?)?;
//! let settings = Settings::select(file, "work")?.resolve(|name| std::env::var(name).ok())?;
//! let client = Client::new(Connection::new("work", &settings, provider)?)?;
//! // Call this whenever you need a token, from any thread. A valid token is reused.
//! let header = client.token()?.authorization();
//! # Ok(()) }
//! # #[cfg(not(feature = "ureq"))] fn main() {}
//! ```
//!
//! # Features
//!
//! - `ureq` (default): the transport of [`Client::new`], ureq 3 with rustls. Without it, pass a
//!   transport to [`Client::builder`].
//! - `tracing`: spans and events for the crate [`tracing`](https://docs.rs/tracing).
//! - `testing`: the module `testing`, for tests of code that uses a client.
//! - `encrypted-keys`: private keys with a passphrase, and PKCS#12.
//! - `aws-lc`: a second signing library, required for P-521 and for RSA keys over 4096 bits.
//!
//! # Tracing
//!
//! With the feature `tracing`, a client emits these spans and events for the target `countersign`.
//! They go to the subscriber, and into the span, of the thread that called the client. They contain
//! no secret.
//!
//! | name | when |
//! |---|---|
//! | span `countersign.refresh` | the cached token is not used: the client reads the store and may request a token |
//! | `countersign.refreshed` | a refresh has ended |
//! | `countersign.token_request` | a token request has ended |
//! | `countersign.store_error` | the store or the fallback store has failed |
//!
//! | field | of | meaning |
//! |---|---|---|
//! | `provider`, `connection` | all | the provider's ID and the connection's name |
//! | `forced` | `refresh` | whether the caller requires a new token ([`Client::refresh_now`]) |
//! | `grant` | `token_request` | the grant type, such as `jwt-bearer` |
//! | `outcome` | `token_request` | `token` or `error` |
//! | `outcome` | `refreshed` | where the token came from ([`Source`]), or `error` |
//! | `duration_ms` | `token_request`, `refreshed` | how long it took |
//! | `operation` | `store_error` | `read`, `write`, `delete`, `read_fallback` or `write_fallback` |
//! | `error`, `kind`, `verdict` | failures | [`Error::message`], [`Error::kind`] and [`Error::verdict`] |
//! | `http_status`, `oauth_error`, `trace_id` | failures | what the server said, if anything |
//!
//! Failures have the level `WARN`, everything else has `INFO`.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests do I/O"))]

mod app;
mod assertion;
pub mod cases;
#[cfg(feature = "tls")]
#[doc(hidden)]
pub mod certificates;
mod choices;
mod client;
mod clock;
mod connection;
mod date;
mod device;
mod discovery;
mod document;
mod dry_run;
mod error;
mod form;
mod grant_id;
mod http;
mod id_token;
mod jwks;
mod login;
mod lookup;
mod loopback;
mod metadata;
mod nearest;
mod parameters;
pub mod pkce;
mod presented_grant;
pub mod profile;
mod provider;
mod random;
mod registry;
mod requests;
mod responses;
mod secret;
mod settings;
mod subjects;
#[cfg(feature = "testing")]
pub mod testing;
mod token;
mod transport;
mod url;

pub use countersign_jose as jose;
pub use countersign_jose::jws::{self, Algorithm, CallbackSigner, KeySigner, Signer};
pub use countersign_jose::key::{self, PrivateKey, PublicKey};

pub use crate::app::{App, ClientIdentity, Endpoints, GrantPolicy};
pub use crate::choices::{BasicEncoding, ClientAuth, GrantKind, Roots, StoreSetting};
#[doc(hidden)]
pub use crate::client::failpoint;
pub use crate::client::{
    BegunLogin, Cached, Cancel, Change, Client, ClientBuilder, Counts, EndedGrant, Event,
    FinishedLogin, Fresh, Grant, LoginOptions, Pending, PendingAttempt, RecordSummary, Revocation,
    ServerRest, SpentSeeds, Stop, TokenFuture, What,
};
pub use crate::clock::{Clock, ManualClock, Moment, SystemClock};
pub use crate::connection::Connection;
#[doc(hidden)]
pub use crate::connection::label;
pub use crate::date::parse_http_date;
pub use crate::device::{DeviceLogin, read_device_authorization_response};
pub use crate::discovery::{ResourceMetadata, discover, discover_resource};
pub use crate::dry_run::{DryRun, UnsignedAssertion, dry_run, dry_run_device_login, dry_run_login};
pub use crate::error::{Error, ErrorKind, Verdict};
pub use crate::form::Form;
pub use crate::grant_id::GrantId;
pub use crate::http::{BodyFormat, Method, Request, Response};
pub use crate::id_token::{IdToken, IdTokenRules};
pub use crate::jwks::RemoteJwkSet;
pub use crate::login::{Login, read_authorization_response};
pub use crate::lookup::Account;
pub use crate::loopback::Listener;
pub use crate::metadata::ServerMetadata;
pub use crate::pkce::Pkce;
pub use crate::presented_grant::{PresentedGrant, TokenTypeHint};
pub use crate::profile::Profile;
pub use crate::provider::{Provider, from_profile, provider_from_toml};
pub use crate::random::{Random, SystemRandom};
pub use crate::registry::Registry;
pub use crate::requests::{
    device_authorization_request, revocation_request, signed_token, token_request,
};
pub use crate::responses::{
    read_json, read_resource_response, read_revocation_response, read_token_response, scalar_text,
};
pub use crate::secret::Secret;
pub use crate::settings::{Connections, SETTINGS, SettingKey, Settings};
pub use crate::subjects::Subjects;
pub use crate::token::{Extra, Source, Token, TokenResponse};
pub use crate::transport::{MAX_BODY, Network, SendError, Transport};
#[cfg(feature = "ureq")]
pub use crate::transport::{Transports, UreqTransport};
pub use crate::url::Url;
/// The stores. Their error type is [`store::Error`], which converts to [`Error`].
pub use countersign_store as store;
pub use countersign_store::{
    Capabilities, Durability, FileStore, Holder, KeyRing, Lease, LeaseKind, MemoryStore, Owner,
    SealedStore, Store, StoreKey, Stored, Swap, UnopenedStore, forward_store, trusted,
    wait_for_lease,
};
