//! Parses X.509 certificates: key, validity and names (RFC 5280 section 4.1).
//!
//! Nothing is verified. Use this to show or explain a certificate, not to trust it.

use std::time::Duration;

use der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, OctetStringRef, UtcTime};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};

use crate::{Error, rejection};

/// The tag of the field `extensions`.
const EXTENSIONS: Tag = Tag::ContextSpecific {
    constructed: true,
    number: TagNumber(3),
};

/// The fields of a certificate, borrowed from its DER.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CertificateParts<'a> {
    /// The version, 1 to 3. Only version 3 has extensions.
    pub version: u8,
    /// The issuer's name in DER.
    pub issuer: &'a [u8],
    /// The subject's name in DER.
    pub subject: &'a [u8],
    /// The SubjectPublicKeyInfo in DER.
    pub spki: &'a [u8],
    /// The start of the validity, in seconds since 1970.
    pub not_before: u64,
    /// The end of the validity, in seconds since 1970.
    pub not_after: u64,
    /// The extensions in DER, if any.
    extensions: Option<&'a [u8]>,
}

impl CertificateParts<'_> {
    /// Returns whether the certificate is for an authority: `CA:TRUE` (RFC 5280 section 4.2.1.9).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::x509;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// assert!(!x509::certificate(made.cert.der())?.is_authority());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn is_authority(&self) -> bool {
        self.extensions
            .and_then(|extensions| basic_constraints(extensions).ok().flatten())
            .unwrap_or(false)
    }

    /// Returns whether the issuer and the subject are the same.
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

/// Parses a certificate in DER. Its signature is not verified.
///
/// # Errors
///
/// [`ErrorKind::Key`](crate::ErrorKind::Key) if the DER is not a certificate.
///
/// # Example
///
/// ```
/// use countersign_jose::x509;
///
/// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
/// let certificate = x509::certificate(made.cert.der())?;
/// let name = x509::common_name(certificate.subject);
/// assert_eq!(name.as_deref(), Some("rcgen self signed cert"));
/// assert!(certificate.is_self_issued());
/// assert!(certificate.not_before < certificate.not_after);
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub fn certificate(der: &[u8]) -> Result<CertificateParts<'_>, Error> {
    SliceReader::new(der)
        .and_then(|mut reader| {
            let parts = reader.sequence(|certificate| {
                let parts = certificate.sequence(|tbs| {
                    let version = tbs.context_specific::<u8>(TagNumber(0), TagMode::Explicit)?;
                    // Skip the serial number and the signature algorithm.
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
        .map_err(|_| rejection::bad_der("certificate"))
}

fn time<'a>(reader: &mut impl Reader<'a>) -> der::Result<Duration> {
    match Tag::peek(reader)? {
        Tag::UtcTime => Ok(UtcTime::decode(reader)?.to_unix_duration()),
        _ => Ok(GeneralizedTime::decode(reader)?.to_unix_duration()),
    }
}

/// Returns the flag `cA` of the extension `basicConstraints`, if the extension is present.
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

/// Returns the common name of a name in DER, or its organization if it has no common name.
///
/// # Example
///
/// ```
/// use countersign_jose::x509;
///
/// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
/// let certificate = x509::certificate(made.cert.der())?;
/// let issuer = x509::common_name(certificate.issuer);
/// assert_eq!(issuer.as_deref(), Some("rcgen self signed cert"));
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub fn common_name(name: &[u8]) -> Option<String> {
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
