//! `--plugin`: the example plugins, each against a server as strict as the vendor's documentation.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use countersign_plugin_testing::{Built, Vendor, Xero, c, rust, zoom};
use serde_json::Value;

use crate::setup::{Run, command};

/// A vendor's server, its plugin, and a configuration with one connection of that name.
struct Case<'a> {
    vendor: &'a Vendor,
    plugin: Built,
    name: &'static str,
}

impl<'a> Case<'a> {
    fn new(name: &'static str, vendor: &'a Vendor, plugin: Built) -> Self {
        Self {
            vendor,
            plugin,
            name,
        }
    }

    /// Writes the configuration: the settings that every vendor needs, and these.
    fn config(&self, settings: &[(&str, &str)]) -> &Self {
        let name = self.name;
        let mut lines = vec![
            format!("[connections.{name}]"),
            format!("provider = \"{name}\""),
            format!("base_url = \"{}\"", self.vendor.url()),
            format!("ca_file = \"{}\"", self.vendor.ca_file().display()),
            "store = \"file:tokens\"".to_owned(),
        ];
        let own = settings.iter();
        lines.extend(own.map(|(key, value)| format!("{key} = {}", Value::from(*value))));
        let path = self.vendor.folder().join("countersign.toml");
        fs::write(&path, lines.join("\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        self
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(&self.plugin.path().to_string_lossy(), arguments)
    }

    fn run_with(&self, plugin: &str, arguments: &[&str]) -> Run {
        let mut command = command(self.vendor.folder());
        command.args(arguments).args(["--plugin", plugin]);
        Run::of(&mut command, "")
    }

    fn token(&self, more: &[&str]) -> Run {
        self.run(&[&["token", self.name, "--json"], more].concat())
    }
}

fn zoom_plugin() -> Built {
    rust("countersign-plugin-zoom")
}

fn xero_plugin() -> Built {
    c("examples/plugins/xero/xero.c", "include", &[])
}

const ZOOM: &[(&str, &str)] = &[
    ("client_id", "zoom-app"),
    ("client_secret", "zoom+secret"),
    ("extra.account_id", "zoom-account"),
];

const XERO: &[(&str, &str)] = &[
    ("grant", "refresh-token"),
    ("client_id", "xero-app"),
    ("client_secret", "xero-secret"),
    ("refresh_token", "xero-refresh-0"),
    ("extra.tenant_id", "the-tenant"),
];

/// Returns the settings with one changed or added.
fn with<'a>(all: &[(&'a str, &'a str)], other: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    let kept = all.iter().copied().filter(|(key, _)| *key != other.0);
    kept.chain([other]).collect()
}

#[test]
fn the_zoom_plugin_gets_a_token_and_stores_it() {
    let vendor = zoom();
    let case = Case::new("zoom", &vendor, zoom_plugin());
    case.config(ZOOM);
    let first = case.token(&[]).json();
    assert_eq!(first["access_token"], "zoom-token-1");
    assert_eq!(first["provider"], "zoom");
    assert_eq!(first["source"], "minted");
    assert_eq!(first["scope"], "user:read:admin");
    assert!(first["expires_at"].is_i64(), "{first}");
    let second = case.token(&[]).json();
    assert_eq!(second["access_token"], "zoom-token-1");
    assert_eq!(second["source"], "store");
    assert_eq!(vendor.asked().len(), 1);
}

#[test]
fn errors_of_zoom_name_the_setting_and_have_a_hint() {
    let vendor = zoom();
    let case = Case::new("zoom", &vendor, zoom_plugin());
    case.config(&with(ZOOM, ("client_secret", "wrong")));
    let error = case.token(&[]).error(2);
    assert_eq!(error["oauth_error"], "invalid_client");
    assert_eq!(error["setting"], "client_secret");
    // Zoom calls it `reason`.
    assert_eq!(
        error["oauth_description"],
        "Invalid client_id or client_secret"
    );

    case.config(&with(ZOOM, ("client_id", "other-app")));
    let error = case.token(&[]).error(2);
    assert_eq!(error["oauth_error"], "unsupported_grant_type");
    assert!(
        error["hint"].as_str().unwrap().contains("of another type"),
        "{error}"
    );

    // These are rejected before anything is sent.
    let asked = vendor.asked().len();
    case.config(&with(ZOOM, ("extra.account_id", "zoom-app")));
    let error = case.token(&[]).error(2);
    assert_eq!(error["setting"], "extra.account_id");
    case.config(&ZOOM[..2]);
    let error = case.token(&[]).error(2);
    assert_eq!(error["setting"], "extra.account_id");
    assert_eq!(vendor.asked().len(), asked);
}

#[test]
fn the_xero_plugin_refreshes_and_rotates() {
    let xero = Xero::new();
    let case = Case::new("xero", xero.vendor(), xero_plugin());
    case.config(XERO);
    for turn in 1..=3 {
        let reported = case.token(&["--force"]).json();
        assert_eq!(reported["access_token"], format!("xero-access-{turn}"));
        assert_eq!(reported["source"], "refreshed");
        assert_eq!(reported["extra"]["tenant_id"], "the-tenant");
    }
    let sent = xero.vendor().asked();
    let sent: Vec<_> = sent
        .iter()
        .map(|asked| asked.field("refresh_token"))
        .collect();
    let rotated = ["xero-refresh-0", "xero-refresh-1", "xero-refresh-2"];
    assert_eq!(sent, rotated.map(Some));
}

/// The plugin's profile says that the last refresh token can be sent again.
#[test]
fn a_lost_response_of_xero_requires_no_login() {
    let xero = Xero::new();
    let case = Case::new("xero", xero.vendor(), xero_plugin());
    // Nothing is sent again before the lost request has timed out.
    case.config(&with(XERO, ("timeout_ms", "3000")));
    case.token(&[]).json();
    xero.lose_a_response();
    let lost = case.token(&["--force"]);
    let after = match lost.code {
        0 => lost.json(),
        _ => case.token(&["--force"]).json(),
    };
    assert_eq!(after["access_token"], "xero-access-2");
    let sent = xero.vendor().asked();
    let again = sent
        .iter()
        .filter(|asked| asked.field("refresh_token") == Some("xero-refresh-1"));
    assert_eq!(again.count(), 2);
}

#[test]
fn an_expired_refresh_token_of_xero_requires_a_login() {
    let xero = Xero::new();
    let case = Case::new("xero", xero.vendor(), xero_plugin());
    xero.end_grace();
    case.config(&with(XERO, ("refresh_token", "xero-refresh-9")));
    let error = case.token(&[]).error(3);
    assert_eq!(error["kind"], "login_required");
    assert!(
        error["hint"].as_str().unwrap().contains("60 days"),
        "{error}"
    );
}

#[test]
fn a_custom_connection_of_xero_has_no_tenant() {
    let xero = Xero::new();
    let case = Case::new("xero", xero.vendor(), xero_plugin());
    let custom = [
        ("grant", "client-credentials"),
        ("client_id", "xero-app"),
        ("client_secret", "xero-secret"),
    ];
    case.config(&custom);
    let reported = case.token(&[]).json();
    assert_eq!(reported["access_token"], "xero-custom");
    assert!(reported["extra"]["tenant_id"].is_null(), "{reported}");
    case.config(&with(&custom, ("extra.tenant_id", "the-tenant")));
    let error = case.token(&["--force"]).error(2);
    assert_eq!(error["setting"], "extra.tenant_id");
    assert_eq!(error["provider"], "xero");
}

#[test]
fn several_plugins_add_providers_to_the_built_in_ones() {
    let vendor = zoom();
    let case = Case::new("zoom", &vendor, zoom_plugin());
    let xero = xero_plugin();
    let path = xero.path().to_string_lossy();
    let reported = case.run(&["providers", "--json", "--plugin", &path]).json();
    let ids: Vec<_> = reported
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    // The catalogue has Xero and Zoom, too. The plugins take their places.
    for id in ["boldsign", "docusign", "salesforce", "xero", "zoom"] {
        let count = ids.iter().filter(|known| **known == id).count();
        assert_eq!(count, 1, "{id}");
    }
}

#[test]
fn without_the_option_the_provider_is_unknown() {
    let vendor = zoom();
    let case = Case::new("no-such-vendor", &vendor, zoom_plugin());
    case.config(ZOOM);
    let run = Run::of(
        command(vendor.folder()).args(["token", "no-such-vendor", "--json"]),
        "",
    );
    assert_eq!(run.error(2)["setting"], "provider");
}

#[test]
fn the_digest_must_match_the_file() {
    let vendor = zoom();
    let case = Case::new("zoom", &vendor, zoom_plugin());
    case.config(ZOOM);
    let path = case.plugin.path().display();
    let reported = std::process::Command::new("sha256sum")
        .arg(case.plugin.path())
        .output()
        .unwrap();
    let reported = String::from_utf8(reported.stdout).unwrap();
    let digest = reported.split(' ').next().unwrap();
    case.run_with(&format!("{path}#sha256={digest}"), &["token", "zoom"])
        .succeeded();
    let wrong = format!("{path}#sha256={}", "0".repeat(64));
    let error = case.run_with(&wrong, &["token", "zoom", "--json"]).error(2);
    assert_eq!(error["setting"], "plugin");
    assert!(
        error["message"].as_str().unwrap().contains(digest),
        "{error}"
    );
    let none = case
        .run_with(&format!("{path}#sha256=abc"), &["token", "zoom", "--json"])
        .error(2);
    assert!(
        none["message"].as_str().unwrap().contains("64 hex digits"),
        "{none}"
    );
}

#[test]
fn a_plugin_that_is_not_loaded_is_an_error_with_the_reason() {
    let vendor = zoom();
    let case = Case::new("zoom", &vendor, zoom_plugin());
    case.config(ZOOM);
    let assert_rejected = |plugin: &str, why: &str| {
        let error = case.run_with(plugin, &["token", "zoom", "--json"]).error(2);
        assert_eq!(error["verdict"], "fix_configuration");
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    };
    let path = case.plugin.path().to_string_lossy().into_owned();
    let name = Path::new(&path).file_name().unwrap().to_string_lossy();
    assert_rejected(&name, "not absolute");
    assert_rejected("/nowhere/zoom.so", "no such file");
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    assert_rejected(&path, "is writable by other users");
}

#[test]
fn a_plugin_cannot_replace_a_built_in_provider() {
    let vendor = zoom();
    let written = "WRITTEN=\"id='docusign'\\nname='D'\\ndocumentation='x'\\nenvironments.a.base_url='https://x.example'\\nendpoints.token='{base_url}'\\ngrants.client-credentials.client_auth=['post']\"";
    let plugin = c(
        "tests/plugins/misshapen.c",
        "include",
        &["ID=\"docusign\"", written],
    );
    let case = Case::new("zoom", &vendor, plugin);
    let error = case.run(&["providers", "--json"]).error(2);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("a provider with the id `docusign`"),
        "{error}"
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("can't replace an existing provider"),
        "{error}"
    );
}

#[test]
fn a_plugin_that_panics_is_an_error() {
    let vendor = zoom();
    let case = Case::new("panicking", &vendor, rust("countersign-plugin-panicking"));
    case.config(&[
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("extra.where", "parameters"),
    ]);
    let run = case.run(&["token", "panicking"]);
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.stderr.contains("`parameters` panicked"), "{run:?}");
    assert!(run.stderr.contains("report this bug"), "{run:?}");
}

#[test]
fn verbose_shows_what_a_plugin_logs() {
    let vendor = zoom();
    let plugin = c("tests/plugins/v1_0/plugin.c", "tests/plugins/v1_0", &[]);
    let case = Case::new("frozen", &vendor, plugin);
    case.config(&[
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ]);
    let line = "# plugin frozen: looks at a connection";
    let quiet = case.run(&["token", "frozen"]);
    assert!(!quiet.stderr.contains(line), "{quiet:?}");
    let loud = case.run(&["token", "frozen", "-v"]);
    assert!(loud.stderr.contains(line), "{loud:?}");
}
