//! `countersign store export`: records as one file, in plain, for another store to take.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use countersign::{Error, ErrorKind, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::record_key::is_key;
use super::shelf::{Entry, Shelf, open_existing};
use super::which::is_meant;
use crate::args::{Global, StoreExportArgs};
use crate::output::{Output, Stop};

/// The file, format 1.
#[derive(Serialize, Deserialize)]
pub(super) struct Exported<'a> {
    pub(super) countersign_export: u32,
    #[serde(borrow)]
    pub(super) records: Vec<ExportedRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ExportedRecord<'a> {
    pub(super) key: String,
    /// The very bytes that the store keeps, in plain.
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
        return Err(unasked().into());
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
            // What cannot be read may be what is wanted: an export is whole or is none.
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
        let what = match is_key(name) {
            true => "under key",
            false => "of connection",
        };
        let message = format!("nothing is kept {what} `{name}`");
        return Err(Error::new(ErrorKind::NoToken, message)
            .with_verdict(Verdict::FixConfiguration)
            .with_hint("countersign store list shows what there is; nothing was exported")
            .into());
    }
    let bytes = encode(&entries)?;
    match to_stdout {
        true => {
            output.print_json_text(std::str::from_utf8(&bytes).unwrap_or_default().trim_end())?
        }
        false => write_private(&args.file, &bytes)?,
    }
    tell(args, &entries, output)
}

/// All the stores of the configuration, or those of the connections that are named, once.
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
        // Its own text may quote the record.
        let message = format!(
            "a record is not JSON, line {} column {}",
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
    // Room ahead, so that growing leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 128));
    let exported = Exported {
        countersign_export: 1,
        records,
    };
    serde_json::to_writer(&mut *bytes, &exported).map_err(failed)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Durable before it is told: somebody may remove the store next.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let shown = path.display();
    let failed = |error: io::Error| {
        let error_kind = error.kind();
        let message = format!("{shown} cannot be written: {error}");
        let error = Error::new(ErrorKind::Setting, message);
        match error_kind {
            io::ErrorKind::AlreadyExists => {
                error.with_hint("an export never replaces a file: name another one")
            }
            _ => error,
        }
    };
    let mut file = create_private(path).map_err(failed)?;
    let written = write_all(&mut file, bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half an export is none, and has secrets in it.
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

fn unasked() -> Error {
    let where_to = match io::stdout().is_terminal() {
        true => "a terminal",
        false => "stdout",
    };
    let message = format!("an export has tokens in plain, and goes to {where_to} only if asked");
    Error::new(ErrorKind::Setting, message)
        .with_hint("name a file, which only you will be able to read, or add --reveal")
}

fn tell(args: &StoreExportArgs, entries: &[Entry], output: &Output) -> Result<(), Stop> {
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
            "exported {count} to {shown}: it has tokens in plain, remove it once they are imported"
        )),
    }
}
