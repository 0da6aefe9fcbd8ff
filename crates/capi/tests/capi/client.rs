//! Clients: tokens, buffers, callbacks, and what is refused.

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
fn a_token_is_minted_once_and_then_from_memory() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "docusign-jwt").client().unwrap();
    let first = client.token().unwrap();
    let (again, same) = (client.token().unwrap(), client.token().unwrap());
    assert_eq!(first.source(), csign_source::MINTED);
    assert_eq!(again.source(), csign_source::CACHE);
    assert_eq!((first.value(), same.0), (again.value(), again.0));
    assert_eq!(client.count(csign_counter::MINTED), 1);
    // It outlives its client.
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
    let refused = config.client().map(drop).unwrap_err();
    assert_eq!(refused.verdict, csign_verdict::FIX_CONFIGURATION);
    assert_eq!(refused.setting.as_deref(), Some("name"), "{refused:?}");
    // Nothing was made for nobody.
    assert!(!folder.path().join("tokens").exists());
    config.set("store", "memory").unwrap();
    config.client().unwrap();
    config.set("store", &store).unwrap();
    let (name, length) = pair("ann");
    // SAFETY: live, and as long as said.
    call(|error| unsafe { csign_config_set_name(config.0, name, length, error) }).unwrap();
    config.client().unwrap();
}

#[test]
fn the_end_of_a_refresh_token_is_known_as_far_as_the_vendor_said() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "salesforce-refresh")
        .client()
        .unwrap();
    let end = || {
        let mut seconds = 7;
        // SAFETY: live.
        call(|error| unsafe {
            csign_client_refresh_token_expires_at(client.0, &mut seconds, error)
        })
        .unwrap();
        seconds
    };
    assert_eq!(end(), -1);
    let body = r#"{"access_token":"a","refresh_token":"r1","refresh_token_expires_in":5000}"#;
    let told = Fault {
        body: Some(body.into()),
        content_type: Some("application/json".into()),
        ..Fault::status(200)
    };
    sandbox.fault(told).unwrap();
    let before = SystemClock::new().now().unix_s();
    client.token().unwrap();
    let after = SystemClock::new().now().unix_s();
    assert!((before + 5000..=after + 5000).contains(&end()), "{}", end());
}

#[test]
fn a_token_is_copied_where_it_fits() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    let mut length = 99;
    // SAFETY: live; the buffer is as long as said.
    let peeked = call(|error| unsafe {
        csign_client_peek_token(client.0, ptr::null_mut(), 0, &mut length, error)
    });
    assert_eq!((peeked, length), (Ok(()), 0));

    let token = client.token().unwrap().value();
    let mut small = [7; 4];
    // SAFETY: as above.
    let refused = call(|error| unsafe {
        csign_client_copy_token(client.0, 0, small.as_mut_ptr(), 4, &mut length, error)
    })
    .unwrap_err();
    assert_eq!(refused.status, csign_status::BUFFER_TOO_SMALL);
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
fn a_peek_gives_a_share_of_what_is_in_memory_and_never_asks() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    assert!(client.peek(0).unwrap().is_none());
    assert!(client.peek(60_000).unwrap().is_none());
    assert_eq!(client.count(csign_counter::MINTED), 0);

    let minted = client.token().unwrap();
    let (usual, longer) = (client.peek(0).unwrap(), client.peek(60_000).unwrap());
    let (usual, longer, same) = (usual.unwrap(), longer.unwrap(), client.token().unwrap());
    assert_eq!(usual.value(), minted.value());
    assert_eq!(usual.source(), csign_source::CACHE);
    // One object for all who get it from memory.
    assert_eq!((usual.0, usual.0), (longer.0, same.0));
    assert_eq!(client.count(csign_counter::HITS), 3);

    let share = usual.share();
    drop((client, usual, longer, same));
    assert_eq!(share.value(), minted.value());
}

#[test]
fn a_peek_looks_past_what_ends_too_soon() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    // SAFETY: live; the callback takes no data.
    call(|e| unsafe { csign_config_set_clock(config.0, Some(tell), ptr::null_mut(), None, e) })
        .unwrap();
    let client = config.client().unwrap();
    client.token().unwrap();
    AHEAD_MS.store(3_000_000, Ordering::SeqCst);
    assert!(client.peek(0).unwrap().is_some());
    assert!(client.peek(900_000).unwrap().is_none());
    assert_eq!(client.count(csign_counter::MINTED), 1);
}

static AHEAD_MS: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn tell(_: *mut c_void, unix_ms: *mut i64, boot_ms: *mut u64) -> i32 {
    let ahead = AHEAD_MS.load(Ordering::SeqCst);
    // SAFETY: the library lends both places.
    unsafe { (*unix_ms, *boot_ms) = (1_800_000_000_000 + ahead as i64, 1_000 + ahead) };
    0
}

#[test]
fn a_signer_takes_the_place_of_the_key_in_a_file() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "docusign-jwt");
    let key = std::fs::read(sandbox.dir().join("docusign.pem")).unwrap();
    let key = read(&key).unwrap();
    let ((alg, length), data) = (pair("RS256"), key.0.cast());
    // SAFETY: live; the key outlives the client.
    call(|error| unsafe {
        let (none, sign) = (ptr::null(), Some(sign_with as _));
        csign_config_set_signer(config.0, alg, length, none, 0, sign, data, None, error)
    })
    .unwrap();
    let refused = config.client().err().unwrap();
    assert_eq!(refused.setting.as_deref(), Some("private_key"));

    // The name of a secret takes away the form that the file has.
    config.unset("private_key").unwrap();
    config.unset("private_key").unwrap();
    let client = config.client().unwrap();
    assert_eq!(client.token().unwrap().source(), csign_source::MINTED);

    let refused = config.unset("private_kee").unwrap_err();
    assert_eq!(refused.status, csign_status::SETTING);
    assert!(refused.message.contains("`private_key`"), "{refused:?}");
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
    // SAFETY: the key is live, and the rest is as the library lends it.
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
fn settings_are_refused_by_name() {
    let config = Config::new();
    let refused = config.set("client-id", "x").unwrap_err();
    assert_eq!(refused.status, csign_status::SETTING);
    assert_eq!(refused.verdict, csign_verdict::FIX_CONFIGURATION);
    assert!(refused.message.contains("`client_id`"), "{refused:?}");
    config.set("provider", "docusing").unwrap();
    let refused = config.client().err().unwrap();
    assert_eq!(refused.setting.as_deref(), Some("provider"));
}

