//! A strict local emulator of the token services of DocuSign, Salesforce and BoldSign.
//!
//! It checks what the vendors check: signatures, claims, audience, times, PKCE, redirect URI,
//! client authentication, single use, rotation, consent and scopes. It responds with their
//! statuses, headers and bodies. It shares no parsing, signing or encoding code with `countersign`,
//! so the same mistake can't hide in both.
//!
//! # Example
//!
//! ```
//! use countersign_sandbox::{Fault, Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options::default())?;
//! assert!(sandbox.url().starts_with("http://127.0.0.1:"));
//! assert!(sandbox.connections().is_file());
//! sandbox.fault(Fault::row("docusign.consent_required"))?;
//! sandbox.set_clock_offset(3600);
//! sandbox.reset();
//! assert!(sandbox.log().is_empty());
//! # Ok::<(), countersign_sandbox::Error>(())
//! ```
#![forbid(unsafe_code)]

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;

use crate::{connections::Folder, world::World};
pub use crate::{
    control::Consent,
    faults::{Fault, Kind},
    log::{Issued, LogEntry, fingerprint},
    policy::{Policy, Rotation},
    rows::{Row, rows},
    stop_signals::StopSignals,
};

mod authorize;
mod boldsign;
mod client_auth;
mod connections;
mod control;
mod docusign;
mod exchange;
mod faults;
mod jwt;
mod keys;
mod log;
mod log_entry;
mod pages;
mod policy;
mod random;
mod registry;
mod rows;
mod salesforce;
mod server;
mod stop_signals;
mod tls;
mod tokens;
mod world;

/// The options of a sandbox.
///
/// # Example
///
/// ```
/// use countersign_sandbox::{Options, Rotation};
/// let options = Options { tls: true, rotation: Some(Rotation::ReuseKills), ..Options::default() };
/// assert_eq!(options.listen.port(), 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The address to listen on. Port 0 selects a free port between 20000 and 32767.
    ///
    /// Use a loopback address unless other machines must reach the sandbox.
    pub listen: SocketAddr,
    /// The folder for `connections.toml`, keys and CA. Defaults to a temporary folder.
    pub dir: Option<PathBuf>,
    /// Serves over TLS, with a CA generated at start.
    pub tls: bool,
    /// Rejects what the documentation forbids, even if the vendor accepts it.
    pub strict: bool,
    /// What happens to a refresh token when it is used. Defaults to what each vendor does.
    pub rotation: Option<Rotation>,
    /// The lifetime of access tokens in seconds. Defaults to each vendor's.
    pub access_ttl_s: Option<u64>,
    /// The tolerance for the times in assertions, in seconds.
    pub skew_s: u64,
    /// The redirect URIs to register, in addition to loopback callbacks.
    ///
    /// With `strict`, only these are accepted. The first one is written to `connections.toml`.
    pub redirect_uris: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            dir: None,
            tls: false,
            strict: false,
            rotation: None,
            access_ttl_s: None,
            skew_s: 0,
            redirect_uris: Vec::new(),
        }
    }
}

/// A running sandbox. It stops on drop.
pub struct Sandbox {
    url: String,
    folder: Folder,
    world: server::Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox on its own thread. Returns when it listens.
    ///
    /// # Errors
    ///
    /// If it can't listen on the address or write the folder, or a redirect URI is invalid.
    pub fn start(mut options: Options) -> Result<Self, Error> {
        for uri in &options.redirect_uris {
            check_redirect_uri(uri)?;
        }
        if options.strict && options.redirect_uris.is_empty() {
            options.redirect_uris = ["127.0.0.1", "localhost", "[::1]"]
                .map(|host| format!("http://{host}:{STRICT_CALLBACK_PORT}/callback"))
                .into();
        }
        let listeners = server::listen(options.listen)?;
        let port = listeners[0]
            .local_addr()
            .map_err(|e| Error::new(format!("listen: {e}")))?
            .port();
        let scheme = if options.tls { "https" } else { "http" };
        let host = match options.listen.ip() {
            ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            ip => ip,
        };
        let url = format!("{scheme}://{}", SocketAddr::new(host, port));
        let world = World::new(
            &options,
            url.clone(),
            format!("{scheme}://localhost:{port}"),
        )?;
        let tls = options.tls.then(tls::fresh).transpose()?;
        let mut folder = Folder::open(options.dir.as_deref())?;
        folder.fill(&world, tls.as_ref().map(|t| t.ca_pem.as_str()))?;

        let world = Arc::new(Mutex::new(world));
        let (stop, stopped) = oneshot::channel();
        let acceptor = tls.map(|t| t.config.into());
        let shared = world.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::new(format!("could not start the server: {e}")))?;
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = server::serve(listeners, acceptor, shared) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("sandbox".into())
            .spawn(serve);
        let thread =
            thread.map_err(|e| Error::new(format!("could not start the server's thread: {e}")))?;
        Ok(Self {
            url,
            folder,
            world,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the URL that it listens on, for example `https://127.0.0.1:24001`.
    ///
    /// This address is Salesforce's login host. With the host `localhost`, the sandbox is a
    /// Salesforce My Domain host, and under `/portal` an Experience Cloud site.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the folder with `connections.toml`, the keys and the CA.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.folder.path
    }

    /// Returns the file with a working connection for every provider and grant.
    #[must_use]
    pub fn connections(&self) -> &Path {
        &self.folder.connections
    }

    /// Returns the file with the certificate of the CA to trust; `None` without TLS.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.folder.ca_file.as_deref()
    }

