//! `--dry-run`: prints a request instead of sending it.

use countersign_core::{
    Clock, Connection, DryRun, GrantKind, SystemClock, dry_run, dry_run_device_login, dry_run_login,
};

use crate::args::Global;
use crate::config;
use crate::output::{Output, Stop};

/// Prints the token request of a connection. After a login, that is a refresh.
pub(super) fn token(global: &Global, name: &str, output: &mut Output) -> Result<(), Stop> {
    let connection = config::connection(global, name, output)?;
    let kind = match connection.grant() {
        kind if kind.needs_login() => GrantKind::RefreshToken,
        kind => kind,
    };
    let request = dry_run(&connection, kind, SystemClock::new().now())?;
    print(&request, output)
}

/// Prints the URL of a connection's login.
pub(super) fn login(connection: &Connection, output: &Output) -> Result<(), Stop> {
    let redirect_uri = connection.redirect_uri().map(|uri| uri.as_str());
    let request = dry_run_login(connection, redirect_uri.unwrap_or_default())?;
    print(&request, output)
}

/// Prints the request that starts a connection's login on another device.
pub(super) fn device_login(connection: &Connection, output: &Output) -> Result<(), Stop> {
    print(
        &dry_run_device_login(connection, SystemClock::new().now())?,
        output,
    )
}

fn print(request: &DryRun, output: &Output) -> Result<(), Stop> {
    if output.is_json() {
        return output.print_json(request);
    }
    let mut lines = Vec::new();
    match (request.method, &request.url) {
        (Some(method), Some(url)) => lines.push(format!("{method} {url}")),
        _ => lines.push("no request: the app signs the token itself".to_owned()),
    }
    let headers = request.headers.iter();
    lines.extend(headers.map(|(name, value)| format!("{name}: {value}")));
    if let Some(body) = &request.body {
        let text = body
            .as_str()
            .map_or_else(|| body.to_string(), str::to_owned);
        lines.extend([String::new(), text]);
    }
    for assertion in &request.assertions {
        lines.extend([
            String::new(),
            format!("<assertion> in {}:", assertion.r#in),
            format!("  header {}", assertion.header),
            format!("  claims {}", assertion.claims),
        ]);
    }
    output.print_lines(&lines)
}
