//! `countersign store import`: imports exported records, unless the store's are newer.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use countersign_core::trusted::{self, OpenError};
use countersign_core::{
    Clock, Error, ErrorKind, Owner, Random, RecordSummary, Store, StoreKey, Swap, SystemClock,
    SystemRandom, Verdict, wait_for_lease,
};
use serde_json::json;
use zeroize::Zeroizing;

use super::export::{Exported, ExportedRecord};
use super::record_key::brief;
use super::shelf::{Opened, Shelf};
use super::which::{difference, differences, label};
use crate::args::{Global, StoreImportArgs};
use crate::config;
use crate::output::{Output, Stop};

/// A record of the export, validated before anything is written.
struct Incoming<'a> {
    key: StoreKey,
    bytes: &'a [u8],
    summary: RecordSummary,
}

/// What was done with one record.
enum Outcome {
    Written {
        replaced: Option<u64>,
    },
    Same,
    /// Not imported: the store's record, of this generation, is as new or newer.
    Kept(u64),
    /// Replaced a record of another login, with this difference.
    OtherGrant(String),
}

pub(super) fn run(
    global: &Global,
    args: &StoreImportArgs,
    output: &mut Output,
) -> Result<(), Stop> {
    let bytes = read(&args.file)?;
    let incoming = decode(&bytes)?;
    let shelves = shelves_for(global, args, &incoming, output)?;
    let opened: Result<Vec<_>, _> = shelves.iter().map(Shelf::open).collect();
    let opened = opened?;
    if !args.replace {
        check_grants(&opened, &incoming)?;
    }
    let labels = differences(incoming.iter().map(|record| (&record.key, &record.summary)));
    let owner = owner()?;
    let mut results = Vec::new();
    let mut kept = 0;
    for record in &incoming {
        let target = target(&opened, record)?;
        let store = target.as_written_by(record.summary.connection())?;
        let label = label(&record.key, &record.summary, &labels);
        let outcome = import(store.as_ref(), record, &owner, args)
            .map_err(|e| e.in_context(format_args!("connection {label}")))?;
        kept += u32::from(matches!(outcome, Outcome::Kept(_)));
        if let Outcome::OtherGrant(difference) = &outcome {
            output.warn(&format!(
                "{label}: replaced the store's record, whose grant was not revoked: {difference}"
            ));
        }
        let place = target.shelf.place();
        match output.is_json() {
            true => results.push(outcome.json(record, &place)),
            false => output.print(&outcome.text(record, &label, &place))?,
        }
    }
    if output.is_json() {
        output.print_json(&results)?;
    }
    if kept > 0 {
        output.warn(&format!(
            "{kept} not imported, because the store's are as new or newer; use --force to import them anyway"
        ));
    }
    Ok(())
}

/// Selects the store of `--store`, or the stores of the records' connections.
fn shelves_for(
    global: &Global,
    args: &StoreImportArgs,
    incoming: &[Incoming<'_>],
    output: &mut Output,
) -> Result<Vec<Shelf>, Error> {
    if args.store.store.is_some() {
        return Shelf::select(global, &args.store, None, output);
    }
    let config = config::configuration(global)?;
    let mut shelves: Vec<Shelf> = Vec::new();
    for record in incoming {
        let shelf =
            Shelf::of_connection(&config, record.summary.connection(), output).map_err(|e| {
                let hint =
                    "nothing was imported; to import whatever the configuration says, use --store";
                match e.hint() {
                    Some(own) => {
                        let both = format!("{own}; {hint}");
                        e.with_hint(both)
                    }
                    None => e.with_hint(hint),
                }
            })?;
        if !shelves.iter().any(|other| other.setting == shelf.setting) {
            shelves.push(shelf);
        }
    }
    Ok(shelves)
}

fn target<'a, 'b>(
    opened: &'a [Opened<'b>],
    record: &Incoming<'_>,
) -> Result<&'a Opened<'b>, Error> {
    let name = record.summary.connection();
    let own = opened.iter().find(|o| o.shelf.users().contains(&name));
    own.or(opened.first())
        .ok_or_else(|| Error::new(ErrorKind::Internal, "no store for a record"))
}

/// Checks, before anything is written, that no record would replace one of another login.
fn check_grants(opened: &[Opened<'_>], incoming: &[Incoming<'_>]) -> Result<(), Error> {
    for record in incoming {
        let target = target(opened, record)?;
        // Importing it reports why it can't be read.
        let Ok(Some(there)) = target.read(&record.key) else {
            continue;
        };
        if let Some(difference) = difference(&there.summary, &record.summary) {
            let name = record.summary.connection();
            let error = another_login(&record.key, &difference);
            return Err(error.in_context(format_args!("connection `{name}`")));
        }
    }
    Ok(())
}

fn another_login(key: &StoreKey, difference: &str) -> Error {
    let message = format!(
        "the store's record {}… belongs to another login than the file's: {difference}",
        brief(key)
    );
    Error::new(ErrorKind::Setting, message).with_hint(format!(
        "it was not imported; run countersign store show {0} to compare them; to give up the \
         store's login, log it out first, or add --replace",
        brief(key)
    ))
}

/// Imports one record under its lease, so that no refresh interferes.
fn import(
    store: &dyn Store,
    record: &Incoming<'_>,
    owner: &Owner,
    args: &StoreImportArgs,
) -> Result<Outcome, Error> {
    const LENGTH: Duration = Duration::from_secs(30);
    const PATIENCE: Duration = Duration::from_secs(10);
    let fence = wait_for_lease(store, &record.key, owner, LENGTH, PATIENCE)?;
    let outcome = replace(store, record, fence, args);
    let released = store.release(&record.key, owner, fence);
    let outcome = outcome?;
    released?;
    Ok(outcome)
}

