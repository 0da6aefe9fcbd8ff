//! Without the feature `encrypted-keys`: says so, and how to decrypt the key.

use super::opened::{Opened, Safe};
use crate::key::armor::DekInfo;
use crate::{Error, refusal};

pub(crate) fn pkcs8(_: &[u8], _: Option<&str>) -> Result<Opened, Error> {
    Err(refusal::encrypted_not_built())
}

pub(crate) fn pem(_: &DekInfo, _: &[u8], _: Option<&str>) -> Result<Opened, Error> {
    Err(refusal::encrypted_not_built())
}

pub(crate) fn pkcs12(_: &[u8], _: Option<&str>) -> Result<Safe, Error> {
    Err(refusal::pkcs12_not_built())
}
