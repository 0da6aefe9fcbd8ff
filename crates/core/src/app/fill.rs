//! Fills a profile's templates with an app's settings and its key.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::App;
use crate::profile::GrantRules;
use crate::profile::check_request::is_header_value;
use crate::profile::template::{self, Name, Part, Placeholder, Templated, Unset};
use crate::{Error, ErrorKind, GrantKind, Secret, Signer};

impl App<'_> {
    /// Fills each entry of a profile's table. The value is `None` if the entry is to be left out.
    ///
    /// `table` is the table's name for messages; `signer` signs the request, if it is signed.
    pub(crate) fn fill<'b>(
        self,
        table: &str,
        entries: &'b BTreeMap<String, Templated>,
        signer: Option<&dyn Signer>,
    ) -> impl Iterator<Item = Result<(&'b str, Option<Json>), Error>> {
        self.fill_for(self.policy.grant, table, entries, signer)
    }

    /// Like [`App::fill`], with the scopes as this grant type sends them.
    fn fill_for<'b>(
        self,
        grant: GrantKind,
        table: &str,
        entries: &'b BTreeMap<String, Templated>,
        signer: Option<&dyn Signer>,
    ) -> impl Iterator<Item = Result<(&'b str, Option<Json>), Error>> {
        entries.iter().map(move |(name, entry)| {
            let filling = Filling {
                app: self,
                grant,
                signer,
                table,
                name,
            };
            Ok((name.as_str(), filling.value(&entry.0)?))
        })
    }

    /// Fills the parameters that the profile adds to requests with this grant type. `None` omits a
    /// parameter.
    pub(crate) fn params(
        self,
        grant: GrantKind,
        rules: &GrantRules,
    ) -> Result<Vec<(&str, Option<Json>)>, Error> {
        let table = format!("grants.{grant}.params");
        self.fill_for(grant, &table, &rules.params, None).collect()
    }

    /// Fills the headers of requests with this grant type.
    ///
    /// # Errors
    ///
    /// If a setting is missing, or has a character that a header can't have.
    pub(crate) fn headers(
        self,
        grant: GrantKind,
        rules: &GrantRules,
    ) -> Result<Vec<(String, Secret)>, Error> {
        let table = format!("grants.{grant}.headers");
        let mut headers = Vec::new();
        for entry in self.fill_for(grant, &table, &rules.headers, None) {
            let (name, Some(value)) = entry? else {
                continue;
            };
            let text = text_of(value);
            if !is_header_value(&text) {
                return Err(self.not_of_header(&table, name, &rules.headers[name]));
            }
            headers.push((name.to_owned(), text.into()));
        }
        Ok(headers)
    }

    fn not_of_header(self, table: &str, name: &str, template: &Templated) -> Error {
        let vendor = &self.profile.name;
        let message = format!(
            "the value for {vendor}'s header `{name}` has a character that headers cannot have"
        );
        let setting = template.settings().into_iter().next();
        let hint = format!("use visible ASCII characters only: `{table}.{name}` sends it");
        let error = Error::new(ErrorKind::Setting, message);
        match setting {
            Some(setting) => error
                .with_setting(&setting)
                .with_hint(format!("change {setting} and {hint}")),
            None => error.with_hint(hint),
        }
    }
}

