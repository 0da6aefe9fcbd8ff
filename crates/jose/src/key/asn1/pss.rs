//! Restrictions of RSASSA-PSS keys (RFC 4055 sections 1.2 and 3.1).

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Encode, Reader, Tag, TagMode, TagNumber};
use spki::AlgorithmIdentifierRef;

use super::oid::RSA_PSS;
use crate::algorithm::Algorithm;
use crate::{Error, rejection};

const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// The algorithms that the identifier of an RSASSA-PSS key allows.
pub(crate) struct Pss {
    /// The allowed algorithms of RFC 7518 section 3.5, at least one.
    pub(crate) algorithms: &'static [Algorithm],
    /// The AlgorithmIdentifier in DER.
    pub(crate) identifier: Vec<u8>,
}

impl Pss {
    /// Reads the identifier of a key. Returns `None` if the key is not for RSASSA-PSS.
    ///
    /// Without parameters, the key can be used with every hash. With parameters, only with that
    /// hash and with a salt that has at least the given length.
    pub(crate) fn read(identifier: &AlgorithmIdentifierRef<'_>) -> Result<Option<Self>, Error> {
        if identifier.oid != RSA_PSS {
            return Ok(None);
        }
        let damaged = |_| rejection::bad_der("RSASSA-PSS key");
        let algorithms = match identifier.parameters {
            None => Algorithm::RSA_PSS,
            Some(parameters) => {
                let restriction = Restriction::read(parameters).map_err(damaged)?;
                restriction.algorithms()?
            }
        };
        Ok(Some(Self {
            algorithms,
            identifier: identifier.to_der().map_err(damaged)?,
        }))
    }
}

/// RSASSA-PSS-params.
struct Restriction {
    hash: ObjectIdentifier,
    mask_hash: ObjectIdentifier,
    salt_bytes: u32,
}

impl Restriction {
    fn read(parameters: AnyRef<'_>) -> der::Result<Self> {
        parameters.sequence(|reader| {
            let explicit = TagMode::Explicit;
            let hash: Option<AlgorithmIdentifierRef<'_>> =
                reader.context_specific(TagNumber(0), explicit)?;
            let mask: Option<AlgorithmIdentifierRef<'_>> =
                reader.context_specific(TagNumber(1), explicit)?;
            let salt: Option<u32> = reader.context_specific(TagNumber(2), explicit)?;
            // Always 1, which is also the default.
            reader.context_specific::<u8>(TagNumber(3), explicit)?;
            let mask_hash = match mask {
                None => SHA1,
                Some(mask) if mask.oid == MGF1 => {
                    let hash = mask.parameters.ok_or_else(|| Tag::Sequence.value_error())?;
                    hash.decode_as::<AlgorithmIdentifierRef<'_>>()?.oid
                }
                Some(_) => return Err(Tag::ObjectIdentifier.value_error().into()),
            };
            Ok(Self {
                hash: hash.map_or(SHA1, |hash| hash.oid),
                mask_hash,
                salt_bytes: salt.unwrap_or(20),
            })
        })
    }

    /// Returns the algorithms that meet the restriction.
    ///
    /// JWS uses the same hash for the message and the mask, and a salt as long as the hash.
    fn algorithms(&self) -> Result<&'static [Algorithm], Error> {
        let (algorithms, hash_bytes): (&'static [Algorithm], u32) = match self.hash {
            SHA256 => (&[Algorithm::PS256], 32),
            SHA384 => (&[Algorithm::PS384], 48),
            SHA512 => (&[Algorithm::PS512], 64),
            _ => return Err(rejection::pss_hash()),
        };
        match self.mask_hash == self.hash && self.salt_bytes <= hash_bytes {
            true => Ok(algorithms),
            false => Err(rejection::pss_parameters()),
        }
    }
}