#[test]
fn loading_comes_before_setting() {
    let config = Config::new();
    config.set("provider", "docusign").unwrap();
    let ((path, path_length), (name, name_length)) = (pair("connections.toml"), pair("x"));
    // SAFETY: live, and both texts are as long as said.
    let refused = call(|error| unsafe {
        csign_config_load(config.0, path, path_length, name, name_length, error)
    });
    assert_eq!(refused.unwrap_err().status, csign_status::BAD_ARGUMENT);
}

#[test]
fn a_closed_client_says_so() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    client.token().unwrap();
    // SAFETY: live.
    unsafe { csign_client_close(client.0) };
    assert_eq!(client.token().unwrap_err().status, csign_status::CLOSED);
}

#[test]
fn a_refused_token_is_replaced() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "docusign-jwt").client().unwrap();
    let first = client.token().unwrap().value();
    let (token, length) = pair(&first);
    // SAFETY: live, and the text is as long as said.
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
    // SAFETY: live, and freed once.
    let saved = text(|out, error| unsafe { csign_login_save(login, out, error) }).unwrap();
    // SAFETY: live, and freed once.
    unsafe { csign_login_free(login) };
    let (saved, length) = pair(&saved);
    // SAFETY: as long as said.
    call(|error| unsafe { csign_login_restore(saved, length, &mut login, error) }).unwrap();
    let mut token = ptr::null_mut();
    let mut complete = |callback: &str| {
        let (callback, length) = pair(callback);
        // SAFETY: live, and the text is as long as said.
        call(|error| unsafe {
            csign_client_complete_login(client.0, login, callback, length, &mut token, error)
        })
    };
    let refused = complete("code=x&state=forged").unwrap_err();
    assert_eq!(refused.status, csign_status::CALLBACK);
    // SAFETY: live until csign_login_free.
    let state = unsafe { owned(csign_login_state(login, ptr::null_mut())) }.unwrap();
    // SAFETY: as above.
    let url = unsafe { owned(csign_login_url(login, ptr::null_mut())) }.unwrap();
    assert!(url.contains(&format!("&state={state}&")), "{url}");
    // The whole URL, as web frameworks give it: the state is this login's, the request was wrong.
    for callback in [
        format!("https://app.example/cb?error=invalid_scope&state={state}"),
        format!("?error=invalid_scope&state={state}"),
    ] {
        let refused = complete(&callback).unwrap_err();
        assert_eq!(refused.status, csign_status::REFUSED, "{callback}");
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

unsafe extern "C" fn hear(heard: *mut c_void, change: csign_change, token: *const csign_token) {
    // SAFETY: it lives for ever.
    let heard = unsafe { &*heard.cast::<Heard>() };
    assert_eq!(token.is_null(), change == csign_change::FORGOTTEN);
    let mut again = ptr::null_mut();
    // SAFETY: the client is live while it calls.
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

unsafe extern "C" fn take(
    heard: *mut c_void,
    _: csign_log_level,
    line: *const std::ffi::c_char,
    length: usize,
) {
    // SAFETY: it lives for ever; the line is as long as said.
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
    // SAFETY: it lives for ever.
    let heard = unsafe { &*heard.cast::<Heard>() };
    *heard.destroyed.lock().unwrap() += 1;
    heard.destruction.notify_all();
}

impl Heard {
    /// Waits until so many callbacks were destroyed: the thread that carried a request may be the last to let go.
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
fn callbacks_hear_cannot_reenter_and_are_destroyed_once() {
    let sandbox = sandbox();
    // For ever, since nothing says when the last thread has returned from a callback.
    let heard: &'static Heard = Box::leak(Box::default());
    let data = (&raw const *heard).cast_mut().cast();
    let config = Config::load(&sandbox, "boldsign-cc");
    // SAFETY: live; the callbacks fit their data.
    call(|e| unsafe { csign_config_set_listener(config.0, Some(hear), data, Some(destroy), e) })
        .unwrap();
    // SAFETY: as above.
    call(|e| unsafe { csign_config_set_log(config.0, 4, Some(take), data, Some(destroy), e) })
        .unwrap();
    // SAFETY: as above; a level that is none.
    let refused =
        call(|e| unsafe { csign_config_set_log(config.0, 9, Some(take), data, Some(destroy), e) });
    assert_eq!(refused.unwrap_err().status, csign_status::BAD_ARGUMENT);
    heard.wait_for_destroyed(1);

    let client = config.client().unwrap();
    heard.client.store(client.0, Ordering::Release);
    let token = client.token().unwrap().value();
    assert_eq!(*heard.changes.lock().unwrap(), [csign_change::OBTAINED]);
    // From memory nothing has to be waited for, so that may go through; never a deadlock.
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
    let refused = call(|error| unsafe { csign_test_panic(client.0, error) }).unwrap_err();
    assert_eq!(refused.status, csign_status::PANIC);
    assert!(refused.message.contains("asked for by a test"));
    assert_eq!(client.token().unwrap_err().status, csign_status::POISONED);
}
