//! Injected faults: the next matching requests get a different response than they should.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error, Provider,
    exchange::{Call, Delivery, Reply},
    rows::{dress, rows},
};

/// A fault for the next matching requests, also the JSON body of `POST /_sandbox/faults`.
///
/// `row`, `kind` or `status` chooses the effect. `times`, `provider`, `grant` and `endpoint` limit
/// which requests it affects.
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
    /// The id of a row in the vendors' error tables, see [`crate::rows`].
    pub row: Option<String>,
    /// The kind of fault.
    pub kind: Option<Kind>,
    /// The HTTP status of the response. On its own, it makes a plain-text response.
    pub status: Option<u16>,
    /// The value of a `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
    /// The body of the response, instead of that of the row, kind or status.
    pub body: Option<String>,
    /// The `Content-Type` of the response.
    pub content_type: Option<String>,
    /// The target of [`Kind::Redirect`]. Defaults to the sandbox's own `/_sandbox/landed`.
    pub location: Option<String>,
    /// The milliseconds between two pieces of a [`Kind::Slow`] response.
    pub ms: u64,
    /// Whether a [`Kind::Slow`] response continues until the next reset.
    pub endless: bool,
    /// How many requests it affects.
    pub times: u32,
    /// Limits it to this provider. A row always affects only its own provider.
    pub provider: Option<Provider>,
    /// Limits it to `jwt-bearer`, `authorization-code`, `device-code`, `refresh-token` or `client-credentials`.
    pub grant: Option<String>,
    /// Limits it to `token` (the default), `userinfo`, `revoke` or `introspect`.
    pub endpoint: String,
}

/// The kinds of [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Returns an HTML maintenance page with status 503. Executes nothing.
    Html,
    /// Executes the request, and returns the first half of the JSON.
    TruncatedJson,
    /// Executes the request, and pads the JSON to 2 MiB.
    Giant,
    /// Executes the request, and responds slowly, see [`Fault::ms`] and [`Fault::endless`].
    Slow,
    /// Returns a 200 without a body. Executes nothing.
    Empty,
    /// Redirects with a 307 to [`Fault::location`]. Executes nothing.
    Redirect,
    /// Executes the request, and declares the JSON as `text/html`.
    NotJson,
    /// Closes the connection before the body is read. Executes nothing.
    CutBefore,
    /// Executes the request, including a rotation, and closes the connection without a response.
    CutAfter,
}

impl Fault {
    /// Returns a row of the vendors' error tables, by its id.
    #[must_use]
    pub fn row(id: &str) -> Self {
        Self {
            row: Some(id.to_owned()),
            ..Self::default()
        }
    }

    /// Returns a plain-text response with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Returns a fault of this kind.
    #[must_use]
    pub fn kind(kind: Kind) -> Self {
        Self {
            kind: Some(kind),
            ..Self::default()
        }
    }

    /// Validates the fault and completes it.
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
            return Err(Error::new("fault: set `row`, `kind` or `status`"));
        }
        if self.status.is_some_and(|s| !(200..600).contains(&s)) {
            return Err(Error::new("status: must be between 200 and 599"));
        }
        if !["token", "userinfo", "revoke", "introspect"].contains(&self.endpoint.as_str()) {
            return Err(Error::new(
                "endpoint: must be token, userinfo, revoke or introspect",
            ));
        }
        const GRANTS: [&str; 5] = [
            "jwt-bearer",
            "authorization-code",
            "device-code",
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

    /// Returns its name in the log.
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

    /// Reports whether the request is executed before the response is changed.
    pub(crate) fn executes(&self) -> bool {
        use Kind::{CutAfter, Giant, NotJson, Slow, TruncatedJson};
        matches!(
            self.kind,
            Some(TruncatedJson | Giant | Slow | NotJson | CutAfter)
        )
    }

    /// Returns the faulty response. `genuine` is the real one, if the request was executed.
    pub(crate) fn apply(&self, call: &Call, provider: Provider, genuine: Reply) -> Reply {
        let known = self
            .row
            .as_ref()
            .and_then(|id| rows().iter().find(|r| r.id == id));
        let mut reply = match (known, self.kind) {
            (Some(row), _) => row.reply(),
            (None, Some(kind)) => self.apply_kind(kind, call, provider, genuine),
            (None, None) => {
                let status = self.status.unwrap_or(500);
                let text = format!("Injected status {status}.\n");
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

    fn apply_kind(&self, kind: Kind, call: &Call, provider: Provider, mut reply: Reply) -> Reply {
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

/// Uses the first pending fault that matches, once.
///
/// Before the body is read, `grant` is `None`, and only faults that cut the connection by then
/// match.
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
    fn faults_affect_only_matching_requests_and_only_so_often() {
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
    fn invalid_faults_are_rejected_with_the_field() {
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
