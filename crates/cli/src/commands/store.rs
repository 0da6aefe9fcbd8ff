//! `countersign store`: lists, shows, moves, encrypts and checks stored records.

mod doctor;
mod export;
mod import;
mod list;
mod record_key;
mod rekey;
mod round_trip;
mod shelf;
mod show;
mod which;

pub(super) use self::round_trip::{RoundTrip, round_trip};
pub(super) use self::shelf::scratch;
use crate::args::{Global, StoreArgs, StoreCommand};
use crate::output::{Output, Stop};

pub(crate) fn run(
    global: &Global,
    command: &StoreCommand,
    output: &mut Output,
) -> Result<(), Stop> {
    if shows_password(store_args(command)) {
        output.warn(
            "every process can see the password in --store: write it to a file, and use ?password_file=FILE",
        );
    }
    match command {
        StoreCommand::List(store) => list::run(global, store, output),
        StoreCommand::Show(args) => show::run(global, args, output),
        StoreCommand::Export(args) => export::run(global, args, output),
        StoreCommand::Import(args) => import::run(global, args, output),
        StoreCommand::Rekey(args) => rekey::run(global, args, output),
        StoreCommand::Doctor(args) => doctor::run(global, args, output),
    }
}

fn store_args(command: &StoreCommand) -> &StoreArgs {
    match command {
        StoreCommand::List(store) => store,
        StoreCommand::Show(args) => &args.store,
        StoreCommand::Export(args) => &args.store,
        StoreCommand::Import(args) => &args.store,
        StoreCommand::Rekey(args) => &args.store,
        StoreCommand::Doctor(args) => &args.store,
    }
}

fn shows_password(args: &StoreArgs) -> bool {
    let login = args.store.as_deref().and_then(|store| {
        let (_, rest) = store.split_once("://")?;
        Some(rest.rsplit_once('@')?.0)
    });
    login
        .and_then(|login| login.split_once(':'))
        .is_some_and(|(_, password)| !password.is_empty())
}
