//! Sockets: listening, TLS, HTTP/1.1, and answers that are slow or cut.

use std::{
    convert::Infallible,
    future::Future as _,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::Sleep,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Error, Provider, boldsign, control, docusign,
    exchange::{Call, Delivery, Fields, Reply},
    faults,
    log::Issued,
    log_entry::{self, grant_name},
    random, salesforce,
    world::World,
};

/// The world as the server and the in-process controls share it.
pub(crate) type Shared = Arc<Mutex<World>>;

pub(crate) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    // A panic in one request must not take the others along; the state is made of whole steps.
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens at `wanted`; port 0 is a free one from 20000 up to 32767, below the kernel's ephemeral ports, so that
/// no outgoing connection can hold it.
pub(crate) fn listen(wanted: SocketAddr) -> Result<Vec<std::net::TcpListener>, Error> {
    if wanted.port() != 0 {
        let first = bind(wanted)
            .map_err(|e| Error::new(format!("listen: could not listen at {wanted}: {e}")))?;
        return Ok(with_sibling(first, wanted));
    }
    let mut last = None;
    for _ in 0..200 {
        let port = 20_000 + u16::from_be_bytes(random::bytes::<2>()) % 12_768;
        let address = SocketAddr::new(wanted.ip(), port);
        match bind(address) {
            Ok(first) => return Ok(with_sibling(first, address)),
            Err(e) => last = Some(e),
        }
    }
    let why = last.map(|e| e.to_string()).unwrap_or_default();
    Err(Error::new(format!(
        "listen: no free port at {}: {why}",
        wanted.ip()
    )))
}

/// Serves until dropped.
pub(crate) async fn serve(
    listeners: Vec<std::net::TcpListener>,
    tls: Option<TlsAcceptor>,
    world: Shared,
) -> io::Result<Infallible> {
    let mut rest = Vec::new();
    for listener in listeners {
        rest.push(TcpListener::from_std(listener)?);
    }
    let first = rest.remove(0);
    for listener in rest {
        tokio::spawn(accept(listener, tls.clone(), world.clone()));
    }
    accept(first, tls, world).await
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    world: Shared,
) -> io::Result<Infallible> {
    loop {
        // A failing accept (no more file handles, a peer gone) is not the end of the sandbox.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        tokio::spawn(connection(stream, tls.clone(), world.clone()));
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, world: Shared) {
    match tls {
        None => speak(stream, "http", world).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                speak(stream, "https", world).await;
            }
        }
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    scheme: &'static str,
    world: Shared,
) {
    let service = service_fn(move |request| respond(request, scheme, world.clone()));
    // An error here is a client gone or a cut that was asked for.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection cut as told")
    }
}

impl std::error::Error for Cut {}

async fn respond(
    request: Request<Incoming>,
    scheme: &'static str,
    world: Shared,
) -> Result<Response<Answer>, Cut> {
    const MOST: usize = 1 << 20;
    let (head, body) = request.into_parts();
    let mut call = Call {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: Fields::parse(head.uri.query().unwrap_or_default().as_bytes()),
        headers: head.headers,
        body: Vec::new(),
        scheme,
    };
    if cut_unread(&mut lock(&world), &call) {
        return Err(Cut);
    }
    let body = Limited::new(body, MOST).collect().await;
    let mut held = lock(&world);
    // Read under the lock that the answer is made under: a reset after this ends an endless one.
    let epoch = held.epoch;
    let reply = match body {
        Ok(whole) => {
            call.body = whole.to_bytes().to_vec();
            route(&mut held, &call)
        }
        Err(_) => Reply::new(
            413,
            "text/plain; charset=utf-8",
            "The request is too large.\n",
        ),
    };
    drop(held);
    respond_with(reply, epoch, &world)
}

/// Whether a fault cuts this request before its body is read.
fn cut_unread(world: &mut World, call: &Call) -> bool {
    let Some((provider, endpoint)) = World::provider_of(call).zip(endpoint_of(&call.path)) else {
        return false;
    };
    let Some(fault) = faults::take(&mut world.faults, provider, endpoint, None) else {
        return false;
    };
    let entry = log_entry::of_call(
        call,
        provider,
        endpoint,
        world.now_ms(),
        None,
        Some(fault.name()),
    );
    world.log.push(entry);
    true
}

fn route(world: &mut World, call: &Call) -> Reply {
    if let Some(reply) = control::answer(world, call) {
        return reply;
    }
    let vendors = |world: &mut World| {
        docusign::answer(world, call)
            .or_else(|| salesforce::answer(world, call))
            .or_else(|| boldsign::answer(world, call))
            .unwrap_or_else(|| {
                Reply::new(
                    404,
                    "text/plain; charset=utf-8",
                    "No vendor has this path.\n",
                )
            })
    };
    let Some((provider, endpoint)) = World::provider_of(call).zip(endpoint_of(&call.path)) else {
        return vendors(world);
    };
    let (reply, fault) = with_faults(world, call, provider, endpoint, vendors);
    let issued = Issued::by(&reply, world);
    let reply = match compresses(world, call, provider) {
        true => reply.gzip(),
        false => reply,
    };
    let mut entry = log_entry::of_call(
        call,
        provider,
        endpoint,
        world.now_ms(),
        Some(&reply),
        fault,
    );
    entry.issued = issued;
    world.log.push(entry);
    reply
}

