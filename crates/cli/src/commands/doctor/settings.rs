//! The checks of settings. They run independently of each other.

use countersign::Configuration;
use countersign::configuration::Exposed;
use countersign::stores::place;
use countersign_core::key::{self, KeyInfo};
use countersign_core::profile::Rotation;
use countersign_core::{
    Connection, Error, ErrorKind, GrantKind, Profile, Secret, Settings, StoreSetting, Url, Verdict,
};

use super::trial;
use crate::browser::port_warning;
use crate::commands::report::Check;

/// What a setting belongs to. An invalid setting is reported by the check of its area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Key,
    Subject,
    Environment,
    Scopes,
    RedirectUri,
    Store,
    Other,
}

impl Area {
    pub(super) fn of(error: &Error) -> Self {
        match bare(error.setting_name().unwrap_or_default()) {
            "private_key" | "private_key_passphrase" | "algorithm" | "key_id" => Self::Key,
            "subject" => Self::Subject,
            "environment" | "base_url" | "token_url" | "authorize_url" | "audience" | "issuer" => {
                Self::Environment
            }
            "scopes" => Self::Scopes,
            "redirect_uri" => Self::RedirectUri,
            "store" | "store_key" => Self::Store,
            _ if error.kind() == ErrorKind::Key => Self::Key,
            _ => Self::Other,
        }
    }
}

/// A connection's settings, some of which may be invalid.
pub(super) struct Facts<'a> {
    /// The settings as they are in the file.
    pub(super) written: &'a Settings,
    /// The settings with secrets read, without the invalid ones.
    pub(super) settings: &'a Settings,
    pub(super) profile: &'a Profile,
    pub(super) connection: Option<&'a Connection>,
}

