//! `--plugin`: two vendors that are shared libraries, each against a server as strict as its documentation.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use countersign_plugin_testing::{Built, Vendor, Xero, c, rust, zoom};
use serde_json::Value;

use crate::house::{Run, command};

/// A vendor, its plugin, and a configuration with one connection of that name.
struct Shop<'a> {
    vendor: &'a Vendor,
    plugin: Built,
    name: &'static str,
}

impl<'a> Shop<'a> {
    fn new(name: &'static str, vendor: &'a Vendor, plugin: Built) -> Self {
        Self {
            vendor,
            plugin,
            name,
        }
    }

    /// Writes the configuration, with what every vendor needs and these.
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

/// The settings, with one that differs or comes along.
fn but<'a>(all: &[(&'a str, &'a str)], other: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    let kept = all.iter().copied().filter(|(key, _)| *key != other.0);
    kept.chain([other]).collect()
}

#[test]
fn zoom_in_rust_gives_a_token_and_keeps_it() {
    let vendor = zoom();
    let shop = Shop::new("zoom", &vendor, zoom_plugin());
    shop.config(ZOOM);
    let first = shop.token(&[]).json();
    assert_eq!(first["access_token"], "zoom-token-1");
    assert_eq!(first["provider"], "zoom");
    assert_eq!(first["source"], "minted");
    assert_eq!(first["scope"], "user:read:admin");
    assert!(first["expires_at"].is_i64(), "{first}");
    let second = shop.token(&[]).json();
    assert_eq!(second["access_token"], "zoom-token-1");
    assert_eq!(second["source"], "store");
    assert_eq!(vendor.asked().len(), 1);
}

#[test]
fn zooms_refusals_say_what_to_do() {
    let vendor = zoom();
    let shop = Shop::new("zoom", &vendor, zoom_plugin());
    shop.config(&but(ZOOM, ("client_secret", "wrong")));
    let error = shop.token(&[]).error(2);
    assert_eq!(error["oauth_error"], "invalid_client");
    assert_eq!(error["setting"], "client_secret");
    // Zoom's word for it is `reason`.
    assert_eq!(
        error["oauth_description"],
        "Invalid client_id or client_secret"
    );

    shop.config(&but(ZOOM, ("client_id", "other-app")));
    let error = shop.token(&[]).error(2);
    assert_eq!(error["oauth_error"], "unsupported_grant_type");
    assert!(
        error["hint"].as_str().unwrap().contains("of another type"),
        "{error}"
    );

    // Before anything is sent.
    let asked = vendor.asked().len();
    shop.config(&but(ZOOM, ("extra.account_id", "zoom-app")));
    let error = shop.token(&[]).error(2);
    assert_eq!(error["setting"], "extra.account_id");
    shop.config(&ZOOM[..2]);
    let error = shop.token(&[]).error(2);
    assert_eq!(error["setting"], "extra.account_id");
    assert_eq!(vendor.asked().len(), asked);
}

#[test]
fn xero_in_c_refreshes_and_rotates() {
    let xero = Xero::new();
    let shop = Shop::new("xero", xero.vendor(), xero_plugin());
    shop.config(XERO);
    for turn in 1..=3 {
        let told = shop.token(&["--force"]).json();
        assert_eq!(told["access_token"], format!("xero-access-{turn}"));
        assert_eq!(told["source"], "refreshed");
        assert_eq!(told["extra"]["tenant_id"], "the-tenant");
    }
    let sent = xero.vendor().asked();
    let sent: Vec<_> = sent
        .iter()
        .map(|asked| asked.field("refresh_token"))
        .collect();
    let rotated = ["xero-refresh-0", "xero-refresh-1", "xero-refresh-2"];
    assert_eq!(sent, rotated.map(Some));
}

/// The plugin's profile says that the last refresh token may come again: the engine does the rest.
#[test]
fn an_answer_of_xeros_that_gets_lost_costs_no_login() {
    let xero = Xero::new();
    let shop = Shop::new("xero", xero.vendor(), xero_plugin());
    // Nothing is sent again before the lost request is over.
    shop.config(&but(XERO, ("timeout_ms", "3000")));
    shop.token(&[]).json();
    xero.lose_an_answer();
    let lost = shop.token(&["--force"]);
    let after = match lost.code {
        0 => lost.json(),
        _ => shop.token(&["--force"]).json(),
    };
    assert_eq!(after["access_token"], "xero-access-2");
    let sent = xero.vendor().asked();
    let again = sent
        .iter()
        .filter(|asked| asked.field("refresh_token") == Some("xero-refresh-1"));
    assert_eq!(again.count(), 2);
}

#[test]
fn a_dead_refresh_token_of_xeros_wants_a_login() {
    let xero = Xero::new();
    let shop = Shop::new("xero", xero.vendor(), xero_plugin());
    xero.end_grace();
    shop.config(&but(XERO, ("refresh_token", "xero-refresh-9")));
    let error = shop.token(&[]).error(3);
    assert_eq!(error["kind"], "login_required");
    assert!(
        error["hint"].as_str().unwrap().contains("60 days"),
        "{error}"
    );
}

