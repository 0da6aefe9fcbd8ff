//! Without the feature `encrypted-keys`: says so, and how to decrypt the key.

use super::{Opened, Safe};
use crate::Error;
use crate::key::armor::DekInfo;
use crate::key::refusal;

pub(in crate::key) fn pkcs8(_: &[u8], _: Option<&str>) -> Result<Opened, Error> {
    Err(refusal::encrypted_not_built())
}

pub(in crate::key) fn pem(_: &DekInfo, _: &[u8], _: Option<&str>) -> Result<Opened, Error> {
    Err(refusal::encrypted_not_built())
}

pub(in crate::key) fn pkcs12(_: &[u8], _: Option<&str>) -> Result<Safe, Error> {
    Err(refusal::pkcs12_not_built())
}
