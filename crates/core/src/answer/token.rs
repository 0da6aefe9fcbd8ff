//! Reads a successful response of a token endpoint (RFC 6749 section 5.1).

use std::time::Duration;

use serde_json::Value;

use super::{Answer, Members};
use crate::{Error, ErrorKind, Secret, TokenResponse, Verdict};

/// Types of tokens that are presented with a proof, which is not made here.
const NEED_PROOF: &[&str] = &["dpop", "mac", "pop", "n_a", "hmac"];

/// Members with the lifetime of the refresh token, in seconds.
const REFRESH_LIFETIMES: &[&str] = &[
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
];

impl Answer<'_> {
    pub(super) fn read_token(&self, members: &Members) -> Result<TokenResponse, Error> {
        let access_token = self.token(members, "access_token", 0x21)?;
        let access_token = access_token.ok_or_else(|| self.flawed("`access_token` is missing"))?;
        let token_type = self.token_type(members)?;
        let refresh_token = self.token(members, "refresh_token", b' ')?;
        let id_token = self.token(members, "id_token", 0x21)?;
        let mut extra = self.connection.environment_extra().clone();
        for name in &self.connection.profile().response.keep {
            if let Some(text) = members.scalar(name) {
                extra.insert(name.clone(), text);
            }
        }
        self.connection
            .provider()
            .read(self.connection.app(), &mut extra)?;
        let told = members.member("expires_in").and_then(read_seconds);
        let expires_in = told
            .or_else(|| self.until(members, &["expires_at", "expires_on"]))
            .or_else(|| self.own_lifetime(access_token.expose()));
        Ok(TokenResponse {
            access_token,
            token_type,
            expires_in,
            refresh_token,
            refresh_token_expires_in: self.refresh_lifetime(members),
            id_token,
            scope: read_scope(members),
            extra,
        })
    }

    /// What is left by the `exp` of an access token that is a JWT (RFC 9068), for a response that
    /// does not say: told by the server's own clock, which is the one that `exp` goes by.
    fn own_lifetime(&self, access_token: &str) -> Option<Duration> {
        #[derive(serde::Deserialize)]
        struct Claims {
            exp: Value,
        }
        let parsed = crate::jws::inspect(access_token).ok()?;
        let Claims { exp } = serde_json::from_slice(&parsed.payload).ok()?;
        let exp = match exp.as_f64()? {
            milliseconds if milliseconds >= SURELY_MILLISECONDS => milliseconds / 1000.0,
            seconds => seconds,
        };
        let left = exp - self.response.date().unwrap_or(self.now.unix_s()) as f64;
        read_seconds(&left.max(0.0).into())
    }

    /// A token of visible ASCII characters, from `first` on (RFC 6749 appendices A.12 and A.17).
    fn token(&self, members: &Members, name: &str, first: u8) -> Result<Option<Secret>, Error> {
        let Some(text) = members.text(name).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        match text.bytes().position(|b| !(first..=0x7e).contains(&b)) {
            None => Ok(Some(Secret::from(text))),
            Some(at) => Err(self.flawed(&format!(
                "`{name}` has a character at byte {at} that a token cannot have (RFC 6749 appendix A)"
            ))),
        }
    }

    /// The scheme by which the token is presented (RFC 6749 section 7.1).
    fn token_type(&self, members: &Members) -> Result<String, Error> {
        let told = match members.member("token_type") {
            None | Some(Value::Null) => return Ok(BEARER.to_owned()),
            Some(Value::String(told)) => told.trim(),
            Some(_) => return Err(self.unusable_type("a value that is not text")),
        };
        // Vendors write it in all cases, and some leave it empty.
        if told.is_empty() || told.eq_ignore_ascii_case(BEARER) {
            return Ok(match told {
                "" => BEARER.to_owned(),
                told => told.to_owned(),
            });
        }
        let accepted = &self.connection.profile().response.token_types;
        let scheme = accepted
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(told));
        if let Some((_, scheme)) = scheme {
            return Ok(scheme.clone());
        }
        let is_name = told
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:/".contains(&b));
        let needs_proof = NEED_PROOF.contains(&told.to_ascii_lowercase().as_str());
        match accepted.is_empty() && is_name && !needs_proof {
            true => Ok(BEARER.to_owned()),
            false => Err(self.unusable_type(&format!("`{}`", self.redactor.clean(told)))),
        }
    }

    fn unusable_type(&self, told: &str) -> Error {
        let name = &self.connection.profile().name;
        let message =
            format!("{name} issued a token whose `token_type` is {told}, which cannot be used");
        Error::new(ErrorKind::Unreadable, message)
            .with_verdict(Verdict::FixConfiguration)
            .with_hint("set the app up for bearer tokens at the vendor, or name the type and its scheme in the profile under response.token_types")
    }

    /// A response that is nearly one of a token endpoint.
    fn flawed(&self, why: &str) -> Error {
        let origin = self.asked.origin();
        let message = format!("{origin} answered with a token that cannot be used: {why}");
        Error::new(ErrorKind::Unreadable, message)
            .with_hint("check base_url and token_url, and what stands between")
    }

    /// The time until the moment that the first of these members names, by the server's clock if
    /// the response tells it.
    fn until(&self, members: &Members, names: &[&str]) -> Option<Duration> {
        let moment = names
            .iter()
            .find_map(|name| members.member(name).and_then(read_moment))?;
        Some(self.left(moment))
    }

    fn left(&self, moment: i64) -> Duration {
        let now = self.response.date().unwrap_or(self.now.unix_s());
        let left = u64::try_from(moment.saturating_sub(now)).unwrap_or(0);
        Duration::from_secs(left).min(LONGEST)
    }

    /// How long the refresh token lives; nothing if that is not told, or is told as 0, which
    /// Keycloak has for offline tokens.
    fn refresh_lifetime(&self, members: &Members) -> Option<Duration> {
        // Some vendors put a moment into the member that is named for a lifetime.
        const SURELY_A_MOMENT: i64 = 1_000_000_000;
        let told = REFRESH_LIFETIMES
            .iter()
            .find_map(|name| members.member(name));
        let lifetime = told.and_then(|value| match read_moment(value) {
            Some(moment) if moment >= SURELY_A_MOMENT => Some(self.left(moment)),
            _ => read_seconds(value),
        });
        lifetime
            .or_else(|| self.until(members, &["refresh_token_expires_at", "refresh_expires_at"]))
            .filter(|lifetime| !lifetime.is_zero())
    }
}

