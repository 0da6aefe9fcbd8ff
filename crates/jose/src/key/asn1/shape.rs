//! Detects what a DER document is by its outermost members.

use der::{Decode, Reader, SliceReader, Tag};

/// The kind of a document by its structure. A PEM label is only a hint, because people change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Pkcs1Private,
    Pkcs1Public,
    Pkcs8,
    Pkcs8Encrypted,
    Sec1,
    Spki,
    Certificate,
    Pkcs12,
    /// CMS (RFC 5652), formerly PKCS#7.
    Cms,
    Unknown,
}

/// Detects the kind of a document by the tags of its outermost members.
pub(crate) fn shape(der: &[u8]) -> Shape {
    let Ok(tags) = outer_tags(der) else {
        return Shape::Unknown;
    };
    match tags.as_slice() {
        [Tag::Integer, Tag::Integer] => Shape::Pkcs1Public,
        [Tag::Integer, Tag::Integer, Tag::Integer, ..] if tags.len() >= 9 => Shape::Pkcs1Private,
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Shape::Pkcs8,
        [Tag::Integer, Tag::OctetString, ..] => Shape::Sec1,
        [Tag::Integer, Tag::Sequence] | [Tag::Integer, Tag::Sequence, Tag::Sequence] => {
            Shape::Pkcs12
        }
        [Tag::ObjectIdentifier, Tag::ContextSpecific { .. }] => Shape::Cms,
        [Tag::Sequence, Tag::OctetString] => Shape::Pkcs8Encrypted,
        [Tag::Sequence, Tag::BitString] => Shape::Spki,
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Shape::Certificate,
        _ => Shape::Unknown,
    }
}

/// Returns the length that a document declares, including its tag and length.
pub(crate) fn outer_length(der: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(der).ok()?;
    let header = der::Header::decode(&mut reader).ok()?;
    let start = usize::try_from(reader.position()).ok()?;
    let length = start.checked_add(usize::try_from(header.length()).ok()?)?;
    (length <= der.len()).then_some(length)
}

fn outer_tags(der: &[u8]) -> der::Result<Vec<Tag>> {
    SliceReader::new(der)?.sequence(|reader| {
        let mut tags = Vec::new();
        while !reader.is_finished() {
            tags.push(Tag::peek(reader)?);
            reader.tlv_bytes()?;
        }
        Ok(tags)
    })
}
