//! Builds a client from a config.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign::Observed;
use countersign_core::{Change, Connection, Error, Registry, Signer};

use crate::callback::calling_out;
use crate::clock::HostClock;
use crate::config::{Config, ListenerCallback, csign_change};
use crate::csign_token;
use crate::handle::Lent;
use crate::key::device;
use crate::log::{HostLog, csign_log_level};
use crate::token::Shown;

/// Returns a number that no other client of this process has. 0 means no client.
pub(super) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn client(
    config: &Config,
    registry: &Registry,
    id: u64,
) -> Result<countersign_core::Client, Error> {
    let log = config.log.clone().map(|log| {
        Arc::new(HostLog {
            take: log.take,
            most: log.most,
            user_data: log.user_data,
            client: id,
        })
    });
    let connection = connection(config, registry, id)?;
    let network = connection.network().clone();
    let without_fallback = |error: &Error| {
        if let Some(log) = &log {
            log.say(csign_log_level::WARN, &error.to_string());
        }
    };
    let mut builder = countersign::client_builder(connection, without_fallback)?;
    if let Some(log) = log.clone() {
        builder = builder.on_warning(move |error| {
            log.say(csign_log_level::WARN, &error.to_string());
        });
    }
    let transport = countersign::transport(&network)?;
    builder = match log {
        None => builder.transport(Arc::new(transport)),
        Some(log) => builder.transport(Arc::new(Observed::new(transport, move |detail, line| {
            let level = match detail {
                true => csign_log_level::DEBUG,
                false => csign_log_level::INFO,
            };
            log.say(level, line);
        }))),
    };
    if let Some(clock) = &config.clock {
        builder = builder.clock(Arc::new(HostClock {
            read: clock.read,
            user_data: Arc::clone(&clock.user_data),
            client: id,
        }));
    }
    if let Some(listener) = config.listener.clone() {
        builder = builder.on_change(move |change| hear(&listener, id, change));
    }
    builder.build()
}

fn connection(config: &Config, registry: &Registry, id: u64) -> Result<Connection, Error> {
    let own = config
        .providers
        .iter()
        .filter(|own| !registry.has(own.id()));
    let registry = &own.cloned().try_fold(registry.clone(), Registry::with)?;
    let name = &config.name;
    let settings = countersign::resolve(name, config.settings.clone())?;
    let signer = config.signer.clone().map(|signer| -> Arc<dyn Signer> {
        Arc::new(device(
            signer.algorithm,
            signer.key_id,
            signer.sign,
            signer.user_data,
            id,
        ))
    });
    countersign::connection(name, &settings, registry, signer)
}

fn hear(listener: &ListenerCallback, id: u64, change: &Change) {
    let (change, token) = match change {
        Change::Obtained { token, rotated } => {
            let change = match rotated {
                true => csign_change::ROTATED,
                false => csign_change::OBTAINED,
            };
            (
                change,
                Lent::<csign_token>::new(Shown::new(token.clone())).ok(),
            )
        }
        Change::Forgotten => (csign_change::FORGOTTEN, None),
        _ => return,
    };
    let lent = token.as_ref().map_or(std::ptr::null(), Lent::handle);
    // SAFETY: the host passed function and data together; the token outlives the call.
    calling_out(id, || unsafe {
        (listener.hear)(listener.user_data.as_ptr(), change, lent)
    });
}
