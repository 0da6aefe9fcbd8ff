//! Spans and events for the crate `tracing`. `untraced.rs` replaces this without the feature.
//!
//! The crate's documentation lists them. They contain no secret: no token, no part of a request or
//! response, and of an error only its message and codes, which are redacted.

use std::time::Instant;

use tracing::{Level, dispatcher, event, info_span};

use crate::{Connection, Error, GrantKind, Token};

/// Emits an event for a failure.
macro_rules! failed {
    ($name:literal, $error:expr, $($fields:tt)*) => {
        event!(
            name: $name,
            target: "countersign",
            Level::WARN,
            $($fields)*
            kind = $error.kind().as_str(),
            verdict = $error.verdict().as_str(),
            http_status = $error.http_status(),
            oauth_error = $error.oauth_error(),
            trace_id = $error.trace_id(),
            error = $error.message(),
        )
    };
}

/// A token request, and when it began.
pub(crate) struct TokenRequest<'a> {
    connection: &'a Connection,
    grant: GrantKind,
    started: Instant,
}

impl<'a> TokenRequest<'a> {
    pub(crate) fn start(connection: &'a Connection, grant: GrantKind) -> Self {
        Self {
            connection,
            grant,
            started: Instant::now(),
        }
    }

    /// Emits an event with the outcome.
    pub(crate) fn end(&self, error: Option<&Error>) {
        let provider = self.connection.profile().id.as_str();
        let connection = self.connection.name();
        let grant = self.grant.as_str();
        let duration_ms = millis_since(self.started);
        match error {
            None => event!(
                name: "countersign.token_request",
                target: "countersign",
                Level::INFO,
                provider,
                connection,
                grant,
                duration_ms,
                outcome = "token",
            ),
            Some(error) => failed!(
                "countersign.token_request",
                error,
                provider,
                connection,
                grant,
                duration_ms,
                outcome = "error",
            ),
        }
    }
}

/// Runs a refresh in a span, and emits an event with the outcome.
pub(super) fn refresh(
    connection: &Connection,
    forced: bool,
    work: impl FnOnce() -> Result<Token, Error>,
) -> Result<Token, Error> {
    let provider = connection.profile().id.as_str();
    let connection = connection.name();
    let span = info_span!(
        target: "countersign",
        "countersign.refresh",
        provider,
        connection,
        forced,
    );
    let _entered = span.entered();
    let started = Instant::now();
    let refreshed = work();
    let duration_ms = millis_since(started);
    match &refreshed {
        Ok(token) => event!(
            name: "countersign.refreshed",
            target: "countersign",
            Level::INFO,
            provider,
            connection,
            duration_ms,
            outcome = token.source().as_str(),
        ),
        Err(error) => failed!(
            "countersign.refreshed",
            error,
            provider,
            connection,
            duration_ms,
            outcome = "error",
        ),
    }
    refreshed
}

/// Emits an event for a failure of the store or the fallback store.
pub(super) fn store_error(connection: &Connection, operation: &'static str, error: &Error) {
    failed!(
        "countersign.store_error",
        error,
        provider = connection.profile().id.as_str(),
        connection = connection.name(),
        operation,
    );
}

/// Returns work for another thread that keeps this thread's subscriber and span.
pub(super) fn inherit<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let subscriber = dispatcher::get_default(Clone::clone);
    let span = tracing::Span::current();
    move || dispatcher::with_default(&subscriber, || span.in_scope(work))
}

fn millis_since(started: Instant) -> u64 {
    started.elapsed().as_millis() as u64
}
