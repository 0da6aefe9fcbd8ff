//! Keys: sign and verify tokens, without a provider.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::jws::AnyKey;
use countersign_core::{Algorithm, Error, ErrorKind, PrivateKey, Secret, jose};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::callback::{SignerFields, signer};
use crate::host::{Host, NativeHost, run};
use crate::outcome::{Failure, Outcome, Value};

/// A key, as the package's TypeScript sees it. Empty until it is read, and once it is closed.
#[napi]
pub struct NativeKey {
    host: Arc<Host>,
    material: Arc<Mutex<Option<Arc<AnyKey>>>>,
}

#[napi]
impl NativeKey {
    /// Creates an empty object for a key.
    #[napi(constructor, catch_unwind)]
    pub fn new(host: &NativeHost) -> Self {
        Self {
            host: Arc::clone(&host.host),
            material: Arc::default(),
        }
    }

    /// Reads a key in any supported format.
    #[napi(catch_unwind)]
    pub fn read(&self, call: u32, data: Buffer, passphrase: Option<String>) {
        let material = Arc::clone(&self.material);
        let data = Zeroizing::new(data.to_vec());
        let passphrase = passphrase.map(Secret::new);
        run(&self.host, call, move || {
            let passphrase = passphrase.as_ref().map(Secret::expose);
            put(&material, AnyKey::read(&data, passphrase)?);
            Ok(Value::Nothing)
        });
    }

    /// Takes a shared secret.
    #[napi(catch_unwind)]
    pub fn set_secret(&self, secret: Buffer) {
        put(&self.material, PrivateKey::from_secret(&secret).into());
    }

    /// Takes a key in a device.
    #[napi(catch_unwind)]
    pub fn set_signer(&self, given: SignerFields) -> Outcome {
        let device = signer(&self.host, given).map_err(Failure::from);
        device
            .map(|device| {
                put(&self.material, device.into());
                Value::Nothing
            })
            .into()
    }

    /// Signs claims.
    #[napi(catch_unwind)]
    pub fn sign(
        &self,
        call: u32,
        claims: String,
        algorithm: Option<String>,
        key_id: Option<String>,
        token_type: Option<String>,
    ) {
        self.run(call, move |key| {
            let json = serde_json::from_str::<Json>(&claims);
            if !json.is_ok_and(|json| json.is_object()) {
                let message = "the claims are not a JSON object";
                return Err(Failure::usage(message, "pass an object"));
            }
            let (key_id, token_type) = (key_id.as_deref(), token_type.as_deref());
            let signed = key.sign(parsed(algorithm)?, key_id, token_type, claims.as_bytes())?;
            Ok(Value::Text(signed))
        });
    }

    /// Signs bytes.
    #[napi(catch_unwind)]
    pub fn sign_bytes(&self, call: u32, input: Buffer, algorithm: Option<String>) {
        let input = input.to_vec();
        self.run(call, move |key| {
            Ok(Value::Bytes(key.sign_bytes(parsed(algorithm)?, &input)?))
        });
    }

    /// Verifies a compact JWS and returns its payload.
    #[napi(catch_unwind)]
    pub fn verify(&self, call: u32, token: String, algorithm: Option<String>) {
        self.run(call, move |key| {
            Ok(Value::Bytes(key.verify(parsed(algorithm)?, &token)?))
        });
    }

    /// Describes the key, as JSON.
    #[napi(catch_unwind)]
    pub fn info(&self, call: u32) {
        self.run(call, |key| {
            let json = serde_json::to_string(&key.info()?)
                .map_err(|why| Error::new(ErrorKind::Key, why.to_string()))?;
            Ok(Value::Text(json))
        });
    }

    /// Wipes the key when no call uses it any more.
    #[napi(catch_unwind)]
    pub fn free(&self) {
        let material = lock(&self.material).take();
        drop(material);
    }
}

impl NativeKey {
    fn run(
        &self,
        call: u32,
        work: impl FnOnce(&AnyKey) -> Result<Value, Failure> + Send + 'static,
    ) {
        let material = lock(&self.material).clone();
        run(&self.host, call, move || {
            let closed = || Failure::usage("the key was closed", "read it again");
            work(&*material.ok_or_else(closed)?)
        });
    }
}

fn lock(material: &Mutex<Option<Arc<AnyKey>>>) -> MutexGuard<'_, Option<Arc<AnyKey>>> {
    material.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(place: &Mutex<Option<Arc<AnyKey>>>, key: AnyKey) {
    *lock(place) = Some(Arc::new(key));
}

fn parsed(algorithm: Option<String>) -> Result<Option<Algorithm>, jose::Error> {
    algorithm.as_deref().map(str::parse).transpose()
}
