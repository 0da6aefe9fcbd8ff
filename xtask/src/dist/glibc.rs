//! Builds for an older glibc than this system's, with cargo-zigbuild.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Validates a glibc version, such as `2.17`.
pub(super) fn version(text: &str) -> Result<String, String> {
    match number(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("--glibc: `{text}` is not a version such as 2.17")),
    }
}

/// Returns the target that is built, without the glibc version.
pub(super) fn target() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Returns a cargo command that links for this glibc.
pub(super) fn cargo(verb: &str, version: &str) -> Command {
    let verb = match verb {
        "build" => "zigbuild",
        other => other,
    };
    let mut cargo = Command::new("cargo-zigbuild");
    cargo
        .args([verb, "--target", &format!("{}.{version}", target())])
        .env("CARGO", env!("CARGO"));
    cargo
}

/// Fails if a program or library needs a newer glibc.
pub(super) fn check(file: &Path, version: &str) -> Result<(), String> {
    let output = Command::new("objdump")
        .args(["-p", "-T"])
        .arg(file)
        .output();
    let output = output.map_err(|error| format!("objdump: {error}; it is part of binutils"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let newer = newer(&String::from_utf8_lossy(&output.stdout), version);
    match newer.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{} needs what glibc {version} doesn't have: {}",
            file.display(),
            newer.join(", ")
        )),
    }
}

/// Returns the versions that are newer than this glibc, with their symbols.
///
/// `objdump -p` lists the versions that a file needs, which may have no symbols, and `-T` the symbols.
fn newer(listing: &str, version: &str) -> Vec<String> {
    let max = number(version);
    let is_newer = |of: &str| {
        let of = of.strip_prefix("GLIBC_");
        // Names without a number, such as GLIBC_ABI_DT_RELR, are newer than any glibc that matters.
        of.is_some_and(|of| number(of).is_none_or(|of| Some(of) > max))
    };
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in listing.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [hash, _, _, of] if hash.starts_with("0x") && is_newer(of) => {
                found.entry(of).or_default();
            }
            [.., "*UND*", _, of, name] if is_newer(of.trim_matches(['(', ')'])) => {
                let of = of.trim_matches(['(', ')']);
                found.entry(of).or_default().push(name);
            }
            _ => {}
        }
    }
    let found = found.into_iter();
    found
        .map(|(of, names)| format!("{of} ({})", names.join(", ")))
        .collect()
}

/// Returns the numbers of a version, such as `2.3.4`.
fn number(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_needs_a_newer_glibc() {
        let listing = "\
Version References:
  required from libc.so.6:
    0x09691a75 0x00 04 GLIBC_2.2.5
    0x06969197 0x00 03 GLIBC_2.17
    0x0fd0e42  0x00 02 GLIBC_ABI_DT_RELR

DYNAMIC SYMBOL TABLE:
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.2.5) memcpy
0000000000000000      DF *UND*  0000000000000000 (GLIBC_2.17) clock_gettime
0000000000000000  w   DF *UND*  0000000000000000 (GLIBC_2.25) getrandom
0000000000000000      DO *UND*  0000000000000000 (GLIBC_PRIVATE) _rtld_global
0000000000000000      DF *UND*  0000000000000000 (GCC_3.0)   _Unwind_Resume
0000000000102720 g    DF .text  000000000000012c  Base        csign_client_new
";
        let expected = [
            "GLIBC_2.25 (getrandom)",
            "GLIBC_ABI_DT_RELR ()",
            "GLIBC_PRIVATE (_rtld_global)",
        ];
        assert_eq!(newer(listing, "2.17"), expected);
        assert!(newer(listing, "2.16").contains(&"GLIBC_2.17 (clock_gettime)".to_owned()));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn rejects_a_program_of_this_system_for_a_very_old_glibc() {
        let program = std::env::current_exe().unwrap();
        check(&program, "99.0").unwrap();
        let error = check(&program, "2.0").unwrap_err();
        assert!(error.contains("malloc"), "{error}");
    }

    #[test]
    fn a_version_has_only_numbers() {
        assert!(version("2.17").is_ok());
        assert!(version("2.x").is_err());
        assert!(version("").is_err());
    }
}
