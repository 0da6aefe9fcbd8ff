//! Plugins in Rust: a trait to implement, and a macro that exports it.

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::{
    CSIGN_PLUGIN_ABI_MINOR, csign_plugin_call, csign_plugin_host, csign_plugin_kind as Kind,
    csign_plugin_level as Level, csign_plugin_module, csign_plugin_rejection,
    csign_plugin_status as Status, csign_provider_vtable,
};

/// A plugin's provider: a profile, and functions for what a profile can't express.
///
/// The functions have no `self`: any thread may call them, several at the same time, for as long as
/// the process runs. [`csign_provider_vtable`] documents what each of them may read and set.
///
/// # Example
///
/// ```
/// use countersign_plugin::sdk::{Call, PluginProvider, Rejection};
///
/// struct Acme;
///
/// impl PluginProvider for Acme {
///     const ID: &'static std::ffi::CStr = c"acme";
///
///     fn profile() -> &'static str {
///         r#"
///         id = "acme"
///         name = "Acme"
///         documentation = "https://acme.example/docs"
///         environments.production.base_url = "https://login.acme.example"
///         endpoints.token = "{base_url}/token"
///         grants.client-credentials.client_auth = ["post"]
///         extra.tenant = "the tenant"
///         "#
///     }
///
///     fn check(call: Call<'_>) -> Result<(), Rejection> {
///         match call.text("extra.tenant") {
///             Some("example") => Err(Rejection::setting("extra.tenant", "`extra.tenant` is an example")),
///             _ => Ok(()),
///         }
///     }
///
///     fn read(call: Call<'_>) -> Result<(), Rejection> {
///         if let Some(tenant) = call.text("extra.tenant") {
///             call.set("tenant", tenant);
///         }
///         Ok(())
///     }
/// }
///
/// countersign_plugin::export_provider!(Acme);
/// # fn main() {}
/// ```
pub trait PluginProvider {
    /// The provider's id in the setting `provider`. It must be the same as in the profile.
    const ID: &'static CStr;

    /// Returns the provider as TOML.
    fn profile() -> &'static str;

    /// Checks a connection's settings beyond what the profile can express.
    ///
    /// # Errors
    ///
    /// Return a [`Rejection::setting`] that names the setting and what to write instead.
    fn check(call: Call<'_>) -> Result<(), Rejection> {
        let _ = call;
        Ok(())
    }

    /// Sets additional parameters of a token request.
    ///
    /// # Errors
    ///
    /// Return a [`Rejection`] if the connection lacks something that a parameter needs.
    fn parameters(call: Call<'_>) -> Result<(), Rejection> {
        let _ = call;
        Ok(())
    }

    /// Translates a response of the token endpoint from the vendor's own format to RFC 6749.
    ///
    /// # Errors
    ///
    /// Return a [`Rejection`] if the response is not in this vendor's format.
    fn translate(call: Call<'_>) -> Result<(), Rejection> {
        let _ = call;
        Ok(())
    }

    /// Adds members to a new token's `extra`.
    ///
    /// # Errors
    ///
    /// Return a [`Rejection`] to reject the response.
    fn read(call: Call<'_>) -> Result<(), Rejection> {
        let _ = call;
        Ok(())
    }

    /// Sets `url`, which the host requests to find out whose token it is.
    ///
    /// # Errors
    ///
    /// Return a [`Rejection`] if the connection lacks something that the request needs.
    fn identity(call: Call<'_>) -> Result<(), Rejection> {
        let _ = call;
        Ok(())
    }

    /// Reads the response to that request, and sets the token's members.
    ///
    /// # Errors
    ///
    /// Return a [`Rejection`] if the response lacks something that the connection asks for.
    fn read_identity(call: Call<'_>) -> Result<(), Rejection> {
        let _ = call;
        Ok(())
    }
}

