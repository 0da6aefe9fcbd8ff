//! The log of `-v` on stderr: requests, responses and plugins' messages.

use std::sync::Arc;

use countersign::Observed;
use countersign_core::{Error, Network, Transport};
use countersign_plugin::Level;

use crate::output;

/// Returns the default transport. With `-v` it logs requests, with `-vv` also header names.
pub(crate) fn transport(network: &Network, verbosity: u8) -> Result<Arc<dyn Transport>, Error> {
    let inner = countersign::transport(network)?;
    if verbosity == 0 {
        return Ok(Arc::new(inner));
    }
    Ok(Arc::new(Observed::new(inner, move |detail, line| {
        if !detail || verbosity > 1 {
            say(line);
        }
    })))
}

/// Logs a plugin's message.
pub(crate) fn plugin(name: &str, level: Level, text: &str, verbosity: u8) {
    let needed = if level == Level::Debug { 2 } else { 1 };
    if verbosity >= needed {
        say(&format!("plugin {name}: {text}"));
    }
}

fn say(text: &str) {
    output::say(&format!("# {text}"));
}
