//! The network checks: the way to the server, its clock, and one real token request.

use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::Instant;

use countersign::environment::variable;
use countersign_core::{
    Client, Clock, Connection, Error, ErrorKind, GrantKind, MemoryStore, Request, Response,
    SendError, SystemClock, Transport, Verdict, parse_http_date,
};

use super::settings::loses_refresh_tokens;
use crate::commands::report::Check;
use crate::hints;

/// The clock difference in seconds that some vendors reject.
const CLOCK_WARNS: u64 = 30;
/// The clock difference in seconds that every vendor rejects.
const CLOCK_FAILS: u64 = 120;

/// Finds the server's endpoints, if they are discovered.
pub(super) fn discover(
    connection: &Connection,
    transport: &dyn Transport,
) -> Result<(Connection, Option<Check>), Error> {
    if !connection.needs_metadata() {
        return Ok((connection.clone(), None));
    }
    let discovered = connection.discover(transport, &SystemClock::new())?;
    let issuer = discovered.issuer().unwrap_or_default();
    let detail = match discovered.token_url() {
        Some(url) => format!("{issuer} has the token endpoint {url}"),
        None => format!("{issuer} publishes metadata"),
    };
    Ok((discovered, Some(Check::ok("discovery", detail))))
}

/// Checks name, connection, TLS and clock of the token endpoint. Also returns whether it responded.
pub(super) fn reach(connection: &Connection, transport: &dyn Transport) -> (Vec<Check>, bool) {
    let Some(url) = connection.token_url() else {
        let detail = "no request is made: the tokens are signed here";
        return (vec![Check::ok("name", detail)], false);
    };
    let origin = url.origin();
    let mut checks = Vec::new();
    checks.extend(ignored_proxies(connection));
    let direct = connection.network().proxy.is_none() || url.is_loopback();
    if direct {
        let host = url.host().trim_matches(['[', ']']);
        match (host, url.port()).to_socket_addrs() {
            Ok(found) => {
                let found: Vec<_> = found.map(|address| address.ip().to_string()).collect();
                let detail = format!("{host} resolves to {}", found.join(", "));
                checks.push(Check::ok("name", detail));
            }
            Err(error) => {
                let fix = "check the host name in the settings, and this machine's DNS";
                let detail = format!("{host} does not resolve: {error}");
                checks.push(Check::fail("name", Verdict::Retry, detail, fix));
                return (checks, false);
            }
        }
    }
    let started = Instant::now();
    let before = SystemClock::new().now().unix_ms;
    // Any response will do: most token endpoints reject a GET.
    let outcome = transport.send(&Request::get(url.clone()));
    let took = started.elapsed().as_millis();
    let response = match outcome {
        Ok(response) => response,
        Err(SendError::NotSent(error)) if error.kind() == ErrorKind::Tls => {
            checks.push(Check::ok(
                "connection",
                format!("{origin} accepts connections"),
            ));
            checks.push(Check::failed("tls", &error));
            return (checks, false);
        }
        Err(error) => {
            checks.push(Check::failed("connection", &error.into_error()));
            return (checks, false);
        }
    };
    let status = response.status;
    checks.push(Check::ok(
        "connection",
        format!("{origin} responded to a GET with {status} after {took} ms"),
    ));
    checks.push(tls(connection));
    checks.push(clock(&response, before));
    (checks, true)
}

/// Warns about environment variables that name a proxy for other programs.
///
/// Their values aren't shown, because they may contain a password.
fn ignored_proxies(connection: &Connection) -> Option<Check> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let proxies = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let exceptions = ["NO_PROXY", "no_proxy"];
    let found: Vec<_> = proxies.into_iter().filter(|name| is_set(name)).collect();
    let (names, fix) = match connection.network().proxy {
        None => (
            found,
            "to use that proxy, set proxy to its URL, as in proxy = \"http://host:port\"",
        ),
        Some(_) => {
            let exceptions = exceptions.into_iter().filter(|name| is_set(name));
            (
                found.into_iter().chain(exceptions).collect(),
                "remove proxy from connections that should not use one",
            )
        }
    };
    let ignored = match names.as_slice() {
        [] => return None,
        [one] => format!("{one} is set and ignored"),
        several => format!("{} are set and ignored", several.join(", ")),
    };
    let detail = match connection.network().proxy {
        None => format!("{ignored}: connections are made without a proxy"),
        Some(_) => format!("{ignored}: only the setting proxy is used"),
    };
    Some(Check::warn("proxy", detail, fix))
}

