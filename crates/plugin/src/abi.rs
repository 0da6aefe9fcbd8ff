//! The plugin ABI, major version 1, as both sides of it see it: the source of
//! `include/countersign_plugin.h`, whose manual these comments are.

#![allow(non_camel_case_types, reason = "the names of the C header")]

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};

/// The minor version of this header. A minor version only adds: fields at the end of structs, values of enums,
/// names that `text` knows. The major version is part of the entry function's name.
pub const CSIGN_PLUGIN_ABI_MINOR: u32 = 0;

/// One call of one function of a plugin: what the host shows it and where the plugin writes.
///
/// It is a number, not a pointer, and never used again: it means something until the function that was called
/// with it returns. A host function that gets it later answers `CSIGN_PLUGIN_STATUS_STALE`, changes nothing,
/// and the plugin is marked as suspect. Threads that a function starts and joins may use its call.
pub type csign_plugin_call = u64;

/// What a function answers, the plugin's and the host's alike. Any other value is a failure.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum csign_plugin_status {
    /// Done.
    Ok = 0,
    /// From a plugin: the request cannot be, for the reason it gave by `refuse`.
    Refused = 1,
    /// The function failed for a reason of its own; a plugin may have given one by `refuse`.
    Failed = 2,
    /// From a plugin: it panicked, and caught that. Marks the plugin as suspect.
    Panicked = 3,
    /// From the host: there is nothing of this name.
    Absent = 10,
    /// From the host: an argument is NULL, too long, not UTF-8, or not for this function. The request fails.
    Misuse = 11,
    /// From the host: the call is over.
    Stale = 12,
}

/// What a refusal is, which decides what the caller is told to do. An unknown kind is a failure of the plugin.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum csign_plugin_kind {
    /// A setting is missing, malformed or contradicts another: fix the configuration.
    Setting = 1,
    /// What the server sent does not verify: fix the configuration.
    Verification = 2,
    /// The server refused: fix the configuration.
    Refused = 3,
    /// The server asks to slow down: try again later.
    Throttled = 4,
    /// The server is not able to answer now: try again later.
    Unavailable = 5,
    /// The answer is not one of this vendor's: unexpected.
    Unreadable = 6,
    /// A person has to log in again.
    LoginRequired = 7,
    /// A person has to consent, or an administrator to approve.
    ConsentRequired = 8,
}

/// How much a line of log matters.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum csign_plugin_level {
    /// Something is wrong.
    Error = 1,
    /// Something may be wrong.
    Warning = 2,
    /// Something happened.
    Info = 3,
    /// For whoever develops the plugin.
    Debug = 4,
}

/// Why a request cannot be. Texts are UTF-8, need no NUL, and are copied before `refuse` returns; NULL with
/// length 0 where there is none. Never put a token or a secret into one.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct csign_plugin_refusal {
    /// `sizeof(csign_plugin_refusal)` of the header the plugin was compiled with.
    pub struct_size: u32,
    /// A `csign_plugin_kind`.
    pub kind: u32,
    /// One sentence on what is wrong. Required.
    pub message: *const c_char,
    /// Its length in bytes.
    pub message_len: usize,
    /// One sentence on what to do about it.
    pub hint: *const c_char,
    /// Its length in bytes.
    pub hint_len: usize,
    /// The setting to look at, such as `extra.account_id`.
    pub setting: *const c_char,
    /// Its length in bytes.
    pub setting_len: usize,
    /// The seconds to wait before trying again; 0 where that is not known.
    pub retry_after_s: u64,
}

