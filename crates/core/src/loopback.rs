//! The loopback server, which receives the callback of a login (RFC 8252 section 7.3).

#![expect(clippy::disallowed_types, reason = "the loopback server of a login")]

mod page;
mod visitor;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use self::visitor::{Visit, Visitor};
use crate::login::Purpose;
use crate::{Error, ErrorKind, Login, Random, Url, random};

/// A loopback server for one login, on 127.0.0.1 and, if the machine has IPv6, on `[::1]`.
///
/// It accepts only GET requests for the redirect URI's path with the login's `state`. `Host` must
/// be the host and port of the redirect URI, which prevents DNS rebinding. Other requests are
/// rejected, and the wait goes on. The pages show nothing from a request except the error that the
/// server reports, encoded.
///
/// # Example
///
/// ```
/// use countersign_core::{Listener, SystemRandom, Url};
///
/// let registered = Url::parse("http://127.0.0.1/callback")?;
/// let listener = Listener::bind(&registered, None, &SystemRandom::new())?;
/// assert!(listener.redirect_uri().as_str().starts_with("http://127.0.0.1:"));
/// // Start the login with `listener.redirect_uri()`, open its URL, then `listener.wait(…)`.
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    redirect_uri: Url,
}

/// The maximum number of open connections. Browsers open some in advance and leave them idle.
const MAX_VISITORS: usize = 16;
/// How often the sockets are polled.
const TICK: Duration = Duration::from_millis(10);

