//! URLs in a profile: texts with placeholders, whose values can't change which server is meant.

use std::collections::BTreeMap;

use super::Profile;
use super::template::{self, Name, Part, Placeholder, Secrets, Unset};
use crate::{Error, ErrorKind, Url, form};

/// A text of a profile that is a URL, or may be one.
#[derive(Clone, Copy)]
pub(crate) struct UrlTemplate<'a> {
    /// The field, for messages.
    pub(crate) field: &'a str,
    pub(crate) text: &'a str,
}

/// What fills the placeholders.
pub(crate) struct Values<'a> {
    pub(crate) profile: &'a Profile,
    /// The base URL, or the error for why there is none.
    pub(crate) base_url: Result<Option<&'a Url>, &'a Error>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) extra: &'a BTreeMap<String, String>,
}

/// Why a text can't be filled.
pub(crate) enum Unfilled {
    /// The environment has no base URL, and none is set.
    NoBaseUrl,
    /// A setting is missing.
    Missing(Error),
    /// A setting has a value that isn't allowed here.
    Invalid(Error),
}

/// Where in a URL a placeholder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The text is not a URL.
    Text,
    Host,
    /// The port, where no placeholder may be.
    Port,
    /// The path or the query.
    Rest,
}

/// What a text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A URL without a query, to which paths are appended. It can't contain `{base_url}`.
    BaseUrl,
    Url,
    /// A URL or any other text.
    Any,
}

impl UrlTemplate<'_> {
    /// Validates the text. The error doesn't name the field.
    pub(super) fn check(&self, kind: Kind, profile: &Profile) -> Result<(), String> {
        let parts = template::parse(self.text)?;
        let is_url = is_url(&parts);
        match kind {
            Kind::BaseUrl if !begins_with_scheme(&parts) => {
                return Err("it must begin with https://".into());
            }
            Kind::Url if !is_url => {
                return Err("it must begin with `{base_url}` or https://".into());
            }
            _ => {}
        }
        for (at, (place, part)) in placed(&parts, is_base_url).into_iter().enumerate() {
            part.check_secret(Secrets::None)?;
            part.check(profile.extra.keys())?;
            if let Part::Placeholder(placeholder) = part {
                check_placeholder(placeholder, place, kind)?;
                if placeholder.name == Name::BaseUrl && is_url && at > 0 {
                    return Err("`{base_url}` must be the beginning of the URL".into());
                }
            }
        }
        if !is_url {
            return Ok(());
        }
        if !begins_with_scheme(&parts)
            && let Some(next) = parts.get(1)
            && !matches!(next, Part::Text(text) if text.starts_with(['/', '?']))
        {
            return Err("`{base_url}` must be followed by `/`".into());
        }
        let sample: String = parts.iter().map(sample).collect();
        check_segments(&sample)?;
        let parsed = match kind {
            Kind::BaseUrl => Url::parse_base(&sample),
            Kind::Url | Kind::Any => Url::parse(&sample),
        };
        parsed.map(drop).map_err(|error| error.message().to_owned())
    }

    /// Fills the placeholders.
    ///
    /// In a host, a value may only contain letters, digits, `-` and `.`. Anywhere else in a URL it
    /// is percent-encoded. In a text that is not a URL, it is inserted as it is.
    pub(crate) fn fill(&self, values: &Values<'_>) -> Result<String, Unfilled> {
        let parts = template::parse(self.text).map_err(|why| self.invalid(&why))?;
        let mut filled = String::new();
        for (place, part) in placed(&parts, is_base_url) {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Placeholder(placeholder) => {
                    filled.push_str(&self.value(placeholder, place, values)?);
                }
            }
        }
        if is_url(&parts) {
            check_segments(&filled).map_err(|why| self.invalid(&why))?;
        }
        Ok(filled)
    }

    fn value(
        &self,
        placeholder: &Placeholder<'_>,
        place: Place,
        values: &Values<'_>,
    ) -> Result<String, Unfilled> {
        let given = match placeholder.name {
            Name::BaseUrl => {
                return match values.base_url {
                    Ok(Some(base)) => Ok(base.to_string()),
                    Ok(None) => Err(Unfilled::NoBaseUrl),
                    Err(missing) => Err(Unfilled::Missing(missing.clone())),
                };
            }
            Name::ClientId => values.client_id,
            Name::Extra(name) => values.extra.get(name).map(String::as_str),
            other => return Err(self.invalid(&not_known(other))),
        };
        let setting = placeholder.name.setting();
        let text = match (given.filter(|given| !given.is_empty()), placeholder.unset) {
            (Some(given), _) => given,
            (None, Unset::Fallback(text)) => text,
            (None, _) => return Err(Unfilled::Missing(self.missing(&setting, values.profile))),
        };
        let value = placeholder.filtered(text.to_owned());
        match place {
            Place::Text => Ok(value),
            Place::Host if is_of_host(&value) => Ok(value),
            Place::Rest if !matches!(value.as_str(), "" | "." | "..") => {
                let mut encoded = String::new();
                form::percent_encode_into(&value, &mut encoded);
                Ok(encoded)
            }
            place => Err(self.rejected(&setting, &value, place, values.profile)),
        }
    }

    fn rejected(&self, setting: &str, value: &str, place: Place, profile: &Profile) -> Unfilled {
        let (vendor, field) = (&profile.name, self.field);
        let about = described(setting, profile);
        let (why, how) = match place {
            Place::Rest => ("cannot be a part of a path", String::new()),
            _ => (
                "cannot be a part of a host name",
                ", with only letters, digits, `-` and `.`: no https://, port or path".to_owned(),
            ),
        };
        let message = format!("`{setting}` is {value:?}, which {why} in {vendor}'s `{field}`");
        let hint = format!("set {setting} to {about}{how}");
        Unfilled::Invalid(Error::setting(setting, message).with_hint(hint))
    }

    fn missing(&self, setting: &str, profile: &Profile) -> Error {
        let (vendor, field) = (&profile.name, self.field);
        let about = described(setting, profile);
        Error::missing(setting).with_hint(format!(
            "set {setting} to {about}: {vendor}'s `{field}` needs it"
        ))
    }

    /// The error for a text that `Profile::from_toml` would have rejected.
    fn invalid(&self, why: &str) -> Unfilled {
        let message = format!("`{}` is invalid: {why}", self.field);
        Unfilled::Invalid(Error::new(ErrorKind::Setting, message))
    }
}

