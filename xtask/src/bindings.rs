//! `cargo xtask bindings`: builds the languages' packages and runs the shared scenarios.
//!
//! It also installs each finished package and tries it.

mod results;

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

use crate::dist::Dist;
use crate::{cargo, root, table, target, tools};

/// A language, and the programs that its package needs.
struct Language {
    name: &'static str,
    programs: &'static [&'static str],
    /// The end of the package's name; `None` if the language has none.
    artefact: Option<&'static str>,
}

const LANGUAGES: &[Language] = &[
    Language {
        name: "cpp",
        programs: &["c++", "clang++", "cmake", "curl", "g++", "pkg-config"],
        artefact: None,
    },
    Language {
        name: "go",
        programs: &["go", "pkg-config"],
        artefact: Some("goproxy"),
    },
    Language {
        name: "python",
        programs: &["python3"],
        artefact: Some(".whl"),
    },
    Language {
        name: "node",
        programs: &["node", "npm"],
        // The addon's own package ends otherwise.
        artefact: Some(concat!("countersign-", env!("CARGO_PKG_VERSION"), ".tgz")),
    },
    Language {
        name: "java",
        programs: &["javac", "mvn"],
        artefact: Some(".jar"),
    },
];

pub(crate) fn run(options: &[&str]) -> Result<(), String> {
    if options == ["table"] {
        return results::write_table(&target().join("bindings/results"));
    }
    for name in options {
        if !LANGUAGES.iter().any(|language| language.name == *name) {
            let names: Vec<_> = LANGUAGES.iter().map(|language| language.name).collect();
            return Err(format!(
                "unknown language `{name}`; use {}",
                names.join(", ")
            ));
        }
    }
    let chosen = |language: &&Language| options.is_empty() || options.contains(&language.name);
    let chosen: Vec<_> = LANGUAGES.iter().filter(chosen).collect();
    let stage = Stage::set()?;
    match chosen.as_slice() {
        [language] => stage.test(language, &Output::Inherited),
        _ if options.is_empty() => test_all(&stage, chosen.into_iter().map(Job::Package)),
        _ => test_together(&stage, chosen.into_iter().map(Job::Package)),
    }
}

/// Runs the C tests of `cargo xtask abi --test` and every language's, which use the same
/// installation. `check` checks its library first.
pub(crate) fn run_with_abi(check: fn(&Path) -> Result<(), String>) -> Result<(), String> {
    let stage = Stage::set()?;
    check(&stage.library())?;
    // The longest first.
    let jobs = std::iter::once(Job::Abi).chain(LANGUAGES.iter().rev().map(Job::Package));
    test_all(&stage, jobs)
}

/// Something to test, beside others.
enum Job {
    /// The C ABI.
    Abi,
    /// A language's package.
    Package(&'static Language),
}

impl Job {
    fn name(&self) -> &'static str {
        match self {
            Self::Abi => "abi, C",
            Self::Package(language) => language.name,
        }
    }

    fn run(&self, stage: &Stage, output: &Output) -> Result<(), String> {
        match self {
            Self::Abi => stage.run(Path::new("tests/abi"), "run.sh", &[], output),
            Self::Package(language) => stage.test(language, output),
        }
    }
}

/// Runs the scenarios in Rust and these jobs, and writes the table of the scenarios' results.
fn test_all(stage: &Stage, jobs: impl Iterator<Item = Job> + Send) -> Result<(), String> {
    let rust = stage.test_rust();
    test_together(stage, jobs)?;
    rust?;
    results::write_table(&stage.results)
}

/// Runs these jobs two at a time, because most of them use one core. Prints the output of each when
/// it ends.
fn test_together(stage: &Stage, jobs: impl Iterator<Item = Job> + Send) -> Result<(), String> {
    let jobs = Mutex::new(jobs);
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = lock(&jobs).next();
            let Some(job) = next else { break };
            if let Err(why) = test_one(stage, &job) {
                table::complain(&format!("{}: {why}", job.name()));
                lock(&failed).push(job.name());
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let failed = lock(&failed);
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("failed: {}", failed.join(", "))),
    }
}

