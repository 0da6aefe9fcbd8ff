//! A PostgreSQL server with a cluster that `initdb` creates for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Authority, Guarded, PATIENT, free_port, until};

const INSTALL: &str = "sudo apt-get install postgresql";

/// The superuser's password, which is used on loopback only.
pub(super) const PASSWORD: &str = "sesame-street";

/// A PostgreSQL server with its data in a temporary folder.
///
/// PostgreSQL refuses to run as root. If the test does, the server runs as `nobody`.
#[derive(Debug)]
pub struct PostgresServer {
    process: Option<Guarded>,
    folder: TempDir,
    authority: Authority,
    port: u16,
    programs: PathBuf,
}

impl PostgresServer {
    /// Starts a server with these additional lines in `postgresql.conf`.
    ///
    /// # Panics
    ///
    /// If it doesn't start.
    pub fn start(settings: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("cs-pg").tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let mut server = Self {
            process: None,
            authority,
            folder,
            port: 0,
            programs: programs(),
        };
        server.init(settings);
        for _ in 0..20 {
            server.port = free_port();
            if server.try_start() {
                return server;
            }
        }
        panic!("postgres does not start: {}; run: {INSTALL}", server.log());
    }

    /// Returns the URL without TLS, for the superuser `app` and the database `postgres`, and for a
    /// store that waits as long as a test may take.
    pub fn url(&self) -> String {
        self.url_as("app", PASSWORD)
    }

    /// Returns the URL without TLS, for this user.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        let port = self.port;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres?{PATIENT}")
    }

    /// Like [`PostgresServer::url`], without options.
    pub fn plain_url(&self) -> String {
        let port = self.port;
        format!("postgres://app:{PASSWORD}@127.0.0.1:{port}/postgres")
    }

    /// Returns the URL with TLS, which trusts the server's authority.
    pub fn tls_url(&self) -> String {
        let (port, ca) = (self.port, self.authority.ca.display());
        format!(
            "postgres://app:{PASSWORD}@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}&{PATIENT}"
        )
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the folder of its Unix socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills the postmaster and its children. The children would end by themselves, but might carry
    /// out one more statement first.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_with_children();
        }
    }

    /// Stops the postmaster only: new connections hang, and existing ones keep working.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            process.signal("-STOP");
        }
    }

    /// Resumes the postmaster.
    pub fn thaw(&self) {
        if let Some(process) = &self.process {
            process.signal("-CONT");
        }
    }

    /// Kills the server and starts it again, on the same port and with the same data.
    ///
    /// # Panics
    ///
    /// If it doesn't start.
    pub fn restart(&mut self) {
        self.kill();
        // Children of the killed server may hold its shared memory for a moment.
        let again = until(Duration::from_secs(20), || self.try_start().then_some(()));
        assert!(
            again.is_some(),
            "postgres does not start again: {}",
            self.log()
        );
    }

    /// Runs SQL as superuser and returns the bare result.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn sql(&self, text: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-A",
                "-t",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-h",
                "127.0.0.1",
            ])
            .args([
                "-U",
                "app",
                "-d",
                "postgres",
                "-p",
                &self.port.to_string(),
                "-c",
                text,
            ])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap_or_else(|error| panic!("cannot start psql: {error}; run: {INSTALL}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn init(&self, settings: &str) {
        let password = self.folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        self.hand_over();
        let mut command = self.unprivileged("initdb");
        command
            .args([
                "-D",
                "data",
                "-U",
                "app",
                "-A",
                "scram-sha-256",
                "-E",
                "UTF8",
                "--locale=C",
            ])
            .args(["--no-sync", "--pwfile=password"])
            .stdout(Stdio::null());
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("cannot start initdb: {error}; run: {INSTALL}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {stderr}");
        let (certificate, key) = (&self.authority.certificate, &self.authority.key);
        let defaults = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 60\nshared_buffers = 16MB\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            self.folder.path().display(),
            certificate.display(),
            key.display()
        );
        let config = self.folder.path().join("data/postgresql.auto.conf");
        fs::write(config, defaults + settings).unwrap();
        self.hand_over();
    }

    fn try_start(&mut self) -> bool {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.unprivileged("postgres");
        command
            .args(["-D", "data", "-p", &self.port.to_string()])
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut process = Guarded::start(command, INSTALL);
        let ready = until(Duration::from_secs(20), || {
            if process.has_ended() {
                return Some(false);
            }
            let mut ask = Command::new(self.programs.join("pg_isready"));
            ask.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ask.status()
                .is_ok_and(|status| status.success())
                .then_some(true)
        });
        self.process = Some(process);
        ready == Some(true)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Builds a command that runs a PostgreSQL program in the temporary folder, not as root.
    fn unprivileged(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = as_nobody(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("LC_ALL", "C");
        command
    }

    /// Gives the temporary folder to the unprivileged user.
    fn hand_over(&self) {
        give_to_nobody(self.folder.path());
        give_to_nobody(&self.folder.path().join("data"));
    }
}

/// Builds a command that runs a program as `nobody` if this process is root.
pub(super) fn as_nobody(program: impl AsRef<std::ffi::OsStr>) -> Command {
    // setpriv executes the program, so the process ID stays the same.
    let mut command = Command::new("setpriv");
    // If the test is killed and drops nothing, the kernel kills the program.
    command.args(["--pdeathsig", "KILL"]);
    if let Some((user, group)) = nobody() {
        command.args(["--reuid", &user.to_string()]);
        command.args(["--regid", &group.to_string(), "--clear-groups"]);
    }
    command.arg(program);
    command
}

/// Gives a folder and the files in it to `nobody`, if it exists and this process is root.
pub(super) fn give_to_nobody(folder: &Path) {
    use std::os::unix::fs::chown;
    let Some((user, group)) = nobody().filter(|_| folder.exists()) else {
        return;
    };
    chown(folder, Some(user), Some(group)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            // PostgreSQL rejects a key that others can read.
            private(&entry.path());
            chown(entry.path(), Some(user), Some(group)).unwrap();
        }
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Returns the user and group of `nobody`, or `None` if this process isn't root.
fn nobody() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    (id(&["-u"]) == Some(0)).then(|| {
        let user =
            id(&["-u", "nobody"]).expect("PostgreSQL doesn't run as root: add a user `nobody`");
        let group = id(&["-g", "nobody"]).expect("the user `nobody` has a group");
        (user, group)
    })
}

/// Returns the folder of PostgreSQL's programs. Debian doesn't put the server's in the path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("postgres").exists())
        .max_by_key(|folder| {
            let version = folder.parent().and_then(Path::file_name);
            version.and_then(|name| name.to_string_lossy().parse::<u32>().ok())
        });
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists())
    };
    newest
        .or_else(in_path)
        .unwrap_or_else(|| panic!("cannot find PostgreSQL's initdb; run: {INSTALL}"))
}
