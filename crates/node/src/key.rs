//! Keys: sign and verify tokens, without a provider.

use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::jws::{self, JwkSet, VerificationKey};
use countersign_core::{
    Algorithm, CallbackSigner, Error, ErrorKind, KeySigner, PrivateKey, PublicKey, Secret, Signer,
    key,
};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use crate::callback::{SignerFields, signer};
use crate::host::{Host, NativeHost, run};
use crate::outcome::{Failure, Outcome, Value};

enum Material {
    Private(PrivateKey),
    Public(PublicKey, Vec<u8>),
    Set(JwkSet),
    Device(CallbackSigner),
}

/// A key, as the package's TypeScript sees it. Empty until it is read, and once it is closed.
#[napi]
pub struct NativeKey {
    host: Arc<Host>,
    material: Arc<Mutex<Option<Arc<Material>>>>,
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
            put(&material, read(&data, passphrase.as_ref())?);
            Ok(Value::Nothing)
        });
    }

    /// Takes a shared secret.
    #[napi(catch_unwind)]
    pub fn set_secret(&self, secret: Buffer) {
        put(
            &self.material,
            Material::Private(PrivateKey::from_secret(&secret)),
        );
    }

    /// Takes a key in a device.
    #[napi(catch_unwind)]
    pub fn set_signer(&self, given: SignerFields) -> Outcome {
        let device = signer(&self.host, given).map_err(Failure::from);
        device
            .map(|device| {
                put(&self.material, Material::Device(device));
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
            let signed = key.with_signer(algorithm.as_deref(), key_id.as_deref(), |signer| {
                Ok(jws::sign(signer, claims.as_bytes(), token_type.as_deref())?)
            })?;
            Ok(Value::Text(signed))
        });
    }

    /// Signs bytes.
    #[napi(catch_unwind)]
    pub fn sign_bytes(&self, call: u32, input: Buffer, algorithm: Option<String>) {
        let input = input.to_vec();
        self.run(call, move |key| {
            let signature = key.with_signer(algorithm.as_deref(), None, |signer| {
                let mut signature = Vec::new();
                signer.sign(&input, &mut signature)?;
                Ok(signature)
            })?;
            Ok(Value::Bytes(signature))
        });
    }

    /// Verifies a compact JWS and returns its payload.
    #[napi(catch_unwind)]
    pub fn verify(&self, call: u32, token: String, algorithm: Option<String>) {
        self.run(call, move |key| {
            let algorithm = algorithm.as_deref().map(str::parse).transpose()?;
            let key = key.verification_key(algorithm, &token)?;
            Ok(Value::Bytes(jws::verify(&token, &key)?.payload.to_vec()))
        });
    }

    /// Describes the key, as JSON.
    #[napi(catch_unwind)]
    pub fn info(&self, call: u32) {
        self.run(call, |key| {
            let info = match key {
                Material::Private(key) => key.info(),
                Material::Public(_, file) => key::inspect_bytes(file, None)?,
                Material::Set(_) | Material::Device(_) => {
                    return Err(reject("a JWK Set or a key in a device can't be described").into());
                }
            };
            let json = serde_json::to_string(&info).map_err(|why| reject(why.to_string()))?;
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
        work: impl FnOnce(&Material) -> Result<Value, Failure> + Send + 'static,
    ) {
        let material = lock(&self.material).clone();
        run(&self.host, call, move || {
            let closed = || Failure::usage("the key was closed", "read it again");
            work(&*material.ok_or_else(closed)?)
        });
    }
}

fn lock(
    material: &Mutex<Option<Arc<Material>>>,
) -> std::sync::MutexGuard<'_, Option<Arc<Material>>> {
    material.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(place: &Mutex<Option<Arc<Material>>>, material: Material) {
    *lock(place) = Some(Arc::new(material));
}

impl Material {
    /// Signs with the key, by this algorithm or the key's default.
    fn with_signer<T>(
        &self,
        algorithm: Option<&str>,
        key_id: Option<&str>,
        sign: impl FnOnce(&dyn Signer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let algorithm = algorithm.map(str::parse).transpose()?;
        match self {
            Self::Private(key) => {
                let key_id = key_id.or(key.key_id()).map(str::to_owned);
                sign(&KeySigner::new(key.clone(), algorithm, key_id)?)
            }
            Self::Device(signer) if algorithm.is_none_or(|a| a == signer.algorithm()) => {
                sign(signer)
            }
            Self::Device(signer) => {
                let message = format!("`algorithm`: the device's key uses {}", signer.algorithm());
                Err(reject(message).with_setting("algorithm"))
            }
            Self::Public(..) | Self::Set(_) => {
                Err(reject("a public key can't sign").with_hint("read the private key"))
            }
        }
    }

    fn verification_key(
        &self,
        algorithm: Option<Algorithm>,
        token: &str,
    ) -> Result<VerificationKey, Error> {
        match self {
            Self::Private(key) => Ok(VerificationKey::of(key, algorithm)?),
            Self::Public(key, _) => Ok(VerificationKey::of_public(key.clone(), algorithm)?),
            Self::Set(set) => {
                let header = jws::inspect(token)?.header;
                let key = set.key_for(header.get("kid").and_then(Json::as_str))?;
                let key = key.public_key().clone();
                Ok(VerificationKey::of_public(key, algorithm)?)
            }
            Self::Device(_) => Err(reject("a key in a device can't verify")
                .with_hint("verify with its public key or certificate")),
        }
    }
}

/// Reads a private key, a public key, a certificate or a JWK Set.
fn read(data: &[u8], passphrase: Option<&Secret>) -> Result<Material, Error> {
    let set = std::str::from_utf8(data).ok().filter(|text| {
        let json = serde_json::from_str::<Json>(text);
        json.is_ok_and(|json| json.get("keys").is_some())
    });
    let rejected = match PrivateKey::from_bytes(data, passphrase.map(Secret::expose)) {
        Ok(key) => return Ok(Material::Private(key)),
        Err(error) => error,
    };
    if let Some(set) = set {
        return Ok(JwkSet::from_json(set).map(Material::Set)?);
    }
    match PublicKey::from_bytes(data) {
        Ok(key) => Ok(Material::Public(key, data.to_vec())),
        // The private key's error is more helpful.
        Err(_) => Err(rejected.into()),
    }
}

fn reject(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Key, why)
}
