//! `login` and `logout`, with an HTTP client instead of a browser.

use countersign_core::{Form, Request, Transport, Url};
use countersign_sandbox::{Fault, Options};
use serde_json::Value;

use crate::setup::{Run, Running, Setup, text_of};

/// Logs in, and returns the run and the final page.
fn log_in(setup: &Setup, arguments: &[&str]) -> (Run, String) {
    let mut running = Running::start(&mut setup.command(arguments));
    let url = running.line();
    let back = setup.decide(&url, "allow");
    let page = setup.get(&back);
    (running.end(), text_of(&page))
}

#[test]
fn every_login_stores_a_token_that_can_be_refreshed() {
    let setup = Setup::new();
    for name in [
        "docusign-code",
        "docusign-public",
        "salesforce-code",
        "boldsign-code",
    ] {
        setup.config(name, &[]);
        let (run, page) = log_in(&setup, &["login", name, "--no-browser"]);
        let run = run.succeeded();
        assert!(
            run.stdout
                .starts_with(&format!("logged in: connection {name} at ")),
            "{run:?}"
        );
        assert!(page.contains("<html"), "{page}");
        let reported = setup.run(["token", name, "--json"]).json();
        assert_eq!(reported["source"], "store", "{name}");
        let token = reported["access_token"].as_str().unwrap();
        assert!(
            !format!("{run:?}").contains(token),
            "login never prints the token"
        );
        let reported = setup.run(["token", name, "--json", "--force"]).json();
        assert_eq!(reported["source"], "refreshed", "{name}");
    }
}

#[test]
fn the_account_of_the_option_is_chosen_and_stays_with_the_grant() {
    let setup = Setup::new();
    setup.config("docusign-code", &[]);
    let login = ["login", "docusign-code", "--no-browser", "--account"];
    let second = "f2c7a1d0-3333-4d5a-9a51-3f0d4b6c7a03";
    let (run, _) = log_in(&setup, &[&login[..], &[second]].concat());
    let run = run.succeeded();
    assert!(
        run.stdout.contains(&format!("account_id: {second}")),
        "{run:?}"
    );
    let reported = setup.run(["token", "docusign-code", "--json", "--force"]);
    assert_eq!(reported.json()["extra"]["account_id"], second);

    // The login has succeeded, so its token is kept.
    let (run, _) = log_in(&setup, &[&login[..], &["another"]].concat());
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("does not list another"), "{run:?}");
    assert!(run.stderr.contains(second), "{run:?}");
    setup.run(["token", "docusign-code"]).succeeded();
}

