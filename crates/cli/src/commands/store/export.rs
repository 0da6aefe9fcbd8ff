//! `countersign store export`: writes records, unencrypted, to a file for another store.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use countersign_core::{Error, ErrorKind, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::record_key::is_key;
use super::shelf::{Entry, Shelf, open_existing};
use super::which::is_meant;
use crate::args::{Global, StoreExportArgs};
use crate::output::{Output, Stop};

/// The export file, format 1.
#[derive(Serialize, Deserialize)]
pub(super) struct Exported<'a> {
    pub(super) countersign_export: u32,
    #[serde(borrow)]
    pub(super) records: Vec<ExportedRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ExportedRecord<'a> {
    pub(super) key: String,
    /// The record's bytes, decrypted and otherwise unchanged.
    #[serde(borrow)]
    pub(super) record: &'a RawValue,
}

pub(super) fn run(
    global: &Global,
    args: &StoreExportArgs,
    output: &mut Output,
) -> Result<(), Stop> {
    let to_stdout = args.file == Path::new("-");
    if to_stdout && !args.reveal {
        return Err(reveal_required().into());
    }
    let shelves = shelves_of(global, args, output)?;
    let named = args.store.store.is_some() || !args.names.is_empty();
    let mut entries: Vec<Entry> = Vec::new();
    for opened in open_existing(&shelves, named, output)? {
        let (records, damaged) = opened.records()?;
        for error in &damaged {
            output.warn_of("a damaged record was set aside", error);
        }
        for (_, found) in records {
            // An unreadable record may be a wanted one, and an export must be complete.
            let entry = found?;
            let wanted = |word: &String| is_meant(word, &entry.key, &entry.summary);
            if args.names.is_empty() || args.names.iter().any(wanted) {
                entries.push(entry);
            }
        }
    }
    if let Some(name) = args.names.iter().find(|name| {
        let of_it = |entry: &Entry| is_meant(name, &entry.key, &entry.summary);
        !entries.iter().any(of_it)
    }) {
        let message = match is_key(name) {
            true => format!("no record has a key that begins with {name}"),
            false => format!("no record of connection `{name}` is stored"),
        };
        return Err(Error::new(ErrorKind::NoToken, message)
            .with_verdict(Verdict::FixConfiguration)
            .with_hint("run countersign store list to see all records; nothing was exported")
            .into());
    }
    let bytes = encode(&entries)?;
    match to_stdout {
        true => {
            output.print_json_text(std::str::from_utf8(&bytes).unwrap_or_default().trim_end())?
        }
        false => write_private(&args.file, &bytes)?,
    }
    print_summary(args, &entries, output)
}

/// Selects all stores of the configuration, or those of the named connections, each once.
fn shelves_of(
    global: &Global,
    args: &StoreExportArgs,
    output: &mut Output,
) -> Result<Vec<Shelf>, Error> {
    if args.names.is_empty() || args.store.store.is_some() {
        return Shelf::select(global, &args.store, None, output);
    }
    let mut shelves: Vec<Shelf> = Vec::new();
    for name in &args.names {
        for shelf in Shelf::select_by_word(global, &args.store, name, output)? {
            if !shelves.iter().any(|other| other.setting == shelf.setting) {
                shelves.push(shelf);
            }
        }
    }
    Ok(shelves)
}

fn encode(entries: &[Entry]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |e: serde_json::Error| {
        // Without serde_json's own text, which may quote the record.
        let message = format!(
            "a record is not JSON (line {}, column {})",
            e.line(),
            e.column()
        );
        Error::new(ErrorKind::Store, message)
    };
    let mut records = Vec::with_capacity(entries.len());
    for entry in entries {
        records.push(ExportedRecord {
            key: entry.key.to_hex(),
            record: serde_json::from_slice(&entry.value).map_err(failed)?,
        });
    }
    let length: usize = entries.iter().map(|entry| entry.value.len() + 128).sum();
    // With enough capacity: growing would leave copies of secrets in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 128));
    let exported = Exported {
        countersign_export: 1,
        records,
    };
    serde_json::to_writer(&mut *bytes, &exported).map_err(failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Creates a file that only its owner can read, and syncs it: the store may be deleted next.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let shown = path.display();
    let failed = |error: io::Error| {
        let error_kind = error.kind();
        let message = format!("cannot write {shown}: {error}");
        let error = Error::new(ErrorKind::Setting, message);
        match error_kind {
            io::ErrorKind::AlreadyExists => {
                error.with_hint("name another file: an export never replaces one")
            }
            _ => error,
        }
    };
    let mut file = create_private(path).map_err(failed)?;
    let written = write_all(&mut file, bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // An incomplete export is useless, and contains secrets.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}

fn write_all(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn reveal_required() -> Error {
    let where_to = match io::stdout().is_terminal() {
        true => "a terminal",
        false => "stdout",
    };
    let message =
        format!("an export contains unencrypted tokens: it goes to {where_to} only with --reveal");
    Error::new(ErrorKind::Setting, message)
        .with_hint("name a file, which only you will be able to read, or add --reveal")
}

fn print_summary(args: &StoreExportArgs, entries: &[Entry], output: &Output) -> Result<(), Stop> {
    let count = match entries.len() {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    };
    if args.file == Path::new("-") {
        output.trace(&format!("exported {count}"));
        return Ok(());
    }
    let shown = args.file.display();
    match output.is_json() {
        true => output.print_json(&serde_json::json!({
            "file": shown.to_string(), "records": entries.len(),
        })),
        false => output.print(&format!(
            "exported {count} to {shown}; it contains unencrypted tokens: remove it after the import"
        )),
    }
}
