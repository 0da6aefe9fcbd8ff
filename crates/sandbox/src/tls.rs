//! A CA and a server certificate for it, both generated at start.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};

use crate::Error;

/// The configuration of the TLS server, and the CA that its clients must trust.
pub(crate) struct Tls {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) ca_pem: String,
}

/// The names in the certificate: loopback, and the vendors' own.
///
/// The vendors' names are for clients whose URL can't be set, but which can be redirected with
/// `/etc/hosts` or `curl --connect-to`.
const NAMES: &[&str] = &[
    "127.0.0.1",
    "::1",
    "localhost",
    "account-d.docusign.com",
    "account.docusign.com",
    "login.salesforce.com",
    "test.salesforce.com",
    "*.my.salesforce.com",
    "*.sandbox.my.salesforce.com",
    "*.my.site.com",
    "account.boldsign.com",
];

/// Generates a CA and a certificate for [`NAMES`].
pub(crate) fn fresh() -> Result<Tls, Error> {
    make().map_err(|e| Error::new(format!("could not create the TLS certificates: {e}")))
}

fn make() -> Result<Tls, Box<dyn std::error::Error>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.distinguished_name
        .push(DnType::CommonName, "countersign sandbox CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_cert = ca.self_signed(&ca_key)?;
    let issuer = Issuer::from_params(&ca, &ca_key);

    let leaf_key = KeyPair::generate()?;
    let names = NAMES.iter().map(|&name| name.to_owned());
    let mut leaf = CertificateParams::new(names.collect::<Vec<_>>())?;
    leaf.distinguished_name
        .push(DnType::CommonName, "countersign sandbox");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    // Some clients reject certificates that are valid for decades.
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_secs(86_400);
    leaf.not_before = (now - day).into();
    leaf.not_after = (now + 90 * day).into();
    let leaf_cert = leaf.signed_by(&leaf_key, &issuer)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf_cert.der().clone()],
            PrivatePkcs8KeyDer::from(leaf_key.serialize_der()).into(),
        )?;
    Ok(Tls {
        config: Arc::new(config),
        ca_pem: ca_cert.pem(),
    })
}
