//! `countersign store rekey`: every record sealed anew under the first of the store's keys.

use countersign::{Error, ErrorKind};
use serde_json::{Value, json};

use super::record_key::brief;
use super::shelf::{Entry, Opened, Shelf, open_existing};
use super::show;
use crate::args::{Global, StoreRekeyArgs};
use crate::output::{Output, Stop};

/// What became of the records of one store.
#[derive(Default)]
struct Tally {
    /// Sealed under the first key, having been sealed under another.
    anew: u32,
    already: u32,
    /// Not encrypted, and sealed because that was asked for.
    taken_in: Vec<Value>,
    /// Not encrypted, and left as they are.
    plain: Vec<Value>,
}

pub(super) fn run(global: &Global, args: &StoreRekeyArgs, output: &mut Output) -> Result<(), Stop> {
    let named = args.name.is_some() || args.store.store.is_some();
    let mut shelves = Shelf::select(global, &args.store, args.name.as_deref(), output)?;
    for shelf in &shelves {
        // Before anything is written: half a store under another key helps nobody.
        if shelf.common_ring()?.is_none() && named {
            return Err(no_key(&format!("{} has no `store_key`", shelf.place())).into());
        }
    }
    shelves.retain(|shelf| shelf.common_ring().is_ok_and(|ring| ring.is_some()));
    if shelves.is_empty() {
        return Err(no_key("no connection has a `store_key`").into());
    }
    let mut told = Vec::new();
    let mut failure: Option<Error> = None;
    for opened in open_existing(&shelves, named, output)? {
        let place = opened.shelf.place();
        let mut tally = Tally::default();
        let (keys, damaged) = opened.keys()?;
        for error in &damaged {
            output.warn_of("a damaged record was set aside", error);
        }
        for key in keys {
            if let Err(error) = tally.take(&opened, &key, args.seal_plain, output)? {
                output.warn_of(&format!("record {}… is as it was", brief(&key)), &error);
                // The rest is done all the same: it can be read with both keys.
                failure = Some(error.in_context("not every record was sealed anew"));
            }
        }
        if !tally.plain.is_empty() {
            failure.get_or_insert(left_in_plain(&place, tally.plain.len()));
        }
        match output.is_json() {
            true => told.push(tally.told(&place)),
            false => output.print(&tally.text(&place))?,
        }
    }
    if output.is_json() {
        output.print_json(&told)?;
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

impl Tally {
    /// Seals one record. One that is not encrypted may be anybody's who can write the store: it is
    /// shown, and sealed only if that was asked for.
    fn take(
        &mut self,
        opened: &Opened<'_>,
        key: &countersign::StoreKey,
        seal_plain: bool,
        output: &Output,
    ) -> Result<Result<(), Error>, Stop> {
        let Some(ring) = opened.shelf.common_ring()? else {
            return Ok(Ok(()));
        };
        let sealed = opened.sealed(ring);
        let entry = match opened.read(key) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        if entry.encrypted {
            let resealed = sealed.reseal(key).map(|anew| match anew {
                true => self.anew += 1,
                false => self.already += 1,
            });
            return Ok(resealed.map_err(Error::from));
        }
        show_plain(&opened.shelf.place(), &entry, output)?;
        let told = show::told(&opened.shelf.place(), &entry, false);
        if !seal_plain {
            self.plain.push(told);
            return Ok(Ok(()));
        }
        let sealed = sealed.seal_plain(key, &entry.value);
        Ok(sealed
            .map(|()| self.taken_in.push(told))
            .map_err(Error::from))
    }

    fn text(&self, place: &str) -> String {
        let mut text = format!(
            "{place}: {} sealed anew, {} under the first key already",
            self.anew, self.already
        );
        for (count, what) in [
            (self.taken_in.len(), "were not encrypted and are now"),
            (
                self.plain.len(),
                "are not encrypted and were left as they are",
            ),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }

    fn told(&self, place: &str) -> Value {
        json!({
            "store": place,
            "sealed": self.anew,
            "already": self.already,
            "sealed_plain": self.taken_in,
            "left_plain": self.plain,
        })
    }
}

fn show_plain(place: &str, entry: &Entry, output: &Output) -> Result<(), Stop> {
    if output.is_json() {
        return Ok(());
    }
    output.print("not encrypted:")?;
    output.print_lines(&show::lines(place, entry, false))
}

fn left_in_plain(place: &str, count: usize) -> Error {
    let message = format!(
        "{count} records in {place} are not encrypted: whoever can write the store can have put them there"
    );
    Error::new(ErrorKind::Store, message)
        .with_setting("store_key")
        .with_verdict(countersign::Verdict::FixConfiguration)
        .with_hint(
            "look at each: who wrote it, and where its token is sent; if all of them are yours, run: \
             countersign store rekey --seal-plain",
        )
}

fn no_key(message: &str) -> Error {
    Error::new(ErrorKind::Setting, message)
        .with_setting("store_key")
        .with_hint("make a key with: openssl rand -base64 32; then set store_key, or give --store-key-env or --store-key-file with --store")
}
