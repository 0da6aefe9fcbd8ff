//! Templates that are filled in once there is a token: its headers, its API and its lookup.

use std::collections::BTreeMap;

use super::template::{Unset, filter, lone_brace, unknown_filter};
use crate::nearest::nearest;
use crate::{Error, Url, form};

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
}

/// Why a template can't be filled in.
#[derive(Debug, PartialEq)]
pub(crate) enum Unfilled {
    /// This has no value.
    Missing(String),
    /// A value isn't allowed where it stands, or the result isn't a URL.
    Invalid(String),
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Placeholder {
        name: &'a str,
        unset: Unset<'a>,
        filters: &'a str,
    },
}

const BASE_URL: &str = "base_url";
const USERINFO: &str = "userinfo";

impl<'a> Values<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let value = match (name.strip_prefix("extra."), name.strip_prefix("kept.")) {
            (Some(setting), _) => self.settings.get(setting).map(String::as_str),
            (_, Some(kept)) => self.kept.get(kept).map(String::as_str),
            _ if name == BASE_URL => self.base_url,
            _ if name == USERINFO => self.userinfo,
            _ => Some(self.client_id),
        };
        value.filter(|value| !value.is_empty())
    }

    /// Returns the value, or `None` if the whole text is omitted.
    fn fill(
        &self,
        name: &'a str,
        unset: Unset<'a>,
        filters: &str,
    ) -> Result<Option<String>, Unfilled> {
        let value = match (self.get(name), unset) {
            (Some(value), _) => value,
            (None, Unset::Fallback(text)) => text,
            (None, Unset::DropEntry) => return Ok(None),
            (None, Unset::Reject) => return Err(Unfilled::Missing(name.to_owned())),
        };
        let filters = filters.split('|').filter_map(filter);
        let value = filters.fold(value.to_owned(), |value, filter| filter(&value));
        Ok(Some(value))
    }
}

/// Fills in a text that was checked. Returns `None` if it is omitted.
pub(crate) fn fill<'a>(template: &'a str, values: Values<'a>) -> Result<Option<String>, Unfilled> {
    let mut text = String::new();
    for piece in pieces(template).map_err(Unfilled::Invalid)? {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Placeholder {
                name,
                unset,
                filters,
            } => match values.fill(name, unset, filters)? {
                Some(value) => text.push_str(&value),
                None => return Ok(None),
            },
        }
    }
    Ok(Some(text))
}

/// Fills in a URL that was checked. Returns `None` if it is omitted.
pub(crate) fn fill_url<'a>(template: &'a str, values: Values<'a>) -> Result<Option<Url>, Unfilled> {
    let mut url = String::new();
    for piece in pieces(template).map_err(Unfilled::Invalid)? {
        match piece {
            // A path can't be appended to a query.
            Piece::Text(text) if text.starts_with('/') && url.contains('?') => {
                let why = format!("it has a query, so that `{text}` can't follow");
                return Err(Unfilled::Invalid(why));
            }
            Piece::Text(text) => url.push_str(text),
            Piece::Placeholder {
                name,
                unset,
                filters,
            } => match values.fill(name, unset, filters)? {
                Some(value) => append(&mut url, name, &value).map_err(Unfilled::Invalid)?,
                None => return Ok(None),
            },
        }
    }
    Url::parse(&url).map(Some).map_err(not_a_url)
}

fn not_a_url(error: Error) -> Unfilled {
    Unfilled::Invalid(error.message().to_owned())
}

/// Appends a value to the beginning of a URL, as the place allows.
fn append(url: &mut String, name: &str, value: &str) -> Result<(), String> {
    let in_host = match url.split_once("://") {
        // The value is the beginning.
        None => {
            let base = Url::parse(value).map_err(|error| error.message().to_owned())?;
            url.push_str(base.as_str().trim_end_matches('/'));
            return Ok(());
        }
        Some((_, rest)) => !rest.contains(['/', '?']),
    };
    match in_host {
        true => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
            if value.is_empty() || !value.bytes().all(allowed) {
                return Err(format!(
                    "`{name}` can't be part of a host name: it must consist of letters, digits, `-` and `.`"
                ));
            }
            url.push_str(value);
        }
        false if matches!(value, "" | "." | "..") => {
            return Err(format!("`{name}` can't be part of a URL: it is `{value}`"));
        }
        false => form::percent_encode_into(value, url),
    }
    Ok(())
}

