//! How an API request carries the token.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::late::{self, Unfilled, Values};
use crate::{Error, ErrorKind, Secret};

/// How an API request carries the token. By default, in `Authorization: Bearer TOKEN`.
///
/// Texts may contain `{client_id}`, `{extra.NAME}` and, in headers, `{client_secret}` and
/// `{secret.NAME}`. They may also contain `{kept.NAME}`, which is a value that was
/// kept of a response, of a callback or of a lookup. `{name?}` omits the whole header or the API's
/// base URL if there is no value, `{name:text}` falls back to the text, and filters follow as in
/// the templates of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct UseRules {
    /// The scheme of the `Authorization` header, whatever the response's `token_type` is.
    pub scheme: Option<String>,
    /// The header that contains the bare token, instead of `Authorization` with a scheme.
    pub header: Option<String>,
    /// Further headers of each request.
    pub headers: BTreeMap<String, String>,
    /// The base URL of the API, which becomes the token's `extra.api_base`.
    ///
    /// It begins with `https://` or with a `{kept.NAME}` that is a whole URL. In the host, a value
    /// may consist of letters, digits, `-` and `.`, but a `{kept.NAME}` before the end of the host
    /// has no `.`; elsewhere it is percent-encoded.
    pub api_base: Option<String>,
}

/// The name that the API's base URL has in a token's `extra`.
pub(super) const API_BASE: &str = "api_base";

/// A profile's [`UseRules`] with what one connection's settings fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    rules: UseRules,
    client_id: String,
    settings: BTreeMap<String, String>,
    client_secret: Option<Secret>,
    secrets: BTreeMap<String, Secret>,
}

impl Usage {
    /// Returns `None` if tokens are carried as usual.
    pub(crate) fn of(
        rules: &UseRules,
        client_id: &str,
        settings: &BTreeMap<String, String>,
        client_secret: Option<&Secret>,
        secrets: &BTreeMap<String, Secret>,
    ) -> Option<Self> {
        let texts = || rules.headers.values();
        let has = |word: &str| texts().any(|text| text.contains(word));
        (*rules != UseRules::default()).then(|| Self {
            rules: rules.clone(),
            client_id: client_id.to_owned(),
            settings: settings.clone(),
            client_secret: client_secret.filter(|_| has("{client_secret")).cloned(),
            secrets: match has("{secret.") {
                true => secrets.clone(),
                false => BTreeMap::new(),
            },
        })
    }

    /// Returns the scheme that the profile names.
    pub(crate) fn scheme(&self) -> Option<&str> {
        self.rules.scheme.as_deref()
    }

    /// Returns the header that contains the bare token.
    pub(crate) fn header(&self) -> Option<&str> {
        self.rules.header.as_deref()
    }

    /// Returns the further headers of a request with a token that has these values.
    pub(crate) fn headers(
        &self,
        kept: &BTreeMap<String, String>,
        skip_missing: bool,
    ) -> Result<Vec<(&str, Secret)>, Error> {
        let values = Values {
            client_secret: self.client_secret.as_ref(),
            secrets: Some(&self.secrets),
            ..self.values(kept)
        };
        let mut headers = Vec::new();
        for (name, template) in &self.rules.headers {
            let filled = late::fill(template, values);
            let value = match filled {
                Ok(Some(value)) => Secret::new(value),
                Ok(None) => continue,
                Err(Unfilled::Missing(_)) if skip_missing => continue,
                Err(Unfilled::Missing(missing)) => return Err(lacking(name, &missing)),
                Err(Unfilled::Invalid(why)) => return Err(Error::new(ErrorKind::Setting, why)),
            };
            if !is_header_value(value.expose()) {
                let message = format!(
                    "the value for the header `{name}` has characters that no HTTP header may have"
                );
                return Err(Error::new(ErrorKind::Unreadable, message)
                    .with_hint("check the settings in extra, and what the vendor returned"));
            }
            headers.push((name.as_str(), value));
        }
        Ok(headers)
    }

    /// Sets `extra.api_base`, if the values for it are there.
    ///
    /// # Errors
    ///
    /// If the result is not a URL that a token may be sent to.
    pub(crate) fn set_api_base(&self, extra: &mut BTreeMap<String, String>) -> Result<(), String> {
        let Some(template) = &self.rules.api_base else {
            return Ok(());
        };
        // Never that of another response.
        extra.remove(API_BASE);
        match late::fill_url(template, self.values(extra)) {
            Ok(Some(url)) => {
                let url = url.as_str().trim_end_matches('/').to_owned();
                extra.insert(API_BASE.to_owned(), url);
                Ok(())
            }
            // A refresh may not return what the login returned.
            Ok(None) | Err(Unfilled::Missing(_)) => Ok(()),
            Err(Unfilled::Invalid(why)) => Err(why),
        }
    }

    fn values<'a>(&'a self, kept: &'a BTreeMap<String, String>) -> Values<'a> {
        Values {
            client_id: &self.client_id,
            settings: &self.settings,
            kept,
            base_url: None,
            userinfo: None,
            client_secret: None,
            secrets: None,
        }
    }
}

fn lacking(header: &str, missing: &str) -> Error {
    let message = format!("the header `{header}` needs `{missing}`, which has no value");
    match missing.starts_with("extra.") || missing.contains("secret") {
        true => Error::setting(missing, message).with_hint(format!("set {missing}")),
        false => Error::new(ErrorKind::NoToken, message).with_hint(
            "request the identity of the token once, which looks up whose it is; if that returns no such value either, log in again",
        ),
    }
}

/// Returns whether a text may be the value of an HTTP header (RFC 9110 section 5.5), without
/// characters that aren't ASCII.
pub(crate) fn is_header_value(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| matches!(b, 0x20..=0x7e))
        && !text.starts_with(' ')
        && !text.ends_with(' ')
}

/// Returns whether a text is a token (RFC 9110 section 5.6.2), such as the name of a header or a
/// scheme.
pub(crate) fn is_http_token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(allowed)
}
