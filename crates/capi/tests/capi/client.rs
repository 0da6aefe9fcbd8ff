//! Clients: tokens, buffers, callbacks, and errors.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use countersign_capi::*;
use countersign_core::{Clock, SystemClock};
use countersign_sandbox::Fault;

use crate::keys::read;
use crate::program::{Config, call, owned, pair, sandbox, text};

#[test]
fn further_calls_return_the_cached_token() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "docusign-jwt").client().unwrap();
    let first = client.token().unwrap();
    let (again, same) = (client.token().unwrap(), client.token().unwrap());
    assert_eq!(first.source(), csign_source::MINTED);
    assert_eq!(again.source(), csign_source::CACHE);
    assert_eq!((first.value(), same.0), (again.value(), again.0));
    assert_eq!(client.count(csign_counter::MINTED), 1);
    // A token outlives its client.
    drop(client);
    assert_eq!(first.value(), again.value());
}

#[test]
fn a_store_that_outlives_the_process_needs_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file:{}", folder.path().join("tokens").display());
    let config = Config::new();
    for (key, value) in [
        ("provider", "boldsign"),
        ("environment", "us"),
        ("grant", "client-credentials"),
        ("client_id", "my-app"),
        ("client_secret", "s3cret"),
        ("store", store.as_str()),
    ] {
        config.set(key, value).unwrap();
    }
    let rejected = config.client().map(drop).unwrap_err();
    assert_eq!(rejected.verdict, csign_verdict::FIX_CONFIGURATION);
    assert_eq!(rejected.setting.as_deref(), Some("name"), "{rejected:?}");
    // No store was created for a client without a name.
    assert!(!folder.path().join("tokens").exists());
    config.set("store", "memory").unwrap();
    config.client().unwrap();
    config.set("store", &store).unwrap();
    let (name, length) = pair("ann");
    // SAFETY: live, and the text has this length.
    call(|error| unsafe { csign_config_set_name(config.0, name, length, error) }).unwrap();
    config.client().unwrap();
}

#[test]
fn the_refresh_tokens_expiry_is_what_the_vendor_reports() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "salesforce-refresh")
        .client()
        .unwrap();
    let expiry = || {
        let mut seconds = 7;
        // SAFETY: live.
        call(|error| unsafe {
            csign_client_refresh_token_expires_at(client.0, &mut seconds, error)
        })
        .unwrap();
        seconds
    };
    assert_eq!(expiry(), -1);
    let body = r#"{"access_token":"a","refresh_token":"r1","refresh_token_expires_in":5000}"#;
    let reported = Fault {
        body: Some(body.into()),
        content_type: Some("application/json".into()),
        ..Fault::status(200)
    };
    sandbox.fault(reported).unwrap();
    let before = SystemClock::new().now().unix_s();
    client.token().unwrap();
    let after = SystemClock::new().now().unix_s();
    assert!(
        (before + 5000..=after + 5000).contains(&expiry()),
        "{}",
        expiry()
    );
}

#[test]
fn a_token_is_copied_if_it_fits_the_buffer() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    let mut length = 99;
    // SAFETY: live, and the buffer has this length.
    let peeked = call(|error| unsafe {
        csign_client_peek_token(client.0, ptr::null_mut(), 0, &mut length, error)
    });
    assert_eq!((peeked, length), (Ok(()), 0));

    let token = client.token().unwrap().value();
    let mut small = [7; 4];
    // SAFETY: as above.
    let rejected = call(|error| unsafe {
        csign_client_copy_token(client.0, 0, small.as_mut_ptr(), 4, &mut length, error)
    })
    .unwrap_err();
    assert_eq!(rejected.status, csign_status::BUFFER_TOO_SMALL);
    assert_eq!((length, small), (token.len(), [7; 4]));

    let mut buffer = vec![7; token.len() + 1];
    let room = buffer.len();
    // SAFETY: as above.
    call(|error| unsafe {
        csign_client_copy_token(client.0, 0, buffer.as_mut_ptr(), room, &mut length, error)
    })
    .unwrap();
    let copied: Vec<u8> = buffer.iter().map(|byte| *byte as u8).collect();
    assert_eq!(copied, [token.as_bytes(), b"\0"].concat());
    // SAFETY: as above.
    call(|error| unsafe {
        csign_client_peek_token(client.0, buffer.as_mut_ptr(), room, &mut length, error)
    })
    .unwrap();
    assert_eq!(length, token.len());
}