#[test]
fn json_output_is_the_url_and_then_the_result() {
    let setup = Setup::new();
    let redirect_uri = format!("http://127.0.0.1:{}/callback", free_port());
    setup.config("boldsign-code", &[("redirect_uri", &redirect_uri)]);
    let mut running = Running::start(&mut setup.command(["login", "boldsign-code", "--json"]));
    let reported: Value = serde_json::from_str(&running.line()).unwrap();
    let back = setup.decide(reported["url"].as_str().unwrap(), "allow");
    assert!(
        back.starts_with(reported["redirect_uri"].as_str().unwrap()),
        "{back}"
    );
    setup.get(&back);
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
fn a_denied_login_is_an_error() {
    let setup = Setup::new();
    setup.config("salesforce-code", &[]);
    let mut running = Running::start(&mut setup.command(["login", "salesforce-code", "--json"]));
    let reported: Value = serde_json::from_str(&running.line()).unwrap();
    let back = setup.decide(reported["url"].as_str().unwrap(), "deny");
    setup.get(&back);
    let error = running.end().error(3);
    assert_eq!(error["kind"], "callback");
    assert_eq!(error["oauth_error"], "access_denied");
}

#[test]
fn a_redirect_with_another_state_is_ignored() {
    let setup = Setup::new();
    setup.config("boldsign-code", &[]);
    let mut running =
        Running::start(&mut setup.command(["login", "boldsign-code", "--no-browser"]));
    let back = setup.decide(&running.line(), "allow");
    let (address, _) = back.split_once('?').unwrap();
    let forged = setup.get(&format!("{address}?code=x&state=y"));
    assert_eq!(forged.status, 400, "{}", text_of(&forged));
    setup.get(&back);
    running.end().succeeded();
}

#[test]
fn a_code_that_was_already_used_requires_another_login() {
    let setup = Setup::new();
    let path = setup.config("boldsign-code", &[]);
    let text = std::fs::read_to_string(path).unwrap();
    let settings = &countersign_core::Settings::from_toml(&text).unwrap()["boldsign-code"];
    let mut running = Running::start(&mut setup.command(["login", "boldsign-code", "--json"]));
    let reported: Value = serde_json::from_str(&running.line()).unwrap();
    let back = setup.decide(reported["url"].as_str().unwrap(), "allow");
    let code = back
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix("code="))
        .unwrap();
    // A thief can't redeem the code without the verifier, but the attempt spends it.
    let theft = Form::new()
        .field("grant_type", "authorization_code")
        .field("client_id", settings.value("client_id").unwrap())
        .field("client_secret", settings.value("client_secret").unwrap())
        .field("redirect_uri", reported["redirect_uri"].as_str().unwrap())
        .field("code_verifier", "x".repeat(43))
        .field("code", code);
    let token_url = Url::parse(&format!("{}/connect/token", setup.sandbox.url())).unwrap();
    let stolen = setup
        .transport()
        .send(&Request::post(token_url, theft))
        .unwrap();
    assert_eq!(stolen.status, 400, "{}", text_of(&stolen));
    setup.get(&back);
    let error = running.end().error(3);
    assert_eq!(
        (&error["verdict"], &error["oauth_error"]),
        (&"reauthorize".into(), &"invalid_grant".into())
    );
}

#[test]
fn an_unregistered_redirect_uri_times_out_with_a_hint() {
    let setup = Setup::new();
    setup.config(
        "salesforce-code",
        &[("redirect_uri", "http://127.0.0.1/other")],
    );
    let arguments = ["login", "salesforce-code", "--json", "--timeout", "0"];
    let mut running = Running::start(&mut setup.command(arguments));
    let reported: Value = serde_json::from_str(&running.line()).unwrap();
    let page = setup.get(&format!(
        "{}&_sandbox=allow",
        reported["url"].as_str().unwrap()
    ));
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
        "nothing listens there any more: {error}"
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(
        hint.contains(reported["redirect_uri"].as_str().unwrap()),
        "{hint}"
    );
}

#[test]
fn a_redirect_uri_that_the_exchange_rejects_is_named() {
    let setup = Setup::new();
    setup.config("salesforce-code", &[]);
    setup
        .sandbox
        .fault(Fault::row("salesforce.redirect_uri_mismatch"))
        .unwrap();
    let mut running = Running::start(&mut setup.command(["login", "salesforce-code", "--json"]));
    let reported: Value = serde_json::from_str(&running.line()).unwrap();
    setup.get(&setup.decide(reported["url"].as_str().unwrap(), "allow"));
    let error = running.end().error(2);
    assert_eq!(error["setting"], "redirect_uri");
    assert_eq!(error["verdict"], "fix_configuration");
}

