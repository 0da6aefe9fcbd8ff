//! Started logins, which are plain text in JavaScript.

use countersign_core::{Login, Secret};

use crate::outcome::Failure;

pub(crate) fn restored(saved: String) -> Result<Login, Failure> {
    Ok(Login::restore(&Secret::new(saved))?)
}
