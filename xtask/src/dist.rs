//! `cargo xtask dist`: installs libraries, headers and programs in one relocatable folder.

mod glibc;
mod paths;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{root, table, target};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The major version of the ABI, as in the soname that crates/capi/build.rs sets.
const SOVERSION: &str = "0";

/// The size that the shared library should have without the feature `fleet`. It is larger today; the
/// README of crates/capi lists what takes the space.
pub(crate) const GOAL_BYTES: u64 = 2_900_000;

/// The maximum size of the shared library, so that growth is noticed: what it was when this was set,
/// and 1 %.
const MAX_BYTES: u64 = 4_450_000;
const MAX_BYTES_WITH_FLEET: u64 = 5_450_000;

const USAGE: &str = "\
cargo xtask dist --prefix DIR [--no-fleet] [--glibc VERSION] [--no-packages] [--profile P]

  --prefix DIR     The folder to install to; it can be moved later
  --no-fleet       Build a smaller libcountersign without the PostgreSQL and Redis stores; the
                   packages need them, so add --no-packages
  --glibc VERSION  Build for systems with this glibc or a newer one, such as 2.17, instead of this
                   system's. Requires cargo-zigbuild: pip install cargo-zigbuild ziglang
  --no-packages    Don't build the packages for Go, Python, Node and Java
  --profile P      The cargo profile; the default is dist, and dev builds faster
";

/// The headers that programs include.
const HEADERS: [&str; 21] = [
    "countersign.h",
    "countersign.hpp",
    "countersign/call.hpp",
    "countersign/callback.hpp",
    "countersign/client.hpp",
    "countersign/config.hpp",
    "countersign/curl.hpp",
    "countersign/error.hpp",
    "countersign/format.hpp",
    "countersign/json.hpp",
    "countersign/key.hpp",
    "countersign/login.hpp",
    "countersign/registry.hpp",
    "countersign/result.hpp",
    "countersign/start.hpp",
    "countersign/text.hpp",
    "countersign/token.hpp",
    "countersign/version.hpp",
    "countersign/view.hpp",
    "countersign_abi.hpp",
    "countersign_plugin.h",
];

/// The licenses, and the pages that the header refers to.
const PAGES: [&str; 4] = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "docs/abi.md",
    "docs/settings.md",
];

/// What to install, and where.
pub(crate) struct Dist {
    pub(crate) prefix: PathBuf,
    pub(crate) profile: String,
    pub(crate) features: String,
    /// The oldest glibc to support; `None` means this system's.
    pub(crate) glibc: Option<String>,
    pub(crate) packages: bool,
}

