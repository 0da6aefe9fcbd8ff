//! Encryption schemes: PBES2 (RFC 8018 section 6.2) and PKCS#12 (RFC 7292 appendix C).

use std::fmt;
use std::num::NonZeroU32;

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader};
use pkcs5::pbes2::{Kdf, Pbkdf2Params, Pbkdf2Prf, ScryptParams};
use ring::{digest, pbkdf2};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::password::{Password, Purpose};
use crate::key::asn1::shape::outer_length;
use crate::{Error, rejection};

/// The maximum number of rounds: ten times any recommendation, and at most a minute of work.
pub(crate) const MAX_ROUNDS: u32 = 10_000_000;
/// The maximum memory for scrypt, in bytes.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");

/// An encryption scheme with its parameters.
pub(crate) struct Scheme<'a> {
    derivation: Derivation<'a>,
    cipher: Cipher,
}

enum Derivation<'a> {
    Pbes2 { kdf: Kdf, iv: &'a [u8] },
    Pkcs12 { salt: &'a [u8], rounds: u32 },
}

impl<'a> Scheme<'a> {
    pub(crate) fn read(algorithm: &AlgorithmIdentifierRef<'a>) -> Result<Self, Error> {
        match algorithm.oid {
            PBES2 => Self::pbes2(algorithm),
            other => Self::pkcs12(algorithm, &other.to_string()),
        }
    }

    /// Decrypts data. A wrong passphrase cannot be distinguished from damage.
    pub(crate) fn decrypt(
        &self,
        password: &Password<'_>,
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let length = self.cipher.key_bytes();
        let plain = match &self.derivation {
            Derivation::Pbes2 { kdf, iv } => {
                let key = derive(kdf, password.utf8(), length)?;
                self.cipher.decrypt(&key, iv, data)
            }
            Derivation::Pkcs12 { salt, rounds } => {
                let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
                let iv_length = self.cipher.iv_bytes();
                let key = password.pkcs12_key(sha1, Purpose::Key, salt, *rounds, length);
                let iv = password.pkcs12_key(sha1, Purpose::Vector, salt, *rounds, iv_length);
                self.cipher.decrypt(&key, &iv, data)
            }
        };
        document(plain)
    }

    fn pbes2(algorithm: &AlgorithmIdentifierRef<'a>) -> Result<Self, Error> {
        let (kdf, encryption) = algorithm
            .parameters
            .ok_or_else(rejection::bad_encryption)?
            .sequence(|reader| {
                let kdf = AlgorithmIdentifierRef::decode(reader)?;
                der::Result::Ok((kdf, AlgorithmIdentifierRef::decode(reader)?))
            })
            .map_err(|_| rejection::bad_encryption())?;
        let (cipher, iv) = cipher(&encryption)?;
        let kdf = read_kdf(kdf)?;
        if kdf
            .key_length()
            .is_some_and(|length| usize::from(length) != cipher.key_bytes())
        {
            return Err(rejection::bad_encryption());
        }
        Ok(Self {
            derivation: Derivation::Pbes2 { kdf, iv },
            cipher,
        })
    }

    fn pkcs12(algorithm: &AlgorithmIdentifierRef<'a>, oid: &str) -> Result<Self, Error> {
        let cipher = match oid {
            "1.2.840.113549.1.12.1.3" => Cipher::TripleDes,
            "1.2.840.113549.1.12.1.4" => Cipher::TwoKeyTripleDes,
            "1.2.840.113549.1.12.1.5" => Cipher::Rc2With128Bits,
            "1.2.840.113549.1.12.1.6" => Cipher::Rc2With40Bits,
            other => return Err(rejection::unsupported_encryption(scheme_name(other))),
        };
        let (salt, rounds) = algorithm
            .parameters
            .ok_or_else(rejection::bad_encryption)?
            .sequence(|reader| {
                let salt = <&OctetStringRef>::decode(reader)?.as_bytes();
                der::Result::Ok((salt, u32::decode(reader)?))
            })
            .map_err(|_| rejection::bad_encryption())?;
        check_rounds(rounds)?;
        Ok(Self {
            derivation: Derivation::Pkcs12 { salt, rounds },
            cipher,
        })
    }
}

impl fmt::Display for Scheme<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cipher = self.cipher.name();
        match &self.derivation {
            Derivation::Pkcs12 { .. } => write!(f, "PKCS#12 with SHA-1, {cipher}"),
            Derivation::Pbes2 { kdf, .. } => match kdf.pbkdf2() {
                Some(pbkdf2) => {
                    let hash = hash_name(pbkdf2.prf);
                    write!(f, "PBES2, PBKDF2 with HMAC-{hash}, {cipher}")
                }
                None => write!(f, "PBES2, scrypt, {cipher}"),
            },
        }
    }
}

