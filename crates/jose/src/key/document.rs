//! From PEM or DER to the one key in it: which block counts, what it contains, what came along.

use crate::key::armor::{self, Block};
use crate::key::asn1::private;
use crate::key::asn1::shape::{Shape, shape};
use crate::key::certificate::Certificate;
use crate::key::encrypted;
use crate::key::encrypted::opened::Opened;
use crate::key::format::{Container, Format, Structure};
use crate::key::private::{About, PrivateKey};
use crate::key::public::PublicKey;
use crate::key::public::der as public;
use crate::{Error, refusal};

/// The key that a file holds.
pub(crate) enum Document {
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

/// Reads the one key among the blocks of a normalised PEM text.
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
            Ok(the_same_key(documents)?
                .with_certificates(chain.map(|block| block.contents.as_slice())))
        }
    }
}

/// The one key that all of these are: people paste a key twice, or in two formats.
fn the_same_key(documents: Vec<Document>) -> Result<Document, Error> {
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
        1 => different.pop().ok_or_else(|| refusal::no_pem("")),
        count => Err(refusal::several_private_keys(count)),
    }
}

/// Reads what the structure says it is, whatever a label says.
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
            plain(der, container, None).map(Document::Private)
        }
        Shape::Pkcs8Encrypted => {
            let opened = encrypted::pkcs8(der, passphrase)?;
            opened_key(&opened, container)
        }
        Shape::Pkcs12 => from_pkcs12(der, passphrase, key_id),
        Shape::Spki => Ok(document(public::spki(der)?, Structure::Spki)),
        Shape::Pkcs1Public => Ok(document(public::rsa_public(der)?, Structure::Pkcs1)),
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
    let (parts, structure) = match shape(der) {
        Shape::Pkcs1Private => (private::rsa_private(der, None)?, Structure::Pkcs1),
        Shape::Pkcs8 => (private::pkcs8(der)?, Structure::Pkcs8),
        Shape::Sec1 => (private::sec1(der, None)?, Structure::Sec1),
        _ => return Err(refusal::bad_der("private key")),
    };
    let about = About {
        encryption: encryption.map(str::to_owned),
        ..About::new(Format::new(structure, container))
    };
    PrivateKey::from_parts(parts, about)
}

fn opened_key(opened: &Opened, container: Container) -> Result<Document, Error> {
    plain(&opened.der, container, Some(&opened.how)).map(Document::Private)
}

fn from_pkcs12(
    der: &[u8],
    passphrase: Option<&str>,
    key_id: Option<&str>,
) -> Result<Document, Error> {
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
        keys => {
            let key = one_of(keys, key_id)?;
            let about = About {
                encryption: Some(key.how.clone()),
                ..About::new(format)
            };
            let key = PrivateKey::from_parts(private::pkcs8(&key.der)?, about)?;
            Ok(Document::Private(key).with_certificates(certificates))
        }
    }
}

/// The only key of a PKCS#12 file, or the one with this friendly name.
fn one_of<'a>(keys: &'a [Opened], key_id: Option<&str>) -> Result<&'a Opened, Error> {
    if let Some((first, more)) = keys.split_first()
        && more.iter().all(|key| key.der == first.der)
    {
        return Ok(first);
    }
    let named = |key: &&Opened| key_id.is_some() && key.name.as_deref() == key_id;
    let mut asked = keys.iter().filter(named);
    match (asked.next(), asked.next()) {
        (Some(key), None) => Ok(key),
        _ => {
            let names: Vec<_> = keys.iter().map(|key| key.name.as_deref()).collect();
            Err(refusal::which_key_of_pkcs12(key_id, &names))
        }
    }
}

/// The first block that is not the preface `openssl ecparam -genkey` writes.
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
        return Err(refusal::no_pem(""));
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
        match block.spaced && refusal::is_damage(&error) {
            true => refusal::plus_lost(&block.label),
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
            match shape(&block.contents) {
                Shape::Unknown => Err(refusal::bad_der(what)),
                _ => from_der(&block.contents, container, passphrase, key_id),
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
