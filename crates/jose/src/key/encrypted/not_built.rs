//! Rejects encrypted keys in builds without the feature `encrypted-keys`.

use super::decrypted::{DecryptedKey, Pkcs12Contents};
use crate::key::armor::DekInfo;
use crate::{Error, rejection};

pub(crate) fn pkcs8(_: &[u8], _: Option<&str>) -> Result<DecryptedKey, Error> {
    Err(rejection::encrypted_not_built())
}

pub(crate) fn pem(_: &DekInfo, _: &[u8], _: Option<&str>) -> Result<DecryptedKey, Error> {
    Err(rejection::encrypted_not_built())
}

pub(crate) fn pkcs12(_: &[u8], _: Option<&str>) -> Result<Pkcs12Contents, Error> {
    Err(rejection::pkcs12_not_built())
}
