//! Reads a successful response of a token endpoint (RFC 6749 section 5.1).

use std::cell::LazyCell;
use std::time::Duration;

use serde_json::Value;

use super::{Members, ResponseReader, scalar_text};
use crate::profile::{ExpiresAs, Kept, Pointer};
use crate::{Error, ErrorKind, Extra, Secret, TokenResponse, Verdict};

/// Token types that require a proof, which isn't supported.
const NEED_PROOF: &[&str] = &["dpop", "mac", "pop", "n_a", "hmac"];

/// Members that contain the lifetime of the refresh token, in seconds.
const REFRESH_LIFETIMES: &[&str] = &[
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
];

impl ResponseReader<'_> {
    pub(super) fn read_token(&self, members: &Members) -> Result<TokenResponse, Error> {
        let rules = self.rules();
        let found = |places, name| members.found(places, name);
        let access_token = found(&rules.access_token, "access_token");
        let access_token = self.token("access_token", access_token, 0x21)?;
        let access_token = access_token.ok_or_else(|| self.flawed("`access_token` is missing"))?;
        let token_type = self.token_type(found(&rules.token_type, "token_type"))?;
        let refresh_token = found(&rules.refresh_token, "refresh_token");
        let refresh_token = self.token("refresh_token", refresh_token, b' ')?;
        let id_token = self.token("id_token", found(&rules.id_token, "id_token"), 0x21)?;
        let mut extra = self.connection.environment_extra().clone();
        for name in &rules.keep {
            if let Some(text) = members.scalar(name) {
                extra.insert(name.clone(), text);
            }
        }
        self.keep(members, id_token.as_ref(), &mut extra);
        self.connection
            .provider()
            .read(self.connection.app(), &mut extra)?;
        if let Some(usage) = self.connection.app().usage() {
            usage
                .set_api_base(&mut extra)
                .map_err(|why| self.flawed(&format!("`use.api_base` can't be filled in: {why}")))?;
        }
        Ok(TokenResponse {
            expires_in: self.lifetime(members, access_token.expose()),
            access_token,
            token_type,
            refresh_token,
            refresh_token_expires_in: self.refresh_lifetime(members),
            id_token,
            scope: self.scope(members),
            extra,
        })
    }

    /// Adds the values that the profile keeps under names of its own.
    fn keep(&self, members: &Members, id_token: Option<&Secret>, extra: &mut Extra) {
        let profile = self.connection.profile();
        let claims = LazyCell::new(|| {
            let parsed = crate::jws::inspect(id_token?.expose()).ok()?;
            serde_json::from_slice::<Value>(&parsed.payload).ok()
        });
        let claim = |pointer: &Pointer| scalar_text(pointer.find(claims.as_ref()?)?);
        for (name, kept) in &profile.response.kept {
            let text = match kept {
                Kept::Body(pointer) => members.at(pointer).and_then(scalar_text),
                Kept::IdToken(pointer) => claim(pointer),
                Kept::Header(header) => self.response.header(header).map(str::to_owned),
            };
            extra.extend(text.map(|text| (name.clone(), text)));
        }
        for (name, pointer) in profile.lookup.iter().flat_map(|lookup| &lookup.id_token) {
            extra.extend(claim(pointer).map(|text| (name.clone(), text)));
        }
    }

    /// Returns the lifetime of the access token, if it is known.
    fn lifetime(&self, members: &Members, access_token: &str) -> Option<Duration> {
        let rules = self.rules();
        let value = members.found(&rules.expires_in, "expires_in");
        let stated = match rules.expires_as {
            ExpiresAs::Seconds => value.and_then(read_seconds).or_else(|| {
                // Names of other vendors, unless this one has a place of its own.
                let names = ["expires_at", "expires_on"].iter();
                let names = names.filter(|_| rules.expires_in.is_empty());
                self.until(members, names)
            }),
            ExpiresAs::Milliseconds | ExpiresAs::Minutes | ExpiresAs::Hours => {
                let unit_s = rules.expires_as.unit_s().unwrap_or(1.0);
                value.and_then(|value| read_lifetime(value, unit_s))
            }
            ExpiresAs::Rfc3339 => value
                .and_then(Value::as_str)
                .and_then(crate::date::parse_rfc3339)
                .map(|moment| self.left(moment)),
            ExpiresAs::Unix => value.and_then(|value| self.left_until(value, 1.0)),
            ExpiresAs::UnixMilliseconds => value.and_then(|value| self.left_until(value, 0.001)),
            ExpiresAs::Jwt => None,
            ExpiresAs::Never => value
                .and_then(read_seconds)
                .filter(|lifetime| !lifetime.is_zero()),
        };
        stated.or_else(|| self.own_lifetime(access_token))
    }

    /// Returns the time until a moment that is counted in this unit since 1970.
    fn left_until(&self, moment: &Value, unit_s: f64) -> Option<Duration> {
        let seconds = number(moment)? * unit_s;
        (seconds.is_finite() && seconds >= 0.0).then(|| self.left(seconds as i64))
    }

    /// Returns the remaining lifetime by the `exp` of an access token that is a JWT (RFC 9068), for
    /// a response without a lifetime. Uses the server's clock, because `exp` does.
    fn own_lifetime(&self, access_token: &str) -> Option<Duration> {
        let parsed = crate::jws::inspect(access_token).ok()?;
        let claims: Value = serde_json::from_slice(&parsed.payload).ok()?;
        let exp = match claims.get("exp")?.as_f64()? {
            milliseconds if milliseconds >= MIN_MILLISECONDS => milliseconds / 1000.0,
            seconds => seconds,
        };
        let left = exp - self.response.date().unwrap_or(self.now.unix_s()) as f64;
        read_seconds(&left.max(0.0).into())
    }

    /// Returns a value that is a token. Its characters range from `first` to `~` (RFC 6749
    /// appendices A.12 and A.17).
    fn token(&self, name: &str, found: Option<&Value>, first: u8) -> Result<Option<Secret>, Error> {
        let text = found.and_then(Value::as_str);
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        match text.bytes().position(|b| !(first..=0x7e).contains(&b)) {
            None => Ok(Some(Secret::from(text))),
            Some(at) => Err(self.flawed(&format!(
                "`{name}` has a character at byte {at} that is not allowed in a token (RFC 6749 appendix A)"
            ))),
        }
    }

    /// Returns the scheme of the `Authorization` header for the token (RFC 6749 section 7.1).
    fn token_type(&self, found: Option<&Value>) -> Result<String, Error> {
        if let Some(scheme) = &self.connection.profile().usage.scheme {
            return Ok(scheme.clone());
        }
        let reported = match found {
            None | Some(Value::Null) => return Ok(BEARER.to_owned()),
            Some(Value::String(reported)) => reported.trim(),
            Some(_) => return Err(self.unusable_type("not a string")),
        };
        // Vendors write it in upper, lower and mixed case, and some leave it empty.
        if reported.is_empty() || reported.eq_ignore_ascii_case(BEARER) {
            return Ok(match reported {
                "" => BEARER.to_owned(),
                reported => reported.to_owned(),
            });
        }
        let accepted = &self.connection.profile().response.token_types;
        let scheme = accepted
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(reported));
        if let Some((_, scheme)) = scheme {
            return Ok(scheme.clone());
        }
        let is_name = reported
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:/".contains(&b));
        let needs_proof = NEED_PROOF.contains(&reported.to_ascii_lowercase().as_str());
        match accepted.is_empty() && is_name && !needs_proof {
            true => Ok(BEARER.to_owned()),
            false => Err(self.unusable_type(&format!("`{}`", self.redactor.clean(reported)))),
        }
    }

    fn unusable_type(&self, reported: &str) -> Error {
        let name = &self.connection.profile().name;
        let message = format!(
            "{name} issued a token whose `token_type` is {reported}, which is not supported"
        );
        Error::new(ErrorKind::Unreadable, message)
            .with_verdict(Verdict::FixConfiguration)
            .with_hint("configure the app for bearer tokens at the vendor, or add the type and its scheme to response.token_types in the profile")
    }

    /// Returns the error for a token response with an invalid member.
    fn flawed(&self, why: &str) -> Error {
        let origin = self.asked.origin();
        let message = format!("{origin} returned a token that cannot be used: {why}");
        Error::new(ErrorKind::Unreadable, message)
            .with_hint("check base_url, token_url, and any proxy in between")
    }

    /// Returns the time until the first of these members that contains a moment, by the server's
    /// clock if the response has a `Date`.
    fn until<'a>(
        &self,
        members: &Members,
        mut names: impl Iterator<Item = &'a &'static str>,
    ) -> Option<Duration> {
        let moment = names.find_map(|name| members.member(name).and_then(read_moment))?;
        Some(self.left(moment))
    }

    fn left(&self, moment: i64) -> Duration {
        let now = self.response.date().unwrap_or(self.now.unix_s());
        let left = u64::try_from(moment.saturating_sub(now)).unwrap_or(0);
        Duration::from_secs(left).min(MAX_LIFETIME)
    }

    /// Returns the lifetime of the refresh token, or `None` if the response has none or it is 0, as
    /// Keycloak's is for offline tokens.
    fn refresh_lifetime(&self, members: &Members) -> Option<Duration> {
        // Some vendors put a moment into a member that is named after a lifetime.
        const MIN_MOMENT: i64 = 1_000_000_000;
        let rules = self.rules();
        let places = &rules.refresh_token_expires_in;
        let mut names = REFRESH_LIFETIMES.iter();
        let reported = match places.is_empty() {
            true => names.find_map(|name| members.member(name)),
            false => members.found(places, ""),
        };
        let unit_s = rules.expires_as.unit_s().filter(|_| !places.is_empty());
        let lifetime = reported.and_then(|value| match (unit_s, read_moment(value)) {
            (Some(unit_s), _) => read_lifetime(value, unit_s),
            (None, Some(moment)) if moment >= MIN_MOMENT => Some(self.left(moment)),
            (None, _) => read_seconds(value),
        });
        let ends = ["refresh_token_expires_at", "refresh_expires_at"].iter();
        lifetime
            .or_else(|| self.until(members, ends.filter(|_| places.is_empty())))
            .filter(|lifetime| !lifetime.is_zero())
    }

    /// Returns the granted scopes, separated by spaces. Vendors also send an array, or a member
    /// `scopes`. Words that aren't scopes (RFC 6749 section 3.3) are dropped.
    fn scope(&self, members: &Members) -> Option<String> {
        let is_scope = |value: &&Value| value.is_string() || value.is_array();
        let places = &self.rules().scope;
        let reported = match places.is_empty() {
            true => ["scope", "scopes"]
                .iter()
                .filter_map(|name| members.member(name))
                .find(is_scope),
            false => members.found(places, "").filter(is_scope),
        }?;
        let rules = self.connection.app().request_rules(self.grant.kind());
        let of_requests = rules.map_or(" ", |rules| rules.scope_separator.as_str());
        let own = self.rules().scope_separator.as_deref();
        read_scope(reported, own.unwrap_or(of_requests))
    }
}

