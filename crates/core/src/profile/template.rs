//! Templates for claims, header members and parameters: texts with placeholders.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::SETTINGS;
use crate::nearest::nearest;

/// A value in a profile that is filled in for each request: a text with placeholders, a number, a
/// boolean, or an array of these.
///
/// See [`Profile`](super::Profile#templates) for the syntax.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Templated(pub(crate) Value);

/// A piece of a text. `N` is what names the value of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part<'a, N = Name<'a>> {
    Text(&'a str),
    Placeholder(Placeholder<'a, N>),
}

/// A placeholder: `{name}`, `{name?}` or `{name:fallback}`, each followed by filters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Placeholder<'a, N = Name<'a>> {
    pub(crate) name: N,
    pub(crate) unset: Unset<'a>,
    filters: &'a str,
}

/// The value of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    ClientId,
    Subject,
    Audience,
    Issuer,
    BaseUrl,
    TokenUrl,
    Scopes,
    KeyId,
    CertSha256,
    CertSha1,
    SpkiSha256,
    Extra(&'a str),
    ClientSecret,
    Secret(&'a str),
}

/// Which secrets a text may contain.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Secrets<'a> {
    None,
    /// The client's, and those of the profile's `secret`.
    Of(&'a BTreeMap<String, String>),
}

/// What happens to a placeholder without a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unset<'a> {
    Reject,
    DropEntry,
    Fallback(&'a str),
}

const NAMES: &[(&str, Name<'static>)] = &[
    ("client_id", Name::ClientId),
    ("subject", Name::Subject),
    ("audience", Name::Audience),
    ("issuer", Name::Issuer),
    ("base_url", Name::BaseUrl),
    ("token_url", Name::TokenUrl),
    ("scopes", Name::Scopes),
    ("key_id", Name::KeyId),
    ("cert_sha256", Name::CertSha256),
    ("cert_sha1", Name::CertSha1),
    ("spki_sha256", Name::SpkiSha256),
    ("client_secret", Name::ClientSecret),
];

type Filter = fn(&str) -> String;

const FILTERS: &[(&str, Filter)] = &[
    ("upper", |text| text.to_uppercase()),
    ("lower", |text| text.to_lowercase()),
    ("dash", |text| text.replace('_', "-")),
    ("label", |text| {
        text.split('.').next().unwrap_or_default().to_owned()
    }),
];

impl Templated {
    /// Validates every text. `extra` contains the names of the profile's own settings.
    pub(super) fn check<'a>(
        &self,
        extra: impl Iterator<Item = &'a String> + Clone,
        secrets: Secrets<'_>,
    ) -> Result<(), String> {
        check(&self.0, &extra, secrets)
    }

    /// Returns the settings that fill it.
    pub(crate) fn settings(&self) -> Vec<String> {
        let mut settings = Vec::new();
        collect_settings(&self.0, &mut settings);
        settings
    }
}

fn collect_settings(value: &Value, settings: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for part in parse(text).unwrap_or_default() {
                if let Part::Placeholder(placeholder) = part {
                    settings.push(placeholder.name.setting());
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_settings(item, settings)),
        _ => {}
    }
}

fn check<'a>(
    value: &Value,
    extra: &(impl Iterator<Item = &'a String> + Clone),
    secrets: Secrets<'_>,
) -> Result<(), String> {
    match value {
        Value::String(text) => parse(text)?.into_iter().try_for_each(|part| {
            part.check_secret(secrets)?;
            part.check(extra.clone())
        }),
        Value::Array(items) => {
            let mut items = items.iter();
            items.try_for_each(|item| check(item, extra, secrets))
        }
        Value::Number(_) | Value::Bool(_) => Ok(()),
        // JSON has no infinity and no NaN.
        Value::Null => Err("it is not a finite number".into()),
        Value::Object(_) => {
            Err("it must be text, a number, true, false, or an array of these".into())
        }
    }
}

/// Validates a text that may contain only these placeholders, without filters and fallbacks.
pub(super) fn check_placeholders(text: &str, known: &[&str]) -> Result<(), String> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let from = &rest[at..];
        let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let Some((inner, after)) = inner else {
            return Err(lone_brace(text));
        };
        if !known.contains(&inner) {
            let shown: String = inner.chars().take(64).collect();
            let meant = match (nearest(inner, known.iter().copied()), known) {
                (Some(near), _) => format!("did you mean `{{{near}}}`?"),
                (None, []) => "this field can't have placeholders".to_owned(),
                (None, known) => format!("expected `{{{}}}`", known.join("}`, `{")),
            };
            return Err(format!("`{{{shown}}}` is not known here; {meant}"));
        }
        rest = after;
    }
    Ok(())
}

fn lone_brace(text: &str) -> String {
    format!("{text:?} has an unmatched brace")
}

/// Parses a text. Does not check that the profile has the settings of `{extra.…}`.
pub(crate) fn parse(text: &str) -> Result<Vec<Part<'_>>, String> {
    parse_names(text, Name::parse)
}