#[test]
fn a_redirect_to_another_machine_is_pasted() {
    let elsewhere = "https://app.example/callback";
    let setup = Setup::with(Options {
        redirect_uris: vec![elsewhere.into()],
        ..Options::default()
    });
    setup.config("boldsign-code", &[("redirect_uri", elsewhere)]);
    let arguments = ["login", "boldsign-code", "--no-browser"];
    let mut running = Running::start(&mut setup.command(arguments));
    let back = setup.decide(&running.line(), "allow");
    assert!(back.starts_with(elsewhere), "{back}");
    running.type_in(&format!("{back}\n"));
    let run = running.end().succeeded();
    assert!(run.stderr.contains("paste the URL"), "{run:?}");
    setup.run(["token", "boldsign-code"]).succeeded();
    // Nothing is pasted, or something else.
    for (pasted, said) in [
        ("", "ended before"),
        ("https://app.example/\n", "no query"),
        ("code=1&state=2\n", "`state`"),
    ] {
        let run = Run::of(&mut setup.command(["login", "boldsign-code"]), pasted);
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains(said), "{said}: {run:?}");
    }
}

#[cfg(unix)]
#[test]
fn the_browser_receives_the_url_as_one_argument_and_no_secret() {
    let setup = Setup::new();
    let text = std::fs::read_to_string(setup.sandbox.connections()).unwrap();
    let settings = countersign_core::Settings::from_toml(&text).unwrap();
    let secret = settings["boldsign-code"].value("client_secret").unwrap();
    let by_variable = [("client_secret", ""), ("client_secret_env", "APP_SECRET")];
    setup.config("boldsign-code", &by_variable);
    let pipe = setup.dir.path().join("opened");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let script = setup.write(
        "browser.sh",
        "#!/bin/sh\nenv > environment\nprintf '%s|%s' \"$#\" \"$1\" > opened\n",
    );
    // Another process writes the program: a child of another test could have a file that this one
    // writes open for a moment, and it could not be executed then (`ETXTBSY`).
    let browser = setup.dir.path().join("my browser");
    let installed = std::process::Command::new("install")
        .args(["-m", "700"])
        .args([&script, &browser])
        .status()
        .unwrap();
    assert!(installed.success());
    let mut command = setup.command(["login", "boldsign-code", "--timeout", "30"]);
    command.env("BROWSER", browser).env("APP_SECRET", secret);
    let running = Running::start(command.env("COUNTERSIGN_TOKEN", "of an outer exec"));
    // Reading a pipe that nothing writes to would never end.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(std::fs::read_to_string(pipe).unwrap()));
    let opened = receiver
        .recv_timeout(std::time::Duration::from_secs(20))
        .unwrap();
    let url = opened.strip_prefix("1|").unwrap();
    setup.get(&setup.decide(url, "allow"));
    let run = running.end().succeeded();
    assert!(run.stderr.contains("opened the browser"), "{run:?}");
    assert!(run.stdout.starts_with("logged in"), "{run:?}");
    // A browser starts other programs, and outlives the command.
    let environment = std::fs::read_to_string(setup.dir.path().join("environment")).unwrap();
    assert!(environment.contains("HOME="), "{environment}");
    assert!(!environment.contains("APP_SECRET"), "{environment}");
    assert!(!environment.contains("COUNTERSIGN_TOKEN"), "{environment}");
}

#[test]
fn for_grants_without_a_login_the_hint_says_what_to_run() {
    let setup = Setup::new();
    for (name, instead) in [
        ("docusign-jwt", "countersign consent docusign-jwt"),
        ("boldsign-cc", "countersign token boldsign-cc"),
        ("boldsign-refresh", "authorization-code"),
    ] {
        let error = setup.run_as_given(&["login", name, "--json"]).error(2);
        assert_eq!(error["setting"], "grant", "{name}");
        assert!(error["hint"].as_str().unwrap().contains(instead), "{error}");
    }
}

#[test]
fn tokens_that_would_be_lost_cause_a_warning_before_the_login() {
    let setup = Setup::new();
    let changes = [
        ("store", "memory"),
        ("scopes", "openid BoldSign.Documents.All"),
    ];
    setup.config("boldsign-code", &changes);
    let run = setup.run(["login", "boldsign-code", "--no-browser", "--timeout", "0"]);
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("store is memory"), "{run:?}");
    assert!(run.stderr.contains("offline_access"), "{run:?}");
}

