//! What is read from files and stdin: keys, claims, tokens, an address that a person pastes.

use std::io::{BufRead, Read};
use std::path::Path;

use countersign::{Error, ErrorKind, Secret};

use crate::args::PassphraseArgs;

/// More than any key, claims or token has.
const MOST_BYTES: u64 = 1024 * 1024;

/// The text of a file, or of stdin where the path is `-`. It may be secret.
pub(crate) fn text(path: &Path, what: &str) -> Result<Secret, Error> {
    let shown = match path == Path::new("-") {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    };
    let refuse = |why: String| Error::new(ErrorKind::Setting, format!("{what}: {shown} {why}"));
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin()
            .lock()
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text),
        false => std::fs::File::open(path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text)),
    };
    let text = Secret::new(text);
    match read {
        Err(error) => Err(refuse(format!("cannot be read: {error}"))),
        Ok(length) if length as u64 > MOST_BYTES => Err(refuse("is larger than 1 MiB".into())),
        Ok(_) => Ok(text),
    }
}

/// A token given on the command line, or read from stdin where it is `-`.
pub(crate) fn token(given: &str) -> Result<Secret, Error> {
    let given = match given {
        "-" => text(Path::new("-"), "the token")?,
        given => Secret::from(given),
    };
    let bare = given.expose().trim();
    let bare = bare.strip_prefix("Bearer ").unwrap_or(bare);
    Ok(Secret::from(bare.trim()))
}

/// One line that a person types or pastes.
pub(crate) fn line() -> Result<String, Error> {
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .take(MOST_BYTES)
        .read_line(&mut line);
    let refuse = |why: String| {
        Error::new(ErrorKind::Callback, format!("stdin {why}"))
            .with_hint("run the command again and paste the address that the browser ends at")
    };
    match read {
        Err(error) => Err(refuse(format!("cannot be read: {error}"))),
        Ok(0) => Err(refuse("ended before the address was given".into())),
        Ok(_) => Ok(line),
    }
}

/// Says of an encrypted key what there is to do: passphrases are taken, but not used yet.
pub(crate) fn explain_encrypted(error: Error, passphrase: &PassphraseArgs) -> Error {
    let given = passphrase.passphrase_env.is_some() || passphrase.passphrase_file.is_some();
    if !given || !error.message().contains("encrypted") {
        return error;
    }
    error
        .in_context("encrypted keys are not read yet, even with a passphrase")
        .with_hint(
            "decrypt it with: openssl pkey -in key.pem -out plain.pem && chmod 600 plain.pem",
        )
}

/// Refuses a passphrase that is said to be somewhere and is not.
pub(crate) fn check_passphrase(passphrase: &PassphraseArgs) -> Result<(), Error> {
    if let Some(name) = &passphrase.passphrase_env
        && std::env::var_os(name).is_none()
    {
        let message = format!("--passphrase-env: the environment has no variable {name}");
        return Err(Error::new(ErrorKind::Setting, message));
    }
    if let Some(path) = &passphrase.passphrase_file {
        text(path, "--passphrase-file")?;
    }
    Ok(())
}
