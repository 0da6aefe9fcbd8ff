//! If a plugin fails, panics or breaks a rule, only that request fails.

use std::sync::{Arc, Mutex};

use countersign_core::{Error, ErrorKind, PresentedGrant, Verdict};
use countersign_plugin::{Loader, Plugin};
use countersign_plugin_testing::{Built, c, rust};

use crate::support::{HEADERS, client, connection, json, load, read, request};

struct Rude {
    // Dropping it deletes the file.
    _built: Built,
    plugin: Plugin,
}

impl Rude {
    fn new() -> Self {
        let built = c("tests/plugins/rude.c", HEADERS, &[]);
        let plugin = load(&built);
        Self {
            _built: built,
            plugin,
        }
    }

    /// Breaks the rule `how` in `parameters`.
    fn parameters(&self, how: &str) -> Result<(), Error> {
        let settings = [("extra.how", how), ("extra.where", "parameters")];
        let connection = connection(&self.plugin, settings).unwrap();
        request(&connection, &PresentedGrant::ClientCredentials).map(drop)
    }

    fn check(&self, how: &str) -> Result<(), Error> {
        let settings = [("extra.how", how), ("extra.where", "check")];
        connection(&self.plugin, settings).map(drop)
    }
}

#[track_caller]
fn is_the_plugins(error: &Error, why: &str) {
    assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
    assert_eq!(error.verdict(), Verdict::Unexpected, "{error}");
    assert_eq!(error.provider(), Some("rude"), "{error}");
    assert!(error.message().contains("plugin rude 1.0: "), "{error}");
    assert!(error.message().contains(why), "{error}");
    assert!(
        error.hint().unwrap().contains("report this bug"),
        "{error:?}"
    );
}

#[test]
fn a_failure_fails_only_that_request() {
    let rude = Rude::new();
    for (how, why) in [
        ("fail", "`parameters` failed"),
        ("fail-with-reason", "`parameters` failed: a file is missing"),
        ("unknown-status", "`parameters` failed with status -77"),
        (
            "unknown-kind",
            "called `reject` with the unknown kind 4711: of a future kind",
        ),
    ] {
        is_the_plugins(&rude.parameters(how).unwrap_err(), why);
    }
    // A failure doesn't break a rule.
    assert_eq!(rude.plugin.suspicion(), None);
    rude.parameters("nothing").unwrap();
}

#[test]
fn a_rejection_counts_even_if_the_function_returns_ok() {
    let rude = Rude::new();
    let error = rude.check("reject-and-say-ok").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(error.message().ends_with("rejected despite OK"), "{error}");
}

#[test]
fn breaking_a_rule_fails_the_request_and_marks_the_plugin_suspect() {
    for (how, why) in [
        ("reject-in-silence", "without calling `reject`"),
        (
            "short-rejection",
            "csign_plugin_rejection that is shorter than in version 1.0",
        ),
        ("null-rejection", "csign_plugin_rejection that is NULL"),
        ("not-utf8", "set a value that is not UTF-8"),
        ("name-not-utf8", "set a name that is not UTF-8"),
        (
            "null-with-length",
            "set a value that is NULL and has a length",
        ),
        ("no-name", "set ``, which it may not set"),
        ("long-name", "set a name that is too long"),
        ("large-value", "set a value that is too long"),
        ("huge-length", "set a value that is too long"),
        ("null-places", "passed NULL as `out_text` or `out_len`"),
        ("log-not-utf8", "logged a text that is not UTF-8"),
        ("many-names", "set more than 1000 names"),
    ] {
        let rude = Rude::new();
        is_the_plugins(&rude.parameters(how).unwrap_err(), why);
        let suspicion = rude.plugin.suspicion().unwrap();
        assert!(suspicion.starts_with("`parameters` "), "{suspicion}");
        assert!(suspicion.contains(why), "{how}: {suspicion}");
        // The next request still works.
        rude.parameters("nothing").unwrap();
        assert_eq!(rude.plugin.suspicion(), Some(suspicion));
    }
}

