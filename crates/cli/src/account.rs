//! The choice of an account after a login.

use std::io::{BufRead, IsTerminal, Write};

use countersign_core::{Account, Client};

use crate::output::{Output, Stop};
use crate::terminal::line;

/// Chooses an account: the one of `--account`, or, on a terminal, the one that the person chooses.
///
/// Asks only if the login is for several and none of them is chosen by a setting, by an earlier
/// choice or by the vendor.
pub(crate) fn choose(
    client: &Client,
    wanted: Option<&str>,
    output: &mut Output,
) -> Result<(), Stop> {
    if let Some(id) = wanted {
        client.choose_account(id)?;
        return Ok(());
    }
    let is_interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !is_interactive || output.is_json() {
        return Ok(());
    }
    // If it fails, the identity is requested next, and its error is shown.
    let accounts = client.accounts().unwrap_or_default();
    if accounts.len() < 2 || accounts.iter().any(|account| account.is_chosen) {
        return Ok(());
    }
    match ask(
        &accounts,
        &mut std::io::stdin().lock(),
        &mut std::io::stderr(),
    ) {
        Some(account) => client
            .choose_account(&account.id)
            .map(drop)
            .map_err(Stop::from),
        None => Ok(()),
    }
}

/// Lists the accounts and reads a number or an id. Asks again, up to three times. Returns `None` if
/// there is no answer.
fn ask<'a>(
    accounts: &'a [Account],
    from: &mut impl BufRead,
    to: &mut impl Write,
) -> Option<&'a Account> {
    writeln!(to, "The login is for several accounts:").ok()?;
    for (at, account) in accounts.iter().enumerate() {
        let label = account.label.as_deref().unwrap_or_default();
        writeln!(to, "  {}  {}  {}", at + 1, line(&account.id), line(label)).ok()?;
    }
    for _ in 0..3 {
        write!(to, "Which one (1-{}, empty for none)? ", accounts.len()).ok()?;
        to.flush().ok()?;
        let mut answer = String::new();
        from.read_line(&mut answer).ok()?;
        let answer = answer.trim();
        if answer.is_empty() {
            return None;
        }
        let by_id = || accounts.iter().find(|account| account.id == answer);
        let number = answer.parse::<usize>().ok();
        let by_number = number.and_then(|number| accounts.get(number.checked_sub(1)?));
        if let Some(account) = by_id().or(by_number) {
            return Some(account);
        }
    }
    None
}
