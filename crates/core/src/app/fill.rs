//! Fills a profile's templates with an app's settings and its key.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::App;
use crate::profile::GrantRules;
use crate::profile::template::{self, Hole, Name, Part, Templated, Unset, Value};
use crate::{Error, ErrorKind, GrantKind, Signer};

impl App<'_> {
    /// The value of each entry of a profile's table, none for one that is to be left out. `table`
    /// is the table's name, for messages; `signer` is what signs the request, if anything does.
    pub(crate) fn fill<'b>(
        self,
        table: &str,
        entries: &'b BTreeMap<String, Templated>,
        signer: Option<&dyn Signer>,
    ) -> impl Iterator<Item = Result<(&'b str, Option<Json>), Error>> {
        entries.iter().map(move |(name, entry)| {
            let filling = Filling {
                app: self,
                signer,
                table,
                name,
            };
            Ok((name.as_str(), filling.value(entry)?))
        })
    }

    /// The parameters that the profile adds to this grant, filled. One that is an array comes
    /// several times (as RFC 8707 section 2 has it), one without a value not at all.
    pub(crate) fn params(
        self,
        grant: GrantKind,
        rules: &GrantRules,
    ) -> Result<Vec<(&str, Vec<String>)>, Error> {
        let text = |value: Json| match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let table = format!("grants.{grant}.params");
        let entries = self.fill(&table, &rules.params, None).map(|entry| {
            let (name, value) = entry?;
            let values = match value {
                Some(Json::Array(items)) => items.into_iter().map(text).collect(),
                other => other.into_iter().map(text).collect(),
            };
            Ok((name, values))
        });
        entries.collect()
    }
}

/// One entry of a profile's table being filled.
struct Filling<'a> {
    app: App<'a>,
    signer: Option<&'a dyn Signer>,
    table: &'a str,
    name: &'a str,
}

impl Filling<'_> {
    fn value(&self, templated: &Templated) -> Result<Option<Json>, Error> {
        Ok(match &templated.0 {
            Value::Text(text) => self.text(text)?.map(Json::from),
            Value::Whole(number) => Some(Json::from(*number)),
            Value::Real(number) => Some(Json::from(*number)),
            Value::Truth(truth) => Some(Json::from(*truth)),
            // What drops an item of an array leaves the others.
            Value::List(items) => {
                let items = items.iter().map(|item| self.value(item).transpose());
                Some(Json::Array(items.flatten().collect::<Result<_, _>>()?))
            }
        })
    }

    /// The text with its holes filled; none where one of them drops it.
    fn text(&self, text: &str) -> Result<Option<String>, Error> {
        let parts = template::parse(text).map_err(|why| {
            // `Profile::from_toml` has refused it, unless the profile was made in another way.
            Error::new(ErrorKind::Setting, format!("{}: {why}", self.field()))
        })?;
        let mut filled = String::new();
        for part in parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Hole(hole) => match self.hole(&hole)? {
                    Some(value) => filled.push_str(&value),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(filled))
    }

    fn hole(&self, hole: &Hole<'_>) -> Result<Option<String>, Error> {
        let value = match (self.lookup(hole.name), hole.unset) {
            (Some(value), _) => value,
            (None, Unset::Fallback(text)) => text.to_owned(),
            (None, Unset::DropEntry) => return Ok(None),
            (None, Unset::Refuse) => return Err(self.lacking(hole.name)),
        };
        Ok(Some(hole.filtered(value)))
    }

    fn lookup(&self, name: Name<'_>) -> Option<String> {
        let App {
            endpoints,
            client,
            policy,
            ..
        } = self.app;
        let certificate = || self.signer?.certificates().first();
        match name {
            Name::ClientId => Some(client.id.clone()),
            Name::Subject => policy.subject.clone(),
            Name::Audience => policy.audience.clone(),
            Name::Issuer => endpoints.issuer.clone(),
            Name::BaseUrl => endpoints.base_url.as_ref().map(ToString::to_string),
            Name::TokenUrl => Some(endpoints.token_url.to_string()),
            Name::Scopes => Some(policy.scopes.join(" ")).filter(|scopes| !scopes.is_empty()),
            Name::KeyId => Some(self.signer?.key_id()?.to_owned()),
            Name::CertSha256 => Some(certificate()?.x5t_s256()),
            Name::CertSha1 => Some(certificate()?.x5t()),
            Name::SpkiSha256 => {
                let digest = self.signer?.public_key()?.spki_sha256();
                Some(base64_simd::STANDARD.encode_to_string(digest))
            }
            Name::Extra(name) => policy.extra(name).map(str::to_owned),
        }
    }

    fn lacking(&self, name: Name<'_>) -> Error {
        match name {
            Name::CertSha256 | Name::CertSha1 => no_certificate(&self.field()),
            Name::SpkiSha256 => Error::setting(
                "private_key",
                "nothing tells the public half of the key that signs",
            )
            .with_hint(format!(
                "{} needs it: set private_key, or have the signer tell its public key",
                self.field()
            )),
            name => Error::missing(&name.setting()).with_hint(format!("{} needs it", self.field())),
        }
    }

    fn field(&self) -> String {
        let vendor = &self.app.profile.name;
        format!("{vendor}'s `{}.{}`", self.table, self.name)
    }
}

/// The key that signs has no certificate, and `field` of the profile names it by one.
pub(crate) fn no_certificate(field: &str) -> Error {
    Error::setting(
        "private_key",
        "the private key comes without its certificate",
    )
    .with_hint(format!(
        "{field} needs it: put the certificate beside the key in the PEM file, or give the PKCS#12 file that holds both"
    ))
}
