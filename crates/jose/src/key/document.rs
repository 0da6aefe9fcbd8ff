//! Reads the key in a PEM or DER document, with the certificates next to it.

use crate::key::armor::{self, Block};
use crate::key::asn1::private;
use crate::key::asn1::shape::{Shape, shape};
use crate::key::certificate::Certificate;
use crate::key::encrypted;
use crate::key::encrypted::decrypted::DecryptedKey;
use crate::key::format::{Container, Format, Structure};
use crate::key::private::{Metadata, PrivateKey};
use crate::key::public::PublicKey;
use crate::key::public::der as public;
use crate::{Error, rejection};

/// The key in a file.
pub(crate) enum Document {
    Private(PrivateKey),
    Public {
        key: PublicKey,
        format: Format,
        key_id: Option<String>,
    },
    /// A certificate with the ones that follow it.
    Certificates {
        first: Certificate,
        more: Vec<Certificate>,
        format: Format,
    },
}

/// Reads the only key among the blocks of a normalized PEM text.
pub(crate) fn from_pem(
    text: &str,
    container: Container,
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    let blocks = armor::blocks(text)?;
    let keys: Vec<&Block> = blocks
        .iter()
        .filter(|block| is_private(&block.label))
        .collect();
    match keys.as_slice() {
        [] => public_document(&blocks, container, passphrase),
        [block] => {
            let document = from_block(block, container, passphrase, key_id)?;
            let chain = blocks.iter().filter(|block| is_certificate(&block.label));
            Ok(document.with_certificates(chain.map(|block| block.contents.as_slice())))
        }
        several => {
            let read = |block: &&Block| from_block(block, container, passphrase, key_id);
            let documents: Vec<_> = several.iter().map(read).collect::<Result<_, _>>()?;
            let chain = blocks.iter().filter(|block| is_certificate(&block.label));
            Ok(
                only_key(documents)?
                    .with_certificates(chain.map(|block| block.contents.as_slice())),
            )
        }
    }
}

/// Returns the only distinct key: people paste a key twice, or in two formats.
fn only_key(documents: Vec<Document>) -> Result<Document, Error> {
    let mut different: Vec<Document> = Vec::new();
    for document in documents {
        let Document::Private(key) = &document else {
            different.push(document);
            continue;
        };
        let known =
            |other: &Document| matches!(other, Document::Private(other) if other.is_same(key));
        if !different.iter().any(known) {
            different.push(document);
        }
    }
    match different.len() {
        1 => different.pop().ok_or_else(|| rejection::no_pem("")),
        count => Err(rejection::several_private_keys(count)),
    }
}

/// Reads a document by its structure, whatever a PEM label says.
pub(crate) fn from_der(
    der: &[u8],
    container: Container,
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    let format = |structure| Format::new(structure, container);
    let document = |key, structure| Document::Public {
        key,
        format: format(structure),
        key_id: None,
    };
    match shape(der) {
        Shape::Pkcs1Private | Shape::Pkcs8 | Shape::Sec1 => {
            unencrypted(der, container, None).map(Document::Private)
        }
        Shape::Pkcs8Encrypted => {
            let decrypted = encrypted::pkcs8(der, passphrase)?;
            decrypted_key(&decrypted, container)
        }
        Shape::Pkcs12 => from_pkcs12(der, passphrase, key_id),
        Shape::Spki => Ok(document(public::spki(der)?, Structure::Spki)),
        Shape::Pkcs1Public => Ok(document(public::rsa_public(der)?, Structure::Pkcs1)),
        Shape::Certificate => Ok(Document::Certificates {
            first: Certificate::from_der(der)?,
            more: Vec::new(),
            format: format(Structure::X509),
        }),
        Shape::Cms => Err(rejection::unsupported_label("PKCS7")),
        Shape::Unknown => Err(rejection::bad_der("key or certificate")),
    }
}

/// Reads a decrypted private key. `encryption` describes how it was encrypted.
fn unencrypted(
    der: &[u8],
    container: Container,
    encryption: Option<&str>,
) -> Result<PrivateKey, Error> {
    let (parts, structure) = match shape(der) {
        Shape::Pkcs1Private => (private::rsa_private(der, None)?, Structure::Pkcs1),
        Shape::Pkcs8 => (private::pkcs8(der)?, Structure::Pkcs8),
        Shape::Sec1 => (private::sec1(der, None)?, Structure::Sec1),
        _ => return Err(rejection::bad_der("private key")),
    };
    let metadata = Metadata {
        encryption: encryption.map(str::to_owned),
        ..Metadata::new(Format::new(structure, container))
    };
    PrivateKey::from_parts(parts, metadata)
}

