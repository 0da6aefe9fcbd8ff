//! `pkcs11:` URIs (RFC 7512).

use std::path::{Path, PathBuf};

use countersign_core::{Error, ErrorKind, Secret, trusted};
use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode_byte, utf8_percent_encode,
};

/// A `pkcs11:` URI (RFC 7512), which identifies a key on a token.
///
/// | attribute | meaning |
/// |---|---|
/// | `token`, `serial`, `slot-id` | the token's label, serial number and slot |
/// | `object`, `id` | the key's label and ID; at least one is required |
/// | `type` | `private`, if present |
/// | `module-path`, after a `?` | the absolute path of the device's library |
/// | `pin-source` or `pin-value`, after a `?` | the absolute path of a file with the PIN, or the PIN |
///
/// `Display` shows only what precedes the `?`.
///
/// # Example
///
/// ```
/// use countersign_pkcs11::KeyUri;
///
/// let uri = KeyUri::parse("pkcs11:token=My%20Token;object=docusign;id=%01%02")?;
/// assert_eq!(uri.to_string(), "pkcs11:token=My%20Token;object=docusign;id=%01%02");
/// # Ok::<(), countersign_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUri {
    pub(crate) token: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) slot: Option<u64>,
    pub(crate) object: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
    module_path: Option<PathBuf>,
    pin: Option<Pin>,
}

/// Where a PIN comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pin {
    Value(Secret),
    File(PathBuf),
}

/// Returns what follows `pkcs11:`, in any case (RFC 3986 section 3.1), or `None` if the URI has
/// another scheme.
pub(crate) fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("pkcs11").then_some(rest)
}

impl KeyUri {
    /// Parses a URI.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if it is malformed, contains an unknown attribute or one twice, has
    /// neither `object` nor `id`, a path that isn't absolute, or two PINs.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = after_scheme(text).ok_or_else(|| reject("it does not start with `pkcs11:`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for (attributes, separator) in [(path, ';'), (query, '&')] {
            let attributes = attributes.split(separator);
            for attribute in attributes.filter(|attribute| !attribute.is_empty()) {
                let (name, value) = attribute
                    .split_once('=')
                    .ok_or_else(|| reject("an attribute has no `=`"))?;
                match separator {
                    ';' => uri.take(name, decode(value)?)?,
                    _ => uri.take_access(name, decode(value)?)?,
                }
            }
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(reject("it names no key: add `object` or `id`"));
        }
        Ok(uri)
    }

    /// Returns the path of the device's library, if the URI has one.
    pub fn module_path(&self) -> Option<&Path> {
        self.module_path.as_deref()
    }

    /// Returns the PIN, if the URI has one, or reads its file without the final line feed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`] if the file can't be read, is empty or isn't UTF-8 text.
    pub fn pin(&self) -> Result<Option<Secret>, Error> {
        let path = match &self.pin {
            None => return Ok(None),
            Some(Pin::Value(pin)) => return Ok(Some(pin.clone())),
            Some(Pin::File(path)) => path,
        };
        let reject = |why: String| {
            let message = format!("the PIN file {} {why}", path.display());
            Error::new(ErrorKind::Setting, message).with_hint(
                "set `pin-source` in the pkcs11: URI to the path of a file that contains only the PIN",
            )
        };
        let text = trusted::read(path).map_err(|rejection| Error::of_file(&rejection, reject))?;
        let text = std::str::from_utf8(&text)
            .map(Secret::new)
            .map_err(|_| reject("is not UTF-8 text".into()))?;
        match text.expose().trim_end_matches(['\r', '\n']) {
            "" => Err(reject("is empty".into())),
            pin => Ok(Some(Secret::new(pin))),
        }
    }

    /// Sets an attribute from after the `?` (RFC 7512 section 2.4).
    fn take_access(&mut self, name: &str, value: Vec<u8>) -> Result<(), Error> {
        let value = Secret::new(
            String::from_utf8(value).map_err(|_| reject(format!("`{name}` is not UTF-8")))?,
        );
        let absolute = |path: &str| match Path::new(path).is_absolute() {
            true => Ok(PathBuf::from(path)),
            false => Err(reject(format!("`{name}` is not an absolute path"))),
        };
        let pin = match name {
            "module-path" => {
                let path = absolute(value.expose())?;
                return match self.module_path.replace(path) {
                    Some(_) => Err(reject(format!("`{name}` occurs twice"))),
                    None => Ok(()),
                };
            }
            "module-name" => {
                return Err(reject(
                    "`module-name` is not supported: use `module-path` with the library's absolute path",
                ));
            }
            "pin-value" => Pin::Value(value),
            "pin-source" => Pin::File(absolute(file_of(value.expose())?)?),
            other => return Err(unknown(other)),
        };
        match self.pin.replace(pin) {
            Some(_) => Err(reject("the PIN occurs twice")),
            None => Ok(()),
        }
    }

    fn take(&mut self, name: &str, value: Vec<u8>) -> Result<(), Error> {
        let text = || {
            String::from_utf8(value.clone()).map_err(|_| reject(format!("`{name}` is not UTF-8")))
        };
        let twice = match name {
            "token" => self.token.replace(text()?).is_some(),
            "serial" => self.serial.replace(text()?).is_some(),
            "object" => self.object.replace(text()?).is_some(),
            "id" => self.id.replace(value).is_some(),
            "slot-id" => {
                let number = text()?.parse();
                let number = number.map_err(|_| reject("`slot-id` is not a number"))?;
                self.slot.replace(number).is_some()
            }
            "type" if value == b"private" => false,
            "type" => return Err(reject("`type` must be private")),
            other => return Err(unknown(other)),
        };
        match twice {
            true => Err(reject(format!("`{name}` occurs twice"))),
            false => Ok(()),
        }
    }
}