#[test]
fn xeros_custom_connection_has_no_tenant() {
    let xero = Xero::new();
    let shop = Shop::new("xero", xero.vendor(), xero_plugin());
    let custom = [
        ("grant", "client-credentials"),
        ("client_id", "xero-app"),
        ("client_secret", "xero-secret"),
    ];
    shop.config(&custom);
    let told = shop.token(&[]).json();
    assert_eq!(told["access_token"], "xero-custom");
    assert!(told["extra"]["tenant_id"].is_null(), "{told}");
    shop.config(&but(&custom, ("extra.tenant_id", "the-tenant")));
    let error = shop.token(&["--force"]).error(2);
    assert_eq!(error["setting"], "extra.tenant_id");
    assert_eq!(error["provider"], "xero");
}

#[test]
fn several_plugins_stand_beside_what_is_built_in() {
    let vendor = zoom();
    let shop = Shop::new("zoom", &vendor, zoom_plugin());
    let xero = xero_plugin();
    let path = xero.path().to_string_lossy();
    let told = shop.run(&["providers", "--json", "--plugin", &path]).json();
    let ids: Vec<_> = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["docusign", "salesforce", "boldsign", "xero", "zoom"]);
}

#[test]
fn without_the_flag_there_is_no_such_provider() {
    let vendor = zoom();
    let shop = Shop::new("zoom", &vendor, zoom_plugin());
    shop.config(ZOOM);
    let run = Run::of(
        command(vendor.folder()).args(["token", "zoom", "--json"]),
        "",
    );
    assert_eq!(run.error(2)["setting"], "provider");
}

#[test]
fn a_digest_is_held_against_the_file() {
    let vendor = zoom();
    let shop = Shop::new("zoom", &vendor, zoom_plugin());
    shop.config(ZOOM);
    let path = shop.plugin.path().display();
    let told = std::process::Command::new("sha256sum")
        .arg(shop.plugin.path())
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let digest = told.split(' ').next().unwrap();
    shop.run_with(&format!("{path}#sha256={digest}"), &["token", "zoom"])
        .succeeded();
    let wrong = format!("{path}#sha256={}", "0".repeat(64));
    let error = shop.run_with(&wrong, &["token", "zoom", "--json"]).error(2);
    assert_eq!(error["setting"], "plugin");
    assert!(
        error["message"].as_str().unwrap().contains(digest),
        "{error}"
    );
    let none = shop
        .run_with(&format!("{path}#sha256=abc"), &["token", "zoom", "--json"])
        .error(2);
    assert!(
        none["message"].as_str().unwrap().contains("64 hex digits"),
        "{none}"
    );
}

#[test]
fn what_is_not_loaded_is_told_with_the_reason() {
    let vendor = zoom();
    let shop = Shop::new("zoom", &vendor, zoom_plugin());
    shop.config(ZOOM);
    let refused = |plugin: &str, why: &str| {
        let error = shop.run_with(plugin, &["token", "zoom", "--json"]).error(2);
        assert_eq!(error["verdict"], "fix_configuration");
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    };
    let path = shop.plugin.path().to_string_lossy().into_owned();
    let name = Path::new(&path).file_name().unwrap().to_string_lossy();
    refused(&name, "not absolute");
    refused("/nowhere/zoom.so", "no such file");
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    refused(&path, "is writable by other users");
}

#[test]
fn a_plugin_cannot_be_a_vendor_that_is_built_in() {
    let vendor = zoom();
    let written = "WRITTEN=\"id='docusign'\\nname='D'\\ndocumentation='x'\\nenvironments.a.base_url='https://x.example'\\nendpoints.token='{base_url}'\\ngrants.client-credentials.client_auth=['post']\"";
    let plugin = c(
        "tests/plugins/misshapen.c",
        "include",
        &["ID=\"docusign\"", written],
    );
    let shop = Shop::new("zoom", &vendor, plugin);
    let error = shop.run(&["providers", "--json"]).error(2);
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("`docusign` already"),
        "{error}"
    );
    assert!(
        error["hint"]
            .as_str()
            .unwrap()
            .contains("cannot take the place"),
        "{error}"
    );
}

#[test]
fn a_plugin_that_panics_costs_its_request_alone() {
    let vendor = zoom();
    let shop = Shop::new("panicking", &vendor, rust("countersign-plugin-panicking"));
    shop.config(&[
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("extra.where", "parameters"),
    ]);
    let run = shop.run(&["token", "panicking"]);
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.stderr.contains("`parameters` panicked"), "{run:?}");
    assert!(run.stderr.contains("report it to its maker"), "{run:?}");
}

#[test]
fn what_a_plugin_logs_is_shown_on_demand() {
    let vendor = zoom();
    let plugin = c("tests/plugins/v1_0/plugin.c", "tests/plugins/v1_0", &[]);
    let shop = Shop::new("frozen", &vendor, plugin);
    shop.config(&[
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ]);
    let line = "# plugin frozen: looks at a connection";
    let quiet = shop.run(&["token", "frozen"]);
    assert!(!quiet.stderr.contains(line), "{quiet:?}");
    let loud = shop.run(&["token", "frozen", "-v"]);
    assert!(loud.stderr.contains(line), "{loud:?}");
}
