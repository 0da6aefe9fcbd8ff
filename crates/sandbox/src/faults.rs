//! Injected trouble: the next requests that match are answered with something else than they deserve.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error, Provider,
    exchange::{Call, Delivery, Reply},
    rows::{dress, rows},
};

/// Trouble for the next matching requests; the JSON of `POST /_sandbox/faults` has the same names.
///
/// One of `row`, `kind` or `status` says what happens; the rest says to whom.
///
/// # Example
///
/// ```
/// use countersign_sandbox::{Fault, Kind, Provider};
/// let consent = Fault::row("docusign.consent_required");
/// let throttled = Fault { retry_after: Some(7), ..Fault::status(429) };
/// let lost = Fault { grant: Some("refresh-token".into()), ..Fault::kind(Kind::CutAfter) };
/// assert_eq!(lost.times, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// The id of a row of the vendors' error tables, see [`crate::rows`].
    pub row: Option<String>,
    /// A kind of mischief.
    pub kind: Option<Kind>,
    /// The HTTP status of the answer; alone, it makes a plain-text answer of that status.
    pub status: Option<u16>,
    /// A `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
    /// The body to answer with, instead of the one that goes with the row, kind or status.
    pub body: Option<String>,
    /// The `Content-Type` to answer with.
    pub content_type: Option<String>,
    /// Where [`Kind::Redirect`] points to; the sandbox's own `/_sandbox/landed` if absent.
    pub location: Option<String>,
    /// Milliseconds between pieces for [`Kind::Slow`].
    pub ms: u64,
    /// Whether [`Kind::Slow`] never ends by itself, but at the next reset.
    pub endless: bool,
    /// How many requests it hits.
    pub times: u32,
    /// Only requests of this provider; a row hits only its own.
    pub provider: Option<Provider>,
    /// Only this grant: `jwt-bearer`, `authorization-code`, `refresh-token` or `client-credentials`.
    pub grant: Option<String>,
    /// Only this endpoint: `token` (the default), `userinfo`, `revoke` or `introspect`.
    pub endpoint: String,
}

/// Kinds of mischief a [`Fault`] can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An HTML maintenance page with status 503 instead of the answer.
    Html,
    /// The request is carried out; its JSON ends in the middle.
    TruncatedJson,
    /// The request is carried out; its JSON is padded to 2 MiB.
    Giant,
    /// The request is carried out; its answer trickles, see [`Fault::ms`] and [`Fault::endless`].
    Slow,
    /// A 200 without a body; nothing is carried out.
    Empty,
    /// A 307 to [`Fault::location`]; nothing is carried out.
    Redirect,
    /// The request is carried out; its JSON is declared as `text/html`.
    NotJson,
    /// The connection closes before the body is read; nothing is carried out.
    CutBefore,
    /// The request is carried out, a rotation included; then the connection closes without an answer.
    CutAfter,
}

impl Fault {
    /// A row of the vendors' error tables, by its id.
    #[must_use]
    pub fn row(id: &str) -> Self {
        Self {
            row: Some(id.to_owned()),
            ..Self::default()
        }
    }

