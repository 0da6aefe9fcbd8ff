//! Handles that name nothing: freed, freed twice, of another type, made up, or freed by another
//! thread.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use countersign_capi::*;

use crate::program::{Config, Token, call, owned, pair, peek_text, sandbox};

/// Values that are not handles: small and large numbers, an address of ours, and neighbours of a
/// handle.
fn made_up(handle: usize) -> Vec<usize> {
    let here = 0_u64;
    let mut all = vec![1, 8, usize::MAX, usize::MAX / 2, (&raw const here).addr()];
    // Other tests of this process may have the slots nearby.
    let far = |bit: &u32| usize::BITS < 64 || !(32..44).contains(bit);
    all.extend((0..usize::BITS).filter(far).map(|bit| handle ^ (1 << bit)));
    all
}

fn config_status(config: usize) -> csign_status {
    let (key, key_length) = pair("subject");
    let (value, value_length) = pair("x");
    let config = ptr::without_provenance_mut(config);
    let set = |error| {
        // SAFETY: both texts have these lengths; a handle may be anything.
        unsafe { csign_config_set(config, key, key_length, value, value_length, error) }
    };
    call(set).map_or_else(|rejected| rejected.status, |()| csign_status::OK)
}

#[test]
fn freed_and_made_up_handles_are_rejected() {
    let config = Config::new();
    let handle = config.0.addr();
    assert_eq!(config_status(handle), csign_status::OK);
    for other in made_up(handle) {
        assert_eq!(config_status(other), csign_status::BAD_HANDLE, "{other:x}");
        // SAFETY: a handle may be anything.
        unsafe { csign_config_free(ptr::without_provenance_mut(other)) };
    }
    assert_eq!(config_status(0), csign_status::NULL_ARGUMENT);
    assert_eq!(config_status(handle), csign_status::OK);
    drop(config);
    // It stays freed when another object gets its slot.
    assert_eq!(config_status(handle), csign_status::BAD_HANDLE);
    let next = Config::new();
    assert_eq!(config_status(handle), csign_status::BAD_HANDLE);
    // SAFETY: a handle may be anything.
    unsafe { csign_config_free(ptr::without_provenance_mut(handle)) };
    assert_eq!(config_status(next.0.addr()), csign_status::OK);
}

#[test]
fn a_handle_of_another_type_is_rejected() {
    let config = Config::new();
    let mut key = ptr::null_mut();
    let mut registry = ptr::null_mut();
    let mut text = ptr::null_mut();
    // SAFETY: the places are valid for writes; a handle may be anything.
    unsafe {
        call(|error| csign_key_from_secret([7; 32].as_ptr(), 32, &mut key, error)).unwrap();
        call(|error| csign_registry_new(&mut registry, error)).unwrap();
        call(|error| csign_settings(&mut text, error)).unwrap();
        let all: [*mut c_void; 4] = [config.0.cast(), key.cast(), registry.cast(), text.cast()];
        for handle in all {
            assert_eq!(csign_error_status(handle.cast()), csign_status::BAD_HANDLE);
            assert!(csign_token_share(handle.cast()).is_null());
            csign_client_free(handle.cast());
            csign_error_free(handle.cast());
            csign_token_free(handle.cast());
            csign_login_free(handle.cast());
        }
        let (key_as_config, config_as_key) = (key.addr(), config.0.cast_const().cast());
        assert_eq!(config_status(key_as_config), csign_status::BAD_HANDLE);
        let mut json = ptr::null_mut();
        let rejected = call(|error| csign_key_info(config_as_key, &mut json, error)).unwrap_err();
        assert_eq!(rejected.status, csign_status::BAD_HANDLE);
        call(|error| csign_key_info(key, &mut json, error)).unwrap();
        csign_text_free(json);
        csign_key_free(key);
        csign_registry_free(registry);
        assert!(!csign_text_value(text, ptr::null_mut()).is_null());
        csign_text_free(text);
    }
}