/// Parses an EncryptedPrivateKeyInfo (RFC 5958 section 3) into the scheme and the ciphertext.
pub(crate) fn encrypted_info(der: &[u8]) -> Result<(Scheme<'_>, &[u8]), Error> {
    let (algorithm, data) = SliceReader::new(der)
        .and_then(|mut reader| {
            let members = reader.sequence(|reader| {
                let algorithm = AlgorithmIdentifierRef::decode(reader)?;
                der::Result::Ok((algorithm, <&OctetStringRef>::decode(reader)?.as_bytes()))
            })?;
            reader.finish()?;
            Ok(members)
        })
        .map_err(|_| rejection::bad_der("encrypted PKCS#8 key"))?;
    Ok((Scheme::read(&algorithm)?, data))
}

/// Rejects a plaintext that is not a complete DER document.
///
/// With a wrong key, the padding is valid once in 256 times, but the document never is.
pub(crate) fn document(plain: Option<Zeroizing<Vec<u8>>>) -> Result<Zeroizing<Vec<u8>>, Error> {
    plain
        .filter(|der| der.first() == Some(&0x30) && outer_length(der) == Some(der.len()))
        .ok_or_else(rejection::wrong_passphrase)
}

/// Derives a key with PBKDF2 (RFC 8018 section 5.2) or scrypt (RFC 7914).
pub(crate) fn derive(
    kdf: &Kdf,
    password: &[u8],
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut key = Zeroizing::new(vec![0; length]);
    match kdf {
        Kdf::Pbkdf2(params) => with_pbkdf2(params, password, &mut key)?,
        Kdf::Scrypt(params) => with_scrypt(params, password, &mut key)?,
        _ => return Err(rejection::bad_encryption()),
    }
    Ok(key)
}

/// Parses the key derivation of PBES2 and PBMAC1, and rejects one that is too costly.
pub(crate) fn read_kdf(algorithm: AlgorithmIdentifierRef<'_>) -> Result<Kdf, Error> {
    let oid = algorithm.oid;
    if oid != pkcs5::pbes2::PBKDF2_OID && oid != pkcs5::pbes2::SCRYPT_OID {
        return Err(rejection::unsupported_encryption(&format!(
            "key derivation {oid}"
        )));
    }
    let kdf = Kdf::try_from(algorithm).map_err(|_| rejection::bad_encryption())?;
    match &kdf {
        Kdf::Pbkdf2(params) => check_rounds(params.iteration_count)?,
        Kdf::Scrypt(params) => {
            let memory = params
                .cost_parameter
                .saturating_mul(128 * u64::from(params.block_size));
            if memory > MAX_MEMORY || params.parallelization > 16 {
                return Err(rejection::too_costly());
            }
        }
        _ => return Err(rejection::bad_encryption()),
    }
    Ok(kdf)
}

pub(crate) fn check_rounds(rounds: u32) -> Result<(), Error> {
    match rounds {
        0 => Err(rejection::bad_encryption()),
        1..=MAX_ROUNDS => Ok(()),
        _ => Err(rejection::too_costly()),
    }
}

fn with_pbkdf2(params: &Pbkdf2Params, password: &[u8], key: &mut [u8]) -> Result<(), Error> {
    let algorithm = match params.prf {
        Pbkdf2Prf::HmacWithSha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Pbkdf2Prf::HmacWithSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Pbkdf2Prf::HmacWithSha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Pbkdf2Prf::HmacWithSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        // ring does not have this one.
        Pbkdf2Prf::HmacWithSha224 => {
            let (salt, rounds) = (params.salt.as_ref(), params.iteration_count);
            ::pbkdf2::pbkdf2_hmac::<sha2::Sha224>(password, salt, rounds, key);
            return Ok(());
        }
        _ => {
            return Err(rejection::unsupported_encryption(
                "PBKDF2 with an unknown hash",
            ));
        }
    };
    let rounds = NonZeroU32::new(params.iteration_count).ok_or_else(rejection::bad_encryption)?;
    pbkdf2::derive(algorithm, rounds, params.salt.as_ref(), password, key);
    Ok(())
}

