//! `login` and `logout`, with an HTTP client in the browser's place.

use countersign::{Form, Request, Transport, Url};
use countersign_sandbox::{Fault, Options};
use serde_json::Value;

use crate::house::{House, Run, Running, text_of};

/// Logs in: the page is allowed, and the browser comes back.
fn log_in(house: &House, arguments: &[&str]) -> (Run, String) {
    let mut running = Running::start(&mut house.command(arguments));
    let url = running.line();
    let back = house.decide(&url, "allow");
    let page = house.get(&back);
    (running.end(), text_of(&page))
}

#[test]
fn every_login_brings_a_token_that_is_kept() {
    let house = House::new();
    for name in [
        "docusign-code",
        "docusign-public",
        "salesforce-code",
        "boldsign-code",
    ] {
        house.config(name, &[]);
        let (run, page) = log_in(&house, &["login", name, "--no-browser"]);
        let run = run.succeeded();
        assert!(
            run.stdout
                .starts_with(&format!("logged in: connection {name} at ")),
            "{run:?}"
        );
        assert!(page.contains("<html"), "{page}");
        let told = house.run(["token", name, "--json"]).json();
        assert_eq!(told["source"], "store", "{name}");
        let token = told["access_token"].as_str().unwrap();
        assert!(
            !format!("{run:?}").contains(token),
            "a login never shows the token"
        );
        let told = house.run(["token", name, "--json", "--force"]).json();
        assert_eq!(told["source"], "refreshed", "{name}");
    }
}

#[test]
fn as_json_the_address_comes_first_and_then_the_result() {
    let house = House::new();
    house.config("boldsign-code", &[]);
    let mut running = Running::start(&mut house.command(["login", "boldsign-code", "--json"]));
    let told: Value = serde_json::from_str(&running.line()).unwrap();
    let back = house.decide(told["url"].as_str().unwrap(), "allow");
    assert!(
        back.starts_with(told["redirect_uri"].as_str().unwrap()),
        "{back}"
    );
    house.get(&back);
    let run = running.end();
    assert_eq!(run.stderr, "", "{run:?}");
    let result = run.json();
    assert_eq!(result["connection"], "boldsign-code");
    assert!(result["expires_at"].is_i64());
    assert!(result["access_token"].is_null());
}

#[test]
fn a_person_who_says_no_is_understood() {
    let house = House::new();
    house.config("salesforce-code", &[]);
    let mut running = Running::start(&mut house.command(["login", "salesforce-code", "--json"]));
    let told: Value = serde_json::from_str(&running.line()).unwrap();
    let back = house.decide(told["url"].as_str().unwrap(), "deny");
    house.get(&back);
    let error = running.end().error(3);
    assert_eq!(error["kind"], "callback");
    assert_eq!(error["oauth_error"], "access_denied");
}

#[test]
fn a_forged_answer_is_waited_past() {
    let house = House::new();
    house.config("boldsign-code", &[]);
    let mut running =
        Running::start(&mut house.command(["login", "boldsign-code", "--no-browser"]));
    let back = house.decide(&running.line(), "allow");
    let (address, _) = back.split_once('?').unwrap();
    let forged = house.get(&format!("{address}?code=x&state=y"));
    assert_eq!(forged.status, 400, "{}", text_of(&forged));
    house.get(&back);
    running.end().succeeded();
}

#[test]
fn a_code_that_was_used_already_needs_another_login() {
    let house = House::new();
    let path = house.config("boldsign-code", &[]);
    let text = std::fs::read_to_string(path).unwrap();
    let settings = &countersign::Settings::from_toml(&text).unwrap()["boldsign-code"];
    let mut running = Running::start(&mut house.command(["login", "boldsign-code", "--json"]));
    let told: Value = serde_json::from_str(&running.line()).unwrap();
    let back = house.decide(told["url"].as_str().unwrap(), "allow");
    let code = back
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("code="))
        .unwrap();
    // Whoever stole the code cannot redeem it without the verifier, but spends it.
    let theft = Form::new()
        .field("grant_type", "authorization_code")
        .field("client_id", settings.value("client_id").unwrap())
        .field("client_secret", settings.value("client_secret").unwrap())
        .field("redirect_uri", told["redirect_uri"].as_str().unwrap())
        .field("code_verifier", "x".repeat(43))
        .field("code", code);
    let token_url = Url::parse(&format!("{}/connect/token", house.sandbox.url())).unwrap();
    let stolen = house
        .transport()
        .send(&Request::post(token_url, theft))
        .unwrap();
    assert_eq!(stolen.status, 400, "{}", text_of(&stolen));
    house.get(&back);
    let error = running.end().error(3);
    assert_eq!(
        (&error["verdict"], &error["oauth_error"]),
        (&"reauthorize".into(), &"invalid_grant".into())
    );
}

#[test]
fn a_redirect_that_is_not_registered_is_never_answered() {
    let house = House::new();
    house.config(
        "salesforce-code",
        &[("redirect_uri", "http://127.0.0.1/other")],
    );
    let arguments = ["login", "salesforce-code", "--json", "--timeout", "0"];
    let mut running = Running::start(&mut house.command(arguments));
    let told: Value = serde_json::from_str(&running.line()).unwrap();
    let page = house.get(&format!("{}&_sandbox=allow", told["url"].as_str().unwrap()));
    assert_eq!(page.status, 400);
    assert!(
        text_of(&page).contains("redirect_uri"),
        "{}",
        text_of(&page)
    );
    let error = running.end().error(3);
    assert_eq!(error["kind"], "callback");
    assert!(error["url"].is_string());
}