impl Facts<'_> {
    /// Runs all checks of settings.
    ///
    /// For an area with errors, these replace its own check, which would describe a placeholder.
    pub(super) fn checks(&self, errors: &[Error]) -> Vec<Check> {
        let areas = [
            (Area::Other, "settings", self.summary()),
            (Area::Key, "key", self.key()),
            (Area::Subject, "subject", self.subject()),
            (Area::Environment, "environment", self.environment()),
            (Area::Scopes, "scopes", self.scopes()),
            (Area::RedirectUri, "redirect_uri", self.redirect_uri()),
            (Area::Store, "store", self.store()),
        ];
        let mut checks = Vec::new();
        for (area, name, own) in areas {
            let errors = errors.iter().filter(|error| Area::of(error) == area);
            let failed: Vec<_> = errors.map(|error| Check::failed(name, error)).collect();
            match failed.is_empty() {
                true => checks.extend(own),
                false => checks.extend(failed),
            }
        }
        checks
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.written.value(key)
    }

    fn summary(&self) -> Option<Check> {
        let connection = self.connection?;
        let detail = format!(
            "{}, grant {}, client_auth {}",
            self.profile.name,
            connection.grant(),
            connection.client_auth()
        );
        Some(Check::ok("settings", detail))
    }

    fn key(&self) -> Option<Check> {
        let Some(text) = self.settings.secret("private_key") else {
            let connection = self.connection.filter(|c| c.signer().is_none())?;
            let (grant, auth) = (connection.grant(), connection.client_auth());
            let detail = format!("not needed for grant {grant} with client_auth {auth}");
            return Some(Check::ok("key", detail));
        };
        let scheme = text.expose().split(':').next();
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkcs11")) {
            // A key that isn't in the device is an error of the connection.
            let signer = self.connection.and_then(Connection::signer)?;
            let public = signer.public_key();
            let what = public.map_or_else(
                || "key".to_owned(),
                |key| format!("{}-bit {}", key.bits(), key.key_type()),
            );
            let algorithm = signer.algorithm();
            let detail = format!("{what} in a PKCS#11 device, signs with {algorithm}");
            return Some(Check::ok("key", detail));
        }
        let passphrase = self.settings.secret("private_key_passphrase");
        let passphrase = passphrase.as_ref().map(Secret::expose);
        let info = match key::inspect_bytes(text.expose().as_bytes(), passphrase) {
            Ok(info) => info,
            Err(error) => return Some(Check::failed("key", &error.into())),
        };
        let algorithm = match self.connection.map(Connection::signer) {
            Some(Some(signer)) => signer.algorithm().as_str(),
            Some(None) => {
                let detail = "private_key is set, but this grant and client_auth do not use it";
                return Some(Check::warn("key", detail, "remove private_key"));
            }
            None => self.value("algorithm").unwrap_or("its default algorithm"),
        };
        Some(Check::ok(
            "key",
            format!("{}, signs with {algorithm}", describe(&info)),
        ))
    }

    fn subject(&self) -> Option<Check> {
        let subject = self.value("subject")?;
        if self.profile.id == "salesforce" && !subject.contains('@') {
            return Some(Check::warn(
                "subject",
                format!("{subject} does not look like a Salesforce username"),
                "set subject to the username, which looks like an email address",
            ));
        }
        let form = match self.profile.id.as_str() {
            "docusign" => "a GUID, as DocuSign requires",
            "salesforce" => "a username, as Salesforce requires",
            _ => "set",
        };
        self.connection?;
        Some(Check::ok("subject", form))
    }

    /// Checks that environment, endpoints and audience belong to the same deployment.
    fn environment(&self) -> Option<Check> {
        let chosen = match self.connection {
            Some(connection) => connection.environment(),
            None => self.value("environment")?,
        };
        let (chosen, _) = self.profile.environments.get_key_value(chosen)?;
        for (setting, wanted) in ["base_url", "token_url", "authorize_url", "audience"]
            .into_iter()
            .filter_map(|setting| Some((setting, self.value(setting)?)))
        {
            if let Some(other) = self.environment_of(setting, wanted)
                && other != chosen
            {
                return Some(Check::fail(
                    "environment",
                    Verdict::FixConfiguration,
                    format!("environment is {chosen}, but {setting} belongs to {other}"),
                    format!("remove {setting}, or set environment = \"{other}\""),
                ));
            }
        }
        let connection = self.connection?;
        let audience = connection.audience().unwrap_or_default();
        let token_url = connection.token_url();
        let host = token_url.map_or("", Url::host);
        if host.contains(".sandbox.my.salesforce.com") && audience == "https://login.salesforce.com"
        {
            return Some(Check::warn(
                "environment",
                format!("{host} is a Salesforce sandbox, but the audience is production's"),
                "set environment to \"my-domain\", or to \"sandbox\" with this base_url",
            ));
        }
        let mut detail = match token_url {
            Some(url) => format!("{chosen}, token endpoint {}", url.origin()),
            None if connection.needs_metadata() => {
                format!("{chosen}, whose endpoints are discovered")
            }
            None => format!("{chosen}, no token endpoint"),
        };
        if connection.grant() == GrantKind::JwtBearer && !audience.is_empty() {
            detail.push_str(&format!(", audience {audience}"));
        }
        Some(Check::ok("environment", detail))
    }

    /// Returns the environment that a URL or audience is known to belong to.
    fn environment_of(&self, setting: &str, value: &str) -> Option<&str> {
        let host = Url::parse(value).map(|url| url.host().to_ascii_lowercase());
        let mut all = self.profile.environments.iter();
        let found = all.find(|(_, facts)| match setting {
            "audience" => facts.audience.as_deref() == Some(value.trim()),
            _ => facts.base_url.as_deref().is_some_and(|base| {
                Url::parse(base).is_ok_and(|base| host.as_deref().ok() == Some(base.host()))
            }),
        });
        found.map(|(name, _)| name.as_str())
    }

    fn scopes(&self) -> Option<Check> {
        let connection = self.connection?;
        let (scopes, rules) = (connection.scopes(), connection.rules());
        let requested = match scopes.is_empty() {
            true => "none requested: the app's own scopes apply".to_owned(),
            false => scopes.join(" "),
        };
        let refresh = &rules.refresh_scopes;
        if !refresh.is_empty() && !refresh.iter().any(|scope| scopes.contains(scope)) {
            return Some(Check::warn(
                "scopes",
                format!(
                    "{requested}: the vendor returns no refresh token without {}",
                    refresh.join(" or ")
                ),
                format!("add {} to scopes, and log in again", refresh[0]),
            ));
        }
        Some(Check::ok("scopes", requested))
    }

    /// Checks how a login receives the browser's redirect.
    fn redirect_uri(&self) -> Option<Check> {
        let connection = self.connection?;
        let login = connection.grant() == GrantKind::AuthorizationCode;
        let uri = connection.redirect_uri().filter(|_| login)?;
        if let Some(warning) = port_warning(connection, None) {
            let fix = "register a redirect_uri with a port, such as http://127.0.0.1:8400/callback, with the app, and set it here";
            return Some(Check::warn("redirect_uri", warning, fix));
        }
        let how = match (uri.is_loopback(), uri.scheme()) {
            (true, "http") => "login listens there",
            (true, _) => {
                "https on this machine, where nothing listens: login asks you to paste the URL"
            }
            (false, _) => "not on this machine: login asks you to paste the URL",
        };
        Some(Check::ok("redirect_uri", format!("{uri}, {how}")))
    }

    fn store(&self) -> Option<Check> {
        let connection = self.connection?;
        let store = connection.store();
        let spends = matches!(
            connection.grant(),
            GrantKind::AuthorizationCode | GrantKind::RefreshToken
        );
        if *store == StoreSetting::Memory && spends && loses_refresh_tokens(connection) {
            return Some(Check::warn(
                "store",
                "memory: a new refresh token is lost when the program ends, and the old one may be revoked",
                "set store = \"file:FOLDER\"",
            ));
        }
        if *store == StoreSetting::Memory {
            return Some(Check::ok("store", place(store)));
        }
        Some(match trial::write(connection) {
            Ok(()) => Check::ok(
                "store",
                format!("{}, wrote and read a record", place(store)),
            ),
            Err(error) => Check::failed("store", &error),
        })
    }
}

