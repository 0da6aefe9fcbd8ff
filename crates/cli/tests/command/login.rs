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
    let redirect_uri = format!("http://127.0.0.1:{}/callback", free_port());
    house.config("boldsign-code", &[("redirect_uri", &redirect_uri)]);
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
    assert_eq!(result["renewable"], true);
    assert_eq!(result["scopes_not_granted"], serde_json::json!([]));
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
    assert!(
        error["url"].is_null(),
        "nobody listens there any more: {error}"
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.contains(told["redirect_uri"].as_str().unwrap()),
        "{hint}"
    );
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
fn the_browser_gets_the_address_as_one_argument_and_no_secret() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let text = std::fs::read_to_string(house.sandbox.connections()).unwrap();
    let settings = countersign::Settings::from_toml(&text).unwrap();
    let secret = settings["boldsign-code"].value("client_secret").unwrap();
    let by_variable = [("client_secret", ""), ("client_secret_env", "APP_SECRET")];
    house.config("boldsign-code", &by_variable);
    let pipe = house.dir.path().join("opened");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let browser = house.write(
        "my browser",
        "#!/bin/sh\nenv > environment\nprintf '%s|%s' \"$#\" \"$1\" > opened\n",
    );
    std::fs::set_permissions(&browser, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = house.command(["login", "boldsign-code", "--timeout", "30"]);
    command.env("BROWSER", browser).env("APP_SECRET", secret);
    let running = Running::start(command.env("COUNTERSIGN_TOKEN", "of an outer exec"));
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
    // It starts other programs, and lives on.
    let environment = std::fs::read_to_string(house.dir.path().join("environment")).unwrap();
    assert!(environment.contains("HOME="), "{environment}");
    assert!(!environment.contains("APP_SECRET"), "{environment}");
    assert!(!environment.contains("COUNTERSIGN_TOKEN"), "{environment}");
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
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("--port"), "{hint}");
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
            .starts_with("not logged out"),
        "{error}"
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.contains("countersign logout salesforce-refresh --force"),
        "{hint}"
    );
    // The token is kept for another try, but nobody is given it.
    let error = house
        .run(["token", "salesforce-refresh", "--json"])
        .error(3);
    assert_eq!(error["kind"], "no_token");
    assert_eq!(logout("salesforce-refresh"), "revoked");
    assert_eq!(logout("salesforce-refresh"), "revoked");
}

#[test]
fn a_forced_logout_forgets_what_the_vendor_does_not_revoke() {
    let house = House::new();
    house.config("boldsign-refresh", &[]);
    house.run(["token", "boldsign-refresh"]).succeeded();
    let fault = Fault {
        endpoint: "revoke".into(),
        ..Fault::status(503)
    };
    house.sandbox.fault(fault).unwrap();
    let forced = house.run(["logout", "boldsign-refresh", "--force", "--json"]);
    assert_eq!(forced.json()["revocation"], "failed");
}

/// A port that is free now, from below those of outgoing connections.
fn free_port() -> u16 {
    let start = 21_000 + (std::process::id() % 9_000) as u16;
    let free = (start..).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap()
}

/// The vendor refuses in the browser, and never comes back to say so.
#[test]
fn what_to_look_for_in_the_browser_is_told_at_once() {
    let house = House::new();
    house.config("docusign-code", &[]);
    let run = house.run(["login", "docusign-code", "--no-browser", "--timeout", "0"]);
    let back = run.stdout.split("redirect_uri=").nth(1).unwrap();
    let back = back.split('&').next().unwrap();
    let back = back.replace("%3A", ":").replace("%2F", "/");
    let told = format!("register {back} with the app");
    assert!(run.stderr.contains(&told), "{told}: {run:?}");
    assert!(
        run.stderr.contains("reports a wrong redirect URI"),
        "{run:?}"
    );
}