fn with_faults(
    world: &mut World,
    call: &Call,
    provider: Provider,
    endpoint: &str,
    vendors: impl FnOnce(&mut World) -> Reply,
) -> (Reply, Option<String>) {
    let form = call.form().unwrap_or_default();
    let grant = form.one("grant_type").map(grant_name);
    let Some(fault) = faults::take(&mut world.faults, provider, endpoint, Some(grant)) else {
        return (vendors(world), None);
    };
    let deserved = if fault.commits() {
        vendors(world)
    } else {
        Reply::empty(200)
    };
    (fault.spoil(call, provider, deserved), Some(fault.name()))
}

/// Salesforce compresses for a client that accepts it; the policy can make everybody do so, asked or not.
fn compresses(world: &World, call: &Call, provider: Provider) -> bool {
    let accepted = || {
        let accept = call.header("accept-encoding").unwrap_or_default();
        accept.split(',').any(|one| one.trim().starts_with("gzip"))
    };
    world
        .policy
        .gzip
        .unwrap_or_else(|| provider == Provider::Salesforce && accepted())
}

fn endpoint_of(path: &str) -> Option<&'static str> {
    let last = path.rsplit('/').next().unwrap_or_default();
    Some(match last {
        "token" => "token",
        "userinfo" => "userinfo",
        "revoke" | "revocation" => "revoke",
        "introspect" => "introspect",
        "auth" | "authorize" => "authorize",
        _ => return None,
    })
}

fn respond_with(reply: Reply, epoch: u64, world: &Shared) -> Result<Response<Answer>, Cut> {
    let body = match reply.delivery {
        Delivery::Cut => return Err(Cut),
        Delivery::Whole => Answer::Whole(Some(reply.body.into())),
        Delivery::Chunked => Answer::Chunked(Some(reply.body.into())),
        Delivery::Slow { ms, endless } => Answer::Slow(Trickle {
            rest: reply.body.into(),
            pause: Duration::from_millis(ms),
            sleep: Box::pin(tokio::time::sleep(Duration::from_millis(ms))),
            endless: endless.then(|| (world.clone(), epoch)),
        }),
    };
    let seconds = u64::try_from(lock(world).now()).unwrap_or_default();
    let date = httpdate::fmt_http_date(
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799)),
    );
    let mut response = Response::builder()
        .status(reply.status)
        .header("Date", date);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    // A header that HTTP cannot carry comes only from a fault's own words.
    response.body(body).map_err(|_| Cut)
}

/// The body of an answer.
enum Answer {
    Whole(Option<Bytes>),
    Chunked(Option<Bytes>),
    Slow(Trickle),
}

/// A body that comes in pieces with pauses between.
struct Trickle {
    rest: Bytes,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
    /// Sends blanks for as long as the world's epoch is this one.
    endless: Option<(Shared, u64)>,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match &mut *self {
            Self::Whole(body) | Self::Chunked(body) => body.take().filter(|b| !b.is_empty()),
            Self::Slow(slow) => std::task::ready!(slow.piece(cx)),
        };
        Poll::Ready(piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Chunked(_) | Self::Slow(_) => SizeHint::default(),
        }
    }
}

impl Trickle {
    fn piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        std::task::ready!(self.sleep.as_mut().poll(cx));
        self.sleep
            .as_mut()
            .reset(tokio::time::Instant::now() + self.pause);
        let waits = self
            .endless
            .as_ref()
            .is_some_and(|(world, epoch)| lock(world).epoch == *epoch);
        if waits && self.rest.len() <= 1 {
            return Poll::Ready(Some(Bytes::from_static(b" ")));
        }
        let keep = usize::from(waits);
        let size = (self.rest.len() - keep).min(16);
        Poll::Ready(Some(self.rest.split_to(size)).filter(|b| !b.is_empty()))
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The same port at the other loopback address too, where the machine has one: `localhost` may mean either.
fn with_sibling(first: std::net::TcpListener, address: SocketAddr) -> Vec<std::net::TcpListener> {
    let other = match address {
        SocketAddr::V4(a) if *a.ip() == Ipv4Addr::LOCALHOST => {
            SocketAddr::from((Ipv6Addr::LOCALHOST, a.port()))
        }
        SocketAddr::V6(a) if *a.ip() == Ipv6Addr::LOCALHOST => {
            SocketAddr::from((Ipv4Addr::LOCALHOST, a.port()))
        }
        _ => return vec![first],
    };
    let mut both = vec![first];
    both.extend(bind(other));
    both
}
