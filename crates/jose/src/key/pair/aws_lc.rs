//! Key pairs of aws-lc-rs.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::key::asn1::private::PrivateKeyParts;
use crate::key::curve::Curve;
use crate::{Error, rejection};

/// The key as aws-lc-rs needs it. Kept next to the ring key pair, which cannot be exported.
pub(crate) enum RawKey {
    /// The PKCS#1 document.
    Rsa(Zeroizing<Vec<u8>>),
    Ec {
        curve: Curve,
        scalar: Zeroizing<Vec<u8>>,
        point: Vec<u8>,
    },
    /// The seed.
    Ed25519(Zeroizing<Vec<u8>>),
}

/// A key pair of aws-lc-rs.
pub(crate) enum AwsLcPair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl RawKey {
    pub(crate) fn of(parts: &PrivateKeyParts<'_>) -> Self {
        let own = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
        match *parts {
            PrivateKeyParts::Rsa { der, .. } => Self::Rsa(own(der)),
            PrivateKeyParts::Ec {
                curve,
                scalar,
                point,
            } => Self::Ec {
                curve,
                scalar: own(scalar),
                point: point.unwrap_or_default().to_vec(),
            },
            PrivateKeyParts::Ed25519 { seed, .. } => Self::Ed25519(own(seed)),
        }
    }

    pub(crate) fn pair(&self) -> Result<AwsLcPair, Error> {
        Ok(match self {
            Self::Rsa(der) => {
                AwsLcPair::Rsa(RsaKeyPair::from_der(der).map_err(rejection::inconsistent)?)
            }
            Self::Ec {
                curve,
                scalar,
                point,
            } => {
                let algorithm = match curve {
                    Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
                    Curve::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
                };
                let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, point);
                AwsLcPair::Ec(pair.map_err(rejection::inconsistent)?)
            }
            Self::Ed25519(seed) => AwsLcPair::Ed25519(
                Ed25519KeyPair::from_seed_unchecked(seed).map_err(rejection::inconsistent)?,
            ),
        })
    }
}

impl AwsLcPair {
    /// Signs, appending the signature in the form of RFC 7518 section 3.
    pub(crate) fn sign(
        &self,
        algorithm: Algorithm,
        input: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let encoding = rsa_encoding(algorithm)
                    .ok_or_else(|| rejection::unsupported_algorithm(algorithm))?;
                let start = signature.len();
                signature.resize(start + pair.public_modulus_len(), 0);
                pair.sign(encoding, &random, input, &mut signature[start..])
                    .map_err(|_| {
                        signature.truncate(start);
                        rejection::signing_failed(
                            "the RSA key is damaged, or the system has no random numbers",
                        )
                    })
            }
            Self::Ec(pair) => {
                let made = pair
                    .sign(&random, input)
                    .map_err(|_| rejection::signing_failed("the system has no random numbers"))?;
                signature.extend_from_slice(made.as_ref());
                Ok(())
            }
            Self::Ed25519(pair) => {
                signature.extend_from_slice(pair.sign(input).as_ref());
                Ok(())
            }
        }
    }
}

fn rsa_encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}
