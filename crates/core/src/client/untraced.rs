//! Replaces `trace.rs` if the feature `tracing` is off: does nothing.

use crate::{Connection, Error, GrantKind, Token};

pub(crate) struct TokenRequest;

impl TokenRequest {
    pub(crate) fn start(_: &Connection, _: GrantKind) -> Self {
        Self
    }

    pub(crate) fn end(&self, _: Option<&Error>) {}
}

pub(super) fn refresh(
    _: &Connection,
    _: bool,
    work: impl FnOnce() -> Result<Token, Error>,
) -> Result<Token, Error> {
    work()
}

pub(super) fn store_error(_: &Connection, _: &'static str, _: &Error) {}

pub(super) fn inherit<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    work
}
