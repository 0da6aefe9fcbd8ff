//! The server: sockets, TLS, HTTP/1.1, and slow or cut responses.

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

/// The state that the server and the in-process controls share.
pub(crate) type Shared = Arc<Mutex<World>>;

pub(crate) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    // A panic in one request must not affect others. It can't leave a change half done.
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Listens on `wanted`. Port 0 selects a free port between 20000 and 32767.
///
/// Those are below the kernel's ephemeral ports, so that no outgoing connection can hold one.
pub(crate) fn listen(wanted: SocketAddr) -> Result<Vec<std::net::TcpListener>, Error> {
    if wanted.port() != 0 {
        let first = bind(wanted)
            .map_err(|e| Error::new(format!("listen: could not listen on {wanted}: {e}")))?;
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
        "listen: found no free port on {}: {why}",
        wanted.ip()
    )))
}

/// Serves requests until the future is dropped.
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
        // Accepting can fail if file descriptors run out or the peer has gone. Keep serving.
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
    // Errors mean that the client has gone, or that a fault cut the connection.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Closes the connection without a response.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a fault cut the connection")
    }
}

impl std::error::Error for Cut {}

async fn respond(
    request: Request<Incoming>,
    scheme: &'static str,
    world: Shared,
) -> Result<Response<ReplyBody>, Cut> {
    const MAX_BODY: usize = 1 << 20;
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
    let body = Limited::new(body, MAX_BODY).collect().await;
    let mut held = lock(&world);
    // Read under the same lock as the request is handled, so that a later reset ends the response.
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

/// Reports whether a fault cuts this request before its body is read, and logs it.
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
    if let Some(reply) = control::handle(world, call) {
        return reply;
    }
    let vendors = |world: &mut World| {
        docusign::handle(world, call)
            .or_else(|| salesforce::handle(world, call))
            .or_else(|| boldsign::handle(world, call))
            .unwrap_or_else(|| {
                Reply::new(
                    404,
                    "text/plain; charset=utf-8",
                    "No emulated vendor has this path.\n",
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
    let genuine = if fault.executes() {
        vendors(world)
    } else {
        Reply::empty(200)
    };
    (fault.apply(call, provider, genuine), Some(fault.name()))
}

/// Reports whether to compress the response.
///
/// Salesforce does if the client accepts gzip. The policy overrides this for all vendors.
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

fn respond_with(reply: Reply, epoch: u64, world: &Shared) -> Result<Response<ReplyBody>, Cut> {
    let body = match reply.delivery {
        Delivery::Cut => return Err(Cut),
        Delivery::Whole => ReplyBody::Whole(Some(reply.body.into())),
        Delivery::Chunked => ReplyBody::Chunked(Some(reply.body.into())),
        Delivery::Slow { ms, endless } => ReplyBody::Slow(SlowBody {
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
    // Only a fault can set an invalid header.
    response.body(body).map_err(|_| Cut)
}

/// The body of a response.
enum ReplyBody {
    Whole(Option<Bytes>),
    Chunked(Option<Bytes>),
    Slow(SlowBody),
}

/// A body sent in pieces, with a pause before each.
struct SlowBody {
    rest: Bytes,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
    /// Sends spaces until the world's epoch changes.
    endless: Option<(Shared, u64)>,
}

impl Body for ReplyBody {
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

impl SlowBody {
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

/// Listens on the other loopback address as well, if possible: `localhost` may mean either.
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