const BEARER: &str = "Bearer";

/// The maximum lifetime of a token: ten years.
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The minimum of a moment in milliseconds: the year 1973. In seconds, this is the year 5138.
const MIN_MILLISECONDS: f64 = 1e11;

/// Reads a lifetime in seconds, a number or a string of digits, limited to [`MAX_LIFETIME`].
fn read_seconds(value: &Value) -> Option<Duration> {
    read_lifetime(value, 1.0)
}

/// Reads a lifetime in this unit, limited to [`MAX_LIFETIME`].
fn read_lifetime(value: &Value, unit_s: f64) -> Option<Duration> {
    let seconds = number(value)? * unit_s;
    // NaN fails both comparisons and is no lifetime.
    (seconds.is_finite() || seconds > 0.0)
        .then(|| Duration::from_secs(seconds.clamp(0.0, MAX_LIFETIME.as_secs() as f64) as u64))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Reads a moment, in seconds since 1970. Vendors send seconds, milliseconds or dates (RFC 3339).
fn read_moment(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => number,
            Err(_) => return crate::date::parse_rfc3339(text),
        },
        _ => return None,
    };
    let seconds = match number >= MIN_MILLISECONDS {
        true => number / 1000.0,
        false => number,
    };
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds as i64)
}

/// Reads scopes that this or a space separates.
fn read_scope(reported: &Value, separator: &str) -> Option<String> {
    let texts = match reported {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        reported => vec![reported.as_str()?],
    };
    let words = texts.into_iter().flat_map(|text| text.split(separator));
    let words: Vec<_> = words.flat_map(str::split_whitespace).collect();
    let of_scope = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let words: Vec<_> = words
        .into_iter()
        .filter(|word| word.bytes().all(of_scope))
        .collect();
    Some(words.join(" "))
}
