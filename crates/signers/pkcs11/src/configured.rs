//! Creates a signer from settings with `private_key = "pkcs11:…"`.

use std::sync::Arc;

use countersign_core::jws::Algorithm;
use countersign_core::{Error, ErrorKind, Profile, Secret, Settings, Signer};

use crate::uri::after_scheme;
use crate::{KeyUri, Module, Pkcs11Signer};

/// Creates a signer if the setting `private_key` is a `pkcs11:` URI.
///
/// Pass it to [`Connection::with_signer`](countersign_core::Connection::with_signer). Returns `None` if
/// `private_key` is a key, or not set.
///
/// `module-path` in the URI names the library. The PIN is `pin-source` or `pin-value` in the URI, or
/// the setting `private_key_passphrase`. If the setting `algorithm` is missing, the first algorithm
/// that the vendor accepts and the key supports is used.
///
/// The settings must be [resolved](Settings::resolve). This loads the library into the process and
/// logs in to the token.
///
/// # Errors
///
/// As [`signer_from_uri`], with the name of the setting. Also if the vendor doesn't accept the
/// `algorithm`.
///
/// # Example
///
/// ```
/// use countersign_core::{Connection, Profile, Settings};
///
/// # let profile = Profile::from_toml(r#"
/// #     id = "acme"
/// #     name = "Acme"
/// #     documentation = "https://acme.example/docs"
/// #     environments.production.base_url = "https://login.acme.example"
/// #     endpoints.token = "{base_url}/token"
/// #     grants.jwt-bearer.client_auth = ["none"]
/// #     assertion.algorithms = ["RS256"]
/// # "#)?;
/// # let provider = countersign_core::from_profile(profile);
/// let settings = Settings::from_pairs([
///     ("provider", "acme"),
///     ("client_id", "app"),
///     ("subject", "joe"),
///     ("private_key", "pkcs11:token=Signing;object=acme?module-path=/nowhere/lib.so"),
/// ])?;
/// let error = match countersign_pkcs11::signer_from_settings(&settings, provider.profile()) {
///     Ok(Some(signer)) => Connection::with_signer("mine", &settings, provider, signer),
///     Ok(None) => Connection::new("mine", &settings, provider),
///     Err(error) => Err(error),
/// }
/// .unwrap_err();
/// assert!(error.message().contains("/nowhere/lib.so"));
/// # Ok::<(), countersign_core::Error>(())
/// ```
pub fn signer_from_settings(
    settings: &Settings,
    profile: &Profile,
) -> Result<Option<Arc<dyn Signer>>, Error> {
    let uri = settings.value("private_key").map(str::trim);
    let Some(uri) = uri.filter(|text| after_scheme(text).is_some()) else {
        return Ok(None);
    };
    let algorithm = settings.value("algorithm").map(|word| word.trim().parse());
    let algorithms = profile.algorithms(algorithm.transpose()?)?;
    let pin = settings.secret("private_key_passphrase");
    let key_id = settings.value("key_id").map(|id| id.trim().to_owned());
    let signer = signer_from_uri(uri, pin, &algorithms, key_id);
    let signer = signer.map_err(|error| match error.setting_name() {
        Some(_) => error,
        None => error.with_setting("private_key"),
    })?;
    Ok(Some(Arc::new(signer)))
}

/// Creates a signer for the key at a `pkcs11:` URI, whose `module-path` names the library.
///
/// It uses the first of `algorithms` that the key supports, or the key's default if the list is
/// empty. The PIN is `pin`, or in the URI.
///
/// # Errors
///
/// As [`KeyUri::parse`], [`KeyUri::pin`], [`Module::load`] and [`Module::signer`]. Also if the URI
/// names no library, or there are two PINs.
pub fn signer_from_uri(
    uri: &str,
    pin: Option<Secret>,
    algorithms: &[Algorithm],
    key_id: Option<String>,
) -> Result<Pkcs11Signer, Error> {
    let uri = KeyUri::parse(uri)?;
    let pin = match (uri.pin()?, pin) {
        (Some(_), Some(_)) => {
            let message = "there is a PIN in the pkcs11: URI and another one outside it";
            return Err(Error::setting("private_key_passphrase", message)
                .with_hint("keep one: pin-source in the URI, or private_key_passphrase"));
        }
        (in_uri, other) => in_uri.or(other),
    };
    let path = uri.module_path().ok_or_else(|| {
        let message = format!("{uri} does not name the device's PKCS#11 library");
        Error::new(ErrorKind::Setting, message).with_hint(
            "append ?module-path=/usr/lib/…/libNAME.so, the library that came with the device",
        )
    })?;
    Module::load(path)?.signer_for(&uri, pin, algorithms, key_id)
}