#[test]
fn a_redirect_that_the_exchange_refuses_names_the_setting() {
    let house = House::new();
    house.config("salesforce-code", &[]);
    house
        .sandbox
        .fault(Fault::row("salesforce.redirect_uri_mismatch"))
        .unwrap();
    let mut running = Running::start(&mut house.command(["login", "salesforce-code", "--json"]));
    let told: Value = serde_json::from_str(&running.line()).unwrap();
    house.get(&house.decide(told["url"].as_str().unwrap(), "allow"));
    let error = running.end().error(2);
    assert_eq!(error["setting"], "redirect_uri");
    assert_eq!(error["verdict"], "fix_configuration");
}

#[test]
fn a_redirect_to_another_machine_is_carried_over_by_hand() {
    let elsewhere = "https://app.example/callback";
    let house = House::with(Options {
        redirect_uris: vec![elsewhere.into()],
        ..Options::default()
    });
    house.config("boldsign-code", &[("redirect_uri", elsewhere)]);
    let arguments = ["login", "boldsign-code", "--no-browser"];
    let mut running = Running::start(&mut house.command(arguments));
    let back = house.decide(&running.line(), "allow");
    assert!(back.starts_with(elsewhere), "{back}");
    running.type_in(&format!("{back}\n"));
    let run = running.end().succeeded();
    assert!(run.stderr.contains("paste the whole address"), "{run:?}");
    house.run(["token", "boldsign-code"]).succeeded();
    // Nobody to paste anything, and something that is no answer.
    for (pasted, said) in [
        ("", "ended before"),
        ("https://app.example/\n", "no query"),
        ("code=1&state=2\n", "`state`"),
    ] {
        let run = Run::of(&mut house.command(["login", "boldsign-code"]), pasted);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_browser_gets_the_address_as_one_argument() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    house.config("boldsign-code", &[]);
    let pipe = house.dir.path().join("opened");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let browser = house.write(
        "my browser",
        "#!/bin/sh\nprintf '%s|%s' \"$#\" \"$1\" > opened\n",
    );
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = house.command(["login", "boldsign-code", "--timeout", "30"]);
    let running = Running::start(command.env("BROWSER", browser));
    // A pipe that nobody writes to would be read for ever.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(std::fs::read_to_string(pipe).unwrap()));
    let opened = told
        .recv_timeout(std::time::Duration::from_secs(20))
        .unwrap();
    let url = opened.strip_prefix("1|").unwrap();
    house.get(&house.decide(url, "allow"));
    let run = running.end().succeeded();
    assert!(run.stderr.contains("the browser was opened"), "{run:?}");
    assert!(run.stdout.starts_with("logged in"), "{run:?}");
}

#[test]
fn grants_without_a_login_say_what_they_have_instead() {
    let house = House::new();
    for (name, instead) in [
        ("docusign-jwt", "countersign consent docusign-jwt"),
        ("boldsign-cc", "countersign token boldsign-cc"),
        ("boldsign-refresh", "authorization-code"),
    ] {
        let error = house.run_as_given(&["login", name, "--json"]).error(2);
        assert_eq!(error["setting"], "grant", "{name}");
        assert!(error["hint"].as_str().unwrap().contains(instead), "{error}");
    }
}

#[test]
fn what_a_login_would_lose_is_told_before() {
    let house = House::new();
    let changes = [
        ("store", "memory"),
        ("scopes", "openid BoldSign.Documents.All"),
    ];
    house.config("boldsign-code", &changes);
    let run = house.run(["login", "boldsign-code", "--no-browser", "--timeout", "0"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("store is memory"), "{run:?}");
    assert!(run.stderr.contains("offline_access"), "{run:?}");
}

#[test]
fn the_port_is_chosen_where_it_is_asked_for() {
    let house = House::new();
    house.config("boldsign-code", &[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = house.run(["login", "boldsign-code", "--json", "--port", &port]);
    let error = run.error(2);
    assert!(
        error["message"].as_str().unwrap().contains(&port),
        "{error}"
    );
    drop(taken);
    let run = house.run([
        "login",
        "boldsign-code",
        "--no-browser",
        "--timeout",
        "0",
        "--port",
        &port,
    ]);
    assert!(
        run.stdout
            .contains(&format!("127.0.0.1%3A{port}%2Fcallback")),
        "{run:?}"
    );
}

#[test]
fn a_logout_revokes_where_the_vendor_can() {
    let house = House::new();
    let logout = |name: &str| house.run(["logout", name, "--json"]).json()["revocation"].clone();
    house.config("boldsign-refresh", &[]);
    house.run(["token", "boldsign-refresh"]).succeeded();
    assert_eq!(logout("boldsign-refresh"), "revoked");
    assert!(
        house
            .sandbox
            .full_log()
            .iter()
            .any(|entry| entry.endpoint == "revoke")
    );

    house.config("docusign-jwt", &[]);
    assert_eq!(logout("docusign-jwt"), "nothing_held");
    house.run(["token", "docusign-jwt"]).succeeded();
    assert_eq!(logout("docusign-jwt"), "not_offered");
    assert_eq!(
        house.run(["token", "docusign-jwt", "--json"]).json()["source"],
        "minted"
    );

    house.config("salesforce-refresh", &[]);
    house.run(["token", "salesforce-refresh"]).succeeded();
    let fault = Fault {
        endpoint: "revoke".into(),
        ..Fault::status(503)
    };
    house.sandbox.fault(fault).unwrap();
    let error = house
        .run(["logout", "salesforce-refresh", "--json"])
        .error(4);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .starts_with("forgotten here, but not revoked"),
        "{error}"
    );
}
