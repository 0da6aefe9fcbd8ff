//! `pkcs11:` URIs (RFC 7512): which key, on which token.

use countersign::{Error, ErrorKind};

/// Where a key is: a `pkcs11:` URI (RFC 7512).
///
/// Of the attributes `token`, `serial`, `slot-id`, `object` and `id` are used; `type` may be
/// `private`. The PIN and the library are given apart, so a URI with `pin-value`, `pin-source` or
/// `module-path` is refused.
///
/// # Example
///
/// ```
/// use countersign_pkcs11::KeyUri;
///
/// let uri = KeyUri::parse("pkcs11:token=My%20Token;object=docusign;id=%01%02")?;
/// assert_eq!(uri.to_string(), "pkcs11:token=My%20Token;object=docusign;id=%01%02");
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUri {
    pub(crate) token: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) slot: Option<u64>,
    pub(crate) object: Option<String>,
    pub(crate) id: Option<Vec<u8>>,
}

impl KeyUri {
    /// Reads a URI.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Setting`], if it is none, has an attribute that is not known or comes twice, or
    /// names neither `object` nor `id`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = text
            .strip_prefix("pkcs11:")
            .ok_or_else(|| refuse("it does not begin with `pkcs11:`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !query.is_empty() {
            return Err(refuse("what follows `?` is given apart: PIN and library"));
        }
        let mut uri = Self::default();
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            let (name, value) = attribute
                .split_once('=')
                .ok_or_else(|| refuse("an attribute has no `=`"))?;
            uri.take(name, decode(value)?)?;
        }
        if uri.object.is_none() && uri.id.is_none() {
            return Err(refuse("it names no key: give `object` or `id`"));
        }
        Ok(uri)
    }

    fn take(&mut self, name: &str, value: Vec<u8>) -> Result<(), Error> {
        let text = || {
            String::from_utf8(value.clone()).map_err(|_| refuse(format!("`{name}` is not UTF-8")))
        };
        let twice = match name {
            "token" => self.token.replace(text()?).is_some(),
            "serial" => self.serial.replace(text()?).is_some(),
            "object" => self.object.replace(text()?).is_some(),
            "id" => self.id.replace(value).is_some(),
            "slot-id" => {
                let number = text()?.parse();
                let number = number.map_err(|_| refuse("`slot-id` is not a number"))?;
                self.slot.replace(number).is_some()
            }
            "type" if value == b"private" => false,
            "type" => return Err(refuse("`type` is not private")),
            other => {
                let shown: String = other.chars().take(32).collect();
                return Err(refuse(format!("the attribute {shown:?} is not known")));
            }
        };
        match twice {
            true => Err(refuse(format!("`{name}` is there twice"))),
            false => Ok(()),
        }
    }
}

impl std::fmt::Display for KeyUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slot = self.slot.map(|slot| slot.to_string());
        let text = |value: &Option<String>| value.as_ref().map(|value| encode(value.as_bytes()));
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

fn decode(value: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|d| char::from(d).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err(refuse("a `%` has no two hex digits after it")),
                }
            }
            byte => byte,
        });
    }
    Ok(bytes)
}

fn encode(bytes: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: &u8| match plain(*byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

/// RFC 7512 section 2.3: every byte of an id.
fn encode_all(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn refuse(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Setting,
        format!("this is not a usable pkcs11: URI: {why}"),
    )
    .with_hint("write it as pkcs11:token=LABEL;object=LABEL, or with id=%01")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_meant() {
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
    fn anything_else_is_refused() {
        for (text, why) in [
            ("", "begin with"),
            ("https://x", "begin with"),
            ("pkcs11:", "names no key"),
            ("pkcs11:token=a", "names no key"),
            ("pkcs11:object", "no `=`"),
            ("pkcs11:object=a;object=b", "twice"),
            ("pkcs11:object=a;colour=b", "\"colour\" is not known"),
            ("pkcs11:object=a;type=public", "not private"),
            ("pkcs11:object=a;slot-id=x", "not a number"),
            ("pkcs11:object=%f", "two hex digits"),
            ("pkcs11:object=%ff", "not UTF-8"),
            ("pkcs11:object=a?pin-value=1234", "given apart"),
        ] {
            let error = KeyUri::parse(text).expect_err(text);
            assert!(error.message().contains(why), "{text}: {error:?}");
            assert!(!format!("{error:?}").contains("1234"));
        }
    }
}
