//! Opens connections: login, TLS, and a check of the server.

use std::error::Error as StdError;
use std::time::Duration;

use countersign_store::{Durability, Error};
use countersign_store_address::{
    Address, explain_certificate, failed, misconfigured, out_of_descriptors, rejected,
};
use tokio_postgres::config::{ChannelBinding, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::sqlstate;

pub(crate) const OPTIONS: &[&str] = &[
    "pool",
    "schema",
    "ephemeral",
    "sslmode",
    "sslrootcert",
    "channel_binding",
    "application_name",
    "host",
];

/// The parameters of connections.
#[derive(Clone)]
pub(crate) struct Login {
    config: Config,
    /// `config` without startup options, which some poolers reject.
    without_options: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
    pub(crate) user: String,
}

/// What a server reported at connect.
pub(crate) struct Facts {
    pub(crate) durability: Durability,
}

impl Login {
    pub(crate) fn read(address: &mut Address, timeout: Duration) -> Result<Self, Error> {
        let mut config = Config::new();
        if let Some(host) = address.option("host") {
            // As in libpq, this can name a socket's folder if the URL has no host.
            let host = host.to_owned();
            if !address.hosts.is_empty() {
                return Err(rejected(
                    "`store` names a host in the URL and in the option host",
                ));
            }
            address.hosts.push(countersign_store_address::Host {
                name: host,
                port: None,
            });
        }
        if address.hosts.is_empty() {
            return Err(rejected("`store` names no host").with_hint(SHAPE));
        }
        for host in &address.hosts {
            match host.is_socket() {
                true => config.host_path(&host.name),
                false => config.host(&host.name),
            };
            config.port(host.port.unwrap_or(5432));
        }
        if address.hosts.len() > 1 {
            // Use the one that accepts writes.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let user = address.user.clone();
        let user = user.ok_or_else(|| rejected("`store` names no user").with_hint(SHAPE))?;
        let database = match address.path.as_str() {
            "" => &user,
            path => path,
        };
        config.user(&user).dbname(database);
        if let Some(password) = &address.password {
            config.password(password.expose());
        }
        config.application_name(address.option("application_name").unwrap_or("countersign"));
        config
            .connect_timeout(timeout)
            .keepalives_idle(Duration::from_secs(30));
        config.channel_binding(
            match address.word("channel_binding", &["disable", "prefer", "require"])? {
                Some("disable") => ChannelBinding::Disable,
                Some("require") => ChannelBinding::Require,
                _ => ChannelBinding::Prefer,
            },
        );
        let tls = read_tls(address)?;
        config.ssl_mode(match tls {
            Some(_) => SslMode::Require,
            None => SslMode::Disable,
        });
        let without_options = config.clone();
        // A little less than the timeout, so that the server cancels the statement first.
        let limit = (timeout.as_millis() * 9 / 10).max(1);
        config.options(format!(
            "-c statement_timeout={limit} -c default_transaction_isolation=read\\ committed"
        ));
        Ok(Self {
            config,
            without_options,
            tls,
            user,
        })
    }

    /// Reads the files with the password and certificates again, because they change. If one can't be
    /// read, its previous contents stay in use.
    pub(crate) fn reread(&mut self, address: &Address) {
        if let Some(password) = address.password_now() {
            self.config.password(password.expose());
            self.without_options.password(password.expose());
        }
        if self.tls.is_some()
            && let Some(tls) = address.tls_now()
        {
            self.tls = Some(MakeRustlsConnect::new(tls.as_ref().clone()));
        }
    }

    /// Connects, and checks the server.
    pub(crate) async fn connect(&mut self, at: &Address) -> Result<(Client, Facts), Error> {
        let client = match self.dial().await {
            // A pooler that rejects startup options: only this side's timeout applies then.
            Err(error) if is_about_options(&error) => {
                self.config = self.without_options.clone();
                self.dial().await
            }
            dialled => dialled,
        };
        let client = client.map_err(|error| explain(at, &error))?;
        let facts = check(at, &client).await?;
        Ok((client, facts))
    }

    async fn dial(&self) -> Result<Client, tokio_postgres::Error> {
        // The connection's own task ends with its client.
        match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                tokio::spawn(connection);
                Ok(client)
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                tokio::spawn(connection);
                Ok(client)
            }
        }
    }
}

