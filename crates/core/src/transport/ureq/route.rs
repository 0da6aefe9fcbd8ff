//! A route to servers: the proxy (if any), the trusted authorities, and the connections that all
//! transports on this route share.

#![expect(clippy::disallowed_methods, reason = "closes idle connections")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ureq::{Agent, AsSendBody, Proxy};

use super::connect::{connector, resolver};
use super::tls::Tls;
use super::trust::Trust;
use crate::{Error, Secret};

/// How long an idle connection stays open. Apache and Node close theirs after 5 s; closing first
/// means that few requests hit a half-closed connection.
const IDLE: Duration = Duration::from_secs(4);

pub(super) struct Route {
    proxy: Option<Proxy>,
    trust: Arc<Trust>,
    kept: Mutex<Kept>,
}

/// The connections kept for the next request, and when the last one was sent.
struct Kept {
    /// The process that opened the sockets. A forked child must not use them: each process could
    /// read the other's responses.
    process: u32,
    agent: Option<(Tls, Agent)>,
    last_request: Option<Instant>,
    /// Whether a thread is waiting to close idle connections.
    closing: bool,
}

impl Kept {
    fn nothing() -> Self {
        Self {
            process: std::process::id(),
            agent: None,
            last_request: None,
            closing: false,
        }
    }
}

impl Route {
    /// # Errors
    ///
    /// If `proxy` is not a valid URL.
    pub(super) fn new(proxy: Option<&Secret>, trust: Arc<Trust>) -> Result<Self, Error> {
        Ok(Self {
            proxy: proxy.map(|proxy| read_proxy(proxy.expose())).transpose()?,
            trust,
            kept: Mutex::new(Kept::nothing()),
        })
    }

    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    pub(super) fn warning(&self) -> Option<Error> {
        self.trust.warning()
    }

    /// Chooses the agent for the next request. Connections are kept only while requests follow each
    /// other quickly, as in a process with many clients. A client that sends one request an hour
    /// leaves neither a socket nor a thread behind.
    pub(super) fn begin(self: &Arc<Self>, single_use: bool) -> Sending {
        let tls = self.trust.tls();
        let now = Instant::now();
        let mut kept = self.kept();
        if kept.process != std::process::id() {
            *kept = Kept::nothing();
        }
        let last = kept.last_request.replace(now);
        let busy = last.is_some_and(|last| now.duration_since(last) < IDLE);
        if single_use || !busy || !self.will_close(&mut kept) {
            return Sending(self.agent(&tls, 0));
        }
        if let Some((made_with, agent)) = &kept.agent
            && made_with.is(&tls)
        {
            return Sending(agent.clone());
        }
        let agent = self.agent(&tls, 4);
        kept.agent = Some((tls, agent.clone()));
        Sending(agent)
    }

    fn agent(&self, tls: &Tls, idle: usize) -> Agent {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(64 * 1024)
            .max_idle_connections(idle)
            .max_idle_age(IDLE)
            .proxy(self.proxy.clone())
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build();
        Agent::with_parts(config, connector(tls.clone()), resolver())
    }

    /// Starts the thread that closes idle connections. Returns whether it runs.
    fn will_close(self: &Arc<Self>, kept: &mut Kept) -> bool {
        if !kept.closing {
            let route = Arc::downgrade(self);
            let thread = std::thread::Builder::new()
                .name("countersign-idle".to_owned())
                .stack_size(128 * 1024);
            kept.closing = thread.spawn(move || close_when_idle(&route)).is_ok();
        }
        kept.closing
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until no request has been sent for [`IDLE`], then closes the kept connections.
fn close_when_idle(route: &Weak<Route>) {
    loop {
        let Some(route) = route.upgrade() else {
            return;
        };
        let mut kept = route.kept();
        let since = kept.last_request.map_or(IDLE, |last| last.elapsed());
        let left = IDLE.saturating_sub(since);
        if left.is_zero() {
            kept.closing = false;
            let idle = kept.agent.take();
            drop(kept);
            drop(idle);
            return;
        }
        drop(kept);
        drop(route);
        std::thread::sleep(left);
    }
}

/// The agent that sends one request.
pub(super) struct Sending(Agent);

impl Sending {
    /// Sends a request, bypassing the proxy if `direct`.
    pub(super) fn run<B: AsSendBody>(
        &self,
        request: http::Request<B>,
        timeout: Duration,
        direct: bool,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let request = self
            .0
            .configure_request(request)
            .timeout_global(Some(timeout));
        let request = match direct {
            true => request.proxy(None),
            false => request,
        };
        self.0.run(request.build())
    }
}

fn read_proxy(text: &str) -> Result<Proxy, Error> {
    let rejection = || {
        Error::setting("proxy", "`proxy` is not a valid proxy URL")
            .with_hint("set proxy to http://host:port or http://user:password@host:port")
    };
    // ureq panics on a SOCKS proxy if that feature is off, so other schemes are rejected here.
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Err(rejection());
    }
    Proxy::new(text).map_err(|_| rejection())
}