/// Returns a value as the text of a parameter.
pub(crate) fn text_of(value: Json) -> String {
    match value {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// An entry of a profile's table that is being filled.
struct Filling<'a> {
    app: App<'a>,
    grant: GrantKind,
    signer: Option<&'a dyn Signer>,
    table: &'a str,
    name: &'a str,
}

impl Filling<'_> {
    fn value(&self, value: &Json) -> Result<Option<Json>, Error> {
        Ok(match value {
            Json::String(text) => self.text(text)?.map(Json::from),
            // A placeholder without a value drops its item, not the whole array.
            Json::Array(items) => {
                let items = items.iter().map(|item| self.value(item).transpose());
                Some(Json::Array(items.flatten().collect::<Result<_, _>>()?))
            }
            plain => Some(plain.clone()),
        })
    }

    /// Fills the placeholders of a text. Returns `None` if one of them drops the entry.
    fn text(&self, text: &str) -> Result<Option<String>, Error> {
        let parts = template::parse(text).map_err(|why| {
            // `Profile::from_toml` rejects this, but a profile can be built in other ways.
            Error::new(ErrorKind::Setting, format!("{}: {why}", self.field()))
        })?;
        // Long enough not to leave copies of secrets behind when it grows.
        let mut filled = String::with_capacity(text.len() + 256);
        for part in parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Placeholder(placeholder) => match self.placeholder(&placeholder)? {
                    Some(value) => filled.push_str(&value),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(filled))
    }

    fn placeholder(
        &self,
        placeholder: &Placeholder<'_>,
    ) -> Result<Option<Zeroizing<String>>, Error> {
        let client = self.app.client;
        let secret = match placeholder.name {
            Name::ClientSecret => Some(client.secret.as_ref()),
            Name::Secret(name) => Some(client.secrets.get(name)),
            _ => None,
        };
        if let Some(secret) = secret {
            return match (secret, placeholder.unset) {
                (Some(secret), _) => Ok(Some(Zeroizing::new(secret.expose().to_owned()))),
                (None, Unset::DropEntry) => Ok(None),
                (None, _) => Err(self.missing(placeholder.name)),
            };
        }
        let value = match (self.lookup(placeholder.name), placeholder.unset) {
            (Some(value), _) => value,
            (None, Unset::Fallback(text)) => text.to_owned(),
            (None, Unset::DropEntry) => return Ok(None),
            (None, Unset::Reject) => return Err(self.missing(placeholder.name)),
        };
        Ok(Some(Zeroizing::new(placeholder.filtered(value))))
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
            Name::ClientId => client.known_id().map(str::to_owned),
            Name::Subject => policy.subject.clone(),
            Name::Audience => policy.audience.clone(),
            Name::Issuer => endpoints.issuer.clone(),
            Name::BaseUrl => endpoints.base_url.as_ref().map(ToString::to_string),
            Name::TokenUrl => endpoints.token_url.as_ref().map(ToString::to_string),
            Name::Scopes => {
                let scopes = self.app.joined_scopes(self.grant);
                Some(scopes).filter(|scopes| !scopes.is_empty())
            }
            Name::KeyId => Some(self.signer?.key_id()?.to_owned()),
            Name::CertSha256 => Some(certificate()?.x5t_s256()),
            Name::CertSha1 => Some(certificate()?.x5t()),
            Name::SpkiSha256 => {
                let digest = self.signer?.public_key()?.spki_sha256();
                Some(base64_simd::STANDARD.encode_to_string(digest))
            }
            Name::Extra(name) => policy.extra(name).map(str::to_owned),
            Name::ClientSecret | Name::Secret(_) => None,
        }
    }

    fn missing(&self, name: Name<'_>) -> Error {
        match name {
            Name::CertSha256 | Name::CertSha1 => no_certificate(&self.field()),
            Name::SpkiSha256 => Error::setting(
                "private_key",
                "the signer does not provide its public key",
            )
            .with_hint(format!(
                "set private_key, or use a signer that provides its public key: {} needs it",
                self.field()
            )),
            name => {
                let setting = name.setting();
                let hint = format!("set {setting}: {} needs it", self.field());
                Error::missing(&setting).with_hint(hint)
            }
        }
    }

    fn field(&self) -> String {
        let vendor = &self.app.profile.name;
        format!("{vendor}'s `{}.{}`", self.table, self.name)
    }
}

/// The error for a key without a certificate that `field` of the profile requires.
pub(crate) fn no_certificate(field: &str) -> Error {
    Error::setting("private_key", "the private key has no certificate")
    .with_hint(format!(
        "add the certificate to the PEM file of the key, or use a PKCS#12 file that contains both: {field} needs it"
    ))
}
