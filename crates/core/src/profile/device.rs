//! The rules for logins on another device.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Templated;

/// The device authorization request, beyond RFC 8628 section 3.1.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeviceRules {
    /// Parameters of the device authorization request as templates, such as
    /// `audience = "{audience?}"`. Those of the protocol itself are rejected.
    pub params: BTreeMap<String, Templated>,
}
