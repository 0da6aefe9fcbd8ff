//! Validates how responses are read, how tokens are used, and lookups.

use std::collections::BTreeMap;

use serde_json::Value;

use super::check_request::check_separator;
use super::late::{self, Also};
use super::pointer::Pointer;
use super::usage::{API_BASE, is_header_value, is_http_token};
use super::{ExpiresAs, Kept, Profile};
use crate::nearest::nearest;

/// Headers that a request has for other reasons than its token.
const OF_THE_REQUEST: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Profile {
    /// Validates the fields. The error names the field.
    pub(super) fn check_response(&self) -> Result<(), String> {
        self.check_pointers()?;
        self.check_rows()?;
        self.check_usage()?;
        self.check_lookup()
    }

    fn check_pointers(&self) -> Result<(), String> {
        let rules = &self.response;
        for (name, pointers) in [
            ("access_token", &rules.access_token),
            ("refresh_token", &rules.refresh_token),
            ("id_token", &rules.id_token),
            ("token_type", &rules.token_type),
            ("expires_in", &rules.expires_in),
            ("refresh_token_expires_in", &rules.refresh_token_expires_in),
            ("scope", &rules.scope),
            ("error", &rules.error),
            ("error_description", &rules.error_description),
        ] {
            let mut pointers = pointers.iter();
            pointers.try_for_each(|pointer| check_pointer(&format!("response.{name}"), pointer))?;
        }
        if let Some(separator) = &rules.scope_separator {
            check_separator(separator)
                .map_err(|why| format!("`response.scope_separator` {why}"))?;
        }
        check_values("response.success", &rules.success)?;
        for (name, kept) in &rules.kept {
            let field = format!("response.kept.{name}");
            match kept {
                Kept::Body(pointer) | Kept::IdToken(pointer) => check_pointer(&field, pointer)?,
                Kept::Header(header) if !is_http_token(header) => {
                    return Err(format!("`{field}` must be the name of a header"));
                }
                Kept::Header(_) => {}
            }
            if rules.keep.contains(name) {
                return Err(format!("`{field}` is in `response.keep` as well"));
            }
        }
        let takes_nothing = matches!(rules.expires_as, ExpiresAs::Jwt);
        if takes_nothing && !rules.expires_in.is_empty() {
            return Err(
                "`response.expires_in` is not read if `response.expires_as` is `jwt`".into(),
            );
        }
        let needs_nothing = matches!(
            rules.expires_as,
            ExpiresAs::Seconds | ExpiresAs::Jwt | ExpiresAs::Never
        );
        if !needs_nothing && rules.expires_in.is_empty() {
            return Err("`response.expires_as` needs `response.expires_in`: name the member that it is about".into());
        }
        if rules.expires_as == ExpiresAs::Never && rules.assume_lifetime_s.is_some() {
            return Err(
                "`response.assume_lifetime_s` contradicts `response.expires_as` = `never`".into(),
            );
        }
        Ok(())
    }

    fn check_rows(&self) -> Result<(), String> {
        for row in &self.errors {
            check_values("errors.members", &row.members)?;
            if let Some(name) = row.headers.keys().find(|name| !is_http_token(name)) {
                return Err(format!(
                    "`errors.headers.{name}` must be the name of a header"
                ));
            }
        }
        Ok(())
    }

    fn check_usage(&self) -> Result<(), String> {
        let rules = &self.usage;
        if let Some(scheme) = &rules.scheme {
            if !is_http_token(scheme) {
                return Err("`use.scheme` must be the scheme of an Authorization header".into());
            }
            if rules.header.is_some() {
                return Err(
                    "`use.header` contradicts `use.scheme`: it contains the bare token".into(),
                );
            }
        }
        let headers = rules.headers.keys();
        for (field, name) in headers
            .map(|name| (format!("use.headers.{name}"), name))
            .chain(
                rules
                    .header
                    .iter()
                    .map(|name| ("use.header".to_owned(), name)),
            )
        {
            if !is_http_token(name) {
                return Err(format!("`{field}` must be the name of a header"));
            }
            if OF_THE_REQUEST.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!(
                    "`{field}` is a header that each request sets itself"
                ));
            }
        }
        let token_header = rules.header.as_deref().unwrap_or("Authorization");
        let mut seen = vec![token_header.to_ascii_lowercase()];
        for name in rules.headers.keys() {
            let lower = name.to_ascii_lowercase();
            if lower == "authorization" || seen.contains(&lower) {
                return Err(match lower == seen[0] || lower == "authorization" {
                    true => format!(
                        "`use.headers.{name}` is the header of the token: use `use.scheme` or `use.header`"
                    ),
                    false => format!("`use.headers.{name}` is there twice"),
                });
            }
            seen.push(lower);
        }
        let kept = self.kept_names();
        for (name, template) in &rules.headers {
            let field = format!("use.headers.{name}");
            late::check(template, &self.extra, &kept, Also::Secrets(&self.secret))
                .map_err(|why| format!("`{field}` is invalid: {why}"))?;
            if !is_header_value(template) {
                return Err(format!(
                    "`{field}` must consist of printable ASCII characters"
                ));
            }
        }
        let Some(template) = &rules.api_base else {
            return Ok(());
        };
        // It is filled in again for a stored token, which has the result.
        let kept: Vec<_> = kept.into_iter().filter(|name| *name != API_BASE).collect();
        late::check(template, &self.extra, &kept, Also::Nothing)
            .and_then(|()| late::check_url(template))
            .map_err(|why| format!("`use.api_base` is invalid: {why}"))
    }

    fn check_lookup(&self) -> Result<(), String> {
        let Some(rules) = &self.lookup else {
            return Ok(());
        };
        let places = [
            ("items", &rules.items),
            ("id", &rules.id),
            ("label", &rules.label),
            ("default", &rules.default),
        ];
        for (name, pointer) in places {
            let mut pointer = pointer.iter();
            pointer.try_for_each(|pointer| check_pointer(&format!("lookup.{name}"), pointer))?;
        }
        for (table, entries) in [
            ("kept", &rules.kept),
            ("also", &rules.also),
            ("id_token", &rules.id_token),
        ] {
            for (name, pointer) in entries {
                check_pointer(&format!("lookup.{table}.{name}"), pointer)?;
            }
        }
        let mut names: Vec<_> = rules.names().collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("`lookup` has `{}` twice", twice[0]));
        }
        let kept: Vec<_> = self
            .kept_names()
            .into_iter()
            .filter(|name| !rules.kept.contains_key(*name) && !rules.also.contains_key(*name))
            .collect();
        late::check(&rules.url, &self.extra, &kept, Also::Urls)
            .and_then(|()| late::check_url(&rules.url))
            .map_err(|why| format!("`lookup.url` is invalid: {why}"))?;
        let asks = !rules.kept.is_empty() || !rules.also.is_empty();
        let userinfo = self.endpoints.userinfo.as_ref();
        let has_userinfo = self.discovery || self.has_endpoint("userinfo", userinfo);
        if asks && rules.url.contains("{userinfo") && !has_userinfo {
            return Err("`lookup.url` needs `endpoints.userinfo`, which is missing".into());
        }
        self.check_choice(rules)
    }

    fn check_choice(&self, rules: &super::LookupRules) -> Result<(), String> {
        let Some(choose) = &rules.choose else {
            return match rules.required && rules.kept.is_empty() {
                true => Err("`lookup.required` needs `lookup.kept`".into()),
                false => Ok(()),
            };
        };
        if rules.id.is_none() {
            return Err("`lookup.choose` needs `lookup.id`, which it is compared with".into());
        }
        if !self.extra.contains_key(choose) {
            let meant = nearest(choose, self.extra.keys().map(String::as_str));
            let meant = meant.map_or_else(
                || "add it with a description".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(format!(
                "`lookup.choose` names `{choose}`, which is not in `extra`: {meant}"
            ));
        }
        // It doesn't identify the grant, so no request may depend on it.
        let requests = format!(
            "{:?}{:?}{:?}{:?}{:?}{:?}",
            self.environments,
            self.endpoints,
            self.grants,
            self.assertion,
            self.authorize,
            self.consent
        );
        let name = format!("extra.{choose}");
        let is_used = requests.match_indices(&name).any(|(at, _)| {
            let next = requests[at + name.len()..].chars().next();
            !next.is_some_and(|next| next.is_ascii_alphanumeric() || "-_.".contains(next))
        });
        match is_used {
            true => Err(format!(
                "`lookup.choose` names `{choose}`, on which requests depend: choose by another setting"
            )),
            false => Ok(()),
        }
    }

    /// Returns the names that a token's `extra` can have.
    fn kept_names(&self) -> Vec<&str> {
        let response = &self.response;
        let of_response = response.keep.iter().chain(response.kept.keys());
        let of_environments = self.environments.values().flat_map(|it| it.extra.keys());
        let of_callback = self.authorize.keep.iter();
        let all = of_response.chain(of_environments).chain(of_callback);
        let of_lookup = self.lookup.iter().flat_map(super::LookupRules::names);
        all.map(String::as_str).chain(of_lookup).collect()
    }
}

fn check_pointer(field: &str, pointer: &Pointer) -> Result<(), String> {
    pointer.check().map_err(|why| format!("`{field}`: {why}"))
}

fn check_values(field: &str, values: &BTreeMap<Pointer, Value>) -> Result<(), String> {
    for (pointer, value) in values {
        check_pointer(field, pointer)?;
        if !matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
            return Err(format!(
                "`{field}.{pointer}` must be text, a number, true or false"
            ));
        }
    }
    Ok(())
}
