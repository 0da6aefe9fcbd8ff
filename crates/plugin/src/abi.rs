//! The plugin ABI, major version 1, for both sides.
//!
//! This file is the source of `include/countersign_plugin.h`. The comments are its manual.

#![allow(non_camel_case_types, reason = "the names of the C header")]

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

/// The minor version of this header.
///
/// A minor version only adds fields at the end of structs, enum values, and names that `text`
/// accepts. The major version is part of the entry function's name.
pub const CSIGN_PLUGIN_ABI_MINOR: u32 = 0;

/// Identifies one call of one plugin function.
///
/// A call is a number, not a pointer, and is never reused. It is valid until the function that
/// received it returns. A host function that receives it later returns
/// `CSIGN_PLUGIN_STATUS_STALE` and changes nothing, and the plugin is marked as suspect. Threads
/// that a function starts and joins may use its call.
pub type csign_plugin_call = u64;

/// The status that plugin functions and host functions return. Any other value is a failure.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum csign_plugin_status {
    /// Success.
    Ok = 0,
    /// From a plugin: it rejected the request and called `reject` with the reason.
    Rejected = 1,
    /// An internal failure. A plugin may have called `reject` with the reason.
    Failed = 2,
    /// From a plugin: it caught a panic. Marks the plugin as suspect.
    Panicked = 3,
    /// From the host: nothing has this name.
    Absent = 10,
    /// From the host: an argument is NULL, too long, not UTF-8, or not allowed in this function.
    /// The request fails.
    Misuse = 11,
    /// From the host: the function that received this call has returned.
    Stale = 12,
}

/// The kind of a rejection. It decides the error's verdict. An unknown kind is a plugin failure.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum csign_plugin_kind {
    /// A setting is missing, malformed or contradicts another: fix the configuration.
    Setting = 1,
    /// Something that the server sent failed verification: fix the configuration.
    Verification = 2,
    /// The server rejected the request: fix the configuration.
    Rejected = 3,
    /// The server is rate limiting: retry later.
    Throttled = 4,
    /// The server is unavailable: retry later.
    Unavailable = 5,
    /// The response is not in this vendor's format: unexpected.
    Unreadable = 6,
    /// A person has to log in again.
    LoginRequired = 7,
    /// A person has to consent, or an administrator has to approve.
    ConsentRequired = 8,
}

/// The severity of a log message.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum csign_plugin_level {
    /// Something is wrong.
    Error = 1,
    /// Something may be wrong.
    Warning = 2,
    /// Normal operation.
    Info = 3,
    /// Details for the plugin's developers.
    Debug = 4,
}

/// The reason for rejecting a request.
///
/// Strings are UTF-8, need no NUL, and are copied before `reject` returns. Pass NULL with length 0
/// for a string that you don't set. Never put a token or a secret into one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct csign_plugin_rejection {
    /// `sizeof(csign_plugin_rejection)` of the header the plugin was compiled with.
    pub struct_size: u32,
    /// A `csign_plugin_kind`.
    pub kind: u32,
    /// One sentence that says what is wrong. Required.
    pub message: *const c_char,
    /// The length in bytes.
    pub message_len: usize,
    /// One sentence that says what to do about it.
    pub hint: *const c_char,
    /// The length in bytes.
    pub hint_len: usize,
    /// The setting to fix, such as `extra.account_id`.
    pub setting: *const c_char,
    /// The length in bytes.
    pub setting_len: usize,
    /// The number of seconds to wait before retrying; 0 if unknown.
    pub retry_after_s: u64,
}

