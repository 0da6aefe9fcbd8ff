//! Text from servers and files can't hide, move or forge what a terminal displays.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use countersign_core::jws;
use countersign_core::{KeySigner, PrivateKey};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::setup::{Run, Running, command};

/// Clears the screen, forges lines and reverses text, with C0, DEL, C1 and bidirectional controls.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;t\u{7}\nforged: line\r\nforged: too\u{9b}31m\u{7f}\u{202e}b\u{2066}c\u{2028}d";

/// A vendor that responds to every request with the same status and JSON.
struct Vendor {
    url: String,
    response: Arc<Mutex<(u16, Value)>>,
    dir: TempDir,
}

impl Vendor {
    fn new(grant: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let response = Arc::new(Mutex::new((
            200,
            json!({
                "access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600,
                "scope": HOSTILE, "note": HOSTILE, "plain": "it's fine",
            }),
        )));
        let shared = Arc::clone(&response);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (status, body) = shared.lock().unwrap().clone();
                respond(stream.unwrap(), status, &body.to_string());
            }
        });
        let vendor = Self {
            url,
            response,
            dir: tempfile::tempdir().unwrap(),
        };
        let profile = include_str!("../../../../tests/profiles/acme.toml");
        let keep = "response.keep = [\"note\", \"plain\"]\n";
        vendor.write("acme.toml", &format!("{profile}{keep}"));
        vendor.write(
            "countersign.toml",
            &format!(
                "[connections.mine]\nprovider = \"acme\"\ngrant = \"{grant}\"\nbase_url = \"{}\"\n\
                 client_id = \"app\"\nclient_secret = \"s3cret\"\nstore = \"file:tokens\"\n\
                 redirect_uri = \"http://127.0.0.1/callback\"\n",
                vendor.url
            ),
        );
        vendor
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn set_response(&self, status: u16, body: Value) {
        *self.response.lock().unwrap() = (status, body);
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let mut all = vec!["--profile", "acme.toml"];
        all.extend(arguments);
        Run::of(command(self.dir.path()).args(all), "")
    }
}

fn respond(mut stream: TcpStream, status: u16, body: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut form = vec![0; length];
    let _ = reader.read_exact(&mut form);
    let _ = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}

fn acts(c: char) -> bool {
    c != '\n'
        && (c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}'))
}

#[track_caller]
fn harmless(run: Run) -> Run {
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(acts), "{}", text.escape_debug());
        let forged = text
            .lines()
            .any(|line| line.trim_start().starts_with("forged"));
        assert!(!forged, "{text}");
    }
    run
}

#[test]
fn text_of_a_token_response_is_escaped() {
    let vendor = Vendor::new("client-credentials");
    for arguments in [
        &["token", "mine", "-vv"][..],
        &["token", "mine", "--env"],
        &["token", "mine", "--json"],
        &["token", "mine", "--header"],
        &["store", "list"],
        &["store", "list", "--json"],
        &["store", "show", "mine", "--reveal"],
        &["store", "show", "mine", "--json"],
        &["store", "export", "-", "--reveal"],
        &["store", "doctor", "mine"],
        &["doctor", "mine"],
        &["exec", "mine", "--", "true"],
        &["logout", "mine"],
    ] {
        harmless(vendor.run(arguments));
    }
    let shown = vendor.run(&["token", "mine", "--json"]).json();
    assert_eq!(shown["extra"]["note"], HOSTILE, "JSON has the same value");
}

#[test]
fn the_headers_that_a_profile_names_are_printed_one_on_each_line() {
    let vendor = Vendor::new("client-credentials");
    let rules = |tenant: &str| {
        let profile = include_str!("../../../../tests/profiles/acme.toml");
        let rules = format!(
            "response.keep = [\"note\", \"plain\"]\n\
             use = {{ header = \"X-Acme-Token\", headers = {{ X-Tenant = \"{tenant}\" }} }}\n"
        );
        vendor.write("acme.toml", &format!("{profile}{rules}"));
    };
    rules("{kept.plain}");
    let run = harmless(vendor.run(&["token", "mine", "--header"]).succeeded());
    assert_eq!(run.stdout, "X-Acme-Token: t0ken\nX-Tenant: it's fine\n");
    rules("{kept.note}");
    let run = harmless(vendor.run(&["token", "mine", "--header"]));
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("`X-Tenant` has characters"),
        "{}",
        run.stderr
    );
}

#[test]
fn unprintable_values_are_omitted_from_shell_variables() {
    let vendor = Vendor::new("client-credentials");
    let run = harmless(vendor.run(&["token", "mine", "--env"]).succeeded());
    assert!(
        run.stdout
            .contains("export COUNTERSIGN_PLAIN='it'\\''s fine'"),
        "{run:?}"
    );
    assert!(!run.stdout.contains("COUNTERSIGN_NOTE"), "{run:?}");
    assert!(
        run.stderr.contains("COUNTERSIGN_NOTE is omitted"),
        "{run:?}"
    );
    // A program receives the value unchanged.
    let run = vendor.run(&[
        "exec",
        "mine",
        "--",
        "sh",
        "-c",
        "printf %s \"$COUNTERSIGN_NOTE\"",
    ]);
    assert_eq!(run.stdout, HOSTILE);
}

