//! Which library makes the signatures of a key held in memory.

use std::fmt;

/// The library that makes the signatures of a [`KeySigner`](super::KeySigner).
///
/// ring, unless another is chosen with [`KeySigner::with_backend`](super::KeySigner::with_backend):
/// that the Cargo feature is on somewhere in a program changes nothing by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// ring: small, quick to build, and everywhere.
    #[default]
    Ring,
    /// aws-lc-rs: RSA twice as fast where the processor has AVX-512 IFMA, and Ed25519 more than
    /// twice as fast. It takes some 20 ms once per process, to gather entropy: for a process that
    /// signs a hundred times or more. Feature `aws-lc`.
    #[cfg(feature = "aws-lc")]
    AwsLc,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ring => "ring",
            #[cfg(feature = "aws-lc")]
            Self::AwsLc => "aws-lc",
        })
    }
}
