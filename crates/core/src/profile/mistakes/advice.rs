//! What a profile may say, but probably doesn't mean.

use std::collections::BTreeMap;

use super::Mistake;
use super::document::Document;
use crate::SETTINGS;
use crate::nearest::nearest;
use crate::profile::{ErrorRow, Profile, Rotation};

/// Members of a response whose values are secrets or are returned anyway.
const STANDARD: &[&str] = &["access_token", "refresh_token", "id_token"];

/// Looks for what is allowed, but probably not meant.
pub(super) fn of(profile: &Profile, document: &Document<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut say = |field: &str, row: Option<usize>, message: String, fix: String| {
        found.push(Mistake {
            line: document.line_of(field, row),
            is_error: false,
            message,
            fix,
        });
    };
    if !profile.documentation.starts_with("https://") {
        say(
            "documentation",
            None,
            "`documentation` is not an https URL".to_owned(),
            "set it to the vendor's page about its token service".to_owned(),
        );
    }
    for name in unused_extra(profile) {
        say(
            &format!("extra.{name}"),
            None,
            format!("`extra.{name}` is described, but nothing uses it"),
            format!("use it as `{{extra.{name}}}` or in `required`, or remove it"),
        );
    }
    for name in unused(profile, "secret", &profile.secret) {
        say(
            &format!("secret.{name}"),
            None,
            format!("`secret.{name}` is described, but nothing uses it"),
            format!("use it as `{{secret.{name}}}`, or remove it"),
        );
    }
    for (kind, rules) in &profile.grants {
        let lists = [
            ("default_scopes", &rules.default_scopes),
            ("required_scopes", &rules.required_scopes),
            ("refresh_scopes", &rules.refresh_scopes),
        ];
        for (list, scopes) in lists {
            if let Some(scope) = scopes.iter().find(|scope| scope.contains([' ', ','])) {
                say(
                    &format!("grants.{kind}.{list}"),
                    None,
                    format!("`{scope}` is one text, but looks like several scopes"),
                    "write each scope as a text of its own, and set scope_separator".to_owned(),
                );
            }
        }
        for name in &rules.required {
            if let Some(near) = unknown_setting(name, profile) {
                say(
                    &format!("grants.{kind}.required"),
                    None,
                    format!("`{name}` is not a setting"),
                    near,
                );
            }
        }
    }
    let refresh = &profile.refresh;
    if refresh.rotation == Rotation::Never && refresh.grace_s > 0 {
        say(
            "refresh.grace_s",
            None,
            "`refresh.grace_s` has no effect, because the refresh token never changes".to_owned(),
            "remove it, or correct refresh.rotation".to_owned(),
        );
    }
    let refreshes = profile.grants.keys().any(|kind| kind.needs_login());
    let says_how = refresh.idle_days.is_some() || refresh.absolute_days.is_some();
    if says_how && !refreshes {
        say(
            "refresh",
            None,
            "`refresh` says how long refresh tokens live, but no grant has any".to_owned(),
            "add a grant authorization-code or refresh-token, or remove the table".to_owned(),
        );
    }
    if let Some(name) = profile
        .response
        .keep
        .iter()
        .find(|name| STANDARD.contains(&name.as_str()))
    {
        say(
            "response.keep",
            None,
            format!(
                "`response.keep` has `{name}`, which would be returned in `extra` in plain sight"
            ),
            format!("remove it; to read it from another place, set response.{name}"),
        );
    }
    for (row, error) in profile.errors.iter().enumerate() {
        if let Some(near) = error
            .setting
            .as_deref()
            .and_then(|name| unknown_setting(name, profile))
        {
            let name = error.setting.as_deref().unwrap_or_default();
            say(
                "errors.setting",
                Some(row),
                format!("`{name}` is not a setting"),
                near,
            );
        }
        let earlier = profile.errors[..row]
            .iter()
            .position(|known| covers(known, error));
        if let Some(earlier) = earlier {
            say(
                "errors",
                Some(row),
                format!(
                    "row {} of `errors` never matches, because row {} matches first",
                    row + 1,
                    earlier + 1
                ),
                "put the more specific row first, or remove one of them".to_owned(),
            );
        }
    }
    found.sort_by_key(|mistake| mistake.line);
    found
}

/// Returns the settings of the profile that nothing uses.
fn unused_extra(profile: &Profile) -> Vec<&str> {
    let chosen = profile
        .lookup
        .as_ref()
        .and_then(|lookup| lookup.choose.as_deref());
    let mut names = unused(profile, "extra", &profile.extra);
    names.retain(|name| chosen != Some(*name));
    names
}

/// Returns the settings of a table that no text of the profile names, except for descriptions.
fn unused<'a>(profile: &Profile, table: &str, known: &'a BTreeMap<String, String>) -> Vec<&'a str> {
    let mut rest = profile.clone();
    rest.extra.clear();
    rest.secret.clear();
    let texts = format!("{rest:?}");
    let is_used = |name: &&str| {
        let word = format!("{table}.{name}");
        texts.match_indices(&word).any(|(at, _)| {
            let next = texts[at + word.len()..].chars().next();
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        })
    };
    let names = known.keys().map(String::as_str);
    names.filter(|name| !is_used(name)).collect()
}

/// Returns how to correct a name that is no setting.
fn unknown_setting(name: &str, profile: &Profile) -> Option<String> {
    let of_vendor = |name: &str| {
        let has = |table: &str, known: &BTreeMap<String, String>| {
            let own = name.strip_prefix(table).and_then(|it| it.strip_prefix('.'));
            own.is_some_and(|it| known.contains_key(it))
        };
        has("extra", &profile.extra) || has("secret", &profile.secret)
    };
    let of_login = name
        .strip_prefix("authorize.")
        .is_some_and(|it| !it.is_empty());
    if SETTINGS.iter().any(|known| known.name == name) || of_vendor(name) || of_login {
        return None;
    }
    let own = profile.extra.keys().map(|name| format!("extra.{name}"));
    let own = own.chain(profile.secret.keys().map(|name| format!("secret.{name}")));
    let known = SETTINGS
        .iter()
        .map(|known| known.name.to_owned())
        .chain(own);
    Some(match nearest(name, known) {
        Some(near) => format!("write `{near}`"),
        None => "write the name of a setting, such as `client_secret` or `extra.NAME`".to_owned(),
    })
}

/// Returns whether every error that `later` matches is one that `earlier` matches.
fn covers(earlier: &ErrorRow, later: &ErrorRow) -> bool {
    let every =
        |a: &[_], b: &[_]| a.is_empty() || (!b.is_empty() && b.iter().all(|it| a.contains(it)));
    let auths = earlier.client_auth.is_empty()
        || (!later.client_auth.is_empty()
            && later
                .client_auth
                .iter()
                .all(|it| earlier.client_auth.contains(it)));
    // A row for a login doesn't match grants without one.
    let always = earlier.kind != crate::ErrorKind::LoginRequired || later.kind == earlier.kind;
    let description = match (&earlier.description, &later.description) {
        (None, _) => true,
        (Some(a), Some(b)) => {
            !a.is_empty() && b.to_lowercase().contains(&a.to_lowercase()) || a == b
        }
        (Some(_), None) => false,
    };
    always
        && auths
        && every(&earlier.grants, &later.grants)
        && (earlier.status.is_none() || earlier.status == later.status)
        && (earlier.error.is_none() || earlier.error == later.error)
        && description
        && earlier
            .members
            .iter()
            .all(|(at, value)| later.members.get(at) == Some(value))
        && earlier
            .headers
            .iter()
            .all(|(at, value)| later.headers.get(at) == Some(value))
}
