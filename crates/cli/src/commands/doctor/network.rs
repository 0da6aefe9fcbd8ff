//! The checks over the network: the way to the server, its clock, and one real token request.

use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::Instant;

use countersign::{
    Clock, Connection, ErrorKind, GrantKind, Keeper, MemoryStore, Request, Response, SendError,
    SystemClock, Transport, Verdict, parse_http_date,
};
use countersign_builtin::variable;

use super::settings::loses_refresh_tokens;
use crate::commands::report::Check;
use crate::hints;

/// Differences of clocks, in seconds, that vendors begin to mind and that none forgives.
const CLOCK_WARNS: u64 = 30;
const CLOCK_FAILS: u64 = 120;

/// Name, connection, TLS and clock of the token endpoint, and whether it answers.
pub(super) fn reach(connection: &Connection, transport: &dyn Transport) -> (Vec<Check>, bool) {
    let url = connection.token_url();
    let origin = url.origin();
    let mut checks = Vec::new();
    checks.extend(ignored_proxies(connection));
    let direct = connection.network().proxy.is_none() || url.is_loopback();
    if direct {
        let host = url.host().trim_matches(['[', ']']);
        match (host, url.port()).to_socket_addrs() {
            Ok(found) => {
                let found: Vec<_> = found.map(|address| address.ip().to_string()).collect();
                checks.push(Check::ok("name", format!("{host} is {}", found.join(", "))));
            }
            Err(error) => {
                let fix = "check the host name in the settings, and this machine's DNS";
                let detail = format!("{host} does not resolve: {error}");
                checks.push(Check::fail("name", Verdict::Retry, detail, fix));
                return (checks, false);
            }
        }
    }
    let asked = Instant::now();
    let before = SystemClock::new().now().unix_ms;
    // Any answer will do: most token endpoints refuse a GET.
    let outcome = transport.send(&Request::get(url.clone()));
    let took = asked.elapsed().as_millis();
    let answer = match outcome {
        Ok(answer) => answer,
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
    let status = answer.status;
    checks.push(Check::ok(
        "connection",
        format!("{origin} answered {status} to a GET after {took} ms"),
    ));
    checks.push(tls(connection));
    checks.push(clock(&answer, before));
    (checks, true)
}

/// Variables that other programs take a proxy from. What they hold is not shown: it may have a
/// password in it.
fn ignored_proxies(connection: &Connection) -> Option<Check> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let proxies = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let exceptions = ["NO_PROXY", "no_proxy"];
    let found: Vec<_> = proxies.into_iter().filter(|name| is_set(name)).collect();
    let (names, fix) = match connection.network().proxy {
        None => (
            found,
            "to use that proxy, set proxy to its URL: proxy = \"http://host:port\"",
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
        Some(_) => format!("{ignored}: the setting proxy alone counts"),
    };
    Some(Check::warn("proxy", detail, fix))
}

fn tls(connection: &Connection) -> Check {
    if connection.token_url().scheme() != "https" {
        return Check::ok("tls", "not used: plain http on the loopback");
    }
    let network = connection.network();
    let detail = match &network.ca_file {
        Some(path) if network.ca_only => format!("trusted by {} alone", path.display()),
        Some(path) => format!("trusted by roots {} and {}", network.roots, path.display()),
        None => format!("trusted by roots {}", network.roots),
    };
    Check::ok("tls", detail)
}

/// Holds this machine's clock against the server's: assertions live by it.
fn clock(answer: &Response, before_ms: i64) -> Check {
    let Some(theirs) = answer.header("date").and_then(parse_http_date) else {
        let fix = "compare this machine's clock by hand";
        return Check::warn("clock", "the server does not tell its time", fix);
    };
    let after_ms = SystemClock::new().now().unix_ms;
    let ours = (before_ms + after_ms) / 2 / 1000;
    let apart = ours.abs_diff(theirs);
    let way = if ours > theirs { "ahead of" } else { "behind" };
    let fix = "set this machine's clock, as with: timedatectl set-ntp true";
    match apart {
        // The header counts whole seconds.
        0..=1 => Check::ok("clock", "the same as the server's"),
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

/// One real token request, where that costs nothing that cannot be had again.
pub(super) fn token(keeper: &Keeper, transport: Arc<dyn Transport>) -> Vec<Check> {
    let connection = keeper.connection();
    let asked = match connection.grant() {
        // Past whatever is stored, and without touching it.
        GrantKind::JwtBearer | GrantKind::ClientCredentials => {
            let builder = Keeper::builder(connection.clone()).transport(transport);
            builder.store(Arc::new(MemoryStore::new())).build()
        }
        GrantKind::RefreshToken if loses_refresh_tokens(connection) => {
            return vec![Check::warn(
                "token",
                "not asked for: the vendor may replace the refresh token, and store memory would lose it",
                "set store = \"file:FOLDER\" and run doctor again",
            )];
        }
        _ => Ok(keeper.clone()),
    };
    let keeper = match asked {
        Ok(keeper) => keeper,
        Err(error) => return vec![Check::failed("token", &error)],
    };
    let token = match keeper.refresh_now() {
        Ok(token) => token,
        Err(error) if error.kind() == ErrorKind::NoToken => {
            let fix = format!("countersign login {}", connection.name());
            return vec![Check::fail(
                "token",
                Verdict::Reauthorize,
                "a login is needed",
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
        None => "no expiry is told".to_owned(),
    };
    let mut checks = vec![Check::ok(
        "token",
        format!("{}, {lifetime}", token.source()),
    )];
    checks.push(match keeper.identity() {
        Ok(extra) => {
            let known: Vec<_> = extra.keys().map(String::as_str).collect();
            let vendor = &connection.profile().name;
            match known.is_empty() {
                true => Check::ok("identity", format!("{vendor} tells none with this grant")),
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
