//! The settings that a vendor's key file in JSON contains besides the key.

use std::borrow::Cow;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{Error, GrantKind, Profile, Settings};

/// The members of Google's service account files and of Box's app settings that are settings.
///
/// `token_uri` is not among them: a key file must not decide which server receives assertions.
#[derive(Deserialize)]
struct KeyFile {
    r#type: Option<String>,
    client_email: Option<String>,
    #[serde(rename = "boxAppSettings")]
    box_app: Option<BoxApp>,
    #[serde(rename = "enterpriseID")]
    enterprise_id: Option<String>,
}

#[derive(Deserialize)]
struct BoxApp {
    #[serde(rename = "clientID")]
    client_id: Option<String>,
    #[serde(rename = "clientSecret")]
    client_secret: Option<String>,
}

/// Returns the settings with those that the file of `private_key` contains. The key's id and its
/// passphrase are read together with the key.
///
/// # Errors
///
/// If the file and a setting contradict each other.
pub(super) fn filled<'a>(
    settings: &'a Settings,
    profile: &Profile,
) -> Result<Cow<'a, Settings>, Error> {
    let grant = settings.value("grant").map(str::trim);
    let by_assertion = grant.is_none_or(|grant| grant == GrantKind::JwtBearer.as_str());
    let Some(text) = settings.secret("private_key").filter(|_| by_assertion) else {
        return Ok(Cow::Borrowed(settings));
    };
    let is_object = text.expose().trim_start().starts_with('{');
    let Some(file) = is_object
        .then(|| serde_json::from_str::<KeyFile>(text.expose()).ok())
        .flatten()
    else {
        return Ok(Cow::Borrowed(settings));
    };
    let mut filled = settings.clone();
    let (client_id, vendor) = match (&file.box_app, file.r#type.as_deref()) {
        (Some(app), _) => (app.client_id.clone(), "Box"),
        (None, Some("service_account")) => (file.client_email, "Google"),
        _ => return Ok(Cow::Borrowed(settings)),
    };
    let rules = profile.grants.get(&GrantKind::JwtBearer);
    let has_client_id = rules.is_some_and(|rules| !rules.without_client_id);
    if let Some(id) = client_id.filter(|id| has_client_id && !id.is_empty()) {
        match settings.value("client_id").map(str::trim) {
            None => filled.set("client_id", &id)?,
            Some(given) if given == id => {}
            Some(given) => {
                let message = format!(
                    "`client_id` is `{given}`, but `private_key` is {vendor}'s file for `{id}`"
                );
                return Err(Error::setting("client_id", message).with_hint(
                    "remove client_id, which the file contains, or set the file of this client",
                ));
            }
        }
    }
    let secret = file.box_app.and_then(|app| app.client_secret);
    let secret = secret.filter(|secret| !secret.is_empty());
    if let Some(secret) = secret.map(Zeroizing::new) {
        match settings.secret("client_secret") {
            None => filled.set("client_secret", &secret)?,
            Some(given) if given.expose() == secret.as_str() => {}
            Some(_) => {
                let message = "`client_secret` is not the one in Box's file of `private_key`";
                return Err(Error::setting("client_secret", message).with_hint(
                    "remove client_secret, which the file contains, or download the file again",
                ));
            }
        }
    }
    // A person's id may be set instead of the enterprise's.
    let enterprise = file.enterprise_id.filter(|id| !id.is_empty());
    if let Some(enterprise) = enterprise
        && settings.value("subject").is_none()
        && settings
            .value("extra.subject_type")
            .is_none_or(|kind| kind.trim() == "enterprise")
    {
        filled.set("subject", &enterprise)?;
    }
    Ok(Cow::Owned(filled))
}
