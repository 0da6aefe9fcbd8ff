//! PKCS#12 files (RFC 7292), including the MAC of RFC 9579.

use der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber};
use ring::{digest, hmac};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::decrypted::{DecryptedKey, Pkcs12Contents};
use super::password::{Password, Purpose};
use super::scheme::{Scheme, check_rounds, derive, encrypted_info, read_kdf};
use crate::{Error, rejection};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENVELOPED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.3");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const PBMAC1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.14");
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERT_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// Decrypts a file after verifying its MAC.
pub(crate) fn decrypt(der: &[u8], password: &Password<'_>) -> Result<Pkcs12Contents, Error> {
    let (contents, mac) = outermost(der).map_err(damaged)?;
    let contents = contents.data()?;
    if let Some(mac) = mac {
        mac.check(contents, password)?;
    }
    let mut file = Pkcs12Contents::default();
    for part in sequence_of(contents, ContentInfo::read).map_err(damaged)? {
        match part.kind {
            DATA => add_bags(part.data()?, "none", password, &mut file)?,
            ENCRYPTED_DATA => {
                let (algorithm, data) = encrypted_data(part.content).map_err(damaged)?;
                let scheme = Scheme::read(&algorithm)?;
                let plain = scheme.decrypt(password, data)?;
                add_bags(&plain, &scheme.to_string(), password, &mut file)?;
            }
            ENVELOPED_DATA => {
                return Err(rejection::unsupported_encryption(
                    "PKCS#12 for a public key",
                ));
            }
            _ => return Err(rejection::bad_der("PKCS#12 file")),
        }
    }
    Ok(file)
}

/// A typed content (RFC 5652 section 3).
struct ContentInfo<'a> {
    kind: ObjectIdentifier,
    content: AnyRef<'a>,
}

/// The MAC, which detects a wrong password and damage (RFC 7292 section 4).
struct Mac<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    digest: &'a [u8],
    salt: &'a [u8],
    rounds: u32,
}

impl<'a> ContentInfo<'a> {
    fn read(reader: &mut SliceReader<'a>) -> der::Result<Self> {
        reader.sequence(|reader| {
            let kind = ObjectIdentifier::decode(reader)?;
            let content = explicit(reader)?;
            Ok(Self { kind, content })
        })
    }

    fn data(&self) -> Result<&'a [u8], Error> {
        match self.content.decode_as::<&OctetStringRef>() {
            Ok(data) if self.kind == DATA => Ok(data.as_bytes()),
            // For example, contents that are signed with a key instead of a password.
            _ => Err(rejection::bad_der("PKCS#12 file")),
        }
    }
}

impl<'a> Mac<'a> {
    fn read(reader: &mut SliceReader<'a>) -> der::Result<Self> {
        reader.sequence(|reader| {
            let (algorithm, digest) = reader.sequence(|info| {
                let algorithm = AlgorithmIdentifierRef::decode(info)?;
                der::Result::Ok((algorithm, <&OctetStringRef>::decode(info)?.as_bytes()))
            })?;
            let salt = <&OctetStringRef>::decode(reader)?.as_bytes();
            let rounds = Option::<u32>::decode(reader)?.unwrap_or(1);
            Ok(Self {
                algorithm,
                digest,
                salt,
                rounds,
            })
        })
    }

    fn check(&self, contents: &[u8], password: &Password<'_>) -> Result<(), Error> {
        let (algorithm, key) = match self.algorithm.oid {
            PBMAC1 => self.pbmac1_key(password)?,
            oid => {
                check_rounds(self.rounds)?;
                let (hash, mac) = hash(&oid.to_string())?;
                let length = hash.output_len();
                let key = password.pkcs12_key(hash, Purpose::Mac, self.salt, self.rounds, length);
                (mac, key)
            }
        };
        hmac::verify(&hmac::Key::new(algorithm, &key), contents, self.digest)
            .map_err(|_| rejection::wrong_passphrase())
    }

    /// Derives the MAC key with PBKDF2, as in PBES2 (RFC 9579).
    fn pbmac1_key(
        &self,
        password: &Password<'_>,
    ) -> Result<(hmac::Algorithm, Zeroizing<Vec<u8>>), Error> {
        let (kdf, mac) = self
            .algorithm
            .parameters
            .ok_or_else(rejection::bad_encryption)?
            .sequence(|reader| {
                let kdf = AlgorithmIdentifierRef::decode(reader)?;
                der::Result::Ok((kdf, AlgorithmIdentifierRef::decode(reader)?))
            })
            .map_err(|_| rejection::bad_encryption())?;
        let kdf = read_kdf(kdf)?;
        let (_, algorithm) = hash(&mac.oid.to_string())?;
        let length = kdf.key_length().filter(|length| (1..=64).contains(length));
        let length = length.ok_or_else(rejection::bad_encryption)?;
        Ok((algorithm, derive(&kdf, password.utf8(), length.into())?))
    }
}

fn outermost(der: &[u8]) -> der::Result<(ContentInfo<'_>, Option<Mac<'_>>)> {
    let mut reader = SliceReader::new(der)?;
    let members = reader.sequence(|reader| {
        u8::decode(reader)?;
        let contents = ContentInfo::read(reader)?;
        let mac = (!reader.is_finished())
            .then(|| Mac::read(reader))
            .transpose()?;
        der::Result::Ok((contents, mac))
    })?;
    reader.finish()?;
    Ok(members)
}

