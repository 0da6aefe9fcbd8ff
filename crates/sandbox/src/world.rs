//! The state that all requests share: clock, policy, registry, tokens, pending faults and log.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    Error, Options, Policy, Provider, Rotation,
    exchange::Call,
    faults::Fault,
    log::Log,
    registry::{self, KeyRing, Registry},
    tokens::{Access, Grant, Refresh, State, Tokens},
};

/// The state of a sandbox. One lock protects it.
pub(crate) struct World {
    pub(crate) policy: Policy,
    first_policy: Policy,
    clock_offset: i64,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) registry: Registry,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Vec<Fault>,
    pub(crate) log: Log,
    /// The origin of the login hosts, `scheme://127.0.0.1:port`.
    pub(crate) origin: String,
    /// The origin that emulates a Salesforce My Domain, `scheme://localhost:port`.
    pub(crate) my_domain: String,
    pub(crate) redirect_uris: Vec<String>,
    first_redirect_uris: Vec<String>,
    /// The number of resets. Endless responses stop when it changes.
    pub(crate) epoch: u64,
    seeds: Vec<(String, &'static str, Provider)>,
}

impl World {
    pub(crate) fn new(options: &Options, origin: String, my_domain: String) -> Result<Self, Error> {
        let keys = KeyRing::for_this_process()?;
        let registry = Registry::new(&keys);
        let policy = Policy {
            strict: options.strict,
            rotation: options.rotation,
            access_ttl_s: options.access_ttl_s,
            skew_s: options.skew_s,
            ..Policy::default()
        };
        let seed = |provider, client| {
            let grant = Grant {
                provider,
                client_id: client,
                user: String::new(),
                scopes: Vec::new(),
                family: 0,
            };
            refresh_token(&grant)
        };
        let seeds = [
            (registry::DOCUSIGN_WEB, Provider::Docusign),
            (registry::SALESFORCE_WEB, Provider::Salesforce),
            (registry::BOLDSIGN_WEB, Provider::Boldsign),
        ]
        .map(|(client, provider)| (seed(provider, client.to_owned()), client, provider));
        let mut world = Self {
            policy: policy.clone(),
            first_policy: policy,
            clock_offset: 0,
            keys,
            registry,
            tokens: Tokens::default(),
            faults: Vec::new(),
            log: Log::default(),
            origin,
            my_domain,
            redirect_uris: options.redirect_uris.clone(),
            first_redirect_uris: options.redirect_uris.clone(),
            epoch: 0,
            seeds: seeds.into(),
        };
        world.plant_seeds();
        Ok(world)
    }

    /// Restores the initial state. The refresh tokens in `connections.toml` become valid again.
    pub(crate) fn reset(&mut self) {
        self.policy = self.first_policy.clone();
        self.redirect_uris.clone_from(&self.first_redirect_uris);
        self.clock_offset = 0;
        self.registry.consent_as_at_start();
        self.tokens = Tokens::default();
        self.faults.clear();
        self.log.clear();
        self.epoch += 1;
        self.plant_seeds();
    }

    pub(crate) fn seeded_refresh_token(&self, provider: Provider) -> &str {
        let found = self.seeds.iter().find(|s| s.2 == provider);
        found.map_or("", |s| &s.0)
    }