fn replace(
    store: &dyn Store,
    record: &Incoming<'_>,
    fence: u64,
    args: &StoreImportArgs,
) -> Result<Outcome, Error> {
    let there = store.load(&record.key)?;
    let version = there.as_ref().map(|stored| stored.version);
    let value = there.and_then(|stored| stored.value);
    let (mut replaced, mut other_grant) = (None, None);
    if let Some(value) = &value {
        if value.as_slice() == record.bytes {
            return Ok(Outcome::Same);
        }
        let now = SystemClock::new().now();
        match RecordSummary::read(value, now) {
            Ok(known) => {
                other_grant = difference(&known, &record.summary);
                let generation = known.generation();
                let newer = record.summary.generation() > generation;
                match &other_grant {
                    Some(difference) if !args.replace => {
                        return Err(another_login(&record.key, difference));
                    }
                    // Generations of different grants can't be compared.
                    None if !newer && !args.force => return Ok(Outcome::Kept(generation)),
                    _ => replaced = Some(generation),
                }
            }
            Err(_) if args.force => {}
            Err(error) => return Err(error),
        }
    }
    match store.compare_and_swap(&record.key, version, Some(fence), record.bytes) {
        Swap::Applied(_) => Ok(match other_grant {
            Some(difference) => Outcome::OtherGrant(difference),
            None => Outcome::Written { replaced },
        }),
        Swap::Unavailable(error) | Swap::Unknown(error) => Err(error.into()),
        Swap::Conflict(_) | Swap::Fenced => Err(Error::new(
            ErrorKind::Store,
            "another process changed the record at the same time",
        )
        .with_verdict(Verdict::Retry)
        .with_hint("run the import again: it skips records that are already imported")),
    }
}

impl Outcome {
    fn text(&self, record: &Incoming<'_>, name: &str, place: &str) -> String {
        let generation = record.summary.generation();
        match self {
            Self::Written { replaced: None } => {
                format!("{name}: imported into {place}, generation {generation}")
            }
            Self::Written {
                replaced: Some(old),
            } => {
                format!("{name}: imported into {place}, generation {generation} replaced {old}")
            }
            Self::OtherGrant(_) => {
                format!(
                    "{name}: imported into {place}, generation {generation} replaced another login"
                )
            }
            Self::Same => format!("{name}: already in {place}"),
            Self::Kept(known) => format!(
                "{name}: not imported into {place}, which has generation {known}; the file has {generation}"
            ),
        }
    }

    fn json(&self, record: &Incoming<'_>, place: &str) -> serde_json::Value {
        let (outcome, known) = match self {
            Self::Written { replaced: None } => ("imported", None),
            Self::Written { replaced: known } => ("replaced", *known),
            Self::OtherGrant(_) => ("replaced", None),
            Self::Same => ("same", Some(record.summary.generation())),
            Self::Kept(known) => ("kept", Some(*known)),
        };
        json!({
            "connection": record.summary.connection(),
            "provider": record.summary.provider(),
            "key": record.key.to_hex(),
            "store": place,
            "outcome": outcome,
            "generation": record.summary.generation(),
            "store_generation": known,
        })
    }
}

/// The maximum size of an export.
const MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut read = |from: &mut dyn Read| from.take(MAX_BYTES).read_to_end(&mut bytes);
    let length = match path == Path::new("-") {
        true => read(&mut io::stdin().lock()).map_err(OpenError::Io),
        // Its content goes into the store, so other users must not be able to write it.
        false => trusted::open(path).and_then(|mut found| Ok(read(&mut found.file)?)),
    };
    length.map_err(|rejection| {
        let reject = |why| Error::new(ErrorKind::Setting, format!("{} {why}", shown(path)));
        Error::of_file(&rejection, reject)
    })?;
    Ok(bytes)
}

fn shown(path: &Path) -> String {
    match path == Path::new("-") {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    }
}

/// Parses an export. Rejects all of it if one record is invalid.
fn decode(bytes: &[u8]) -> Result<Vec<Incoming<'_>>, Error> {
    let reject = |message: String| {
        Error::new(ErrorKind::Setting, message)
            .with_hint("name a file that countersign store export wrote; nothing was imported")
    };
    // Without serde_json's own text, which may quote a token.
    let exported: Exported<'_> = serde_json::from_slice(bytes).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        reject(format!(
            "the export cannot be parsed at line {line}, column {column}"
        ))
    })?;
    if exported.countersign_export != 1 {
        let format = exported.countersign_export;
        return Err(reject(format!("the export has format {format}, not 1")));
    }
    let now = SystemClock::new().now();
    let check = |record: &ExportedRecord<'_>| {
        let key = StoreKey::from_hex(&record.key)
            .ok_or_else(|| reject(format!("`{}` is not the key of a record", record.key)))?;
        let bytes = record.record.get().as_bytes();
        let summary = RecordSummary::read(bytes, now)
            .map_err(|e| reject(format!("record {}…: {e}", brief(&key))))?;
        Ok::<_, Error>((key, summary))
    };
    let mut incoming = Vec::with_capacity(exported.records.len());
    for record in &exported.records {
        let (key, summary) = check(record)?;
        incoming.push(Incoming {
            key,
            bytes: record.record.get().as_bytes(),
            summary,
        });
    }
    Ok(incoming)
}

fn owner() -> Result<Owner, Error> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes)?;
    let word: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Owner::of_this_process(&format!("import-{word}")))
}