#[test]
fn text_of_a_login_is_escaped() {
    let vendor = Vendor::new("authorization-code");
    let mut login = command(vendor.dir.path());
    login.args(["--profile", "acme.toml", "login", "mine", "--no-browser"]);
    let mut running = Running::start(&mut login);
    let url = running.line();
    let query: std::collections::HashMap<_, _> = url
        .split_once('?')
        .unwrap()
        .1
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .collect();
    let decoded = query["redirect_uri"]
        .replace("%3A", ":")
        .replace("%2F", "/");
    let address = decoded
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap();
    let mut browser = TcpStream::connect(address).unwrap();
    write!(
        browser,
        "GET /callback?code=x&state={} HTTP/1.1\r\nHost: {address}\r\n\r\n",
        query["state"]
    )
    .unwrap();
    let run = harmless(running.end().succeeded());
    assert!(run.stdout.contains("logged in"), "{run:?}");
    assert!(run.stdout.contains("note: a\\u{1b}[2J"), "{run:?}");
}

#[test]
fn text_of_an_error_is_escaped() {
    let vendor = Vendor::new("client-credentials");
    for status in [400, 401, 403, 500] {
        let body =
            json!({"error": "invalid_request", "error_description": HOSTILE, "message": HOSTILE});
        vendor.set_response(status, body);
        for more in [&["-vv"][..], &["--json"]] {
            let run = harmless(vendor.run(&[&["token", "mine"], more].concat()));
            assert_ne!(run.code, 0);
        }
        harmless(vendor.run(&["doctor", "mine"]));
    }
}

#[test]
fn text_of_a_token_is_escaped() {
    let dir = tempfile::tempdir().unwrap();
    let signer = KeySigner::new(
        PrivateKey::from_secret("a shared secret of more than 32 bytes"),
        Some(countersign_core::Algorithm::HS256),
        Some(HOSTILE.replace(['\n', '\r'], "")),
    )
    .unwrap();
    // JSON allows unescaped DEL, C1 and bidirectional controls, and carriage returns as whitespace.
    let claims = format!(
        "{{\"name\": {},\r\n\r\"raw\": \"\u{9b}31m\u{7f}\u{202e}\"}}",
        json!(HOSTILE)
    );
    let token = jws::sign(&signer, claims.as_bytes(), Some("JWT")).unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, "a shared secret of more than 32 bytes").unwrap();
    let run =
        |arguments: &[&str]| harmless(Run::of(command(Path::new(dir.path())).args(arguments), ""));
    for more in [&[][..], &["--json"]] {
        let inspected = run(&[&["inspect", &token], more].concat()).succeeded();
        let reported: Value = serde_json::from_str(&inspected.stdout).unwrap();
        assert_eq!(reported["payload"]["name"], HOSTILE);
        let verified = run(&[&["verify", "--key", "key", "--alg", "HS256", &token], more].concat());
        let reported: Value = serde_json::from_str(&verified.succeeded().stdout).unwrap();
        assert_eq!(reported["raw"], "\u{9b}31m\u{7f}\u{202e}");
    }
    // A payload that isn't JSON.
    let token = jws::sign(&signer, HOSTILE.as_bytes(), None).unwrap();
    run(&["inspect", &token]);
    // A program receives the payload's bytes, and a terminal escaped text.
    let verify = ["verify", "--key", "key", "--alg", "HS256", &token];
    let piped = Run::of(command(dir.path()).args(verify), "").succeeded();
    assert_eq!(piped.stdout, HOSTILE);
    let line = [&[env!("CARGO_BIN_EXE_countersign")], &verify[..]].concat();
    let mut in_terminal = std::process::Command::new("script");
    in_terminal.args(["-qec", &line.join(" "), "/dev/null"]);
    let mut shown = Run::of(in_terminal.current_dir(dir.path()), "").succeeded();
    shown.stdout = shown.stdout.replace("\r\n", "\n");
    assert!(harmless(shown).stdout.contains("\\u{1b}[2J"));
}

#[test]
fn text_of_a_file_is_escaped() {
    let vendor = Vendor::new("client-credentials");
    let escaped = HOSTILE.escape_unicode().to_string().replace("u{", "U{");
    let escaped: String = escaped
        .split("\\U{")
        .skip(1)
        .map(|code| format!("\\U{:0>8}", code.trim_end_matches('}')))
        .collect();
    for text in [
        format!("[connections.\"{escaped}\"]\nprovider = \"acme\""),
        format!("[connections.mine]\n\"{escaped}\" = 1"),
        format!("[connections.mine]\nprovider = \"{escaped}\""),
        format!(
            "[connections.mine]\nprovider = \"acme\"\nclient_id = \"x\"\nstore = \"{escaped}\""
        ),
        format!("[\"{escaped}\"]\nprovider = \"acme\""),
    ] {
        vendor.write("countersign.toml", &text);
        for arguments in [
            &["token", "mine"][..],
            &["doctor", "mine"],
            &["store", "list"],
            &["store", "doctor", "--json"],
        ] {
            harmless(vendor.run(arguments));
        }
    }
}