    /// Returns the time by the sandbox's clock, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        let real = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(real.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_add(self.clock_offset.saturating_mul(1000))
    }

    /// Returns the time by the sandbox's clock, in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    pub(crate) fn set_clock_offset(&mut self, seconds: i64) {
        // A thousand years either way are enough for tests and can't overflow.
        self.clock_offset = seconds.clamp(-31_536_000_000, 31_536_000_000);
    }

    pub(crate) fn clock_offset(&self) -> i64 {
        self.clock_offset
    }

    /// Returns the rotation of `provider`: the policy's, or else the vendor's default.
    pub(crate) fn rotation(&self, provider: Provider) -> Rotation {
        self.policy.rotation.unwrap_or(match provider {
            // We haven't verified whether DocuSign's old refresh token stays valid. It does here,
            // unless `strict` is set.
            Provider::Docusign if self.policy.strict => Rotation::On,
            Provider::Docusign | Provider::Salesforce => Rotation::Off,
            Provider::Boldsign => Rotation::On,
        })
    }

    pub(crate) fn issue_access(&mut self, grant: &Grant, token: String, own_ttl_s: u64) -> u64 {
        let ttl = self.policy.access_ttl_s.unwrap_or(own_ttl_s);
        let now = self.now();
        let access = Access {
            grant: grant.clone(),
            issued_at: now,
            expires_at: now.saturating_add_unsigned(ttl),
            revoked: false,
        };
        self.tokens.access.insert(token, access);
        ttl
    }

    /// Issues a refresh token whose family began at `born`.
    pub(crate) fn issue_refresh(
        &mut self,
        grant: &Grant,
        born: i64,
        expires_at: Option<i64>,
    ) -> String {
        let token = refresh_token(grant);
        let refresh = Refresh {
            grant: grant.clone(),
            born,
            expires_at,
            state: State::Live,
        };
        self.tokens.refresh.insert(token.clone(), refresh);
        token
    }

    /// Returns when a refresh token that counts from `born` expires.
    ///
    /// `own_ttl_s` is the vendor's lifetime; the policy overrides it.
    pub(crate) fn refresh_end(&self, born: i64, own_ttl_s: Option<u64>) -> Option<i64> {
        let ttl = self.policy.refresh_ttl_s.or(own_ttl_s)?;
        Some(born.saturating_add_unsigned(ttl))
    }

    /// Validates a presented refresh token.
    ///
    /// With [`Rotation::ReuseKills`], a replaced token revokes its family. With
    /// [`Rotation::Grace`], it works until its successor is used.
    pub(crate) fn present_refresh(
        &mut self,
        provider: Provider,
        token: &str,
        client_id: &str,
    ) -> Result<Refresh, Rejection> {
        let now = self.now();
        let found = self
            .tokens
            .refresh
            .get(token)
            .cloned()
            .ok_or(Rejection::Unknown)?;
        if found.grant.client_id != client_id {
            return Err(Rejection::Foreign);
        }
        if found.expires_at.is_some_and(|end| now >= end) {
            return Err(Rejection::Dead);
        }
        let family = found.grant.family;
        match (found.state, self.rotation(provider)) {
            (State::Live, Rotation::Grace) => {
                // Its first use ends the grace period of the token that it replaced.
                self.tokens.revoke_in_state(family, State::Spent);
                Ok(found)
            }
            (State::Live, _) => Ok(found),
            (State::Spent, Rotation::Grace) => {
                // The client has lost the response: the successor was not used, and never will be.
                self.tokens.revoke_in_state(family, State::Live);
                Ok(found)
            }
            (State::Spent, Rotation::ReuseKills) | (State::Revoked, Rotation::Grace) => {
                self.tokens.revoke_family(family);
                Err(Rejection::Dead)
            }
            (State::Spent | State::Revoked, _) => Err(Rejection::Dead),
        }
    }

    pub(crate) fn spend_refresh(&mut self, token: &str) {
        if let Some(refresh) = self.tokens.refresh.get_mut(token) {
            refresh.state = State::Spent;
        }
    }

    /// Reports whether `uri` is registered. Unless `strict` is set, any loopback callback is.
    pub(crate) fn redirect_registered(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|r| r == uri)
            || (!self.policy.strict && is_loopback_callback(uri))
    }

    /// Returns the vendor that a path belongs to.
    pub(crate) fn provider_of(call: &Call) -> Option<Provider> {
        let path = call.path.as_str();
        if path.starts_with("/oauth/") {
            Some(Provider::Docusign)
        } else if path.contains("/services/") || path.starts_with("/id/") {
            Some(Provider::Salesforce)
        } else if path.starts_with("/connect/") {
            Some(Provider::Boldsign)
        } else {
            None
        }
    }

    fn plant_seeds(&mut self) {
        for (token, client, provider) in self.seeds.clone() {
            let (user, scopes, life): (_, &[&str], _) = match provider {
                Provider::Docusign => (
                    registry::DOCUSIGN_USER,
                    &["signature", "extended"],
                    Some(2_592_000),
                ),
                Provider::Salesforce => (
                    registry::SALESFORCE_USER,
                    &["api", "refresh_token", "openid"],
                    None,
                ),
                Provider::Boldsign => (
                    registry::BOLDSIGN_USER,
                    &[
                        "openid",
                        "profile",
                        "email",
                        "offline_access",
                        "BoldSign.Documents.All",
                    ],
                    Some(2_592_000),
                ),
            };
            let grant = Grant {
                provider,
                client_id: client.to_owned(),
                user: user.to_owned(),
                scopes: scopes.iter().map(|&s| s.to_owned()).collect(),
                family: self.tokens.family(),
            };
            self.registry.allow(client, user, scopes.iter().copied());
            let born = self.now();
            let refresh = Refresh {
                grant,
                born,
                expires_at: self.refresh_end(born, life),
                state: State::Live,
            };
            self.tokens.refresh.insert(token, refresh);
        }
    }
}

/// Why a refresh token is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    Unknown,
    /// It belongs to another app.
    Foreign,
    /// Expired, replaced or revoked.
    Dead,
}

fn refresh_token(grant: &Grant) -> String {
    match grant.provider {
        Provider::Docusign => crate::jwt::lookalike(),
        Provider::Salesforce => format!(
            "5Aep861{}",
            crate::random::url_safe::<57>().replace('-', ".")
        ),
        Provider::Boldsign => crate::random::hex::<32>().to_uppercase(),
    }
}

fn is_loopback_callback(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("http://") else {
        return false;
    };
    ["127.0.0.1", "[::1]", "localhost"]
        .iter()
        .filter_map(|host| rest.strip_prefix(host))
        .filter_map(|rest| rest.strip_suffix("/callback"))
        .any(|port| {
            port.is_empty()
                || port
                    .strip_prefix(':')
                    .is_some_and(|p| p.parse::<u16>().is_ok())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_callbacks_are_accepted() {
        for good in [
            "http://127.0.0.1/callback",
            "http://[::1]:5/callback",
            "http://localhost:65535/callback",
        ] {
            assert!(is_loopback_callback(good), "{good}");
        }
        for bad in [
            "https://127.0.0.1/callback",
            "http://127.0.0.1.evil/callback",
            "http://localhost:x/callback",
            "http://localhost/callback/",
            "http://localhost:99999/callback",
            "http://localhost/other",
        ] {
            assert!(!is_loopback_callback(bad), "{bad}");
        }
    }
}