const BEARER: &str = "Bearer";

/// Ten years: beyond all measure for a token.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// In seconds this is the year 5138; in milliseconds 1973.
const SURELY_MILLISECONDS: f64 = 1e11;

/// A lifetime in seconds: a number or a string of digits, clamped to what makes sense.
fn read_seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        _ => return None,
    };
    // NaN fails both comparisons and is no lifetime.
    (seconds.is_finite() || seconds > 0.0)
        .then(|| Duration::from_secs(seconds.clamp(0.0, LONGEST.as_secs() as f64) as u64))
}

/// A moment in seconds since 1970: a number of these or of milliseconds, or a date (RFC 3339).
fn read_moment(value: &Value) -> Option<i64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => number,
            Err(_) => return crate::date::parse_rfc3339(text),
        },
        _ => return None,
    };
    let seconds = match number >= SURELY_MILLISECONDS {
        true => number / 1000.0,
        false => number,
    };
    (seconds.is_finite() && seconds >= 0.0).then_some(seconds as i64)
}

/// The scopes granted, as one text with spaces between: vendors also send an array, or call the
/// member `scopes`. What a scope cannot hold (RFC 6749 section 3.3) is left out.
fn read_scope(members: &Members) -> Option<String> {
    let told = ["scope", "scopes"]
        .iter()
        .filter_map(|name| members.member(name))
        .find(|value| value.is_string() || value.is_array())?;
    let words: Vec<&str> = match told {
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .flat_map(str::split_whitespace)
            .collect(),
        told => told.as_str()?.split_ascii_whitespace().collect(),
    };
    let of_scope = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let words: Vec<_> = words
        .into_iter()
        .filter(|word| word.bytes().all(of_scope))
        .collect();
    Some(words.join(" "))
}