#[test]
fn peek_returns_the_cached_token_and_sends_no_request() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    assert!(client.peek(0).unwrap().is_none());
    assert!(client.peek(60_000).unwrap().is_none());
    assert_eq!(client.count(csign_counter::MINTED), 0);

    let minted = client.token().unwrap();
    let (peeked, longer) = (client.peek(0).unwrap(), client.peek(60_000).unwrap());
    let (peeked, longer, same) = (peeked.unwrap(), longer.unwrap(), client.token().unwrap());
    assert_eq!(peeked.value(), minted.value());
    assert_eq!(peeked.source(), csign_source::CACHE);
    // While the cached token is unchanged, every call returns the same handle.
    assert_eq!((peeked.0, peeked.0), (longer.0, same.0));
    assert_eq!(client.count(csign_counter::HITS), 3);

    let share = peeked.share();
    drop((client, peeked, longer, same));
    assert_eq!(share.value(), minted.value());
}

#[test]
fn peek_skips_a_token_that_expires_too_soon() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    // SAFETY: live, and the callback uses no data.
    call(|e| unsafe {
        csign_config_set_clock(config.0, Some(read_clock), ptr::null_mut(), None, e)
    })
    .unwrap();
    let client = config.client().unwrap();
    client.token().unwrap();
    AHEAD_MS.store(3_000_000, Ordering::SeqCst);
    assert!(client.peek(0).unwrap().is_some());
    assert!(client.peek(900_000).unwrap().is_none());
    assert_eq!(client.count(csign_counter::MINTED), 1);
}

static AHEAD_MS: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn read_clock(_: *mut c_void, unix_ms: *mut i64, boot_ms: *mut u64) -> i32 {
    let ahead = AHEAD_MS.load(Ordering::SeqCst);
    // SAFETY: the library passes two places that are valid for writes.
    unsafe { (*unix_ms, *boot_ms) = (1_800_000_000_000 + ahead as i64, 1_000 + ahead) };
    0
}

#[test]
fn a_signer_needs_private_key_to_be_unset() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "docusign-jwt");
    let key = std::fs::read(sandbox.dir().join("docusign.pem")).unwrap();
    let key = read(&key).unwrap();
    let ((alg, length), data) = (pair("RS256"), key.0.cast());
    // SAFETY: live, and the key outlives the client.
    call(|error| unsafe {
        let (none, sign) = (ptr::null(), Some(sign_with as _));
        csign_config_set_signer(config.0, alg, length, none, 0, sign, data, None, error)
    })
    .unwrap();
    let rejected = config.client().err().unwrap();
    assert_eq!(rejected.setting.as_deref(), Some("private_key"));

    // Unsetting a secret also removes its `_file` form, which the file has.
    config.unset("private_key").unwrap();
    config.unset("private_key").unwrap();
    let client = config.client().unwrap();
    assert_eq!(client.token().unwrap().source(), csign_source::MINTED);

    let rejected = config.unset("private_kee").unwrap_err();
    assert_eq!(rejected.status, csign_status::SETTING);
    assert!(rejected.message.contains("`private_key`"), "{rejected:?}");
}

unsafe extern "C" fn sign_with(
    key: *mut c_void,
    input: *const u8,
    input_length: usize,
    signature: *mut u8,
    capacity: usize,
    written: *mut usize,
) -> i32 {
    let (alg, length) = pair("RS256");
    // SAFETY: the key is live, and the library passes the rest.
    let signed = call(|error| unsafe {
        csign_key_sign_bytes(
            key.cast(),
            alg,
            length,
            input,
            input_length,
            signature,
            capacity,
            written,
            error,
        )
    });
    i32::from(signed.is_err())
}