/// The functions that the host provides to plugins.
///
/// This struct lives as long as the process. Any thread may call its functions at any time, but a
/// function that takes a `call` only until the plugin function that received this call returns.
///
/// Before you use a field that was added after version 1.0, check that it exists: `struct_size`
/// reaches past its end, and it is not NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct csign_plugin_host {
    /// The size of the host's struct in bytes. May be more or less than in this header.
    pub struct_size: u32,
    /// The host's `CSIGN_PLUGIN_ABI_MINOR`.
    pub abi_minor: u32,
    /// The host's version, for logs: NUL-terminated, never NULL.
    pub version: *const c_char,
    /// Looks up a string by name and writes its start and its length in bytes.
    ///
    /// The string is UTF-8 and ends with a NUL that the length does not include. It belongs to the
    /// host and is valid until the plugin's function returns. If there is no such string, this
    /// writes NULL and 0 and returns `CSIGN_PLUGIN_STATUS_ABSENT`.
    ///
    /// In every function except `profile`, the names are the connection's settings: `connection`
    /// (its name), `provider`, `environment`, `grant`, `client_id`, `client_auth`, `subject`,
    /// `audience`, `issuer`, `scopes` (separated by spaces), `redirect_uri`, `base_url`,
    /// `token_url`, `userinfo_url`, and `extra.NAME`. None of them is a secret.
    ///
    /// In `parameters` also `request.grant`: the grant of this request, such as `refresh-token` if
    /// the connection's grant is `authorization-code`.
    ///
    /// In `read` and `identity` also `token.NAME`: a value returned with the token, such as a
    /// member of the response that the profile lists in `response.keep`.
    ///
    /// In `translate` and `read_identity` also `http_status`, `header.NAME` (case-insensitive),
    /// `body` if it is UTF-8, and any JSON pointer (RFC 6901), such as `/data/0/id`. A pointer
    /// returns a scalar as text, and an object or array as JSON. It is absent if the value is null
    /// or the body is not JSON. A body may contain tokens.
    pub text: Option<
        unsafe extern "C" fn(
            call: csign_plugin_call,
            name: *const c_char,
            name_len: usize,
            out_text: *mut *const c_char,
            out_len: *mut usize,
        ) -> i32,
    >,
    /// Sets a string by name.
    ///
    /// Each function of the vtable documents the names it may set. Name and value are UTF-8 and are
    /// copied before this returns. A name has at most 256 bytes, a value at most 1 MiB. Setting a
    /// name again replaces its value.
    pub set: Option<
        unsafe extern "C" fn(
            call: csign_plugin_call,
            name: *const c_char,
            name_len: usize,
            value: *const c_char,
            value_len: usize,
        ) -> i32,
    >,
    /// Rejects the request. Return `CSIGN_PLUGIN_STATUS_REJECTED` afterwards.
    pub reject: Option<
        unsafe extern "C" fn(
            call: csign_plugin_call,
            rejection: *const csign_plugin_rejection,
        ) -> i32,
    >,
    /// Logs a message to the program that embeds the host. `level` is a `csign_plugin_level`.
    ///
    /// Never log a token or a secret.
    pub log: Option<
        unsafe extern "C" fn(
            call: csign_plugin_call,
            level: u32,
            text: *const c_char,
            text_len: usize,
        ) -> i32,
    >,
    /// Reads the host's clock, in seconds since 1970-01-01T00:00:00Z.
    ///
    /// Use it instead of the system clock, so that tests can control the time.
    pub now_unix_s:
        Option<unsafe extern "C" fn(call: csign_plugin_call, out_unix_s: *mut i64) -> i32>,
    /// Returns an optional part of the host by its NUL-terminated id, such as
    /// `countersign.revoke/1`, or NULL if the host doesn't have it.
    ///
    /// Version 1.0 defines no extensions. Third parties put their own prefix before their ids.
    pub get_extension: Option<unsafe extern "C" fn(id: *const c_char) -> *const c_void>,
}

