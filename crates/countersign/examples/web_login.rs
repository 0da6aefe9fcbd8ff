//! A web server whose user logs in at the vendor (grant type `authorization-code`, with PKCE).
//!
//! Try it with the sandbox:
//!
//! ```text
//! cargo xtask sandbox --dir /tmp/sandbox
//! COUNTERSIGN_CONFIG=/tmp/sandbox/connections.toml \
//!     cargo run -p countersign --example web_login -- docusign-code
//! ```
//!
//! Then open the URL that it prints. For a real vendor, register `http://127.0.0.1:PORT/callback`
//! there, and pass the port as a second argument.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::{Client, Error, Login};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{COOKIE, LOCATION, SET_COOKIE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

type Reply = Response<Full<Bytes>>;

/// What all requests share.
struct App {
    client: Client,
    /// The redirect URI of this server.
    callback: String,
    /// The logins in progress, by their `state`. Remove them after some minutes in production.
    logins: Mutex<HashMap<String, Login>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or("docusign-code".to_owned());
    let port = words.next().map_or(Ok(0), |port| port.parse())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let here = format!("http://{}", listener.local_addr()?);
    let app = Arc::new(App {
        client: countersign::load(&name)?,
        callback: format!("{here}/callback"),
        logins: Mutex::default(),
    });
    println!("open {here}/");
    loop {
        let (stream, _) = listener.accept().await?;
        let app = Arc::clone(&app);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(Arc::clone(&app), request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(why) = connection.await {
                eprintln!("{why}");
            }
        });
    }
}

async fn respond(app: Arc<App>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    let outcome = match request.uri().path() {
        "/" => home(&app).await,
        "/login" => start_login(&app),
        "/callback" => complete_login(&app, &request).await,
        _ => Ok(page(StatusCode::NOT_FOUND, "There is no such page.")),
    };
    Ok(outcome.unwrap_or_else(|error| {
        // The details are for the log. They may describe the server's configuration.
        eprintln!("{error:?}");
        page(
            StatusCode::BAD_GATEWAY,
            "That didn't work. <a href=/login>Log in again</a>.",
        )
    }))
}

/// Shows whether the server has a token.
async fn home(app: &App) -> Result<Reply, Error> {
    match app.client.token_async().await {
        Ok(token) => {
            let text = format!("Logged in. The token is from {}.", token.source());
            Ok(page(StatusCode::OK, &text))
        }
        Err(error) if error.verdict() == countersign::Verdict::Reauthorize => {
            Ok(page(StatusCode::OK, "<a href=/login>Log in</a>."))
        }
        Err(error) => Err(error),
    }
}

/// Sends the browser to the vendor.
fn start_login(app: &App) -> Result<Reply, Error> {
    let login = app.client.start_login(Some(&app.callback))?;
    // Only this browser may complete the login. Add `Secure` if your server has https.
    let cookie = format!(
        "login={}; HttpOnly; SameSite=Lax; Path=/callback",
        login.state()
    );
    let mut reply = page(StatusCode::SEE_OTHER, "");
    let headers = reply.headers_mut();
    headers.extend(
        [(LOCATION, login.url().as_str()), (SET_COOKIE, &cookie)].map(|(name, value)| {
            (
                name,
                value.parse().expect("URLs and states are header values"),
            )
        }),
    );
    let mut logins = app.logins.lock().unwrap_or_else(PoisonError::into_inner);
    logins.insert(login.state().to_owned(), login);
    Ok(reply)
}

/// Takes the code that the vendor sent with the browser, and exchanges it for tokens.
async fn complete_login(app: &App, request: &Request<Incoming>) -> Result<Reply, Error> {
    let cookies = request.headers().get_all(COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split("; "));
    let state = cookies.find_map(|cookie| cookie.strip_prefix("login="));
    let login = state.and_then(|state| {
        let mut logins = app.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.remove(state)
    });
    let Some(login) = login else {
        let text = "This browser has started no login. <a href=/login>Log in</a>.";
        return Ok(page(StatusCode::BAD_REQUEST, text));
    };
    let query = request.uri().query().unwrap_or_default().to_owned();
    let client = app.client.clone();
    // Sends the code to the vendor and waits, which would block other requests here.
    spawn_blocking(move || client.complete_login(&login, &query))
        .await
        .expect("the login doesn't panic")?;
    Ok(page(StatusCode::OK, "Logged in. <a href=/>Continue</a>."))
}

fn page(status: StatusCode, text: &str) -> Reply {
    let body = format!("<!doctype html><title>Example</title><p>{text}</p>");
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("text/html; charset=utf-8");
    reply
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, kind);
    reply
}
