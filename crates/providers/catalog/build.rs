//! Embeds the profiles, without their comments and compressed.
//!
//! Short texts compress badly, and these have much in common. So all of them continue the same
//! compressed text, the dictionary, which consists of some of the profiles.
#![allow(clippy::disallowed_methods, reason = "builds read files and variables")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use flate2::{Compress, Compression, FlushCompress, Status};

/// One of so many profiles is in the dictionary. More save 2 KB, and make each profile slower to open.
const SAMPLES: usize = 14;

fn main() {
    println!("cargo:rerun-if-changed=profiles");
    println!("cargo:rerun-if-env-changed=COUNTERSIGN_VENDORS");
    let folder = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("profiles");
    let mut known = profiles(&folder);
    if env::var_os("CARGO_FEATURE_ALL").is_none() {
        choose(
            &mut known,
            &env::var("COUNTERSIGN_VENDORS").unwrap_or_default(),
        );
    }
    let texts: Vec<_> = known
        .iter()
        .map(|(_, path)| without_comments(&fs::read_to_string(path).unwrap()))
        .collect();
    let samples = texts.iter().step_by(SAMPLES).map(String::as_str);
    let dictionary = samples.collect::<String>();
    let (dictionary_packed, _) = packed(&dictionary, "");
    let (mut words, mut profiles) = (String::new(), Vec::new());
    // An array, not a slice: a static with a cell can't be borrowed by a constant.
    let mut code = format!("static VENDORS: [Vendor; {}] = [\n", known.len());
    for ((id, path), text) in known.iter().zip(&texts) {
        let field = |name| {
            let found = top_level(text, name);
            found.unwrap_or_else(|| panic!("{}: no `{name}` at the top", path.display()))
        };
        let (name, written) = (field("name"), field("id"));
        assert_eq!(id, written, "{}: the id differs", path.display());
        let (before, profile) = packed(&dictionary, text);
        assert_eq!(before, dictionary_packed, "the dictionary is the same");
        let (word, packed) = (words.len(), profiles.len());
        writeln!(
            code,
            "    Vendor::new({word}, {}, {}, {packed}, {}),",
            id.len(),
            name.len(),
            profile.len(),
        )
        .unwrap();
        words.extend([id, name]);
        profiles.extend(profile);
    }
    writeln!(
        code,
        "];\nconst DICTIONARY_LEN: usize = {};",
        dictionary.len()
    )
    .unwrap();
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    fs::write(out.join("vendors.rs"), code).unwrap();
    fs::write(out.join("words"), words).unwrap();
    fs::write(out.join("dictionary"), dictionary_packed).unwrap();
    fs::write(out.join("profiles"), profiles).unwrap();
}

/// Compresses the dictionary and a text that continues it. The first part is the same for all texts.
fn packed(dictionary: &str, text: &str) -> (Vec<u8>, Vec<u8>) {
    let mut compress = Compress::new(Compression::best(), false);
    let mut part = |text: &str, flush| {
        let mut out = Vec::with_capacity(text.len() + 1024);
        let status = compress.compress_vec(text.as_bytes(), &mut out, flush);
        assert_ne!(status.unwrap(), Status::BufError);
        assert!(out.len() < out.capacity(), "there was room for all");
        out
    };
    let dictionary = part(dictionary, FlushCompress::Sync);
    (dictionary, part(text, FlushCompress::Finish))
}

/// Returns the profiles by their vendors' ids, in order.
fn profiles(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let tomls = entries.filter(|path| path.extension().is_some_and(|end| end == "toml"));
    let named = tomls.map(|path| {
        let id = path.file_stem().unwrap().to_str().unwrap().to_owned();
        println!("cargo:rerun-if-changed={}", path.display());
        (id, path)
    });
    let mut all: Vec<_> = named.collect();
    all.sort();
    all
}

/// Keeps the vendors that COUNTERSIGN_VENDORS lists.
fn choose(known: &mut Vec<(String, PathBuf)>, list: &str) {
    let words: Vec<_> = list
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    for word in &words {
        let is_known = known.iter().any(|(id, _)| id == word);
        assert!(
            is_known,
            "COUNTERSIGN_VENDORS lists `{word}`, which is not in the catalogue"
        );
    }
    known.retain(|(id, _)| words.contains(&id.as_str()));
}

/// Returns the text of `NAME = "…"` before the first table.
fn top_level<'a>(toml: &'a str, name: &str) -> Option<&'a str> {
    let lines = toml.lines().take_while(|line| !line.starts_with('['));
    let mut values = lines.filter_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"'))
    });
    values.next()
}

/// Removes comments and empty lines, except in strings of several lines.
fn without_comments(toml: &str) -> String {
    let mut text = String::new();
    let mut open: Option<&str> = None;
    for line in toml.lines() {
        let mut kept = String::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let quote = ["\"\"\"", "'''", "\"", "'"]
                .into_iter()
                .find(|q| rest.starts_with(q));
            let taken = match (open, quote) {
                (None, None) if first == '#' => break,
                (None, Some(quote)) => {
                    open = Some(quote);
                    quote.len()
                }
                (Some(quote), _) if rest.starts_with(quote) => {
                    open = None;
                    quote.len()
                }
                (Some(quote), _) if first == '\\' && quote.starts_with('"') => {
                    let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
                    1 + escaped
                }
                _ => first.len_utf8(),
            };
            kept.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        let inside = open.is_some_and(|quote| quote.len() == 3);
        // A string of one line ends with it.
        open = open.filter(|_| inside);
        let kept = if inside {
            kept.as_str()
        } else {
            kept.trim_end()
        };
        if !kept.is_empty() || inside {
            text.push_str(kept);
            text.push('\n');
        }
    }
    text
}
