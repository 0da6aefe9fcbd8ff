//! A plugin that panics in the function named by `extra.where`.

#![deny(unsafe_code)]

use std::ffi::CStr;

use countersign_plugin::sdk::{Call, PluginProvider, Rejection};

struct Panicking;

impl PluginProvider for Panicking {
    const ID: &'static CStr = c"panicking";

    fn profile() -> &'static str {
        // Keep the expected panics out of the tests' output.
        std::panic::set_hook(Box::new(|_| {}));
        r#"
        id = "panicking"
        name = "Panicking"
        documentation = "https://plugins.example/panicking"
        environments.production.base_url = "https://login.plugins.example"
        endpoints.token = "{base_url}/token"
        grants.client-credentials.client_auth = ["post"]
        extra.where = "the function that panics"
        "#
    }

    fn check(call: Call<'_>) -> Result<(), Rejection> {
        panic_in("check", call)
    }

    fn parameters(call: Call<'_>) -> Result<(), Rejection> {
        panic_in("parameters", call)
    }

    fn translate(call: Call<'_>) -> Result<(), Rejection> {
        panic_in("translate", call)
    }

    fn read(call: Call<'_>) -> Result<(), Rejection> {
        panic_in("read", call)
    }
}

fn panic_in(function: &str, call: Call<'_>) -> Result<(), Rejection> {
    assert_ne!(call.text("extra.where"), Some(function), "panics on demand");
    Ok(())
}

countersign_plugin::export_provider!(Panicking);
