//! `consent`: prints the page's URL, and waits for the redirect.

use serde_json::Value;

use crate::setup::{Running, Setup};

const NAME: &str = "docusign-jwt-unconsented";

#[test]
fn consent_prints_only_the_pages_url() {
    let setup = Setup::new();
    setup.config(NAME, &[("redirect_uri", "http://127.0.0.1:4711/callback")]);
    let run = setup.run(["consent", NAME]).succeeded();
    let start = format!("{}/oauth/auth?response_type=code&", setup.sandbox.url());
    assert!(run.stdout.starts_with(&start), "{run:?}");
    assert!(
        run.stdout.contains("scope=signature%20impersonation"),
        "{run:?}"
    );
    assert!(
        run.stdout
            .contains("redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Fcallback"),
        "{run:?}"
    );
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, ""));
    let admin = setup.run(["consent", NAME, "--admin"]).succeeded();
    assert!(admin.stdout.contains("admin_consent_scope="), "{admin:?}");
    let both = setup.run(["consent", NAME, "--json"]).json();
    assert_eq!(both["url"], run.stdout.trim());
    assert_eq!(both["admin_url"], admin.stdout.trim());
}

#[test]
fn wait_receives_the_redirect_and_requests_a_token() {
    for more in [None, Some("--admin")] {
        let setup = Setup::new();
        setup.config(NAME, &[]);
        assert_eq!(setup.run(["token", NAME]).code, 3);
        let arguments = ["consent", NAME, "--wait", "--no-browser"]
            .into_iter()
            .chain(more);
        let mut running = Running::start(&mut setup.command(arguments));
        let back = setup.decide(&running.line(), "allow");
        setup.get(&back);
        let run = running.end().succeeded();
        assert_eq!(run.stdout, "consent was given, and a token was obtained\n");
        assert_eq!(
            setup.run(["token", NAME, "--json"]).json()["source"],
            "store"
        );
    }
}

#[test]
fn a_denied_consent_is_an_error() {
    let setup = Setup::new();
    setup.config(NAME, &[]);
    let mut running = Running::start(&mut setup.command(["consent", NAME, "--wait", "--json"]));
    let reported: Value = serde_json::from_str(&running.line()).unwrap();
    setup.get(&setup.decide(reported["url"].as_str().unwrap(), "deny"));
    let error = running.end().error(3);
    assert_eq!(
        (&error["kind"], &error["oauth_error"]),
        (&"callback".into(), &"access_denied".into())
    );
}

#[test]
fn the_error_names_what_the_page_needs() {
    let setup = Setup::new();
    setup.config(NAME, &[("redirect_uri", "")]);
    let error = setup.run(["consent", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "redirect_uri");
    let error = setup
        .run_as_given(&["consent", "boldsign-code", "--json"])
        .error(2);
    assert!(
        error["message"].as_str().unwrap().contains("has no page"),
        "{error}"
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("countersign login"),
        "{error}"
    );
    let error = setup
        .run_as_given(&["consent", "salesforce-jwt", "--admin", "--json"])
        .error(2);
    assert!(
        error["message"].as_str().unwrap().contains("administrator"),
        "{error}"
    );
}
