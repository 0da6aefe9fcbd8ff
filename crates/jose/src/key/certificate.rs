//! Certificates, whose thumbprints vendors use to identify keys.

use ring::digest;

use crate::key::public::{self, PublicKey};
use crate::{Error, base64url, x509};

/// An X.509 certificate (RFC 5280).
///
/// Only the key and the validity are parsed. Neither the issuer nor the signature is verified,
/// because vendors use the certificate only to identify a key.
///
/// # Example
///
/// ```
/// use countersign_jose::key::Certificate;
///
/// let error = Certificate::from_bytes(b"not one").unwrap_err();
/// assert!(error.message().contains("no PEM found"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: PublicKey,
    not_before: u64,
    not_after: u64,
}

impl Certificate {
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let parts = x509::certificate(der)?;
        Ok(Self {
            der: der.to_vec(),
            public_key: public::der::spki(parts.spki)?,
            not_before: parts.not_before,
            not_after: parts.not_after,
        })
    }

    /// Returns the certificate in DER.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::Certificate;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let certificate = Certificate::from_bytes(made.cert.der())?;
    /// assert_eq!(certificate.der(), &**made.cert.der());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the certificate as `CERTIFICATE` PEM (RFC 7468 section 5).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::Certificate;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let certificate = Certificate::from_bytes(made.cert.der())?;
    /// assert_eq!(Certificate::from_bytes(certificate.to_pem().as_bytes())?, certificate);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("CERTIFICATE", self.der.as_slice()), config)
    }

    /// Returns the public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Returns the start of the validity, in seconds since 1970.
    pub fn not_before_unix_s(&self) -> u64 {
        self.not_before
    }

    /// Returns the end of the validity, in seconds since 1970.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::Certificate;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let certificate = Certificate::from_bytes(made.cert.der())?;
    /// assert!(certificate.not_after_unix_s() > certificate.not_before_unix_s());
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn not_after_unix_s(&self) -> u64 {
        self.not_after
    }

    /// Returns the SHA-1 thumbprint in base64url, for the header's `x5t` (RFC 7515 section 4.1.7).
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::Certificate;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let certificate = Certificate::from_bytes(made.cert.der())?;
    /// // 20 bytes.
    /// assert_eq!(certificate.x5t().len(), 27);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn x5t(&self) -> String {
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        base64url::encode(sha1.as_ref())
    }

    /// Returns the SHA-256 thumbprint in base64url, for the header's `x5t#S256`.
    ///
    /// See RFC 7515 section 4.1.8.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::Certificate;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let certificate = Certificate::from_bytes(made.cert.der())?;
    /// // 32 bytes.
    /// assert_eq!(certificate.x5t_s256().len(), 43);
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn x5t_s256(&self) -> String {
        base64url::encode(digest::digest(&digest::SHA256, &self.der).as_ref())
    }

    /// Returns the certificate as an element of the header's `x5c` (RFC 7515 section 4.1.6).
    ///
    /// This is DER in padded base64.
    ///
    /// # Example
    ///
    /// ```
    /// use countersign_jose::key::Certificate;
    ///
    /// let made = rcgen::generate_simple_self_signed(["login.acme.example".to_owned()]).unwrap();
    /// let certificate = Certificate::from_bytes(made.cert.der())?;
    /// assert!(certificate.x5c().starts_with("MII"));
    /// # Ok::<(), countersign_jose::Error>(())
    /// ```
    pub fn x5c(&self) -> String {
        base64_simd::STANDARD.encode_to_string(&self.der)
    }
}
