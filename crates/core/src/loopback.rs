//! Waits on this machine's loopback for the browser to come back (RFC 8252 section 7.3).

#![expect(clippy::disallowed_types, reason = "the end that listens for a login")]

mod page;
mod visitor;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use self::visitor::{Visit, Visitor};
use crate::login::Purpose;
use crate::{Error, ErrorKind, Login, Random, Url, random};

/// A listener for one login: on 127.0.0.1 and, where the machine has it, on `[::1]`.
///
/// It answers only GET requests for the redirect URI's path, with the redirect URI's host and
/// port in `Host` (against DNS rebinding) and with the login's own `state`; whatever else comes
/// is refused and waited past. Nothing that came in a request is shown in a page, but for the
/// error that the server reports, encoded.
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

/// The most connections at once. Browsers open some ahead and leave them idle.
const MAX_VISITORS: usize = 16;
/// How often the sockets are looked at.
const TICK: Duration = Duration::from_millis(10);

impl Listener {
    /// Listens where the redirect URI says: on its port, or on `port`, or on any free one.
    ///
    /// # Errors
    ///
    /// Where the redirect URI is not `http` on 127.0.0.1, `[::1]` or localhost, or the port is taken.
    pub fn bind(redirect_uri: &Url, port: Option<u16>, random: &dyn Random) -> Result<Self, Error> {
        let host = redirect_uri.host();
        let known = ["127.0.0.1", "[::1]", "localhost"].contains(&host);
        if redirect_uri.scheme() != "http" || !known {
            let message =
                format!("`redirect_uri` {redirect_uri} is not one that can be listened on here");
            let hint = match redirect_uri.is_loopback() {
                // No browser would trust the certificate that answers there.
                true => {
                    "start the login, and pass the address that the browser ends at to complete_login; or register http://127.0.0.1:PORT/callback at the vendor and set redirect_uri to it"
                }
                false => {
                    "register http://127.0.0.1:PORT/callback at the vendor and set redirect_uri to it"
                }
            };
            return Err(Error::setting("redirect_uri", message).with_hint(hint));
        }
        let sockets = match port.or(redirect_uri.explicit_port()) {
            Some(port) => listen(host, port).map_err(|error| {
                let message = format!("port {port} cannot be listened on: {error}");
                Error::setting("redirect_uri", message)
                    .with_hint("stop the program that uses the port, or set redirect_uri to another port that is registered at the vendor")
            })?,
            None => listen_anywhere(host, random)?,
        };
        let port = sockets[0].local_addr().map(|address| address.port());
        let port = port.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        Ok(Self {
            redirect_uri: redirect_uri.with_port(port),
            sockets,
        })
    }

    /// The redirect URI with the port that is listened on: what to start the login with.
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Parses a request as the listener does: for the fuzz target, which cannot wait for sockets.
    #[doc(hidden)]
    pub fn query_of(request: &[u8], redirect_uri: &Url) -> Option<String> {
        visitor::query_of(request, redirect_uri)
    }

    /// Waits for the answer to this login, hands its query to `complete`, shows the browser
    /// whether that went well, and returns what it gave.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Callback`] where nobody came back within `timeout`; and whatever `complete`
    /// gives.
    pub fn wait<T>(
        self,
        login: &Login,
        timeout: Duration,
        complete: impl FnOnce(&str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.wait_or(login, timeout, |_| None, complete)
    }

    /// Like [`Listener::wait`], but also takes a callback that arrives another way, such as an
    /// address that a person pastes because the browser runs on another machine.
    ///
    /// `other` is called often, with the time waited so far. When it returns a text, that goes to
    /// `complete`, and the wait is over.
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
                match visitor.hear(&self.redirect_uri) {
                    Visit::Unfinished => waiting.push(visitor),
                    Visit::Over => {}
                    Visit::Asks(query) if login.is_answered_by(&query) => {
                        let outcome = complete(&query);
                        visitor.say(&page::outcome(login.purpose(), &outcome));
                        return outcome;
                    }
                    Visit::Asks(_) => visitor.say(&page::not_this_login()),
                }
            }
            visitors = waiting;
            if let Some(callback) = other(started.elapsed()) {
                return complete(&callback);
            }
            if started.elapsed() >= timeout {
                return Err(self.nobody_came(login.purpose(), timeout));
            }
            std::thread::sleep(TICK);
        }
    }

    /// Takes new connections. When there are too many, the one that has been idle the longest
    /// makes room: a browser's callback is not kept waiting by connections that say nothing.
    fn accept(&self, visitors: &mut Vec<Visitor>) {
        for socket in &self.sockets {
            while let Ok((stream, _)) = socket.accept() {
                if visitors.len() >= MAX_VISITORS {
                    let idle = visitors.iter().enumerate();
                    let idle = idle.min_by_key(|(_, visitor)| visitor.heard_at());
                    if let Some((at, _)) = idle {
                        visitors.remove(at);
                    }
                }
                visitors.extend(Visitor::new(stream));
            }
        }
    }

    fn nobody_came(&self, purpose: Purpose, timeout: Duration) -> Error {
        let page = match purpose {
            Purpose::Login => "login",
            Purpose::Consent => "consent",
        };
        let uri = &self.redirect_uri;
        let message = format!(
            "nobody came back from the {page} within {} s",
            timeout.as_secs()
        );
        Error::new(ErrorKind::Callback, message).with_hint(format!(
            "start the {page} again and finish it in the browser; if the vendor's page reported a wrong redirect URI, register {uri} with the app, letter by letter, and set redirect_uri to it"
        ))
    }
}

/// Listens on both loopback addresses, since a browser may take either for `localhost`. The one
/// that the redirect URI names must be had; the other one is welcome.
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
        // Somebody else's port on the other address would get the code in our place.
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(error),
        Err(_) => {}
    }
    Ok(sockets)
}

/// Any port that is free on both addresses, from below those that the system gives to outgoing
/// connections, which come and go.
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
    let message = format!("no free port was found on the loopback: {why}");
    Err(Error::new(ErrorKind::Callback, message).with_hint(
        "free a port between 20000 and 32000, or set redirect_uri to one with a port that is free",
    ))
}
