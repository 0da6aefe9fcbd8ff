//! `countersign logout`: revokes at the vendor what can be revoked, and forgets the token here.

use countersign::Revocation;
use serde_json::json;

use crate::args::Global;
use crate::config;
use crate::output::{Output, Stop};

pub(crate) fn run(global: &Global, name: &str, output: &mut Output) -> Result<(), Stop> {
    let keeper = config::keeper(global, name, output)?;
    let vendor = &keeper.connection().profile().name;
    let damaged = keeper.set_aside()?;
    let (word, mut text) = match keeper.forget()? {
        Revocation::Revoked => ("revoked", format!("revoked at {vendor} and forgotten here")),
        Revocation::NotOffered => (
            "not_offered",
            format!(
                "forgotten here; {vendor} has no revocation, so that the token works until it ends"
            ),
        ),
        Revocation::NothingHeld => ("nothing_held", "there was nothing to forget".to_owned()),
        Revocation::Failed(error) => {
            return Err(error.in_context("forgotten here, but not revoked").into());
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