fn tls(connection: &Connection) -> Check {
    if connection
        .token_url()
        .is_none_or(|url| url.scheme() != "https")
    {
        return Check::ok("tls", "not used: plain http on loopback");
    }
    let network = connection.network();
    let detail = match &network.ca_file {
        Some(path) if network.ca_only => format!("verified with {} only", path.display()),
        Some(path) => format!(
            "verified with roots {} and {}",
            network.roots,
            path.display()
        ),
        None => format!("verified with roots {}", network.roots),
    };
    Check::ok("tls", detail)
}

/// Compares this machine's clock with the server's: assertions expire by the server's.
fn clock(response: &Response, before_ms: i64) -> Check {
    let Some(theirs) = response.header("date").and_then(parse_http_date) else {
        let fix = "check this machine's clock yourself";
        return Check::warn(
            "clock",
            "the server's response has no valid Date header",
            fix,
        );
    };
    let after_ms = SystemClock::new().now().unix_ms;
    let ours = (before_ms + after_ms) / 2 / 1000;
    let apart = ours.abs_diff(theirs);
    let way = if ours > theirs { "ahead of" } else { "behind" };
    let fix = "set this machine's clock, for example with: timedatectl set-ntp true";
    match apart {
        // The header has whole seconds.
        0..=1 => Check::ok("clock", "same as the server's"),
        2..=CLOCK_WARNS => Check::ok("clock", format!("{apart} s {way} the server's")),
        _ => {
            let detail = format!("this machine's clock is {apart} s {way} the server's");
            match apart > CLOCK_FAILS {
                true => Check::fail("clock", Verdict::FixConfiguration, detail, fix),
                false => Check::warn("clock", detail, fix),
            }
        }
    }
}

/// Makes one real token request, unless that could lose a refresh token.
pub(super) fn token(client: &Client, transport: Arc<dyn Transport>) -> Vec<Check> {
    let connection = client.connection();
    let tried = match connection.grant() {
        // Bypasses the store, and leaves it unchanged.
        GrantKind::JwtBearer | GrantKind::ClientCredentials => {
            let builder = Client::builder(connection.clone()).transport(transport);
            builder.store(Arc::new(MemoryStore::new())).build()
        }
        GrantKind::RefreshToken if loses_refresh_tokens(connection) => {
            return vec![Check::warn(
                "token",
                "not requested: the vendor may rotate the refresh token, and store memory would lose the new one",
                "set store = \"file:FOLDER\" and run doctor again",
            )];
        }
        _ => Ok(client.clone()),
    };
    let client = match tried {
        Ok(client) => client,
        Err(error) => return vec![Check::failed("token", &error)],
    };
    let token = match client.refresh_now() {
        Ok(token) => token,
        Err(error) if error.kind() == ErrorKind::NoToken => {
            let fix = format!("countersign login {}", connection.name());
            return vec![Check::fail(
                "token",
                Verdict::Reauthorize,
                "no login yet",
                fix,
            )];
        }
        Err(error) => {
            let error = hints::with_command(error, connection.name(), connection.grant());
            return vec![Check::failed("token", &error)];
        }
    };
    let lifetime = match token.expires_at() {
        Some(end) => format!("valid for {} s", end - SystemClock::new().now().unix_s()),
        None => "expiry unknown".to_owned(),
    };
    let mut checks = vec![Check::ok(
        "token",
        format!("{}, {lifetime}", token.source()),
    )];
    checks.push(match client.identity() {
        Ok(extra) => {
            let known: Vec<_> = extra.keys().map(String::as_str).collect();
            let vendor = &connection.profile().name;
            match known.is_empty() {
                true => Check::ok("identity", format!("{vendor} has none for this grant")),
                false => Check::ok("identity", known.join(", ")),
            }
        }
        Err(error) => {
            let fix = error
                .hint()
                .unwrap_or("see the vendor's documentation")
                .to_owned();
            Check::warn("identity", error.message(), fix)
        }
    });
    checks
}
