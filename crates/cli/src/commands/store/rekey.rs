//! `countersign store rekey`: encrypts every record again with the first of the store's keys.

use countersign_core::{Error, ErrorKind};
use serde_json::{Value, json};

use super::record_key::brief;
use super::shelf::{Entry, Opened, Shelf, open_existing};
use super::show;
use crate::args::{Global, StoreRekeyArgs};
use crate::output::{Output, Stop};

/// What was done with the records of one store.
#[derive(Default)]
struct Tally {
    /// Records that are now encrypted with the first key, instead of another one.
    reencrypted: u32,
    /// Records that were already encrypted with the first key.
    unchanged: u32,
    /// Records that were not encrypted, and now are because of `--seal-plain`.
    encrypted: Vec<Value>,
    /// Records that are still not encrypted.
    plain: Vec<Value>,
}

pub(super) fn run(global: &Global, args: &StoreRekeyArgs, output: &mut Output) -> Result<(), Stop> {
    let named = args.name.is_some() || args.store.store.is_some();
    let mut shelves = Shelf::select(global, &args.store, args.name.as_deref(), output)?;
    for shelf in &shelves {
        // Checked before anything is written: no store is left half done.
        if shelf.common_ring()?.is_none() && named {
            return Err(no_key(&format!("{} has no `store_key`", shelf.place())).into());
        }
    }
    shelves.retain(|shelf| shelf.common_ring().is_ok_and(|ring| ring.is_some()));
    if shelves.is_empty() {
        return Err(no_key("no connection has a `store_key`").into());
    }
    let mut results = Vec::new();
    let mut failure: Option<Error> = None;
    for opened in open_existing(&shelves, named, output)? {
        let place = opened.shelf.place();
        let mut tally = Tally::default();
        let (keys, damaged) = opened.keys()?;
        for error in &damaged {
            output.warn_of("a damaged record was set aside", error);
        }
        for key in keys {
            if let Err(error) = tally.rekey(&opened, &key, args.seal_plain, output)? {
                output.warn_of(&format!("record {}… was not changed", brief(&key)), &error);
                // Continues: either key can decrypt the store's records.
                failure = Some(error.in_context("not every record was encrypted again"));
            }
        }
        if !tally.plain.is_empty() {
            failure.get_or_insert(not_encrypted(&place, tally.plain.len()));
        }
        match output.is_json() {
            true => results.push(tally.json(&place)),
            false => output.print(&tally.text(&place))?,
        }
    }
    if output.is_json() {
        output.print_json(&results)?;
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

impl Tally {
    /// Encrypts one record with the first key.
    ///
    /// Anybody who can write to the store may have created a record that isn't encrypted. So it is
    /// printed, and encrypted only with `--seal-plain`.
    fn rekey(
        &mut self,
        opened: &Opened<'_>,
        key: &countersign_core::StoreKey,
        seal_plain: bool,
        output: &Output,
    ) -> Result<Result<(), Error>, Stop> {
        let Some(ring) = opened.shelf.common_ring()? else {
            return Ok(Ok(()));
        };
        let sealed = opened.sealed(ring);
        let entry = match opened.read(key) {
            Ok(Some(entry)) => entry,
            // No record, but clients need it: the keys for logins, or the metadata of a server.
            Ok(None) if opened.is_encrypted(key)? => {
                return Ok(sealed.reseal(key).map(drop).map_err(Error::from));
            }
            // Anybody who can write to the store may have put it there.
            Ok(None) if seal_plain => return Ok(opened.remove_plain_other(key)),
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        if entry.encrypted {
            let resealed = sealed.reseal(key).map(|changed| match changed {
                true => self.reencrypted += 1,
                false => self.unchanged += 1,
            });
            return Ok(resealed.map_err(Error::from));
        }
        print_plain(&opened.shelf.place(), &entry, output)?;
        let shown = show::json(&opened.shelf.place(), &entry, false);
        if !seal_plain {
            self.plain.push(shown);
            return Ok(Ok(()));
        }
        let sealed = sealed.seal_plain(key, &entry.value);
        Ok(sealed
            .map(|()| self.encrypted.push(shown))
            .map_err(Error::from))
    }

    fn text(&self, place: &str) -> String {
        let mut text = format!(
            "{place}: {} encrypted again, {} already encrypted with the first key",
            self.reencrypted, self.unchanged
        );
        for (count, what) in [
            (self.encrypted.len(), "encrypted for the first time"),
            (self.plain.len(), "not encrypted"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }

    fn json(&self, place: &str) -> Value {
        json!({
            "store": place,
            "sealed": self.reencrypted,
            "already": self.unchanged,
            "sealed_plain": self.encrypted,
            "left_plain": self.plain,
        })
    }
}

fn print_plain(place: &str, entry: &Entry, output: &Output) -> Result<(), Stop> {
    if output.is_json() {
        return Ok(());
    }
    output.print("not encrypted:")?;
    output.print_lines(&show::lines(place, entry, false))
}

fn not_encrypted(place: &str, count: usize) -> Error {
    let message = format!(
        "{count} records in {place} are not encrypted: anybody who can write to the store may have created them"
    );
    Error::new(ErrorKind::Store, message)
        .with_setting("store_key")
        .with_verdict(countersign_core::Verdict::FixConfiguration)
        .with_hint(
            "check who wrote each of them, and where its token is sent; if all of them are yours, \
             run countersign store rekey --seal-plain",
        )
}

fn no_key(message: &str) -> Error {
    Error::new(ErrorKind::Setting, message)
        .with_setting("store_key")
        .with_hint("create a key with openssl rand -base64 32, then set store_key, or use --store with --store-key-env or --store-key-file")
}
