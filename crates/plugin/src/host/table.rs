//! The functions that plugins call. They catch panics and validate their arguments.

use std::ffi::{c_char, c_void};
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Level;
use super::call::{Call, Rejection};
use crate::abi::{
    self, CSIGN_PLUGIN_ABI_MINOR, csign_plugin_call, csign_plugin_host, csign_plugin_rejection,
    csign_plugin_status as Status,
};

/// The table that every plugin receives.
pub(super) static HOST: csign_plugin_host = csign_plugin_host {
    struct_size: size_of::<csign_plugin_host>() as u32,
    abi_minor: CSIGN_PLUGIN_ABI_MINOR,
    version: concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast(),
    text: Some(text),
    set: Some(set),
    reject: Some(reject),
    log: Some(log),
    now_unix_s: Some(now_unix_s),
    get_extension: Some(extension),
};

const MAX_NAME_LEN: usize = 256;
const MAX_VALUE_LEN: usize = 1 << 20;
const MAX_REASON_LEN: usize = 4096;

unsafe extern "C" fn text(
    call: csign_plugin_call,
    name: *const c_char,
    name_len: usize,
    out_text: *mut *const c_char,
    out_len: *mut usize,
) -> i32 {
    within(call, |call| {
        if out_text.is_null() || out_len.is_null() {
            return call.breach("passed NULL as `out_text` or `out_len`".to_owned());
        }
        // SAFETY: the ABI requires readable bytes.
        let shown = match unsafe { borrow(name, name_len, MAX_NAME_LEN) } {
            Ok(name) => call.show(name),
            Err(why) => return call.breach(format!("asked for a name that {why}")),
        };
        let (begin, len) = shown.unwrap_or((std::ptr::null(), 0));
        // SAFETY: the ABI requires writable pointers.
        unsafe {
            out_text.write(begin);
            out_len.write(len);
        }
        match shown {
            Some(_) => Status::Ok,
            None => Status::Absent,
        }
    })
}

unsafe extern "C" fn set(
    call: csign_plugin_call,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
) -> i32 {
    within(call, |call| {
        // SAFETY: the ABI requires readable bytes.
        let name = match unsafe { borrow(name, name_len, MAX_NAME_LEN) } {
            Ok(name) => name,
            Err(why) => return call.breach(format!("set a name that {why}")),
        };
        // SAFETY: as above.
        match unsafe { borrow(value, value_len, MAX_VALUE_LEN) } {
            Ok(value) => call.write(name, value),
            Err(why) => call.breach(format!("set a value that {why}")),
        }
    })
}

unsafe extern "C" fn reject(
    call: csign_plugin_call,
    rejection: *const csign_plugin_rejection,
) -> i32 {
    within(call, |call| {
        // SAFETY: the ABI requires a struct that is as long as it says.
        let table = match unsafe { abi::read(rejection) } {
            Ok(table) => table,
            Err(why) => {
                return call.breach(format!("passed a csign_plugin_rejection that {why}"));
            }
        };
        let own = |begin, len| {
            // SAFETY: the ABI requires readable bytes.
            unsafe { borrow(begin, len, MAX_REASON_LEN) }.map(str::to_owned)
        };
        let texts = (
            own(table.message, table.message_len),
            own(table.hint, table.hint_len),
            own(table.setting, table.setting_len),
        );
        match texts {
            (Ok(message), Ok(hint), Ok(setting)) => call.reject(Rejection {
                kind: table.kind,
                message,
                hint,
                setting,
                retry_after_s: table.retry_after_s,
            }),
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => call.breach(format!(
                "passed a csign_plugin_rejection with a string that {why}"
            )),
        }
    })
}

unsafe extern "C" fn log(
    call: csign_plugin_call,
    level: u32,
    text: *const c_char,
    text_len: usize,
) -> i32 {
    within(call, |call| {
        let level = match level {
            1 => Level::Error,
            2 => Level::Warning,
            3 => Level::Info,
            _ => Level::Debug,
        };
        // SAFETY: the ABI requires readable bytes.
        match unsafe { borrow(text, text_len, MAX_VALUE_LEN) } {
            Ok(text) => {
                (call.services.log)(call.library.name(), level, &call.clean(text));
                Status::Ok
            }
            Err(why) => call.breach(format!("logged a text that {why}")),
        }
    })
}

unsafe extern "C" fn now_unix_s(call: csign_plugin_call, out_unix_s: *mut i64) -> i32 {
    within(call, |call| {
        if out_unix_s.is_null() {
            return call.breach("passed NULL as `out_unix_s`".to_owned());
        }
        // SAFETY: the ABI requires a writable pointer.
        unsafe { out_unix_s.write(call.services.clock.now().unix_s()) };
        Status::Ok
    })
}

unsafe extern "C" fn extension(_: *const c_char) -> *const c_void {
    std::ptr::null()
}

/// Runs `body` with the call of this number, if the call is still running.
fn within(number: csign_plugin_call, body: impl FnOnce(&Arc<Call>) -> Status) -> i32 {
    let status = catch_unwind(AssertUnwindSafe(|| match Call::find(number) {
        Some(call) => body(&call),
        None => Status::Stale,
    }));
    status.unwrap_or(Status::Failed) as i32
}

/// Borrows a plugin's string for the duration of a host function.
///
/// # Safety
///
/// Unless it is NULL, `begin` points to `len` readable bytes, which don't change while the string is
/// borrowed.
unsafe fn borrow<'a>(
    begin: *const c_char,
    len: usize,
    max: usize,
) -> Result<&'a str, &'static str> {
    if len == 0 {
        return Ok("");
    }
    if begin.is_null() {
        return Err("is NULL and has a length");
    }
    if len > max {
        return Err("is too long");
    }
    // SAFETY: the caller guarantees readable bytes, and `max` limits their number.
    let bytes = unsafe { std::slice::from_raw_parts(begin.cast::<u8>(), len) };
    std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")
}
