//! Lists the crates that are linked into a library or program, as a CycloneDX SBOM.
//!
//! `cargo tree` resolves features for one package and one target, as the build does. `cargo metadata`,
//! which other tools read, resolves them for the whole workspace and its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{cargo, root};

/// What an SBOM describes.
pub(super) struct Subject<'a> {
    pub(super) package: &'a str,
    pub(super) features: &'a str,
    /// The name of the file that users install.
    pub(super) name: &'a str,
    /// CycloneDX's `library` or `application`.
    pub(super) kind: &'a str,
}

/// Returns the SBOM, without a time or a serial number, so that builds are reproducible.
pub(super) fn describe(subject: &Subject<'_>) -> Result<String, String> {
    let toolchain = cargo::output(&["-vV"])?;
    let line = |name: &str| {
        let line = toolchain.lines().find_map(|line| line.strip_prefix(name));
        line.ok_or_else(|| format!("cargo -vV prints no `{name}`"))
    };
    let mut tree = vec!["tree", "--locked", "-p", subject.package];
    tree.extend(["--target", line("host: ")?]);
    tree.extend(["--edges", "normal,no-proc-macro"]);
    tree.extend(["--prefix", "depth", "--format", "\t{p}\t{l}\t{r}\t"]);
    if !subject.features.is_empty() {
        tree.extend(["--features", subject.features]);
    }
    let lock = fs::read_to_string(root().join("Cargo.lock")).map_err(|error| error.to_string())?;
    let release = line("release: ")?;
    let sbom = assemble(subject, &cargo::output(&tree)?, &checksums(&lock)?, release)?;
    Ok(format!("{sbom:#}\n"))
}

#[derive(Default)]
struct Crate {
    licence: String,
    repository: String,
    depends_on: BTreeSet<Id>,
}

/// A crate's name and version.
type Id = (String, String);

fn assemble(
    subject: &Subject<'_>,
    tree: &str,
    checksums: &BTreeMap<Id, String>,
    release: &str,
) -> Result<Value, String> {
    let crates = parse(tree)?;
    let own = crates.keys().find(|(name, _)| name == subject.package);
    let own = own.ok_or_else(|| format!("cargo tree doesn't list {}", subject.package))?;
    let mut components: Vec<_> = crates
        .iter()
        .filter(|(id, _)| *id != own)
        .map(|(id, found)| component(id, found, checksums.get(id)))
        .collect();
    let std = format!("pkg:generic/rust-std@{release}");
    components.push(json!({
        "type": "library",
        "bom-ref": std,
        "name": "rust-std",
        "version": release,
        "description": "Rust's standard library, with the crates that it contains",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
        "purl": std,
    }));
    let dependencies: Vec<_> = crates
        .iter()
        .map(|(id, found)| {
            let depends_on = found.depends_on.iter().map(purl);
            let depends_on: Vec<_> = depends_on.chain([std.clone()]).collect();
            json!({ "ref": purl(id), "dependsOn": depends_on })
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": subject.kind,
                "bom-ref": purl(own),
                "name": subject.name,
                "version": own.1,
                "licenses": [{ "expression": crates[own].licence }],
                "purl": purl(own),
            },
        },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn component(id: &Id, found: &Crate, checksum: Option<&String>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(id),
        "name": id.0,
        "version": id.1,
        "scope": "required",
        "licenses": [{ "expression": found.licence }],
        "purl": purl(id),
    });
    if let Some(checksum) = checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if !found.repository.is_empty() {
        component["externalReferences"] = json!([{ "type": "vcs", "url": found.repository }]);
    }
    component
}