fn test_one(stage: &Stage, job: &Job) -> Result<(), String> {
    let start = Instant::now();
    let log = tempfile::tempfile().map_err(|error| error.to_string())?;
    let output = Output::File(log);
    let outcome = job.run(stage, &output);
    let took = start.elapsed().as_secs();
    let heading = format!("\n-- {} ({took} s)\n", job.name());
    table::say(&format!("{heading}{}", output.text()?));
    outcome
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a script's output goes.
pub(crate) enum Output {
    /// To this process's standard output and error.
    Inherited,
    /// To a file.
    File(File),
}

impl Output {
    fn redirect(&self, command: &mut Command) -> Result<(), String> {
        if let Self::File(file) = self {
            let file = || file.try_clone().map_err(|error| error.to_string());
            command.stdout(file()?).stderr(file()?);
        }
        Ok(())
    }

    fn text(self) -> Result<String, String> {
        let Self::File(mut file) = self else {
            return Ok(String::new());
        };
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
        read.map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Returns the title of a language.
pub(crate) fn title(id: &str) -> &str {
    results::LANGUAGES
        .iter()
        .find(|(known, _)| *known == id)
        .map_or(id, |(_, title)| title)
}

/// Builds the packages in PREFIX/packages.
pub(crate) fn package(prefix: &Path) -> Result<(), String> {
    let out = prefix.join("packages");
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let stage = Stage::at(prefix.to_owned());
    for language in LANGUAGES
        .iter()
        .filter(|language| language.artefact.is_some())
    {
        language.check_tools()?;
        stage.script(language, "package.sh", &[&out], &Output::Inherited)?;
    }
    Ok(())
}

/// The files that the scripts use.
pub(crate) struct Stage {
    prefix: PathBuf,
    results: PathBuf,
    /// The plugins that scenarios load, in a temporary folder.
    plugins: Option<TempDir>,
}

impl Stage {
    /// Installs the library, including test-only exports, and builds the plugins.
    pub(crate) fn set() -> Result<Self, String> {
        let base = target().join("bindings");
        let dist = Dist {
            prefix: base.join("prefix"),
            profile: "dev".into(),
            features: "fleet,test-hooks".into(),
            glibc: None,
            packages: false,
        };
        dist.install()?;
        let results = base.join("results");
        let _ = fs::remove_dir_all(&results);
        fs::create_dir_all(&results).map_err(|error| format!("{}: {error}", results.display()))?;
        Ok(Self {
            prefix: dist.prefix,
            results,
            plugins: Some(plugins()?),
        })
    }

    /// Uses an existing installation.
    pub(crate) fn at(prefix: PathBuf) -> Self {
        Self {
            prefix,
            results: target().join("bindings/results"),
            plugins: None,
        }
    }

    /// Runs the scenarios in Rust, without the C ABI.
    fn test_rust(&self) -> Result<(), String> {
        let test = "test --locked -p countersign --test scenarios";
        let words: Vec<_> = test.split(' ').collect();
        let results = [("COUNTERSIGN_SCENARIO_RESULTS", self.results.as_ref())];
        cargo::run(&words, &results).map_err(|_| "the scenarios failed in Rust".into())
    }

    fn test(&self, language: &Language, output: &Output) -> Result<(), String> {
        language.check_tools()?;
        self.script(language, "test.sh", &[], output)?;
        let Some(ending) = language.artefact else {
            return Ok(());
        };
        let out = self.prefix.join("packages").join(language.name);
        let _ = fs::remove_dir_all(&out);
        fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        self.script(language, "package.sh", &[&out], output)?;
        let packed = fs::read_dir(&out).map_err(|error| error.to_string())?;
        let mut packed = packed.flatten().map(|file| file.path());
        let artefact = packed.find(|path| path.to_string_lossy().ends_with(ending));
        let artefact = artefact.ok_or_else(|| format!("package.sh created no {ending}"))?;
        self.script(language, "try.sh", &[&artefact], output)
    }

    /// Returns the path of the shared library.
    pub(crate) fn library(&self) -> PathBuf {
        self.prefix.join("lib/libcountersign.so")
    }

    fn script(
        &self,
        language: &Language,
        script: &str,
        arguments: &[&Path],
        output: &Output,
    ) -> Result<(), String> {
        let folder = Path::new("bindings").join(language.name);
        self.run(&folder, script, arguments, output)
    }

    /// Runs a script in its folder, which is relative to the workspace's.
    pub(crate) fn run(
        &self,
        folder: &Path,
        script: &str,
        arguments: &[&Path],
        output: &Output,
    ) -> Result<(), String> {
        let mut command = self.command(folder, script)?;
        output.redirect(&mut command)?;
        let status = command.args(arguments).status();
        match status.map_err(|error| format!("bash: {error}"))?.success() {
            true => Ok(()),
            false => Err(format!("{}/{script} failed", folder.display())),
        }
    }

    /// Runs a script and returns its output.
    pub(crate) fn output(&self, folder: &Path, script: &str) -> Result<String, String> {
        let mut command = self.command(folder, script)?;
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("bash: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("{}/{script} failed", folder.display())),
        }
    }

    fn command(&self, folder: &Path, script: &str) -> Result<Command, String> {
        let scratch = target().join("bindings/scratch").join(folder);
        fs::create_dir_all(&scratch).map_err(|error| error.to_string())?;
        let folder = root().join(folder);
        let mut command = Command::new("bash");
        command
            .arg(folder.join(script))
            .current_dir(&folder)
            .env("COUNTERSIGN_LIB_DIR", self.prefix.join("lib"))
            .env("COUNTERSIGN_INCLUDE_DIR", self.prefix.join("include"))
            .env(
                "COUNTERSIGN_SANDBOX",
                self.prefix.join("bin/countersign-sandbox"),
            )
            .env("COUNTERSIGN_SCENARIOS", root().join("tests/scenarios"))
            .env("COUNTERSIGN_SCENARIO_RESULTS", &self.results)
            .env("COUNTERSIGN_SCRATCH", &scratch)
            // Keep the tests' fallback store out of the user's folder.
            .env("XDG_STATE_HOME", scratch.join("state"));
        if let Some(plugins) = &self.plugins {
            command.env("COUNTERSIGN_PLUGINS", plugins.path());
        }
        Ok(command)
    }
}

/// Builds the plugins that scenarios load, in a temporary folder.
///
/// Other users may be able to write the target folder or one above it, and the library rejects
/// plugins in such folders.
fn plugins() -> Result<TempDir, String> {
    let folder = TempDir::with_prefix("countersign-plugins-").map_err(|error| error.to_string())?;
    let built = Command::new("bash")
        .arg(root().join("tests/scenarios/plugins.sh"))
        .arg(folder.path())
        .status()
        .map_err(|error| format!("bash: {error}"))?;
    match built.success() {
        true => Ok(folder),
        false => Err("tests/scenarios/plugins.sh failed; it needs a C compiler".into()),
    }
}

impl Language {
    fn check_tools(&self) -> Result<(), String> {
        let missing = self
            .programs
            .iter()
            .find(|program| !tools::is_installed(program));
        match missing {
            Some(program) => Err(format!("`{program}` is not installed")),
            None => Ok(()),
        }
    }
}
