//! Plugins in Rust: a trait to fill in, and the macro that exports it.

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::abi::{
    CSIGN_PLUGIN_ABI_MINOR, csign_plugin_call, csign_plugin_host, csign_plugin_kind as Kind,
    csign_plugin_level as Level, csign_plugin_module, csign_plugin_refusal,
    csign_plugin_status as Status, csign_provider_vtable,
};

/// A provider in a plugin: a profile, and functions for what a profile cannot say.
///
/// Functions have no `self`: a plugin is called by any thread, concurrently, and lives as long as the process.
/// What each may read and write is in the manual of the vtable: `include/countersign_plugin.h`.
///
/// # Example
///
/// ```
/// use countersign_plugin::sdk::{Call, PluginProvider, Refusal};
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
///     fn check(call: Call<'_>) -> Result<(), Refusal> {
///         match call.text("extra.tenant") {
///             Some("example") => Err(Refusal::setting("extra.tenant", "`extra.tenant` is an example")),
///             _ => Ok(()),
///         }
///     }
///
///     fn read(call: Call<'_>) -> Result<(), Refusal> {
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
    /// The word for this provider in the setting `provider`; the same as in the profile.
    const ID: &'static CStr;

    /// The provider as TOML.
    fn profile() -> &'static str;

    /// Checks a connection's settings beyond what the profile says.
    ///
    /// # Errors
    ///
    /// A [`Refusal::setting`] that names the setting and what to write instead.
    fn check(call: Call<'_>) -> Result<(), Refusal> {
        let _ = call;
        Ok(())
    }

    /// Sets the parameters of a token request besides the grant's own.
    ///
    /// # Errors
    ///
    /// Where the connection lacks what a parameter needs.
    fn parameters(call: Call<'_>) -> Result<(), Refusal> {
        let _ = call;
        Ok(())
    }

    /// Puts an answer of the token endpoint into the words of RFC 6749.
    ///
    /// # Errors
    ///
    /// Where the answer is not one of this vendor's.
    fn translate(call: Call<'_>) -> Result<(), Refusal> {
        let _ = call;
        Ok(())
    }

    /// Adds to what comes along with a new token.
    ///
    /// # Errors
    ///
    /// Where the answer contradicts itself.
    fn read(call: Call<'_>) -> Result<(), Refusal> {
        let _ = call;
        Ok(())
    }

    /// Sets `url`: where to ask whom a token stands for.
    ///
    /// # Errors
    ///
    /// Where the connection lacks what the request needs.
    fn identity(call: Call<'_>) -> Result<(), Refusal> {
        let _ = call;
        Ok(())
    }

    /// Reads the answer to that, and sets what goes along with the token.
    ///
    /// # Errors
    ///
    /// Where the answer lacks what the connection asks for.
    fn read_identity(call: Call<'_>) -> Result<(), Refusal> {
        let _ = call;
        Ok(())
    }
}

