//! From a file to the one key in it: which block counts, what it holds, what came along.

use super::armor::{self, Block};
use super::asn1::{self, Shape};
use super::certificate::Certificate;
use super::container::{self, Contents};
use super::format::{Container, Format, Structure};
use super::public::PublicKey;
use super::{About, PrivateKey, encrypted, json, refusal};
use crate::{Error, Secret};

/// The key that a file holds.
pub(super) enum Document {
    Private(PrivateKey),
    Public {
        key: PublicKey,
        format: Format,
        key_id: Option<String>,
    },
    /// A certificate with those that came after it.
    Certificates {
        first: Certificate,
        more: Vec<Certificate>,
        format: Format,
    },
}

/// Reads the one key of a file: a private key if there is one, else the first public key or
/// certificate. So a key pasted with its certificate chain or its public half is still that key.
///
/// Of several private keys in a JWK Set it is the one with this `kid`.
pub(super) fn read(
    file: &[u8],
    passphrase: Option<&Secret>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    match container::open(file)? {
        Contents::Der(der) => from_der(&der, Container::Der, passphrase),
        Contents::Json(text) => json::read(&text, passphrase, key_id),
        Contents::Pem(text) => from_pem(&text, Container::Pem, passphrase),
    }
}

/// Reads the one key among the blocks of a normalised PEM text.
pub(super) fn from_pem(
    text: &str,
    container: Container,
    passphrase: Option<&Secret>,
) -> Result<Document, Error> {
    let blocks = armor::blocks(text)?;
    let private: Vec<&Block> = blocks
        .iter()
        .filter(|block| is_private(&block.label))
        .collect();
    match private.as_slice() {
        [] => public_document(&blocks, container, passphrase),
        [block] => {
            let document = from_block(block, container, passphrase)?;
            let chain = blocks.iter().filter(|block| is_certificate(&block.label));
            Ok(document.with_certificates(chain.map(|block| block.contents.as_slice())))
        }
        several => Err(refusal::several_private_keys(several.len())),
    }
}

/// Reads what the structure says it is, whatever a label says.
fn from_der(
    der: &[u8],
    container: Container,
    passphrase: Option<&Secret>,
) -> Result<Document, Error> {
    let format = |structure| Format::new(structure, container);
    let public = |key, structure| Document::Public {
        key,
        format: format(structure),
        key_id: None,
    };
    match asn1::shape(der) {
        Shape::Pkcs1Private | Shape::Pkcs8 | Shape::Sec1 => {
            plain(der, container, None).map(Document::Private)
        }
        Shape::Pkcs8Encrypted => {
            let opened = encrypted::pkcs8(der, passphrase)?;
            opened_key(&opened, container)
        }
        Shape::Pkcs12 => from_pkcs12(der, passphrase),
        Shape::Spki => Ok(public(asn1::spki(der)?, Structure::Spki)),
        Shape::Pkcs1Public => Ok(public(asn1::rsa_public(der)?, Structure::Pkcs1)),
        Shape::Certificate => Ok(Document::Certificates {
            first: Certificate::from_der(der)?,
            more: Vec::new(),
            format: format(Structure::X509),
        }),
        Shape::Cms => Err(refusal::other_label("PKCS7")),
        Shape::Unknown => Err(refusal::bad_der("key or certificate")),
    }
}

/// Reads an unencrypted private key; `encryption` is what was around it.
fn plain(der: &[u8], container: Container, encryption: Option<&str>) -> Result<PrivateKey, Error> {
    let (parts, structure) = match asn1::shape(der) {
        Shape::Pkcs1Private => (asn1::rsa_private(der, None)?, Structure::Pkcs1),
        Shape::Pkcs8 => (asn1::pkcs8(der)?, Structure::Pkcs8),
        Shape::Sec1 => (asn1::sec1(der, None)?, Structure::Sec1),
        _ => return Err(refusal::bad_der("private key")),
    };
    let about = About {
        encryption: encryption.map(str::to_owned),
        ..About::new(Format::new(structure, container))
    };
    PrivateKey::from_parts(parts, about)
}

