//! The cause of a callback's failure belongs to its error, whichever thread ran the callback.

use std::ffi::c_void;
use std::ptr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use countersign_capi::*;

use crate::keys::Key;
use crate::program::{Config, Rejected, call, pair, sandbox};

/// The `user_data` of a signer that fails.
struct Device {
    /// Two failing calls wait for each other here, so that both have failed before either returns.
    meeting: Option<Barrier>,
    destroyed: AtomicUsize,
}

impl Device {
    fn new(meeting: Option<Barrier>) -> Self {
        Self {
            meeting,
            destroyed: AtomicUsize::new(0),
        }
    }

    fn as_ptr(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }
}

/// A cause: the input that could not be signed.
struct Why<'a> {
    input: u8,
    device: &'a Device,
}

unsafe extern "C" fn destroy(why: *mut c_void) {
    // SAFETY: `fail` created it, and this is called once.
    let why = unsafe { Box::from_raw(why.cast::<Why>()) };
    why.device.destroyed.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C" fn fail(
    device: *mut c_void,
    input: *const u8,
    _: usize,
    _: *mut u8,
    _: usize,
    _: *mut usize,
) -> i32 {
    // SAFETY: the test's device outlives the calls, and no input is empty.
    let (device, input) = unsafe { (&*device.cast::<Device>(), *input) };
    let why = || Box::into_raw(Box::new(Why { input, device })).cast();
    // SAFETY: the cause and its destroy function go together.
    unsafe {
        csign_callback_set_cause(why(), Some(destroy));
        csign_callback_set_cause(why(), Some(destroy));
    }
    if let Some(meeting) = &device.meeting {
        meeting.wait();
    }
    i32::from(input)
}

fn key(device: &Device) -> Key {
    let (mut key, (alg, length)) = (ptr::null_mut(), pair("ES256"));
    let (none, sign) = (ptr::null(), Some(fail as _));
    // SAFETY: the device outlives the key.
    call(|error| unsafe {
        csign_key_from_signer(
            alg,
            length,
            none,
            0,
            sign,
            device.as_ptr(),
            None,
            &mut key,
            error,
        )
    })
    .unwrap();
    Key(key)
}

/// Signs this byte, which fails, and returns the error.
fn signing_error(key: *const csign_key, input: u8) -> *mut csign_error {
    let (mut signature, mut length, mut error) = ([0; 1024], 0, ptr::null_mut());
    // SAFETY: live, and input and buffer have these lengths.
    let status = unsafe {
        let room = signature.as_mut_ptr();
        csign_key_sign_bytes(
            key,
            ptr::null(),
            0,
            &input,
            1,
            room,
            1024,
            &mut length,
            &mut error,
        )
    };
    assert_eq!(status, csign_status::SIGNING);
    error
}

fn input_of(error: *const csign_error) -> Option<u8> {
    // SAFETY: the error is live, and its cause is `fail`'s or NULL.
    unsafe { csign_error_cause(error).cast::<Why>().as_ref() }.map(|why| why.input)
}

#[test]
fn concurrent_failures_keep_their_own_causes() {
    let device = Device::new(Some(Barrier::new(2)));
    let key = key(&device);
    let address = key.0 as usize;
    thread::scope(|scope| {
        for input in [1, 2] {
            scope.spawn(move || {
                let error = signing_error(address as *const csign_key, input);
                assert_eq!(input_of(error), Some(input));
                // SAFETY: live, and freed once.
                unsafe { csign_error_free(error) };
            });
        }
    });
    // Two per call: the one that was replaced, and the error's.
    assert_eq!(device.destroyed.load(Ordering::SeqCst), 4);
}

#[test]
fn a_cause_lives_as_long_as_its_error() {
    let device = Device::new(None);
    let key = key(&device);
    let error = signing_error(key.0, 7);
    drop(key);
    assert_eq!(device.destroyed.load(Ordering::SeqCst), 1);
    assert_eq!(input_of(error), Some(7));
    // SAFETY: live, or NULL.
    let statuses = unsafe {
        (
            csign_error_callback_status(error),
            csign_error_callback_status(ptr::null()),
        )
    };
    assert_eq!(statuses, (i32::from(input_of(error).unwrap()), 0));
    // SAFETY: live, and freed once.
    unsafe { csign_error_free(error) };
    assert_eq!(device.destroyed.load(Ordering::SeqCst), 2);
}

/// The signer runs on the refresh thread, not on the caller's.
#[test]
fn the_cause_of_a_failed_request_reaches_its_callers() {
    let sandbox = sandbox();
    let device = Device::new(None);
    let config = Config::load(&sandbox, "docusign-jwt");
    config.unset("private_key").unwrap();
    let (alg, length) = pair("RS256");
    // SAFETY: live, and the device outlives the client.
    call(|error| unsafe {
        let (none, sign) = (ptr::null(), Some(fail as _));
        csign_config_set_signer(
            config.0,
            alg,
            length,
            none,
            0,
            sign,
            device.as_ptr(),
            None,
            error,
        )
    })
    .unwrap();
    let client = config.client().unwrap();
    let (mut token, mut error) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: live.
    let status = unsafe { csign_client_token(client.0, 0, &mut token, &mut error) };
    assert_eq!(status, csign_status::SIGNING);
    assert!(input_of(error).is_some());
    // SAFETY: live, and freed once.
    unsafe { csign_error_free(error) };
}

#[test]
fn a_cause_set_outside_a_callback_is_destroyed_at_once() {
    let device = Device::new(None);
    let why = Box::new(Why {
        input: 0,
        device: &device,
    });
    // SAFETY: the cause and its destroy function go together, and NULL is allowed.
    unsafe {
        csign_callback_set_cause(Box::into_raw(why).cast(), Some(destroy));
        assert!(csign_error_cause(ptr::null()).is_null());
    }
    assert_eq!(device.destroyed.load(Ordering::SeqCst), 1);
}

/// A mistake in the program or in somebody else's token isn't a wrong setting.
#[test]
fn wrong_calls_and_wrong_signatures_are_unexpected_errors() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "docusign-jwt").client().unwrap();
    // SAFETY: live.
    unsafe { csign_client_close(client.0) };
    let closed = client.token().err().unwrap();
    // SAFETY: NULL is rejected.
    let null = call(|error| unsafe { csign_settings(ptr::null_mut(), error) }).unwrap_err();
    let unverified = unverified();
    for (rejected, status) in [
        (closed, csign_status::CLOSED),
        (null, csign_status::NULL_ARGUMENT),
        (unverified, csign_status::VERIFICATION),
    ] {
        assert_eq!(rejected.status, status);
        assert_eq!(rejected.verdict, csign_verdict::UNEXPECTED, "{rejected:?}");
    }
}

/// Returns the error of verifying a wrong signature.
fn unverified() -> Rejected {
    let mut key = ptr::null_mut();
    // SAFETY: the secret has this length.
    call(|error| unsafe { csign_key_from_secret([1; 32].as_ptr(), 32, &mut key, error) }).unwrap();
    let key = Key(key);
    crate::keys::verify(&key, "HS256", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA").unwrap_err()
}