/// What the host does for a plugin. It lives as long as the process, and every function in it may be called by
/// any thread at any time; those with a `call` only until the function that was called with it returns.
///
/// Test for a field that came after version 1.0 before use: it is there if `struct_size` reaches past its end
/// and it is not NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct csign_plugin_host {
    /// The size of the host's struct in bytes; may be more or less than this header's.
    pub struct_size: u32,
    /// The host's `CSIGN_PLUGIN_ABI_MINOR`.
    pub abi_minor: u32,
    /// The host's release, for logs: NUL-terminated, never NULL.
    pub version: *const c_char,
    /// Shows a text by name: writes where it begins and its length in bytes. It is UTF-8, followed by a NUL
    /// that the length does not count, belongs to the host, and is good until the plugin's function returns.
    ///
    /// In every function but `profile`, names are the connection's settings: `connection` (its name),
    /// `provider`, `environment`, `grant`, `client_id`, `client_auth`, `subject`, `audience`, `issuer`,
    /// `scopes` (parted by blanks), `redirect_uri`, `base_url`, `token_url`, `userinfo_url`, and `extra.NAME`.
    /// No secret is among them.
    ///
    /// In `parameters` also `request.grant`: the grant of this request, such as `refresh-token` where the
    /// connection's is `authorization-code`.
    ///
    /// In `read` and `identity` also `token.NAME`: what came along with the token, such as members of the
    /// answer that the profile lists in `response.keep`.
    ///
    /// In `translate` and `read_identity` also `http_status`, `header.NAME` (in any case), `body` where that is
    /// UTF-8, and any JSON pointer (RFC 6901), such as `/data/0/id`: the scalar there as text, or the JSON text
    /// of an object or array. Absent where it is null or the body is not JSON. A body may hold tokens.
    ///
    /// Answers `CSIGN_PLUGIN_STATUS_ABSENT` where there is no such text, with NULL and 0.
    pub text: Option<
        unsafe extern "C" fn(
            call: csign_plugin_call,
            name: *const c_char,
            name_len: usize,
            out_text: *mut *const c_char,
            out_len: *mut usize,
        ) -> i32,
    >,
    /// Writes a text by name: what names there are, each function of the vtable says. Both are UTF-8 and copied
    /// before this returns; a name has at most 256 bytes, a value 1 MiB. A name that is written again is
    /// replaced.
    pub set: Option<
        unsafe extern "C" fn(
            call: csign_plugin_call,
            name: *const c_char,
            name_len: usize,
            value: *const c_char,
            value_len: usize,
        ) -> i32,
    >,
    /// Says why the request cannot be. Return `CSIGN_PLUGIN_STATUS_REFUSED` after it.
    pub refuse: Option<
        unsafe extern "C" fn(call: csign_plugin_call, refusal: *const csign_plugin_refusal) -> i32,
    >,
    /// Tells the program that embeds the host something; `level` is a `csign_plugin_level`. Never log a token
    /// or a secret.
    pub log: Option<
        unsafe extern "C" fn(
            call: csign_plugin_call,
            level: u32,
            text: *const c_char,
            text_len: usize,
        ) -> i32,
    >,
    /// The host's clock, in seconds since 1970-01-01T00:00:00Z. Use it instead of the machine's, which a test
    /// may not share.
    pub now_unix_s:
        Option<unsafe extern "C" fn(call: csign_plugin_call, out_unix_s: *mut i64) -> i32>,
    /// An optional part of the host by its id, such as `countersign.revoke/1`, NUL-terminated; NULL where it
    /// has none. Version 1.0 defines no extension. Third parties put a prefix of theirs before their ids.
    pub get_extension: Option<unsafe extern "C" fn(id: *const c_char) -> *const c_void>,
}

/// One provider: a profile, and functions for what a profile cannot say.
///
/// All functions are called by any thread, and concurrently; none may unwind, throw or `longjmp` out. All but
/// `id` and `profile` may be NULL. They get the host and a call, write by `host->set`, and return a
/// `csign_plugin_status`. A function that returns neither `CSIGN_PLUGIN_STATUS_OK` nor
/// `CSIGN_PLUGIN_STATUS_REFUSED`, or that misuses the host, fails the request with an error that names the
/// plugin.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct csign_provider_vtable {
    /// `sizeof(csign_provider_vtable)` of the header the plugin was compiled with.
    pub struct_size: u32,
    /// 0 in version 1.
    pub flags: u32,
    /// The word for this provider in the setting `provider`: letters, digits and `-`, NUL-terminated. The same
    /// as in the profile, and no other provider's.
    pub id: *const c_char,
    /// Writes `profile`: the provider as TOML, as in the profiles that users bring. Called whenever the plugin is
    /// loaded. A field that came with a later minor version is refused by a host that is older: look at
    /// `host->abi_minor`.
    pub profile: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Checks a connection's settings beyond what the profile says. Writes nothing.
    pub check: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Writes the parameters of a token request besides the grant's own, each by its name; one that the grant
    /// has already (`grant_type`, `scope`) is replaced. `client_*`, `assertion`, `code`, `code_verifier` and
    /// `refresh_token` are the host's alone.
    pub parameters: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Puts an answer of the token endpoint into the words of RFC 6749, for a vendor that has its own: writes
    /// `access_token`, `token_type`, `expires_in` (seconds, in digits), `refresh_token`, `id_token`, `scope`, and
    /// whatever the profile lists in `response.keep`; or `error` and `error_description`. Writes nothing where the
    /// answer can be read as it is.
    ///
    /// Where the server refused, write `error`: then it is known that nothing was spent, and the profile's table of
    /// errors decides. To refuse here means that the answer is not one of this vendor's.
    pub translate: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Adds to what comes along with a new token (`extra`), each by its name, or refuses the answer.
    pub read: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Writes `url`: where the host asks, with the access token as Bearer, whom it stands for. Nothing where
    /// nobody can be asked.
    pub identity: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// Reads the answer to that, where it is a success: writes what goes along with the token, each by its
    /// name.
    pub read_identity: Option<
        unsafe extern "C" fn(host: *const csign_plugin_host, call: csign_plugin_call) -> i32,
    >,
    /// An optional part of this provider by its id, NUL-terminated; NULL where it has none.
    pub get_extension: Option<unsafe extern "C" fn(id: *const c_char) -> *const c_void>,
}

