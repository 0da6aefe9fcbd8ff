//! The program's callbacks, which run on Node's thread.

use std::sync::Arc;

use countersign_core::{Algorithm, CallbackSigner, Change, Error, ErrorKind};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::cause::Cause;
use crate::host::{Answer, Host, NativeEvent};

/// The longest signature that a signer may return.
const MAX_SIGNATURE: usize = 1024;

/// A callback, which the package holds under this number until the library drops it.
pub(crate) struct Callback {
    host: Arc<Host>,
    id: u32,
}

impl Callback {
    pub(crate) fn new(host: &Arc<Host>, id: u32) -> Self {
        let host = Arc::clone(host);
        Self { host, id }
    }

    fn event(&self, kind: &str) -> NativeEvent {
        NativeEvent::new(kind, self.id)
    }

    /// Passes a line of the log to the program.
    pub(crate) fn log(&self, level: Level, line: &str) {
        self.host.post(NativeEvent {
            word: Some(level.as_str().into()),
            text: Some(line.into()),
            ..self.event("log")
        });
    }

    /// Waits until the program's listener has returned.
    pub(crate) fn hear(&self, change: &Change) {
        let (word, token) = match change {
            Change::Obtained {
                token,
                rotated: true,
            } => ("rotated", Some(token.into())),
            Change::Obtained { token, .. } => ("obtained", Some(token.into())),
            Change::Forgotten => ("forgotten", None),
            _ => return,
        };
        self.host.ask(NativeEvent {
            word: Some(word.into()),
            token,
            ..self.event("change")
        });
    }

    /// Has the program open a login's URL.
    pub(crate) fn open(&self, url: &str) -> Result<(), Error> {
        let answer = self.host.ask(NativeEvent {
            text: Some(url.into()),
            ..self.event("open")
        });
        self.returned(answer).map(drop).map_err(|cause| {
            Error::new(ErrorKind::Callback, "the URL could not be opened")
                .with_hint("have `open` open the URL or show it")
                .with_source(cause)
        })
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Error> {
        let answer = self.host.ask(NativeEvent {
            bytes: Some(Buffer::from(input)),
            ..self.event("sign")
        });
        let signature = self.returned(answer).map_err(|cause| {
            Error::new(ErrorKind::Signing, "the signer failed")
                .with_hint("check the program's signer: this library doesn't have the key")
                .with_source(cause)
        })?;
        if signature.len() > MAX_SIGNATURE {
            let length = signature.len();
            let message = format!("the signer returned a signature of {length} bytes");
            return Err(Error::new(ErrorKind::Signing, message)
                .with_hint(format!("return at most {MAX_SIGNATURE} bytes")));
        }
        Ok(signature)
    }

    fn returned(&self, answer: Option<Answer>) -> Result<Vec<u8>, Cause> {
        let number = match answer {
            Some(Answer::Returned(value)) => return Ok(value),
            Some(Answer::Threw(number)) => number,
            None => 0,
        };
        let host = Arc::clone(&self.host);
        Err(Cause::new(number, move |number| {
            host.post(NativeEvent::new("forgotten", number));
        }))
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.host.post(self.event("released"));
    }
}

/// A signer of the program: a key in an HSM or a KMS.
#[napi(object)]
pub struct SignerFields {
    /// The callback's number.
    pub callback: u32,
    /// The algorithm.
    pub algorithm: String,
    /// The `kid` of assertions.
    pub key_id: Option<String>,
}

/// Returns a signer that asks the program.
pub(crate) fn signer(host: &Arc<Host>, signer: SignerFields) -> Result<CallbackSigner, Error> {
    let callback = Callback::new(host, signer.callback);
    let algorithm: Algorithm = signer.algorithm.parse()?;
    let key_id = signer.key_id.filter(|id| !id.is_empty());
    Ok(CallbackSigner::new(algorithm, key_id, move |input| {
        Ok(callback.sign(input)?)
    }))
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl From<countersign_plugin::Level> for Level {
    fn from(level: countersign_plugin::Level) -> Self {
        use countersign_plugin::Level as Plugin;

        match level {
            Plugin::Error => Self::Error,
            Plugin::Warning => Self::Warn,
            Plugin::Info => Self::Info,
            _ => Self::Debug,
        }
    }
}

/// The program's log.
#[napi(object)]
pub struct LogFields {
    /// The callback's number.
    pub callback: u32,
    /// The most verbose level that is logged, as a word.
    pub level: String,
}

/// A log of the program, down to a level.
pub(crate) struct Log {
    callback: Callback,
    most: Level,
}

impl Log {
    pub(crate) fn new(host: &Arc<Host>, log: &LogFields) -> Self {
        let most = Level::ALL.into_iter().find(|l| l.as_str() == log.level);
        Self {
            callback: Callback::new(host, log.callback),
            // The package has checked the word.
            most: most.unwrap_or(Level::Info),
        }
    }

    pub(crate) fn say(&self, level: Level, line: &str) {
        if level <= self.most {
            self.callback.log(level, line);
        }
    }
}
