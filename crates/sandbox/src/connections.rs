//! The folder that clients read: `connections.toml`, key files, the CA.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Error, Provider,
    registry::{self, App},
    salesforce,
    world::World,
};

/// A connection in `connections.toml`.
pub(crate) struct Connection {
    pub(crate) name: &'static str,
    pub(crate) provider: Provider,
    pub(crate) client_id: &'static str,
    /// The id of the user it acts as, if it names one.
    pub(crate) user: Option<&'static str>,
    pub(crate) scopes: &'static str,
    environment: &'static str,
    grant: &'static str,
    client_auth: &'static str,
}

const MARK: &str = "# Written by the countersign sandbox";

/// Returns all connections. With `strict`, the file omits those that don't sign with RS256.
pub(crate) fn all() -> Vec<Connection> {
    use Provider::{Boldsign, Docusign, Salesforce};
    use registry as r;
    let c = |name, provider, environment, grant, client_id, client_auth, user, scopes| Connection {
        name,
        provider,
        client_id,
        user,
        scopes,
        environment,
        grant,
        client_auth,
    };
    let jwt = "jwt-bearer";
    let code = "authorization-code";
    let refresh = "refresh-token";
    let own = "client-credentials";
    let sign = "signature impersonation";
    let ds_user = Some(r::DOCUSIGN_USER);
    let sf_user = Some(r::SALESFORCE_USER);
    let bs_scopes = "openid profile email offline_access BoldSign.Documents.All";
    let (ds, sf, bs) = ("demo", "production", "us");
    vec![
        c(
            "docusign-jwt",
            Docusign,
            ds,
            jwt,
            r::DOCUSIGN_SERVICE,
            "none",
            ds_user,
            sign,
        ),
        c(
            "docusign-jwt-rs384",
            Docusign,
            ds,
            jwt,
            r::DOCUSIGN_SERVICE,
            "none",
            ds_user,
            sign,
        ),
        c(
            "docusign-jwt-rs512",
            Docusign,
            ds,
            jwt,
            r::DOCUSIGN_SERVICE,
            "none",
            ds_user,
            sign,
        ),
        c(
            "docusign-jwt-unconsented",
            Docusign,
            ds,
            jwt,
            r::DOCUSIGN_SERVICE,
            "none",
            Some(r::DOCUSIGN_UNCONSENTED),
            sign,
        ),
        c(
            "docusign-code",
            Docusign,
            ds,
            code,
            r::DOCUSIGN_WEB,
            "basic",
            None,
            "signature extended",
        ),
        c(
            "docusign-public",
            Docusign,
            ds,
            code,
            r::DOCUSIGN_PUBLIC,
            "none",
            None,
            "signature extended",
        ),
        c(
            "docusign-refresh",
            Docusign,
            ds,
            refresh,
            r::DOCUSIGN_WEB,
            "basic",
            None,
            "signature extended",
        ),
        c(
            "salesforce-jwt",
            Salesforce,
            sf,
            jwt,
            r::SALESFORCE_SERVICE,
            "none",
            sf_user,
            "",
        ),
        c(
            "salesforce-mydomain-jwt",
            Salesforce,
            "my-domain",
            jwt,
            r::SALESFORCE_SERVICE,
            "none",
            sf_user,
            "",
        ),
        c(
            "salesforce-site-jwt",
            Salesforce,
            "site",
            jwt,
            r::SALESFORCE_SERVICE,
            "none",
            Some(r::SALESFORCE_MEMBER_ID),
            "",
        ),
        c(
            "salesforce-code",
            Salesforce,
            sf,
            code,
            r::SALESFORCE_WEB,
            "post",
            None,
            "api refresh_token openid",
        ),
        c(
            "salesforce-public",
            Salesforce,
            sf,
            code,
            r::SALESFORCE_PUBLIC,
            "none",
            None,
            "api refresh_token openid",
        ),
        c(
            "salesforce-refresh",
            Salesforce,
            sf,
            refresh,
            r::SALESFORCE_WEB,
            "post",
            None,
            "api refresh_token openid",
        ),
        c(
            "salesforce-cc",
            Salesforce,
            "my-domain",
            own,
            r::SALESFORCE_BATCH,
            "post",
            None,
            "",
        ),
        c(
            "salesforce-cc-private-key-jwt",
            Salesforce,
            "my-domain",
            own,
            r::SALESFORCE_BATCH,
            "private_key_jwt",
            None,
            "",
        ),
        c(
            "boldsign-code",
            Boldsign,
            bs,
            code,
            r::BOLDSIGN_WEB,
            "post",
            None,
            bs_scopes,
        ),
        c(
            "boldsign-refresh",
            Boldsign,
            bs,
            refresh,
            r::BOLDSIGN_WEB,
            "post",
            None,
            bs_scopes,
        ),
        c(
            "boldsign-cc",
            Boldsign,
            bs,
            own,
            r::BOLDSIGN_BATCH,
            "post",
            None,
            "BoldSign.Documents.All",
        ),
    ]
}

