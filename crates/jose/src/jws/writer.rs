//! Signs many tokens with one signer.

use std::fmt;

use super::signer::Signer;
use crate::{Error, ErrorKind, base64url};

/// The length of ring's longest signature, RSA with 4096 bits.
const RING_MAX_SIGNATURE_BYTES: usize = 512;

/// Signs many tokens with one signer.
///
/// The header is encoded once and the buffers are reused, so a token costs little more than its
/// signature. For a single token, use [`sign`](crate::jws::sign()). `Debug` shows no token.
///
/// # Example
///
/// ```
/// use countersign_jose::jws::{Algorithm, KeySigner, TokenWriter};
/// use countersign_jose::key::PrivateKey;
///
/// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
/// let signer = KeySigner::new(key, Some(Algorithm::HS256), None)?;
/// let mut writer = TokenWriter::new(&signer, Some("JWT"))?;
/// let first = writer.write(br#"{"jti":"1"}"#)?.to_owned();
/// let second = writer.write(br#"{"jti":"2"}"#)?;
/// assert_ne!(first, second);
/// # Ok::<(), countersign_jose::Error>(())
/// ```
pub struct TokenWriter<S> {
    signer: S,
    /// The length of the encoded header and its dot, with which `token` always starts.
    header: usize,
    token: String,
    signature: Vec<u8>,
}

impl<S: Signer> TokenWriter<S> {
    /// Prepares the header `{"alg":…,"typ":…,"kid":…}`, without `typ` if it is `None`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`] if the header cannot be written.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::jws::{KeySigner, TokenWriter};
    /// use countersign_jose::key::PrivateKey;
    ///
    /// let key = PrivateKey::from_secret("a secret of at least thirty-two bytes");
    /// let signer = KeySigner::new(key, None, Some("7".to_owned()))?;
    /// let mut writer = TokenWriter::new(signer, Some("JWT"))?;
    /// // {"alg":"HS256","typ":"JWT","kid":"7"}
    /// assert!(writer.write(b"{}")?.starts_with("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjcifQ."));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn new(signer: S, typ: Option<&str>) -> Result<Self, Error> {
        let header = header(&signer, typ)?;
        Ok(Self::with_header(signer, &header))
    }

    /// Prepares a complete header.
    pub(crate) fn with_header(signer: S, header: &[u8]) -> Self {
        let mut token = String::with_capacity(base64url::encoded_length(header.len()) + 1);
        base64url::encode_into(header, &mut token);
        token.push('.');
        Self {
            signer,
            header: token.len(),
            token,
            signature: Vec::new(),
        }
    }

    /// Signs a payload byte for byte and returns the token (RFC 7515 section 7.1).
    ///
    /// # Errors
    ///
    /// Returns the error of the signer. The writer can still be used.
    pub fn write(&mut self, claims_json: &[u8]) -> Result<&str, Error> {
        self.token.truncate(self.header);
        self.signature.clear();
        self.signature.reserve(RING_MAX_SIGNATURE_BYTES);
        let rest = [claims_json.len(), RING_MAX_SIGNATURE_BYTES];
        let rest = rest.map(|bytes| base64url::encoded_length(bytes) + 1);
        self.token.reserve(rest.iter().sum());
        base64url::encode_into(claims_json, &mut self.token);
        self.signer
            .sign(self.token.as_bytes(), &mut self.signature)?;
        self.token.push('.');
        base64url::encode_into(&self.signature, &mut self.token);
        Ok(&self.token)
    }

    /// Returns the signer.
    pub fn signer(&self) -> &S {
        &self.signer
    }

    /// Returns the last token without copying it.
    pub(crate) fn into_token(self) -> String {
        self.token
    }
}

impl<S: Signer> fmt::Debug for TokenWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenWriter")
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

/// Writes the header of a token: `{"alg":…,"typ":…,"kid":…}`.
fn header(signer: &dyn Signer, typ: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut json = Vec::with_capacity(96);
    json.extend_from_slice(b"{\"alg\":\"");
    json.extend_from_slice(signer.algorithm().as_str().as_bytes());
    json.push(b'"');
    for (name, value) in [("typ", typ), ("kid", signer.key_id())] {
        if let Some(value) = value {
            json.extend_from_slice(b",\"");
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            serde_json::to_writer(&mut json, value).map_err(|_| {
                Error::new(
                    ErrorKind::Internal,
                    format!("header member `{name}` is not JSON"),
                )
            })?;
        }
    }
    json.push(b'}');
    Ok(json)
}
