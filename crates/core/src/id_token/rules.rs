//! Validates ID tokens.

use std::time::Duration;

use serde_json::{Map, Value};

use super::IdToken;
use crate::jws::{Algorithm, Verified};
use crate::{Error, ErrorKind, Moment, Secret};

/// The default tolerance for differing clocks.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);
/// The maximum length of `sub` (OpenID Connect Core 1.0 section 2).
const MAX_SUBJECT_BYTES: usize = 255;

/// The rules for validating an ID token (OpenID Connect Core 1.0 section 3.1.3.7).
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
    /// None was sent, so the token must not have one.
    Absent,
    /// The token must have this one.
    Required(&'a str),
    /// After a refresh, the token may have this one or none.
    IfPresent(&'a str),
}

impl<'a> IdTokenRules<'a> {
    /// Accepts tokens of this issuer for this client. Both are compared byte by byte.
    pub fn new(issuer: &'a str, client_id: &'a str) -> Self {
        Self {
            issuer,
            client_id,
            other_audiences: &[],
            nonce: Nonce::Absent,
            access_token: None,
            code: None,
            max_age: None,
            leeway: DEFAULT_LEEWAY,
        }
    }

    /// Requires the nonce that the login sent.
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
    /// # let now = ManualClock::at(1_700_000_005).now();
    /// let rules = IdTokenRules::new("https://login.acme.example", "app");
    /// let sent = rules.clone().nonce("n-0S6_WzA2Mj");
    /// assert!(sent.check(jws::verify(&token, &key)?, now).is_ok());
    /// let another_login = rules.nonce("n-1T7_XaB3Nk");
    /// assert!(another_login.check(jws::verify(&token, &key)?, now).is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    #[must_use]
    pub fn nonce(mut self, sent: &'a str) -> Self {
        self.nonce = Nonce::Required(sent);
        self
    }

    /// Accepts the nonce of the login or none, for a token from a refresh (OpenID Connect Core 1.0
    /// section 12.2).
    #[must_use]
    pub fn nonce_if_present(mut self, sent: &'a str) -> Self {
        self.nonce = Nonce::IfPresent(sent);
        self
    }

    /// Checks `at_hash`, if present, against the access token that came with the ID token (section
    /// 3.1.3.8).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::{IdTokenRules, Secret};
    ///
    /// let token = Secret::new("t0ken");
    /// let rules = IdTokenRules::new("https://login.acme.example", "app").access_token(&token);
    /// ```
    #[must_use]
    pub fn access_token(mut self, token: &'a Secret) -> Self {
        self.access_token = Some(token);
        self
    }

    /// Requires `c_hash` to match the code that came with the ID token from the authorization
    /// endpoint (section 3.3.2.11).
    #[must_use]
    pub fn code(mut self, code: &'a Secret) -> Self {
        self.code = Some(code);
        self
    }

    /// Allows these audiences besides the client. A token with any other audience is rejected.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_core::IdTokenRules;
    ///
    /// let rules = IdTokenRules::new("https://login.acme.example", "app").trust_audiences(&["api"]);
    /// ```
    #[must_use]
    pub fn trust_audiences(mut self, others: &'a [&'a str]) -> Self {
        self.other_audiences = others;
        self
    }

    /// Requires an `auth_time` no older than the `max_age` that the login requested.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::IdTokenRules;
    ///
    /// let hour = Duration::from_secs(3600);
    /// let rules = IdTokenRules::new("https://login.acme.example", "app").max_age(hour);
    /// ```
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Sets how much clocks may differ. The default is 60 seconds.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use countersign_core::IdTokenRules;
    ///
    /// let rules = IdTokenRules::new("https://login.acme.example", "app").leeway(Duration::ZERO);
    /// # let _ = rules;
    /// ```
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Validates a token whose signature was verified with the server's key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`], naming the claim that is not valid. The verdict is to log in
    /// again if the token is merely too old. Errors don't contain nonces, codes or tokens.
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
    /// #     "aud":"app","exp":1700000600,"iat":1700000000}"#, Some("JWT"))?;
    /// # let key = VerificationKey::hmac(secret, Algorithm::HS256)?;
    /// let now = ManualClock::at(1_700_000_005).now();
    /// let own = IdTokenRules::new("https://login.acme.example", "app");
    /// assert_eq!(own.check(jws::verify(&token, &key)?, now)?.subject, "joe");
    /// // The token is for another app.
    /// let other = IdTokenRules::new("https://login.acme.example", "another-app");
    /// assert!(other.check(jws::verify(&token, &key)?, now).is_err());
    /// # Ok::<(), countersign_core::Error>(())
    /// ```
    pub fn check(&self, verified: Verified, now: Moment) -> Result<IdToken, Error> {
        self.validate(verified, now)
            .map_err(|error| error.in_context("the ID token was rejected"))
    }

    fn validate(&self, verified: Verified, now: Moment) -> Result<IdToken, Error> {
        check_type(&verified)?;
        let claims = verified.claims()?;
        if claims.contains_key("events") {
            return Err(rejection(
                "it has `events`, so it is a logout or security event token",
            ));
        }
        let issuer = text(&claims, "iss")?;
        if issuer != self.issuer {
            let shown: String = issuer.chars().take(128).collect();
            return Err(rejection(format!(
                "`iss` is {shown:?}, but {:?} is expected",
                self.issuer
            )));
        }
        let subject = text(&claims, "sub")?;
        if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES || !subject.is_ascii() {
            return Err(rejection("`sub` is not 1 to 255 ASCII characters"));
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

    /// Checks `aud` and `azp` (section 3.1.3.7, items 3 to 5).
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Error> {
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many
                .iter()
                .map(|one| {
                    one.as_str()
                        .ok_or_else(|| rejection("`aud` contains a value that is not a string"))
                })
                .collect::<Result<_, _>>()?,
            _ => return Err(rejection("`aud` is missing or not a string")),
        };
        if !audiences.contains(&self.client_id) {
            return Err(rejection("`aud` does not name this client")
                .with_hint("check client_id: the token was issued for another app"));
        }
        let trusted = |one: &&str| *one == self.client_id || self.other_audiences.contains(one);
        if !audiences.iter().all(trusted) {
            return Err(rejection("`aud` names other audiences besides this client"));
        }
        match claims.get("azp") {
            Some(party) if party == self.client_id => Ok(()),
            Some(_) => Err(rejection("`azp` is not this client")),
            None if audiences.len() > 1 => Err(rejection(
                "`aud` names several audiences, but `azp` is missing",
            )),
            None => Ok(()),
        }
    }

    /// Checks the times (section 3.1.3.7, items 9, 10 and 13), with the leeway.
    fn check_times(&self, claims: &Map<String, Value>, now: Moment) -> Result<(i64, i64), Error> {
        let leeway = self.leeway.as_secs() as i64;
        let now = now.unix_s();
        let expires_at = time(claims, "exp")?.ok_or_else(|| rejection("`exp` is missing"))?;
        if now >= expires_at.saturating_add(leeway) {
            return Err(too_old("it has expired"));
        }
        let issued_at = time(claims, "iat")?.ok_or_else(|| rejection("`iat` is missing"))?;
        let ahead = [Some(issued_at), time(claims, "nbf")?];
        if ahead
            .iter()
            .flatten()
            .any(|time| *time > now.saturating_add(leeway))
        {
            return Err(rejection("`iat` or `nbf` is in the future")
                .with_hint("check this machine's clock and the server's"));
        }
        if let Some(max_age) = self.max_age {
            let at =
                time(claims, "auth_time")?.ok_or_else(|| rejection("`auth_time` is missing"))?;
            let max_age = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
            if now.saturating_sub(at) > max_age.saturating_add(leeway) {
                return Err(too_old("the login is older than max_age"));
            }
        }
        Ok((expires_at, issued_at))
    }

    /// Checks the nonce (section 3.1.3.7, item 11).
    fn check_nonce(&self, claims: &Map<String, Value>) -> Result<(), Error> {
        let same = |sent: &str, claim: &Value| {
            claim
                .as_str()
                .is_some_and(|claim| Secret::from(claim) == Secret::from(sent))
        };
        match (self.nonce, claims.get("nonce")) {
            (Nonce::Absent | Nonce::IfPresent(_), None) => Ok(()),
            (Nonce::Required(sent) | Nonce::IfPresent(sent), Some(claim)) if same(sent, claim) => {
                Ok(())
            }
            (Nonce::Absent, Some(_)) => Err(rejection("it has a `nonce`, but none was sent")),
            (Nonce::Required(_), None) => Err(rejection("it has no `nonce`, but one was sent")),
            (_, Some(_)) => Err(rejection("its `nonce` does not match the login's")
                .with_hint("start a new login: the token belongs to another one")),
        }
    }

    /// Checks `at_hash` and `c_hash` (sections 3.1.3.8 and 3.3.2.11).
    fn check_hashes(&self, verified: &Verified, claims: &Map<String, Value>) -> Result<(), Error> {
        let algorithm: Algorithm = match verified.header.get("alg").and_then(Value::as_str) {
            Some(name) => name.parse()?,
            None => return Err(rejection("its header has no `alg`")),
        };
        let matches = |value: &Value, secret: &Secret| {
            value.as_str() == Some(half_hash(algorithm, secret).as_str())
        };
        if let (Some(token), Some(hash)) = (self.access_token, claims.get("at_hash"))
            && !matches(hash, token)
        {
            return Err(rejection("its `at_hash` does not match the access token"));
        }
        match (self.code, claims.get("c_hash")) {
            (Some(code), Some(hash)) if !matches(hash, code) => {
                Err(rejection("its `c_hash` does not match the code"))
            }
            (Some(_), None) => Err(rejection("it has no `c_hash`, but it came with a code")),
            _ => Ok(()),
        }
    }
}

/// Rejects tokens whose `typ` is that of another kind of token (RFC 8725 section 3.11).
fn check_type(verified: &Verified) -> Result<(), Error> {
    match verified.header.get("typ") {
        None => Ok(()),
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => Ok(()),
        Some(typ) => {
            let shown: String = typ.to_string().chars().take(64).collect();
            Err(rejection(format!(
                "its `typ` is {shown}, so it is another kind of token"
            )))
        }
    }
}

/// Returns the left half of the hash by the token's own algorithm, in base64url.
fn half_hash(algorithm: Algorithm, secret: &Secret) -> String {
    let hash = algorithm.digest(secret.expose().as_bytes());
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(&hash[..hash.len() / 2])
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<&'a str, Error> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| rejection(format!("`{name}` is missing or not a string")))
}

/// Returns a NumericDate (RFC 7519 section 2). It may have a fraction.
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
        .ok_or_else(|| rejection(format!("`{name}` is not a time in seconds")))
}

fn rejection(why: impl Into<String>) -> Error {
    Error::new(ErrorKind::Verification, why)
}

fn too_old(why: &str) -> Error {
    rejection(why)
        .with_verdict(crate::Verdict::Reauthorize)
        .with_hint("log in again")
}