/// Installs everything, and builds the languages' packages with `pack`.
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
            features: "fleet".into(),
            glibc: None,
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
                    // The scripts run in other folders.
                    dist.prefix = std::path::absolute(value()?).map_err(|e| e.to_string())?;
                }
                "--profile" => dist.profile = value()?.to_owned(),
                "--no-fleet" => dist.features.clear(),
                "--glibc" => dist.glibc = Some(glibc::version(value()?)?),
                "--no-packages" => dist.packages = false,
                other => return Err(format!("unknown option `{other}`\n\n{USAGE}")),
            }
        }
        if dist.prefix.as_os_str().is_empty() {
            return Err(format!("--prefix is required\n\n{USAGE}"));
        }
        match dist.packages && dist.features.is_empty() {
            true => {
                Err("the packages need the stores: remove --no-fleet or add --no-packages".into())
            }
            false => Ok(dist),
        }
    }

    /// Builds and installs the libraries, headers, pkg-config and CMake files, and programs.
    pub(crate) fn install(&self) -> Result<(), String> {
        let native_libs = self.build_library()?;
        let built = self.built(&self.profile);
        // The command's size matters less, and link-time optimization takes minutes.
        let profile = match self.profile.as_str() {
            "dist" => "release",
            other => other,
        };
        self.build("countersign-cli", profile)?;
        self.build("countersign-sandbox", profile)?;
        let lib = folder(&self.prefix, "lib")?;

        let file = format!("libcountersign.so.{VERSION}");
        copy(&built.join("libcountersign_capi.so"), &lib.join(&file))?;
        let soname = format!("libcountersign.so.{SOVERSION}");
        link(&file, &lib.join(&soname))?;
        link(&soname, &lib.join("libcountersign.so"))?;
        let archive = lib.join("libcountersign.a");
        copy(&built.join("libcountersign_capi.a"), &archive)?;
        if self.profile == "dist" {
            // The profile's `strip` doesn't apply to archives, or if cargo considers a build fresh.
            run_quietly(
                Command::new("strip")
                    .arg("--strip-unneeded")
                    .arg(lib.join(&file)),
            )?;
            run_quietly(Command::new("strip").arg("--strip-debug").arg(&archive))?;
        }

        let addon = lib.join("countersign.node");
        self.build_addon()?;
        copy(&built.join("libcountersign_node.so"), &addon)?;
        if self.profile == "dist" {
            run_quietly(Command::new("strip").arg("--strip-unneeded").arg(&addon))?;
        }

        let include = folder(&self.prefix, "include")?;
        folder(&include, "countersign")?;
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
        let pkgconfig = folder(&lib, "pkgconfig")?;
        let shared = include_str!("dist/countersign.pc.in");
        let archive = include_str!("dist/countersign-static.pc.in");
        for (name, text) in [("countersign", shared), ("countersign-static", archive)] {
            let path = pkgconfig.join(name).with_extension("pc");
            write(&path, &fill(text, &native_libs))?;
        }
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
            copy(&self.built(profile).join(program), &bin.join(program))?;
        }
        let programs = ["countersign", "countersign-sandbox"].map(|program| bin.join(program));
        for file in programs.iter().chain([&lib.join(&file), &addon]) {
            if let Some(version) = &self.glibc {
                glibc::check(file, version)?;
            }
            if self.is_release() {
                paths::check(file)?;
            }
        }
        if self.is_release() {
            paths::check(&lib.join("libcountersign.a"))?;
        }
        self.sboms(&doc)?;
        self.completions(&bin.join("countersign"))?;
        self.man_pages(&bin.join("countersign"))?;
        self.check_size(&lib.join(&file))
    }

    /// Builds the library. Returns the system libraries that the static library needs.
    fn build_library(&self) -> Result<String, String> {
        // Build one kind at a time: cargo skips link-time optimization if it builds an rlib too.
        self.build_kind("cdylib", &[])?;
        let messages = self.build_kind("staticlib", &["--print", "native-static-libs"])?;
        let mark = "native-static-libs: ";
        let flags = messages.iter().find_map(|line| line.strip_prefix(mark));
        let flags = flags.ok_or("rustc printed no native-static-libs")?;
        // Compilers add libgcc themselves, in the form that fits, and there is no static libgcc_s.
        let flags = flags.split_whitespace().filter(|flag| *flag != "-lgcc_s");
        let mut flags: Vec<_> = flags.collect();
        flags.dedup();
        Ok(flags.join(" "))
    }

    /// Builds the Node package's addon.
    fn build_addon(&self) -> Result<(), String> {
        let mut cargo = self.cargo("build", "countersign-node", &self.profile);
        cargo.args(["--features", self.node_features()]);
        let status = cargo.status().map_err(|error| error.to_string())?;
        match status.success() {
            true => Ok(()),
            false => Err("could not build countersign-node".into()),
        }
    }

    /// Returns those of the features that the addon has. It has no C ABI whose hooks tests use.
    fn node_features(&self) -> &str {
        match self.features.split(',').any(|feature| feature == "fleet") {
            true => "fleet",
            false => "",
        }
    }

    /// Builds one kind of the library, showing cargo's progress. Returns the compiler's messages.
    fn build_kind(&self, kind: &str, options: &[&str]) -> Result<Vec<String>, String> {
        let mut cargo = self.cargo("rustc", "countersign-capi", &self.profile);
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
                Err(format!(
                    "could not build countersign-capi:\n{}",
                    rendered.concat()
                ))
            }
        }
    }

    /// Writes what is linked into the library and into each program.
    fn sboms(&self, folder: &Path) -> Result<(), String> {
        let subjects = [
            (
                "countersign-capi",
                "libcountersign",
                "library",
                self.features.as_str(),
            ),
            (
                "countersign-node",
                "countersign-node",
                "library",
                self.node_features(),
            ),
            ("countersign-cli", "countersign", "application", ""),
            (
                "countersign-sandbox",
                "countersign-sandbox",
                "application",
                "",
            ),
        ];
        for (package, name, kind, features) in subjects {
            let subject = sbom::Subject {
                package,
                features,
                name,
                kind,
            };
            let path = folder.join(format!("{name}.cdx.json"));
            write(&path, &sbom::describe(&subject)?)?;
        }
        Ok(())
    }

    /// Reports whether this is for users, rather than for tests of the workspace.
    fn is_release(&self) -> bool {
        matches!(self.profile.as_str(), "dist" | "release")
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

    fn check_size(&self, library: &Path) -> Result<(), String> {
        let bytes = fs::metadata(library)
            .map_err(|error| error.to_string())?
            .len();
        let (features, max) = match self.features.as_str() {
            "" => ("without fleet", Some(MAX_BYTES)),
            "fleet" => ("fleet", Some(MAX_BYTES_WITH_FLEET)),
            other => (other, None),
        };
        table::say(&format!(
            "{}: {bytes} bytes ({features}); the goal without fleet is {GOAL_BYTES}\n",
            library.display()
        ));
        match max.filter(|max| self.profile == "dist" && bytes > *max) {
            Some(max) => Err(format!("the library ({features}) exceeds {max} bytes")),
            None => Ok(()),
        }
    }

    fn build(&self, package: &str, profile: &str) -> Result<(), String> {
        let status = self.cargo("build", package, profile).status();
        match status.map_err(|error| error.to_string())?.success() {
            true => Ok(()),
            false => Err(format!("could not build {package}")),
        }
    }

    fn cargo(&self, verb: &str, package: &str, profile: &str) -> Command {
        let mut cargo = match &self.glibc {
            Some(version) => glibc::cargo(verb, version),
            None => {
                let mut cargo = Command::new(env!("CARGO"));
                cargo.arg(verb);
                cargo
            }
        };
        cargo
            .args(["--locked", "--profile", profile, "-p", package])
            .current_dir(root());
        if self.is_release() {
            cargo.env("CARGO_ENCODED_RUSTFLAGS", rustflags(profile));
        }
        cargo
    }

    /// Returns the folder of a profile's artifacts.
    fn built(&self, profile: &str) -> PathBuf {
        let folder = match profile {
            "dev" => "debug",
            other => other,
        };
        match &self.glibc {
            Some(_) => target().join(glibc::target()).join(folder),
            None => target().join(folder),
        }
    }
}

/// Returns `RUSTFLAGS` with our own flags added, in cargo's encoding.
fn rustflags(profile: &str) -> String {
    let set = std::env::var("RUSTFLAGS").unwrap_or_default();
    let mut flags: Vec<_> = set.split_whitespace().map(str::to_owned).collect();
    if profile == "dist" {
        // Frame pointers make the unwind tables a quarter smaller, which saves 86 KB.
        flags.extend(["-C", "force-frame-pointers=yes"].map(str::to_owned));
    }
    // This also makes builds reproducible on other machines.
    flags.extend(paths::remap());
    flags.join("\u{1f}")
}

fn folder(base: &Path, name: &str) -> Result<PathBuf, String> {
    let path = base.join(name);
    fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    // A running program may have mapped the library, so replace the file rather than overwrite it.
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