/// Makes the plugin's entry function from the [`PluginProvider`]s it has; the plugin's name and version are the crate's.
/// Once in a crate of type `cdylib`.
#[macro_export]
macro_rules! export_provider {
    ($($provider:ty),+ $(,)?) => {
        #[cfg(panic = "abort")]
        compile_error!("a plugin catches its panics: build it with panic = \"unwind\"");

        #[allow(unsafe_code, reason = "the entry function has its name from the ABI")]
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

/// One call of one function: what the host shows and where the plugin writes. Over when the function returns.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    host: &'a csign_plugin_host,
    id: csign_plugin_call,
    // A text may be asked for by any thread, but the call ends with its function.
    function: PhantomData<&'a ()>,
}

impl<'a> Call<'a> {
    /// The text of this name: a setting, `extra.NAME`, `token.NAME`, or of an answer `http_status`, `header.NAME`, `body` or
    /// a JSON pointer.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.host.text?;
        let (mut begin, mut len) = (std::ptr::null(), 0);
        // SAFETY: the host's function, called with a call that is not over and pointers that are good.
        let status = unsafe { text(self.id, pointer(name), name.len(), &mut begin, &mut len) };
        if status != Status::Ok as i32 || begin.is_null() {
            return None;
        }
        // SAFETY: the host says so: `len` bytes of UTF-8, good until the function returns.
        let bytes = unsafe { std::slice::from_raw_parts(begin.cast::<u8>(), len) };
        std::str::from_utf8(bytes).ok()
    }

    /// Writes a text by its name. One that the host does not take fails the request.
    pub fn set(&self, name: &str, value: &str) {
        if let Some(set) = self.host.set {
            let (begin, len) = (pointer(value), value.len());
            // SAFETY: as above; both are copied.
            unsafe { set(self.id, pointer(name), name.len(), begin, len) };
        }
    }

    /// Tells the program that embeds the host something. Never a token or a secret.
    pub fn log(&self, level: Level, text: &str) {
        if let Some(log) = self.host.log {
            // SAFETY: as above; it is copied.
            unsafe { log(self.id, level as u32, pointer(text), text.len()) };
        }
    }

    /// The host's clock, in seconds since 1970.
    pub fn now_unix_s(&self) -> i64 {
        let mut now = 0;
        if let Some(clock) = self.host.now_unix_s {
            // SAFETY: as above, and `now` can be written.
            unsafe { clock(self.id, &mut now) };
        }
        now
    }

    fn refuse(&self, kind: u32, refusal: &Refusal) {
        let texts = [&refusal.message, &refusal.hint, &refusal.setting];
        let [message, hint, setting] = texts.map(|text| (pointer(text), text.len()));
        let table = csign_plugin_refusal {
            struct_size: size_of::<csign_plugin_refusal>() as u32,
            kind,
            message: message.0,
            message_len: message.1,
            hint: hint.0,
            hint_len: hint.1,
            setting: setting.0,
            setting_len: setting.1,
            retry_after_s: refusal.retry_after_s,
        };
        if let Some(refuse) = self.host.refuse {
            // SAFETY: as above; the table and its texts are copied.
            unsafe { refuse(self.id, &raw const table) };
        }
    }
}

/// Why a request cannot be.
#[derive(Clone, Debug)]
#[must_use]
pub struct Refusal {
    kind: Kind,
    message: String,
    hint: String,
    setting: String,
    retry_after_s: u64,
}

impl Refusal {
    /// A refusal of this kind: one sentence on what is wrong.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: String::new(),
            setting: String::new(),
            retry_after_s: 0,
        }
    }

    /// A setting is missing, malformed or contradicts another.
    pub fn setting(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            setting: name.into(),
            ..Self::new(Kind::Setting, message)
        }
    }

    /// The same with one sentence on what to do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The same with the seconds to wait before trying again.
    pub fn with_retry_after_s(mut self, seconds: u64) -> Self {
        self.retry_after_s = seconds;
        self
    }
}

/// The vtable of a provider: for [`export_provider!`](crate::export_provider).
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

/// The module of a plugin: for [`export_provider!`](crate::export_provider), which ends both texts with a NUL.
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
        // A reference and a pointer to constant are the same in memory.
        providers: providers.as_ptr().cast(),
        get_extension: None,
    }
}

/// The functions that cross the border: each calls one of the trait's and catches its panic.
macro_rules! thunks {
    ($($name:ident = $body:expr;)+) => {$(
        unsafe extern "C" fn $name<P: PluginProvider>(
            host: *const csign_plugin_host,
            call: csign_plugin_call,
        ) -> i32 {
            // SAFETY: the host's promise: its table is there and lives as long as the process.
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
    function: impl FnOnce(Call<'_>) -> Result<(), Refusal>,
) -> i32 {
    // SAFETY: the caller's promise.
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
        Ok(Err(refusal)) => {
            call.refuse(refusal.kind as u32, &refusal);
            Status::Refused as i32
        }
        Err(payload) => {
            call.refuse(0, &Refusal::new(Kind::Unreadable, words(payload)));
            Status::Panicked as i32
        }
    }
}

fn words(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    match payload.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => {
            // Its destructor is the plugin's and may panic as well.
            std::mem::forget(payload);
            "no words".to_owned()
        }
    }
}

fn pointer(text: &str) -> *const c_char {
    text.as_ptr().cast()
}
