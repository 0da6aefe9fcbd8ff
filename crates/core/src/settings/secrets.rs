//! Reads secrets and other files that settings name.

use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::FileStamp;
use crate::trusted::{self, OpenError};
use crate::{Error, Secret};

/// The secret whose file is read only once: the first refresh spends the token, and a part of a
/// token, from a file that is being written, would replace a valid grant.
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
        // Taken before the file is read, so that a change in between is noticed the next time.
        let stamp = FileStamp::of(&path);
        let setting = format!("{key}_file");
        let secret = read_secret(&setting, &path)?;
        if secret.expose().trim().is_empty() {
            let message = format!("`{setting}` {} is empty", path.display());
            return Err(Error::setting(key, message)
                .with_hint(format!("write the {key} to it, or remove {setting}")));
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

/// Returns whether a path is the contents of a key file: PEM, a JWK, base64, or a `pkcs11:` URI,
/// which may contain a PIN.
fn is_key(path: &str) -> bool {
    const MAX_NAME: usize = 255;
    path.contains('\n')
        || path.contains("-----BEGIN")
        || path.contains("{\"")
        || path.to_ascii_lowercase().contains("pkcs11:")
        || path.split('/').any(|name| name.len() > MAX_NAME)
}

/// Reads the secret from the file of the setting `key`.
fn read_secret(key: &str, path: &Path) -> Result<Secret, Error> {
    let text = path.to_string_lossy();
    if is_key(&text) {
        // The value isn't shown, because it is the secret itself.
        let bare = key.trim_end_matches("_file");
        return Err(
            Error::setting(key, format!("`{key}` contains the key itself, not a path")).with_hint(
                format!("set {bare} to the key, or {key} to the path of its file"),
            ),
        );
    }
    let shown = path.display();
    let reject = |why: &str| Error::setting(key, format!("`{key}` {shown} {why}"));
    let bytes = read_trusted(key, path)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        // Keys may be binary. Reading a key recognizes the base64 of DER and PKCS#12.
        return match key {
            "private_key_file" => Ok(Secret::new(
                base64_simd::STANDARD.encode_to_string(bytes.as_slice()),
            )),
            _ => Err(reject("is not UTF-8 text")),
        };
    };
    Ok(Secret::new(trusted::secret_in(text)))
}

/// Reads a file that a setting names, unless other users can write it.
pub(crate) fn read_trusted(key: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    trusted::read(path).map_err(|rejection| match rejection {
        OpenError::Io(error) => unreadable(key, path, &error),
        OpenError::Untrusted(untrusted) => {
            Error::setting(key, format!("`{key}`: {untrusted}")).with_hint(untrusted.hint())
        }
    })
}

/// Returns the error for a file that can't be read.
fn unreadable(key: &str, path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            "check the path; a relative path starts at the configuration file's folder or, if a \
             program passes the settings, at the working directory"
        }
        io::ErrorKind::PermissionDenied => {
            "give the user that this program runs as permission to read it"
        }
        _ => "use the path of a file",
    };
    let message = format!("`{key}` {} cannot be read: {error}", path.display());
    Error::setting(key, message).with_hint(hint)
}

/// Returns whether every shell can set a variable of this name (POSIX, "Environment Variable
/// Definition").
pub(super) fn is_variable_name(text: &str) -> bool {
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins_well && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
