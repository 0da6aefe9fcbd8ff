//! The client of a scenario: a client with the scenario's settings and callbacks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use countersign_core::{
    Algorithm, CallbackSigner, Change, Client, Clock, Connection, Error, ErrorKind, KeySigner,
    Moment, PrivateKey, Profile, Registry, Settings, Signer, SystemClock, from_profile,
};
use countersign_plugin::Loader;

use crate::scenario::{self, Scenario, SignerCallback};
use crate::stage::Stage;

/// Builds the clients of one scenario, all with the same callbacks.
pub(crate) struct Maker<'a> {
    stage: &'a Stage,
    scenario: &'a Scenario,
    pub(crate) clock: Arc<AheadClock>,
    pub(crate) heard: Arc<Heard>,
}

/// Counts the changes that the listener has received.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) obtained: AtomicU64,
    pub(crate) rotated: AtomicU64,
    pub(crate) forgotten: AtomicU64,
}

/// The machine's clock, moved forward by the steps `advance`.
#[derive(Debug)]
pub(crate) struct AheadClock {
    system: SystemClock,
    ahead_s: AtomicI64,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(stage: &'a Stage, scenario: &'a Scenario) -> Self {
        Self {
            stage,
            scenario,
            clock: Arc::new(AheadClock {
                system: SystemClock::new(),
                ahead_s: AtomicI64::new(0),
            }),
            heard: Arc::default(),
        }
    }

    pub(crate) fn client(&self) -> Result<Client, Error> {
        let connection = self.connection()?;
        // Not `countersign::client_builder`: its fallback store would be in the user's home.
        let store = countersign::stores::open_store(connection.store())?;
        let mut builder = Client::builder(connection).store(store);
        if self.scenario.clock {
            builder = builder.clock(Arc::clone(&self.clock) as Arc<dyn Clock>);
        }
        if self.scenario.listener {
            let heard = Arc::clone(&self.heard);
            builder = builder.on_change(move |change| heard.note(change));
        }
        builder.build()
    }

    fn connection(&self) -> Result<Connection, Error> {
        let name = &self.scenario.connection;
        let file = Settings::from_toml(&self.stage.connections())?;
        let settings = Settings::select(file, name)?;
        let signer = match self.scenario.signer {
            SignerCallback::None => None,
            _ => Some(self.signer(&settings)),
        };
        let settings = self
            .override_settings(settings)?
            .resolve(countersign::environment::variable)?;
        let registry = self.registry()?;
        match signer {
            None => Connection::from_registry(name, &settings, &registry),
            Some(signer) => {
                let provider =
                    registry.provider(settings.value("provider").expect("a provider"))?;
                Connection::with_signer(name, &settings, provider, signer)
            }
        }
    }

    fn registry(&self) -> Result<Registry, Error> {
        let mut registry = countersign::registry()?;
        for path in scenario::profiles() {
            let text = std::fs::read_to_string(path).expect("a profile");
            registry = registry.with(from_profile(Profile::from_toml(&text)?))?;
        }
        match &self.scenario.plugin {
            Some(path) => {
                let path = self.stage.fill(path);
                Loader::new()
                    .load(Path::new(&path), None)?
                    .register(registry)
            }
            None => Ok(registry),
        }
    }

    /// Overrides and removes settings as the scenario says.
    fn override_settings(&self, mut settings: Settings) -> Result<Settings, Error> {
        settings.set("store", "memory")?;
        for (key, value) in &self.scenario.settings {
            match value {
                Some(value) => settings.set(key, &self.stage.fill(value))?,
                None => settings.unset(key)?,
            }
        }
        Ok(settings)
    }

    /// Returns a signer that works like an HSM: the library doesn't see the key.
    fn signer(&self, settings: &Settings) -> Arc<dyn Signer> {
        let path = settings.path("private_key_file").expect("a key's file");
        let file = std::fs::read(path).expect("the key's file");
        let key = PrivateKey::from_bytes(&file, None).expect("a key");
        let device = KeySigner::new(key, Some(Algorithm::RS256), None).expect("a signer");
        let fails = self.scenario.signer == SignerCallback::Fails;
        Arc::new(CallbackSigner::new(Algorithm::RS256, None, move |input| {
            if fails {
                let error = Error::new(ErrorKind::Signing, "the device does not answer");
                return Err(error.into());
            }
            let mut signature = Vec::new();
            device.sign(input, &mut signature)?;
            Ok(signature)
        }))
    }
}

impl Heard {
    fn note(&self, change: &Change) {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::SeqCst);
        match change {
            Change::Obtained { rotated, .. } => {
                count(&self.obtained);
                if *rotated {
                    count(&self.rotated);
                }
            }
            Change::Forgotten => {
                count(&self.forgotten);
            }
            _ => {}
        }
    }
}

impl AheadClock {
    /// Moves the clock forward, and returns how far it is ahead in total.
    pub(crate) fn advance(&self, seconds: i64) -> i64 {
        self.ahead_s.fetch_add(seconds, Ordering::SeqCst) + seconds
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Moment {
        let ahead_ms = self.ahead_s.load(Ordering::SeqCst) * 1000;
        let now = self.system.now();
        Moment {
            unix_ms: now.unix_ms + ahead_ms,
            boot_ms: now.boot_ms.saturating_add_signed(ahead_ms),
        }
    }
}