/// A sandbox's folder, removed on drop if it is a temporary one.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) connections: PathBuf,
    pub(crate) ca_file: Option<PathBuf>,
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// Opens or creates the folder, accessible only to its owner.
    pub(crate) fn open(wanted: Option<&Path>) -> Result<Self, Error> {
        let failed = |what: &str, e: &dyn std::fmt::Display| {
            Error::new(format!("dir: could not create {what}: {e}"))
        };
        let (path, temporary) = match wanted {
            Some(path) => {
                let failed = |e: std::io::Error| failed(&path.display().to_string(), &e);
                make_private(path).map_err(failed)?;
                (path.canonicalize().map_err(failed)?, None)
            }
            None => {
                let made = tempfile::Builder::new()
                    .prefix("countersign-sandbox-")
                    .tempdir();
                let made = made.map_err(|e| failed("a temporary folder", &e))?;
                (made.path().to_path_buf(), Some(made))
            }
        };
        owner_only(&path)?;
        let connections = path.join("connections.toml");
        // Tokens of an earlier run are invalid. Remove them only if a sandbox wrote this folder.
        if fs::read_to_string(&connections).is_ok_and(|text| text.starts_with(MARK)) {
            let _ = fs::remove_dir_all(path.join("tokens"));
        }
        Ok(Self {
            path,
            connections,
            ca_file: None,
            _temporary: temporary,
        })
    }

    /// Writes the CA, the keys and `connections.toml`.
    pub(crate) fn fill(&mut self, world: &World, ca_pem: Option<&str>) -> Result<(), Error> {
        if let Some(pem) = ca_pem {
            self.ca_file = Some(self.write("ca.pem", pem)?);
        }
        let keys = &world.keys;
        self.write("docusign.pem", &keys.docusign.pkcs1_pem()?)?;
        self.write("docusign-spare.pem", &keys.docusign_spare.pkcs1_pem()?)?;
        self.write("salesforce.pem", &keys.salesforce.pkcs8_pem())?;
        self.write(
            "salesforce.crt",
            &keys.salesforce.self_signed("countersign sandbox")?,
        )?;
        self.write("connections.toml", &self.toml(world))?;
        Ok(())
    }

    fn toml(&self, world: &World) -> String {
        let mut text = format!("{MARK} at {}. Overwritten at each start.\n", world.origin);
        for connection in all() {
            let algorithm = match connection.name {
                "docusign-jwt-rs384" => Some("RS384"),
                "docusign-jwt-rs512" => Some("RS512"),
                _ => None,
            };
            if algorithm.is_some() && world.policy.strict {
                continue;
            }
            let Some(app) = world
                .registry
                .app(connection.provider, connection.client_id)
            else {
                continue;
            };
            let _ = writeln!(text, "\n[connections.{}]", connection.name);
            let mut settings = self.settings(world, &connection, app);
            settings.extend(algorithm.map(|a| ("algorithm", a.to_owned())));
            for (name, value) in settings {
                // Every JSON string escape is also valid in a TOML basic string.
                let _ = writeln!(text, "{name} = {}", Value::from(value));
            }
        }
        text
    }

    fn settings(
        &self,
        world: &World,
        connection: &Connection,
        app: &App,
    ) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.path.join(name).display().to_string();
        let base_url = match connection.environment {
            "my-domain" => world.my_domain.clone(),
            "site" => format!("{}{}", world.my_domain, salesforce::SITE),
            _ => world.origin.clone(),
        };
        let mut settings = vec![
            ("provider", connection.provider.as_str().to_owned()),
            ("environment", connection.environment.to_owned()),
            ("grant", connection.grant.to_owned()),
            ("base_url", base_url),
            ("client_id", connection.client_id.to_owned()),
            ("client_auth", connection.client_auth.to_owned()),
            ("store", format!("file:{}", file("tokens"))),
        ];
        settings.extend(
            self.ca_file
                .as_ref()
                .map(|ca| ("ca_file", ca.display().to_string())),
        );
        if ["basic", "post"].contains(&connection.client_auth) {
            settings.extend(app.secret.clone().map(|s| ("client_secret", s)));
        }
        let user = connection
            .user
            .and_then(|id| world.registry.user(connection.provider, id));
        match connection.provider {
            Provider::Docusign => settings.extend(user.map(|u| ("subject", u.id.to_owned()))),
            _ => settings.extend(user.map(|u| ("subject", u.login.to_owned()))),
        }
        if connection.grant == "jwt-bearer" || connection.client_auth == "private_key_jwt" {
            settings.push((
                "private_key_file",
                file(&format!("{}.pem", connection.provider.as_str())),
            ));
        }
        if !connection.scopes.is_empty() {
            settings.push(("scopes", connection.scopes.to_owned()));
        }
        let asks_a_person = matches!(connection.grant, "authorization-code" | "refresh-token");
        if asks_a_person
            || (connection.provider == Provider::Docusign && connection.grant == "jwt-bearer")
        {
            let own = || "http://127.0.0.1/callback".to_owned();
            settings.push((
                "redirect_uri",
                world.redirect_uris.first().cloned().unwrap_or_else(own),
            ));
        }
        if connection.grant == "refresh-token" {
            settings.push((
                "refresh_token",
                world.seeded_refresh_token(connection.provider).to_owned(),
            ));
        }
        settings
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        let write = || {
            // Don't write into an existing file, which may have a wider mode, or follow a link.
            match fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&path)?.write_all(text.as_bytes())
        };
        write().map_err(|e: std::io::Error| {
            Error::new(format!("dir: could not write {}: {e}", path.display()))
        })?;
        Ok(path)
    }
}

/// Creates the folder for its owner only, if it is missing. Its parent must exist.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Restricts a folder of the current user to its owner. Rejects other users' folders.
#[cfg(unix)]
fn owner_only(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let failed = |why: &dyn std::fmt::Display| {
        Error::new(format!(
            "dir: could not restrict {} to its owner: {why}",
            path.display()
        ))
    };
    let owner = path.metadata().map_err(|e| failed(&e))?.uid();
    // The owner of a new file is the user that this process runs as.
    let own = tempfile::NamedTempFile::new_in(path).map_err(|e| failed(&e))?;
    let own = own.as_file().metadata().map_err(|e| failed(&e))?.uid();
    if owner != own {
        return Err(failed(&format_args!(
            "it belongs to user {owner}, but the sandbox runs as user {own}; choose a folder of your own"
        )));
    }
    // The sticky bit marks a folder that users share, such as /tmp.
    if path.metadata().map_err(|e| failed(&e))?.mode() & 0o1000 != 0 {
        return Err(failed(&"other users share it; choose a folder inside it"));
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|e| failed(&e))
}

#[cfg(not(unix))]
fn owner_only(_: &Path) -> Result<(), Error> {
    Ok(())
}
