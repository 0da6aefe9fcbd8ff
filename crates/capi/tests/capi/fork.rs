//! A forked child keeps nothing of its parent's store.
//!
//! The tests are here because `fork` is unsafe, and core denies unsafe code.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_core::{
    Client, Error, FileStore, Lease, Owner, Request, Response, SendError, Settings, Store,
    StoreKey, Swap, Transport, Verdict,
};

const TTL: Duration = Duration::from_secs(30);

/// A forked child. Killed on drop.
pub(crate) struct Child(libc::pid_t);

impl Child {
    /// Forks a child that does nothing.
    pub(crate) fn idle() -> Self {
        // SAFETY: the child only calls `pause`, which is async-signal-safe.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: it has no parameters.
                unsafe { libc::pause() };
            },
            pid => Self(pid),
        }
    }

    /// Forks a child that does this work, and returns whether it succeeded.
    pub(crate) fn succeeds(work: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child allocates, which glibc and musl allow after a fork of a process with
        // threads, and exits without running the parent's exit handlers.
        match unsafe { libc::fork() } {
            0 => {
                let done = without_unwinding(work);
                // SAFETY: it only ends this process.
                unsafe { libc::_exit(i32::from(!done.unwrap_or(false))) }
            }
            pid => {
                let mut child = Self(pid);
                child.wait() == Some(0)
            }
        }
    }

    fn wait(&mut self) -> Option<i32> {
        let mut status = 0;
        // SAFETY: the status is valid for writes, and nobody has waited for this child.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!(waited, self.0, "{}", io::Error::last_os_error());
        self.0 = 0;
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.0 > 0 {
            // SAFETY: nobody has waited for this child, so its pid is still its own.
            unsafe { libc::kill(self.0, libc::SIGKILL) };
            self.wait();
        }
    }
}

/// Runs this in a forked child. A panic's message goes to the standard error: the test runner of the
/// parent captures what the panic hook prints.
fn without_unwinding<T>(work: impl FnOnce() -> T) -> Option<T> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let payload = match done {
        Ok(done) => return Some(done),
        Err(payload) => payload,
    };
    let message = match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload
            .downcast::<&str>()
            .map_or_else(|_| "?".into(), |message| (*message).to_owned()),
    };
    let line = format!("a forked child panicked: {message}\n");
    // SAFETY: the text is valid for reads.
    unsafe { libc::write(2, line.as_ptr().cast(), line.len()) };
    None
}

/// A process that waits, and its own child, which outlives it.
pub(crate) struct Family {
    parent: Child,
    grandchild: Grandchild,
}

/// A process that ends on drop.
pub(crate) struct Grandchild(libc::c_int);

impl Family {
    /// Kills the process. Its child lives on.
    pub(crate) fn kill_parent(self) -> Grandchild {
        drop(self.parent);
        self.grandchild
    }
}

impl Drop for Grandchild {
    fn drop(&mut self) {
        // SAFETY: the pipe is ours. The grandchild ends when nobody can write to it any more.
        unsafe { libc::close(self.0) };
    }
}

/// Forks a child that runs `prepare`, and then forks a child that does nothing.
pub(crate) fn idle_grandchild<T>(prepare: impl FnOnce() -> T) -> Family {
    let (mut ends, mut begins) = ([0; 2], [0; 2]);
    for pipe in [&mut ends, &mut begins] {
        // SAFETY: the array has room for two descriptors.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    }
    // SAFETY: as in `Child::succeeds`.
    let parent = match unsafe { libc::fork() } {
        0 => {
            let Some(_kept) = without_unwinding(prepare) else {
                // SAFETY: it only ends this process.
                unsafe { libc::_exit(1) }
            };
            // SAFETY: the grandchild writes a byte and waits for another, both async-signal-safe.
            unsafe {
                if libc::fork() == 0 {
                    libc::write(begins[1], [1_u8].as_ptr().cast(), 1);
                    libc::close(ends[1]);
                    libc::read(ends[0], [0_u8].as_mut_ptr().cast(), 1);
                    libc::_exit(0);
                }
                loop {
                    libc::pause();
                }
            }
        }
        pid => Child(pid),
    };
    // SAFETY: the pipe is ours. Without this copy, reading ends if the child fails.
    unsafe { libc::close(begins[1]) };
    // SAFETY: the buffer has room for a byte.
    let begun = unsafe { libc::read(begins[0], [0_u8].as_mut_ptr().cast(), 1) };
    assert_eq!(begun, 1);
    Family {
        parent,
        grandchild: Grandchild(ends[1]),
    }
}

fn key() -> StoreKey {
    StoreKey::of(["mine"])
}

fn granted(store: &FileStore, owner: &Owner) -> u64 {
    match store.lease(&key(), owner, TTL).unwrap() {
        Lease::Granted { fence, .. } => fence,
        Lease::Busy { .. } => panic!("busy: {:?}", store.holder(&key())),
    }
}

fn is_busy(folder: &Path) -> bool {
    let store = FileStore::open(folder).unwrap();
    let lease = store.lease(&key(), &Owner::new("other"), TTL).unwrap();
    matches!(lease, Lease::Busy { .. })
}

#[test]
fn a_released_lease_is_free_despite_a_forked_child() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tokens");
    let store = FileStore::open(&folder).unwrap();
    let owner = Owner::new("parent");
    let fence = granted(&store, &owner);
    let _child = Child::idle();
    assert!(is_busy(&folder));
    assert!(store.release(&key(), &owner, fence).unwrap());
    assert!(!is_busy(&folder));
    assert!(granted(&store, &owner) > fence);
}

