//! Zoom's server-to-server OAuth as a plugin: <https://developers.zoom.us/docs/internal-apps/s2s-oauth/>
//!
//! The profile describes almost everything. It can't express that two settings must differ.
//!
//! ```sh
//! cargo build -p countersign-plugin-zoom    # target/debug/libcountersign_plugin_zoom.so
//! ```

#![deny(unsafe_code)]

use std::ffi::CStr;

use countersign_plugin::sdk::{Call, PluginProvider, Rejection};

struct Zoom;

impl PluginProvider for Zoom {
    const ID: &'static CStr = c"zoom";

    fn profile() -> &'static str {
        include_str!("../profile.toml")
    }

    /// The app's page shows both ids next to each other, so they are easily confused.
    fn check(call: Call<'_>) -> Result<(), Rejection> {
        if call.text("extra.account_id") == call.text("client_id") {
            let message = "`extra.account_id` is the client_id";
            return Err(Rejection::setting("extra.account_id", message).with_hint(
                "copy the Account ID from the app's credentials in the Zoom App Marketplace",
            ));
        }
        Ok(())
    }
}

countersign_plugin::export_provider!(Zoom);
