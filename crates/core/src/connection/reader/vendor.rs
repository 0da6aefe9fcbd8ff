//! The vendor's own settings: `extra.NAME` and `secret.NAME`.

use std::collections::BTreeMap;

use super::Reader;
use crate::nearest::nearest;
use crate::{Error, Secret};

impl Reader<'_> {
    pub(super) fn extra(&self) -> Result<BTreeMap<String, String>, Error> {
        let names = self.own("extra.", &self.profile.extra)?.into_iter();
        let text = |name: &str| self.text(&format!("extra.{name}")).unwrap_or_default();
        Ok(names.map(|name| (name.to_owned(), text(name))).collect())
    }

    pub(super) fn secrets(&self) -> Result<BTreeMap<String, Secret>, Error> {
        let names = self.own("secret.", &self.profile.secret)?.into_iter();
        let secret = |name: &str| self.settings.secret(&format!("secret.{name}"));
        Ok(names
            .filter_map(|name| Some((name.to_owned(), secret(name)?)))
            .collect())
    }

    /// Returns the names of the settings with this prefix that are set. The profile must have them.
    fn own(&self, prefix: &str, known: &BTreeMap<String, String>) -> Result<Vec<&str>, Error> {
        let mut names = Vec::new();
        for key in self.settings.keys() {
            let Some(name) = key.strip_prefix(prefix) else {
                continue;
            };
            if !known.contains_key(name) {
                return Err(self.unknown_own(key, prefix, known));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn unknown_own(&self, key: &str, prefix: &str, known: &BTreeMap<String, String>) -> Error {
        let vendor = &self.profile.name;
        let known: Vec<_> = known.keys().map(|name| format!("{prefix}{name}")).collect();
        let hint = match (nearest(key, &known), known.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, false) => format!("use one of: {}", known.join(", ")),
            (None, true) => {
                let table = prefix.trim_end_matches('.');
                format!("remove {key}: {vendor} has no {table} settings")
            }
        };
        let message = format!("`{key}` is not a setting of {vendor}");
        Error::setting(key, message).with_hint(hint)
    }
}
