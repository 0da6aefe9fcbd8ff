//! Certificates in DER (RFC 5280 section 4.1), as far as they are read here.

use der::asn1::AnyRef;
#[cfg(feature = "tls")]
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};

use super::time;
use crate::Error;
use crate::key::refusal;

/// The field `extensions`.
const EXTENSIONS: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(3),
};

/// What is read of a certificate (RFC 5280 section 4.1).
#[cfg_attr(not(feature = "tls"), allow(dead_code))] // Only TLS looks at more than key and dates.
pub(crate) struct CertificateParts<'a> {
    /// 1 or 3; only 3 has extensions.
    pub(crate) version: u8,
    /// The names in DER.
    pub(crate) issuer: &'a [u8],
    pub(crate) subject: &'a [u8],
    pub(in crate::key) spki: &'a [u8],
    /// Seconds since 1970.
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
    /// The extensions in DER, if there are any.
    extensions: Option<&'a [u8]>,
}

#[cfg(feature = "tls")]
impl CertificateParts<'_> {
    /// Whether it says that it is an authority's (RFC 5280 section 4.2.1.9).
    pub(crate) fn is_authority(&self) -> bool {
        self.extensions
            .and_then(|extensions| basic_constraints(extensions).ok().flatten())
            .unwrap_or(false)
    }

    /// Whether its issuer is its subject.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// Reads the key and the validity of a certificate; its signature and names are not looked at.
pub(crate) fn certificate(der: &[u8]) -> Result<CertificateParts<'_>, Error> {
    SliceReader::new(der)
        .and_then(|mut reader| {
            let parts = reader.sequence(|certificate| {
                let parts = certificate.sequence(|tbs| {
                    let version = tbs.context_specific::<u8>(TagNumber(0), TagMode::Explicit)?;
                    // Serial number and signature algorithm.
                    for _ in 0..2 {
                        tbs.tlv_bytes()?;
                    }
                    let issuer = tbs.tlv_bytes()?;
                    let (not_before, not_after) = tbs
                        .sequence(|validity| der::Result::Ok((time(validity)?, time(validity)?)))?;
                    let subject = tbs.tlv_bytes()?;
                    let spki = tbs.tlv_bytes()?;
                    let mut extensions = None;
                    while !tbs.is_finished() {
                        let field = AnyRef::decode(tbs)?;
                        if field.tag() == EXTENSIONS {
                            extensions = Some(field.value());
                        }
                    }
                    der::Result::Ok(CertificateParts {
                        version: version.unwrap_or(0).saturating_add(1),
                        issuer,
                        subject,
                        spki,
                        not_before: not_before.as_secs(),
                        not_after: not_after.as_secs(),
                        extensions,
                    })
                })?;
                certificate.drain(certificate.remaining_len())?;
                der::Result::Ok(parts)
            })?;
            reader.finish()?;
            Ok(parts)
        })
        .map_err(|_| refusal::bad_der("certificate"))
}

/// The flag `cA` of the extension `basicConstraints`, if that is there.
#[cfg(feature = "tls")]
fn basic_constraints(extensions: &[u8]) -> der::Result<Option<bool>> {
    const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
    SliceReader::new(extensions)?.sequence(|all| {
        let mut found = None;
        while !all.is_finished() {
            let (id, value) = all.sequence(|extension| {
                let id = ObjectIdentifier::decode(extension)?;
                if Tag::peek(extension)? == Tag::Boolean {
                    bool::decode(extension)?;
                }
                der::Result::Ok((id, <&OctetStringRef>::decode(extension)?))
            })?;
            if id == BASIC_CONSTRAINTS {
                found = Some(SliceReader::new(value.as_bytes())?.sequence(|constraints| {
                    let is_flag =
                        !constraints.is_finished() && Tag::peek(constraints)? == Tag::Boolean;
                    let flag = is_flag && bool::decode(constraints)?;
                    constraints.drain(constraints.remaining_len())?;
                    der::Result::Ok(flag)
                })?);
            }
        }
        Ok(found)
    })
}

/// The common name in a name in DER, or else its organization's.
#[cfg(feature = "tls")]
pub(crate) fn common_name(name: &[u8]) -> Option<String> {
    const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
    const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
    let attributes = SliceReader::new(name).and_then(|mut reader| {
        reader.sequence(|sets| {
            let mut attributes = Vec::new();
            while !sets.is_finished() {
                let set = AnyRef::decode(sets)?;
                let mut set = SliceReader::new(set.value())?;
                while !set.is_finished() {
                    attributes.push(set.sequence(|attribute| {
                        let id = ObjectIdentifier::decode(attribute)?;
                        der::Result::Ok((id, AnyRef::decode(attribute)?))
                    })?);
                }
            }
            der::Result::Ok(attributes)
        })
    });
    let attributes = attributes.ok()?;
    let found = [COMMON_NAME, ORGANIZATION]
        .into_iter()
        .find_map(|id| attributes.iter().find(|(other, _)| *other == id))?;
    Some(String::from_utf8_lossy(found.1.value()).into_owned())
}