fn opened_key(opened: &encrypted::Opened, container: Container) -> Result<Document, Error> {
    plain(&opened.der, container, Some(&opened.how)).map(Document::Private)
}

fn from_pkcs12(der: &[u8], passphrase: Option<&Secret>) -> Result<Document, Error> {
    let safe = encrypted::pkcs12(der, passphrase)?;
    let format = Format::new(Structure::Pkcs12, Container::None);
    let certificates = safe.certificates.iter().map(Vec::as_slice);
    match safe.keys.as_slice() {
        [] => {
            let read: Vec<_> = certificates
                .filter_map(|der| Certificate::from_der(der).ok())
                .collect();
            chain(read, format).ok_or_else(refusal::empty_pkcs12)
        }
        [key] => {
            let about = About {
                encryption: Some(key.how.clone()),
                ..About::new(format)
            };
            let key = PrivateKey::from_parts(asn1::pkcs8(&key.der)?, about)?;
            Ok(Document::Private(key).with_certificates(certificates))
        }
        several => Err(refusal::several_private_keys(several.len())),
    }
}

/// The first block that is not the preface `openssl ecparam -genkey` writes.
fn public_document(
    blocks: &[Block],
    container: Container,
    passphrase: Option<&Secret>,
) -> Result<Document, Error> {
    let preface = |block: &&Block| block.label.ends_with("PARAMETERS");
    let first = blocks
        .iter()
        .find(|block| !preface(block))
        .or_else(|| blocks.first());
    let Some(first) = first else {
        return Err(refusal::no_pem(""));
    };
    let document = from_block(first, container, passphrase)?;
    let Document::Certificates { first, format, .. } = document else {
        return Ok(document);
    };
    let behind = blocks
        .iter()
        .filter(|block| is_certificate(&block.label))
        .skip(1);
    let more = behind.filter_map(|block| Certificate::from_der(&block.contents).ok());
    Ok(Document::Certificates {
        first,
        more: more.collect(),
        format,
    })
}

fn from_block(
    block: &Block,
    container: Container,
    passphrase: Option<&Secret>,
) -> Result<Document, Error> {
    if let Some(info) = &block.encryption {
        if block.label == "DSA PRIVATE KEY" {
            return Err(refusal::algorithm("DSA"));
        }
        let opened = encrypted::pem(info, &block.contents, passphrase)?;
        return opened_key(&opened, container);
    }
    match block.label.as_str() {
        "DSA PRIVATE KEY" => Err(refusal::algorithm("DSA")),
        "PRIVATE KEY"
        | "RSA PRIVATE KEY"
        | "EC PRIVATE KEY"
        | "ENCRYPTED PRIVATE KEY"
        | "PUBLIC KEY"
        | "RSA PUBLIC KEY"
        | "EC PUBLIC KEY"
        | "CERTIFICATE"
        | "X509 CERTIFICATE"
        | "PKCS12" => {
            let what = match is_private(&block.label) {
                true => "private key",
                false => "public key or certificate",
            };
            match asn1::shape(&block.contents) {
                Shape::Unknown => Err(refusal::bad_der(what)),
                _ => from_der(&block.contents, container, passphrase),
            }
        }
        other => Err(refusal::other_label(other)),
    }
}

fn is_private(label: &str) -> bool {
    label.ends_with("PRIVATE KEY") || label == "PKCS12"
}

fn is_certificate(label: &str) -> bool {
    label == "CERTIFICATE" || label == "X509 CERTIFICATE"
}

fn chain(mut certificates: Vec<Certificate>, format: Format) -> Option<Document> {
    let more = certificates.split_off(certificates.len().min(1));
    let first = certificates.pop()?;
    Some(Document::Certificates {
        first,
        more,
        format,
    })
}

impl Document {
    /// Gives a private key the certificates that came with it, if one of them is its own.
    fn with_certificates<'a>(self, ders: impl Iterator<Item = &'a [u8]>) -> Self {
        match self {
            Self::Private(key) => Self::Private(key.with_certificates(ders)),
            other => other,
        }
    }
}