impl std::fmt::Display for KeyUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slot = self.slot.map(|slot| slot.to_string());
        let encode = |value: &String| utf8_percent_encode(value, RESERVED).to_string();
        let text = |value: &Option<String>| value.as_ref().map(encode);
        let parts = [
            ("token", text(&self.token)),
            ("serial", text(&self.serial)),
            ("slot-id", slot),
            ("object", text(&self.object)),
            ("id", self.id.as_deref().map(encode_all)),
        ];
        f.write_str("pkcs11:")?;
        let there = parts
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        for (index, (name, value)) in there.enumerate() {
            let before = if index == 0 { "" } else { ";" };
            write!(f, "{before}{name}={value}")?;
        }
        Ok(())
    }
}

/// Returns the path in `pin-source`, which is a bare path or a local `file:` URI (RFC 8089).
fn file_of(source: &str) -> Result<&str, Error> {
    if source.starts_with('|') {
        return Err(reject(
            "`pin-source` is a command, which is not supported: write the PIN to a file",
        ));
    }
    let Some(path) = source.strip_prefix("file:") else {
        return Ok(source);
    };
    match path.strip_prefix("//") {
        None => Ok(path),
        Some(rest) if rest.starts_with('/') => Ok(rest),
        Some(_) => Err(reject("`pin-source` names a file on another machine")),
    }
}

fn unknown(attribute: &str) -> Error {
    let shown: String = attribute.chars().take(32).collect();
    reject(format!("the attribute {shown:?} is unknown"))
}

fn decode(value: &str) -> Result<Vec<u8>, Error> {
    let is_escape = |rest: &str| {
        let digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() == 2
    };
    if !value.split('%').skip(1).all(is_escape) {
        return Err(reject("a `%` is not followed by two hex digits"));
    }
    // Enough capacity, so that growth leaves no partial copy of a PIN behind.
    let mut bytes = Vec::with_capacity(value.len());
    bytes.extend(percent_decode_str(value));
    Ok(bytes)
}

/// Everything except unreserved characters (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Percent-encodes all bytes, as RFC 7512 section 2.3 requires for an ID.
fn encode_all(bytes: &[u8]) -> String {
    let escapes = bytes.iter().map(|byte| percent_encode_byte(*byte));
    escapes.collect()
}