/// Parses a text whose placeholders are read by `name`.
pub(super) fn parse_names<'a, N>(
    text: &'a str,
    name: impl Fn(&'a str) -> Result<N, String>,
) -> Result<Vec<Part<'a, N>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let inner = from.strip_prefix('{').and_then(|from| {
            let (inner, after) = from.split_once('}')?;
            rest = after;
            Some(inner)
        });
        match inner {
            Some(inner) if !inner.contains('{') => {
                parts.push(Part::Placeholder(Placeholder::parse(inner, &name)?))
            }
            _ => return Err(lone_brace(text)),
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

impl<'a> Part<'a> {
    /// Validates that a placeholder is no secret, or one that is allowed here.
    pub(super) fn check_secret(&self, secrets: Secrets<'_>) -> Result<(), String> {
        let Self::Placeholder(placeholder) = self else {
            return Ok(());
        };
        let word = placeholder.name.word();
        match (placeholder.name, secrets) {
            (Name::ClientSecret | Name::Secret(_), Secrets::None) => Err(is_secret(&word)),
            (Name::Secret(name), Secrets::Of(known)) if !known.contains_key(name) => {
                let known: Vec<_> = known.keys().map(|name| format!("secret.{name}")).collect();
                Err(match known.is_empty() {
                    true => format!("`{{{word}}}` is not known; the profile has no `secret`"),
                    false => unknown(&word, &known),
                })
            }
            (Name::ClientSecret | Name::Secret(_), _)
                if !placeholder.filters.is_empty()
                    || matches!(placeholder.unset, Unset::Fallback(_)) =>
            {
                Err(format!(
                    "`{{{word}}}` is secret, so it can't have a fallback or filters"
                ))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn check<'b>(
        &self,
        mut extra: impl Iterator<Item = &'b String> + Clone,
    ) -> Result<(), String> {
        match self {
            Self::Placeholder(Placeholder {
                name: Name::Extra(name),
                ..
            }) if !extra.clone().any(|known| known == name) => {
                let known: Vec<_> = extra.by_ref().map(|name| format!("extra.{name}")).collect();
                Err(unknown(&format!("extra.{name}"), &known))
            }
            _ => Ok(()),
        }
    }
}

impl<'a, N> Placeholder<'a, N> {
    fn parse(inner: &'a str, name: impl Fn(&'a str) -> Result<N, String>) -> Result<Self, String> {
        let (word, filters) = inner.split_once('|').unwrap_or((inner, ""));
        let (word, unset) = match word.split_once(':') {
            Some((word, fallback)) => (word, Unset::Fallback(fallback)),
            None => match word.strip_suffix('?') {
                Some(word) => (word, Unset::DropEntry),
                None => (word, Unset::Reject),
            },
        };
        let placeholder = Self {
            name: name(word)?,
            unset,
            filters,
        };
        if inner.contains('|') {
            filters.split('|').try_for_each(|word| match filter(word) {
                Some(_) => Ok(()),
                None => Err(unknown_filter(word)),
            })?;
        }
        Ok(placeholder)
    }

    /// Returns a placeholder without fallback and filters.
    pub(super) fn plain(name: N) -> Self {
        Self {
            name,
            unset: Unset::Reject,
            filters: "",
        }
    }

    pub(super) fn has_fallback_or_filters(&self) -> bool {
        !self.filters.is_empty() || matches!(self.unset, Unset::Fallback(_))
    }

    /// Applies the filters to a value, from left to right.
    pub(crate) fn filtered(&self, value: String) -> String {
        let filters = self.filters.split('|').filter_map(filter);
        filters.fold(value, |value, filter| filter(&value))
    }
}

impl<'a> Name<'a> {
    fn parse(word: &'a str) -> Result<Self, String> {
        if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == word) {
            return Ok(*name);
        }
        if let Some(name) = word.strip_prefix("extra.").filter(|name| !name.is_empty()) {
            return Ok(Self::Extra(name));
        }
        if let Some(name) = word.strip_prefix("secret.").filter(|name| !name.is_empty()) {
            return Ok(Self::Secret(name));
        }
        if SETTINGS.iter().any(|s| s.secret && s.name == word) {
            return Err(is_secret(word));
        }
        let known: Vec<_> = NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
        Err(unknown(word, &known))
    }

    /// Returns the name as it is written.
    pub(super) fn word(self) -> String {
        let found = NAMES.iter().find(|(_, name)| *name == self);
        found.map_or_else(|| self.setting(), |(word, _)| (*word).to_owned())
    }

    /// Returns the setting that provides the value.
    pub(crate) fn setting(self) -> String {
        match self {
            Self::Extra(name) => format!("extra.{name}"),
            Self::Secret(name) => format!("secret.{name}"),
            Self::CertSha256 | Self::CertSha1 | Self::SpkiSha256 => "private_key".to_owned(),
            other => {
                let found = NAMES.iter().find(|(_, name)| *name == other);
                found.map_or_else(String::new, |(word, _)| (*word).to_owned())
            }
        }
    }
}

fn filter(word: &str) -> Option<Filter> {
    let found = FILTERS.iter().find(|(known, _)| *known == word);
    found.map(|(_, filter)| *filter)
}

fn is_secret(word: &str) -> String {
    format!("`{{{word}}}` is secret, and templates can't contain secrets")
}

fn unknown(word: &str, known: &[String]) -> String {
    let shown: String = word.chars().take(64).collect();
    let meant = match nearest(word, known) {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None if known.is_empty() => "the profile has no `extra`".to_owned(),
        None => format!("expected one of {}", known.join(", ")),
    };
    format!("`{{{shown}}}` is not known; {meant}")
}

fn unknown_filter(word: &str) -> String {
    if word.ends_with('?') || word.contains(':') {
        return "`?` and `:` come right after the name, before the filters".to_owned();
    }
    let shown: String = word.chars().take(64).collect();
    let known: Vec<_> = FILTERS.iter().map(|(name, _)| *name).collect();
    let meant = match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `|{near}`?"),
        None => format!("expected one of {}", known.join(", ")),
    };
    format!("the filter `|{shown}` is not known; {meant}")
}