/// Returns each part with its place. A text may begin with a placeholder that is a whole URL.
pub(super) fn placed<'a, 'b, N>(
    parts: &'b [Part<'a, N>],
    is_whole_url: impl Fn(&N) -> bool,
) -> Vec<(Place, &'b Part<'a, N>)> {
    let mut place = match begins_with_scheme(parts) {
        true => Place::Host,
        false => Place::Text,
    };
    let placed = parts.iter().enumerate().map(|(at, part)| {
        let here = place;
        place = match (part, here) {
            // A whole URL ends with its host or in its path.
            (Part::Placeholder(first), _) if at == 0 && is_whole_url(&first.name) => Place::Rest,
            (Part::Text(text), Place::Host | Place::Port) => {
                let scheme = if at == 0 { scheme_len(text) } else { 0 };
                let text = &text[scheme..];
                match here {
                    _ if text.contains(['/', '?']) => Place::Rest,
                    Place::Host if text.contains(':') => Place::Port,
                    here => here,
                }
            }
            (_, here) => here,
        };
        (here, part)
    });
    placed.collect()
}

fn is_url(parts: &[Part<'_>]) -> bool {
    let begins_with_base =
        matches!(parts.first(), Some(Part::Placeholder(first)) if is_base_url(&first.name));
    begins_with_base || begins_with_scheme(parts)
}

fn is_base_url(name: &Name<'_>) -> bool {
    *name == Name::BaseUrl
}

fn begins_with_scheme<N>(parts: &[Part<'_, N>]) -> bool {
    matches!(parts.first(), Some(Part::Text(text)) if scheme_len(text) > 0)
}

/// Returns the length of the scheme with its slashes, or 0 if the text has none.
fn scheme_len(text: &str) -> usize {
    let schemes = ["https://", "http://"];
    let found = schemes.iter().find(|scheme| text.starts_with(**scheme));
    found.map_or(0, |scheme| scheme.len())
}

fn check_placeholder(
    placeholder: &Placeholder<'_>,
    place: Place,
    kind: Kind,
) -> Result<(), String> {
    match placeholder.name {
        Name::ClientId | Name::Extra(_) => {}
        Name::BaseUrl if kind == Kind::BaseUrl => {
            return Err("it can't contain itself as `{base_url}`".into());
        }
        Name::BaseUrl if *placeholder != Placeholder::plain(Name::BaseUrl) => {
            return Err("`{base_url}` can't have a fallback or a filter".into());
        }
        Name::BaseUrl => return Ok(()),
        other => return Err(not_known(other)),
    }
    let name = placeholder.name.setting();
    match placeholder.unset {
        Unset::DropEntry => Err(format!(
            "`{{{name}?}}` would leave a hole: give it a fallback, `{{{name}:text}}`"
        )),
        _ if place == Place::Port => Err(format!("`{{{name}}}` can't be in the port")),
        Unset::Fallback(text) => {
            let value = placeholder.filtered(text.to_owned());
            let part = match place {
                Place::Host if !is_of_host(&value) => "host name",
                Place::Rest if matches!(value.as_str(), "" | "." | "..") => "path",
                _ => return Ok(()),
            };
            Err(format!(
                "{text:?}, the fallback of `{{{name}}}`, cannot be a part of a {part}"
            ))
        }
        Unset::Reject => Ok(()),
    }
}

fn not_known(name: Name<'_>) -> String {
    format!(
        "`{{{}}}` is not known here; expected `{{base_url}}`, `{{client_id}}` or `{{extra.NAME}}`",
        name.word()
    )
}

/// Returns what a URL has in place of a part, to validate the rest of it.
fn sample<'a>(part: &Part<'a>) -> &'a str {
    match part {
        Part::Text(text) => text,
        Part::Placeholder(base) if base.name == Name::BaseUrl => "https://host.example",
        Part::Placeholder(_) => "x",
    }
}

/// Returns whether a value may be a part of a host name: it can't end the host, and it can't add an
/// empty label.
pub(super) fn is_of_host(value: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    !value.is_empty()
        && value.bytes().all(allowed)
        && !value.starts_with('.')
        && !value.ends_with('.')
        && !value.contains("..")
}

/// Rejects the segments of a path that servers and proxies resolve to another path.
pub(super) fn check_segments(url: &str) -> Result<(), String> {
    let rest = &url[scheme_len(url)..];
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    match path.split('/').any(|segment| matches!(segment, "." | "..")) {
        true => Err("its path has the segment `.` or `..`".into()),
        false => Ok(()),
    }
}

/// Returns what a setting is, by the profile.
fn described<'a>(setting: &str, profile: &'a Profile) -> &'a str {
    let name = setting.strip_prefix("extra.");
    match name.and_then(|name| profile.extra.get(name)) {
        Some(about) if !about.is_empty() => about,
        Some(_) => "its value",
        None => "the app's client ID",
    }
}