/// Parses an EncryptedData (RFC 5652 section 8).
fn encrypted_data(content: AnyRef<'_>) -> der::Result<(AlgorithmIdentifierRef<'_>, &[u8])> {
    content.sequence(|reader| {
        u8::decode(reader)?;
        reader.sequence(|info| {
            let _content_type: ObjectIdentifier = info.decode()?;
            let algorithm = AlgorithmIdentifierRef::decode(info)?;
            let data = info
                .context_specific::<&OctetStringRef>(TagNumber(0), TagMode::Implicit)?
                .ok_or_else(|| Tag::OctetString.value_error())?;
            der::Result::Ok((algorithm, data.as_bytes()))
        })
    })
}

/// Adds the keys and certificates of a SafeContents. Other bags are ignored.
fn add_bags(
    der: &[u8],
    encryption: &str,
    password: &Password<'_>,
    contents: &mut Pkcs12Contents,
) -> Result<(), Error> {
    let bags = sequence_of(der, |reader| {
        reader.sequence(|bag| {
            let kind = ObjectIdentifier::decode(bag)?;
            let value = explicit(bag)?;
            let name = friendly_name(bag)?;
            der::Result::Ok((kind, value, name))
        })
    });
    for (kind, value, name) in bags.map_err(damaged)? {
        match kind {
            KEY_BAG => contents.keys.push(DecryptedKey {
                der: Zeroizing::new(encode(value)?),
                encryption: encryption.to_owned(),
                name,
            }),
            SHROUDED_KEY_BAG => {
                let der = encode(value)?;
                let (scheme, data) = encrypted_info(&der)?;
                contents.keys.push(DecryptedKey {
                    der: scheme.decrypt(password, data)?,
                    encryption: scheme.to_string(),
                    name,
                });
            }
            CERT_BAG => {
                let certificate = value
                    .sequence(|bag| {
                        let kind = ObjectIdentifier::decode(bag)?;
                        let value = explicit(bag)?;
                        if kind != X509 {
                            return der::Result::Ok(None);
                        }
                        Ok(Some(value.decode_as::<&OctetStringRef>()?.as_bytes()))
                    })
                    .map_err(damaged)?;
                contents
                    .certificates
                    .extend(certificate.map(<[u8]>::to_vec));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the attribute friendlyName of a bag (RFC 2985 section 5.5.1), which identifies a key.
fn friendly_name(bag: &mut SliceReader<'_>) -> der::Result<Option<String>> {
    let mut name = None;
    if bag.is_finished() {
        return Ok(name);
    }
    let attributes = AnyRef::decode(bag)?;
    let mut reader = SliceReader::new(attributes.value())?;
    while !reader.is_finished() {
        reader.sequence(|attribute| {
            let kind = ObjectIdentifier::decode(attribute)?;
            let values = AnyRef::decode(attribute)?;
            if kind == FRIENDLY_NAME {
                let text = AnyRef::from_der(values.value())?;
                let units = text.value().chunks_exact(2);
                let units = units.map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
                name = Some(String::from_utf16_lossy(&units.collect::<Vec<_>>()));
            }
            der::Result::Ok(())
        })?;
    }
    Ok(name)
}

fn sequence_of<'a, T>(
    der: &'a [u8],
    read: impl Fn(&mut SliceReader<'a>) -> der::Result<T>,
) -> der::Result<Vec<T>> {
    SliceReader::new(der)?.sequence(|reader| {
        let mut members = Vec::new();
        while !reader.is_finished() {
            members.push(read(reader)?);
        }
        Ok(members)
    })
}

/// Reads the value with the explicit tag 0.
fn explicit<'a>(reader: &mut SliceReader<'a>) -> der::Result<AnyRef<'a>> {
    ContextSpecific::<AnyRef<'a>>::decode_explicit(reader, TagNumber(0))?
        .map(|field| field.value)
        .ok_or_else(|| Tag::OctetString.value_error().into())
}

/// Encodes a value with its tag and length.
fn encode(value: AnyRef<'_>) -> Result<Vec<u8>, Error> {
    der::Encode::to_der(&value).map_err(damaged)
}

/// Returns a hash function and its HMAC by the object identifier of either.
fn hash(oid: &str) -> Result<(&'static digest::Algorithm, hmac::Algorithm), Error> {
    match oid {
        "1.3.14.3.2.26" | "1.2.840.113549.2.7" => Ok((
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        )),
        "2.16.840.1.101.3.4.2.1" | "1.2.840.113549.2.9" => Ok((&digest::SHA256, hmac::HMAC_SHA256)),
        "2.16.840.1.101.3.4.2.2" | "1.2.840.113549.2.10" => {
            Ok((&digest::SHA384, hmac::HMAC_SHA384))
        }
        "2.16.840.1.101.3.4.2.3" | "1.2.840.113549.2.11" => {
            Ok((&digest::SHA512, hmac::HMAC_SHA512))
        }
        other => Err(rejection::unsupported_encryption(&format!(
            "a PKCS#12 MAC with {other}"
        ))),
    }
}

fn damaged(_: der::Error) -> Error {
    rejection::bad_der("PKCS#12 file")
}
