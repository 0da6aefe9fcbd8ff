//! What calls return: a value, or an error with its fields.

use std::collections::HashMap;
use std::error::Error as _;

use countersign_core::{Error, ErrorKind, Login, Secret, Token, Verdict, jose};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::cause::Cause;

/// Why a call failed.
pub(crate) struct Failure {
    kind: &'static str,
    error: Error,
}

impl Failure {
    /// A mistake of the calling program. No setting can fix it.
    pub(crate) fn usage(message: impl Into<String>, hint: &str) -> Self {
        let error = Error::new(ErrorKind::Setting, message).with_verdict(Verdict::Unexpected);
        Self {
            kind: "usage",
            error: error.with_hint(hint),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind().as_str(),
            error,
        }
    }
}

impl From<jose::Error> for Failure {
    fn from(error: jose::Error) -> Self {
        Error::from(error).into()
    }
}

/// What a call returns.
pub(crate) enum Value {
    Nothing,
    Token(Token),
    Text(String),
    Bytes(Vec<u8>),
    Number(Option<i64>),
    Login(Login),
    Forgotten(&'static str, Option<Error>),
}

/// The outcome of a call: an error, or what it returns.
#[napi(object)]
#[derive(Default)]
pub struct Outcome {
    /// Why the call failed.
    pub error: Option<ErrorFields>,
    /// A token.
    pub token: Option<TokenFields>,
    /// A text.
    pub text: Option<String>,
    /// Bytes.
    pub bytes: Option<Buffer>,
    /// A number.
    pub number: Option<f64>,
    /// A started login.
    pub login: Option<LoginFields>,
    /// What happened at the vendor.
    pub revocation: Option<String>,
    /// Why the vendor did not revoke the token.
    pub reason: Option<ErrorFields>,
}

/// The fields of an error.
#[napi(object)]
pub struct ErrorFields {
    /// The kind of error.
    pub kind: String,
    /// What to do about it.
    pub verdict: String,
    /// What failed.
    pub message: String,
    /// What to do, in words.
    pub hint: Option<String>,
    /// The setting to check.
    pub setting: Option<String>,
    /// The HTTP status of the response.
    pub http_status: Option<u32>,
    /// The server's `error`.
    pub oauth_error: Option<String>,
    /// The server's `error_description`.
    pub oauth_description: Option<String>,
    /// How long to wait before another attempt.
    pub retry_after_ms: Option<f64>,
    /// The URL that a person should open.
    pub url: Option<String>,
    /// The vendor's trace ID.
    pub trace_id: Option<String>,
    /// The provider's ID.
    pub provider: Option<String>,
    /// What a callback threw, by the package's number.
    pub cause: Option<u32>,
}

/// The members of a token.
#[napi(object)]
pub struct TokenFields {
    /// The access token.
    pub access_token: String,
    /// The value of the header `Authorization`.
    pub authorization: String,
    /// The token type.
    pub token_type: String,
    /// When it expires, in milliseconds since 1970.
    pub expires_at_ms: Option<f64>,
    /// The granted scopes.
    pub scope: Option<String>,
    /// Where it came from.
    pub source: String,
    /// The vendor's members.
    pub extra: HashMap<String, String>,
    /// The headers that carry it; none if `Authorization` is the only one, or they can't be made.
    pub headers: Option<HashMap<String, String>>,
    /// Why the headers can't be made.
    pub headers_error: Option<ErrorFields>,
}

/// The members of a started login.
#[napi(object)]
pub struct LoginFields {
    /// The URL to redirect the browser to.
    pub url: String,
    /// The `state` parameter.
    pub state: String,
    /// The saved login.
    pub saved: String,
}

/// Borrows, because dropping an error lets the package forget its cause.
impl From<&Result<Value, Failure>> for Outcome {
    fn from(outcome: &Result<Value, Failure>) -> Self {
        let mut fields = Self::default();
        match outcome {
            Err(Failure { kind, error }) => fields.error = Some(ErrorFields::new(kind, error)),
            Ok(Value::Nothing) => {}
            Ok(Value::Token(token)) => fields.token = Some(token.into()),
            Ok(Value::Text(text)) => fields.text = Some(text.clone()),
            Ok(Value::Bytes(bytes)) => fields.bytes = Some(bytes.clone().into()),
            // Numbers are times, far below 2^53.
            Ok(Value::Number(number)) => fields.number = number.map(|number| number as f64),
            Ok(Value::Login(login)) => fields.login = Some(login.into()),
            Ok(Value::Forgotten(revocation, reason)) => {
                fields.revocation = Some((*revocation).into());
                let error = |error: &Error| ErrorFields::new(error.kind().as_str(), error);
                fields.reason = reason.as_ref().map(error);
            }
        }
        fields
    }
}

impl From<Result<Value, Failure>> for Outcome {
    fn from(outcome: Result<Value, Failure>) -> Self {
        (&outcome).into()
    }
}

impl ErrorFields {
    fn new(kind: &str, error: &Error) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let cause = error.source().and_then(|source| source.downcast_ref());
        Self {
            kind: kind.into(),
            verdict: error.verdict().as_str().into(),
            message: error.message().into(),
            hint: text(error.hint()),
            setting: text(error.setting_name()),
            http_status: error.http_status().map(u32::from),
            oauth_error: text(error.oauth_error()),
            oauth_description: text(error.oauth_description()),
            retry_after_ms: error.retry_after().map(|wait| wait.as_millis() as f64),
            url: text(error.url()),
            trace_id: text(error.trace_id()),
            provider: text(error.provider()),
            cause: cause.map(Cause::number),
        }
    }
}

impl From<&Token> for TokenFields {
    fn from(token: &Token) -> Self {
        let extra = token.extra().iter();
        let (headers, headers_error) = match token.headers() {
            Ok(headers) if matches!(headers[..], [("Authorization", _)]) => (None, None),
            Ok(headers) => {
                let owned = |(name, value): (&str, Secret)| (name.into(), value.expose().into());
                (Some(headers.into_iter().map(owned).collect()), None)
            }
            Err(error) => (None, Some(ErrorFields::new(error.kind().as_str(), &error))),
        };
        Self {
            access_token: token.expose().into(),
            authorization: token.authorization().expose().into(),
            token_type: token.token_type().into(),
            expires_at_ms: token.expires_at().map(|at| at as f64 * 1000.0),
            scope: token.scope().map(str::to_owned),
            source: token.source().as_str().into(),
            extra: extra.map(|(k, v)| (k.clone(), v.clone())).collect(),
            headers,
            headers_error,
        }
    }
}

impl From<&Login> for LoginFields {
    fn from(login: &Login) -> Self {
        Self {
            url: login.url().as_str().into(),
            state: login.state().into(),
            saved: login.save().expose().into(),
        }
    }
}