/// Returns whether a new refresh token may be lost when the program ends.
pub(super) fn loses_refresh_tokens(connection: &Connection) -> bool {
    let rotation = connection.profile().refresh.rotation;
    *connection.store() == StoreSetting::Memory
        && (rotation != Rotation::Never || connection.grant() == GrantKind::AuthorizationCode)
}

/// Warns about secrets that other users can read, in the configuration and in files it names.
pub(super) fn permissions(config: &Configuration, settings: &Settings) -> Vec<Check> {
    let exposed = config.exposed(settings).into_iter();
    let warn = |e: Exposed| Check::warn("permissions", e.detail(), e.fix());
    exposed.map(warn).collect()
}

fn describe(info: &KeyInfo) -> String {
    let size = match info.curve {
        Some(curve) => format!("{} {curve}", info.key_type),
        None => format!("{}-bit {}", info.bits, info.key_type),
    };
    let digest = info.spki_sha256.as_deref().unwrap_or_default();
    format!("{size} ({}), public key SHA-256 {digest}", info.format)
}

/// Returns the name of the setting that a key such as `private_key_file` spells.
pub(super) fn bare(spelling: &str) -> &str {
    let is_secret = |name: &str| {
        let mut secrets = countersign_core::SETTINGS.iter().filter(|s| s.secret);
        secrets.any(|secret| secret.name == name)
    };
    let bare = spelling
        .strip_suffix("_file")
        .or_else(|| spelling.strip_suffix("_env"));
    bare.filter(|name| is_secret(name)).unwrap_or(spelling)
}
