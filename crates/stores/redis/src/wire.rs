//! One connection. Every command has a deadline, and every failure says whether a byte was sent.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use countersign_store::Error;
use countersign_store_address::{
    Address, explain_certificate, failed, misconfigured, out_of_descriptors,
};
use redis::{Cmd, Parser, Value};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::error_reply;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No byte was sent.
    NotSent(Error),
    /// The server rejected it, so it was not carried out.
    Rejected(Error),
    /// The server doesn't know the script's digest.
    NoScript,
    /// It was sent, and no complete response arrived.
    Lost(Error),
    /// It was carried out, but not confirmed by replicas or disk in time.
    Unconfirmed(Error),
}

pub(crate) struct Connection {
    socket: Socket,
    parser: Parser,
    at: String,
}

enum Socket {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Connection {
    /// Connects to the server, with TLS if that is configured.
    pub(crate) fn open(
        address: &Address,
        tls: Option<&Arc<ClientConfig>>,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let host = &address.hosts[0];
        let at = address.to_string();
        let stream = connect(&host.name, host.port.unwrap_or(6379), deadline).map_err(|error| {
            out_of_descriptors(address, &error).unwrap_or_else(|| unreachable(&at, &error))
        })?;
        let timed = Timed {
            stream,
            deadline,
            written: 0,
        };
        let socket = match tls {
            None => Socket::Plain(timed),
            Some(config) => Socket::Tls(Box::new(shake_hands(config, &host.name, timed, &at)?)),
        };
        Ok(Self {
            socket,
            parser: Parser::new(),
            at,
        })
    }

    /// Sends a command and reads the response.
    pub(crate) fn call(&mut self, command: &Cmd, deadline: Instant) -> Result<Value, Failure> {
        let timed = self.timed();
        timed.deadline = deadline;
        let before = timed.written;
        if let Err(error) = self.write(&command.get_packed_command()) {
            let error = interrupted(&self.at, &error.to_string());
            return Err(match self.timed().written == before {
                true => Failure::NotSent(error),
                false => Failure::Lost(error),
            });
        }
        let response = match &mut self.socket {
            Socket::Plain(socket) => self.parser.parse_value(socket),
            Socket::Tls(socket) => self.parser.parse_value(socket),
        };
        match response {
            Ok(Value::ServerError(error)) if error.code() == "NOSCRIPT" => Err(Failure::NoScript),
            Ok(Value::ServerError(error)) => Err(Failure::Rejected(error_reply::explain(
                &self.at,
                error.code(),
                error.details(),
            ))),
            Ok(value) => Ok(value),
            Err(error) => Err(Failure::Lost(interrupted(&self.at, &error.to_string()))),
        }
    }

    /// Returns whether an idle connection is still open.
    pub(crate) fn is_alive(&mut self) -> bool {
        let stream = &self.timed().stream;
        if stream.set_nonblocking(true).is_err() {
            return false;
        }
        let quiet = stream
            .peek(&mut [0])
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        stream.set_nonblocking(false).is_ok() && quiet
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let socket: &mut dyn Write = match &mut self.socket {
            Socket::Plain(socket) => socket,
            Socket::Tls(socket) => socket,
        };
        socket.write_all(bytes)?;
        socket.flush()
    }

    fn timed(&mut self) -> &mut Timed {
        match &mut self.socket {
            Socket::Plain(socket) => socket,
            Socket::Tls(socket) => &mut socket.sock,
        }
    }
}

/// A socket with a deadline for all reads and writes, which counts the bytes it has sent.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
    written: u64,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(as_timeout)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        let written = self.stream.write(bytes).map_err(as_timeout)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Maps "would block", which is how Unix reports a socket's timeout.
fn as_timeout(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for address in resolve(host, port, deadline)? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Resolves a host name. The system's resolver has no deadline, so it runs on its own thread.
fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.to_owned();
    std::thread::Builder::new()
        .name("countersign-dns".into())
        .spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            // If it is late, the receiver is gone.
            let _ = sender.send(found.map(Iterator::collect));
        })?;
    let left = deadline.saturating_duration_since(Instant::now());
    let late = |_| {
        let message = "the host name was not resolved in time";
        io::Error::new(io::ErrorKind::TimedOut, message)
    };
    receiver.recv_timeout(left).map_err(late)?
}

fn shake_hands(
    config: &Arc<ClientConfig>,
    host: &str,
    socket: Timed,
    at: &str,
) -> Result<StreamOwned<ClientConnection, Timed>, Error> {
    let tls_failed = |why: &dyn std::fmt::Display| {
        let hint = "check that the port speaks TLS and that its certificate is for this host; for a private CA, add ?ca_file=FILE; for one that this machine trusts, add ?roots=system";
        misconfigured(format!("TLS with {at} failed: {why}"), hint)
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| tls_failed(&error))?;
    let session =
        ClientConnection::new(Arc::clone(config), name).map_err(|error| tls_failed(&error))?;
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        if let Err(error) = stream.conn.complete_io(&mut stream.sock) {
            let tls = error.get_ref();
            let tls = tls.and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let explained = tls.and_then(|tls| {
                explain_certificate(&at, tls, |message, hint| misconfigured(message, hint))
            });
            if let Some(explained) = explained {
                return Err(explained);
            }
            let by_tls = tls.is_some();
            return Err(
                match by_tls || error.kind() == io::ErrorKind::UnexpectedEof {
                    true => tls_failed(&error),
                    false => unreachable(at, &error),
                },
            );
        }
    }
    Ok(stream)
}

fn unreachable(at: &str, error: &io::Error) -> Error {
    failed(format!("{at} cannot be reached: {error}"))
        .with_hint("check that the server is running and that no firewall blocks the connection")
}

fn interrupted(at: &str, why: &str) -> Error {
    failed(format!("the connection to {at} was interrupted: {why}"))
}
