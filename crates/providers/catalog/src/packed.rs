//! The compressed profiles, and the words that are searched without opening one.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

use crate::DICTIONARY_LEN;

/// Ids and names.
static WORDS: &str = include_str!(concat!(env!("OUT_DIR"), "/words"));
/// What each profile continues.
static DICTIONARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dictionary"));
static PROFILES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/profiles"));

/// A part of a text or of bytes. Takes less space than a reference, and no relocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    len: u16,
}

impl Span {
    #[allow(dead_code, reason = "a build may choose no vendor")]
    pub(crate) const fn new(start: usize, len: usize) -> Self {
        assert!(start <= u32::MAX as usize && len <= u16::MAX as usize);
        Self {
            start: start as u32,
            len: len as u16,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        let start = self.start as usize;
        &WORDS[start..start + usize::from(self.len)]
    }

    /// Decompresses a profile.
    pub(crate) fn profile(self) -> String {
        let start = self.start as usize;
        let profile = &PROFILES[start..start + usize::from(self.len)];
        let mut bytes = Vec::with_capacity(DICTIONARY_LEN + 4 * profile.len());
        DeflateDecoder::new(DICTIONARY.chain(profile))
            .read_to_end(&mut bytes)
            .expect("the build compressed it");
        String::from_utf8(bytes.split_off(DICTIONARY_LEN)).expect("profiles are text")
    }
}
