//! One connection: every command has a deadline, and every failure says whether a byte left.

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

use crate::refusal;

/// Why a command brought no answer to use.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not one byte of it left.
    NotSent(Error),
    /// The server said no: it was not carried out.
    Refused(Error),
    /// The server does not know a script by its digest.
    NoScript,
    /// It left, and no whole answer came back.
    Lost(Error),
    /// It was carried out, and not confirmed by those who had to.
    Unsettled(Error),
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
    /// Connects to the first host that lets us.
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

    /// Sends a command and reads its answer.
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
        let answer = match &mut self.socket {
            Socket::Plain(socket) => self.parser.parse_value(socket),
            Socket::Tls(socket) => self.parser.parse_value(socket),
        };
        match answer {
            Ok(Value::ServerError(error)) if error.code() == "NOSCRIPT" => Err(Failure::NoScript),
            Ok(Value::ServerError(error)) => Err(Failure::Refused(refusal::explain(
                &self.at,
                error.code(),
                error.details(),
            ))),
            Ok(value) => Ok(value),
            Err(error) => Err(Failure::Lost(interrupted(&self.at, &error.to_string()))),
        }
    }

    /// Whether the server has not hung up while nobody asked it anything.
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

/// A socket whose every read and write ends by one deadline, and that counts what left.
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

/// A socket's timeout is told as "would block" on Unix.
fn as_timeout(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

fn connect(host: &str, port: u16, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
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

/// The addresses of a name. The system's resolver has no deadline, so it gets a thread of its own.
fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, port).into()]);
    }
    let (tell, told) = mpsc::sync_channel(1);
    let name = host.to_owned();
    std::thread::Builder::new()
        .name("countersign-dns".into())
        .spawn(move || {
            let found = (name.as_str(), port).to_socket_addrs();
            // Nobody listens any more if it took too long.
            let _ = tell.send(found.map(Iterator::collect));
        })?;
    let left = deadline.saturating_duration_since(Instant::now());
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "its name was not resolved in time");
    told.recv_timeout(left).map_err(late)?
}

fn shake_hands(
    config: &Arc<ClientConfig>,
    host: &str,
    socket: Timed,
    at: &str,
) -> Result<StreamOwned<ClientConnection, Timed>, Error> {
    let refused = |why: &dyn std::fmt::Display| {
        let hint = "check that the port speaks TLS and that its certificate is for this host; for a private authority add ?ca_file=FILE, for one this machine trusts ?roots=system";
        misconfigured(format!("TLS with {at} failed: {why}"), hint)
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| refused(&error))?;
    let session =
        ClientConnection::new(Arc::clone(config), name).map_err(|error| refused(&error))?;
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
                    true => refused(&error),
                    false => unreachable(at, &error),
                },
            );
        }
    }
    Ok(stream)
}

fn unreachable(at: &str, error: &io::Error) -> Error {
    failed(format!("{at} cannot be reached: {error}"))
        .with_hint("check that the server runs and that a firewall lets the connection out")
}

fn interrupted(at: &str, why: &str) -> Error {
    failed(format!("{at} gave no whole answer: {why}"))
}
