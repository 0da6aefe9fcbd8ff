//! `countersign providers`: lists and searches providers.

use std::sync::Arc;

use countersign_core::{Error, Profile, Provider};
use serde_json::{Value, json};

use crate::args::{Global, ProvidersArgs};
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, args: &ProvidersArgs, output: &Output) -> Result<(), Stop> {
    let registry = config::registry(global)?;
    let word = args.word.as_deref().unwrap_or_default();
    let mut found: Vec<_> = registry.iter().filter(|known| fits(known, word)).collect();
    found.sort_by_key(|known| known.id());
    if output.is_json() {
        let all: Vec<_> = found.iter().map(|known| as_json(known.profile())).collect();
        return output.print_json(&all);
    }
    if found.is_empty() {
        let error = registry.provider(word).err();
        let hint = error.as_ref().and_then(Error::hint).unwrap_or_default();
        let message = format!("no provider's ID or name contains `{word}`");
        return Err(Error::setting("provider", message).with_hint(hint).into());
    }
    // Everything about the one that was asked for; otherwise one line each.
    let exact = found.iter().filter(|known| known.id() == word);
    let one = exact.chain(&found[..usize::from(found.len() == 1)]).next();
    if let Some(one) = one {
        output.print_lines(&as_lines(one.profile()))?;
    }
    let others = found
        .iter()
        .filter(|known| one.is_none_or(|one| one.id() != known.id()));
    let width = found
        .iter()
        .map(|known| known.id().len())
        .max()
        .unwrap_or(0);
    let lines = others.map(|known| {
        let grants: Vec<_> = known
            .profile()
            .grants
            .keys()
            .map(|kind| kind.as_str())
            .collect();
        format!(
            "{:width$}  {}: {}",
            known.id(),
            known.name(),
            grants.join(", ")
        )
    });
    output.print_lines(&lines.collect::<Vec<_>>())
}

fn fits(provider: &Arc<dyn Provider>, word: &str) -> bool {
    let word = word.to_lowercase();
    [provider.id(), provider.name()]
        .iter()
        .any(|text| text.to_lowercase().contains(&word))
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
        "secret": profile.secret,
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
    for (name, about) in &profile.secret {
        lines.push(format!("  secret.{name}: {about}"));
    }
    lines
}

fn remark(about: &str) -> String {
    match about {
        "" => String::new(),
        about => format!(" ({about})"),
    }
}
