//! What an ID token has to say to be believed.

use std::time::Duration;

use serde_json::{Map, Value};

use super::IdToken;
use crate::jws::{Algorithm, Verified};
use crate::{Error, ErrorKind, Moment, Secret};

/// Clocks are allowed to differ this much unless told otherwise.
const USUAL_LEEWAY: Duration = Duration::from_secs(60);
/// `sub` is at most this long (OpenID Connect Core 1.0 section 2).
const MOST_SUBJECT_BYTES: usize = 255;

/// What an ID token has to say to be believed (OpenID Connect Core 1.0 section 3.1.3.7).
///
/// # Example
///
/// ```
/// use countersign_core::jws::{self, Algorithm, KeySigner, VerificationKey};
/// use countersign_core::{Clock, IdTokenRules, ManualClock, PrivateKey};
///
/// # let secret = "a secret of at least thirty-two bytes";
/// # let signer = KeySigner::new(PrivateKey::from_secret(secret), Some(Algorithm::HS256), None)?;
/// # let token = jws::sign(&signer, br#"{"iss":"https://login.acme.example","sub":"joe",
/// #     "aud":"app","exp":1700000600,"iat":1700000000,"nonce":"n-0S6_WzA2Mj"}"#, Some("JWT"))?;
/// # let key = VerificationKey::hmac(secret, Algorithm::HS256)?;
/// let rules = IdTokenRules::new("https://login.acme.example", "app").nonce("n-0S6_WzA2Mj");
/// let now = ManualClock::at(1_700_000_005).now();
/// let id_token = rules.check(jws::verify(&token, &key)?, now)?;
/// assert_eq!(id_token.subject, "joe");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdTokenRules<'a> {
    issuer: &'a str,
    client_id: &'a str,
    other_audiences: &'a [&'a str],
    nonce: Nonce<'a>,
    access_token: Option<&'a Secret>,
    code: Option<&'a Secret>,
    max_age: Option<Duration>,
    leeway: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Nonce<'a> {
    /// None was sent, so none may come.
    Absent,
    /// The one that was sent must come.
    Required(&'a str),
    /// After a refresh: if one comes, it is the login's.
    IfPresent(&'a str),
}

impl<'a> IdTokenRules<'a> {
    /// Tokens of this issuer for this client, compared byte for byte.
    pub fn new(issuer: &'a str, client_id: &'a str) -> Self {
        Self {
            issuer,
            client_id,
            other_audiences: &[],
            nonce: Nonce::Absent,
            access_token: None,
            code: None,
            max_age: None,
            leeway: USUAL_LEEWAY,
        }
    }

    /// The nonce that the login sent: the token must have it.
    #[must_use]
    pub fn nonce(mut self, sent: &'a str) -> Self {
        self.nonce = Nonce::Required(sent);
        self
    }

    /// The nonce of the login, for a token that a refresh brought: it may have none (OpenID
    /// Connect Core 1.0 section 12.2).
    #[must_use]
    pub fn nonce_if_present(mut self, sent: &'a str) -> Self {
        self.nonce = Nonce::IfPresent(sent);
        self
    }

    /// The access token that came with it: `at_hash`, if present, must be its hash (section
    /// 3.1.3.8).
    #[must_use]
    pub fn access_token(mut self, token: &'a Secret) -> Self {
        self.access_token = Some(token);
        self
    }

    /// The code that came beside it from the authorization endpoint: `c_hash` must be its hash
    /// (section 3.3.2.11).
    #[must_use]
    pub fn code(mut self, code: &'a Secret) -> Self {
        self.code = Some(code);
        self
    }

    /// Audiences besides the client that are trusted; any other has the token refused.
    #[must_use]
    pub fn trust_audiences(mut self, others: &'a [&'a str]) -> Self {
        self.other_audiences = others;
        self
    }

    /// The `max_age` that the login asked for: `auth_time` must be there and not older.
    #[must_use]
    pub fn max_age(mut self, most: Duration) -> Self {
        self.max_age = Some(most);
        self
    }

    /// How much clocks may differ; 60 seconds by default.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Judges a token whose signature was verified, with the server's key and not another's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`], saying which claim is wrong; its verdict is to log in again
    /// where the token is merely too old. No error repeats a nonce, code or token.
    pub fn check(&self, verified: Verified, now: Moment) -> Result<IdToken, Error> {
        self.judge(verified, now)
            .map_err(|error| error.in_context("the ID token is not accepted"))
    }

    fn judge(&self, verified: Verified, now: Moment) -> Result<IdToken, Error> {
        check_type(&verified)?;
        let claims = verified.claims()?;
        if claims.contains_key("events") {
            return Err(refuse("it has `events`: it is a logout or security event"));
        }
        let issuer = text(&claims, "iss")?;
        if issuer != self.issuer {
            let shown: String = issuer.chars().take(128).collect();
            return Err(refuse(format!(
                "`iss` is {shown:?}, and {:?} is expected",
                self.issuer
            )));
        }
        let subject = text(&claims, "sub")?;
        if subject.is_empty() || subject.len() > MOST_SUBJECT_BYTES || !subject.is_ascii() {
            return Err(refuse("`sub` is not 1 to 255 ASCII characters"));
        }
        self.check_audience(&claims)?;
        let (expires_at, issued_at) = self.check_times(&claims, now)?;
        self.check_nonce(&claims)?;
        self.check_hashes(&verified, &claims)?;
        Ok(IdToken {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            expires_at,
            issued_at,
            claims,
        })
    }

    /// Section 3.1.3.7 points 3 to 5.
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Error> {
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many
                .iter()
                .map(|one| one.as_str().ok_or_else(|| refuse("`aud` holds no strings")))
                .collect::<Result<_, _>>()?,
            _ => return Err(refuse("`aud` is missing or no string")),
        };
        if !audiences.contains(&self.client_id) {
            return Err(refuse("`aud` does not name this client")
                .with_hint("the token was made for another app: check client_id"));
        }
        let trusted = |one: &&str| *one == self.client_id || self.other_audiences.contains(one);
        if !audiences.iter().all(trusted) {
            return Err(refuse("`aud` names others besides this client"));
        }
        match claims.get("azp") {
            Some(party) if party == self.client_id => Ok(()),
            Some(_) => Err(refuse("`azp` is not this client")),
            None if audiences.len() > 1 => Err(refuse("`aud` names several and `azp` none")),
            None => Ok(()),
        }
    }

    /// Section 3.1.3.7 points 9, 10 and 13. All bounds are worst case by the leeway.
    fn check_times(&self, claims: &Map<String, Value>, now: Moment) -> Result<(i64, i64), Error> {
        let leeway = self.leeway.as_secs() as i64;
        let now = now.unix_s();
        let expires_at = time(claims, "exp")?.ok_or_else(|| refuse("`exp` is missing"))?;
        if now >= expires_at.saturating_add(leeway) {
            return Err(too_old("it has expired"));
        }
        let issued_at = time(claims, "iat")?.ok_or_else(|| refuse("`iat` is missing"))?;
        let ahead = [Some(issued_at), time(claims, "nbf")?];
        if ahead
            .iter()
            .flatten()
            .any(|time| *time > now.saturating_add(leeway))
        {
            return Err(refuse("it is from the future")
                .with_hint("this machine's clock or the server's is wrong"));
        }
        if let Some(most) = self.max_age {
            let at = time(claims, "auth_time")?.ok_or_else(|| refuse("`auth_time` is missing"))?;
            let most = i64::try_from(most.as_secs()).unwrap_or(i64::MAX);
            if now.saturating_sub(at) > most.saturating_add(leeway) {
                return Err(too_old("the login is older than max_age"));
            }
        }
        Ok((expires_at, issued_at))
    }

    /// Section 3.1.3.7 point 11.
    fn check_nonce(&self, claims: &Map<String, Value>) -> Result<(), Error> {
        let same = |sent: &str, came: &Value| {
            came.as_str()
                .is_some_and(|came| Secret::from(came) == Secret::from(sent))
        };
        match (self.nonce, claims.get("nonce")) {
            (Nonce::Absent | Nonce::IfPresent(_), None) => Ok(()),
            (Nonce::Required(sent) | Nonce::IfPresent(sent), Some(came)) if same(sent, came) => {
                Ok(())
            }
            (Nonce::Absent, Some(_)) => Err(refuse("it has a `nonce`, and none was sent")),
            (Nonce::Required(_), None) => Err(refuse("it has no `nonce`, and one was sent")),
            (_, Some(_)) => Err(refuse("its `nonce` is not the login's")
                .with_hint("the token belongs to another login: start again")),
        }
    }

    /// Sections 3.1.3.8 and 3.3.2.11.
    fn check_hashes(&self, verified: &Verified, claims: &Map<String, Value>) -> Result<(), Error> {
        let algorithm: Algorithm = match verified.header.get("alg").and_then(Value::as_str) {
            Some(name) => name.parse()?,
            None => return Err(refuse("its header has no `alg`")),
        };
        let fits = |value: &Value, secret: &Secret| {
            value.as_str() == Some(half_hash(algorithm, secret).as_str())
        };
        if let (Some(token), Some(hash)) = (self.access_token, claims.get("at_hash"))
            && !fits(hash, token)
        {
            return Err(refuse("its `at_hash` is not the access token's"));
        }
        match (self.code, claims.get("c_hash")) {
            (Some(code), Some(hash)) if !fits(hash, code) => {
                Err(refuse("its `c_hash` is not the code's"))
            }
            (Some(_), None) => Err(refuse("it has no `c_hash`, and it came beside a code")),
            _ => Ok(()),
        }
    }
}

/// RFC 8725 section 3.11: another kind of token says so in its `typ`.
fn check_type(verified: &Verified) -> Result<(), Error> {
    match verified.header.get("typ") {
        None => Ok(()),
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => Ok(()),
        Some(typ) => {
            let shown: String = typ.to_string().chars().take(64).collect();
            Err(refuse(format!(
                "its `typ` is {shown}: it is another kind of token"
            )))
        }
    }
}

/// The left half of the hash, by the token's own algorithm, in base64url.
fn half_hash(algorithm: Algorithm, secret: &Secret) -> String {
    let hash = algorithm.digest(secret.expose().as_bytes());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(&hash[..hash.len() / 2])
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, Error> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| refuse(format!("`{name}` is missing or no string")))
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Error> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let fraction = || value.as_f64().filter(|seconds| seconds.abs() < 1e15);
    let seconds = value
        .as_i64()
        .or_else(|| fraction().map(|s| s.floor() as i64));
    seconds
        .map(Some)
        .ok_or_else(|| refuse(format!("`{name}` is not a time in seconds")))
}

fn refuse(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Verification, why)
}

fn too_old(why: &str) -> Error {
    refuse(why)
        .with_verdict(crate::Verdict::Reauthorize)
        .with_hint("log in again")
}
