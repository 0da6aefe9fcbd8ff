//! Input from files and stdin: keys, claims, tokens and pasted URLs.

use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};

use countersign::environment::variable;
use countersign_core::trusted::{self, OpenError};
use countersign_core::{Error, ErrorKind, Secret};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::args::PassphraseArgs;

/// The maximum size of a file: more than any key, claims or token needs.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads text from a file, or from stdin if the path is `-`. The text may be secret.
pub(crate) fn text(path: &Path, what: &str) -> Result<Secret, Error> {
    text_of(&bytes(path, what)?, path, what)
}

fn text_of(bytes: &[u8], path: &Path, what: &str) -> Result<Secret, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| {
        let message = format!("{what}: {} is not UTF-8 text", shown(path));
        Error::new(ErrorKind::Setting, message)
    })?;
    Ok(Secret::from(text))
}

/// Like [`text`], for files that may be binary.
pub(crate) fn bytes(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |why: String| {
        let message = format!("{what}: {} {why}", shown(path));
        Error::new(ErrorKind::Setting, message)
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let mut read = |from: &mut dyn Read| from.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    let length = match is_stdin(path) {
        true => read(&mut std::io::stdin().lock()),
        false => std::fs::File::open(path).and_then(|mut file| read(&mut file)),
    };
    match length {
        Err(error) => Err(failed(format!("cannot be read: {error}"))),
        Ok(length) if length as u64 > MAX_BYTES => Err(failed("is larger than 1 MiB".into())),
        Ok(_) => Ok(bytes),
    }
}

/// Reads a shared secret from a file, without a byte order mark and trailing line breaks.
///
/// As with `K_file` settings, other users must not be able to write the file.
pub(crate) fn secret(path: &Path, what: &str) -> Result<Secret, Error> {
    secret_of(&bytes(path, what)?, path, what)
}

/// Like [`secret`], for a file that was already read.
pub(crate) fn secret_of(bytes: &[u8], path: &Path, what: &str) -> Result<Secret, Error> {
    if !is_stdin(path)
        && let Err(OpenError::Untrusted(untrusted)) = trusted::open(path)
    {
        return Err(
            Error::new(ErrorKind::Setting, format!("{what}: {untrusted}"))
                .with_hint(untrusted.hint()),
        );
    }
    let text = text_of(bytes, path, what)?;
    Ok(Secret::from(trusted::secret_in(text.expose())))
}

/// Parses a file as a JWK or JWK Set, if it is one.
pub(crate) fn jwk(file: &[u8]) -> Option<Value> {
    let json: Value = serde_json::from_slice(file).ok()?;
    (json.get("kty").is_some() || json.get("keys").is_some()).then_some(json)
}

/// Reads the passphrase that the options name, if any.
pub(crate) fn passphrase(args: &PassphraseArgs) -> Result<Option<Secret>, Error> {
    if let Some(path) = &args.passphrase_file {
        return secret(path, "--passphrase-file").map(Some);
    }
    let Some(name) = &args.passphrase_env else {
        return Ok(None);
    };
    let missing = || {
        let message = format!("--passphrase-env: environment variable {name} is not set");
        Error::new(ErrorKind::Setting, message)
            .with_hint(format!("export {name}, or name another variable"))
    };
    Ok(Some(Secret::new(variable(name).ok_or_else(missing)?)))
}

/// Replaces a hint about passphrase settings by one about this command's options.
pub(crate) fn explain_locked(error: Error, passphrase: Option<&Secret>) -> Error {
    match (error.setting_name(), passphrase) {
        (Some("private_key_passphrase"), None) => error.with_hint(
            "give the passphrase with --passphrase-env VARIABLE or --passphrase-file FILE",
        ),
        (Some("private_key_passphrase"), Some(_)) => error.with_hint(
            "check the passphrase that --passphrase-env or --passphrase-file names; test it with: \
             openssl pkey -in key.pem -noout (for PKCS#12: openssl pkcs12 -in file.p12 -info -noout)",
        ),
        _ => error,
    }
}

/// Returns a token from the command line, or reads it from stdin if it is `-`.
pub(crate) fn token(given: &str) -> Result<Secret, Error> {
    let given = match given {
        "-" => text(Path::new("-"), "the token")?,
        given => Secret::from(given),
    };
    let bare = given.expose().trim();
    let bare = bare.strip_prefix("Bearer ").unwrap_or(bare);
    Ok(Secret::from(bare.trim()))
}

/// Reads one line that a person types or pastes.
pub(crate) fn line() -> Result<String, Error> {
    let mut line = String::new();
    let read = std::io::stdin().lock().take(MAX_BYTES).read_line(&mut line);
    let failed = |why: String| {
        Error::new(ErrorKind::Callback, format!("stdin {why}"))
            .with_hint("run the command again and paste the URL that the browser ends up at")
    };
    match read {
        Err(error) => Err(failed(format!("cannot be read: {error}"))),
        Ok(0) => Err(failed("ended before a URL was pasted".into())),
        Ok(_) => Ok(line),
    }
}

/// Receives the non-empty lines of stdin while the command waits for something else.
///
/// The thread that reads them ends with the process.
pub(crate) fn lines() -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let typed = std::iter::repeat_with(line).map_while(Result::ok);
        for line in typed.filter(|line| !line.trim().is_empty()) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn shown(path: &Path) -> String {
    match is_stdin(path) {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    }
}
