//! A client that the server registered, and its JSON form.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{ClientAuth, Secret};

/// A client as the server registered it (RFC 7591 section 3.2.1).
///
/// It belongs to one grant: the login that it was registered for.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) client_auth: ClientAuth,
    pub(crate) redirect_uri: String,
}

/// The JSON form of a registration, in saved logins and in records.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WrittenRegistration {
    client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_secret: Option<Zeroizing<String>>,
    client_auth: String,
    redirect_uri: String,
}

impl Registration {
    pub(crate) fn written(&self) -> WrittenRegistration {
        let secret = self.client_secret.as_ref();
        WrittenRegistration {
            client_id: self.client_id.clone(),
            client_secret: secret.map(|secret| secret.expose().to_owned().into()),
            client_auth: self.client_auth.as_str().to_owned(),
            redirect_uri: self.redirect_uri.clone(),
        }
    }
}

impl WrittenRegistration {
    /// Returns `None` if a newer version wrote something that this one doesn't know.
    pub(crate) fn read(self) -> Option<Registration> {
        Some(Registration {
            client_id: self.client_id,
            client_secret: self
                .client_secret
                .map(|secret| Secret::from(secret.as_str())),
            client_auth: self.client_auth.parse().ok()?,
            redirect_uri: self.redirect_uri,
        })
    }
}