#[test]
fn a_function_may_only_set_its_own_names() {
    let rude = Rude::new();
    is_the_plugins(
        &rude.check("write-anything").unwrap_err(),
        "set `name`, which it may not set",
    );
    // Core rejects these for every provider.
    let error = rude.parameters("secret-parameter").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Plugin);
    assert!(error.message().contains("`client_secret`"), "{error}");
}

#[test]
fn a_rejection_without_a_message_is_the_plugins_fault() {
    let error = Rude::new().check("reject-without-message").unwrap_err();
    is_the_plugins(&error, "called `reject` without a message");
}

#[test]
fn a_stale_call_is_rejected_and_marks_the_plugin_suspect() {
    let rude = Rude::new();
    rude.parameters("keep").unwrap();
    assert_eq!(rude.plugin.suspicion(), None);
    rude.parameters("use-what-was-kept").unwrap();
    let suspicion = rude.plugin.suspicion().unwrap();
    assert_eq!(suspicion, "it used a call after the function had returned");
}

#[test]
fn tokens_are_redacted_in_logs_and_errors() {
    let built = c("tests/plugins/rude.c", HEADERS, &[]);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let loader = Loader::new().with_log({
        let lines = Arc::clone(&lines);
        move |_, _, text| lines.lock().unwrap().push(text.to_owned())
    });
    let plugin = loader.load(built.path(), None).unwrap();
    let settings = [
        ("extra.how", "tell-the-token"),
        ("extra.where", "translate"),
    ];
    let connection = connection(&plugin, settings).unwrap();
    let response = json(
        200,
        r#"{"access_token":"eyJhbGciOi.very.secret","expires_in":60}"#,
    );
    let error = read(&connection, &response).unwrap_err();
    assert_eq!(error.message(), "[redacted]");
    assert_eq!(*lines.lock().unwrap(), ["[redacted]"]);
}

#[test]
fn no_token_is_sent_to_an_invalid_identity_url() {
    let rude = Rude::new();
    let settings = [("extra.how", "bad-url"), ("extra.where", "identity")];
    let connection = connection(&rude.plugin, settings).unwrap();
    let error = client(connection, Plain).identity().unwrap_err();
    is_the_plugins(&error, "`identity` set an invalid URL");
}

#[derive(Debug)]
struct Plain;

impl countersign_core::Transport for Plain {
    fn send(
        &self,
        request: &countersign_core::Request,
    ) -> Result<countersign_core::Response, countersign_core::SendError> {
        assert!(request.url().as_str().ends_with("/token"));
        Ok(json(200, r#"{"access_token":"at1","expires_in":60}"#))
    }
}

#[test]
fn a_panic_in_rust_fails_only_that_request() {
    let built = rust("countersign-plugin-panicking");
    let plugin = load(&built);
    let of = |function: &'static str| connection(&plugin, [("extra.where", function)]);
    let calm = of("nowhere").unwrap();
    let reported = |error: Error, function: &str| {
        assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
        let what = format!("`{function}` panicked: ");
        assert!(error.message().contains(&what), "{error}");
        assert!(error.message().contains("panics on demand"), "{error}");
    };
    reported(of("check").unwrap_err(), "check");
    let suspicion = plugin.suspicion().unwrap();
    assert!(suspicion.starts_with("`check` panicked"), "{suspicion}");
    let connection = of("parameters").unwrap();
    reported(
        request(&connection, &PresentedGrant::ClientCredentials).unwrap_err(),
        "parameters",
    );
    let response = json(200, r#"{"access_token":"at1"}"#);
    for function in ["translate", "read"] {
        reported(
            read(&of(function).unwrap(), &response).unwrap_err(),
            function,
        );
    }
    // No lock is poisoned.
    assert_eq!(read(&calm, &response).unwrap().access_token.expose(), "at1");
}
