//! Sends a case's call by each of the adapters.

use countersign::reqwest::AuthorizedClient;
use countersign::tower::AuthorizationLayer;
use countersign::ureq::AuthorizedAgent;
use countersign::{Client, Error};
use http_body_util::Full;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use reqwest::header::AUTHORIZATION;
use tower_layer::Layer;
use tower_service::Service;
use ureq::http::{self, Request};

use super::Call;

pub(crate) trait Sender {
    fn name(&self) -> &str;

    /// Sends the call and returns the status that the caller gets, or the error of countersign.
    fn send(&self, client: &Client, call: &Call) -> Result<u16, Error>;

    /// Returns whether a redirect within the origin is followed.
    fn follows_within_origin(&self) -> bool {
        false
    }

    /// Returns whether each request's URL is checked, rather than the adapter's origin.
    fn checks_each_url(&self) -> bool {
        true
    }
}

pub(crate) fn all() -> [Box<dyn Sender>; 3] {
    [Box::new(ByReqwest), Box::new(ByUreq), Box::new(ByTower)]
}

struct ByReqwest;

impl Sender for ByReqwest {
    fn name(&self) -> &str {
        "reqwest"
    }

    fn send(&self, client: &Client, call: &Call) -> Result<u16, Error> {
        let http = reqwest::Client::builder();
        let api = AuthorizedClient::new(client.clone(), http).unwrap();
        let mut request = match &call.body {
            None => api.http().get(&call.url),
            Some(body) if call.stream => {
                let body = Full::new(bytes(body));
                api.http().post(&call.url).body(reqwest::Body::wrap(body))
            }
            Some(body) => api.http().post(&call.url).body(body.clone()),
        };
        if let Some(value) = &call.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        match block_on(api.send(request)) {
            Ok(response) => Ok(response.status().as_u16()),
            Err(countersign::reqwest::Error::Token(error)) => Err(error),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn follows_within_origin(&self) -> bool {
        true
    }
}

struct ByUreq;

impl Sender for ByUreq {
    fn name(&self) -> &str {
        "ureq"
    }

    fn send(&self, client: &Client, call: &Call) -> Result<u16, Error> {
        let api = AuthorizedAgent::new(client.clone(), ureq::agent());
        let request = request(call, call.body.clone().unwrap_or_default());
        let sent = match call.stream {
            false => api.run(request),
            true => {
                let (parts, body) = request.into_parts();
                let body = std::io::Cursor::new(body);
                let body = ureq::SendBody::from_owned_reader(body);
                api.run_once(Request::from_parts(parts, body))
            }
        };
        match sent {
            Ok(response) => Ok(response.status().as_u16()),
            Err(ureq::Error::Other(error)) => Err(*error.downcast().unwrap()),
            Err(other) => panic!("{other:?}"),
        }
    }
}

struct ByTower;

type Hyper = legacy::Client<HttpConnector, Body>;
type Body = Full<hyper::body::Bytes>;

impl Sender for ByTower {
    fn name(&self) -> &str {
        "tower"
    }

    fn send(&self, client: &Client, call: &Call) -> Result<u16, Error> {
        let body = Body::new(bytes(call.body.as_deref().unwrap_or_default()));
        let origin = call.url.clone();
        let layer = match call.stream {
            false => AuthorizationLayer::new(client.clone(), &origin)?,
            true => AuthorizationLayer::with_clone_body(client.clone(), &origin, |_| None)?,
        };
        through(&layer, request(call, body))
    }

    fn checks_each_url(&self) -> bool {
        false
    }
}

/// Sends a GET request to `url` through a layer for `origin`.
pub(crate) fn by_tower(client: &Client, origin: &str, url: &str) -> Result<u16, Error> {
    let layer = AuthorizationLayer::new(client.clone(), origin)?;
    through(&layer, Request::get(url).body(Body::default()).unwrap())
}

fn through(layer: &AuthorizationLayer<Body>, request: Request<Body>) -> Result<u16, Error> {
    let sent = block_on(async {
        let http: Hyper = legacy::Client::builder(TokioExecutor::new()).build_http();
        let mut service = layer.layer(http);
        std::future::poll_fn(|context| service.poll_ready(context)).await?;
        service.call(request).await
    });
    match sent {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) => Err(*error.downcast().unwrap()),
    }
}

fn request<B>(call: &Call, body: B) -> Request<B> {
    let method = match call.body {
        Some(_) => http::Method::POST,
        None => http::Method::GET,
    };
    let mut request = Request::builder().method(method).uri(&call.url);
    if let Some(value) = &call.authorization {
        request = request.header(AUTHORIZATION, value);
    }
    request.body(body).unwrap()
}

fn bytes(text: &str) -> hyper::body::Bytes {
    text.to_owned().into()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}
