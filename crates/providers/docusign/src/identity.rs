//! The identity and the API URL of a token's user (userinfo), and checks of the settings.

use countersign_core::{
    App, Error, ErrorKind, Extra, Profile, Provider, Request, Response, Token,
    read_resource_response, scalar_text,
};
use serde_json::{Map, Value};

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

    fn identity_settings(&self) -> &[&str] {
        &["account_id"]
    }

    fn identity_request(&self, app: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let url = app.endpoints.userinfo_url.clone();
        Ok(url.map(|url| Request::get_with_bearer(url, token.secret())))
    }

    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        let userinfo = read_resource_response(app, response)?;
        let accounts = Account::all_of(&userinfo);
        let account = choose(&accounts, app.policy.extra("account_id"))?;
        let mut extra = Extra::new();
        let mut note = |name: &str, value: Option<&Value>| {
            if let Some(text) = value.and_then(scalar_text) {
                extra.insert(name.to_owned(), text);
            }
        };
        note("user_id", userinfo.get("sub"));
        for name in ["account_id", "account_name", "base_uri"] {
            note(name, account.0.get(name));
        }
        let organization = account.0.get("organization");
        note(
            "organization_id",
            organization.and_then(|organization| organization.get("organization_id")),
        );
        Ok(extra)
    }
}

/// An account that the user is a member of.
struct Account<'a>(&'a Map<String, Value>);

impl<'a> Account<'a> {
    fn all_of(userinfo: &'a Map<String, Value>) -> Vec<Self> {
        let accounts = userinfo.get("accounts").and_then(Value::as_array);
        let accounts = accounts.into_iter().flatten();
        accounts.filter_map(Value::as_object).map(Self).collect()
    }

    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The member is a boolean in the documentation, and a string in some of the SDKs' models.
    fn is_default(&self) -> bool {
        match self.0.get("is_default") {
            Some(Value::Bool(truth)) => *truth,
            Some(Value::String(word)) => word.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }
}

/// Chooses the configured account, the only one, or the default one.
fn choose<'a, 'b>(
    accounts: &'b [Account<'a>],
    asked: Option<&str>,
) -> Result<&'b Account<'a>, Error> {
    let chosen = match (asked, accounts) {
        (Some(asked), _) => accounts
            .iter()
            .find(|account| account.text("account_id").eq_ignore_ascii_case(asked)),
        (None, [only]) => Some(only),
        (None, _) => accounts.iter().find(|account| account.is_default()),
    };
    if let Some(chosen) = chosen {
        return Ok(chosen);
    }
    if accounts.is_empty() {
        let message = "the userinfo response has no accounts";
        return Err(Error::new(ErrorKind::Unreadable, message)
            .with_hint("check in DocuSign that the user is a member of an account"));
    }
    let message = match asked {
        Some(asked) => {
            format!("`extra.account_id` is {asked}, which is not one of the user's accounts")
        }
        None => "the user has several accounts, none of which is the default".to_owned(),
    };
    let list: Vec<_> = accounts
        .iter()
        .map(|account| {
            format!(
                "{} ({})",
                account.text("account_id"),
                account.text("account_name")
            )
        })
        .collect();
    Err(Error::setting("extra.account_id", message)
        .with_hint(format!("set it to one of: {}", list.join(", "))))
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