#[test]
fn errors_name_the_rejected_setting() {
    let config = Config::new();
    let rejected = config.set("client-id", "x").unwrap_err();
    assert_eq!(rejected.status, csign_status::SETTING);
    assert_eq!(rejected.verdict, csign_verdict::FIX_CONFIGURATION);
    assert!(rejected.message.contains("`client_id`"), "{rejected:?}");
    config.set("provider", "docusing").unwrap();
    let rejected = config.client().err().unwrap();
    assert_eq!(rejected.setting.as_deref(), Some("provider"));
}

#[test]
fn load_after_set_is_rejected() {
    let config = Config::new();
    config.set("provider", "docusign").unwrap();
    let ((path, path_length), (name, name_length)) = (pair("connections.toml"), pair("x"));
    // SAFETY: live, and both texts have these lengths.
    let rejected = call(|error| unsafe {
        csign_config_load(config.0, path, path_length, name, name_length, error)
    });
    assert_eq!(rejected.unwrap_err().status, csign_status::BAD_ARGUMENT);
}

#[test]
fn calls_on_a_closed_client_return_closed() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    client.token().unwrap();
    // SAFETY: live.
    unsafe { csign_client_close(client.0) };
    assert_eq!(client.token().unwrap_err().status, csign_status::CLOSED);
}

#[test]
fn an_invalidated_token_is_replaced() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "docusign-jwt").client().unwrap();
    let first = client.token().unwrap().value();
    let (token, length) = pair(&first);
    // SAFETY: live, and the text has this length.
    call(|error| unsafe { csign_client_invalidate(client.0, token, length, error) }).unwrap();
    let second = client.token().unwrap();
    assert_ne!(first, second.value());
    assert_eq!(second.source(), csign_source::MINTED);
}

#[test]
fn a_login_survives_a_restart_of_the_web_server() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-code").client().unwrap();
    let mut login = ptr::null_mut();
    // SAFETY: live.
    call(|error| unsafe { csign_client_start_login(client.0, ptr::null(), 0, &mut login, error) })
        .unwrap();
    // SAFETY: live.
    let saved = text(|out, error| unsafe { csign_login_save(login, out, error) }).unwrap();
    // SAFETY: live, and freed once.
    unsafe { csign_login_free(login) };
    let (saved, length) = pair(&saved);
    // SAFETY: the text has this length.
    call(|error| unsafe { csign_login_restore(saved, length, &mut login, error) }).unwrap();
    let mut token = ptr::null_mut();
    let mut complete = |callback: &str| {
        let (callback, length) = pair(callback);
        // SAFETY: live, and the text has this length.
        call(|error| unsafe {
            csign_client_complete_login(client.0, login, callback, length, &mut token, error)
        })
    };
    let rejected = complete("code=x&state=forged").unwrap_err();
    assert_eq!(rejected.status, csign_status::CALLBACK);
    // SAFETY: live until csign_login_free.
    let state = unsafe { owned(csign_login_state(login, ptr::null_mut())) }.unwrap();
    // SAFETY: as above.
    let url = unsafe { owned(csign_login_url(login, ptr::null_mut())) }.unwrap();
    assert!(url.contains(&format!("&state={state}&")), "{url}");
    // The whole URL or its query, as web frameworks pass them. The state is this login's.
    for callback in [
        format!("https://app.example/cb?error=invalid_scope&state={state}"),
        format!("?error=invalid_scope&state={state}"),
    ] {
        let rejected = complete(&callback).unwrap_err();
        assert_eq!(rejected.status, csign_status::REJECTED, "{callback}");
    }
    assert!(token.is_null());
    // SAFETY: live, and freed once.
    unsafe { csign_login_free(login) };
    // SAFETY: a freed handle is looked up and not found.
    let state = unsafe { csign_login_state(login, ptr::null_mut()) };
    assert!(state.is_null(), "a freed login has no state");
}

/// What the callbacks below saw.
#[derive(Default)]
struct Heard {
    changes: Mutex<Vec<csign_change>>,
    reentered: Mutex<Vec<csign_status>>,
    lines: Mutex<Vec<String>>,
    destroyed: Mutex<u32>,
    destruction: Condvar,
    client: AtomicPtr<csign_client>,
}

