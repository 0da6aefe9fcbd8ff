//! From PEM blocks to one key: which block counts, and what it holds.

use super::armor::{self, Block};
use super::asn1::{self, Shape};
use super::public::PublicKey;
use super::{Format, PrivateKey, refusal};
use crate::Error;

/// The key that a text holds.
pub(super) enum Document {
    Private(PrivateKey),
    Public { key: PublicKey, format: Format },
    Certificate(PublicKey),
}

/// Reads the one key of a text: a private key if there is one, else the first public key or
/// certificate. So a key pasted with its certificate chain or its public half is still that key.
pub(super) fn read(text: &str) -> Result<Document, Error> {
    let blocks = armor::read(text)?;
    let private: Vec<&Block> = blocks
        .iter()
        .filter(|block| is_private(&block.label))
        .collect();
    match private.as_slice() {
        [] => public_document(&blocks),
        [block] => block_document(block),
        several => Err(refusal::several_private_keys(several.len())),
    }
}

fn is_private(label: &str) -> bool {
    label.ends_with("PRIVATE KEY")
}

/// The first block that is not the preface `openssl ecparam -genkey` writes.
fn public_document(blocks: &[Block]) -> Result<Document, Error> {
    let preface = |block: &&Block| block.label.ends_with("PARAMETERS");
    let first = blocks
        .iter()
        .find(|block| !preface(block))
        .or_else(|| blocks.first());
    match first {
        Some(block) => block_document(block),
        None => Err(refusal::no_pem("", false)),
    }
}

fn block_document(block: &Block) -> Result<Document, Error> {
    let known = matches!(
        block.label.as_str(),
        "PRIVATE KEY"
            | "RSA PRIVATE KEY"
            | "EC PRIVATE KEY"
            | "ENCRYPTED PRIVATE KEY"
            | "PUBLIC KEY"
            | "RSA PUBLIC KEY"
            | "EC PUBLIC KEY"
            | "CERTIFICATE"
            | "X509 CERTIFICATE"
    );
    if block.encrypted || block.label == "ENCRYPTED PRIVATE KEY" {
        return Err(refusal::encrypted());
    }
    if block.label == "DSA PRIVATE KEY" {
        return Err(refusal::algorithm("DSA"));
    }
    if !known {
        return Err(refusal::other_label(&block.label));
    }
    from_der(&block.contents, is_private(&block.label))
}

/// Reads what the structure says it is, whatever the label; `private` only chooses the words of a refusal.
fn from_der(der: &[u8], private: bool) -> Result<Document, Error> {
    let private_key = |parts, format| PrivateKey::from_parts(parts, format).map(Document::Private);
    match asn1::shape(der) {
        Shape::Pkcs1Private => private_key(asn1::rsa_private(der, false)?, Format::Pkcs1),
        Shape::Pkcs8 => private_key(asn1::pkcs8(der)?, Format::Pkcs8),
        Shape::Sec1 => private_key(asn1::sec1(der, None)?, Format::Sec1),
        Shape::Pkcs8Encrypted => Err(refusal::encrypted()),
        Shape::Spki => Ok(Document::Public {
            key: asn1::spki(der)?,
            format: Format::Spki,
        }),
        Shape::Pkcs1Public => Ok(Document::Public {
            key: asn1::rsa_public(der)?,
            format: Format::Pkcs1,
        }),
        Shape::Certificate => asn1::spki(asn1::certificate_spki(der)?).map(Document::Certificate),
        Shape::Unknown if private => Err(refusal::bad_der("private key")),
        Shape::Unknown => Err(refusal::bad_der("public key or certificate")),
    }
}
