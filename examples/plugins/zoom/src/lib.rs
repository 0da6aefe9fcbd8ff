//! Zoom's server-to-server OAuth as a plugin: <https://developers.zoom.us/docs/internal-apps/s2s-oauth/>
//!
//! A profile says nearly all. What it cannot say is that the grant has a type of Zoom's own and names an account.
//!
//! ```sh
//! cargo build -p countersign-plugin-zoom    # target/debug/libcountersign_plugin_zoom.so
//! ```

#![deny(unsafe_code)]

use std::ffi::CStr;

use countersign_plugin::sdk::{Call, PluginProvider, Refusal};

struct Zoom;

impl PluginProvider for Zoom {
    const ID: &'static CStr = c"zoom";

    fn profile() -> &'static str {
        include_str!("../profile.toml")
    }

    /// The two ids stand beside each other on the app's page.
    fn check(call: Call<'_>) -> Result<(), Refusal> {
        if call.text("extra.account_id") == call.text("client_id") {
            let message = "`extra.account_id` is the client_id";
            return Err(Refusal::setting("extra.account_id", message).with_hint(
                "take the Account ID from the app's credentials in the Zoom App Marketplace",
            ));
        }
        Ok(())
    }

    fn parameters(call: Call<'_>) -> Result<(), Refusal> {
        let account = call.text("extra.account_id").unwrap_or_default();
        call.set("grant_type", "account_credentials")?;
        call.set("account_id", account)
    }
}

countersign_plugin::export_provider!(Zoom);
