//! Logins in a real browser: Chromium, driven by WebDriver, on the sandbox's pages over TLS and the
//! command's loopback server.

mod webdriver;

#[path = "../command/setup.rs"]
#[allow(dead_code)]
mod setup;

use crate::setup::{Running, Setup};
use crate::webdriver::Browser;

#[test]
fn a_login_in_a_browser_stores_a_token() {
    let setup = Setup::new();
    setup.config("boldsign-code", &[]);
    let browser = Browser::start();
    let mut login = Running::start(&mut setup.command(["login", "boldsign-code", "--no-browser"]));
    browser.open(&login.line());
    browser.click("#allow");
    assert_eq!(browser.heading("You are logged in"), "You are logged in");
    login.end().succeeded();
    let reported = setup.run(["token", "boldsign-code", "--json"]).json();
    assert_eq!(reported["source"], "store");
}

#[test]
fn a_denied_login_is_reported_in_the_browser_and_by_the_command() {
    let setup = Setup::new();
    setup.config("docusign-code", &[]);
    let browser = Browser::start();
    let mut login = Running::start(&mut setup.command(["login", "docusign-code", "--no-browser"]));
    browser.open(&login.line());
    browser.click("#deny");
    let heading = browser.heading("The login did not succeed");
    assert_eq!(heading, "The login did not succeed");
    let run = login.end();
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("access_denied"), "{run:?}");
}