/// A signer's data: it reports when it runs, and waits until it may continue.
struct Device {
    runs: mpsc::Sender<()>,
    goes_on: mpsc::Receiver<()>,
    destroyed: AtomicBool,
}

unsafe extern "C" fn sign(
    device: *mut c_void,
    _: *const u8,
    _: usize,
    signature: *mut u8,
    _: usize,
    written: *mut usize,
) -> i32 {
    // SAFETY: the test's device, which outlives the call, and room for 1024 bytes.
    unsafe {
        let device = &*device.cast::<Device>();
        device.runs.send(()).unwrap();
        device.goes_on.recv().unwrap();
        assert!(!device.destroyed.load(Ordering::SeqCst));
        signature.write_bytes(7, 64);
        written.write(64);
    }
    0
}

unsafe extern "C" fn destroy(device: *mut c_void) {
    // SAFETY: the test's device, which outlives its key.
    let device = unsafe { &*device.cast::<Device>() };
    assert!(!device.destroyed.swap(true, Ordering::SeqCst));
}

#[test]
fn a_call_in_progress_keeps_its_object_and_a_later_one_is_rejected() {
    let ((runs, is_running), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let destroyed = AtomicBool::new(false);
    let device = Device {
        runs,
        goes_on,
        destroyed,
    };
    let data = ptr::from_ref(&device).cast_mut().cast();
    let mut key = ptr::null_mut();
    let (algorithm, length) = pair("ES256");
    // SAFETY: the text has this length, and the device outlives the key.
    call(|error| unsafe {
        let (sign, destroy) = (Some(sign as _), Some(destroy as _));
        csign_key_from_signer(
            algorithm,
            length,
            ptr::null(),
            0,
            sign,
            data,
            destroy,
            &mut key,
            error,
        )
    })
    .unwrap();
    let key = AtomicPtr::new(key);
    let sign_with_it = || {
        let (mut signature, mut length) = ([0; 1024], 0);
        let (input, buffer) = (b"x".as_ptr(), signature.as_mut_ptr());
        let key = key.load(Ordering::SeqCst);
        // SAFETY: input and buffer have these lengths.
        call(|error| unsafe {
            csign_key_sign_bytes(
                key,
                ptr::null(),
                0,
                input,
                1,
                buffer,
                1024,
                &mut length,
                error,
            )
        })
        .map(|()| length)
    };
    thread::scope(|scope| {
        let signing = scope.spawn(sign_with_it);
        is_running.recv().unwrap();
        // SAFETY: a handle may be anything, and this one is freed twice.
        unsafe {
            csign_key_free(key.load(Ordering::SeqCst));
            csign_key_free(key.load(Ordering::SeqCst));
        }
        let rejected = sign_with_it().unwrap_err();
        assert_eq!(rejected.status, csign_status::BAD_HANDLE);
        assert!(!device.destroyed.load(Ordering::SeqCst));
        go_on.send(()).unwrap();
        assert_eq!(signing.join().unwrap().unwrap(), 64);
    });
    assert!(device.destroyed.load(Ordering::SeqCst));
}

/// A listener's data: it reports when it runs, and waits until it may continue.
struct Listener {
    runs: mpsc::Sender<()>,
    goes_on: mpsc::Receiver<()>,
}

unsafe extern "C" fn wait(listener: *mut c_void, _: csign_change, _: *const csign_token) {
    // SAFETY: the test's listener, which outlives the client.
    let listener = unsafe { &*listener.cast::<Listener>() };
    listener.runs.send(()).unwrap();
    listener.goes_on.recv().unwrap();
}

#[test]
fn a_client_freed_during_a_call_has_no_cached_token_on_any_thread() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    let ((runs, is_running), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let listener = Listener { runs, goes_on };
    let data = (&raw const listener).cast_mut().cast();
    // SAFETY: live, and the data outlives config and client.
    call(|error| unsafe { csign_config_set_listener(config.0, Some(wait), data, None, error) })
        .unwrap();
    let client = config.client().unwrap();
    go_on.send(()).unwrap();
    drop(client.token().unwrap());
    is_running.recv().unwrap();
    for _ in 0..3 {
        assert_ne!(client.peek_text().unwrap(), "");
    }
    let handle = client.0.addr();
    let refresh = || {
        let mut token = ptr::null_mut();
        let client = ptr::without_provenance(handle);
        // SAFETY: a handle may be anything, and the place is valid for writes.
        call(|error| unsafe { csign_client_refresh(client, &mut token, error) })
            .map(|()| Token(token).value())
    };
    thread::scope(|scope| {
        let refreshing = scope.spawn(refresh);
        is_running.recv().unwrap();
        drop(client);
        for _ in 0..3 {
            let rejected = peek_text(ptr::without_provenance(handle)).unwrap_err();
            assert_eq!(rejected.status, csign_status::BAD_HANDLE);
        }
        go_on.send(()).unwrap();
        assert_ne!(refreshing.join().unwrap().unwrap(), "");
    });
    assert_eq!(refresh().unwrap_err().status, csign_status::BAD_HANDLE);
}

/// A listener's data: the client that it tries to free, and where it reports that it did.
struct Freeing {
    client: AtomicPtr<csign_client>,
    runs: mpsc::Sender<()>,
}

unsafe extern "C" fn free_own(freeing: *mut c_void, _: csign_change, _: *const csign_token) {
    // SAFETY: the test's data, which outlives the client.
    let freeing = unsafe { &*freeing.cast::<Freeing>() };
    // SAFETY: a handle may be anything.
    unsafe { csign_client_free(freeing.client.load(Ordering::SeqCst)) };
    freeing.runs.send(()).unwrap();
}

#[test]
fn a_callback_does_not_free_its_own_client() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    let (runs, has_run) = mpsc::channel();
    let freeing = Freeing {
        client: AtomicPtr::new(ptr::null_mut()),
        runs,
    };
    let data = (&raw const freeing).cast_mut().cast();
    // SAFETY: live, and the data outlives config and client.
    call(|error| unsafe { csign_config_set_listener(config.0, Some(free_own), data, None, error) })
        .unwrap();
    let client = config.client().unwrap();
    freeing.client.store(client.0, Ordering::SeqCst);
    let token = client.token().unwrap().value();
    has_run.recv().unwrap();
    assert_eq!(client.peek_text().unwrap(), token);
}

