//! `countersign store rekey`: every record sealed anew under the first of the store's keys.

use countersign::{Error, ErrorKind};
use serde_json::json;

use super::shelf::{Shelf, brief, open_existing};
use crate::args::{Global, StoreNameArgs};
use crate::output::{Output, Stop};

pub(super) fn run(global: &Global, args: &StoreNameArgs, output: &mut Output) -> Result<(), Stop> {
    let named = args.name.is_some() || args.store.store.is_some();
    let mut shelves = Shelf::select(global, &args.store, args.name.as_deref())?;
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
        let Some(ring) = opened.shelf.common_ring()? else {
            continue;
        };
        let sealed = opened.sealed(ring);
        let (keys, damaged) = opened.keys()?;
        for error in &damaged {
            output.warn_of("a damaged record was set aside", error);
        }
        let (mut anew, mut already) = (0_u32, 0_u32);
        for key in keys {
            match sealed.reseal(&key) {
                Ok(true) => anew += 1,
                Ok(false) => already += 1,
                Err(error) => {
                    output.warn_of(&format!("record {}… is as it was", brief(&key)), &error);
                    // The rest is done all the same: it can be read with both keys.
                    failure = Some(error);
                }
            }
        }
        let place = opened.shelf.place();
        match output.is_json() {
            true => told.push(json!({ "store": place, "sealed": anew, "already": already })),
            false => output.print(&format!(
                "{place}: {anew} sealed anew, {already} under the first key already"
            ))?,
        }
    }
    match failure {
        Some(error) => Err(error.in_context("not every record was sealed anew").into()),
        None if output.is_json() => output.print_json(&told),
        None => Ok(()),
    }
}

fn no_key(message: &str) -> Error {
    Error::new(ErrorKind::Setting, message)
        .with_setting("store_key")
        .with_hint("make a key with: openssl rand -base64 32; then set store_key, or give --store-key-env or --store-key-file with --store")
}
