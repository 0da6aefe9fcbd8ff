//! A person's login in a real browser: Chromium, driven by WebDriver, against the sandbox's pages
//! over TLS and the command's own listener.

mod webdriver;

#[path = "../command/house.rs"]
#[allow(dead_code)]
mod house;

use crate::house::{House, Running};
use crate::webdriver::Browser;

#[test]
fn a_person_allows_and_the_program_has_its_token() {
    let house = House::new();
    house.config("boldsign-code", &[]);
    let browser = Browser::start();
    let mut login = Running::start(&mut house.command(["login", "boldsign-code", "--no-browser"]));
    browser.open(&login.line());
    browser.click("#allow");
    assert_eq!(browser.heading("You are logged in"), "You are logged in");
    login.end().succeeded();
    let told = house.run(["token", "boldsign-code", "--json"]).json();
    assert_eq!(told["source"], "store");
}

#[test]
fn a_person_who_denies_is_told_so_in_both_places() {
    let house = House::new();
    house.config("docusign-code", &[]);
    let browser = Browser::start();
    let mut login = Running::start(&mut house.command(["login", "docusign-code", "--no-browser"]));
    browser.open(&login.line());
    browser.click("#deny");
    let heading = browser.heading("The login did not succeed");
    assert_eq!(heading, "The login did not succeed");
    let run = login.end();
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("access_denied"), "{run:?}");
}
