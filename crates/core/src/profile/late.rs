//! Templates that are filled in once there is a token: its headers, its API and its lookup.

use std::collections::BTreeMap;
use std::fmt;

use super::template::{self, Part, Placeholder, Unset};
use super::url_template::{Place, check_segments, is_of_host, placed};
use crate::nearest::nearest;
use crate::{Error, Secret, Url, form};

/// What such a template is filled in with.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) client_id: &'a str,
    /// The settings `extra.NAME`.
    pub(crate) settings: &'a BTreeMap<String, String>,
    /// The token's values.
    pub(crate) kept: &'a BTreeMap<String, String>,
    /// `{base_url}`, for a lookup.
    pub(crate) base_url: Option<&'a str>,
    /// `{userinfo}`, for a lookup.
    pub(crate) userinfo: Option<&'a str>,
    /// `{client_secret}`, for a header.
    pub(crate) client_secret: Option<&'a Secret>,
    /// The settings `secret.NAME`, for a header.
    pub(crate) secrets: Option<&'a BTreeMap<String, Secret>>,
}

/// Why a template can't be filled in.
#[derive(Debug, PartialEq)]
pub(crate) enum Unfilled {
    /// This has no value.
    Missing(String),
    /// A value isn't allowed where it stands, or the result isn't a URL.
    Invalid(String),
}

