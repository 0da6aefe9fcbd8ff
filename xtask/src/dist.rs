//! `cargo xtask dist`: what a C, C++ or Go program links, in one folder that can be moved.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{root, table, target};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The major of the ABI, as in the soname that crates/capi/build.rs sets.
const SOVERSION: &str = "0";

/// What the shared library may weigh, in bytes, so that it does not grow unseen. The goal is 2.0 MB; it stands at
/// 2.83, of which ring, rustls and ureq alone are 1.7: see benches/RESULTS.md. A build with `fleet` is recorded, not limited.
const MOST_BYTES: u64 = 2_900_000;

const USAGE: &str = "\
cargo xtask dist --prefix DIR [--features fleet] [--no-packages] [--profile P]

  --prefix DIR     where everything goes; the folder can be moved afterwards
  --features F     of libcountersign: fleet has the stores on PostgreSQL and Redis
  --no-packages    without those of Go, Python, Node and Java, which take their languages' tools
  --profile P      dist unless said otherwise; dev builds quickly
";

/// What programs include.
const HEADERS: [&str; 4] = [
    "countersign.h",
    "countersign.hpp",
    "countersign_abi.hpp",
    "countersign_plugin.h",
];

/// What a reader of the header is sent to, and what has to go along.
const PAGES: [&str; 4] = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "docs/abi.md",
    "docs/settings.md",
];

/// What is to be installed, and where.
pub(crate) struct Dist {
    pub(crate) prefix: PathBuf,
    pub(crate) profile: String,
    pub(crate) features: String,
    pub(crate) packages: bool,
}

/// Installs everything; `pack` adds the languages' packages.
pub(crate) fn run(options: &[&str], pack: fn(&Path) -> Result<(), String>) -> Result<(), String> {
    if let ["help" | "--help" | "-h"] = options {
        table::say(USAGE);
        return Ok(());
    }
    let dist = Dist::read(options)?;
    dist.install()?;
    if dist.packages {
        pack(&dist.prefix)?;
    }
    Ok(())
}

impl Dist {
    fn read(options: &[&str]) -> Result<Self, String> {
        let mut dist = Self {
            prefix: PathBuf::new(),
            profile: "dist".into(),
            features: String::new(),
            packages: true,
        };
        let mut words = options.iter();
        while let Some(option) = words.next() {
            let mut value = || {
                let value = words.next().copied();
                value.ok_or_else(|| format!("{option} needs a value"))
            };
            match *option {
                "--prefix" => {
                    // Scripts run in other folders.
                    dist.prefix = std::path::absolute(value()?).map_err(|e| e.to_string())?;
                }
                "--profile" => dist.profile = value()?.to_owned(),
                "--features" => dist.features = value()?.to_owned(),
                "--no-packages" => dist.packages = false,
                other => return Err(format!("dist does not know `{other}`\n\n{USAGE}")),
            }
        }
        match dist.prefix.as_os_str().is_empty() {
            true => Err(format!("say where to\n\n{USAGE}")),
            false => Ok(dist),
        }
    }

    /// Builds and installs libraries, headers, what finds them, the command and the sandbox.
    pub(crate) fn install(&self) -> Result<(), String> {
        let native_libs = self.build_library()?;
        let built = built(&self.profile);
        // The command may weigh more, and link-time optimization of the whole takes minutes.
        let profile = match self.profile.as_str() {
            "dist" => "release",
            other => other,
        };
        build("countersign-cli", profile)?;
        build("countersign-sandbox", profile)?;
        let lib = folder(&self.prefix, "lib")?;

        let file = format!("libcountersign.so.{VERSION}");
        copy(&built.join("libcountersign_capi.so"), &lib.join(&file))?;
        let soname = format!("libcountersign.so.{SOVERSION}");
        link(&file, &lib.join(&soname))?;
        link(&soname, &lib.join("libcountersign.so"))?;
        let archive = lib.join("libcountersign.a");
        copy(&built.join("libcountersign_capi.a"), &archive)?;
        if self.profile == "dist" {
            // The profile's `strip` reaches no archive, and nothing where cargo finds a build to be fresh.
            run_quietly(
                Command::new("strip")
                    .arg("--strip-unneeded")
                    .arg(lib.join(&file)),
            )?;
            run_quietly(Command::new("strip").arg("--strip-debug").arg(&archive))?;
        }

        let include = folder(&self.prefix, "include")?;
        for header in HEADERS {
            copy(&root().join("include").join(header), &include.join(header))?;
        }
        let doc = folder(&self.prefix, "share/doc/countersign")?;
        for page in PAGES.map(Path::new) {
            copy(
                &root().join(page),
                &doc.join(page.file_name().unwrap_or_default()),
            )?;
        }
        let fill = |text: &str, native_libs: &str| {
            text.replace("@VERSION@", VERSION)
                .replace("@SOVERSION@", SOVERSION)
                .replace("@NATIVE_LIBS@", native_libs)
        };
        let pc = fill(include_str!("dist/countersign.pc.in"), &native_libs);
        write(&folder(&lib, "pkgconfig")?.join("countersign.pc"), &pc)?;
        let cmake = folder(&lib, "cmake/countersign")?;
        let names: Vec<_> = native_libs
            .split(' ')
            .map(|flag| flag.trim_start_matches("-l"))
            .collect();
        let config = fill(
            include_str!("dist/countersign-config.cmake.in"),
            &names.join(";"),
        );
        write(&cmake.join("countersign-config.cmake"), &config)?;
        let version = fill(include_str!("dist/countersign-config-version.cmake.in"), "");
        write(&cmake.join("countersign-config-version.cmake"), &version)?;

        let bin = folder(&self.prefix, "bin")?;
        for program in ["countersign", "countersign-sandbox"] {
            copy(&self::built(profile).join(program), &bin.join(program))?;
        }
        self.completions(&bin.join("countersign"))?;
        self.man_pages(&bin.join("countersign"))?;
        self.weigh(&lib.join(&file))
    }

