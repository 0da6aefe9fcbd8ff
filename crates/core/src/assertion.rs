//! Assertions: signed JWTs that request a token or authenticate the client (RFC 7523 section 3).

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::app::no_certificate;
use crate::profile::ClientAudience;
use crate::{App, ClientAuth, Error, ErrorKind, GrantKind, Moment, Random, Signer, Url};
use crate::{jws, random};

/// Builds the assertion of the `jwt-bearer` grant type.
pub(crate) fn of_grant(app: App<'_>, now: Moment, random: &dyn Random) -> Result<String, Error> {
    let rules = &app.profile.assertion;
    let scope = rules
        .scope_claim
        .then(|| app.joined_scopes(GrantKind::JwtBearer));
    let assertion = Assertion {
        subject: app.policy.subject.as_deref(),
        audience: app.policy.audience.as_deref().or(token_url(app)),
        scope: scope.filter(|scope| !scope.is_empty()),
        jwt_id: rules.jwt_id,
        adds_claims: true,
    };
    sign(app, app.client.require_signer()?, assertion, now, random)
}

/// Builds the assertion that authenticates the client.
pub(crate) fn of_client(
    app: App<'_>,
    signer: &dyn Signer,
    now: Moment,
    random: &dyn Random,
) -> Result<String, Error> {
    let rules = &app.profile.assertion;
    let endpoints = app.endpoints;
    let by_issuer = rules.client_audience == ClientAudience::Issuer;
    let issuer = endpoints.issuer.as_deref();
    let issuer = issuer.filter(|_| endpoints.issuer_is_set || by_issuer);
    let base = endpoints.base_url.as_ref().filter(|_| by_issuer);
    let audience = issuer.or(base.map(Url::as_str)).or(token_url(app));
    let assertion = Assertion {
        subject: Some(app.client.id.as_str()),
        audience,
        scope: None,
        // OpenID Connect Core section 9 requires it.
        jwt_id: true,
        adds_claims: app.policy.grant != GrantKind::JwtBearer,
    };
    sign(app, signer, assertion, now, random)
}

fn token_url(app: App<'_>) -> Option<&str> {
    app.endpoints.token_url.as_ref().map(Url::as_str)
}

/// Checks that the templates for assertions have all they need, so that a missing setting is
/// reported when the connection is built, not with its first request.
pub(crate) fn check(app: App<'_>) -> Result<(), Error> {
    let signer = match (app.policy.grant, app.client.auth) {
        (GrantKind::JwtBearer, _) | (_, ClientAuth::PrivateKeyJwt) => {
            Some(app.client.require_signer()?)
        }
        (_, ClientAuth::ClientSecretJwt) => None,
        _ => return Ok(()),
    };
    add_claims(app, signer, &mut Members::default())?;
    add_header(app, signer, &mut Members::default())
}

fn add_claims<'a>(
    app: App<'a>,
    signer: Option<&'a dyn Signer>,
    claims: &mut Members<'a>,
) -> Result<(), Error> {
    let entries = &app.profile.assertion.claims;
    for entry in app.fill("assertion.claims", entries, signer) {
        let (name, value) = entry?;
        claims.set(name, value);
    }
    Ok(())
}

fn add_header<'a>(
    app: App<'a>,
    signer: Option<&'a dyn Signer>,
    header: &mut Members<'a>,
) -> Result<(), Error> {
    let rules = &app.profile.assertion;
    for entry in app.fill("assertion.header", &rules.header, signer) {
        let (name, value) = entry?;
        header.set(name, value);
    }
    if rules.x5c {
        let chain = signer.map(Signer::certificates).unwrap_or_default();
        if chain.is_empty() {
            let vendor = &app.profile.name;
            return Err(no_certificate(&format!("{vendor}'s `assertion.x5c`")));
        }
        let chain: Vec<_> = chain.iter().map(|certificate| certificate.x5c()).collect();
        header.add("x5c", Some(chain));
    }
    Ok(())
}

/// Builds and signs an assertion of either kind. Limits the lifetime of both.
fn sign(
    app: App<'_>,
    signer: &dyn Signer,
    assertion: Assertion<'_>,
    now: Moment,
    random: &dyn Random,
) -> Result<String, Error> {
    let rules = &app.profile.assertion;
    let issued_at = now.unix_s() - i64::from(rules.backdate_s);
    let expires = now.unix_s() + lifetime(app).as_secs() as i64;
    let jwt_id = assertion.jwt_id.then(|| random::word(random)).transpose()?;
    let mut claims = Members::default();
    claims.add("iss", app.client.known_id());
    claims.add("sub", assertion.subject);
    claims.add("aud", assertion.audience);
    claims.add("scope", assertion.scope);
    claims.add("iat", rules.issued_at.then_some(issued_at));
    claims.add("nbf", rules.not_before.then_some(issued_at));
    claims.add("exp", Some(expires));
    claims.add("jti", jwt_id);
    if assertion.adds_claims {
        add_claims(app, Some(signer), &mut claims)?;
    }
    let mut header = Members::default();
    header.add("alg", Some(signer.algorithm().as_str()));
    header.add("typ", Some("JWT"));
    header.add("kid", signer.key_id());
    add_header(app, Some(signer), &mut header)?;
    Ok(jws::sign_with_header(
        signer,
        &header.json()?,
        &claims.json()?,
    )?)
}

/// Returns how long an assertion is valid from now.
pub(crate) fn lifetime(app: App<'_>) -> Duration {
    let rules = &app.profile.assertion;
    // Servers measure the lifetime from `iat`, which is backdated.
    let max = rules.max_ttl_s.saturating_sub(rules.backdate_s);
    app.policy
        .assertion_ttl
        .min(Duration::from_secs(max.into()))
}

/// The claims that differ between grant assertions and client assertions.
struct Assertion<'a> {
    subject: Option<&'a str>,
    audience: Option<&'a str>,
    scope: Option<String>,
    jwt_id: bool,
    /// Whether the profile's claims are added.
    adds_claims: bool,
}

/// The members of a JWT header or claims set, in order.
#[derive(Default)]
struct Members<'a>(Vec<(&'a str, Value)>);

impl<'a> Members<'a> {
    fn add(&mut self, name: &'a str, value: Option<impl Into<Value>>) {
        let member = value.map(|value| (name, value.into()));
        self.0.extend(member);
    }

    /// Replaces the member of this name, or appends it. `None` removes the member.
    fn set(&mut self, name: &'a str, value: Option<Value>) {
        let at = self.0.iter().position(|(known, _)| *known == name);
        match (at, value) {
            (Some(at), Some(value)) => self.0[at].1 = value,
            (Some(at), None) => drop(self.0.remove(at)),
            (None, value) => self.add(name, value),
        }
    }

    fn json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("the assertion cannot be encoded: {error}"),
            )
        })
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (*name, value)))
    }
}
