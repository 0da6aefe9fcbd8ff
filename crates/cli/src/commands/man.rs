//! `countersign man`: writes the man pages, which `cargo xtask dist` installs.

use clap::CommandFactory;
use countersign_core::{Error, ErrorKind};

use crate::args::{Cli, ManArgs};
use crate::output::Stop;

pub(crate) fn run(args: &ManArgs) -> Result<(), Stop> {
    let folder = &args.folder;
    clap_mangen::generate_to(Cli::command(), folder).map_err(|error| {
        let message = format!(
            "cannot write the man pages to {}: {error}",
            folder.display()
        );
        Error::new(ErrorKind::Setting, message)
            .with_hint("give a folder that exists and is writable")
    })?;
    Ok(())
}
