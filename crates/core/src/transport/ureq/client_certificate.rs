//! The certificate that the client presents in mutual TLS (RFC 8705), from two PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, pki_types::CertificateDer};

use crate::settings::read_trusted;
use crate::{Error, Network};

const CERTIFICATE: &str = "client_certificate_file";
const KEY: &str = "client_certificate_key_file";

/// Reads the client's certificate and key. Returns `None` if the settings name none.
///
/// # Errors
///
/// If a file can't be read, has no certificate or key, or the key belongs to another certificate.
pub(super) fn client_certificate(
    network: &Network,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, Error> {
    let files = (
        &network.client_certificate_file,
        &network.client_certificate_key_file,
    );
    let (Some(certificate), Some(key)) = files else {
        return Ok(None);
    };
    let chain = chain(certificate)?;
    let rejected = |why: &str, hint: &str| {
        let message = format!("`{KEY}` {} {why}", key.display());
        Error::setting(KEY, message).with_hint(hint.to_owned())
    };
    let text = read_trusted(KEY, key)?;
    let der = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        rejected(
            "contains no unencrypted PEM private key",
            "use a key in PEM without a passphrase (openssl pkey -in KEY -out FILE decrypts one)",
        )
    })?;
    let key = provider.key_provider.load_private_key(der).map_err(|_| {
        rejected(
            "is not a private key that TLS can use",
            "use an RSA key, or an EC key on P-256 or P-384",
        )
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
            Ok(Some(Arc::new(certified)))
        }
        Err(_) => Err(rejected(
            &format!("does not belong to the first certificate in `{CERTIFICATE}`"),
            "put the certificate of this key first, before those of its issuers",
        )),
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read_trusted(CERTIFICATE, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => {
            let shown = path.display();
            let message = format!(
                "`{CERTIFICATE}` {shown} contains no PEM certificate (-----BEGIN CERTIFICATE-----)"
            );
            Err(Error::setting(CERTIFICATE, message)
                .with_hint("use the file that the vendor signed, in PEM"))
        }
    }
}