/// The placeholders that a field may have besides `{client_id}`, `{extra.NAME}` and `{kept.NAME}`.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Also {
    Nothing,
    Urls,
}

/// Checks a text. `settings` are the profile's `extra`, and `kept` what a token can have.
pub(super) fn check(
    template: &str,
    settings: &BTreeMap<String, String>,
    kept: &[&str],
    also: Also,
) -> Result<(), String> {
    for piece in pieces(template)? {
        let Piece::Placeholder { name, filters, .. } = piece else {
            continue;
        };
        let mut known = vec!["client_id".to_owned()];
        if also == Also::Urls {
            known.extend([BASE_URL, USERINFO].map(str::to_owned));
        }
        known.extend(settings.keys().map(|name| format!("extra.{name}")));
        known.extend(kept.iter().map(|name| format!("kept.{name}")));
        if !known.iter().any(|known| known == name) {
            return Err(unknown(name, &known));
        }
        if !filters.is_empty() {
            filters.split('|').try_for_each(|word| match filter(word) {
                Some(_) => Ok(()),
                None => Err(unknown_filter(word)),
            })?;
        }
    }
    Ok(())
}

/// Checks a text that is a URL, in addition to [`check`].
pub(super) fn check_url(template: &str) -> Result<(), String> {
    let mut sample = String::new();
    let mut pieces = pieces(template)?.into_iter().peekable();
    if let Some(Piece::Placeholder { name, unset, .. }) = pieces.peek() {
        let (name, unset) = (*name, *unset);
        if matches!(name, "client_id") || name.starts_with("extra.") {
            return Err("it must begin with `https://` or with a whole URL".into());
        }
        if let Unset::Fallback(text) = unset {
            Url::parse(text).map_err(|error| error.message().to_owned())?;
        }
        pieces.next();
        sample.push_str("https://host.example");
        if let Some(Piece::Text(text)) = pieces.peek()
            && !text.starts_with(['/', '?'])
        {
            return Err("a whole URL must be followed by `/`".into());
        }
        if let Some(Piece::Placeholder { .. }) = pieces.peek() {
            return Err("a whole URL must be followed by `/`".into());
        }
    }
    for piece in pieces {
        match piece {
            Piece::Text(text) => sample.push_str(text),
            Piece::Placeholder { name, .. } if [BASE_URL, USERINFO].contains(&name) => {
                return Err(format!("`{{{name}}}` is a whole URL and must come first"));
            }
            Piece::Placeholder { name, .. } => {
                let value = if sample.contains("://") { "x" } else { "" };
                append(&mut sample, name, value)?;
            }
        }
    }
    Url::parse(&sample).map_err(|error| error.message().to_owned())?;
    Ok(())
}

/// Returns the values `kept.NAME` that a text needs.
pub(crate) fn kept_names(template: &str) -> Vec<&str> {
    let pieces = pieces(template).unwrap_or_default();
    let names = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Placeholder { name, .. } => name.strip_prefix("kept."),
        Piece::Text(_) => None,
    });
    names.collect()
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let (inner, after) = inner
            .filter(|(inner, _)| !inner.contains('{'))
            .ok_or_else(|| lone_brace(text))?;
        rest = after;
        let (name, filters) = inner.split_once('|').unwrap_or((inner, ""));
        let (name, unset) = match name.split_once(':') {
            Some((name, fallback)) => (name, Unset::Fallback(fallback)),
            None => match name.strip_suffix('?') {
                Some(name) => (name, Unset::DropEntry),
                None => (name, Unset::Reject),
            },
        };
        pieces.push(Piece::Placeholder {
            name,
            unset,
            filters,
        });
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
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