const SHAPE: &str = "use postgres://USER:PASSWORD@HOST:PORT/DATABASE";

/// Returns how to use TLS, or `None` for connections within this machine. The certificate and its
/// name are always checked.
fn read_tls(address: &mut Address) -> Result<Option<MakeRustlsConnect>, Error> {
    let modes = [
        "disable",
        "require",
        "verify-ca",
        "verify-full",
        "prefer",
        "allow",
    ];
    match address.word("sslmode", &modes)? {
        Some(mode @ ("prefer" | "allow")) => Err(rejected(format!(
            "`store`: sslmode={mode} lets a man in the middle switch TLS off"
        ))
        .with_hint("use sslmode=verify-full, the default, or sslmode=disable within this machine")),
        Some("disable") => {
            address.check_plaintext("remove sslmode=disable")?;
            Ok(None)
        }
        None if address.is_local() => Ok(None),
        _ => Ok(Some(MakeRustlsConnect::new(
            address.tls()?.as_ref().clone(),
        ))),
    }
}

async fn check(at: &Address, client: &Client) -> Result<Facts, Error> {
    let sql = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on', \
               current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'";
    let row = client.query_typed_one(sql, &[]).await;
    let row = row.map_err(|error| explain(at, &error))?;
    let read = |index| {
        row.try_get::<_, bool>(index)
            .map_err(|error| explain(at, &error))
    };
    if read(0)? {
        // This may pass: it also happens during a failover.
        return Err(failed(format!(
            "{at} is a standby or read-only: it accepts no changes"
        ))
        .with_hint("name the primary in `store`"));
    }
    Ok(Facts {
        durability: match read(1)? {
            true => Durability::PowerLoss,
            false => Durability::Ephemeral,
        },
    })
}

/// Returns whether the server rejected the startup options, as PgBouncer does.
fn is_about_options(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        error.code().code() == "08P01" && error.message().contains("startup parameter")
    })
}

/// Returns the rustls error, which may be inside an I/O error.
fn tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref().or_else(|| {
        let io = cause.downcast_ref::<std::io::Error>()?;
        io.get_ref()?.downcast_ref()
    })
}

/// Builds the error for a failed connection or statement.
pub(crate) fn explain(at: &Address, error: &tokio_postgres::Error) -> Error {
    if let Some(error) = error.as_db_error() {
        return sqlstate::explain(at, error.code().code(), error.message());
    }
    if let Some(exhausted) = out_of_descriptors(at, error) {
        return exhausted;
    }
    let mut text = error.to_string();
    let mut source = error.source();
    let mut by_tls = text.contains("TLS");
    while let Some(cause) = source {
        let tls = tls_error(cause);
        by_tls |= tls.is_some();
        let explained = tls.and_then(|tls| {
            explain_certificate(at, tls, |message, hint| misconfigured(message, hint))
        });
        if let Some(explained) = explained {
            return explained;
        }
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    if by_tls {
        return misconfigured(
            format!("TLS with {at} failed: {text}"),
            "check that the server speaks TLS and that its certificate is for this host; for a private CA, add sslrootcert=FILE; for one that this machine trusts, add sslrootcert=system",
        );
    }
    if text.contains("password missing") {
        return misconfigured(
            format!("{at} requires a password, and `store` has none"),
            "add it to the URL, or its file as the option password_file",
        );
    }
    failed(format!("the connection to {at} failed: {text}"))
        .with_hint("check that the server is running and that no firewall blocks the connection")
}