/// One provider: a profile, and functions for what a profile can't express.
///
/// Any thread may call the functions, several at the same time. None may unwind, throw or `longjmp`
/// out. All except `id` and `profile` may be NULL. A function receives the host and a call, sets
/// values with `host->set`, and returns a `csign_plugin_status`. If it returns neither
/// `CSIGN_PLUGIN_STATUS_OK` nor `CSIGN_PLUGIN_STATUS_REJECTED`, or misuses the host, the request
/// fails with an error that names the plugin.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct csign_provider_vtable {
    /// `sizeof(csign_provider_vtable)` of the header the plugin was compiled with.
    pub struct_size: u32,
    /// Reserved: 0 in version 1.
    pub flags: u32,
    /// The provider's id in the setting `provider`: letters, digits and `-`, NUL-terminated.
    ///
    /// It is the same as in the profile, and unique among all providers.
    pub id: *const c_char,
    /// Sets `profile`: the provider as TOML, in the same format as users' profiles.
    ///
    /// Called each time the plugin is loaded. An older host rejects a field that was added in a
    /// later minor version, so check `host->abi_minor` first.
    pub profile: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Checks a connection's settings beyond what the profile can express. Sets nothing.
    pub check: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Sets additional parameters of a token request, each by its name.
    ///
    /// They replace the grant's parameters of the same name (`grant_type`, `scope`). Only the host
    /// may set `client_*`, `assertion`, `code`, `code_verifier` and `refresh_token`. The same
    /// connection and grant must always get the same parameters.
    pub parameters: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Translates a response of the token endpoint from the vendor's own format to RFC 6749.
    ///
    /// Sets `access_token`, `token_type`, `expires_in` (seconds, as digits), `refresh_token`,
    /// `id_token`, `scope`, and what the profile lists in `response.keep`; or `error` and
    /// `error_description`. Sets nothing if the response needs no translation.
    ///
    /// If the server rejected the request, set `error`: then the host knows that no refresh token
    /// was spent, and the profile's `errors` table decides what the error means. Call `reject` only
    /// for a response that is not in this vendor's format.
    pub translate: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Adds members to a new token's `extra`, each by its name, or rejects the response.
    pub read: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Sets `url`, which the host requests with the access token to find out whose token it is.
    ///
    /// Sets nothing if there is no such URL.
    pub identity: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Reads the successful response to that request and sets the token's members, each by its name.
    pub read_identity: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Returns an optional part of this provider by its NUL-terminated id, or NULL.
    pub get_extension: Option<unsafe extern "C" fn(id: *const c_char) -> *const c_void>,
}

/// A plugin's description. It and everything it points to are constant and live as long as the
/// process.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct csign_plugin_module {
    /// `sizeof(csign_plugin_module)` of the header the plugin was compiled with.
    pub struct_size: u32,
    /// `CSIGN_PLUGIN_ABI_MINOR` of the header the plugin was compiled with.
    pub abi_minor: u32,
    /// The plugin's name, for messages: NUL-terminated.
    pub name: *const c_char,
    /// The plugin's version, for messages: NUL-terminated, or NULL.
    pub version: *const c_char,
    /// The number of providers, from 1 to 64.
    pub provider_count: usize,
    /// The providers.
    pub providers: *const *const csign_provider_vtable,
    /// Returns an optional part of the plugin by its NUL-terminated id, or NULL.
    pub get_extension: Option<unsafe extern "C" fn(id: *const c_char) -> *const c_void>,
}

/// The type of the function that a plugin exports, `countersign_plugin_v1`.
///
/// Its documentation is at the top of the C header.
pub type EntryV1 =
    unsafe extern "C" fn(host: *const csign_plugin_host) -> *const csign_plugin_module;

/// The name of the function that a plugin exports.
pub const ENTRY_V1: &std::ffi::CStr = c"countersign_plugin_v1";

/// A struct that begins with its size and only grows at its end.
///
/// # Safety
///
/// The struct is `repr(C)`, begins with `struct_size: u32`, and is valid if all its bytes are zero.
pub unsafe trait Table: Copy {
    /// The size in version 1.0. A smaller struct is rejected.
    const V1_0_SIZE: usize;
}

// SAFETY: `repr(C)` with `struct_size` first; numbers, pointers and optional functions may be zero.
unsafe impl Table for csign_plugin_rejection {
    const V1_0_SIZE: usize = offset_of!(Self, retry_after_s) + size_of::<u64>();
}

// SAFETY: as above.
unsafe impl Table for csign_plugin_host {
    const V1_0_SIZE: usize = offset_of!(Self, get_extension) + size_of::<*const c_void>();
}

// SAFETY: as above.
unsafe impl Table for csign_provider_vtable {
    const V1_0_SIZE: usize = offset_of!(Self, get_extension) + size_of::<*const c_void>();
}

// SAFETY: as above.
unsafe impl Table for csign_plugin_module {
    const V1_0_SIZE: usize = offset_of!(Self, get_extension) + size_of::<*const c_void>();
}