impl Listener {
    /// Listens on `port`, or the redirect URI's port, or any free port.
    ///
    /// # Errors
    ///
    /// If the redirect URI is not `http` on 127.0.0.1, `[::1]` or localhost, or the port is in use.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Listener, SystemRandom, Url};
    ///
    /// let registered = Url::parse("http://localhost/callback")?;
    /// let listener = Listener::bind(&registered, None, &SystemRandom::new())?;
    /// assert!(listener.redirect_uri().is_loopback());
    ///
    /// // A web server's redirect URI needs no loopback server.
    /// let registered = Url::parse("https://app.example/callback")?;
    /// assert!(Listener::bind(&registered, None, &SystemRandom::new()).is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn bind(redirect_uri: &Url, port: Option<u16>, random: &dyn Random) -> Result<Self, Error> {
        let host = redirect_uri.host();
        let known = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
        if redirect_uri.scheme() != "http" || !known {
            let message =
                format!("`redirect_uri` {redirect_uri} is not an http URL of this machine");
            let hint = match redirect_uri.is_loopback() {
                // No browser would trust the loopback server's certificate.
                true => {
                    "start the login and pass the URL in the browser's address bar to complete_login; or register http://127.0.0.1:PORT/callback at the vendor and set redirect_uri to it"
                }
                false => {
                    "register http://127.0.0.1:PORT/callback at the vendor and set redirect_uri to it"
                }
            };
            return Err(Error::setting("redirect_uri", message).with_hint(hint));
        }
        let sockets = match port.or(redirect_uri.explicit_port()) {
            Some(port) => listen(host, port).map_err(|error| {
                let message = format!("cannot listen on port {port}: {error}");
                Error::setting("redirect_uri", message)
                    .with_hint("stop the program that uses the port, or set redirect_uri to another port that is registered at the vendor")
            })?,
            None => listen_anywhere(host, random)?,
        };
        let port = sockets[0].local_addr().map(|address| address.port());
        let port = port.map_err(|error| {
            let message = format!("cannot read the port of the loopback server: {error}");
            Error::new(ErrorKind::Internal, message)
        })?;
        Ok(Self {
            redirect_uri: redirect_uri.with_port(port),
            sockets,
        })
    }

    /// Returns the redirect URI with the actual port, to start the login with.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{Listener, SystemRandom, Url};
    ///
    /// let registered = Url::parse("http://127.0.0.1/callback")?;
    /// let listener = Listener::bind(&registered, None, &SystemRandom::new())?;
    /// let actual = listener.redirect_uri();
    /// assert_eq!(actual.path(), "/callback");
    /// assert!(actual.explicit_port().is_some());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Parses a request like the server does, for the fuzz target, which has no sockets.
    #[doc(hidden)]
    pub fn query_of(request: &[u8], redirect_uri: &Url) -> Option<String> {
        visitor::query_of(request, redirect_uri)
    }

    /// Waits for the callback of this login and passes its query to `complete`.
    ///
    /// Shows the browser whether `complete` succeeded, and returns its result.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] if there is no callback within `timeout`, and the errors of
    /// `complete`.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use countersign_core::{Connection, Listener, Login, Profile, Settings, SystemRandom};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "http://127.0.0.1/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// # let random = SystemRandom::new();
    /// let listener = Listener::bind(connection.redirect_uri().unwrap(), None, &random)?;
    /// let login = Login::start(&connection, listener.redirect_uri().as_str(), &random)?;
    /// println!("open {}", login.url());
    /// let timeout = Duration::from_secs(300);
    /// let grant = listener.wait(&login, timeout, |callback| login.finish(callback))?;
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn wait<T>(
        self,
        login: &Login,
        timeout: Duration,
        complete: impl FnOnce(&str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.wait_or(login, timeout, |_| None, complete)
    }

    /// Like [`Listener::wait`], but also accepts a callback that arrives another way, such as a URL
    /// that a person pastes because the browser runs on another machine.
    ///
    /// `other` is polled with the time waited so far. When it returns a callback, the wait ends and
    /// the callback is passed to `complete`.
    ///
    /// # Errors
    ///
    /// As [`Listener::wait`].
    ///
    /// # Example
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use countersign_core::{Connection, Listener, Login, Profile, Settings, SystemRandom};
    /// # let profile = Profile::from_toml(r#"
    /// #     id = "acme"
    /// #     name = "Acme"
    /// #     documentation = "https://acme.example/docs"
    /// #     environments.production.base_url = "https://login.acme.example"
    /// #     endpoints.token = "{base_url}/token"
    /// #     endpoints.authorize = "{base_url}/authorize"
    /// #     grants.authorization-code.client_auth = ["none"]
    /// # "#)?;
    /// # let settings = Settings::from_pairs([
    /// #     ("provider", "acme"),
    /// #     ("client_id", "app"),
    /// #     ("redirect_uri", "http://127.0.0.1/callback"),
    /// # ])?;
    /// # let connection = Connection::new("mine", &settings, countersign_core::from_profile(profile))?;
    /// # let random = SystemRandom::new();
    /// let listener = Listener::bind(connection.redirect_uri().unwrap(), None, &random)?;
    /// let login = Login::start(&connection, listener.redirect_uri().as_str(), &random)?;
    /// let pasted = format!("{}?code=c&state={}", login.redirect_uri(), login.state());
    /// let grant = listener.wait_or(
    ///     &login,
    ///     Duration::from_secs(60),
    ///     |_waited| Some(pasted.clone()),
    ///     |callback| login.finish(callback),
    /// )?;
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn wait_or<T>(
        self,
        login: &Login,
        timeout: Duration,
        mut other: impl FnMut(Duration) -> Option<String>,
        complete: impl FnOnce(&str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let mut visitors: Vec<Visitor> = Vec::new();
        loop {
            self.accept(&mut visitors);
            let mut waiting = Vec::with_capacity(visitors.len());
            for mut visitor in visitors {
                match visitor.read(&self.redirect_uri) {
                    Visit::Unfinished => waiting.push(visitor),
                    Visit::Over => {}
                    Visit::Callback(query) if login.matches_callback(&query) => {
                        let outcome = complete(&query);
                        visitor.send(&page::outcome(login.purpose(), &outcome));
                        return outcome;
                    }
                    Visit::Callback(_) => visitor.send(&page::not_this_login()),
                }
            }
            visitors = waiting;
            if let Some(callback) = other(started.elapsed()) {
                return complete(&callback);
            }
            if started.elapsed() >= timeout {
                return Err(self.timed_out(login.purpose(), timeout));
            }
            std::thread::sleep(TICK);
        }
    }

    /// Accepts new connections. If there are too many, drops the one that has been idle longest, so
    /// idle connections can't keep the callback waiting.
    fn accept(&self, visitors: &mut Vec<Visitor>) {
        for socket in &self.sockets {
            while let Ok((stream, _)) = socket.accept() {
                if visitors.len() >= MAX_VISITORS {
                    let idle = visitors.iter().enumerate();
                    let idle = idle.min_by_key(|(_, visitor)| visitor.last_read());
                    if let Some((at, _)) = idle {
                        visitors.remove(at);
                    }
                }
                visitors.extend(Visitor::new(stream));
            }
        }
    }

    fn timed_out(&self, purpose: Purpose, timeout: Duration) -> Error {
        let page = match purpose {
            Purpose::Login => "login",
            Purpose::Consent => "consent",
        };
        let uri = &self.redirect_uri;
        let message = format!(
            "the {page} was not completed in the browser within {} s",
            timeout.as_secs()
        );
        Error::new(ErrorKind::Callback, message).with_hint(format!(
            "start the {page} again and complete it in the browser; if the vendor's page reported a wrong redirect URI, register exactly {uri} for the app and set redirect_uri to it"
        ))
    }
}

/// Listens on both loopback addresses, because a browser may resolve `localhost` to either.
///
/// The address in the redirect URI is required, the other one optional.
fn listen(host: &str, port: u16) -> std::io::Result<Vec<TcpListener>> {
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let (first, second) = if host == "[::1]" {
        (six, four)
    } else {
        (four, six)
    };
    let first = TcpListener::bind(first)?;
    first.set_nonblocking(true)?;
    let mut sockets = vec![first];
    match TcpListener::bind(second) {
        Ok(second) => {
            second.set_nonblocking(true)?;
            sockets.push(second);
        }
        // The program that owns this port on the other address could receive the code.
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(error),
        Err(_) => {}
    }
    Ok(sockets)
}

/// Listens on a port that is free on both addresses. It is below the range that the system uses for
/// outgoing connections.
fn listen_anywhere(host: &str, random: &dyn Random) -> Result<Vec<TcpListener>, Error> {
    let bytes = random::bytes(random)?;
    let mut last = None;
    for pair in bytes.chunks_exact(2) {
        let port = 20_000 + u16::from_be_bytes([pair[0], pair[1]]) % 12_000;
        match listen(host, port) {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(String::new, |error| error.to_string());
    let message = format!("no free port was found on the loopback interface: {why}");
    Err(Error::new(ErrorKind::Callback, message).with_hint(
        "free a port between 20000 and 32000, or set redirect_uri to a URL with a free port",
    ))
}
