//! Checks of the settings.

use countersign_core::{App, Error, Profile, Provider};

use crate::{ID, PROFILE, TOML};

/// DocuSign's account server.
#[derive(Debug)]
pub(crate) struct DocuSign;

impl Provider for DocuSign {
    fn profile(&self) -> &Profile {
        &PROFILE
    }

    fn id(&self) -> &str {
        ID
    }

    fn toml(&self) -> Option<&str> {
        Some(TOML)
    }

    fn check(&self, app: App<'_>) -> Result<(), Error> {
        check_subject(app)?;
        check_audience(app)?;
        check_base_url(app)
    }
}

fn check_subject(app: App<'_>) -> Result<(), Error> {
    let Some(subject) = app
        .policy
        .subject
        .as_deref()
        .filter(|subject| !is_guid(subject))
    else {
        return Ok(());
    };
    let what = match subject {
        subject if subject.contains('@') => "an e-mail address",
        subject if subject.bytes().all(|byte| byte.is_ascii_digit()) => "an account number",
        _ => "not a GUID",
    };
    let message = format!("`subject` is {what}, but DocuSign requires the user's id");
    Err(Error::setting("subject", message).with_hint(
        "set subject to the API Username, a GUID that DocuSign shows under Apps and Keys and on the user's page",
    ))
}

/// DocuSign's error for a wrong audience, `no_valid_keys_or_signatures`, doesn't name the cause.
fn check_audience(app: App<'_>) -> Result<(), Error> {
    let Some(audience) = app.policy.audience.as_deref().filter(|a| a.contains('/')) else {
        return Ok(());
    };
    let bare = audience
        .split_once("://")
        .map_or(audience, |(_, rest)| rest);
    let bare = bare.split('/').next().unwrap_or_default();
    let message = "`audience` has a scheme or a slash, but DocuSign requires the bare host name";
    let hint = match bare {
        "" => "remove audience: it defaults to the environment's".to_owned(),
        bare => format!("write audience = \"{bare}\", or remove it"),
    };
    Err(Error::setting("audience", message).with_hint(hint))
}

/// Rejects the REST API's host, which is easily confused with the account server.
fn check_base_url(app: App<'_>) -> Result<(), Error> {
    let of_api = |host: &str| host == "docusign.net" || host.ends_with(".docusign.net");
    let base_url = app
        .endpoints
        .base_url
        .as_ref()
        .map(|url| url.host().to_ascii_lowercase());
    if !base_url.is_some_and(|host| of_api(&host)) {
        return Ok(());
    }
    let message = "`base_url` is the REST API's, but tokens come from the account server";
    Err(Error::setting("base_url", message).with_hint(
        "remove base_url: it defaults to the environment's; each identity has the API's URL as base_uri",
    ))
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_guids() {
        assert!(is_guid(
            "464f7988-xxxx-4d5a-9a51-3f0d4b6c7a01"
                .replace("xxxx", "9AbC")
                .as_str()
        ));
        for text in [
            "",
            "jo@example.com",
            "12345678",
            "464f7988-9abc-4d5a-9a51-3f0d4b6c7a0",
            "464f79889abc4d5a9a513f0d4b6c7a01",
            "{464f7988-9abc-4d5a-9a51-3f0d4b6c7a01}",
            "464f7988-9abc-4d5a-9a51-3f0d4b6c7a0g",
        ] {
            assert!(!is_guid(text), "{text}");
        }
    }
}