#[test]
fn a_client_may_be_freed_while_other_threads_use_it() {
    const THREADS: usize = 4;
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let client = config.client().unwrap();
            let handle = client.0.addr();
            std::mem::forget(client);
            handle
        })
        .collect();
    let (found, rejected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (clients, found, rejected, start) = (&clients, &found, &rejected, &start);
            scope.spawn(move || {
                for handle in clients {
                    let client = ptr::without_provenance_mut(*handle);
                    start.wait();
                    for round in 0..200 {
                        if round == 50 * thread {
                            // SAFETY: a handle may be anything.
                            unsafe { csign_client_free(client) };
                        }
                        let mut token = ptr::null_mut();
                        // SAFETY: a handle may be anything, and the place is valid for writes.
                        let peeked = call(|error| unsafe {
                            csign_client_peek(client, 0, &mut token, error)
                        });
                        match peeked.map_err(|rejected| rejected.status) {
                            Ok(()) => found.fetch_add(1, Ordering::Relaxed),
                            Err(csign_status::BAD_HANDLE) => {
                                rejected.fetch_add(1, Ordering::Relaxed)
                            }
                            Err(other) => panic!("{other:?}"),
                        };
                    }
                }
            });
        }
    });
    assert!(rejected.into_inner() > 0);
}

