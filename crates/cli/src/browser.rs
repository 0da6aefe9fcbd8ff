//! Opens a vendor's page in a browser and waits for the redirect (RFC 8252).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use countersign_core::profile::LoopbackPort;
use countersign_core::{Connection, Error, Listener, Login, SystemRandom, Url};
use serde_json::json;

use crate::args::BrowserArgs;
use crate::input;
use crate::output::{Output, Stop};
use crate::{child, hints};

/// Opens a page and waits for the redirect.
///
/// `start` builds the page's URL for a redirect URI. `complete` receives the redirect's query, or
/// the URL that a person pasted.
pub(crate) fn visit<T>(
    connection: &Connection,
    args: &BrowserArgs,
    secrets: &BTreeSet<String>,
    output: &mut Output,
    start: impl FnOnce(&str) -> Result<Login, Error>,
    complete: impl FnOnce(&Login, &str) -> Result<T, Error>,
) -> Result<T, Stop> {
    let redirect_uri = connection.redirect_uri().ok_or_else(|| {
        Error::setting("redirect_uri", "`redirect_uri` is missing").with_hint(
            "register http://127.0.0.1:PORT/callback with the app and set redirect_uri to it",
        )
    })?;
    if let Some(reason) = reason_to_paste(redirect_uri, args.paste) {
        return paste(redirect_uri, reason, output, start, complete);
    }
    if let Some(warning) = port_warning(connection, args.port) {
        output.warn(&warning);
    }
    let listener = Listener::bind(redirect_uri, args.port, &SystemRandom::new())
        .map_err(hints::with_port_option)?;
    let login = start(listener.redirect_uri().as_str())?;
    let (url, back) = (login.url().as_str(), listener.redirect_uri().clone());
    let waiting = format!(
        "waiting up to {} s for the redirect to {back}",
        args.timeout
    );
    let opened = !args.no_browser && !output.is_json() && open(login.url(), secrets).is_ok();
    if opened {
        output.say("opened the browser; if no page appears, open this URL:");
        output.say(&format!("  {url}"));
        output.say(&waiting);
    } else {
        show(&login, output)?;
        if !output.is_json() {
            output.say(&format!("open this URL in a browser; {waiting}"));
        }
    }
    // A browser on another machine can't reach this port.
    let pasted = (!opened && over_ssh()).then(input::lines);
    if !output.is_json() {
        output.say(&format!(
            "if the vendor's page reports a wrong redirect URI, register {back} with the app, exactly as shown"
        ));
        if pasted.is_some() {
            output.say(&ssh_advice(&back));
        }
    }
    let quiet = output.is_json();
    let mut reminded = quiet;
    let timeout = Duration::from_secs(args.timeout.into());
    let other = |waited: Duration| {
        if !reminded && waited >= REMINDER {
            reminded = true;
            output.say(&reminder(&back));
        }
        pasted.as_ref()?.try_recv().ok()
    };
    Ok(listener.wait_or(&login, timeout, other, |query| complete(&login, query))?)
}

/// How long to wait before printing the reminder.
const REMINDER: Duration = Duration::from_secs(30);

fn reminder(back: &Url) -> String {
    format!(
        "still waiting. If the browser shows an error page, the vendor will not redirect: press Ctrl-C, \
         register {back} with the app, and set redirect_uri to it"
    )
}

/// Explains what to do if the browser runs on another machine.
fn ssh_advice(back: &Url) -> String {
    let port = back.port();
    format!(
        "this is an SSH session, so a browser on your own machine cannot reach {back}. When it shows an error \
         page, paste the URL from its address bar and press Enter. Or forward the port before you log in: \
         ssh -L {port}:127.0.0.1:{port}"
    )
}

