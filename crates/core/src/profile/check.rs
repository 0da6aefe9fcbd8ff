//! Validates a profile beyond the types of its fields.

use std::collections::BTreeMap;

use super::template::Secrets;
use super::{Profile, Templated, template};
use crate::GrantKind;
use crate::parameters::{is_of_callback, is_ours};

/// The placeholder of consent requests.
const SCOPES: &str = "scopes";

impl Profile {
    /// Validates the profile. The error names the field.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.id.is_empty()
            || !self
                .id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return Err("`id` must consist of letters, digits and `-`".into());
        }
        if self.environments.is_empty() {
            return Err("`environments` is empty".into());
        }
        for (kind, rules) in &self.grants {
            if rules.client_auth.is_empty() {
                return Err(format!("`grants.{kind}.client_auth` is empty"));
            }
            if *kind == GrantKind::JwtBearer && self.assertion.algorithms.is_empty() {
                return Err("`assertion.algorithms` is empty, but grant jwt-bearer signs".into());
            }
            if *kind == GrantKind::AuthorizationCode
                && !self.has_endpoint("authorize", self.endpoints.authorize.as_ref())
                && !self.discovery
            {
                return Err("`endpoints.authorize` is missing for grant authorization-code".into());
            }
            if *kind == GrantKind::DeviceCode
                && self.endpoints.device_authorization.is_none()
                && !self.discovery
            {
                return Err(
                    "`endpoints.device_authorization` is missing for grant device-code".into(),
                );
            }
        }
        if self.assertion.ttl_s > self.assertion.max_ttl_s {
            return Err("`assertion.ttl_s` exceeds `assertion.max_ttl_s`".into());
        }
        // Lifetimes count from `iat`, which is backdated.
        if self.assertion.backdate_s >= self.assertion.max_ttl_s {
            return Err("`assertion.backdate_s` must be less than `assertion.max_ttl_s`".into());
        }
        self.check_secrets()?;
        self.check_texts()?;
        // RFC 9110 section 11.1.
        let of_scheme = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        for (name, scheme) in &self.response.token_types {
            if scheme.is_empty() || !scheme.bytes().all(of_scheme) {
                return Err(format!(
                    "`response.token_types.{name}` must be the scheme of an Authorization header"
                ));
            }
        }
        self.check_response()?;
        self.check_templates()?;
        self.check_requests()
    }

    fn check_secrets(&self) -> Result<(), String> {
        for name in self.secret.keys() {
            if name.is_empty() || !name.bytes().all(is_of_name) {
                return Err(format!("`secret.{name}` {OF_NAMES}"));
            }
            if name.ends_with("_file") || name.ends_with("_env") {
                return Err(format!(
                    "`secret.{name}` ends like the setting for a file or a variable: name it differently"
                ));
            }
        }
        Ok(())
    }

    /// Validates the texts that may contain one placeholder, and those that may contain none.
    fn check_texts(&self) -> Result<(), String> {
        let check = |field: &str, text: &str, known: &[&str]| {
            template::check_placeholders(text, known)
                .map_err(|why| format!("`{field}` is invalid: {why}"))
        };
        self.check_urls()?;
        for (kind, rules) in &self.grants {
            for (list, scopes) in [
                ("default_scopes", &rules.default_scopes),
                ("required_scopes", &rules.required_scopes),
                ("refresh_scopes", &rules.refresh_scopes),
            ] {
                let field = format!("grants.{kind}.{list}");
                scopes
                    .iter()
                    .try_for_each(|text| check(&field, text, &[]))?;
            }
        }
        let Some(consent) = &self.consent else {
            return Ok(());
        };
        check("consent.individual", &consent.individual, &[SCOPES])?;
        let Some(admin) = &consent.admin else {
            return Ok(());
        };
        check("consent.admin.scope", &admin.scope, &[])?;
        let field = "consent.admin.admin_consent_scope";
        check(field, &admin.admin_consent_scope, &[SCOPES])
    }

    fn check_templates(&self) -> Result<(), String> {
        let fresh = |name: &str| ["exp", "iat", "jti", "nbf"].contains(&name);
        let none = Secrets::None;
        self.check_table("assertion.claims", &self.assertion.claims, none, |name| {
            fresh(name).then_some("is set for each assertion, so a profile can't set it")
        })?;
        self.check_table(
            "assertion.header",
            &self.assertion.header,
            none,
            |name| match name {
                "alg" => Some("is set by the signer: use `assertion.algorithms`"),
                "b64" | "crit" => Some("changes what the signature covers"),
                "x5c" => Some("is not a text: use `assertion.x5c = true`"),
                _ => None,
            },
        )?;
        self.check_table("authorize.params", &self.authorize.params, none, |name| {
            reject_authorize_param(name).or_else(|| renamed(&self.authorize.names, name))
        })?;
        self.check_table("device.params", &self.device.params, none, |name| {
            if is_ours(name) || name == "scope" {
                Some("is a parameter that each login sets itself")
            } else {
                (name.is_empty() || !name.bytes().all(is_of_name)).then_some(OF_NAMES)
            }
        })?;
        if let Some(name) = self.authorize.keep.iter().find(|name| is_of_callback(name)) {
            return Err(format!(
                "`authorize.keep` names `{name}`, which is a parameter of the protocol"
            ));
        }
        for (kind, rules) in &self.grants {
            let table = format!("grants.{kind}.params");
            self.check_table(&table, &rules.params, Secrets::Of(&self.secret), |name| {
                if is_ours(name) {
                    Some("authenticates the app or spends a grant, so a profile can't set it")
                } else if let Some(why) = renamed(&rules.names, name) {
                    Some(why)
                } else if !name.bytes().all(is_of_name) {
                    Some(OF_NAMES)
                } else {
                    None
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn check_table(
        &self,
        table: &str,
        entries: &BTreeMap<String, Templated>,
        secrets: Secrets<'_>,
        why_rejected: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<(), String> {
        entries.iter().try_for_each(|(name, entry)| {
            let why = match (why_rejected(name), entry.check(self.extra.keys(), secrets)) {
                _ if name.is_empty() => "has no name".to_owned(),
                (Some(why), _) => why.to_owned(),
                (None, Err(why)) => format!("is invalid: {why}"),
                (None, Ok(())) => return Ok(()),
            };
            Err(format!("`{table}.{name}` {why}"))
        })
    }
}

/// Returns why a parameter can't be set if `names` has another name for it, or gives its name to a
/// parameter of the protocol.
fn renamed(names: &BTreeMap<String, String>, name: &str) -> Option<&'static str> {
    if names.contains_key(name) {
        return Some("is renamed in `names`, so set the new name");
    }
    let ours = names.iter().find(|(_, new)| *new == name);
    ours.filter(|(old, _)| is_ours(old))
        .map(|_| "is the name of a parameter that authenticates the app or spends a grant")
}

pub(super) const OF_NAMES: &str = "must consist of letters, digits, `-`, `.` and `_`";

/// Returns whether a parameter's name may contain this byte (RFC 6749 appendix A).
pub(super) fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
}

/// Returns why a parameter can't be added to the authorization request, or `None` if it can.
pub(crate) fn reject_authorize_param(name: &str) -> Option<&'static str> {
    const OF_THE_PROTOCOL: &[&str] = &[
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ];
    // Some vendors' names have brackets, such as `grant_options[]` and `stripe_user[email]`.
    let allowed = |b: u8| is_of_name(b) || b"[]".contains(&b);
    if OF_THE_PROTOCOL.contains(&name) {
        Some("is a parameter that each login sets itself")
    } else if name.is_empty() || !name.bytes().all(allowed) {
        Some(OF_NAMES)
    } else {
        None
    }
}