#[test]
fn a_closed_or_freed_client_has_no_cached_token_on_any_thread() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    // Gives each client a token of its own.
    config.set("store", "memory").unwrap();
    let mut former = Vec::new();
    for _ in 0..10 {
        let client = config.client().unwrap();
        assert_eq!(client.peek_text().unwrap(), "");
        let token = client.token().unwrap().value();
        let handle = client.0.addr();
        let read = || {
            let client = ptr::without_provenance_mut(handle);
            peek_text(client).map_err(|rejected| rejected.status)
        };
        let (ask, asked) = mpsc::channel::<()>();
        let (sender, results) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                for () in asked {
                    sender.send((read(), read())).unwrap();
                }
            });
            let everywhere = |expected: Result<&str, csign_status>| {
                ask.send(()).unwrap();
                let (first, second) = results.recv().unwrap();
                for read in [&first, &second, &read(), &read()] {
                    assert_eq!(read.as_deref().map_err(|status| *status), expected);
                }
            };
            everywhere(Ok(&token));
            // Freed clients stay freed, although this client has their place.
            for former in &former {
                let rejected = peek_text(ptr::without_provenance_mut(*former)).unwrap_err();
                assert_eq!(rejected.status, csign_status::BAD_HANDLE);
            }
            everywhere(Ok(&token));
            // SAFETY: live, and the text has this length.
            call(|error| unsafe {
                let (token, length) = pair(&token);
                csign_client_invalidate(client.0, token, length, error)
            })
            .unwrap();
            everywhere(Ok(""));
            let next = client.token().unwrap().value();
            assert_ne!(next, token);
            everywhere(Ok(&next));
            // SAFETY: live.
            unsafe { csign_client_close(client.0) };
            everywhere(Err(csign_status::CLOSED));
            let another = config.client().unwrap();
            let token = another.token().unwrap().value();
            assert_ne!(token, next);
            assert_eq!(another.peek_text().unwrap(), token);
            drop(client);
            everywhere(Err(csign_status::BAD_HANDLE));
            assert_eq!(another.peek_text().unwrap(), token);
            drop(ask);
        });
        former.push(handle);
    }
}

