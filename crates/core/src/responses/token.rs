//! Reads a successful response of a token endpoint (RFC 6749 section 5.1).

use std::time::Duration;

use serde_json::Value;

use super::{Members, ResponseReader};
use crate::{Error, ErrorKind, Secret, TokenResponse, Verdict};

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
        let reported = members.member("expires_in").and_then(read_seconds);
        let expires_in = reported
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

    /// Returns the remaining lifetime by the `exp` of an access token that is a JWT (RFC 9068), for
    /// a response without a lifetime. Uses the server's clock, because `exp` does.
    fn own_lifetime(&self, access_token: &str) -> Option<Duration> {
        #[derive(serde::Deserialize)]
        struct Claims {
            exp: Value,
        }
        let parsed = crate::jws::inspect(access_token).ok()?;
        let Claims { exp } = serde_json::from_slice(&parsed.payload).ok()?;
        let exp = match exp.as_f64()? {
            milliseconds if milliseconds >= MIN_MILLISECONDS => milliseconds / 1000.0,
            seconds => seconds,
        };
        let left = exp - self.response.date().unwrap_or(self.now.unix_s()) as f64;
        read_seconds(&left.max(0.0).into())
    }

    /// Returns a member that is a token. Its characters range from `first` to `~` (RFC 6749
    /// appendices A.12 and A.17).
    fn token(&self, members: &Members, name: &str, first: u8) -> Result<Option<Secret>, Error> {
        let Some(text) = members.text(name).filter(|text| !text.is_empty()) else {
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
    fn token_type(&self, members: &Members) -> Result<String, Error> {
        let reported = match members.member("token_type") {
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
    fn until(&self, members: &Members, names: &[&str]) -> Option<Duration> {
        let moment = names
            .iter()
            .find_map(|name| members.member(name).and_then(read_moment))?;
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
        let reported = REFRESH_LIFETIMES
            .iter()
            .find_map(|name| members.member(name));
        let lifetime = reported.and_then(|value| match read_moment(value) {
            Some(moment) if moment >= MIN_MOMENT => Some(self.left(moment)),
            _ => read_seconds(value),
        });
        lifetime
            .or_else(|| self.until(members, &["refresh_token_expires_at", "refresh_expires_at"]))
            .filter(|lifetime| !lifetime.is_zero())
    }
}

const BEARER: &str = "Bearer";

/// The maximum lifetime of a token: ten years.
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The minimum of a moment in milliseconds: the year 1973. In seconds, this is the year 5138.
const MIN_MILLISECONDS: f64 = 1e11;

/// Reads a lifetime in seconds, a number or a string of digits, limited to [`MAX_LIFETIME`].
fn read_seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok()?,
        _ => return None,
    };
    // NaN fails both comparisons and is no lifetime.
    (seconds.is_finite() || seconds > 0.0)
        .then(|| Duration::from_secs(seconds.clamp(0.0, MAX_LIFETIME.as_secs() as f64) as u64))
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

/// Reads the granted scopes, separated by spaces. Vendors also send an array, or a member `scopes`.
/// Words that aren't scopes (RFC 6749 section 3.3) are dropped.
fn read_scope(members: &Members) -> Option<String> {
    let reported = ["scope", "scopes"]
        .iter()
        .filter_map(|name| members.member(name))
        .find(|value| value.is_string() || value.is_array())?;
    let words: Vec<&str> = match reported {
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .flat_map(str::split_whitespace)
            .collect(),
        reported => reported.as_str()?.split_ascii_whitespace().collect(),
    };
    let of_scope = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let words: Vec<_> = words
        .into_iter()
        .filter(|word| word.bytes().all(of_scope))
        .collect();
    Some(words.join(" "))
}