/// What a plugin is made of. It and all it points to are constant and live as long as the process.
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
    /// How many providers it has, from 1 to 64.
    pub provider_count: usize,
    /// They.
    pub providers: *const *const csign_provider_vtable,
    /// An optional part of the plugin by its id, NUL-terminated; NULL where it has none.
    pub get_extension: Option<unsafe extern "C" fn(id: *const c_char) -> *const c_void>,
}

/// The one function a plugin exports, as `countersign_plugin_v1`; its manual is at the head of the C header.
pub type EntryV1 =
    unsafe extern "C" fn(host: *const csign_plugin_host) -> *const csign_plugin_module;

/// Its name, NUL-terminated.
pub const ENTRY_V1: &std::ffi::CStr = c"countersign_plugin_v1";

/// A struct that grows at its end, and tells its size first.
///
/// # Safety
///
/// `repr(C)`, beginning with `struct_size: u32`, and all zero bytes are one.
pub unsafe trait Table: Copy {
    /// The size it had in version 1.0: less than that is refused.
    const V1_0_SIZE: usize;
}

// SAFETY: `repr(C)` with `struct_size` first; numbers, pointers and optional functions may be zero.
unsafe impl Table for csign_plugin_refusal {
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

// SAFETY: constant after it is made, and what it points to is constant and lives as long as the process.
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

/// Copies a peer's table: as many bytes as both sides know, the rest zero.
///
/// A reference to our type over a shorter table would be undefined behaviour, so the size is read first,
/// through the raw pointer, and then that much.
///
/// # Errors
///
/// Where the pointer is NULL or not aligned, or the table shorter than it was in version 1.0.
///
/// # Safety
///
/// Where it is not NULL, `peer` points to as many readable bytes as its first four say, and to at least four.
pub unsafe fn read<T: Table>(peer: *const T) -> Result<T, &'static str> {
    if peer.is_null() {
        return Err("is NULL");
    }
    if !peer.is_aligned() {
        return Err("is not aligned");
    }
    // SAFETY: the caller promises four bytes; alignment was looked at.
    let size = unsafe { peer.cast::<u32>().read() } as usize;
    if size < T::V1_0_SIZE {
        return Err("is shorter than in version 1.0 of the plugin ABI (struct_size)");
    }
    let mut ours = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: the peer's bytes are readable up to `size`, ours writable up to our size; they do not overlap. All zero bytes
    // are a `T`, and so are a `T`'s first fields followed by zeros.
    unsafe {
        let known = size.min(size_of::<T>());
        std::ptr::copy_nonoverlapping(peer.cast::<u8>(), ours.as_mut_ptr().cast::<u8>(), known);
        Ok(ours.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(struct_size: usize) -> csign_plugin_refusal {
        csign_plugin_refusal {
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
    fn a_table_of_our_size_is_read_whole() {
        let table = refusal(size_of::<csign_plugin_refusal>());
        // SAFETY: the table is as long as it says.
        let ours = unsafe { read(&raw const table) }.unwrap();
        assert_eq!((ours.kind, ours.retry_after_s), (3, 7));
    }

    #[test]
    fn of_a_longer_table_what_we_know_is_read() {
        #[repr(C)]
        struct Longer(csign_plugin_refusal, u64);
        let table = Longer(refusal(size_of::<Longer>()), u64::MAX);
        // SAFETY: the table is as long as it says.
        let ours = unsafe { read((&raw const table).cast::<csign_plugin_refusal>()) }.unwrap();
        assert_eq!(ours.retry_after_s, 7);
    }

    /// What a host of version 1.1 does with a plugin of version 1.0.
    #[test]
    fn what_a_shorter_table_lacks_is_zero() {
        #[repr(C)]
        #[derive(Clone, Copy)]
        struct Grown {
            base: csign_plugin_refusal,
            later: u64,
        }
        // SAFETY: `repr(C)` with `struct_size` first; all zero is one.
        unsafe impl Table for Grown {
            const V1_0_SIZE: usize = csign_plugin_refusal::V1_0_SIZE;
        }
        let table = Grown {
            base: refusal(size_of::<csign_plugin_refusal>()),
            // What happens to lie behind it.
            later: u64::MAX,
        };
        // SAFETY: the table is longer than it says.
        let ours = unsafe { read(&raw const table) }.unwrap();
        assert_eq!((ours.base.retry_after_s, ours.later), (7, 0));
    }

    #[test]
    fn a_table_that_never_was_that_short_is_refused() {
        let table = refusal(size_of::<csign_plugin_refusal>() - 1);
        // SAFETY: the table is longer than it says.
        assert!(unsafe { read(&raw const table) }.is_err());
        // SAFETY: NULL is never read.
        assert!(unsafe { read::<csign_plugin_host>(std::ptr::null()) }.is_err());
    }
}
