//! A program's side of the ABI: handles that free themselves, and errors as values.

use std::ffi::{CStr, c_char};
use std::ptr;

use countersign_capi::*;
use countersign_sandbox::{Options, Sandbox};

/// The members of an error object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) status: csign_status,
    pub(crate) verdict: csign_verdict,
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) setting: Option<String>,
}

/// Makes a call, and reads its error object if it fails.
pub(crate) fn call(
    call: impl FnOnce(*mut *mut csign_error) -> csign_status,
) -> Result<(), Rejected> {
    let mut error = ptr::null_mut();
    let status = call(&mut error);
    if status == csign_status::OK {
        assert!(error.is_null(), "an error was written on success");
        return Ok(());
    }
    // SAFETY: a call that fails writes a live error, which is freed once.
    unsafe {
        assert_eq!(csign_error_status(error), status);
        let rejected = Rejected {
            status,
            verdict: csign_error_verdict(error),
            kind: owned(csign_error_kind(error, ptr::null_mut())).unwrap(),
            message: owned(csign_error_message(error, ptr::null_mut())).unwrap(),
            setting: owned(csign_error_setting(error, ptr::null_mut())),
        };
        csign_error_free(error);
        Err(rejected)
    }
}

/// Copies text that ends with a NUL. `None` for NULL.
///
/// # Safety
///
/// `text` is NULL, or ends with a NUL.
pub(crate) unsafe fn owned(text: *const c_char) -> Option<String> {
    // SAFETY: the caller makes the same promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
}

/// Returns a text as C's two arguments: pointer and length.
pub(crate) fn pair(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

pub(crate) fn sandbox() -> Sandbox {
    let options = Options {
        tls: true,
        ..Options::default()
    };
    Sandbox::start(options).unwrap()
}

pub(crate) struct Config(pub(crate) *mut csign_config);

impl Config {
    pub(crate) fn new() -> Self {
        let mut config = ptr::null_mut();
        // SAFETY: both places are valid for writes.
        call(|error| unsafe { csign_config_new(&mut config, error) }).unwrap();
        Self(config)
    }

    /// Loads a connection of the sandbox's file.
    pub(crate) fn load(sandbox: &Sandbox, name: &str) -> Self {
        let config = Self::new();
        let path = sandbox.connections();
        let (path, path_length) = pair(path.to_str().unwrap());
        let (name, name_length) = pair(name);
        // SAFETY: live, and both texts have these lengths.
        call(|error| unsafe {
            csign_config_load(config.0, path, path_length, name, name_length, error)
        })
        .unwrap();
        config
    }

    pub(crate) fn set(&self, key: &str, value: &str) -> Result<(), Rejected> {
        let ((key, key_length), (value, value_length)) = (pair(key), pair(value));
        // SAFETY: live, and both texts have these lengths.
        call(|error| unsafe {
            csign_config_set(self.0, key, key_length, value, value_length, error)
        })
    }

    pub(crate) fn unset(&self, key: &str) -> Result<(), Rejected> {
        let (key, length) = pair(key);
        // SAFETY: live, and the text has this length.
        call(|error| unsafe { csign_config_unset(self.0, key, length, error) })
    }

    pub(crate) fn client(&self) -> Result<Client, Rejected> {
        self.client_of(ptr::null())
    }

    pub(crate) fn client_of(&self, registry: *const csign_registry) -> Result<Client, Rejected> {
        let mut client = ptr::null_mut();
        // SAFETY: both handles are live or NULL.
        call(|error| unsafe { csign_client_new(self.0, registry, &mut client, error) })?;
        Ok(Client(client))
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: live, and freed once.
        unsafe { csign_config_free(self.0) }
    }
}

pub(crate) struct Client(pub(crate) *mut csign_client);

impl Client {
    pub(crate) fn token(&self) -> Result<Token, Rejected> {
        let mut token = ptr::null_mut();
        // SAFETY: live.
        call(|error| unsafe { csign_client_token(self.0, 0, &mut token, error) })?;
        Ok(Token(token))
    }

    pub(crate) fn peek(&self, min_valid_ms: u64) -> Result<Option<Token>, Rejected> {
        let mut token = ptr::null_mut();
        // SAFETY: live.
        call(|error| unsafe { csign_client_peek(self.0, min_valid_ms, &mut token, error) })?;
        Ok((!token.is_null()).then_some(Token(token)))
    }

    pub(crate) fn peek_text(&self) -> Result<String, Rejected> {
        peek_text(self.0)
    }

    pub(crate) fn count(&self, counter: csign_counter) -> u64 {
        let mut count = 0;
        // SAFETY: live.
        call(|error| unsafe { csign_client_count(self.0, counter as i32, &mut count, error) })
            .unwrap();
        count
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: live, and freed once.
        unsafe { csign_client_free(self.0) }
    }
}

/// Copies the cached token. Empty if there is none. The handle may be anything.
pub(crate) fn peek_text(client: *const csign_client) -> Result<String, Rejected> {
    let (mut buffer, mut length) = (vec![0_u8; 4096], 0);
    let (data, capacity) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the buffer has this length. A handle may be anything.
    call(|error| unsafe { csign_client_peek_token(client, data, capacity, &mut length, error) })?;
    buffer.truncate(length);
    Ok(String::from_utf8(buffer).unwrap())
}

#[derive(Debug)]
pub(crate) struct Token(pub(crate) *mut csign_token);

impl Token {
    pub(crate) fn value(&self) -> String {
        // SAFETY: live.
        unsafe { owned(csign_token_value(self.0, ptr::null_mut())) }.unwrap()
    }

    pub(crate) fn share(&self) -> Self {
        // SAFETY: live.
        Self(unsafe { csign_token_share(self.0) })
    }

    pub(crate) fn source(&self) -> csign_source {
        // SAFETY: live.
        unsafe { csign_token_source(self.0) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: live, and freed once.
        unsafe { csign_token_free(self.0) }
    }
}

/// Makes a call that returns a text, copies the text, and frees it.
pub(crate) fn text(
    make: impl FnOnce(*mut *mut csign_text, *mut *mut csign_error) -> csign_status,
) -> Result<String, Rejected> {
    let mut text = ptr::null_mut();
    call(|error| make(&mut text, error))?;
    // SAFETY: live, and freed once.
    unsafe {
        let value = owned(csign_text_value(text, ptr::null_mut())).unwrap();
        csign_text_free(text);
        Ok(value)
    }
}
