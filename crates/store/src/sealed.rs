//! Encryption at rest for any store.

mod reseal;

use std::sync::{Arc, Mutex, PoisonError};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Store, StoreKey, Stored, Swap, forward_store, random};

/// Marks an encrypted value, and its format.
const MAGIC: &[u8; 4] = b"CSS1";
const KEY_ID: usize = 8;
const SALT: usize = 32;

/// Encrypts the values of another store.
///
/// Each value is encrypted with AES-256-GCM under a key that is derived for this write alone
/// (HKDF-SHA256, RFC 5869), and bound to the record's key and version. So a value can't be moved to
/// another record, or replaced by an older one.
///
/// This only keeps values secret. Anybody who can write to the store can still delete from it.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use countersign_store::{KeyRing, MemoryStore, SealedStore, Store, StoreKey, Swap};
///
/// // Created with `openssl rand -base64 32`.
/// let ring = KeyRing::parse("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?;
/// let below = Arc::new(MemoryStore::new());
/// let store = SealedStore::new(below.clone(), ring);
/// let key = StoreKey::of(["mine"]);
/// assert!(matches!(store.compare_and_swap(&key, None, None, b"token"), Swap::Applied(1)));
/// assert_eq!(store.load(&key)?.unwrap().value.unwrap().as_slice(), b"token");
/// let raw = below.load(&key)?.unwrap().value.unwrap();
/// assert!(!raw.windows(5).any(|part| part == b"token"));
/// # Ok::<(), countersign_store::Error>(())
/// ```
#[derive(Debug)]
pub struct SealedStore {
    below: Arc<dyn Store>,
    ring: Mutex<KeyRing>,
}

/// The keys of a [`SealedStore`]. The first encrypts, and all of them decrypt.
///
/// `Debug` shows the keys' IDs, which are fingerprints.
#[derive(Clone)]
pub struct KeyRing(Vec<SealKey>);

#[derive(Clone)]
struct SealKey {
    id: [u8; KEY_ID],
    bytes: Zeroizing<[u8; 32]>,
}

impl KeyRing {
    /// Parses keys of 32 bytes in base64, separated by spaces or newlines.
    ///
    /// To replace a key:
    ///
    /// 1. Put the new key before the old one, and deploy that everywhere.
    /// 2. [Reseal](SealedStore::reseal) every record.
    /// 3. Remove the old key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if a key is not base64 of 32 bytes. The message shows no part of it.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_store::KeyRing;
    ///
    /// // Created with `openssl rand -base64 32`.
    /// assert!(KeyRing::parse("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=").is_ok());
    /// assert!(KeyRing::parse("a passphrase").is_err());
    /// ```
    pub fn parse(keys: &str) -> Result<Self, Error> {
        let read = |word: &str| {
            let decoded = base64_simd::STANDARD
                .decode_to_vec(word)
                .ok()
                .map(Zeroizing::new);
            let bytes: Option<[u8; 32]> =
                decoded.and_then(|bytes| bytes.as_slice().try_into().ok());
            bytes
                .map(|bytes| SealKey::new(Zeroizing::new(bytes)))
                .ok_or_else(|| {
                    Error::setting("store_key", "`store_key` is not base64 of 32 bytes")
                        .with_hint("create a key with: openssl rand -base64 32")
                })
        };
        let keys: Result<Vec<_>, _> = keys.split_whitespace().map(read).collect();
        Ok(Self(keys?))
    }

    fn find(&self, id: &[u8]) -> Option<&SealKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|key| hex(&key.id)))
            .finish()
    }
}

impl SealedStore {
    /// Wraps a store, whose values will be encrypted.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_store::{KeyRing, MemoryStore, SealedStore, Store, StoreKey, Swap};
    ///
    /// let ring = KeyRing::parse("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?;
    /// let store = SealedStore::new(Arc::new(MemoryStore::new()), ring);
    /// let key = StoreKey::of(["mine"]);
    /// assert!(matches!(store.compare_and_swap(&key, None, None, b"token"), Swap::Applied(1)));
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn new(below: Arc<dyn Store>, ring: KeyRing) -> Self {
        Self {
            below,
            ring: Mutex::new(ring),
        }
    }

    /// Returns whether a value of the wrapped store is encrypted.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(!countersign_store::SealedStore::is_sealed(b"a token"));
    /// ```
    pub fn is_sealed(value: &[u8]) -> bool {
        value.starts_with(MAGIC)
    }