/// A vendor that compares redirect URIs as a whole never accepts a port chosen at random.
#[test]
fn a_port_that_the_vendor_cannot_know_is_told_before_the_login() {
    let house = House::new();
    let (registered, other) = (free_port(), free_port() + 1);
    let with_port = format!("http://127.0.0.1:{registered}/callback");
    let other = other.to_string();
    let says = "DocuSign compares redirect URIs as a whole";
    for (redirect_uri, more, warns) in [
        ("http://127.0.0.1/callback", vec![], true),
        (with_port.as_str(), vec![], false),
        (with_port.as_str(), vec!["--port", &other], true),
        ("http://127.0.0.1/callback", vec!["--port", &other], false),
    ] {
        house.config("docusign-code", &[("redirect_uri", redirect_uri)]);
        let arguments = ["login", "docusign-code", "--no-browser", "--timeout", "0"];
        let run = house.run(arguments.into_iter().chain(more.iter().copied()));
        assert_eq!(
            run.stderr.contains(says),
            warns,
            "{redirect_uri} {more:?}: {run:?}"
        );
        let checks = house.run(["doctor", "docusign-code", "--json"]).stdout;
        let checks: Value = serde_json::from_str(&checks).unwrap();
        let check = checks.as_array().unwrap().iter();
        let check = check
            .clone()
            .find(|check| check["check"] == "redirect_uri")
            .unwrap();
        let expected = if redirect_uri == with_port {
            "ok"
        } else {
            "warn"
        };
        assert_eq!(check["status"], expected, "{check}");
    }
}

/// No browser trusts a certificate that a command could show.
#[test]
fn an_https_address_of_this_machine_is_carried_over_by_hand() {
    let here = "https://localhost:8400/callback";
    let house = House::with(Options {
        redirect_uris: vec![here.into()],
        ..Options::default()
    });
    house.config("boldsign-code", &[("redirect_uri", here)]);
    let mut running =
        Running::start(&mut house.command(["login", "boldsign-code", "--no-browser"]));
    let back = house.decide(&running.line(), "allow");
    assert!(back.starts_with(here), "{back}");
    running.type_in(&format!("{back}\n"));
    let run = running.end().succeeded();
    assert!(
        run.stderr.contains("the browser shows an error page"),
        "{run:?}"
    );
    house.run(["token", "boldsign-code"]).succeeded();
}

#[test]
fn nothing_is_waited_for_where_that_is_asked() {
    let house = House::new();
    house.config("boldsign-code", &[]);
    let mut running = Running::start(&mut house.command(["login", "boldsign-code", "--paste"]));
    let back = house.decide(&running.line(), "allow");
    assert!(back.starts_with("http://127.0.0.1/callback?"), "{back}");
    running.type_in(&format!("{back}\n"));
    running.end().succeeded();
}

/// The browser is on another machine: it is waited for, and its address can be pasted.
#[test]
fn over_ssh_the_address_can_be_pasted_or_the_port_forwarded() {
    for pasted in [true, false] {
        let house = House::new();
        house.config("boldsign-code", &[]);
        let mut command = house.command(["login", "boldsign-code"]);
        command.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
        let mut running = Running::start(&mut command);
        let back = house.decide(&running.line(), "allow");
        match pasted {
            true => running.type_in(&format!("\n{back}\n")),
            false => drop(house.get(&back)),
        }
        let run = running.end().succeeded();
        assert!(run.stderr.contains("this is an SSH session"), "{run:?}");
        let port = Url::parse(back.split('?').next().unwrap()).unwrap().port();
        let forward = format!("ssh -L {port}:127.0.0.1:{port}");
        assert!(run.stderr.contains(&forward), "{run:?}");
        house.run(["token", "boldsign-code"]).succeeded();
    }
    // With a screen or on this machine, nothing is said of it.
    let house = House::new();
    house.config("boldsign-code", &[]);
    let run = house.run(["login", "boldsign-code", "--no-browser", "--timeout", "0"]);
    assert!(!run.stderr.contains("SSH"), "{run:?}");
}

#[test]
fn a_login_without_a_refresh_token_says_so() {
    let house = House::new();
    for (scopes, warns) in [
        ("openid BoldSign.Documents.All", true),
        ("openid offline_access BoldSign.Documents.All", false),
    ] {
        house.config("boldsign-code", &[("scopes", scopes)]);
        let (run, _) = log_in(&house, &["login", "boldsign-code", "--no-browser"]);
        let run = run.succeeded();
        let says = "BoldSign gave no refresh token";
        assert_eq!(run.stderr.contains(says), warns, "{run:?}");
    }
}
