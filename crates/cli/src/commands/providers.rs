//! `countersign providers`: lists providers with their environments and grants.

use countersign_core::Profile;
use serde_json::{Value, json};

use crate::args::Global;
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, output: &Output) -> Result<(), Stop> {
    let registry = config::registry(global)?;
    let profiles: Vec<_> = registry.iter().map(|provider| provider.profile()).collect();
    if output.is_json() {
        let all: Vec<_> = profiles.into_iter().map(as_json).collect();
        return output.print_json(&all);
    }
    let all: Vec<_> = profiles.into_iter().map(as_lines).collect();
    output.print_lines(&all.join(&String::new()))
}

fn as_json(profile: &Profile) -> Value {
    let environments = profile.environments.iter().map(|(name, facts)| {
        json!({
            "name": name,
            "about": facts.about,
            "base_url": facts.base_url,
            "audience": facts.audience,
        })
    });
    let grants = profile.grants.iter().map(|(kind, rules)| {
        let auths: Vec<_> = rules.client_auth.iter().map(|auth| auth.as_str()).collect();
        json!({
            "name": kind.as_str(),
            "client_auth": auths,
            "default_scopes": rules.default_scopes,
            "required_scopes": rules.required_scopes,
        })
    });
    json!({
        "id": profile.id,
        "name": profile.name,
        "documentation": profile.documentation,
        "environments": environments.collect::<Vec<_>>(),
        "grants": grants.collect::<Vec<_>>(),
        "extra": profile.extra,
    })
}

fn as_lines(profile: &Profile) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  {}  {}",
        profile.id, profile.name, profile.documentation
    )];
    for (name, facts) in &profile.environments {
        let base = facts.base_url.as_deref().unwrap_or("your own base_url");
        lines.push(format!(
            "  environment {name}: {base}{}",
            remark(&facts.about)
        ));
    }
    for (kind, rules) in &profile.grants {
        let auths: Vec<_> = rules.client_auth.iter().map(|auth| auth.as_str()).collect();
        lines.push(format!("  grant {kind}: client_auth {}", auths.join(", ")));
    }
    for (name, about) in &profile.extra {
        lines.push(format!("  extra.{name}: {about}"));
    }
    lines
}

fn remark(about: &str) -> String {
    match about {
        "" => String::new(),
        about => format!(" ({about})"),
    }
}
