//! `cargo xtask bindings`: builds the languages' packages and runs the shared scenarios.
//!
//! It also installs each finished package and tries it.

mod results;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let stage = Stage::set()?;
    for name in options {
        if !LANGUAGES.iter().any(|language| language.name == *name) {
            let names: Vec<_> = LANGUAGES.iter().map(|language| language.name).collect();
            return Err(format!(
                "unknown language `{name}`; use {}",
                names.join(", ")
            ));
        }
    }
    let mut failed = Vec::new();
    if options.is_empty()
        && let Err(why) = stage.test_rust()
    {
        table::complain(&why);
        failed.push("rust");
    }
    for language in LANGUAGES {
        if options.is_empty() || options.contains(&language.name) {
            table::say(&format!("\n-- {}\n", language.name));
            if let Err(why) = stage.test(language) {
                table::complain(&format!("{}: {why}", language.name));
                failed.push(language.name);
            }
        }
    }
    if !failed.is_empty() {
        return Err(format!("failed: {}", failed.join(", ")));
    }
    match options.is_empty() {
        // The table needs the results of all languages.
        true => results::write_table(&stage.results),
        false => Ok(()),
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
        stage.script(language, "package.sh", &[&out])?;
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

    fn test(&self, language: &Language) -> Result<(), String> {
        language.check_tools()?;
        self.script(language, "test.sh", &[])?;
        let Some(ending) = language.artefact else {
            return Ok(());
        };
        let out = self.prefix.join("packages").join(language.name);
        let _ = fs::remove_dir_all(&out);
        fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        self.script(language, "package.sh", &[&out])?;
        let packed = fs::read_dir(&out).map_err(|error| error.to_string())?;
        let mut packed = packed.flatten().map(|file| file.path());
        let artefact = packed.find(|path| path.to_string_lossy().ends_with(ending));
        let artefact = artefact.ok_or_else(|| format!("package.sh created no {ending}"))?;
        self.script(language, "try.sh", &[&artefact])
    }

    /// Returns the path of the shared library.
    pub(crate) fn library(&self) -> PathBuf {
        self.prefix.join("lib/libcountersign.so")
    }

    fn script(&self, language: &Language, script: &str, arguments: &[&Path]) -> Result<(), String> {
        let folder = Path::new("bindings").join(language.name);
        self.run(&folder, script, arguments)
    }

    /// Runs a script in its folder, which is relative to the workspace's.
    pub(crate) fn run(
        &self,
        folder: &Path,
        script: &str,
        arguments: &[&Path],
    ) -> Result<(), String> {
        let status = self.command(folder, script)?.args(arguments).status();
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
