//! `countersign logout`: revokes at the vendor what can be revoked, and forgets the token here.

use countersign::Revocation;
use serde_json::json;

use crate::args::{Global, LogoutArgs};
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, args: &LogoutArgs, output: &mut Output) -> Result<(), Stop> {
    let name = args.name.as_str();
    let keeper = config::keeper(global, name, output)?;
    let vendor = &keeper.connection().profile().name;
    let damaged = keeper.set_aside()?;
    let revocation = match args.force {
        true => keeper.force_forget()?,
        false => keeper.forget()?,
    };
    let (word, mut text) = match revocation {
        Revocation::Revoked => ("revoked", format!("revoked at {vendor} and forgotten here")),
        Revocation::NotOffered => (
            "not_offered",
            format!(
                "forgotten here; {vendor} has no revocation, so that the token works until it ends"
            ),
        ),
        Revocation::NothingHeld => ("nothing_held", "there was nothing to forget".to_owned()),
        Revocation::Failed(error) if args.force => {
            output.warn_of(&format!("{vendor} did not revoke it"), &error);
            ("failed", "forgotten here, but not revoked".to_owned())
        }
        Revocation::Failed(error) => {
            let command = format!("countersign logout {name}");
            let again = format!(
                "the token is kept, but not handed out: run `{command}` again to revoke it, or `{command} --force` to forget it"
            );
            let hint = match error.hint() {
                Some(hint) => format!("{hint}; {again}"),
                None => again,
            };
            return Err(error.in_context("not logged out").with_hint(hint).into());
        }
        other => ("unknown", format!("forgotten here: {other:?}")),
    };
    if let Some(damaged) = &damaged {
        text += &format!("; its damaged record, set aside as {damaged}, was removed");
    }
    match output.is_json() {
        true => output.print_json(
            &json!({ "connection": name, "revocation": word, "removed_damaged": damaged }),
        ),
        false => output.print(&text),
    }
}
