//! Failures of `token`: the exit code and the JSON error that a script uses.

use countersign_sandbox::{Fault, Kind, Options, Rotation};
use serde_json::{Value, json};

use crate::setup::Setup;

/// One failure of `token`: the connection, its changed settings, and members of the error.
struct Case {
    name: &'static str,
    connection: &'static str,
    changes: Vec<(&'static str, String)>,
    code: i32,
    error: Value,
}

impl Case {
    fn new(name: &'static str, connection: &'static str, code: i32, error: Value) -> Self {
        Self {
            name,
            connection,
            changes: Vec::new(),
            code,
            error,
        }
    }

    fn with(mut self, setting: &'static str, value: impl Into<String>) -> Self {
        self.changes.push((setting, value.into()));
        self
    }

    #[track_caller]
    fn check(&self, setup: &Setup) -> Value {
        let changes: Vec<_> = self.changes.iter().map(|(k, v)| (*k, v.as_str())).collect();
        setup.config(self.connection, &changes);
        let run = setup.run(["token", self.connection, "--json"]);
        assert_eq!(run.code, self.code, "{}: {run:?}", self.name);
        assert_eq!(run.stdout, "", "{}", self.name);
        let error = run.error(self.code);
        for (member, expected) in self.error.as_object().unwrap() {
            assert_eq!(error[member], *expected, "{} {member}: {error}", self.name);
        }
        assert!(
            !error["message"].as_str().unwrap().is_empty(),
            "{}",
            self.name
        );
        error
    }
}

#[test]
fn settings_that_the_vendor_rejects() {
    let setup = Setup::new();
    let dir = setup.sandbox.dir();
    let other_key = dir.join("salesforce.pem").display().to_string();
    let spare = dir.join("docusign.pem").display().to_string();
    let fix = |setting: &str| json!({"verdict": "fix_configuration", "kind": "rejected", "setting": setting, "http_status": 400});
    let cases = [
        Case::new("wrong key", "docusign-jwt", 2, fix("private_key"))
            .with("private_key_file", other_key),
        Case::new("wrong key", "salesforce-jwt", 2, fix("private_key"))
            .with("private_key_file", spare),
        Case::new("wrong audience", "docusign-jwt", 2, fix("private_key"))
            .with("audience", "account.docusign.com"),
        Case::new("wrong audience", "salesforce-jwt", 2, fix("audience"))
            .with("audience", "https://test.salesforce.com"),
        Case::new("unknown subject", "docusign-jwt", 2, fix("subject"))
            .with("subject", "11111111-2222-3333-4444-555555555555"),
        Case::new("unknown app", "docusign-jwt", 2, fix("client_id"))
            .with("client_id", "11111111-2222-3333-4444-555555555555"),
        Case::new("wrong secret", "boldsign-cc", 2, fix("client_secret"))
            .with("client_secret", "wrong"),
        Case::new("wrong secret", "salesforce-cc", 2, fix("client_secret"))
            .with("client_secret", "wrong"),
    ];
    for case in &cases {
        let error = case.check(&setup);
        assert!(error["hint"].is_string(), "{}", case.name);
        assert!(error["oauth_error"].is_string(), "{}", case.name);
    }
}

#[test]
fn an_expired_assertion_is_a_clock_error() {
    let setup = Setup::new();
    setup.sandbox.set_clock_offset(7200);
    let reported = json!({"verdict": "fix_configuration", "kind": "clock", "oauth_description": "expired_grant"});
    Case::new("expired assertion", "docusign-jwt", 2, reported).check(&setup);
}

#[test]
fn a_missing_consent_has_the_consent_pages_url() {
    let setup = Setup::new();
    let reported = json!({
        "verdict": "reauthorize", "kind": "consent_required", "oauth_error": "consent_required",
        "provider": "docusign",
    });
    let error = Case::new("consent", "docusign-jwt-unconsented", 3, reported).check(&setup);
    let url = error["url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("{}/oauth/auth?", setup.sandbox.url())),
        "{url}"
    );
    assert!(url.contains("scope=signature%20impersonation"), "{url}");
    assert!(error["trace_id"].is_string(), "{error}");
    // After the consent, the same command succeeds.
    setup.decide(url, "allow");
    setup.run(["token", "docusign-jwt-unconsented"]).succeeded();
}

#[test]
fn a_connection_without_a_login_requires_one() {
    let setup = Setup::new();
    let reported = json!({"verdict": "reauthorize", "kind": "no_token"});
    let error = Case::new("no login", "boldsign-code", 3, reported).check(&setup);
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("countersign login boldsign-code")
    );
}