#[test]
fn concurrent_clients_return_only_their_own_tokens() {
    const THREADS: usize = 4;
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    // Gives each client a token of its own.
    config.set("store", "memory").unwrap();
    // The latest client's handle and token.
    let shown = Mutex::new((0, String::new()));
    let (read, rejected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let (handle, token) = shown.lock().unwrap().clone();
                    for _ in 0..20 {
                        let client = ptr::without_provenance_mut(handle);
                        let counted = match peek_text(client).map_err(|rejected| rejected.status) {
                            Ok(text) => {
                                assert_eq!(text, token);
                                &read
                            }
                            Err(csign_status::BAD_HANDLE | csign_status::NULL_ARGUMENT) => {
                                &rejected
                            }
                            Err(other) => panic!("{other:?}"),
                        };
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for _ in 0..60 {
            let client = config.client().unwrap();
            let token = client.token().unwrap().value();
            assert_ne!(shown.lock().unwrap().1, token);
            *shown.lock().unwrap() = (client.0.addr(), token);
            let enough = read.load(Ordering::Relaxed) + 50;
            let patience = Instant::now() + Duration::from_millis(100);
            while read.load(Ordering::Relaxed) < enough && Instant::now() < patience {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(read.into_inner() > 0 && rejected.into_inner() > 0);
}

#[test]
fn a_token_without_owners_is_rejected_until_the_client_returns_it_again() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    drop(client.token().unwrap());
    let first = client.token().unwrap();
    let handle = first.0;
    // SAFETY: a handle may be anything.
    let value = || unsafe { owned(csign_token_value(handle, ptr::null_mut())) };
    let shares = [first.share(), client.token().unwrap()];
    assert!(shares.iter().all(|share| share.0 == handle));
    drop(first);
    assert!(value().is_some());
    drop(shares);
    assert_eq!(value(), None);
    // SAFETY: a handle may be anything.
    unsafe {
        assert!(csign_token_share(handle).is_null());
        csign_token_free(handle);
    }
    // The client still has it cached.
    let again = client.token().unwrap();
    assert_eq!((again.0, value()), (handle, Some(again.value())));
    drop(client);
    assert!(value().is_some());
    drop(again);
    assert_eq!(value(), None);
}

#[test]
fn a_refreshed_token_has_a_handle_of_its_own() {
    let sandbox = sandbox();
    let client = Config::load(&sandbox, "boldsign-cc").client().unwrap();
    drop(client.token().unwrap());
    let cached = client.token().unwrap();
    let former = cached.value();
    let mut refreshed = ptr::null_mut();
    // SAFETY: live, and the place is valid for writes.
    call(|error| unsafe { csign_client_refresh(client.0, &mut refreshed, error) }).unwrap();
    let refreshed = Token(refreshed);
    assert_ne!(refreshed.value(), former);
    for token in [client.token().unwrap(), client.peek(0).unwrap().unwrap()] {
        assert_ne!(token.0, cached.0);
        assert_eq!(token.value(), refreshed.value());
    }
    assert_eq!(client.peek_text().unwrap(), refreshed.value());
    assert_eq!(cached.value(), former);
}

/// The tokens that a listener received: the handle, the value, and the handle of an added owner.
#[derive(Default)]
struct LentTokens(Mutex<Vec<(usize, String, usize)>>);

unsafe extern "C" fn keep(lent: *mut c_void, _: csign_change, token: *const csign_token) {
    // SAFETY: the test's tokens, which outlive the client. The token is lent to this call.
    unsafe {
        let lent = &*lent.cast::<LentTokens>();
        let value = owned(csign_token_value(token, ptr::null_mut())).unwrap();
        let kept = match lent.0.lock().unwrap().is_empty() {
            true => csign_token_share(token),
            false => ptr::null_mut(),
        };
        lent.0
            .lock()
            .unwrap()
            .push((token.addr(), value, kept.addr()));
    }
}

#[test]
fn a_lent_token_outlives_its_callback_only_with_an_owner() {
    let sandbox = sandbox();
    let config = Config::load(&sandbox, "boldsign-cc");
    let lent = LentTokens::default();
    let data = (&raw const lent).cast_mut().cast();
    // SAFETY: live, and the data outlives config and client.
    call(|error| unsafe { csign_config_set_listener(config.0, Some(keep), data, None, error) })
        .unwrap();
    let client = config.client().unwrap();
    for _ in 0..2 {
        let mut token = ptr::null_mut();
        // SAFETY: live, and the place is valid for writes.
        call(|error| unsafe { csign_client_refresh(client.0, &mut token, error) }).unwrap();
        drop(Token(token));
    }
    let lent = lent.0.lock().unwrap();
    // SAFETY: a handle may be anything.
    let value = |handle: usize| unsafe {
        owned(csign_token_value(
            ptr::without_provenance(handle),
            ptr::null_mut(),
        ))
    };
    let [(first, first_value, kept), (second, _, none)] = &lent[..] else {
        panic!("{} changes", lent.len());
    };
    assert_eq!((kept, *none), (first, 0));
    assert_eq!(value(*first).as_ref(), Some(first_value));
    assert_eq!(value(*second), None);
    drop(Token(ptr::without_provenance_mut(*kept)));
    assert_eq!(value(*first), None);
}

#[cfg(unix)]
#[test]
fn a_child_can_use_and_free_its_parents_handles() {
    let kept = Config::new();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let config = Config::new();
                    assert_eq!(config_status(config.0.addr()), csign_status::OK);
                }
            });
        }
        let all_well = (0..50).all(|_| {
            crate::fork::Child::succeeds(|| {
                // SAFETY: it only ends this process if it hangs.
                unsafe { libc::alarm(30) };
                let parents = kept.0.addr();
                let used = config_status(parents) == csign_status::OK;
                let made: Vec<_> = (0..100).map(|_| Config::new()).collect();
                let all = made
                    .iter()
                    .all(|one| config_status(one.0.addr()) == csign_status::OK);
                // SAFETY: a handle may be anything.
                unsafe { csign_config_free(kept.0) };
                drop(made);
                used && all && config_status(parents) == csign_status::BAD_HANDLE
            })
        });
        stop.store(true, Ordering::Relaxed);
        assert!(all_well);
    });
    // A child frees its own copy.
    assert_eq!(config_status(kept.0.addr()), csign_status::OK);
}