    /// An answer with only a status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// A kind of mischief.
    #[must_use]
    pub fn kind(kind: Kind) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// The fault as it will be kept, or what is wrong with it.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        if let Some(id) = &self.row {
            let row = rows().iter().find(|r| r.id == id);
            let row = row.ok_or_else(|| {
                Error::new(format!(
                    "row: `{id}` is unknown; GET /_sandbox/faults lists the rows"
                ))
            })?;
            self.provider = Some(row.provider);
        }
        if self.row.is_none() && self.kind.is_none() && self.status.is_none() {
            return Err(Error::new("a fault needs one of `row`, `kind` or `status`"));
        }
        if self.status.is_some_and(|s| !(200..600).contains(&s)) {
            return Err(Error::new("status: must be from 200 to 599"));
        }
        if !["token", "userinfo", "revoke", "introspect"].contains(&self.endpoint.as_str()) {
            return Err(Error::new(
                "endpoint: must be token, userinfo, revoke or introspect",
            ));
        }
        const GRANTS: [&str; 4] = [
            "jwt-bearer",
            "authorization-code",
            "refresh-token",
            "client-credentials",
        ];
        if self.grant.as_deref().is_some_and(|g| !GRANTS.contains(&g)) {
            return Err(Error::new(format!(
                "grant: must be one of {}",
                GRANTS.join(", ")
            )));
        }
        Ok(self)
    }

    /// What the log calls it.
    pub(crate) fn name(&self) -> String {
        if let Some(row) = &self.row {
            return row.clone();
        }
        let kind = self.kind.and_then(|k| serde_json::to_value(k).ok());
        match kind {
            Some(Value::String(kind)) => kind,
            _ => format!("status {}", self.status.unwrap_or_default()),
        }
    }

    /// Whether the request is carried out before the answer is spoilt.
    pub(crate) fn commits(&self) -> bool {
        use Kind::{CutAfter, Giant, NotJson, Slow, TruncatedJson};
        matches!(
            self.kind,
            Some(TruncatedJson | Giant | Slow | NotJson | CutAfter)
        )
    }

    /// The answer; `true_reply` is the deserved one where the request was carried out.
    pub(crate) fn spoil(&self, call: &Call, provider: Provider, true_reply: Reply) -> Reply {
        let known = self
            .row
            .as_ref()
            .and_then(|id| rows().iter().find(|r| r.id == id));
        let mut reply = match (known, self.kind) {
            (Some(row), _) => row.reply(),
            (None, Some(kind)) => self.mischief(kind, call, provider, true_reply),
            (None, None) => {
                let status = self.status.unwrap_or(500);
                let text = format!("The sandbox was told to answer {status}.\n");
                let reply = dress(provider, Reply::new(status, "", text));
                reply.header("Content-Type", "text/plain; charset=utf-8")
            }
        };
        if let Some(body) = &self.body {
            reply.body = body.clone().into_bytes();
            reply = reply.header("Content-Type", "application/json");
        }
        if let Some(kind) = &self.content_type {
            reply = reply.header("Content-Type", kind.clone());
        }
        if let Some(seconds) = self.retry_after {
            reply = reply.header("Retry-After", seconds.to_string());
        }
        if let (Some(status), false) = (self.status, reply.delivery == Delivery::Cut) {
            reply.status = status;
        }
        reply
    }

    fn mischief(&self, kind: Kind, call: &Call, provider: Provider, mut reply: Reply) -> Reply {
        match kind {
            Kind::Html => Reply::new(
                503,
                "text/html; charset=utf-8",
                "<!DOCTYPE html><html><head><title>Maintenance</title></head>\
                 <body><h1>We are down for maintenance</h1><p>Please try again later.</p></body></html>",
            ),
            Kind::TruncatedJson => {
                reply.body.truncate(reply.body.len() / 2);
                reply
            }
            Kind::Giant => {
                let open = reply.body.pop();
                reply.body.extend_from_slice(b",\"padding\":\"");
                reply.body.resize(2 << 20, b'x');
                reply.body.push(b'"');
                reply.body.extend(open);
                reply
            }
            Kind::Slow => Reply {
                delivery: Delivery::Slow {
                    ms: self.ms,
                    endless: self.endless,
                },
                ..reply
            },
            Kind::Empty => Reply::empty(200),
            Kind::Redirect => {
                let own = || format!("{}/_sandbox/landed/{}", call.origin(), provider.as_str());
                Reply::empty(307).header("Location", self.location.clone().unwrap_or_else(own))
            }
            Kind::NotJson => reply.header("Content-Type", "text/html; charset=utf-8"),
            Kind::CutBefore | Kind::CutAfter => Reply::cut(),
        }
    }
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            row: None,
            kind: None,
            status: None,
            retry_after: None,
            body: None,
            content_type: None,
            location: None,
            ms: 100,
            endless: false,
            times: 1,
            provider: None,
            grant: None,
            endpoint: "token".to_owned(),
        }
    }
}

/// Takes one hit off the first pending fault that matches. Without a `grant` (the body is not read yet) only
/// faults that cut before reading match; with one, all do.
pub(crate) fn take(
    pending: &mut Vec<Fault>,
    provider: Provider,
    endpoint: &str,
    grant: Option<Option<&str>>,
) -> Option<Fault> {
    let index = pending.iter().position(|f| {
        let unread_ok = grant.is_some() || (f.kind == Some(Kind::CutBefore) && f.grant.is_none());
        let grant_ok = f.grant.is_none() || grant.flatten() == f.grant.as_deref();
        unread_ok && grant_ok && f.endpoint == endpoint && f.provider.is_none_or(|p| p == provider)
    })?;
    let fault = pending[index].clone();
    pending[index].times = fault.times.saturating_sub(1);
    if pending[index].times == 0 {
        pending.remove(index);
    }
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_used_up_and_hits_only_its_own() {
        let fault = Fault {
            times: 2,
            grant: Some("refresh-token".into()),
            ..Fault::row("boldsign.invalid_grant")
        };
        let mut pending = vec![fault.checked().unwrap()];
        let refresh = Some(Some("refresh-token"));
        assert!(take(&mut pending, Provider::Docusign, "token", refresh).is_none());
        assert!(take(&mut pending, Provider::Boldsign, "token", Some(None)).is_none());
        assert!(take(&mut pending, Provider::Boldsign, "userinfo", refresh).is_none());
        assert!(take(&mut pending, Provider::Boldsign, "token", refresh).is_some());
        assert!(take(&mut pending, Provider::Boldsign, "token", refresh).is_some());
        assert!(pending.is_empty());
    }

    #[test]
    fn wrong_faults_are_refused_with_the_field() {
        let wrong = |f: Fault| f.checked().unwrap_err().to_string();
        assert!(wrong(Fault::row("docusign.nope")).contains("docusign.nope"));
        assert!(wrong(Fault::default()).contains("row"));
        assert!(wrong(Fault::status(99)).contains("status"));
        let grant = Some("refresh_token".into());
        assert!(
            wrong(Fault {
                grant,
                ..Fault::status(500)
            })
            .contains("grant")
        );
        assert!(serde_json::from_str::<Fault>(r#"{"rows":"x"}"#).is_err());
    }
}
