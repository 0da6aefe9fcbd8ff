//! The response's `id` and `signature`, and checks of the settings.

use countersign_core::{App, Error, ErrorKind, Extra, GrantKind, Profile, Provider, Verdict};

use crate::{ID, PROFILE, TOML};

/// Salesforce's token service.
#[derive(Debug)]
pub(crate) struct Salesforce;

impl Provider for Salesforce {
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
        check_path(app)?;
        check_subject(app)?;
        check_client_credentials(app)
    }

    fn read(&self, app: App<'_>, extra: &mut Extra) -> Result<(), Error> {
        check_signature(app, extra)?;
        let ids = extra.get("id").and_then(|id| org_and_user(id));
        if let Some((org, user)) = ids {
            extra.insert("org_id".to_owned(), org);
            extra.insert("user_id".to_owned(), user);
        }
        Ok(())
    }
}

/// Verifies `signature`: the HMAC-SHA256 of `id` and `issued_at` with the app's secret.
///
/// Responses of the JWT grant have none, and without a secret it can't be verified.
fn check_signature(app: App<'_>, extra: &Extra) -> Result<(), Error> {
    let (Some(id), Some(issued_at), Some(signature)) = (
        extra.get("id"),
        extra.get("issued_at"),
        extra.get("signature"),
    ) else {
        return Ok(());
    };
    let message = format!("{id}{issued_at}");
    match app.client.secret_signed(message.as_bytes(), signature) {
        Some(true) | None => Ok(()),
        Some(false) => Err(Error::new(
            ErrorKind::Verification,
            "the response's `signature` is not valid for this app: the response is not from Salesforce, or client_secret is another app's",
        )
        .with_verdict(Verdict::FixConfiguration)
        .with_setting("client_secret")
        .with_hint("check that client_secret belongs to client_id, and check any proxy between this machine and Salesforce")),
    }
}

/// Returns the last two segments of `https://HOST/id/ORG/USER`.
fn org_and_user(id: &str) -> Option<(String, String)> {
    let path = id.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.trim_end_matches('/').rsplit('/');
    let (user, org, kind) = (segments.next()?, segments.next()?, segments.next()?);
    let is_id = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    (kind == "id" && is_id(org) && is_id(user)).then(|| (org.to_owned(), user.to_owned()))
}

fn check_path(app: App<'_>) -> Result<(), Error> {
    let Some(base_url) = &app.endpoints.base_url else {
        return Ok(());
    };
    let reject =
        |message: &str, hint: &str| Err(Error::setting("base_url", message).with_hint(hint));
    match (app.endpoints.environment.as_str(), base_url.path()) {
        ("site", "/") => reject(
            "`base_url` has no path, but the environment is a site",
            "add the site's path, such as https://acme.my.site.com/partners; for a site at the root of its host, set environment = \"my-domain\"",
        ),
        ("my-domain", path) if path != "/" => reject(
            "`base_url` has a path, but the environment is a My Domain",
            "remove the path, as in https://acme.my.salesforce.com; for an Experience Cloud site, set environment = \"site\"",
        ),
        _ => Ok(()),
    }
}

fn check_subject(app: App<'_>) -> Result<(), Error> {
    let is_record_id = |subject: &&str| {
        subject.starts_with("005")
            && matches!(subject.len(), 15 | 18)
            && subject.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if app.policy.subject.as_deref().filter(is_record_id).is_none() {
        return Ok(());
    }
    let message = "`subject` is a user's record id, but Salesforce requires the username";
    Err(Error::setting("subject", message).with_hint(
        "set subject to the username, such as jo@acme.com, or jo@acme.com.uat in a sandbox",
    ))
}

fn check_client_credentials(app: App<'_>) -> Result<(), Error> {
    let host = app.endpoints.token_url.as_ref().map(|url| url.host());
    let host = host.unwrap_or_default().to_ascii_lowercase();
    let is_common = matches!(
        host.as_str(),
        "login.salesforce.com" | "test.salesforce.com"
    );
    if app.policy.grant != GrantKind::ClientCredentials || !is_common {
        return Ok(());
    }
    let message = format!("`grant` is client-credentials, which {host} does not support");
    Err(Error::setting("environment", message).with_hint(
        "set environment = \"my-domain\", and base_url to the org's host, such as https://acme.my.salesforce.com",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ids_of_any_host() {
        let both = |org: &str, user: &str| Some((org.to_owned(), user.to_owned()));
        for (id, expected) in [
            (
                "https://login.salesforce.com/id/00D1/0051",
                both("00D1", "0051"),
            ),
            (
                "https://acme.my.site.com/partners/id/00D1/0051/",
                both("00D1", "0051"),
            ),
            (
                "https://127.0.0.1:8443/id/00D1/0051?version=latest",
                both("00D1", "0051"),
            ),
            ("https://login.salesforce.com/id/00D1", None),
            ("https://login.salesforce.com/id//0051", None),
            ("https://login.salesforce.com/services/00D1/0051", None),
            ("https://login.salesforce.com/id/00D1/00 51", None),
            ("", None),
        ] {
            assert_eq!(org_and_user(id), expected, "{id}");
        }
    }
}