fn reject(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Setting,
        format!("the pkcs11: URI is not usable: {why}"),
    )
    .with_hint("use pkcs11:token=LABEL;object=LABEL, or id=%01 instead of object")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_parsed_and_shown() {
        let uri = KeyUri::parse(
            "pkcs11:token=a%3Bb;serial=01;slot-id=7;object=%C3%A9;id=%00%ff;type=private",
        );
        let uri = uri.unwrap();
        assert_eq!(uri.token.as_deref(), Some("a;b"));
        assert_eq!((uri.serial.as_deref(), uri.slot), (Some("01"), Some(7)));
        assert_eq!(
            (uri.object.as_deref(), uri.id.as_deref()),
            (Some("é"), Some(&[0, 255][..]))
        );
        assert_eq!(KeyUri::parse(&uri.to_string()).unwrap(), uri);
    }

    #[test]
    fn library_and_pin_follow_the_question_mark_and_are_not_shown() {
        assert!(KeyUri::parse("PKCS11:object=a").is_ok());
        let uri = "pkcs11:object=a?module-path=/usr/lib/a%20b.so&pin-value=12%2634";
        let uri = KeyUri::parse(uri).unwrap();
        assert_eq!(uri.module_path(), Some(Path::new("/usr/lib/a b.so")));
        assert_eq!(uri.pin().unwrap().unwrap().expose(), "12&34");
        assert_eq!(uri.to_string(), "pkcs11:object=a");
        assert!(!format!("{uri:?}").contains("34"), "{uri:?}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin file");
        std::fs::write(&path, "1234\r\n").unwrap();
        let path = path.to_str().unwrap().replace(' ', "%20");
        for source in [
            path.clone(),
            format!("file:{path}"),
            format!("file://{path}"),
        ] {
            let uri = KeyUri::parse(&format!("pkcs11:object=a?pin-source={source}")).unwrap();
            assert_eq!(uri.pin().unwrap().unwrap().expose(), "1234", "{source}");
            assert_eq!(uri.module_path(), None);
        }
        std::fs::write(folder.path().join("pin file"), "\n").unwrap();
        for (source, why) in [
            (path.as_str(), "is empty"),
            ("/nowhere/pin", "cannot be read"),
        ] {
            let uri = KeyUri::parse(&format!("pkcs11:object=a?pin-source={source}")).unwrap();
            assert!(uri.pin().unwrap_err().message().contains(why), "{source}");
        }
        assert_eq!(
            KeyUri::parse("pkcs11:object=a?").unwrap().pin().unwrap(),
            None
        );
    }

    #[test]
    fn malformed_uris_are_rejected() {
        for (text, why) in [
            ("", "start with"),
            ("https://x", "start with"),
            ("pkcs11:", "names no key"),
            ("pkcs11:token=a", "names no key"),
            ("pkcs11:object", "no `=`"),
            ("pkcs11:object=a;object=b", "twice"),
            ("pkcs11:object=a;colour=b", "\"colour\" is unknown"),
            ("pkcs11:object=a;type=public", "must be private"),
            ("pkcs11:object=a;slot-id=x", "not a number"),
            ("pkcs11:object=%f", "two hex digits"),
            ("pkcs11:object=%ff", "not UTF-8"),
            (
                "pkcs11:object=a?pin-value=1234&pin-value=1",
                "PIN occurs twice",
            ),
            (
                "pkcs11:object=a?pin-value=1234&pin-source=/pin",
                "PIN occurs twice",
            ),
            ("pkcs11:object=a?pin-source=pin1234", "not an absolute path"),
            ("pkcs11:object=a?pin-source=%7Ccat%201234", "is a command"),
            (
                "pkcs11:object=a?pin-source=file://host/1234",
                "another machine",
            ),
            ("pkcs11:object=a?module-path=lib.so", "not an absolute path"),
            ("pkcs11:object=a?module-name=softhsm2", "`module-path`"),
            (
                "pkcs11:object=a?module-path=/a&module-path=/a",
                "`module-path` occurs twice",
            ),
            ("pkcs11:object=a?pin-valeu=1234", "\"pin-valeu\" is unknown"),
            ("pkcs11:object=a?pin-value", "no `=`"),
            ("pkcs11:object=a;pin-value=1234", "\"pin-value\" is unknown"),
            ("pkcs11:?object=a", "\"object\" is unknown"),
        ] {
            let error = KeyUri::parse(text).expect_err(text);
            assert!(error.message().contains(why), "{text}: {error:?}");
            assert!(!format!("{error:?}").contains("1234"));
        }
    }
}
