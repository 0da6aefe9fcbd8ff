//! `countersign profile`: writes, checks, prints and tests profiles.

mod check;
mod new;
mod test;

use countersign_core::Error;
use countersign_core::profile::json_schema;

use crate::args::{Global, ProfileCommand, ProfileShowArgs};
use crate::config;
use crate::output::{Output, Stop};

pub(super) fn run(
    global: &Global,
    command: &ProfileCommand,
    output: &mut Output,
) -> Result<(), Stop> {
    match command {
        ProfileCommand::New(args) => new::run(args, output),
        ProfileCommand::Check(args) => check::run(args, output),
        ProfileCommand::Test(args) => test::run(args, output),
        ProfileCommand::Schema => {
            let schema = serde_json::to_string_pretty(&json_schema());
            output.print_json_text(&schema.unwrap_or_default())
        }
        ProfileCommand::Show(args) => show(global, args, output),
    }
}

/// Prints a provider's profile.
fn show(global: &Global, args: &ProfileShowArgs, output: &Output) -> Result<(), Stop> {
    let provider = config::registry(global)?.provider(&args.provider)?;
    let Some(text) = provider.toml() else {
        let message = format!(
            "the profile of {} is not part of this program",
            provider.name()
        );
        return Err(Error::setting("provider", message)
            .with_hint("open the file of the profile, or the source of the plugin")
            .into());
    };
    match output.is_json() {
        true => output.print_json(&serde_json::json!({"id": provider.id(), "profile": text})),
        false => output.print_lines(&text.lines().map(str::to_owned).collect::<Vec<_>>()),
    }
}
