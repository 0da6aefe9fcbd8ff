//! Errors as data: for logs, and for the command's `--json`.

use serde::{Serialize, Serializer};

use super::Error;

#[derive(Serialize)]
struct Members<'a> {
    verdict: &'static str,
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
    http_status: Option<u16>,
    oauth_error: Option<&'a str>,
    oauth_description: Option<&'a str>,
    retry_after_s: Option<u64>,
    url: Option<&'a str>,
    trace_id: Option<&'a str>,
    provider: Option<&'a str>,
    setting: Option<&'a str>,
}

/// Every member is present, `null` if unknown. The waiting time is in seconds.
///
/// # Example
///
/// ```
/// use countersign_core::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Throttled, "too many requests").with_http_status(429);
/// let json = serde_json::to_value(&error)?;
/// assert_eq!(json["verdict"], "retry");
/// assert_eq!(json["http_status"], 429);
/// assert!(json["hint"].is_null());
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = Members {
            verdict: self.verdict().as_str(),
            kind: self.kind().as_str(),
            message: self.message(),
            hint: self.hint(),
            http_status: self.http_status(),
            oauth_error: self.oauth_error(),
            oauth_description: self.oauth_description(),
            retry_after_s: self.retry_after().map(|wait| wait.as_secs()),
            url: self.url(),
            trace_id: self.trace_id(),
            provider: self.provider(),
            setting: self.setting_name(),
        };
        members.serialize(serializer)
    }
}