fn decrypted_key(key: &DecryptedKey, container: Container) -> Result<Document, Error> {
    unencrypted(&key.der, container, Some(&key.encryption)).map(Document::Private)
}

fn from_pkcs12(
    der: &[u8],
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    let file = encrypted::pkcs12(der, passphrase)?;
    let format = Format::new(Structure::Pkcs12, Container::None);
    let certificates = file.certificates.iter().map(Vec::as_slice);
    match file.keys.as_slice() {
        [] => {
            let read: Vec<_> = certificates
                .filter_map(|der| Certificate::from_der(der).ok())
                .collect();
            certificate_chain(read, format).ok_or_else(rejection::empty_pkcs12)
        }
        keys => {
            let key = select_key(keys, key_id)?;
            let metadata = Metadata {
                encryption: Some(key.encryption.clone()),
                ..Metadata::new(format)
            };
            let key = PrivateKey::from_parts(private::pkcs8(&key.der)?, metadata)?;
            Ok(Document::Private(key).with_certificates(certificates))
        }
    }
}

/// Selects the only key of a PKCS#12 file, or the one with this friendly name.
fn select_key<'a>(
    keys: &'a [DecryptedKey],
    key_id: Option<&str>,
) -> Result<&'a DecryptedKey, Error> {
    if let Some((first, more)) = keys.split_first()
        && more.iter().all(|key| key.der == first.der)
    {
        return Ok(first);
    }
    let named = |key: &&DecryptedKey| key_id.is_some() && key.name.as_deref() == key_id;
    let mut asked = keys.iter().filter(named);
    match (asked.next(), asked.next()) {
        (Some(key), None) => Ok(key),
        _ => {
            let names: Vec<_> = keys.iter().map(|key| key.name.as_deref()).collect();
            Err(rejection::which_key_of_pkcs12(key_id, &names))
        }
    }
}

/// Reads the first block, except for the parameters that `openssl ecparam -genkey` writes first.
fn public_document(
    blocks: &[Block],
    container: Container,
    passphrase: Option<&str>,
) -> Result<Document, Error> {
    let preface = |block: &&Block| block.label.ends_with("PARAMETERS");
    let first = blocks
        .iter()
        .find(|block| !preface(block))
        .or_else(|| blocks.first());
    let Some(first) = first else {
        return Err(rejection::no_pem(""));
    };
    let document = from_block(first, container, passphrase, None)?;
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
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    from_whole_block(block, container, passphrase, key_id).map_err(|error| {
        match block.spaced && rejection::is_damage(&error) {
            true => rejection::plus_lost(&block.label),
            false => error,
        }
    })
}

fn from_whole_block(
    block: &Block,
    container: Container,
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
    if let Some(info) = &block.encryption {
        if block.label == "DSA PRIVATE KEY" {
            return Err(rejection::unsupported_key_type("DSA"));
        }
        let decrypted = encrypted::pem(info, &block.contents, passphrase)?;
        return decrypted_key(&decrypted, container);
    }
    match block.label.as_str() {
        "DSA PRIVATE KEY" => Err(rejection::unsupported_key_type("DSA")),
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
            match shape(&block.contents) {
                Shape::Unknown => Err(rejection::bad_der(what)),
                _ => from_der(&block.contents, container, passphrase, key_id),
            }
        }
        other => Err(rejection::unsupported_label(other)),
    }
}

fn is_private(label: &str) -> bool {
    label.ends_with("PRIVATE KEY") || label == "PKCS12"
}

fn is_certificate(label: &str) -> bool {
    label == "CERTIFICATE" || label == "X509 CERTIFICATE"
}

fn certificate_chain(mut certificates: Vec<Certificate>, format: Format) -> Option<Document> {
    let more = certificates.split_off(certificates.len().min(1));
    let first = certificates.pop()?;
    Some(Document::Certificates {
        first,
        more,
        format,
    })
}

impl Document {
    /// Adds certificates to a private key, if its own is among them.
    fn with_certificates<'a>(self, ders: impl Iterator<Item = &'a [u8]>) -> Self {
        match self {
            Self::Private(key) => Self::Private(key.with_certificates(ders)),
            other => other,
        }
    }
}
