//! `countersign profile new`: writes a template.

use std::fs::OpenOptions;
use std::io::{self, Write as _};

use countersign_core::{Error, ErrorKind};
use serde_json::json;

use crate::args::ProfileNewArgs;
use crate::output::{Output, Stop};

const TEMPLATE: &str = include_str!("template.toml");

pub(super) fn run(args: &ProfileNewArgs, output: &Output) -> Result<(), Stop> {
    let id = args
        .file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if id.is_empty() || !id.chars().all(allowed) {
        let message = format!("`{id}` can't be a provider's ID");
        return Err(Error::new(ErrorKind::Setting, message)
            .with_hint("name the file ID.toml, with letters, digits and `-`")
            .into());
    }
    let shown = args.file.display();
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&args.file);
    let written = made.and_then(|mut file| file.write_all(TEMPLATE.replace("acme", id).as_bytes()));
    written.map_err(|why| {
        let hint = match why.kind() {
            io::ErrorKind::AlreadyExists => "choose another name, or move the file away",
            io::ErrorKind::NotFound => "create the folder first",
            _ => "check the folder's permissions and free space",
        };
        Error::new(
            ErrorKind::Setting,
            format!("{shown} cannot be written: {why}"),
        )
        .with_hint(hint)
    })?;
    match output.is_json() {
        true => output.print_json(&json!({"profile": args.file})),
        false => output.print(&format!(
            "wrote {shown}; check it with `countersign profile check {shown}`"
        )),
    }
}