/// Exports [`PluginProvider`]s as a plugin, with the name and version of the crate.
///
/// Use it once, in a crate of type `cdylib`.
#[macro_export]
macro_rules! export_provider {
    ($($provider:ty),+ $(,)?) => {
        #[cfg(panic = "abort")]
        compile_error!("plugins catch panics: build with panic = \"unwind\"");

        #[allow(unsafe_code, reason = "the ABI defines the entry function's name")]
        const _: () = {
            static PROVIDERS: &[&$crate::abi::csign_provider_vtable] =
                &[$({
                    static VTABLE: $crate::abi::csign_provider_vtable =
                        $crate::sdk::vtable::<$provider>();
                    &VTABLE
                }),+];
            static MODULE: $crate::abi::csign_plugin_module = $crate::sdk::module(
                concat!(env!("CARGO_PKG_NAME"), "\0"),
                concat!(env!("CARGO_PKG_VERSION"), "\0"),
                PROVIDERS,
            );

            #[unsafe(no_mangle)]
            extern "C" fn countersign_plugin_v1(
                _: *const $crate::abi::csign_plugin_host,
            ) -> *const $crate::abi::csign_plugin_module {
                &raw const MODULE
            }
        };
    };
}

/// One call of a plugin function: reads strings from the host, and sets strings.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    host: &'a csign_plugin_host,
    id: csign_plugin_call,
    // Any thread may use the call, but only until the function returns.
    function: PhantomData<&'a ()>,
}

impl<'a> Call<'a> {
    /// Returns a string by name.
    ///
    /// Names are settings, `extra.NAME` and `token.NAME`. For a response there are also
    /// `http_status`, `header.NAME`, `body` and JSON pointers. [`csign_plugin_host::text`] lists
    /// which functions see which names.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.host.text?;
        let (mut begin, mut len) = (std::ptr::null(), 0);
        // SAFETY: the host's function gets a call whose function is still running, and pointers to
        // live memory.
        let status = unsafe { text(self.id, pointer(name), name.len(), &mut begin, &mut len) };
        if status != Status::Ok as i32 || begin.is_null() {
            return None;
        }
        // SAFETY: the host guarantees `len` bytes, valid until the plugin's function returns.
        let bytes = unsafe { std::slice::from_raw_parts(begin.cast::<u8>(), len) };
        std::str::from_utf8(bytes).ok()
    }

    /// Sets a string by name. If the host rejects it, the request fails.
    pub fn set(&self, name: &str, value: &str) {
        if let Some(set) = self.host.set {
            let (begin, len) = (pointer(value), value.len());
            // SAFETY: as above. The host copies both strings.
            unsafe { set(self.id, pointer(name), name.len(), begin, len) };
        }
    }

    /// Logs a message to the program that embeds the host. Never log a token or a secret.
    pub fn log(&self, level: Level, text: &str) {
        if let Some(log) = self.host.log {
            // SAFETY: as above. The host copies the string.
            unsafe { log(self.id, level as u32, pointer(text), text.len()) };
        }
    }

    /// Returns the time of the host's clock, in seconds since 1970.
    pub fn now_unix_s(&self) -> i64 {
        let mut now = 0;
        if let Some(clock) = self.host.now_unix_s {
            // SAFETY: as above, and `now` is writable.
            unsafe { clock(self.id, &mut now) };
        }
        now
    }

    fn reject(&self, kind: u32, rejection: &Rejection) {
        let texts = [&rejection.message, &rejection.hint, &rejection.setting];
        let [message, hint, setting] = texts.map(|text| (pointer(text), text.len()));
        let table = csign_plugin_rejection {
            struct_size: size_of::<csign_plugin_rejection>() as u32,
            kind,
            message: message.0,
            message_len: message.1,
            hint: hint.0,
            hint_len: hint.1,
            setting: setting.0,
            setting_len: setting.1,
            retry_after_s: rejection.retry_after_s,
        };
        if let Some(reject) = self.host.reject {
            // SAFETY: as above. The host copies the struct and its strings.
            unsafe { reject(self.id, &raw const table) };
        }
    }
}

