//! Keeps the refresh token of a response that is unusable otherwise.

use super::Inner;
use super::history::What;
use super::leases::Held;
use super::persistence::Loaded;
use super::record::Record;
use super::save::Saved;
use crate::{Error, ErrorKind, PresentedGrant, Secret, Verdict};

impl Inner {
    /// Makes a salvaged refresh token durable and returns the error for the caller.
    ///
    /// The next call sends the token. Nothing more is sent here, so that a server whose responses
    /// are all malformed costs one request per call.
    pub(super) fn keep_salvaged(
        &self,
        lease: &Held<'_>,
        expected: Option<u64>,
        mut record: Record,
        spent: Option<&Secret>,
        error: Error,
    ) -> Error {
        let before = record.history.events();
        let before = before
            .iter()
            .rev()
            .find(|event| !matches!(event.what, What::Intended | What::NotSent));
        let again = before.is_some_and(|event| event.what == What::Salvaged);
        let attempt = record.attempt.take();
        let (id, spends) = attempt.map(|attempt| (attempt.id, attempt.spends)).unzip();
        let got = record.refresh_token.clone();
        record.history.add(self.journal().event(
            What::Salvaged,
            id.as_deref(),
            spends.as_deref(),
            got.as_ref(),
        ));
        record.generation += 1;
        if let Saved::Store = self.save(lease, expected, &record, spent) {
            self.single_flight.keep_unsaved(None);
        }
        explain(error, again)
    }

    /// Builds the record for a response with a refresh token and no usable access token.
    pub(super) fn salvaged_grant(
        &self,
        grant: &PresentedGrant,
        mark: &str,
        loaded: &Loaded,
        refresh_token: Secret,
    ) -> Record {
        let before = loaded.record.clone().unwrap_or_default();
        if !matches!(
            grant,
            PresentedGrant::AuthorizationCode { .. } | PresentedGrant::DeviceCode(_)
        ) {
            return Record {
                refresh_token: Some(refresh_token),
                ..before
            };
        }
        // The old grant's token may be another person's.
        self.shown.clear();
        let unrevoked =
            before.unrevoked_before(self.shared.connection.profile().endpoints.revoke_token);
        let mut history = before.history;
        history.add(
            self.journal()
                .event(What::LoggedIn, None, None, Some(&refresh_token)),
        );
        Record {
            refresh_token: Some(refresh_token),
            asked_scopes: self.shared.connection.scopes().join(" "),
            grant: Some(mark.to_owned()),
            replaced_grant: before.grant,
            seed: self.seed(),
            generation: before.generation,
            unrevoked,
            history,
            ..Record::default()
        }
    }
}

/// Builds the caller's error.
///
/// The first time a retry may help. After that the server has to be fixed.
fn explain(error: Error, again: bool) -> Error {
    if error.verdict() == Verdict::FixConfiguration {
        return error;
    }
    let (verdict, hint) = match again {
        false => (
            Verdict::Retry,
            "try again: the new refresh token in the response was kept and is sent next, so no login is needed",
        ),
        true => (
            Verdict::Unexpected,
            "check base_url, token_url and any proxy: earlier responses were malformed as well; the new refresh token was kept",
        ),
    };
    let kept = Error::new(ErrorKind::Unreadable, error.message())
        .with_verdict(verdict)
        .with_hint(hint);
    let kept = match error.http_status() {
        Some(status) => kept.with_http_status(status),
        None => kept,
    };
    let kept = match error.trace_id() {
        Some(id) => kept.with_trace_id(id),
        None => kept,
    };
    match error.provider() {
        Some(provider) => kept.with_provider(provider),
        None => kept,
    }
}
