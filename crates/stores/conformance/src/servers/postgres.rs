//! `postgres`, from a cluster that `initdb` makes for the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{Authority, Guarded, free_port, until};

const INSTALL: &str = "sudo apt-get install postgresql";

/// The password of the test's superuser: made up, and only ever on loopback.
pub(super) const PASSWORD: &str = "sesame-street";

/// A PostgreSQL server of the test's own, with its data in a scratch folder. It refuses to run as
/// root: then it runs as `nobody`.
#[derive(Debug)]
pub struct PostgresServer {
    process: Option<Guarded>,
    folder: TempDir,
    authority: Authority,
    port: u16,
    programs: PathBuf,
}

impl PostgresServer {
    /// Starts one with these lines of `postgresql.conf` added to the usual.
    ///
    /// # Panics
    ///
    /// Where it does not start.
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

    /// The URL in the clear, as superuser `app` of database `postgres`.
    pub fn url(&self) -> String {
        self.url_as("app", PASSWORD)
    }

    /// The URL in the clear, as this user.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/postgres",
            self.port
        )
    }

    /// The URL by TLS, trusting the server's authority.
    pub fn tls_url(&self) -> String {
        let (port, ca) = (self.port, self.authority.ca.display());
        format!(
            "postgres://app:{PASSWORD}@localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ca}"
        )
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// SIGKILL to the postmaster and its children, which would see its end and follow, but may
    /// carry out one more statement before.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_with_children();
        }
    }

    /// SIGSTOP to the postmaster alone: no new connections, old ones go on.
    pub fn freeze(&self) {
        if let Some(process) = &self.process {
            process.signal("-STOP");
        }
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        if let Some(process) = &self.process {
            process.signal("-CONT");
        }
    }

    /// Starts it again, on the same port and with the same data.
    ///
    /// # Panics
    ///
    /// Where it does not start.
    pub fn restart(&mut self) {
        self.kill();
        // The killed one's children may hold its memory for a moment.
        let again = until(Duration::from_secs(20), || self.try_start().then_some(()));
        assert!(
            again.is_some(),
            "postgres does not start again: {}",
            self.log()
        );
    }

    /// Carries out SQL as superuser, and returns what came of it, without decoration.
    ///
    /// # Panics
    ///
    /// Where it fails.
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
            .unwrap_or_else(|error| panic!("psql cannot be started: {error}; run: {INSTALL}"));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}: {complaint}");
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
        let made = command
            .output()
            .unwrap_or_else(|error| panic!("initdb cannot be started: {error}; run: {INSTALL}"));
        let complaint = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb: {complaint}");
        let (certificate, key) = (&self.authority.certificate, &self.authority.key);
        let usual = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 60\nshared_buffers = 16MB\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            self.folder.path().display(),
            certificate.display(),
            key.display()
        );
        let config = self.folder.path().join("data/postgresql.auto.conf");
        fs::write(config, usual + settings).unwrap();
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

    /// A program of PostgreSQL's in the scratch folder, as somebody who is not root.
    fn unprivileged(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = as_nobody(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("LC_ALL", "C");
        command
    }

    /// Makes the scratch folder the unprivileged user's.
    fn hand_over(&self) {
        give_to_nobody(self.folder.path());
        give_to_nobody(&self.folder.path().join("data"));
    }
}

/// A program, started as somebody who is not root.
pub(super) fn as_nobody(program: impl AsRef<std::ffi::OsStr>) -> Command {
    // Becomes the program: the process id stays.
    let mut command = Command::new("setpriv");
    // A test that is killed drops no guard: then the kernel ends what it started.
    command.args(["--pdeathsig", "KILL"]);
    if let Some((user, group)) = nobody() {
        command.args(["--reuid", &user.to_string()]);
        command.args(["--regid", &group.to_string(), "--clear-groups"]);
    }
    command.arg(program);
    command
}

/// Makes a folder and the files in it that user's, where it is there.
pub(super) fn give_to_nobody(folder: &Path) {
    use std::os::unix::fs::chown;
    let Some((user, group)) = nobody().filter(|_| folder.exists()) else {
        return;
    };
    chown(folder, Some(user), Some(group)).unwrap();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            // PostgreSQL refuses a key that others can read.
            private(&entry.path());
            chown(entry.path(), Some(user), Some(group)).unwrap();
        }
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Who to be instead of root; nothing where we are not.
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
        let user = id(&["-u", "nobody"]).expect("a user `nobody`, for PostgreSQL refuses root");
        let group = id(&["-g", "nobody"]).expect("the group of `nobody`");
        (user, group)
    })
}

/// Where PostgreSQL's programs are: Debian keeps the server's out of the path.
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
        .unwrap_or_else(|| panic!("PostgreSQL's initdb and postgres are missing; run: {INSTALL}"))
}