    /// Returns one line of JSON for the parent process: `{"url","dir","connections","ca_file"}`.
    #[must_use]
    pub fn ready_line(&self) -> String {
        exchange::object(&[
            ("url", self.url().into()),
            ("dir", json!(self.dir())),
            ("connections", json!(self.connections())),
            ("ca_file", json!(self.ca_file())),
        ])
    }

    /// Adds a fault for the next matching requests, after those already pending.
    ///
    /// # Errors
    ///
    /// If a field is invalid, for example an unknown row.
    pub fn fault(&self, fault: Fault) -> Result<(), Error> {
        let fault = fault.checked()?;
        server::lock(&self.world).faults.push(fault);
        Ok(())
    }

    /// Shifts the sandbox's clock, which expiry checks and the `Date` header use.
    pub fn set_clock_offset(&self, seconds: i64) {
        server::lock(&self.world).set_clock_offset(seconds);
    }

    /// Registers a redirect URI, exactly as the app sends it, until the next reset.
    ///
    /// # Errors
    ///
    /// If it is not an absolute URI or has a fragment.
    pub fn register_redirect_uri(&self, uri: &str) -> Result<(), Error> {
        check_redirect_uri(uri)?;
        server::lock(&self.world).redirect_uris.push(uri.to_owned());
        Ok(())
    }

    /// Grants or withdraws a consent, without a consent page.
    ///
    /// # Errors
    ///
    /// If the connection, app or user is unknown.
    pub fn consent(&self, change: &Consent) -> Result<(), Error> {
        control::consent(&mut server::lock(&self.world), change)
    }

    /// Returns the current policy.
    #[must_use]
    pub fn policy(&self) -> Policy {
        server::lock(&self.world).policy.clone()
    }

    /// Changes the policy until the next reset.
    pub fn set_policy(&self, policy: Policy) {
        server::lock(&self.world).policy = policy;
    }

    /// Restores the initial clock, policy, consents, tokens, faults, redirect URIs and log.
    pub fn reset(&self) {
        server::lock(&self.world).reset();
    }

    /// Returns the token requests since the start or the last reset.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        server::lock(&self.world).log.entries(false)
    }

    /// Like [`Sandbox::log`], with the requests to all endpoints, and followed redirects.
    #[must_use]
    pub fn full_log(&self) -> Vec<LogEntry> {
        server::lock(&self.world).log.entries(true)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.url)
            .field("dir", &self.folder.path)
            .finish_non_exhaustive()
    }
}

/// An emulated vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The DocuSign account server, demo environment.
    Docusign,
    /// Salesforce at a login host, My Domain or Experience Cloud site.
    Salesforce,
    /// BoldSign's account server.
    Boldsign,
}

impl Provider {
    /// Returns the name in settings: `docusign`, `salesforce` or `boldsign`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docusign => "docusign",
            Self::Salesforce => "salesforce",
            Self::Boldsign => "boldsign",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Docusign => "DocuSign",
            Self::Salesforce => "Salesforce",
            Self::Boldsign => "BoldSign",
        }
    }
}

/// An error of the sandbox. If an option or field is invalid, the message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sandbox: {}", self.0)
    }
}

impl std::error::Error for Error {}

/// Rejects a redirect URI that no app can register.
///
/// It must be absolute and have no fragment (RFC 6749 section 3.1.2).
pub(crate) fn check_redirect_uri(uri: &str) -> Result<(), Error> {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    };
    match scheme.is_some_and(is_scheme) && !uri.contains('#') {
        true => Ok(()),
        false => Err(Error::new(format!(
            "redirect_uris: `{uri}` must be an absolute URI without a fragment, such as https://app.example/callback"
        ))),
    }
}

/// The port of the callbacks that are registered with `strict`: one that no sandbox listens on.
const STRICT_CALLBACK_PORT: u16 = 19_876;

/// Compiles and runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
