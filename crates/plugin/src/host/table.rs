//! The host's table: the functions that plugins call. None unwinds, none trusts a pointer's neighbours.

use std::ffi::{c_char, c_void};
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::Level;
use super::call::{Call, Refusal};
use crate::abi::{
    self, CSIGN_PLUGIN_ABI_MINOR, csign_plugin_call, csign_plugin_host, csign_plugin_refusal,
    csign_plugin_status as Status,
};

/// What every plugin gets.
pub(super) static HOST: csign_plugin_host = csign_plugin_host {
    struct_size: size_of::<csign_plugin_host>() as u32,
    abi_minor: CSIGN_PLUGIN_ABI_MINOR,
    version: concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast(),
    text: Some(text),
    set: Some(set),
    refuse: Some(refuse),
    log: Some(log),
    now_unix_s: Some(now_unix_s),
    get_extension: Some(extension),
};

const LONGEST_NAME: usize = 256;
const LONGEST_VALUE: usize = 1 << 20;
const LONGEST_REASON: usize = 4096;

unsafe extern "C" fn text(
    call: csign_plugin_call,
    name: *const c_char,
    name_len: usize,
    out_text: *mut *const c_char,
    out_len: *mut usize,
) -> i32 {
    within(call, |call| {
        if out_text.is_null() || out_len.is_null() {
            return call.breach("asked for a text without a place for it (NULL)".to_owned());
        }
        // SAFETY: a plugin's promise: the bytes are readable.
        let shown = match unsafe { borrow(name, name_len, LONGEST_NAME) } {
            Ok(name) => call.show(name),
            Err(why) => return call.breach(format!("asked for a name that {why}")),
        };
        let (begin, len) = shown.unwrap_or((std::ptr::null(), 0));
        // SAFETY: a plugin's promise: both can be written.
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
        // SAFETY: a plugin's promise: the bytes are readable.
        let name = match unsafe { borrow(name, name_len, LONGEST_NAME) } {
            Ok(name) => name,
            Err(why) => return call.breach(format!("wrote a name that {why}")),
        };
        // SAFETY: as above.
        match unsafe { borrow(value, value_len, LONGEST_VALUE) } {
            Ok(value) => call.write(name, value),
            Err(why) => call.breach(format!("wrote a value that {why}")),
        }
    })
}

unsafe extern "C" fn refuse(call: csign_plugin_call, refusal: *const csign_plugin_refusal) -> i32 {
    within(call, |call| {
        // SAFETY: a plugin's promise: the table is as long as it says.
        let table = match unsafe { abi::read(refusal) } {
            Ok(table) => table,
            Err(why) => {
                return call.breach(format!("refused with a csign_plugin_refusal that {why}"));
            }
        };
        let own = |begin, len| {
            // SAFETY: a plugin's promise: the bytes are readable.
            unsafe { borrow(begin, len, LONGEST_REASON) }.map(str::to_owned)
        };
        let texts = (
            own(table.message, table.message_len),
            own(table.hint, table.hint_len),
            own(table.setting, table.setting_len),
        );
        match texts {
            (Ok(message), Ok(hint), Ok(setting)) => call.refuse(Refusal {
                kind: table.kind,
                message,
                hint,
                setting,
                retry_after_s: table.retry_after_s,
            }),
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => {
                call.breach(format!("refused with a text that {why}"))
            }
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
        // SAFETY: a plugin's promise: the bytes are readable.
        match unsafe { borrow(text, text_len, LONGEST_VALUE) } {
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
            return call.breach("asked for the time without a place for it (NULL)".to_owned());
        }
        // SAFETY: a plugin's promise: it can be written.
        unsafe { out_unix_s.write(call.services.clock.now().unix_s()) };
        Status::Ok
    })
}

unsafe extern "C" fn extension(_: *const c_char) -> *const c_void {
    std::ptr::null()
}

/// Runs for the call of this number, if it is not over.
fn within(number: csign_plugin_call, body: impl FnOnce(&Arc<Call>) -> Status) -> i32 {
    let status = catch_unwind(AssertUnwindSafe(|| match Call::find(number) {
        Some(call) => body(&call),
        None => Status::Stale,
    }));
    status.unwrap_or(Status::Failed) as i32
}

/// A plugin's text, for as long as it is in our function.
///
/// # Safety
///
/// `len` bytes are readable at `begin`, unless that is NULL.
unsafe fn borrow<'a>(
    begin: *const c_char,
    len: usize,
    most: usize,
) -> Result<&'a str, &'static str> {
    if len == 0 {
        return Ok("");
    }
    if begin.is_null() {
        return Err("is NULL and has a length");
    }
    if len > most {
        return Err("is too long");
    }
    // SAFETY: the caller's promise; the length is within reason.
    let bytes = unsafe { std::slice::from_raw_parts(begin.cast::<u8>(), len) };
    std::str::from_utf8(bytes).map_err(|_| "is not UTF-8")
}