// SAFETY: it never changes, and everything it points to is constant and lives as long as the
// process.
unsafe impl Sync for csign_plugin_host {}
// SAFETY: as above.
unsafe impl Send for csign_plugin_host {}
// SAFETY: as above.
unsafe impl Sync for csign_provider_vtable {}
// SAFETY: as above.
unsafe impl Send for csign_provider_vtable {}
// SAFETY: as above.
unsafe impl Sync for csign_plugin_module {}
// SAFETY: as above.
unsafe impl Send for csign_plugin_module {}

/// Copies a peer's struct: the fields that both sides know. The rest is zero.
///
/// A reference of our type to a shorter struct would be undefined behaviour. So this first reads
/// the size through the raw pointer, and then only that many bytes.
///
/// # Errors
///
/// Fails if the pointer is NULL or not aligned, or if the struct is shorter than in version 1.0.
///
/// # Safety
///
/// Unless it is NULL, `peer` points to at least four readable bytes, and to as many as these four
/// say.
pub unsafe fn read<T: Table>(peer: *const T) -> Result<T, &'static str> {
    if peer.is_null() {
        return Err("is NULL");
    }
    if !peer.is_aligned() {
        return Err("is not aligned");
    }
    // SAFETY: the caller guarantees four bytes, and the alignment was checked.
    let size = unsafe { peer.cast::<u32>().read() } as usize;
    if size < T::V1_0_SIZE {
        return Err("is shorter than in version 1.0 of the plugin ABI (struct_size)");
    }
    let mut ours = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes of the peer are readable, `size_of::<T>()` bytes of ours are writable,
    // and they don't overlap. Zeroed fields are valid in a `T`.
    unsafe {
        let known = size.min(size_of::<T>());
        std::ptr::copy_nonoverlapping(peer.cast::<u8>(), ours.as_mut_ptr().cast::<u8>(), known);
        Ok(ours.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(struct_size: usize) -> csign_plugin_rejection {
        csign_plugin_rejection {
            struct_size: struct_size as u32,
            kind: 3,
            message: c"no".as_ptr(),
            message_len: 2,
            hint: std::ptr::null(),
            hint_len: 0,
            setting: std::ptr::null(),
            setting_len: 0,
            retry_after_s: 7,
        }
    }

    #[test]
    fn copies_a_struct_of_our_size() {
        let table = rejection(size_of::<csign_plugin_rejection>());
        // SAFETY: the struct is as long as it says.
        let ours = unsafe { read(&raw const table) }.unwrap();
        assert_eq!((ours.kind, ours.retry_after_s), (3, 7));
    }

    #[test]
    fn ignores_unknown_fields_of_a_longer_struct() {
        #[repr(C)]
        struct Longer(csign_plugin_rejection, u64);
        let table = Longer(rejection(size_of::<Longer>()), u64::MAX);
        // SAFETY: the struct is as long as it says.
        let ours = unsafe { read((&raw const table).cast::<csign_plugin_rejection>()) }.unwrap();
        assert_eq!(ours.retry_after_s, 7);
    }

    /// A host of version 1.1 reads a plugin of version 1.0 like this.
    #[test]
    fn zeroes_the_missing_fields_of_a_shorter_struct() {
        #[repr(C)]
        #[derive(Clone, Copy)]
        struct Grown {
            base: csign_plugin_rejection,
            later: u64,
        }
        // SAFETY: `repr(C)` with `struct_size` first, and all fields may be zero.
        unsafe impl Table for Grown {
            const V1_0_SIZE: usize = csign_plugin_rejection::V1_0_SIZE;
        }
        let table = Grown {
            base: rejection(size_of::<csign_plugin_rejection>()),
            // Memory beyond the struct, which must not be read.
            later: u64::MAX,
        };
        // SAFETY: the struct is longer than it says.
        let ours = unsafe { read(&raw const table) }.unwrap();
        assert_eq!((ours.base.retry_after_s, ours.later), (7, 0));
    }

    #[test]
    fn rejects_null_and_a_struct_shorter_than_in_version_1_0() {
        let table = rejection(size_of::<csign_plugin_rejection>() - 1);
        // SAFETY: the struct is longer than it says.
        assert!(unsafe { read(&raw const table) }.is_err());
        // SAFETY: NULL is never read.
        assert!(unsafe { read::<csign_plugin_host>(std::ptr::null()) }.is_err());
    }
}
