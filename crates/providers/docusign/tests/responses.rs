//! Runs the cases of `tests/responses` for this provider.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

#[path = "../../../../tests/providers/cases.rs"]
mod cases;
#[path = "../../../../tests/providers/key.rs"]
mod key;

use crate::cases::Cases;

#[test]
fn every_case_passes_and_every_error_row_is_used() {
    Cases::of(countersign_docusign::provider()).check_all(60);
}

#[test]
fn every_case_can_fail() {
    Cases::of(countersign_docusign::provider()).check_that_each_can_fail();
}
