//! Keys in JSON: JWK, JWK Set, Google service account files and Box app settings.

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::key::armor;
use crate::key::document::{self, Document};
use crate::key::format::{Container, Format, Structure};
use crate::key::jwk::private as jwk;
use crate::key::object::Members;
use crate::key::public::PublicKey;
use crate::{Error, rejection};

/// Reads the only key of a JSON text, or the one with this `kid` in a JWK Set.
pub(crate) fn read(
    text: &str,
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    let members = Members::of(text).map_err(|error| rejection::bad_json(&error))?;
    if members.has("kty") {
        one_jwk(&members, Structure::Jwk)
    } else if members.has("keys") {
        jwk_set(&members, key_id)
    } else if members.has("boxAppSettings") {
        box_settings(&members, passphrase)
    } else if members.is("type", "service_account") {
        google(&members, passphrase)
    } else if let Some(service) = key_management_service(&members) {
        Err(rejection::kms_public_key(service))
    } else {
        Err(rejection::unsupported_json(
            members.text("type").as_deref().map(|text| text.as_str()),
        ))
    }
}

/// Returns the key management service whose response this is.
///
/// The responses are those of AWS KMS's `GetPublicKey`, Google Cloud KMS's `publicKey`, and Azure
/// Key Vault's keys.
fn key_management_service(members: &Members<'_>) -> Option<&'static str> {
    if members.has("PublicKey") && members.has("KeyUsage") {
        Some("AWS KMS")
    } else if members.has("pem") && members.has("algorithm") {
        Some("Google Cloud KMS")
    } else if members.object("key").is_some_and(|key| key.has("kty")) {
        Some("Azure Key Vault")
    } else {
        None
    }
}

fn one_jwk(members: &Members<'_>, structure: Structure) -> Result<Document, Error> {
    let format = Format::new(structure, Container::None);
    if jwk::is_private(members) {
        return jwk::private_key(members, format).map(Document::Private);
    }
    let key_id = members.text("kid").map(|text| text.as_str().to_owned());
    Ok(Document::Public {
        key: PublicKey::from_jwk(&members.public())?,
        format,
        key_id,
    })
}

/// Reads the only private key of a set or the one with this `kid`, otherwise the first public key.
fn jwk_set(members: &Members<'_>, key_id: Option<&str>) -> Result<Document, Error> {
    let keys: Vec<&RawValue> = members
        .raw("keys")
        .and_then(|keys| serde_json::from_str(keys).ok())
        .ok_or_else(|| rejection::jwk("`keys` is not an array"))?;
    let keys: Vec<_> = keys
        .iter()
        .filter_map(|key| Members::of(key.get()).ok())
        .collect();
    let mut private: Vec<&Members<'_>> = Vec::new();
    for key in keys.iter().filter(|key| is_for_signing(key)) {
        if !private.iter().any(|other| other.is_same_key(key)) {
            private.push(key);
        }
    }
    match (private.as_slice(), keys.first()) {
        ([key], _) => one_jwk(key, Structure::JwkSet),
        ([], Some(first)) => one_jwk(first, Structure::JwkSet),
        ([], None) => Err(rejection::jwk("the set has no keys")),
        (several, _) => {
            let named = |key: &&&Members<'_>| key_id.is_some_and(|id| key.is("kid", id));
            let mut asked = several.iter().filter(named);
            match (asked.next(), asked.next()) {
                (Some(key), None) => one_jwk(key, Structure::JwkSet),
                _ => {
                    let ids: Vec<_> = several.iter().map(|key| key.text("kid")).collect();
                    let ids = ids.iter().map(|id| id.as_ref().map(|id| id.as_str()));
                    Err(rejection::which_key_of_set(
                        key_id,
                        &ids.collect::<Vec<_>>(),
                    ))
                }
            }
        }
    }
}

fn is_for_signing(key: &Members<'_>) -> bool {
    jwk::is_private(key) && !key.is("use", "enc")
}

/// Reads a Google service account file. Its `private_key_id` becomes the `kid`.
fn google(members: &Members<'_>, passphrase: Option<&str>) -> Result<Document, Error> {
    let document = pem(members, "private_key", Container::Google, passphrase)?;
    Ok(document.named(members.text("private_key_id")))
}

/// Reads a Box app settings file, which contains an encrypted key and its passphrase.
fn box_settings(members: &Members<'_>, passphrase: Option<&str>) -> Result<Document, Error> {
    let settings = members
        .object("boxAppSettings")
        .and_then(|settings| settings.object("appAuth"))
        .ok_or_else(|| rejection::missing_member("boxAppSettings.appAuth"))?;
    let own = settings.text("passphrase");
    let own = own.as_deref().filter(|own| !own.is_empty());
    let document = pem(
        &settings,
        "privateKey",
        Container::Box,
        passphrase.or(own.map(String::as_str)),
    )?;
    Ok(document.named(settings.text("publicKeyID")))
}

fn pem(
    members: &Members<'_>,
    name: &str,
    container: Container,
    passphrase: Option<&str>,
) -> Result<Document, Error> {
    let text = members.text(name).filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| rejection::missing_member(name))?;
    let text = armor::normalize(&text);
    if !text.contains(armor::BEGIN) {
        return Err(rejection::no_pem(&text).in_context(format_args!("`{name}`")));
    }
    document::from_pem(&text, container, passphrase, None)
}

impl Document {
    /// Sets a private key's id to the one in its file.
    fn named(self, key_id: Option<Zeroizing<String>>) -> Self {
        match (self, key_id) {
            (Self::Private(key), Some(id)) if !id.is_empty() => Self::Private(key.with_key_id(&id)),
            (other, _) => other,
        }
    }
}
