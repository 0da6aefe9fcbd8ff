//! What the browser's session keeps of a principal's login, sealed.

use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Login, Purpose};
use crate::metadata::WrittenRegistration;
use crate::{Error, ErrorKind, Profile, Random, Secret, StoreKey, Url};

/// The version of the sealed text.
const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 12;
/// No sealed text is longer. Browsers keep cookies of 4096 bytes.
const MAX_TEXT: usize = 16 * 1024;

/// A key that seals logins. `Debug` is absent on purpose.
#[derive(Clone)]
pub(crate) struct LoginKey {
    id: [u8; KEY_ID],
    bytes: Zeroizing<[u8; 32]>,
}

impl LoginKey {
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes.as_slice());
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest.as_ref()[..KEY_ID]);
        Self { id, bytes }
    }

    pub(crate) fn id(&self) -> [u8; KEY_ID] {
        self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    fn cipher(&self) -> Result<LessSafeKey, Error> {
        let key = UnboundKey::new(&AES_256_GCM, self.bytes.as_slice()).map_err(|_| internal())?;
        Ok(LessSafeKey::new(key))
    }
}

/// A login that is to be finished, with what the host gave it to carry. The names are short,
/// because the sealed text is kept in a cookie.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedLogin {
    #[serde(rename = "p")]
    pub(crate) principal: String,
    #[serde(rename = "v")]
    provider: String,
    #[serde(rename = "s")]
    state: Zeroizing<String>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    nonce: Option<Zeroizing<String>>,
    #[serde(rename = "k")]
    verifier: Zeroizing<String>,
    #[serde(rename = "r")]
    redirect_uri: String,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(rename = "q")]
    iss_required: bool,
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    registration: Option<WrittenRegistration>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(crate) return_to: Option<String>,
    #[serde(rename = "a")]
    pub(crate) expect_same_account: bool,
    /// When it began by this host's clock, in milliseconds since 1970.
    #[serde(rename = "b")]
    pub(crate) begun_ms: i64,
    #[serde(rename = "e")]
    pub(crate) expires_ms: i64,
}

impl SavedLogin {
    pub(crate) fn of(
        login: &Login,
        principal: &str,
        return_to: Option<&str>,
        expect_same_account: bool,
        (begun_ms, expires_ms): (i64, i64),
    ) -> Self {
        let copy = |secret: &Secret| Zeroizing::new(secret.expose().to_owned());
        Self {
            principal: principal.to_owned(),
            provider: login.provider.clone(),
            state: copy(&login.state),
            nonce: login.nonce.as_ref().map(copy),
            verifier: copy(&login.verifier),
            redirect_uri: login.redirect_uri.clone(),
            issuer: login.issuer.clone(),
            iss_required: login.iss_required,
            registration: login.registration.as_ref().map(|known| known.written()),
            return_to: return_to.map(str::to_owned),
            expect_same_account,
            begun_ms,
            expires_ms,
        }
    }

    /// Returns the login, to read its callback at this vendor.
    pub(crate) fn login(&self, profile: &Profile) -> Result<Login, Error> {
        let registration = self.registration.clone();
        Ok(Login {
            // Only the beginning of a login needs its URL.
            url: Url::parse(&self.redirect_uri).map_err(|_| not_ours())?,
            redirect_uri: self.redirect_uri.clone(),
            state: Secret::from(self.state.as_str()),
            verifier: Secret::from(self.verifier.as_str()),
            nonce: self
                .nonce
                .as_ref()
                .map(|nonce| Secret::from(nonce.as_str())),
            purpose: Purpose::Login,
            provider: self.provider.clone(),
            issuer: self.issuer.clone(),
            iss_required: self.iss_required,
            callback_names: profile.authorize.callback_names.clone(),
            registration: registration
                .and_then(WrittenRegistration::read)
                .map(Arc::new),
        })
    }

    /// Seals the login with AES-256-GCM, for the connection that `of` identifies.
    pub(crate) fn seal(
        &self,
        key: &LoginKey,
        of: &StoreKey,
        random: &dyn Random,
    ) -> Result<Secret, Error> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce)?;
        let mut body = Zeroizing::new(Vec::with_capacity(8 * 1024));
        serde_json::to_writer(&mut *body, self).map_err(|_| internal())?;
        key.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(bound_to(&key.id, of)),
                &mut *body,
            )
            .map_err(|_| internal())?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(Secret::new(
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(sealed),
        ))
    }
}

/// A sealed login, of which only the ID of its key is known so far.
pub(crate) struct Sealed(Vec<u8>);

impl Sealed {
    /// Parses the text that [`SavedLogin::seal`] returned.
    pub(crate) fn parse(text: &Secret) -> Result<Self, Error> {
        let text = text.expose().trim();
        if text.is_empty() {
            return Err(
                Error::new(ErrorKind::Callback, "there is no saved login").with_hint(
                    "this browser began no login, or its session is gone: begin a new login",
                ),
            );
        }
        if text.len() > MAX_TEXT {
            return Err(not_ours());
        }
        let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text);
        let bytes = bytes.map_err(|_| not_ours())?;
        let has_all = bytes.len() > 1 + KEY_ID + NONCE + AES_256_GCM.tag_len();
        match has_all && bytes[0] == VERSION {
            true => Ok(Self(bytes)),
            false => Err(not_ours()),
        }
    }

    pub(crate) fn key_id(&self) -> [u8; KEY_ID] {
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&self.0[1..=KEY_ID]);
        id
    }

    /// Opens it with the key of this ID. `None` means that there is no such key.
    pub(crate) fn open(self, key: Option<&LoginKey>, of: &StoreKey) -> Result<SavedLogin, Error> {
        let key = key.filter(|key| key.id == self.key_id()).ok_or_else(|| {
            let message = "the saved login belongs to another connection, or its key is gone";
            Error::new(ErrorKind::Callback, message).with_hint(
                "pass what begin_login of this connection returned, and share one store among all processes; otherwise begin a new login",
            )
        })?;
        let (nonce, body) = self.0[1 + KEY_ID..].split_at(NONCE);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| not_ours())?;
        let mut body = Zeroizing::new(body.to_vec());
        let bound = Aad::from(bound_to(&key.id, of));
        let opened = key.cipher()?.open_in_place(nonce, bound, &mut body);
        let plain = opened.map_err(|_| not_ours())?;
        serde_json::from_slice(plain).map_err(|_| not_ours())
    }
}

/// Returns the additional data that binds a saved login to its key and connection.
fn bound_to(id: &[u8; KEY_ID], of: &StoreKey) -> Vec<u8> {
    let mut bound = b"countersign-login-1".to_vec();
    bound.extend_from_slice(id);
    bound.extend_from_slice(of.to_hex().as_bytes());
    bound
}

fn not_ours() -> Error {
    Error::new(
        ErrorKind::Callback,
        "the saved login was changed, or is none",
    )
    .with_hint("pass what begin_login returned, unchanged; otherwise begin a new login")
}

fn internal() -> Error {
    Error::new(ErrorKind::Internal, "the login could not be sealed")
}