/// The reason for rejecting a request.
#[derive(Clone, Debug)]
#[must_use]
pub struct Rejection {
    kind: Kind,
    message: String,
    hint: String,
    setting: String,
    retry_after_s: u64,
}

impl Rejection {
    /// Creates a rejection. `message` is one sentence that says what is wrong.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: String::new(),
            setting: String::new(),
            retry_after_s: 0,
        }
    }

    /// Creates a rejection for a setting that is missing, malformed or contradicts another.
    pub fn setting(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            setting: name.into(),
            ..Self::new(Kind::Setting, message)
        }
    }

    /// Sets the hint: one sentence that says what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Sets the number of seconds to wait before retrying.
    pub fn with_retry_after_s(mut self, seconds: u64) -> Self {
        self.retry_after_s = seconds;
        self
    }
}

/// Returns a provider's vtable. For [`export_provider!`](crate::export_provider).
#[doc(hidden)]
pub const fn vtable<P: PluginProvider>() -> csign_provider_vtable {
    csign_provider_vtable {
        struct_size: size_of::<csign_provider_vtable>() as u32,
        flags: 0,
        id: P::ID.as_ptr(),
        profile: Some(profile::<P>),
        check: Some(check::<P>),
        parameters: Some(parameters::<P>),
        translate: Some(translate::<P>),
        read: Some(read::<P>),
        identity: Some(identity::<P>),
        read_identity: Some(read_identity::<P>),
        get_extension: None,
    }
}

/// Returns a plugin's module. For [`export_provider!`](crate::export_provider), which ends both
/// strings with a NUL.
#[doc(hidden)]
pub const fn module(
    name: &'static str,
    version: &'static str,
    providers: &'static [&'static csign_provider_vtable],
) -> csign_plugin_module {
    csign_plugin_module {
        struct_size: size_of::<csign_plugin_module>() as u32,
        abi_minor: CSIGN_PLUGIN_ABI_MINOR,
        name: name.as_ptr().cast(),
        version: version.as_ptr().cast(),
        provider_count: providers.len(),
        // A reference has the same layout as a pointer.
        providers: providers.as_ptr().cast(),
        get_extension: None,
    }
}

/// Defines the vtable's functions. Each calls one function of the trait and catches its panic.
macro_rules! thunks {
    ($($name:ident = $body:expr;)+) => {$(
        unsafe extern "C" fn $name<P: PluginProvider>(
            host: *const csign_plugin_host,
            call: csign_plugin_call,
        ) -> i32 {
            // SAFETY: the host passes its table, which lives as long as the process.
            unsafe { run(host, call, $body) }
        }
    )+};
}

thunks! {
    profile = |call| {
        call.set("profile", P::profile());
        Ok(())
    };
    check = P::check;
    parameters = P::parameters;
    translate = P::translate;
    read = P::read;
    identity = P::identity;
    read_identity = P::read_identity;
}

/// # Safety
///
/// `host` is NULL or the host's table, which lives as long as the process.
unsafe fn run(
    host: *const csign_plugin_host,
    id: csign_plugin_call,
    function: impl FnOnce(Call<'_>) -> Result<(), Rejection>,
) -> i32 {
    // SAFETY: the caller guarantees it.
    let Ok(host) = (unsafe { crate::abi::read(host) }) else {
        return Status::Failed as i32;
    };
    let call = Call {
        host: &host,
        id,
        function: PhantomData,
    };
    match catch_unwind(AssertUnwindSafe(|| function(call))) {
        Ok(Ok(())) => Status::Ok as i32,
        Ok(Err(rejection)) => {
            call.reject(rejection.kind as u32, &rejection);
            Status::Rejected as i32
        }
        Err(payload) => {
            call.reject(0, &Rejection::new(Kind::Unreadable, panic_message(payload)));
            Status::Panicked as i32
        }
    }
}

fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    match payload.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => {
            // The payload's destructor may panic, too.
            std::mem::forget(payload);
            "no panic message".to_owned()
        }
    }
}

fn pointer(text: &str) -> *const c_char {
    text.as_ptr().cast()
}
