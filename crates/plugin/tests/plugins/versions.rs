//! Plugins of other versions: the frozen one of version 1.0, a newer one, and one of another major
//! version.

use std::sync::{Arc, Mutex};

use countersign_core::{
    ErrorKind, ManualClock, PresentedGrant, Registry, SendError, Transport, Verdict,
};
use countersign_core::{Request, Response, Settings};
use countersign_plugin::{Level, Loader, Plugin};
use countersign_plugin_testing::{Built, c};

use crate::support::{HEADERS, NOW, client, connection, json, load, read, request};

/// Builds the frozen plugin with its own header.
fn frozen() -> Built {
    c("tests/plugins/v1_0/plugin.c", "tests/plugins/v1_0", &[])
}

fn with_clock(built: &Built) -> Plugin {
    let loader = Loader::new().with_clock(Arc::new(ManualClock::at(NOW)));
    loader.load(built.path(), None).unwrap()
}

#[test]
fn the_frozen_plugin_checks_and_logs_and_sees_no_secret() {
    let built = frozen();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let loader = Loader::new().with_log({
        let lines = Arc::clone(&lines);
        move |plugin, level, text| {
            let line = (plugin.to_owned(), level, text.to_owned());
            lines.lock().unwrap().push(line);
        }
    });
    let plugin = loader.load(built.path(), None).unwrap();
    assert_eq!((plugin.name(), plugin.version()), ("frozen", "1.0"));
    connection(&plugin, [("extra.tenant", "some")]).unwrap();
    let error = connection(&plugin, [("extra.tenant", "nobody")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert_eq!(error.setting_name(), Some("extra.tenant"));
    assert_eq!(error.hint(), Some("name somebody"));
    assert_eq!(
        error.message(),
        "connection `mine`: `extra.tenant` is nobody"
    );
    let line = (
        "frozen".to_owned(),
        Level::Info,
        "looks at a connection".to_owned(),
    );
    assert_eq!(*lines.lock().unwrap(), [line.clone(), line]);
    assert_eq!(plugin.suspicion(), None);
}

#[test]
fn the_frozen_plugin_adds_parameters() {
    let built = frozen();
    let connection = connection(&with_clock(&built), [("extra.tenant", "some & more")]).unwrap();
    let body = request(&connection, &PresentedGrant::ClientCredentials).unwrap();
    assert_eq!(
        body.body().unwrap().as_str(),
        "grant_type=client_credentials&asked_by=client-credentials&day=1&tenant=some+%26+more&client_id=app&client_secret=s3cret",
    );
    let refresh = request(&connection, &PresentedGrant::RefreshToken("r0".into())).unwrap();
    let form = refresh.form().unwrap();
    assert_eq!(form.value("asked_by"), Some("refresh-token"));
}

#[test]
fn the_frozen_plugin_translates_responses() {
    let built = frozen();
    let plugin = with_clock(&built);
    let connection = connection(&plugin, []).unwrap();
    let body = r#"{"ok":true,"data":{"token":"at1","ttl":120,"next":"r1"}}"#;
    let response = Response::new(200, [("x-shard", "s7")], body);
    let token = read(&connection, &response).unwrap();
    assert_eq!(token.access_token.expose(), "at1");
    assert_eq!(token.expires_in.unwrap().as_secs(), 120);
    assert_eq!(token.refresh_token.unwrap().expose(), "r1");
    assert_eq!(token.extra["shard"], "s7");
    assert_eq!(token.extra["region"], "s7");

    let rejected = read(&connection, &json(200, r#"{"ok":false,"why":"over"}"#)).unwrap_err();
    assert_eq!(rejected.oauth_error(), Some("invalid_grant"));
    assert_eq!(rejected.oauth_description(), Some("over"));
    let busy = read(&connection, &json(200, r#"{"ok":false,"why":"busy"}"#)).unwrap_err();
    assert_eq!(busy.verdict(), Verdict::Retry);
    assert_eq!(busy.retry_after().unwrap().as_secs(), 7);
    // A response that the plugin doesn't translate is read as is.
    let plain = read(&connection, &json(200, r#"{"access_token":"at2"}"#)).unwrap();
    assert_eq!(plain.access_token.expose(), "at2");
    let page = read(&connection, &json(502, "<html>")).unwrap_err();
    assert_eq!(page.verdict(), Verdict::Retry);
    assert_eq!(plugin.suspicion(), None);
}

/// Responds to the token request in the vendor's format, and to the identity request.
#[derive(Debug)]
struct Scripted(&'static str);

impl Transport for Scripted {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let url = request.url().as_str();
        if url.ends_with("/token") {
            let body = r#"{"ok":true,"data":{"token":"at1","ttl":120}}"#;
            return Ok(Response::new(200, [("X-Shard", "s7")], body));
        }
        assert_eq!(url, "https://login.plugins.example/who/s7");
        let mut headers = request.headers();
        let bearer = headers.find(|(name, _)| *name == "Authorization").unwrap();
        assert_eq!(bearer.1.expose(), "Bearer at1");
        Ok(json(200, self.0))
    }
}

#[test]
fn the_frozen_plugin_reads_whose_token_it_is() {
    let built = frozen();
    let connection = connection(&load(&built), []).unwrap();
    let response = Scripted(r#"{"users":[{"id":42},{"id":43}]}"#);
    let extra = client(connection.clone(), response).identity().unwrap();
    assert_eq!(extra["user_id"], "42");
    assert_eq!(extra["region"], "s7");
    let response = Scripted(r#"{"users":[{"id":null}]}"#);
    let error = client(connection, response).identity().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable);
    assert_eq!(error.message(), "the answer names no user");
}

#[test]
fn a_plugin_newer_than_the_host_runs() {
    let built = c("tests/plugins/v1_1/plugin.c", "tests/plugins/v1_1", &[]);
    let plugin = load(&built);
    assert_eq!((plugin.name(), plugin.version()), ("newer", ""));
    let good = connection(&plugin, []).unwrap();
    let request = request(&good, &PresentedGrant::ClientCredentials).unwrap();
    assert_eq!(request.form().unwrap().value("random"), Some("no"));
    let error = connection(&plugin, [("client_id", "nope")]).unwrap_err();
    assert_eq!(error.message(), "connection `mine`: `client_id` is nope");
    assert_eq!(plugin.suspicion(), None);
}

#[test]
fn a_plugin_of_another_major_version_is_rejected() {
    let built = c("tests/plugins/v2_only.c", HEADERS, &[]);
    let error = Loader::new().load(built.path(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(
        error.message().contains("`countersign_plugin_v1`"),
        "{error}"
    );
    assert!(
        error.hint().unwrap().contains("another major version"),
        "{error:?}"
    );
}

#[test]
fn threads_call_one_plugin_concurrently() {
    let built = frozen();
    let plugin = with_clock(&built);
    let registry = plugin.register(Registry::new()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let registry = &registry;
            scope.spawn(move || {
                let tenant = format!("tenant-{thread}");
                let mut settings = Settings::from_pairs([
                    ("provider", "frozen"),
                    ("grant", "client-credentials"),
                    ("client_id", "app"),
                    ("client_secret", "s3cret"),
                ])
                .unwrap();
                settings.set("extra.tenant", &tenant).unwrap();
                for _ in 0..200 {
                    let connection =
                        countersign_core::Connection::from_registry("mine", &settings, registry)
                            .unwrap();
                    let request = request(&connection, &PresentedGrant::ClientCredentials).unwrap();
                    assert_eq!(request.form().unwrap().value("tenant"), Some(&*tenant));
                }
            });
        }
    });
    assert_eq!(plugin.suspicion(), None);
}
