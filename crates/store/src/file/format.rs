//! The format of a record's file: a header line that describes the bytes after it.

use zeroize::Zeroizing;

use crate::Stored;

const MAGIC: &str = "countersign-record 1";

/// Encodes a record as the line `countersign-record 1 VERSION FENCE LENGTH SHA256` and its value.
///
/// LENGTH is `-` if the value was removed.
pub(super) fn encode(version: u64, fence: u64, value: Option<&[u8]>) -> Zeroizing<Vec<u8>> {
    let length = match value {
        Some(value) => value.len().to_string(),
        None => "-".to_owned(),
    };
    let facts = format!("{version} {fence} {length}");
    let value = value.unwrap_or_default();
    let line = format!("{MAGIC} {facts} {}\n", digest(&facts, value));
    let mut bytes = Zeroizing::new(Vec::with_capacity(line.len() + value.len()));
    bytes.extend_from_slice(line.as_bytes());
    bytes.extend_from_slice(value);
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Result<Stored, &'static str> {
    let end = bytes
        .iter()
        .position(|b| *b == b'\n')
        .ok_or("its first line is truncated")?;
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| "its first line is not text")?;
    let facts = line
        .strip_prefix(MAGIC)
        .ok_or("it is not a record of this format")?;
    let words: Vec<_> = facts.split_ascii_whitespace().collect();
    let [version, fence, length, sum] = words[..] else {
        return Err("its first line is incomplete");
    };
    let value = &bytes[end + 1..];
    if digest(&format!("{version} {fence} {length}"), value) != sum {
        return Err("its contents do not match their checksum");
    }
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| "its first line has a malformed number")
    };
    Ok(Stored {
        version: number(version)?,
        fence: number(fence)?,
        value: match length {
            "-" => None,
            length if number(length)? == value.len() as u64 => Some(Zeroizing::new(value.to_vec())),
            _ => return Err("its length is wrong"),
        },
    })
}

fn digest(facts: &str, value: &[u8]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(facts.as_bytes());
    context.update(b"\n");
    context.update(value);
    let sum = context.finish();
    sum.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_and_corrupted_records_are_rejected() {
        let whole = encode(7, 3, Some(b"some value"));
        let back = decode(&whole).unwrap();
        assert_eq!((back.version, back.fence), (7, 3));
        assert_eq!(back.value.unwrap().as_slice(), b"some value");
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_err(), "truncated to {end} bytes");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_removed_value_is_not_an_empty_value() {
        assert!(decode(&encode(2, 0, None)).unwrap().value.is_none());
        assert!(decode(&encode(2, 0, Some(b""))).unwrap().value.is_some());
    }
}