/// The value of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name<'a> {
    ClientId,
    BaseUrl,
    Userinfo,
    Extra(&'a str),
    Kept(&'a str),
    ClientSecret,
    Secret(&'a str),
}

const BASE_URL: &str = "base_url";
const USERINFO: &str = "userinfo";
const CLIENT_ID: &str = "client_id";
const CLIENT_SECRET: &str = "client_secret";

impl<'a> Name<'a> {
    fn parse(word: &'a str) -> Result<Self, String> {
        match word {
            CLIENT_ID => Ok(Self::ClientId),
            BASE_URL => Ok(Self::BaseUrl),
            USERINFO => Ok(Self::Userinfo),
            CLIENT_SECRET => Ok(Self::ClientSecret),
            _ => match word.split_once('.') {
                Some(("extra", name)) => Ok(Self::Extra(name)),
                Some(("kept", name)) => Ok(Self::Kept(name)),
                Some(("secret", name)) => Ok(Self::Secret(name)),
                _ => Err(unknown(word, &[])),
            },
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientId => f.write_str(CLIENT_ID),
            Self::BaseUrl => f.write_str(BASE_URL),
            Self::Userinfo => f.write_str(USERINFO),
            Self::Extra(name) => write!(f, "extra.{name}"),
            Self::Kept(name) => write!(f, "kept.{name}"),
            Self::ClientSecret => f.write_str(CLIENT_SECRET),
            Self::Secret(name) => write!(f, "secret.{name}"),
        }
    }
}

impl<'a> Values<'a> {
    fn get(&self, name: Name<'_>) -> Option<&'a str> {
        let value = match name {
            Name::ClientId => Some(self.client_id),
            Name::BaseUrl => self.base_url,
            Name::Userinfo => self.userinfo,
            Name::Extra(name) => self.settings.get(name).map(String::as_str),
            Name::Kept(name) => self.kept.get(name).map(String::as_str),
            Name::ClientSecret => self.client_secret.map(Secret::expose),
            Name::Secret(name) => self.secrets?.get(name).map(Secret::expose),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Returns the value, or `None` if the whole text is omitted.
    fn fill(&self, placeholder: &Placeholder<'_, Name<'_>>) -> Result<Option<String>, Unfilled> {
        let value = match (self.get(placeholder.name), placeholder.unset) {
            (Some(value), _) => value,
            (None, Unset::Fallback(text)) => text,
            (None, Unset::DropEntry) => return Ok(None),
            (None, Unset::Reject) => return Err(Unfilled::Missing(placeholder.name.to_string())),
        };
        Ok(Some(placeholder.filtered(value.to_owned())))
    }
}

/// Fills in a text that was checked. Returns `None` if it is omitted.
pub(crate) fn fill(template: &str, values: Values<'_>) -> Result<Option<String>, Unfilled> {
    let mut text = String::new();
    for part in parse(template).map_err(Unfilled::Invalid)? {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Placeholder(placeholder) => match values.fill(&placeholder)? {
                Some(value) => text.push_str(&value),
                None => return Ok(None),
            },
        }
    }
    Ok(Some(text))
}

/// Fills in a URL that was checked. Returns `None` if it is omitted.
pub(crate) fn fill_url(template: &str, values: Values<'_>) -> Result<Option<Url>, Unfilled> {
    let parts = parse(template).map_err(Unfilled::Invalid)?;
    let mut url = String::new();
    for (at, (place, part)) in placed(&parts, |_| true).into_iter().enumerate() {
        match part {
            // A path can't be appended to a query.
            Part::Text(text) if text.starts_with('/') && url.contains('?') => {
                let why = format!("it has a query, so that `{text}` can't follow");
                return Err(Unfilled::Invalid(why));
            }
            Part::Text(text) => url.push_str(text),
            Part::Placeholder(placeholder) => {
                let Some(value) = values.fill(placeholder)? else {
                    return Ok(None);
                };
                let value = in_place(placeholder.name, &value, place, parts.get(at + 1));
                url.push_str(&value.map_err(Unfilled::Invalid)?);
            }
        }
    }
    check_segments(&url).map_err(Unfilled::Invalid)?;
    Url::parse(&url).map(Some).map_err(not_a_url)
}

fn not_a_url(error: Error) -> Unfilled {
    Unfilled::Invalid(error.message().to_owned())
}

/// Returns a value as it is in a URL, before the part `next`, if it may be at this place.
fn in_place(
    name: Name<'_>,
    value: &str,
    place: Place,
    next: Option<&Part<'_, Name<'_>>>,
) -> Result<String, String> {
    let ends_host = match next {
        None => true,
        Some(Part::Text(text)) => text.starts_with(['/', '?', ':']),
        Some(Part::Placeholder(_)) => false,
    };
    match place {
        // The value is the beginning.
        Place::Text => match Url::parse(value) {
            Ok(base) => Ok(base.as_str().trim_end_matches('/').to_owned()),
            Err(error) => Err(error.message().to_owned()),
        },
        Place::Port => Err(format!("`{name}` can't be part of a port")),
        Place::Host if !is_of_host(value) => Err(format!(
            "`{name}` can't be part of a host name: it must consist of letters, digits, `-` and `.`"
        )),
        // The profile decides how many labels there are, not the server.
        Place::Host if matches!(name, Name::Kept(_)) && !ends_host && value.contains('.') => {
            Err(format!(
                "`{name}` can't be part of a host name: it must be a single label, without `.`"
            ))
        }
        Place::Host => Ok(value.to_owned()),
        Place::Rest if matches!(value, "" | "." | "..") => {
            Err(format!("`{name}` can't be part of a URL: it is `{value}`"))
        }
        Place::Rest => {
            let mut encoded = String::new();
            form::percent_encode_into(value, &mut encoded);
            Ok(encoded)
        }
    }
}

/// The placeholders that a field may have besides `{client_id}`, `{extra.NAME}` and `{kept.NAME}`.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Also<'a> {
    Nothing,
    Urls,
    /// The client's secret, and these.
    Secrets(&'a BTreeMap<String, String>),
}

/// Checks a text. `settings` are the profile's `extra`, and `kept` what a token can have.
pub(super) fn check(
    template: &str,
    settings: &BTreeMap<String, String>,
    kept: &[&str],
    also: Also<'_>,
) -> Result<(), String> {
    let mut known = vec![CLIENT_ID.to_owned()];
    if also == Also::Urls {
        known.extend([BASE_URL, USERINFO].map(str::to_owned));
    }
    if let Also::Secrets(secrets) = also {
        known.push(CLIENT_SECRET.to_owned());
        known.extend(secrets.keys().map(|name| format!("secret.{name}")));
    }
    known.extend(settings.keys().map(|name| format!("extra.{name}")));
    known.extend(kept.iter().map(|name| format!("kept.{name}")));
    let is_secret = |word: &str| word == CLIENT_SECRET || word.starts_with("secret.");
    let parts = template::parse_names(template, |word| {
        match known.iter().any(|known| known == word) {
            true => Ok(word),
            false if is_secret(word) && !matches!(also, Also::Secrets(_)) => {
                Err(format!("`{{{word}}}` is secret, which can't be here"))
            }
            false => Err(unknown(word, &known)),
        }
    });
    for part in parts? {
        if let Part::Placeholder(placeholder) = part
            && is_secret(placeholder.name)
            && placeholder.has_fallback_or_filters()
        {
            let word = placeholder.name;
            return Err(format!(
                "`{{{word}}}` is secret, so it can't have a fallback or filters"
            ));
        }
    }
    Ok(())
}

/// Checks a text that is a URL, in addition to [`check`].
pub(super) fn check_url(template: &str) -> Result<(), String> {
    let parts = parse(template)?;
    if let Some(Part::Placeholder(first)) = parts.first() {
        if matches!(first.name, Name::ClientId | Name::Extra(_)) {
            return Err("it must begin with `https://` or with a whole URL".into());
        }
        let next_is_allowed = match parts.get(1) {
            None => true,
            Some(Part::Text(text)) => text.starts_with(['/', '?']),
            Some(Part::Placeholder(_)) => false,
        };
        if !next_is_allowed {
            return Err("a whole URL must be followed by `/`".into());
        }
    }
    let mut sample = String::new();
    for (at, (place, part)) in placed(&parts, |_| true).into_iter().enumerate() {
        let placeholder = match part {
            Part::Text(text) => {
                sample.push_str(text);
                continue;
            }
            Part::Placeholder(placeholder) => placeholder,
        };
        let name = placeholder.name;
        if at > 0 && matches!(name, Name::BaseUrl | Name::Userinfo) {
            return Err(format!("`{{{name}}}` is a whole URL and must come first"));
        }
        let value = match placeholder.unset {
            Unset::Fallback(text) => placeholder.filtered(text.to_owned()),
            _ if at == 0 => "https://host.example".to_owned(),
            _ => "x".to_owned(),
        };
        sample.push_str(&in_place(name, &value, place, parts.get(at + 1))?);
    }
    check_segments(&sample)?;
    Url::parse(&sample).map_err(|error| error.message().to_owned())?;
    Ok(())
}

/// Returns the values `kept.NAME` that a text needs.
pub(crate) fn kept_names(template: &str) -> Vec<&str> {
    let parts = parse(template).unwrap_or_default();
    let names = parts.into_iter().filter_map(|part| match part {
        Part::Placeholder(placeholder) => match placeholder.name {
            Name::Kept(name) => Some(name),
            _ => None,
        },
        Part::Text(_) => None,
    });
    names.collect()
}

fn parse(text: &str) -> Result<Vec<Part<'_, Name<'_>>>, String> {
    template::parse_names(text, Name::parse)
}

fn unknown(name: &str, known: &[String]) -> String {
    let shown: String = name.chars().take(64).collect();
    let meant = match nearest(name, known) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => format!("expected one of {}", known.join(", ")),
    };
    match name.strip_prefix("kept.") {
        Some(_) => format!(
            "`{{{shown}}}` is not kept by `response`, `authorize.keep` or `lookup`; {meant}"
        ),
        None => format!("`{{{shown}}}` is not known here; {meant}"),
    }
}
