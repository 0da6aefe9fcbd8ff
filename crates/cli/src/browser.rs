//! Sends a person to a page of the vendor and waits for the answer (RFC 8252).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use countersign::{Connection, Error, Listener, Login, SystemRandom, Url};
use serde_json::json;

use crate::args::BrowserArgs;
use crate::input;
use crate::output::{Output, Stop};

/// A page to visit: `start` makes it for the redirect URI that is waited on, and `complete` takes
/// the query that the browser comes back with.
pub(crate) fn visit<T>(
    connection: &Connection,
    args: &BrowserArgs,
    output: &Output,
    start: impl FnOnce(&str) -> Result<Login, Error>,
    complete: impl FnOnce(&Login, &str) -> Result<T, Error>,
) -> Result<T, Stop> {
    let redirect_uri = connection.redirect_uri().ok_or_else(|| {
        Error::setting("redirect_uri", "`redirect_uri` is missing").with_hint(
            "register http://127.0.0.1:PORT/callback at the vendor and set redirect_uri to it",
        )
    })?;
    if !redirect_uri.is_loopback() {
        return by_hand(redirect_uri, output, start, complete);
    }
    let listener = Listener::bind(redirect_uri, args.port, &SystemRandom::new())?;
    let login = start(listener.redirect_uri().as_str())?;
    let url = login.url().as_str();
    let waiting = format!(
        "waiting up to {} s for the browser at {}",
        args.timeout,
        listener.redirect_uri()
    );
    let opened = !args.no_browser && !output.is_json() && open(login.url()).is_ok();
    if opened {
        output.say(&format!(
            "the browser was opened; if it does not show, go to\n  {url}"
        ));
        output.say(&waiting);
    } else {
        show(&login, output)?;
        if !output.is_json() {
            output.say(&format!("open this address in a browser; {waiting}"));
        }
    }
    let timeout = Duration::from_secs(args.timeout.into());
    Ok(listener.wait(&login, timeout, |query| complete(&login, query))?)
}

/// The browser comes back to somebody else's server: the person carries the answer over.
fn by_hand<T>(
    redirect_uri: &Url,
    output: &Output,
    start: impl FnOnce(&str) -> Result<Login, Error>,
    complete: impl FnOnce(&Login, &str) -> Result<T, Error>,
) -> Result<T, Stop> {
    let login = start(redirect_uri.as_str())?;
    show(&login, output)?;
    if !output.is_json() {
        output.say(&format!(
            "open this address in a browser. It comes back to {redirect_uri}, which is not on this \
             machine:\npaste the whole address it ends at, and press Enter"
        ));
    }
    let pasted = input::line()?;
    Ok(complete(&login, &pasted)?)
}

/// The address goes to stdout, for whoever drives a browser in our place.
fn show(login: &Login, output: &Output) -> Result<(), Stop> {
    let url = login.url().as_str();
    match output.is_json() {
        true => output.print_json(&json!({ "url": url, "redirect_uri": login.redirect_uri() })),
        false => output.print(url),
    }
}

/// Opens the user's browser, without a shell in between.
fn open(url: &Url) -> std::io::Result<()> {
    let (program, first): (String, Option<&str>) = match chosen_browser() {
        Some(program) => (program, None),
        None if cfg!(windows) => ("rundll32".into(), Some("url.dll,FileProtocolHandler")),
        None if cfg!(target_os = "macos") => ("open".into(), None),
        // Without a screen it would start a browser in this terminal, if any.
        None if !has_screen() => return Err(std::io::ErrorKind::NotFound.into()),
        None => ("xdg-open".into(), None),
    };
    // `Url` is https, or http on the loopback: nothing that a browser takes for an option.
    let mut command = Command::new(program);
    command.args(first).arg(url.as_str());
    let silent = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    silent.spawn().map(drop)
}

/// `$BROWSER`, where it is one program: lists and templates are for a shell to read.
fn chosen_browser() -> Option<String> {
    let browser = std::env::var("BROWSER").ok()?;
    let template = browser.contains(|c: char| c.is_whitespace() || c == '%' || c == ':');
    let one = !browser.is_empty() && (!template || Path::new(&browser).is_file());
    one.then_some(browser)
}

fn has_screen() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("DISPLAY") || set("WAYLAND_DISPLAY") || set("WSL_DISTRO_NAME")
}
