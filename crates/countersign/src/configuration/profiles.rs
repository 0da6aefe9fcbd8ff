//! Reads the profiles of a configuration.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_core::trusted::{self, OpenError};
use countersign_core::{Error, ErrorKind, Provider, provider_from_toml};

use super::read_text;

/// The folder beside the configuration whose profiles are always read.
const FOLDER: &str = "profiles";

/// Returns the providers of the listed files and folders, and of the folder `profiles`.
pub(super) fn of(folder: &Path, listed: &[String]) -> Result<Vec<Arc<dyn Provider>>, Error> {
    let mut files = Vec::new();
    for path in listed {
        let path = folder.join(path);
        match path.is_dir() {
            true => files.extend(files_of(&path)?),
            false => files.push(path),
        }
    }
    let own = folder.join(FOLDER);
    if own.is_dir() {
        files.extend(files_of(&own)?);
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut providers = Vec::new();
    for file in files {
        let place = file.canonicalize().unwrap_or_else(|_| file.clone());
        if seen.contains(&place) {
            continue;
        }
        seen.push(place);
        let text = read_text("the profile", &file)?;
        let provider = provider_from_toml(&text)
            .map_err(|error| error.in_context(format_args!("{}", file.display())))?;
        providers.push(provider);
    }
    Ok(providers)
}

/// Returns the TOML files of a folder that no other user can change, in order.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let shown = folder.display();
    let reject = |why: String| {
        Error::new(
            ErrorKind::Setting,
            format!("the folder of profiles {shown} {why}"),
        )
    };
    let unreadable = |why: io::Error| {
        reject(format!("cannot be read: {why}"))
            .with_hint("make the folder readable for the user that this program runs as")
    };
    trusted::check_folder(folder).map_err(|rejection| match rejection {
        OpenError::Io(why) => unreadable(why),
        untrusted => Error::of_file(&untrusted, reject),
    })?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Configuration;

    fn profile(id: &str) -> String {
        format!(
            "id = \"{id}\"\nname = \"{id}\"\ndocumentation = \"https://acme.example\"\n\
             environments.production.base_url = \"https://acme.example\"\n\
             endpoints.token = \"{{base_url}}/token\"\n\
             grants.client-credentials.client_auth = [\"post\"]\n"
        )
    }

    /// A configuration with profiles in a file, in a listed folder, and in `profiles`.
    fn configured(listed: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("one.toml", &profile("one"));
        write("more/two.toml", &profile("two"));
        write("more/readme.md", "not a profile");
        write("profiles/three.toml", &profile("three"));
        write("countersign.toml", &format!("profiles = [{listed}]\n"));
        folder
    }

    fn ids(folder: &Path) -> Result<Vec<String>, Error> {
        let configuration = Configuration::read(folder.join("countersign.toml"))?;
        let providers = configuration.providers()?;
        Ok(providers
            .iter()
            .map(|provider| provider.id().to_owned())
            .collect())
    }

    #[test]
    fn profiles_are_read_from_files_and_folders() {
        for (listed, expected) in [
            ("", &["three"][..]),
            ("\"one.toml\", \"more\"", &["one", "two", "three"]),
            (
                "\"profiles\", \"./more/\", \"more/two.toml\"",
                &["three", "two"],
            ),
        ] {
            assert_eq!(
                ids(configured(listed).path()).unwrap(),
                expected,
                "{listed}"
            );
        }
        for (listed, why) in [
            ("\"gone.toml\"", "gone.toml cannot be read"),
            ("\"more/readme.md\"", "readme.md: profile in line 1"),
        ] {
            let error = ids(configured(listed).path()).unwrap_err();
            assert!(error.message().contains(why), "{error}");
        }
    }

    #[test]
    fn a_connection_uses_a_profile_of_its_configuration() {
        let folder = configured("\"one.toml\"");
        let path = folder.path().join("countersign.toml");
        let text = "profiles = [\"one.toml\"]\n[connections.mine]\nprovider = \"one\"\n\
                    client_id = \"app\"\nclient_secret = \"s3cret\"\n";
        fs::write(&path, text).unwrap();
        let client = Configuration::read(path).unwrap().client("mine").unwrap();
        assert_eq!(
            client.connection().token_url().unwrap().as_str(),
            "https://acme.example/token"
        );
    }

    #[cfg(unix)]
    #[test]
    fn profiles_that_other_users_can_write_are_rejected() {
        use std::os::unix::fs::PermissionsExt;
        let allow = |path: &Path| {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        };
        for writable in [
            "one.toml",
            "more",
            "more/two.toml",
            "profiles",
            "profiles/three.toml",
        ] {
            let folder = configured("\"one.toml\", \"more\"");
            allow(&folder.path().join(writable));
            let error = ids(folder.path()).expect_err(writable);
            assert!(error.message().contains(writable), "{writable}: {error}");
        }
    }
}
