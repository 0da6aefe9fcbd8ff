//! The host's log: receives lines that never contain what the library sends.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use countersign_plugin::Level;

use crate::callback::{UserData, calling_out};
use crate::csign_status;
use crate::error::Failure;

/// How important a log line is.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum csign_log_level {
    /// Something is lost, or about to be.
    ERROR = 1,
    /// Something works, but not as well as it could.
    WARN = 2,
    /// Requests and responses.
    INFO = 3,
    /// Names of headers, and what plugins log.
    DEBUG = 4,
}

impl csign_log_level {
    /// Checks the most detailed level that a program asks for.
    pub(crate) fn most(most: i32) -> Result<i32, Failure> {
        match (1..=4).contains(&most) {
            true => Ok(most),
            false => {
                let message = format!("`most` is {most}, which is not a csign_log_level");
                Err(Failure::misuse(csign_status::BAD_ARGUMENT, message))
            }
        }
    }
}

impl From<Level> for csign_log_level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warning => Self::WARN,
            Level::Info => Self::INFO,
            _ => Self::DEBUG,
        }
    }
}

/// Receives a log line: UTF-8, without a line feed and without a secret.
///
/// The line is borrowed until the function returns. Called on the threads that carry requests, and
/// concurrently. Must not call the client.
///
/// @param level  a csign_log_level.
pub type csign_log_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        level: csign_log_level,
        line: *const c_char,
        length: usize,
    ),
>;

/// The host's log, as one client uses it.
pub(crate) struct HostLog {
    pub(crate) take: unsafe extern "C" fn(*mut c_void, csign_log_level, *const c_char, usize),
    pub(crate) most: i32,
    pub(crate) user_data: Arc<UserData>,
    pub(crate) client: u64,
}

impl HostLog {
    pub(crate) fn say(&self, level: csign_log_level, line: &str) {
        if level as i32 > self.most {
            return;
        }
        let line = crate::text::Terminated::new(line);
        let mut length = 0;
        calling_out(self.client, || {
            // SAFETY: the host passed function and data together; the line outlives the call.
            unsafe {
                let start = line.lend(&mut length);
                (self.take)(self.user_data.as_ptr(), level, start, length);
            }
        });
    }
}
