//! `consent`: the page, and waiting for the answer.

use serde_json::Value;

use crate::house::{House, Running};

const NAME: &str = "docusign-jwt-unconsented";

#[test]
fn the_page_is_printed_and_nothing_else() {
    let house = House::new();
    house.config(NAME, &[("redirect_uri", "http://127.0.0.1:4711/callback")]);
    let run = house.run(["consent", NAME]).succeeded();
    let start = format!("{}/oauth/auth?response_type=code&", house.sandbox.url());
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
    let admin = house.run(["consent", NAME, "--admin"]).succeeded();
    assert!(admin.stdout.contains("admin_consent_scope="), "{admin:?}");
    let both = house.run(["consent", NAME, "--json"]).json();
    assert_eq!(both["url"], run.stdout.trim());
    assert_eq!(both["admin_url"], admin.stdout.trim());
}

#[test]
fn the_answer_is_waited_for_and_a_token_tried() {
    for more in [None, Some("--admin")] {
        let house = House::new();
        house.config(NAME, &[]);
        assert_eq!(house.run(["token", NAME]).code, 3);
        let arguments = ["consent", NAME, "--wait", "--no-browser"]
            .into_iter()
            .chain(more);
        let mut running = Running::start(&mut house.command(arguments));
        let back = house.decide(&running.line(), "allow");
        house.get(&back);
        let run = running.end().succeeded();
        assert_eq!(run.stdout, "consent was given, and a token was obtained\n");
        assert_eq!(
            house.run(["token", NAME, "--json"]).json()["source"],
            "store"
        );
    }
}

#[test]
fn a_refusal_is_told() {
    let house = House::new();
    house.config(NAME, &[]);
    let mut running = Running::start(&mut house.command(["consent", NAME, "--wait", "--json"]));
    let told: Value = serde_json::from_str(&running.line()).unwrap();
    house.get(&house.decide(told["url"].as_str().unwrap(), "deny"));
    let error = running.end().error(3);
    assert_eq!(
        (&error["kind"], &error["oauth_error"]),
        (&"callback".into(), &"access_denied".into())
    );
}

#[test]
fn what_is_missing_for_the_page_is_named() {
    let house = House::new();
    house.config(NAME, &[("redirect_uri", "")]);
    let error = house.run(["consent", NAME, "--json"]).error(2);
    assert_eq!(error["setting"], "redirect_uri");
    let error = house
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
    let error = house
        .run_as_given(&["consent", "salesforce-jwt", "--admin", "--json"])
        .error(2);
    assert!(
        error["message"].as_str().unwrap().contains("administrator"),
        "{error}"
    );
}
