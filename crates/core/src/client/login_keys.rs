//! The keys that seal the logins of principals. All processes that share the store share them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Inner;
use crate::login::LoginKey;
use crate::{Error, ErrorKind, StoreKey, Swap, random};

/// The keys that a client knows.
#[derive(Default)]
pub(super) struct LoginKeys(Mutex<Option<Known>>);

#[derive(Clone)]
struct Known {
    /// The newest first. The one before it opens what it sealed before it was replaced.
    keys: Vec<LoginKey>,
    made_ms: i64,
}

/// The entry in the store.
#[derive(Serialize, Deserialize)]
struct Written {
    countersign: String,
    connection: String,
    made_ms: i64,
    keys: Vec<Zeroizing<String>>,
}

/// The value of `countersign` in an entry.
pub(super) const KIND: &str = "login-keys";

impl LoginKeys {
    /// How many keys are kept.
    const KEPT: usize = 2;
    /// How long a key seals. A login must be finished much sooner.
    const REPLACED_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

    fn state(&self) -> MutexGuard<'_, Option<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn read(value: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(value).ok()?;
        let keys = written.keys.iter().map(|text| {
            let bytes = base64_simd::STANDARD.decode_to_vec(text.as_str()).ok()?;
            let bytes = Zeroizing::new(bytes);
            Some(LoginKey::new(Zeroizing::new(
                bytes.as_slice().try_into().ok()?,
            )))
        });
        let keys: Vec<_> = keys.collect::<Option<_>>()?;
        let is_one = written.countersign == KIND && !keys.is_empty();
        is_one.then_some(Self {
            keys,
            made_ms: written.made_ms,
        })
    }

    fn write(&self, connection: &str) -> Zeroizing<Vec<u8>> {
        let text = |key: &LoginKey| base64_simd::STANDARD.encode_to_string(key.bytes());
        let written = Written {
            countersign: KIND.to_owned(),
            connection: connection.to_owned(),
            made_ms: self.made_ms,
            keys: self
                .keys
                .iter()
                .map(|key| Zeroizing::new(text(key)))
                .collect(),
        };
        // Encoding strings and numbers never fails.
        let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
        serde_json::to_writer(&mut *bytes, &written).unwrap_or_default();
        bytes
    }

    fn seals(&self, now_ms: i64) -> bool {
        now_ms - self.made_ms < LoginKeys::REPLACED_AFTER.as_millis() as i64
    }
}

impl Inner {
    /// Returns the key to seal a login with, which it creates or replaces if necessary.
    pub(super) fn sealing_key(&self, of: &StoreKey) -> Result<LoginKey, Error> {
        let now_ms = self.shared.clock.now().unix_ms;
        let known = self.shared.login_keys.state().clone();
        let known = match known.filter(|known| known.seals(now_ms)) {
            Some(known) => known,
            None => self.shared_keys(of, now_ms)?,
        };
        let newest = known.keys.first().cloned();
        newest.ok_or_else(|| Error::new(ErrorKind::Internal, "there is no key for logins"))
    }

    /// Returns the key of this ID, if there is one.
    pub(super) fn opening_key(
        &self,
        of: &StoreKey,
        id: [u8; 8],
    ) -> Result<Option<LoginKey>, Error> {
        let find = |known: &Known| known.keys.iter().find(|key| key.id() == id).cloned();
        let known = self.shared.login_keys.state().as_ref().and_then(find);
        if known.is_some() {
            return Ok(known);
        }
        // Another process may have made it.
        let Some((_, stored)) = self.stored_keys(of)? else {
            return Ok(None);
        };
        let found = find(&stored);
        *self.shared.login_keys.state() = Some(stored);
        Ok(found)
    }

    /// Returns the keys in the store. If there are none or the newest is old, adds one.
    fn shared_keys(&self, of: &StoreKey, now_ms: i64) -> Result<Known, Error> {
        const TRIES: usize = 4;
        for _ in 0..TRIES {
            let stored = self.stored_keys(of)?;
            let (version, earlier) = match stored {
                Some((_, known)) if known.seals(now_ms) => {
                    *self.shared.login_keys.state() = Some(known.clone());
                    return Ok(known);
                }
                Some((version, known)) => (version, known.keys),
                None => (None, Vec::new()),
            };
            let bytes = Zeroizing::new(random::bytes(self.shared.random.as_ref())?);
            let keys = std::iter::once(LoginKey::new(bytes)).chain(earlier);
            let made = Known {
                keys: keys.take(LoginKeys::KEPT).collect(),
                made_ms: now_ms,
            };
            let value = made.write(self.shared.connection.name());
            let store = self.persistence.store();
            match store.compare_and_swap(of, version, None, &value) {
                Swap::Unavailable(error) => return Err(error.into()),
                // The store is read again: another process was faster, or the change was made.
                Swap::Applied(_) | Swap::Conflict(_) | Swap::Fenced | Swap::Unknown(_) => {}
            }
        }
        Err(Error::new(
            ErrorKind::Store,
            "the store does not keep the key for logins",
        )
        .with_hint("try again, and check the store"))
    }

    /// Returns the keys in the store, with their version.
    fn stored_keys(&self, of: &StoreKey) -> Result<Option<(Option<u64>, Known)>, Error> {
        let Some(stored) = self.persistence.store().load(of)? else {
            return Ok(None);
        };
        let known = match &stored.value {
            None => Known {
                keys: Vec::new(),
                made_ms: i64::MIN / 2,
            },
            Some(value) => Known::read(value).ok_or_else(|| {
                Error::new(
                    ErrorKind::Store,
                    "the key for logins in the store cannot be read",
                )
                .with_verdict(crate::Verdict::Unexpected)
                .with_hint("delete it from the store: logins in progress have to begin again")
            })?,
        };
        Ok(Some((Some(stored.version), known)))
    }
}
