//! The state that all requests share: clock, policy, registry, what was issued, pending faults, log.

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

/// One running sandbox's state, behind one lock.
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
    /// The origin that stands for a Salesforce My Domain, `scheme://localhost:port`.
    pub(crate) my_domain: String,
    pub(crate) redirect_uris: Vec<String>,
    first_redirect_uris: Vec<String>,
    /// Grows with each reset, so that an endless answer knows when to end.
    pub(crate) epoch: u64,
    seeds: Vec<(String, &'static str, Provider)>,
}

impl World {
    pub(crate) fn new(options: &Options, origin: String, my_domain: String) -> Result<Self, Error> {
        let keys = KeyRing::of_this_process()?;
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

    /// Back to the state at start; what `connections.toml` holds works again.
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

    /// The sandbox's idea of now, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        let real = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(real.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_add(self.clock_offset.saturating_mul(1000))
    }

    /// The sandbox's idea of now, in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    pub(crate) fn set_clock_offset(&mut self, seconds: i64) {
        // Ten centuries either way is enough to test with, and no sum below can overflow.
        self.clock_offset = seconds.clamp(-31_536_000_000, 31_536_000_000);
    }

    pub(crate) fn clock_offset(&self) -> i64 {
        self.clock_offset
    }

    /// The rotation in force at `provider`: what was asked for, else the vendor's own.
    pub(crate) fn rotation(&self, provider: Provider) -> Rotation {
        self.policy.rotation.unwrap_or(match provider {
            // Whether DocuSign's former refresh token stays valid is unverified: it does here, unless strict.
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

    /// A new refresh token; `born` and the expiry are carried over from the one it replaces, if that is the rule.
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

    /// When a refresh token of a family begun at `born` ends, `own_ttl_s` being the vendor's lifetime.
    pub(crate) fn refresh_end(&self, born: i64, own_ttl_s: Option<u64>) -> Option<i64> {
        let ttl = self.policy.refresh_ttl_s.or(own_ttl_s)?;
        Some(born.saturating_add_unsigned(ttl))
    }

    /// Why a presented refresh token is refused; a replaced one takes its family along under
    /// [`Rotation::ReuseKills`], and is honoured for a while under [`Rotation::Grace`].
    pub(crate) fn present_refresh(
        &mut self,
        provider: Provider,
        token: &str,
        client_id: &str,
    ) -> Result<Refresh, Refusal> {
        let now = self.now();
        let found = self
            .tokens
            .refresh
            .get(token)
            .cloned()
            .ok_or(Refusal::Unknown)?;
        if found.grant.client_id != client_id {
            return Err(Refusal::Foreign);
        }
        if found.expires_at.is_some_and(|end| now >= end) {
            return Err(Refusal::Dead);
        }
        let family = found.grant.family;
        match (found.state, self.rotation(provider)) {
            (State::Live, Rotation::Grace) => {
                // Its first use ends the grace of the one that it replaced.
                self.tokens.revoke_those(family, State::Spent);
                Ok(found)
            }
            (State::Live, _) => Ok(found),
            (State::Spent, Rotation::Grace) => {
                // Its answer was lost, it says: what that answer held was never used, and never will be.
                self.tokens.revoke_those(family, State::Live);
                Ok(found)
            }
            (State::Spent, Rotation::ReuseKills) | (State::Revoked, Rotation::Grace) => {
                self.tokens.revoke_family(family);
                Err(Refusal::Dead)
            }
            (State::Spent | State::Revoked, _) => Err(Refusal::Dead),
        }
    }

    pub(crate) fn spend_refresh(&mut self, token: &str) {
        if let Some(refresh) = self.tokens.refresh.get_mut(token) {
            refresh.state = State::Spent;
        }
    }

    /// Whether `uri` is registered: exactly when strict, else a loopback callback on any port as well.
    pub(crate) fn redirect_registered(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|r| r == uri)
            || (!self.policy.strict && is_loopback_callback(uri))
    }

    /// The vendor that a path belongs to.
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

/// Why a refresh token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
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
    fn only_a_callback_on_a_loopback_port_passes() {
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
