//! A signer as settings ask for it: `private_key = "pkcs11:…"`.

use std::sync::Arc;

use countersign::jws::Algorithm;
use countersign::{Error, ErrorKind, Profile, Secret, Settings, Signer};

use crate::uri::after_scheme;
use crate::{KeyUri, Module, Pkcs11Signer};

/// The signer of a connection whose `private_key` is a `pkcs11:` URI, for
/// [`Connection::with_signer`](countersign::Connection::with_signer); none where it is a key, or
/// nothing.
///
/// The URI names the library by `module-path`. The PIN comes by `pin-source` or `pin-value` of the
/// URI, or as `private_key_passphrase`. `algorithm` and `key_id` are those of the settings; without
/// `algorithm` it is the first that the vendor accepts and the key can do.
///
/// Settings must be [resolved](Settings::resolve). This loads the library into the process and
/// logs in to the token.
///
/// # Errors
///
/// As [`signer_from_uri`], naming the setting; also where the PIN is given twice, or the vendor
/// does not accept the `algorithm`.
///
/// # Example
///
/// ```
/// use countersign::{Connection, Profile, Settings};
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
/// # let provider = countersign::from_profile(profile);
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
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn signer_from_settings(
    settings: &Settings,
    profile: &Profile,
) -> Result<Option<Arc<dyn Signer>>, Error> {
    let uri = settings.value("private_key").map(str::trim);
    let Some(uri) = uri.filter(|text| after_scheme(text).is_some()) else {
        return Ok(None);
    };
    let asked = settings.value("algorithm").map(|word| word.trim().parse());
    let algorithms = profile.algorithms(asked.transpose()?)?;
    let pin = settings.secret("private_key_passphrase");
    let key_id = settings.value("key_id").map(|id| id.trim().to_owned());
    let signer = signer_from_uri(uri, pin, &algorithms, key_id);
    let signer = signer.map_err(|error| match error.setting_name() {
        Some(_) => error,
        None => error.with_setting("private_key"),
    })?;
    Ok(Some(Arc::new(signer)))
}

/// A signer for the key at a `pkcs11:` URI that names its library by `module-path`, with the first
/// of `algorithms` that the key can do, or its usual one where there are none.
///
/// The PIN is that of the URI, or the one given.
///
/// # Errors
///
/// As [`KeyUri::parse`], [`KeyUri::pin`], [`Module::load`] and [`Module::signer`]; also where the
/// URI names no library, or has a PIN and one is given as well.
pub fn signer_from_uri(
    uri: &str,
    pin: Option<Secret>,
    algorithms: &[Algorithm],
    key_id: Option<String>,
) -> Result<Pkcs11Signer, Error> {
    let uri = KeyUri::parse(uri)?;
    let pin = match (uri.pin()?, pin) {
        (Some(_), Some(_)) => {
            let message = "the PIN is in the pkcs11: URI, and given apart as well";
            return Err(Error::setting("private_key_passphrase", message)
                .with_hint("keep one: pin-source of the URI, or private_key_passphrase"));
        }
        (of_uri, given) => of_uri.or(given),
    };
    let path = uri.module_path().ok_or_else(|| {
        let message = format!("{uri} does not say which library the device has");
        Error::new(ErrorKind::Setting, message)
            .with_hint("put ?module-path=/usr/lib/…/libNAME.so behind it, the library that came with the device")
    })?;
    Module::load(path)?.signer_for(&uri, pin, algorithms, key_id)
}