fn purl((name, version): &Id) -> String {
    // A version's `+` separates build metadata, and means a space to some readers.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// Parses the lines of `cargo tree`, each of which has a depth, a crate, its licence and its repository.
fn parse(tree: &str) -> Result<BTreeMap<Id, Crate>, String> {
    let mut crates: BTreeMap<Id, Crate> = BTreeMap::new();
    let mut path: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let unexpected = || format!("unexpected line of cargo tree: {line}");
        let fields: Vec<_> = line.split('\t').collect();
        let [depth, package, licence, repository, _] = fields[..] else {
            return Err(unexpected());
        };
        let mut words = package.split(' ');
        let (Ok(depth), Some(name), Some(version)) = (depth.parse(), words.next(), words.next())
        else {
            return Err(unexpected());
        };
        let version = version.trim_start_matches('v');
        let id = (name.to_owned(), version.to_owned());
        path.truncate(depth);
        if let Some(parent) = path.last().and_then(|parent| crates.get_mut(parent)) {
            parent.depends_on.insert(id.clone());
        }
        let found = crates.entry(id.clone()).or_default();
        // Older crates separate licences with a slash, which is not SPDX.
        found.licence = licence.replace('/', " OR ");
        found.repository = repository.to_owned();
        path.push(id);
    }
    Ok(crates)
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Returns the SHA-256 of each crate that Cargo.lock has one for.
fn checksums(lock: &str) -> Result<BTreeMap<Id, String>, String> {
    let lock: Lock = toml::from_str(lock).map_err(|error| format!("Cargo.lock: {error}"))?;
    let packages = lock.package.into_iter();
    let known = packages.filter_map(|it| Some(((it.name, it.version), it.checksum?)));
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: Subject<'_> = Subject {
        package: "countersign-capi",
        features: "",
        name: "libcountersign",
        kind: "library",
    };

    #[test]
    fn an_sbom_has_every_crate_once_with_its_checksum_and_dependencies() {
        let tree = "\
0\tcountersign-capi v0.1.0 (/src/crates/capi)\tMIT OR Apache-2.0\thttps://example.org/c\t
1\tring v0.17.14\tApache-2.0 AND ISC\thttps://example.org/ring\t
2\tcfg-if v1.0.5\tMIT/Apache-2.0\t\t
1\ttoml v1.2.1+spec-1.1.0\tMIT\t\t
2\tring v0.17.14\tApache-2.0 AND ISC\thttps://example.org/ring\t (*)
";
        let lock = "\
version = 4

[[package]]
name = \"ring\"
version = \"0.17.14\"
source = \"registry\"
checksum = \"a4689e\"
dependencies = [
 \"cfg-if\",
]
";
        let sbom = assemble(&LIBRARY, tree, &checksums(lock).unwrap(), "1.95.0").unwrap();
        let names = |list: &Value, member: &str| -> Vec<_> {
            let list = list.as_array().unwrap().iter();
            list.map(|item| item[member].as_str().unwrap().to_owned())
                .collect()
        };
        let components = &sbom["components"];
        assert_eq!(
            names(components, "name"),
            ["cfg-if", "ring", "toml", "rust-std"]
        );
        assert_eq!(
            components[0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(components[1]["hashes"][0]["content"], "a4689e");
        assert_eq!(components[2]["purl"], "pkg:cargo/toml@1.2.1%2Bspec-1.1.0");
        let ring = &sbom["dependencies"][2];
        assert_eq!(ring["ref"], "pkg:cargo/ring@0.17.14");
        assert_eq!(ring["dependsOn"][0], "pkg:cargo/cfg-if@1.0.5");
        let toml = &sbom["dependencies"][3];
        assert_eq!(toml["dependsOn"][0], "pkg:cargo/ring@0.17.14");
        assert_eq!(sbom["metadata"]["component"]["name"], "libcountersign");
        assert!(!sbom.to_string().contains("/src/crates"));
    }

    #[test]
    fn the_stores_are_in_the_sbom_only_if_they_are_linked() {
        let without = describe(&LIBRARY).unwrap();
        let with = Subject {
            features: "fleet",
            ..LIBRARY
        };
        let with = describe(&with).unwrap();
        let redis = "\"pkg:cargo/redis@";
        assert!(!without.contains(redis) && with.contains(redis));
        // Proc macros, build scripts and tests are not linked.
        for name in ["syn", "cc", "proptest", "tempfile"] {
            assert!(!with.contains(&format!("\"pkg:cargo/{name}@")), "{name}");
        }
    }
}
