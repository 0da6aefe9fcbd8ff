//! `countersign logout`: revokes the token at the vendor and deletes it from the store.

use countersign_core::Revocation;
use serde_json::json;

use crate::args::{Global, LogoutArgs};
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, args: &LogoutArgs, output: &mut Output) -> Result<(), Stop> {
    let name = args.name.as_str();
    let client = config::client(global, name, output)?;
    let vendor = &client.connection().profile().name;
    let damaged = client.set_aside()?;
    let revocation = match args.force {
        true => client.force_forget()?,
        false => client.forget()?,
    };
    let (word, mut text) = match revocation {
        Revocation::Revoked => ("revoked", format!("revoked at {vendor} and deleted here")),
        Revocation::NotOffered => (
            "not_offered",
            format!(
                "deleted here; {vendor} has no revocation, so the token works until it expires"
            ),
        ),
        Revocation::NothingHeld => ("nothing_held", "there was no token to delete".to_owned()),
        Revocation::Failed(error) if args.force => {
            output.warn_of(&format!("{vendor} did not revoke the token"), &error);
            ("failed", "deleted here, but not revoked".to_owned())
        }
        Revocation::Failed(error) => {
            let command = format!("countersign logout {name}");
            let again = format!(
                "the token is kept, but no longer returned: run `{command}` again to revoke it, or `{command} --force` to delete it"
            );
            let hint = match error.hint() {
                Some(hint) => format!("{hint}; {again}"),
                None => again,
            };
            return Err(error.in_context("not logged out").with_hint(hint).into());
        }
        other => ("unknown", format!("deleted here: {other:?}")),
    };
    if let Some(damaged) = &damaged {
        text += &format!("; also deleted its damaged record {damaged}");
    }
    match output.is_json() {
        true => output.print_json(
            &json!({ "connection": name, "revocation": word, "removed_damaged": damaged }),
        ),
        false => output.print(&text),
    }
}