#[test]
fn a_lease_ends_with_its_holder_despite_a_forked_child() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tokens");
    let in_holder = folder.clone();
    let holder = idle_grandchild(move || {
        let store = FileStore::open(&in_holder).unwrap();
        granted(&store, &Owner::new("holder"));
        store
    });
    assert!(is_busy(&folder));
    let _grandchild = holder.kill_parent();
    assert!(!is_busy(&folder));
}

#[test]
fn a_child_neither_holds_nor_releases_its_parents_lease() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tokens");
    let store = FileStore::open(&folder).unwrap();
    let owner = Owner::new("parent");
    let fence = granted(&store, &owner);
    let mut store = Some(store);
    let disowned = Child::succeeds(|| {
        let parents = store.take().unwrap();
        let lost = !parents.renew(&key(), &owner, fence, TTL).unwrap()
            && !parents.release(&key(), &owner, fence).unwrap()
            && parents.lease(&key(), &owner, TTL).is_err();
        // Dropping the store in the child doesn't release the lease either.
        drop(parents);
        lost && is_busy(&folder)
    });
    assert!(disowned);
    let store = store.unwrap();
    assert!(store.renew(&key(), &owner, fence, TTL).unwrap());
    assert!(is_busy(&folder));
    assert!(store.release(&key(), &owner, fence).unwrap());
    // A store that the child opens works.
    assert!(Child::succeeds(|| {
        let own = FileStore::open(&folder).unwrap();
        let owner = Owner::new("child");
        let fence = granted(&own, &owner);
        own.release(&key(), &owner, fence).unwrap()
    }));
}

#[derive(Debug, Default)]
struct Canned(AtomicU64);

impl Transport for Canned {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        let count = self.0.fetch_add(1, Ordering::SeqCst);
        let body =
            format!(r#"{{"access_token":"t{count}","token_type":"Bearer","expires_in":3600}}"#);
        Ok(Response::new(200, [], body))
    }
}

#[test]
fn a_client_inherited_by_a_child_fails_without_waiting() {
    let settings = [
        ("provider", "boldsign"),
        ("grant", "client-credentials"),
        ("environment", "us"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ];
    let settings = Settings::from_pairs(settings).unwrap();
    let registry = countersign::registry().unwrap();
    let connection = countersign::connection("mine", &settings, &registry, None).unwrap();
    let client = Client::builder(connection)
        .transport(Arc::new(Canned::default()))
        .build()
        .unwrap();
    let token = client.token().unwrap();
    let failed = Child::succeeds(|| {
        let is_hinted = |error: Error| {
            error.verdict() == Verdict::FixConfiguration
                && error
                    .hint()
                    .is_some_and(|hint| hint.contains("in the child"))
        };
        // The cached token is still good in the child.
        let cached = client
            .token()
            .is_ok_and(|cached| cached.expose() == token.expose());
        client.invalidate(&token);
        cached
            && client.refresh_now().is_err_and(is_hinted)
            && client.forget().is_err_and(is_hinted)
            && client.identity().is_ok()
            && client.drain(TTL).is_err_and(is_hinted)
    });
    assert!(failed);
    assert_eq!(client.refresh_now().unwrap().expose(), "t1");
}

#[test]
fn a_fork_during_a_write_blocks_no_later_write() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tokens");
    let writer = FileStore::open(&folder).unwrap();
    let mut children = Vec::new();
    std::thread::scope(|scope| {
        let done = scope.spawn(|| {
            let mut version = None;
            for _ in 0..60 {
                match writer.compare_and_swap(&key(), version, None, b"value") {
                    Swap::Applied(now) => version = Some(now),
                    other => panic!("{other:?}"),
                }
            }
        });
        while !done.is_finished() && children.len() < 40 {
            children.push(Child::idle());
        }
    });
    let store = FileStore::open(&folder).unwrap();
    let swap = store.compare_and_swap(&key(), Some(60), None, b"last");
    assert!(matches!(swap, Swap::Applied(61)), "{swap:?}");
}