    /// Replaces the keys, for example after their file has changed.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign_store::{KeyRing, MemoryStore, SealedStore, Store, StoreKey, Swap};
    ///
    /// let old = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    /// let new = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    /// let store = SealedStore::new(Arc::new(MemoryStore::new()), KeyRing::parse(old)?);
    /// let key = StoreKey::of(["mine"]);
    /// assert!(matches!(store.compare_and_swap(&key, None, None, b"token"), Swap::Applied(1)));
    ///
    /// store.replace_ring(KeyRing::parse(&format!("{new} {old}"))?);
    /// assert_eq!(store.load(&key)?.unwrap().value.unwrap().as_slice(), b"token");
    /// # Ok::<(), countersign_store::Error>(())
    /// ```
    pub fn replace_ring(&self, ring: KeyRing) {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    fn ring(&self) -> KeyRing {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.clone()
    }

    fn seal(&self, key: &StoreKey, version: u64, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let ring = self.ring();
        let Some(first) = ring.0.first() else {
            return Err(Error::setting("store_key", "`store_key` contains no key"));
        };
        let salt: [u8; SALT] = random::bytes()?;
        let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        body.extend_from_slice(plain);
        let bound = Aad::from(bound_to(&first.id, key, version));
        first
            .cipher(&salt)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), bound, &mut *body)
            .map_err(|_| internal())?;
        let mut sealed = Vec::with_capacity(MAGIC.len() + KEY_ID + SALT + body.len());
        sealed.extend_from_slice(MAGIC);
        sealed.extend_from_slice(&first.id);
        sealed.extend_from_slice(&salt);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    fn open(
        &self,
        key: &StoreKey,
        version: u64,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let reject = |message: String, hint: &str| {
            Error::new(ErrorKind::Unusable, message)
                .with_setting("store_key")
                .with_hint(hint)
        };
        let shown = &key.to_hex()[..12];
        let Some(rest) = sealed.strip_prefix(MAGIC) else {
            return Err(reject(
                format!("record {shown}… is not encrypted, but `store_key` is set"),
                "check who wrote it: if you did, encrypt it with SealedStore::seal_plain; otherwise, remove it from the store",
            ));
        };
        if rest.len() < KEY_ID + SALT {
            return Err(reject(
                format!("record {shown}… is truncated"),
                "log in again",
            ));
        }
        let (id, rest) = rest.split_at(KEY_ID);
        let (salt, body) = rest.split_at(SALT);
        let ring = self.ring();
        let Some(seal_key) = ring.find(id) else {
            return Err(reject(
                format!(
                    "record {shown}… was encrypted with key {}, which is not in `store_key`",
                    hex(id)
                ),
                "add the old key to store_key, after the new one",
            ));
        };
        let mut body = Zeroizing::new(body.to_vec());
        let bound = Aad::from(bound_to(&seal_key.id, key, version));
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let opened = seal_key
            .cipher(salt)?
            .open_in_place(nonce, bound, &mut body);
        let length = opened.map(|plain| plain.len()).map_err(|_| {
            reject(
                format!(
                    "record {shown}… cannot be decrypted: it was modified, or is a copy of another record or version"
                ),
                "restore the store from a backup, or log in again",
            )
        })?;
        body.truncate(length);
        Ok(body)
    }

    fn opened(&self, key: &StoreKey, stored: Stored) -> Result<Stored, Error> {
        let value = stored
            .value
            .as_ref()
            .map(|value| self.open(key, stored.version, value));
        Ok(Stored {
            value: value.transpose()?,
            ..stored
        })
    }
}

impl SealKey {
    fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes.as_slice());
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest.as_ref()[..KEY_ID]);
        Self { id, bytes }
    }

    /// Derives the key for a single write, so that its nonce is never used twice.
    fn cipher(&self, salt: &[u8]) -> Result<LessSafeKey, Error> {
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                AES_256_GCM.key_len()
            }
        }
        let derived = Salt::new(HKDF_SHA256, salt).extract(self.bytes.as_slice());
        let mut bytes = Zeroizing::new([0; 32]);
        derived
            .expand(&[b"countersign store 1", &self.id], Length)
            .and_then(|okm| okm.fill(bytes.as_mut_slice()))
            .map_err(|_| internal())?;
        let key = UnboundKey::new(&AES_256_GCM, bytes.as_slice()).map_err(|_| internal())?;
        Ok(LessSafeKey::new(key))
    }
}

impl Store for SealedStore {
    fn load(&self, key: &StoreKey) -> Result<Option<Stored>, Error> {
        let stored = self.below.load(key)?;
        stored.map(|stored| self.opened(key, stored)).transpose()
    }

    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        let sealed = match self.seal(key, expected.unwrap_or(0) + 1, value) {
            Ok(sealed) => sealed,
            Err(error) => return Swap::Unavailable(error),
        };
        match self.below.compare_and_swap(key, expected, fence, &sealed) {
            Swap::Conflict(Some(stored)) => match self.opened(key, stored) {
                Ok(stored) => Swap::Conflict(Some(stored)),
                Err(error) => Swap::Unavailable(error),
            },
            other => other,
        }
    }

    forward_store!(self => self.below;
        capabilities, tombstone, lease, renew, release, keys, fit_for_rotation, set_aside,
        remove_set_aside, holder, warning, now_ms);
}

/// Returns the additional data that binds a value to its encryption key, record and version.
fn bound_to(id: &[u8; KEY_ID], key: &StoreKey, version: u64) -> Vec<u8> {
    let mut bound = b"countersign store 1".to_vec();
    bound.extend_from_slice(id);
    bound.extend_from_slice(key.to_hex().as_bytes());
    bound.extend_from_slice(&version.to_be_bytes());
    bound
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn internal() -> Error {
    Error::new(ErrorKind::Internal, "the record could not be encrypted")
}