fn with_scrypt(params: &ScryptParams, password: &[u8], key: &mut [u8]) -> Result<(), Error> {
    let (cost, block) = (params.cost_parameter, u32::from(params.block_size));
    if !cost.is_power_of_two() {
        return Err(rejection::bad_encryption());
    }
    scrypt::Params::new(
        cost.trailing_zeros() as u8,
        block,
        params.parallelization.into(),
    )
    .map_err(|_| rejection::bad_encryption())
    .and_then(|sizes| {
        scrypt::scrypt(password, params.salt.as_ref(), &sizes, key)
            .map_err(|_| rejection::bad_encryption())
    })
}

fn cipher<'a>(algorithm: &AlgorithmIdentifierRef<'a>) -> Result<(Cipher, &'a [u8]), Error> {
    let oid = algorithm.oid.to_string();
    let cipher = match oid.as_str() {
        "2.16.840.1.101.3.4.1.2" => Cipher::Aes128Cbc,
        "2.16.840.1.101.3.4.1.22" => Cipher::Aes192Cbc,
        "2.16.840.1.101.3.4.1.42" => Cipher::Aes256Cbc,
        "2.16.840.1.101.3.4.1.6" => Cipher::Aes128Gcm,
        "2.16.840.1.101.3.4.1.46" => Cipher::Aes256Gcm,
        "1.2.840.113549.3.7" => Cipher::TripleDes,
        other => return Err(rejection::unsupported_encryption(cipher_name(other))),
    };
    let parameters = algorithm.parameters.ok_or_else(rejection::bad_encryption)?;
    let iv = match cipher {
        Cipher::Aes128Gcm | Cipher::Aes256Gcm
            if parameters.decode_as::<&OctetStringRef>().is_err() =>
        {
            // RFC 5084 section 3.2: the second member defaults to a tag of 12 bytes.
            let (nonce, tag) = parameters
                .sequence(|reader| {
                    let nonce = <&OctetStringRef>::decode(reader)?.as_bytes();
                    der::Result::Ok((nonce, Option::<u8>::decode(reader)?.unwrap_or(12)))
                })
                .map_err(|_| rejection::bad_encryption())?;
            if tag != 16 {
                return Err(rejection::unsupported_encryption(
                    "AES-GCM with a shortened tag",
                ));
            }
            nonce
        }
        _ => parameters
            .decode_as::<&OctetStringRef>()
            .map_err(|_| rejection::bad_encryption())?
            .as_bytes(),
    };
    match iv.len() == cipher.iv_bytes() {
        true => Ok((cipher, iv)),
        false => Err(rejection::bad_encryption()),
    }
}

fn hash_name(prf: Pbkdf2Prf) -> &'static str {
    match prf {
        Pbkdf2Prf::HmacWithSha1 => "SHA1",
        Pbkdf2Prf::HmacWithSha224 => "SHA224",
        Pbkdf2Prf::HmacWithSha256 => "SHA256",
        Pbkdf2Prf::HmacWithSha384 => "SHA384",
        Pbkdf2Prf::HmacWithSha512 => "SHA512",
        _ => "another hash",
    }
}

fn scheme_name(oid: &str) -> &str {
    match oid {
        "1.2.840.113549.1.5.1" => "PBES1, MD2, DES",
        "1.2.840.113549.1.5.3" => "PBES1, MD5, DES",
        "1.2.840.113549.1.5.4" => "PBES1, MD2, RC2",
        "1.2.840.113549.1.5.6" => "PBES1, MD5, RC2",
        "1.2.840.113549.1.5.10" => "PBES1, SHA-1, DES",
        "1.2.840.113549.1.5.11" => "PBES1, SHA-1, RC2",
        "1.2.840.113549.1.12.1.1" => "PKCS#12 with SHA-1, RC4-128",
        "1.2.840.113549.1.12.1.2" => "PKCS#12 with SHA-1, RC4-40",
        other => other,
    }
}

fn cipher_name(oid: &str) -> &str {
    match oid {
        "1.3.14.3.2.7" => "PBES2, DES-CBC",
        "1.2.840.113549.3.2" => "PBES2, RC2-CBC",
        "1.2.392.200011.61.1.1.1.2" => "PBES2, CAMELLIA-128-CBC",
        "1.2.392.200011.61.1.1.1.3" => "PBES2, CAMELLIA-192-CBC",
        "1.2.392.200011.61.1.1.1.4" => "PBES2, CAMELLIA-256-CBC",
        "1.2.410.200046.1.1.12" => "PBES2, ARIA-256-CBC",
        "1.2.410.200004.1.4" => "PBES2, SEED-CBC",
        "1.2.156.10197.1.104.2" => "PBES2, SM4-CBC",
        "2.16.840.1.101.3.4.1.26" => "PBES2, AES-192-GCM",
        other => other,
    }
}