#[test]
fn a_refresh_token_that_was_used_requires_a_login() {
    let setup = Setup::with(Options {
        rotation: Some(Rotation::On),
        ..Options::default()
    });
    setup.config("boldsign-refresh", &[("store", "memory")]);
    setup.run(["token", "boldsign-refresh"]).succeeded();
    let reported =
        json!({"verdict": "reauthorize", "kind": "login_required", "oauth_error": "invalid_grant"});
    Case::new("reused refresh token", "boldsign-refresh", 3, reported)
        .with("store", "memory")
        .check(&setup);
}

#[test]
fn a_failing_server() {
    let setup = Setup::new();
    let unreadable = json!({"verdict": "unexpected", "kind": "unreadable", "http_status": 200});
    let throttled =
        json!({"verdict": "retry", "kind": "throttled", "retry_after_s": 7, "http_status": 429});
    let unavailable = json!({"verdict": "retry", "kind": "unavailable", "http_status": 503});
    let interrupted = json!({"verdict": "retry", "kind": "interrupted", "http_status": null});
    let html = Fault {
        status: Some(200),
        ..Fault::kind(Kind::Html)
    };
    let busy = Fault {
        retry_after: Some(7),
        ..Fault::status(429)
    };
    for (fault, code, reported) in [
        (busy, 4, throttled),
        (Fault::status(503), 4, unavailable.clone()),
        (Fault::kind(Kind::Html), 4, unavailable),
        (html, 6, unreadable.clone()),
        (Fault::kind(Kind::TruncatedJson), 6, unreadable.clone()),
        (Fault::kind(Kind::Empty), 6, unreadable),
        (
            Fault::kind(Kind::Giant),
            6,
            json!({"verdict": "unexpected", "kind": "unreadable"}),
        ),
        (
            Fault::kind(Kind::Redirect),
            2,
            json!({"kind": "unreadable", "setting": "token_url", "http_status": 307}),
        ),
        (Fault::kind(Kind::CutBefore), 4, interrupted.clone()),
        (Fault::kind(Kind::CutAfter), 4, interrupted),
    ] {
        setup.sandbox.reset();
        setup.sandbox.fault(fault).unwrap();
        // Not a file store: it would keep the time until the next attempt.
        let case = Case::new("fault", "docusign-jwt", code, reported).with("store", "memory");
        case.check(&setup);
        assert_eq!(setup.sandbox.log().len(), 1, "one request");
        setup.run(["token", "docusign-jwt"]).succeeded();
    }
}

#[test]
fn a_lost_rotation_is_not_sent_again() {
    for fault in [Kind::CutAfter, Kind::TruncatedJson] {
        let setup = Setup::with(Options {
            rotation: Some(Rotation::ReuseKills),
            ..Options::default()
        });
        setup.sandbox.fault(Fault::kind(fault)).unwrap();
        let reported = json!({"verdict": "outcome_unknown"});
        Case::new("lost rotation", "boldsign-refresh", 5, reported).check(&setup);
        assert_eq!(setup.sandbox.log().len(), 1, "sent once");
    }
}

#[test]
fn an_unknown_ca() {
    let setup = Setup::new();
    let reported = json!({"verdict": "fix_configuration", "kind": "tls"});
    let unknown = Case::new("unknown CA", "docusign-jwt", 2, reported.clone()).with("ca_file", "");
    let error = unknown.check(&setup);
    assert!(
        error["hint"].as_str().unwrap().contains("ca_file"),
        "{error}"
    );
    assert!(setup.sandbox.full_log().is_empty(), "nothing was sent");
}

/// On Linux, all of 127.0.0.0/8 is loopback, so this address isn't in the certificate.
#[cfg(target_os = "linux")]
#[test]
fn a_certificate_of_another_host() {
    let setup = Setup::with(Options {
        listen: ([127, 0, 0, 2], 0).into(),
        ..Options::default()
    });
    let reported = json!({"verdict": "fix_configuration", "kind": "tls"});
    let error = Case::new("wrong host", "docusign-jwt", 2, reported).check(&setup);
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("a name from the certificate"),
        "{error}"
    );
}

#[test]
fn an_unreachable_server() {
    let setup = Setup::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("https://{}", free.local_addr().unwrap());
    drop(free);
    let reported = json!({"verdict": "retry", "kind": "connect", "http_status": null});
    Case::new("no server", "docusign-jwt", 4, reported.clone())
        .with("base_url", closed)
        .check(&setup);
    Case::new("no such host", "docusign-jwt", 4, reported)
        .with("base_url", "https://no-such-host.invalid")
        .check(&setup);
}

#[test]
fn without_json_an_error_is_message_hint_and_url() {
    let setup = Setup::new();
    let run = setup.run_as_given(&["token", "docusign-jwt-unconsented"]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(
        lines[0],
        "error: DocuSign rejected the request: consent_required"
    );
    assert!(lines[1].starts_with("  hint: "), "{run:?}");
    assert!(
        lines[2].starts_with("  open: https://127.0.0.1:"),
        "{run:?}"
    );
}