unsafe extern "C" fn record_change(
    heard: *mut c_void,
    change: csign_change,
    token: *const csign_token,
) {
    // SAFETY: it is never freed.
    let heard = unsafe { &*heard.cast::<Heard>() };
    assert_eq!(token.is_null(), change == csign_change::FORGOTTEN);
    let mut again = ptr::null_mut();
    // SAFETY: the client is live while it runs its callback.
    let status = unsafe {
        csign_client_token(
            heard.client.load(Ordering::Acquire),
            0,
            &mut again,
            ptr::null_mut(),
        )
    };
    heard.reentered.lock().unwrap().push(status);
    heard.changes.lock().unwrap().push(change);
}

unsafe extern "C" fn record_line(
    heard: *mut c_void,
    _: csign_log_level,
    line: *const std::ffi::c_char,
    length: usize,
) {
    // SAFETY: it is never freed, and the line has this length.
    let (heard, line) = unsafe {
        (
            &*heard.cast::<Heard>(),
            std::slice::from_raw_parts(line.cast::<u8>(), length),
        )
    };
    heard
        .lines
        .lock()
        .unwrap()
        .push(String::from_utf8(line.to_vec()).unwrap());
}

unsafe extern "C" fn destroy(heard: *mut c_void) {
    // SAFETY: it is never freed.
    let heard = unsafe { &*heard.cast::<Heard>() };
    *heard.destroyed.lock().unwrap() += 1;
    heard.destruction.notify_all();
}

impl Heard {
    /// Waits until this many callbacks were destroyed. The last owner may be a refresh thread.
    fn wait_for_destroyed(&self, wanted: u32) {
        let destroyed = self.destroyed.lock().unwrap();
        let patience = Duration::from_secs(20);
        let waited = self
            .destruction
            .wait_timeout_while(destroyed, patience, |d| *d < wanted);
        assert_eq!(*waited.unwrap().0, wanted);
    }
}

#[test]
fn callbacks_run_cannot_reenter_and_are_destroyed_once() {
    let sandbox = sandbox();
    // Never freed, because nothing says when the last thread has returned from a callback.
    let heard: &'static Heard = Box::leak(Box::default());
    let data = (&raw const *heard).cast_mut().cast();
    let config = Config::load(&sandbox, "boldsign-cc");
    // SAFETY: live, and the callbacks fit their data.
    call(|e| unsafe {
        csign_config_set_listener(config.0, Some(record_change), data, Some(destroy), e)
    })
    .unwrap();
    // SAFETY: as above.
    call(|e| unsafe {
        csign_config_set_log(config.0, 4, Some(record_line), data, Some(destroy), e)
    })
    .unwrap();
    // SAFETY: as above. The level doesn't exist.
    let rejected = call(|e| unsafe {
        csign_config_set_log(config.0, 9, Some(record_line), data, Some(destroy), e)
    });
    assert_eq!(rejected.unwrap_err().status, csign_status::BAD_ARGUMENT);
    heard.wait_for_destroyed(1);

    let client = config.client().unwrap();
    heard.client.store(client.0, Ordering::Release);
    let token = client.token().unwrap().value();
    assert_eq!(*heard.changes.lock().unwrap(), [csign_change::OBTAINED]);
    // A cached token may be returned, because that needs no waiting. It must not deadlock.
    let reentered = heard.reentered.lock().unwrap()[0];
    assert!(
        matches!(reentered, csign_status::REENTERED | csign_status::OK),
        "{reentered:?}"
    );
    let lines = heard.lines.lock().unwrap().join("\n");
    assert!(
        lines.contains("POST ") && lines.contains("response 200"),
        "{lines}"
    );
    assert!(!lines.contains(&token), "a token is in the log");
    drop((client, config));
    heard.wait_for_destroyed(3);
}

#[cfg(feature = "test-hooks")]
#[test]
fn a_panic_poisons_the_client() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    // SAFETY: live.
    let rejected = call(|error| unsafe { csign_test_panic(client.0, error) }).unwrap_err();
    assert_eq!(rejected.status, csign_status::PANIC);
    assert!(rejected.message.contains("asked for by a test"));
    assert_eq!(client.token().unwrap_err().status, csign_status::POISONED);
}