#[test]
fn the_port_option_overrides_the_redirect_uris_port() {
    let setup = Setup::new();
    setup.config("boldsign-code", &[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = setup.run(["login", "boldsign-code", "--json", "--port", &port]);
    let error = run.error(2);
    assert!(
        error["message"].as_str().unwrap().contains(&port),
        "{error}"
    );
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("--port"), "{hint}");
    drop(taken);
    let run = setup.run([
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
fn a_logout_revokes_if_the_vendor_can() {
    let setup = Setup::new();
    let logout = |name: &str| setup.run(["logout", name, "--json"]).json()["revocation"].clone();
    setup.config("boldsign-refresh", &[]);
    setup.run(["token", "boldsign-refresh"]).succeeded();
    assert_eq!(logout("boldsign-refresh"), "revoked");
    assert!(
        setup
            .sandbox
            .full_log()
            .iter()
            .any(|entry| entry.endpoint == "revoke")
    );

    setup.config("docusign-jwt", &[]);
    assert_eq!(logout("docusign-jwt"), "nothing_held");
    setup.run(["token", "docusign-jwt"]).succeeded();
    assert_eq!(logout("docusign-jwt"), "not_offered");
    assert_eq!(
        setup.run(["token", "docusign-jwt", "--json"]).json()["source"],
        "minted"
    );

    setup.config("salesforce-refresh", &[]);
    setup.run(["token", "salesforce-refresh"]).succeeded();
    let fault = Fault {
        endpoint: "revoke".into(),
        ..Fault::status(503)
    };
    setup.sandbox.fault(fault).unwrap();
    let error = setup
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
    // The token is kept for another try, but no longer returned.
    let error = setup
        .run(["token", "salesforce-refresh", "--json"])
        .error(3);
    assert_eq!(error["kind"], "no_token");
    assert_eq!(logout("salesforce-refresh"), "revoked");
    assert_eq!(logout("salesforce-refresh"), "revoked");
}

#[test]
fn a_forced_logout_deletes_a_token_that_was_not_revoked() {
    let setup = Setup::new();
    setup.config("boldsign-refresh", &[]);
    setup.run(["token", "boldsign-refresh"]).succeeded();
    let fault = Fault {
        endpoint: "revoke".into(),
        ..Fault::status(503)
    };
    setup.sandbox.fault(fault).unwrap();
    let forced = setup.run(["logout", "boldsign-refresh", "--force", "--json"]);
    assert_eq!(forced.json()["revocation"], "failed");
}

/// Returns a free port, below those of outgoing connections.
fn free_port() -> u16 {
    let start = 21_000 + (std::process::id() % 9_000) as u16;
    let free = (start..).find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap()
}

/// A vendor that rejects the redirect URI shows an error page and never redirects.
#[test]
fn login_says_what_to_do_about_a_wrong_redirect_uri() {
    let setup = Setup::new();
    setup.config("docusign-code", &[]);
    let run = setup.run(["login", "docusign-code", "--no-browser", "--timeout", "0"]);
    let back = run.stdout.split("redirect_uri=").nth(1).unwrap();
    let back = back.split('&').next().unwrap();
    let back = back.replace("%3A", ":").replace("%2F", "/");
    let reported = format!("register {back} with the app");
    assert!(run.stderr.contains(&reported), "{reported}: {run:?}");
    assert!(
        run.stderr.contains("reports a wrong redirect URI"),
        "{run:?}"
    );
}

/// A vendor that compares redirect URIs exactly never accepts a random port.
#[test]
fn a_port_that_is_not_registered_causes_a_warning_before_the_login() {
    let setup = Setup::new();
    let (registered, other) = (free_port(), free_port() + 1);
    let with_port = format!("http://127.0.0.1:{registered}/callback");
    let other = other.to_string();
    let warning = "DocuSign compares redirect URIs exactly";
    for (redirect_uri, more, warns) in [
        ("http://127.0.0.1/callback", vec![], true),
        (with_port.as_str(), vec![], false),
        (with_port.as_str(), vec!["--port", &other], true),
        ("http://127.0.0.1/callback", vec!["--port", &other], false),
    ] {
        setup.config("docusign-code", &[("redirect_uri", redirect_uri)]);
        let arguments = ["login", "docusign-code", "--no-browser", "--timeout", "0"];
        let run = setup.run(arguments.into_iter().chain(more.iter().copied()));
        assert_eq!(
            run.stderr.contains(warning),
            warns,
            "{redirect_uri} {more:?}: {run:?}"
        );
        let checks = setup.run(["doctor", "docusign-code", "--json"]).stdout;
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

/// No browser would trust a certificate of the command's.
#[test]
fn a_redirect_to_https_on_this_machine_is_pasted() {
    let here = "https://localhost:8400/callback";
    let setup = Setup::with(Options {
        redirect_uris: vec![here.into()],
        ..Options::default()
    });
    setup.config("boldsign-code", &[("redirect_uri", here)]);
    let mut running =
        Running::start(&mut setup.command(["login", "boldsign-code", "--no-browser"]));
    let back = setup.decide(&running.line(), "allow");
    assert!(back.starts_with(here), "{back}");
    running.type_in(&format!("{back}\n"));
    let run = running.end().succeeded();
    assert!(
        run.stderr.contains("the browser shows an error page"),
        "{run:?}"
    );
    setup.run(["token", "boldsign-code"]).succeeded();
}

#[test]
fn with_paste_nothing_listens() {
    let setup = Setup::new();
    setup.config("boldsign-code", &[]);
    let mut running = Running::start(&mut setup.command(["login", "boldsign-code", "--paste"]));
    let back = setup.decide(&running.line(), "allow");
    assert!(back.starts_with("http://127.0.0.1/callback?"), "{back}");
    running.type_in(&format!("{back}\n"));
    running.end().succeeded();
}

/// The browser may be on another machine, so the command listens and also accepts a pasted URL.
#[test]
fn over_ssh_the_url_can_be_pasted_or_the_port_forwarded() {
    for pasted in [true, false] {
        let setup = Setup::new();
        setup.config("boldsign-code", &[]);
        let mut command = setup.command(["login", "boldsign-code"]);
        command.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
        let mut running = Running::start(&mut command);
        let back = setup.decide(&running.line(), "allow");
        match pasted {
            true => running.type_in(&format!("\n{back}\n")),
            false => drop(setup.get(&back)),
        }
        let run = running.end().succeeded();
        assert!(run.stderr.contains("this is an SSH session"), "{run:?}");
        let port = Url::parse(back.split('?').next().unwrap()).unwrap().port();
        let forward = format!("ssh -L {port}:127.0.0.1:{port}");
        assert!(run.stderr.contains(&forward), "{run:?}");
        setup.run(["token", "boldsign-code"]).succeeded();
    }
    // Without SSH, there is no such advice.
    let setup = Setup::new();
    setup.config("boldsign-code", &[]);
    let run = setup.run(["login", "boldsign-code", "--no-browser", "--timeout", "0"]);
    assert!(!run.stderr.contains("SSH"), "{run:?}");
}

#[test]
fn a_login_without_a_refresh_token_causes_a_warning() {
    let setup = Setup::new();
    for (scopes, warns) in [
        ("openid BoldSign.Documents.All", true),
        ("openid offline_access BoldSign.Documents.All", false),
    ] {
        setup.config("boldsign-code", &[("scopes", scopes)]);
        let (run, _) = log_in(&setup, &["login", "boldsign-code", "--no-browser"]);
        let run = run.succeeded();
        let says = "BoldSign returned no refresh token";
        assert_eq!(run.stderr.contains(says), warns, "{run:?}");
    }
}