/// Returns why the redirect's URL has to be pasted, or `None` if the command can listen for it.
fn reason_to_paste(redirect_uri: &Url, paste: bool) -> Option<&'static str> {
    if !redirect_uri.is_loopback() {
        return Some("it is not on this machine");
    }
    if redirect_uri.scheme() == "https" {
        // The loopback server has no certificate that a browser would trust.
        return Some("nothing listens on https here, so the browser shows an error page");
    }
    paste.then_some("nothing listens there, because of --paste")
}

/// Returns a warning if the vendor compares redirect URIs exactly and this login's port isn't the
/// registered one.
pub(crate) fn port_warning(connection: &Connection, port: Option<u16>) -> Option<String> {
    let registered = connection.redirect_uri()?;
    let registered_port = registered.explicit_port();
    let differs = match (registered_port, port) {
        (None, None) => true,
        (Some(registered), Some(port)) => registered != port,
        _ => false,
    };
    let listens = registered.is_loopback() && registered.scheme() == "http";
    let exact = connection.profile().authorize.loopback_port == Some(LoopbackPort::Exact);
    if !(differs && listens && exact) {
        return None;
    }
    let vendor = &connection.profile().name;
    let mismatch = match registered_port {
        None => "has no port, so each login chooses one".to_owned(),
        Some(port) => format!("has port {port}, which --port overrides"),
    };
    Some(format!(
        "{vendor} compares redirect URIs exactly, but redirect_uri {registered} {mismatch}: register one with a fixed port, such as http://127.0.0.1:8400/callback, with the app, and set redirect_uri to it"
    ))
}

/// Asks the person to paste the URL of the redirect.
fn paste<T>(
    redirect_uri: &Url,
    reason: &str,
    output: &Output,
    start: impl FnOnce(&str) -> Result<Login, Error>,
    complete: impl FnOnce(&Login, &str) -> Result<T, Error>,
) -> Result<T, Stop> {
    let login = start(redirect_uri.as_str())?;
    show(&login, output)?;
    if !output.is_json() {
        output.say(&format!(
            "open this URL in a browser. It redirects to {redirect_uri}; {reason}."
        ));
        output.say("paste the URL that the browser ends up at, and press Enter:");
    }
    let pasted = input::line()?;
    Ok(complete(&login, &pasted)?)
}

/// Prints the page's URL to stdout, for programs that open the browser themselves.
fn show(login: &Login, output: &Output) -> Result<(), Stop> {
    let url = login.url().as_str();
    match output.is_json() {
        true => output.print_json(&json!({ "url": url, "redirect_uri": login.redirect_uri() })),
        false => output.print(url),
    }
}

/// Opens the user's browser, without a shell.
fn open(url: &Url, secrets: &BTreeSet<String>) -> std::io::Result<()> {
    let (program, first): (String, Option<&str>) = match chosen_browser() {
        Some(program) => (program, None),
        None if cfg!(windows) => ("rundll32".into(), Some("url.dll,FileProtocolHandler")),
        None if cfg!(target_os = "macos") => ("open".into(), None),
        // Without a display, xdg-open might start a text browser in this terminal.
        None if !has_display() => return Err(std::io::ErrorKind::NotFound.into()),
        None => ("xdg-open".into(), None),
    };
    // A `Url` starts with `https:` or `http:`, so no browser takes it for an option.
    let mut command = child::command(program, secrets);
    command.args(first).arg(url.as_str());
    let silent = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    child::allow_core_dumps();
    let spawned = silent.spawn();
    child::forbid_core_dumps();
    spawned.map(drop)
}

/// Returns `$BROWSER` if it is a single program. Lists and templates would need a shell.
fn chosen_browser() -> Option<String> {
    let browser = std::env::var("BROWSER").ok()?;
    let template = browser.contains(|c: char| c.is_whitespace() || c == '%' || c == ':');
    let one = !browser.is_empty() && (!template || Path::new(&browser).is_file());
    one.then_some(browser)
}

fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WSL_DISTRO_NAME")
}

fn over_ssh() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("SSH_CONNECTION") || set("SSH_TTY")
}
