//! Secrets from files and variables, and files that settings name and that cannot be read.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::FileStamp;
use crate::trusted::{self, Refusal};
use crate::{Error, Secret};

/// The secret whose file is not read again: what it holds is spent by the first refresh, and half a
/// token from a file that is being written would take the place of a living grant.
pub(super) const SEED: &str = "refresh_token";

/// A file that a secret was read from.
#[derive(Clone, Debug)]
pub(super) struct FileSecret {
    path: PathBuf,
    stamp: FileStamp,
}

impl FileSecret {
    /// Reads the secret `key` from a file.
    pub(super) fn read(key: &str, path: PathBuf) -> Result<(Self, Secret), Error> {
        // Before the file is read: a change in between is seen the next time.
        let stamp = FileStamp::of(&path);
        let setting = format!("{key}_file");
        let secret = read_secret(&setting, &path)?;
        if secret.expose().trim().is_empty() {
            let message = format!("`{setting}` {} holds nothing", path.display());
            return Err(Error::setting(key, message)
                .with_hint(format!("put the {key} there, or leave {setting} out")));
        }
        Ok((Self { path, stamp }, secret))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn has_changed(&self) -> bool {
        FileStamp::of(&self.path) != self.stamp
    }
}

/// Whether a path is the contents of a key file: PEM, a JWK, base64, or a `pkcs11:` URI, which may
/// have a PIN in it.
fn is_key(path: &str) -> bool {
    const LONGEST_NAME: usize = 255;
    path.contains('\n')
        || path.contains("-----BEGIN")
        || path.contains("{\"")
        || path.to_ascii_lowercase().contains("pkcs11:")
        || path.split('/').any(|name| name.len() > LONGEST_NAME)
}

/// The secret in a file that the setting `key` names.
fn read_secret(key: &str, path: &Path) -> Result<Secret, Error> {
    let text = path.to_string_lossy();
    if is_key(&text) {
        // The secret itself was given in place of its path: it is not repeated.
        let bare = key.trim_end_matches("_file");
        return Err(
            Error::setting(key, format!("`{key}` holds the key itself, not a path")).with_hint(
                format!("set {bare} to the key, or {key} to the path of its file"),
            ),
        );
    }
    let shown = path.display();
    let refuse = |why: String| Error::setting(key, format!("`{key}` {shown} {why}"));
    let bytes = read_trusted(key, path)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        // Keys come in binary as well, and are told from text again where they are read.
        return match key {
            "private_key_file" => Ok(Secret::new(
                base64_simd::STANDARD.encode_to_string(bytes.as_slice()),
            )),
            _ => Err(refuse("is not UTF-8 text".into())),
        };
    };
    // An editor's last line feed is not part of a secret.
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// The contents of a file that a setting names, unless other users may have written it.
pub(crate) fn read_trusted(key: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    trusted::read(path).map_err(|refusal| match refusal {
        Refusal::Io(error) => unreadable(key, path, &error),
        Refusal::Untrusted(untrusted) => {
            Error::setting(key, format!("`{key}`: {untrusted}")).with_hint(untrusted.hint())
        }
    })
}

/// A setting names a file that cannot be read.
fn unreadable(key: &str, path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            "check the path; a relative one starts from the configuration file's folder, and from \
             the working directory where a program gives the settings"
        }
        io::ErrorKind::PermissionDenied => "let the user read it that this program runs as",
        _ => "give the path of a file",
    };
    let message = format!("`{key}` {} cannot be read: {error}", path.display());
    Error::setting(key, message).with_hint(hint)
}

/// A name that every shell can set (POSIX, "Environment Variable Definition").
pub(super) fn is_variable_name(text: &str) -> bool {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins_well && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
