//! Names of key formats, for [`KeyInfo`](crate::key::KeyInfo).

use std::fmt;

/// The format of a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    structure: Structure,
    container: Container,
}

/// The structure that contains the key's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structure {
    Pkcs1,
    Pkcs8,
    Pkcs12,
    Sec1,
    Spki,
    X509,
    Jwk,
    JwkSet,
    Secret,
}

/// The encoding of the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Pem,
    Der,
    /// PEM in Google's `service_account` JSON.
    Google,
    /// PEM in Box's app settings JSON.
    Box,
    /// The structure implies the encoding.
    None,
}

impl Format {
    pub(crate) fn new(structure: Structure, container: Container) -> Self {
        Self {
            structure,
            container,
        }
    }

    pub(crate) fn structure(self) -> Structure {
        self.structure
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.structure {
            Structure::Pkcs1 => "PKCS#1",
            Structure::Pkcs8 => "PKCS#8",
            Structure::Pkcs12 => "PKCS#12",
            Structure::Sec1 => "SEC1",
            Structure::Spki => "SPKI",
            Structure::X509 => "X.509",
            Structure::Jwk => "JWK",
            Structure::JwkSet => "JWK Set",
            Structure::Secret => "secret",
        })?;
        f.write_str(match self.container {
            Container::Pem => " PEM",
            Container::Der => " DER",
            Container::Google => " PEM in a Google service account file",
            Container::Box => " PEM in a Box app settings file",
            Container::None => "",
        })
    }
}
