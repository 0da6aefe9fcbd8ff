//! The libraries that sign with a key in memory.

use std::fmt;

/// The library that signs for a [`KeySigner`](crate::jws::KeySigner).
///
/// The default is ring. To use another, call
/// [`KeySigner::with_backend`](crate::jws::KeySigner::with_backend): the Cargo feature alone does
/// not change the library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// ring, which is small and builds everywhere.
    #[default]
    Ring,
    /// aws-lc-rs (feature `aws-lc`), which is faster than ring.
    ///
    /// RSA is twice as fast if the processor has AVX-512 IFMA, and Ed25519 is more than twice as
    /// fast. Gathering entropy takes about 20 ms per process, so it pays off in a process that
    /// signs a hundred times or more.
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
