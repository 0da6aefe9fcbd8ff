//! `--dry-run` of `token` and `login`.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use crate::setup::{Run, command};

/// Writes a connection to BoldSign's API at a server that answers nothing.
fn configure(folder: &Path, port: u16, grant: &str) {
    let text = format!(
        "[connections.work]\nprovider = \"boldsign\"\nenvironment = \"us\"\ngrant = \"{grant}\"\n\
         base_url = \"http://127.0.0.1:{port}\"\nclient_id = \"app\"\n\
         client_secret_file = \"secret\"\nstore = \"file:tokens\"\n\
         redirect_uri = \"http://127.0.0.1:8400/callback\"\n"
    );
    for (name, text) in [("countersign.toml", text.as_str()), ("secret", "s3cret")] {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// Runs the command, and checks that it sends nothing and leaves no file.
fn dry_run(grant: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    configure(folder.path(), server.local_addr().unwrap().port(), grant);
    let run = Run::of(command(folder.path()).args(arguments), "").succeeded();
    let left = fs::read_dir(folder.path()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["countersign.toml", "secret"]);
    server.set_nonblocking(true).unwrap();
    assert!(server.accept().is_err(), "a request was sent");
    assert!(!format!("{run:?}").contains("s3cret"));
    run
}

#[test]
fn token_shows_its_request_without_sending_it() {
    let mut shown = dry_run(
        "client-credentials",
        &["token", "work", "--dry-run", "--json"],
    )
    .json();
    let url = shown["url"].take();
    assert!(url.as_str().unwrap().ends_with("/connect/token"), "{url}");
    assert_eq!(
        shown,
        json!({
            "method": "POST",
            "url": null,
            "headers": {
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            "body": "grant_type=client_credentials&client_id=app&client_secret=<client_secret>",
            "assertions": [],
        })
    );
    let run = dry_run("client-credentials", &["token", "work", "--dry-run"]);
    assert!(run.stdout.starts_with("POST http://127.0.0.1:"), "{run:?}");
    assert!(
        run.stdout.ends_with("&client_secret=<client_secret>\n"),
        "{run:?}"
    );
}

#[test]
fn token_shows_the_refresh_of_a_login() {
    let run = dry_run(
        "authorization-code",
        &["token", "work", "--dry-run", "--json"],
    );
    let body = "grant_type=refresh_token&refresh_token=<refresh_token>&client_id=app\
                &client_secret=<client_secret>";
    assert_eq!(run.json()["body"], body);
}

#[test]
fn login_shows_its_url_without_opening_it() {
    let shown = dry_run(
        "authorization-code",
        &["login", "work", "--dry-run", "--json"],
    )
    .json();
    let url = shown["url"].as_str().unwrap();
    assert!(
        url.contains("/connect/authorize?response_type=code&"),
        "{url}"
    );
    assert!(
        url.contains("&state=<state>&code_challenge=<code_challenge>&"),
        "{url}"
    );
    assert!(url.ends_with("&nonce=<nonce>"), "{url}");
    assert_eq!(
        (&shown["method"], &shown["body"]),
        (&json!("GET"), &json!(null))
    );
}

#[test]
fn login_rejects_a_grant_without_a_login() {
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), 1, "client-credentials");
    let arguments = ["login", "work", "--dry-run", "--json"];
    let run = Run::of(command(folder.path()).args(arguments), "");
    assert_eq!(run.error(2)["setting"], "grant");
}
