//! Plugins through the C ABI: one vendor in Rust, one in C.

#![cfg(unix)]

use std::ptr;

use countersign_capi::*;
use countersign_plugin_testing::{Built, Vendor, Xero, c, rust, zoom};

use crate::program::{Config, Rejected, call, pair, text};

struct Registry(*mut csign_registry);

impl Registry {
    fn new() -> Self {
        let mut registry = ptr::null_mut();
        // SAFETY: both places are valid for writes.
        call(|error| unsafe { csign_registry_new(&mut registry, error) }).unwrap();
        Self(registry)
    }

    fn load(&self, path: &str, sha256: &str) -> Result<(), Rejected> {
        let ((path, length), (sha256, digits)) = (pair(path), pair(sha256));
        // SAFETY: live, and both texts have these lengths.
        call(|error| unsafe {
            csign_registry_load_plugin(self.0, path, length, sha256, digits, error)
        })
    }

    fn load_built(&self, built: &Built) {
        self.load(built.path().to_str().unwrap(), "").unwrap();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // SAFETY: live, and freed once.
        unsafe { csign_registry_free(self.0) }
    }
}

fn connect(vendor: &Vendor, settings: &[(&str, &str)]) -> Config {
    let config = Config::new();
    config.set("base_url", &vendor.url()).unwrap();
    config
        .set("ca_file", vendor.ca_file().to_str().unwrap())
        .unwrap();
    for (key, value) in settings {
        config.set(key, value).unwrap();
    }
    config
}

#[test]
fn a_plugin_in_rust_gets_a_token() {
    let vendor = zoom();
    let registry = Registry::new();
    registry.load_built(&rust("countersign-plugin-zoom"));
    let config = connect(
        &vendor,
        &[
            ("provider", "zoom"),
            ("client_id", "zoom-app"),
            ("client_secret", "zoom+secret"),
            ("extra.account_id", "zoom-account"),
        ],
    );
    let client = config.client_of(registry.0).unwrap();
    assert!(!client.token().unwrap().value().is_empty());
    // SAFETY: live.
    let providers = text(|out, error| unsafe { csign_registry_providers(registry.0, out, error) });
    assert!(providers.unwrap().contains(r#""id":"zoom""#));
}

#[test]
fn a_plugin_in_c_refreshes_a_token() {
    let xero = Xero::new();
    let registry = Registry::new();
    registry.load_built(&c("examples/plugins/xero/xero.c", "include", &[]));
    let config = connect(
        xero.vendor(),
        &[
            ("provider", "xero"),
            ("grant", "refresh-token"),
            ("client_id", "xero-app"),
            ("client_secret", "xero-secret"),
            ("refresh_token", "xero-refresh-0"),
            ("extra.tenant_id", "the-tenant"),
        ],
    );
    let client = config.client_of(registry.0).unwrap();
    assert!(!client.token().unwrap().value().is_empty());
    assert_eq!(client.count(csign_counter::REFRESHED), 1);
}

#[test]
fn a_plugin_that_must_not_be_loaded_is_rejected() {
    let registry = Registry::new();
    let rejected = registry.load("plugin.so", "").unwrap_err();
    assert_eq!(rejected.status, csign_status::SETTING);
    assert!(rejected.message.contains("absolute"), "{rejected:?}");
    let built = c("examples/plugins/xero/xero.c", "include", &[]);
    let path = built.path().to_str().unwrap();
    let rejected = registry.load(path, &"0".repeat(64)).unwrap_err();
    assert_eq!(rejected.status, csign_status::SETTING);
    registry.load(path, "").unwrap();
    let twice = registry.load(path, "").unwrap_err();
    assert!(twice.message.contains("xero"), "{twice:?}");
}

unsafe extern "C" fn record_line(
    lines: *mut std::ffi::c_void,
    _: csign_log_level,
    line: *const std::ffi::c_char,
    length: usize,
) {
    // SAFETY: static, and the line has this length.
    let (lines, line) = unsafe {
        let lines = &*lines.cast::<std::sync::Mutex<Vec<String>>>();
        (lines, std::slice::from_raw_parts(line.cast::<u8>(), length))
    };
    lines
        .lock()
        .unwrap()
        .push(String::from_utf8(line.to_vec()).unwrap());
}

#[test]
fn a_plugins_log_reaches_the_host() {
    static LINES: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    let registry = Registry::new();
    let data = (&raw const LINES).cast_mut().cast();
    // SAFETY: live, and the callback fits its data, which is static.
    call(|e| unsafe { csign_registry_set_log(registry.0, 4, Some(record_line), data, None, e) })
        .unwrap();
    registry.load_built(&c("tests/plugins/v1_0/plugin.c", "tests/plugins/v1_0", &[]));
    let config = Config::new();
    for (key, value) in [
        ("provider", "frozen"),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ] {
        config.set(key, value).unwrap();
    }
    config.client_of(registry.0).unwrap();
    let lines = LINES.lock().unwrap().join("\n");
    assert!(lines.contains("looks at a connection"), "{lines:?}");
}