    /// Builds the library. Returns the system libraries that a program with the static one links.
    fn build_library(&self) -> Result<String, String> {
        // One kind at a time: cargo leaves out link-time optimization if an rlib is made as well.
        self.build_kind("cdylib", &[])?;
        let messages = self.build_kind("staticlib", &["--print", "native-static-libs"])?;
        let mark = "native-static-libs: ";
        let flags = messages.iter().find_map(|line| line.strip_prefix(mark));
        let flags = flags.ok_or("rustc did not say which native libraries a static link needs")?;
        let mut flags: Vec<_> = flags.split_whitespace().collect();
        flags.dedup();
        Ok(flags.join(" "))
    }

    /// Builds one kind of the library, showing cargo's progress. Returns the compiler's messages.
    fn build_kind(&self, kind: &str, options: &[&str]) -> Result<Vec<String>, String> {
        let mut cargo = cargo("rustc", "countersign-capi", &self.profile);
        if !self.features.is_empty() {
            cargo.args(["--features", &self.features]);
        }
        cargo
            .args(["--message-format", "json"])
            .args(["--lib", "--crate-type", kind, "--"])
            .args(options);
        let output = cargo
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| error.to_string())?;
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let messages = lines
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["reason"] == "compiler-message")
            .map(|line| line["message"].clone());
        let text =
            |message: &Value, member: &str| message[member].as_str().unwrap_or_default().to_owned();
        match output.status.success() {
            true => Ok(messages.map(|message| text(&message, "message")).collect()),
            false => {
                let rendered: Vec<_> = messages.map(|message| text(&message, "rendered")).collect();
                let said = rendered.concat();
                Err(format!("countersign-capi does not build:\n{said}"))
            }
        }
    }

    fn man_pages(&self, command: &Path) -> Result<(), String> {
        let pages = folder(&self.prefix, "share/man/man1")?;
        run_quietly(Command::new(command).arg("man").arg(pages))
    }

    fn completions(&self, command: &Path) -> Result<(), String> {
        let places = [
            ("bash", "share/bash-completion/completions", "countersign"),
            ("zsh", "share/zsh/site-functions", "_countersign"),
            (
                "fish",
                "share/fish/vendor_completions.d",
                "countersign.fish",
            ),
        ];
        for (shell, place, file) in places {
            let output = Command::new(command).args(["completions", shell]).output();
            let output = output.map_err(|error| format!("{}: {error}", command.display()))?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
            let text = String::from_utf8_lossy(&output.stdout);
            write(&folder(&self.prefix, place)?.join(file), &text)?;
        }
        Ok(())
    }

    fn weigh(&self, library: &Path) -> Result<(), String> {
        let bytes = fs::metadata(library)
            .map_err(|error| error.to_string())?
            .len();
        let features = match self.features.is_empty() {
            true => "by default",
            false => &self.features,
        };
        table::say(&format!(
            "{}: {bytes} bytes ({features})\n",
            library.display()
        ));
        let limited = self.profile == "dist" && self.features.is_empty();
        match limited && bytes > MOST_BYTES {
            true => Err(format!("the library may have {MOST_BYTES} bytes")),
            false => Ok(()),
        }
    }
}

fn build(package: &str, profile: &str) -> Result<(), String> {
    let status = cargo("build", package, profile).status();
    match status.map_err(|error| error.to_string())?.success() {
        true => Ok(()),
        false => Err(format!("{package} does not build")),
    }
}

fn cargo(verb: &str, package: &str, profile: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([verb, "--locked", "--profile", profile, "-p", package])
        .current_dir(root());
    if matches!(profile, "dist" | "release") {
        cargo.env("CARGO_ENCODED_RUSTFLAGS", rustflags(profile));
    }
    cargo
}

/// Where a profile's artefacts are.
fn built(profile: &str) -> PathBuf {
    let folder = match profile {
        "dev" => "debug",
        other => other,
    };
    target().join(folder)
}

/// The flags that are set, and ours, as cargo wants them encoded.
fn rustflags(profile: &str) -> String {
    let set = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut flags: Vec<_> = set.split_whitespace().map(str::to_owned).collect();
    if profile == "dist" {
        // With frame pointers, the unwinding tables are a quarter smaller: 86 KB of the library.
        flags.extend(["-C", "force-frame-pointers=yes"].map(str::to_owned));
    }
    // Panic messages name source files. Where they were on the build machine is nobody's business, and
    // two machines make the same library.
    for (folder, name) in [(Some(root()), "countersign"), (cargo_home(), "cargo")] {
        let folder = folder.map(|folder| folder.display().to_string());
        flags.extend(folder.map(|folder| format!("--remap-path-prefix={folder}={name}")));
    }
    flags.join("\u{1f}")
}

/// Cargo's own folder, with the sources of dependencies.
fn cargo_home() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))
}

fn folder(base: &Path, name: &str) -> Result<PathBuf, String> {
    let path = base.join(name);
    fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    // A library that a program has mapped must be replaced, not written over.
    let _ = fs::remove_file(to);
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn link(to: &str, path: &Path) -> Result<(), String> {
    let _ = fs::remove_file(path);
    std::os::unix::fs::symlink(to, path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(not(unix))]
fn link(to: &str, path: &Path) -> Result<(), String> {
    let from = path.with_file_name(to);
    copy(&from, path)
}

fn run_quietly(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
