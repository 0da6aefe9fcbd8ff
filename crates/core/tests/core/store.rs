//! A client whose store is missing, fails or is damaged.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign_core::{
    Capabilities, Client, Error, ErrorKind, FileStore, MemoryStore, Response, Revocation, Store,
    StoreKey, Swap, Verdict, store,
};
use countersign_store_conformance::Intercepted;

use crate::support::{
    MockTransport, bench_with, by_assertion, client_credentials, connection, refreshing,
    rotated_response, token_response,
};

#[test]
fn a_store_error_gets_a_verdict_and_keeps_its_details() {
    use store::ErrorKind as Of;
    for (of, kind, verdict) in [
        (Of::Setting, ErrorKind::Setting, Verdict::FixConfiguration),
        (Of::Unavailable, ErrorKind::Store, Verdict::Retry),
        (Of::Unusable, ErrorKind::Store, Verdict::FixConfiguration),
        (Of::Damaged, ErrorKind::Store, Verdict::Unexpected),
        (Of::Busy, ErrorKind::Busy, Verdict::Retry),
        (Of::Internal, ErrorKind::Internal, Verdict::Unexpected),
    ] {
        let error = store::Error::new(of, "the disk is full")
            .with_hint("free some room")
            .with_setting("store")
            .with_source(std::io::Error::other("no space left"));
        let error = Error::from(error);
        assert_eq!((error.kind(), error.verdict()), (kind, verdict), "{of:?}");
        assert_eq!(error.message(), "the disk is full");
        assert_eq!(error.hint(), Some("free some room"));
        assert_eq!(error.setting_name(), Some("store"));
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "no space left");
    }
}

#[test]
fn creating_a_store_can_be_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let store = format!("file:{}", path.display());
    let settings = |create| {
        connection([
            ("grant", "refresh-token"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("store", store.as_str()),
            ("store_create", create),
        ])
    };
    let open = |create| Client::new(settings(create));
    let error = open("false").unwrap_err();
    assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error}");
    assert!(error.message().contains(&path.display().to_string()));
    assert!(!path.exists());
    open("true").unwrap();
    open("false").unwrap();
}

#[test]
fn a_permanent_error_of_the_store_says_what_to_fix() {
    for writes in [0, 1] {
        let scratch = tempfile::tempdir().unwrap();
        let below = Arc::new(FileStore::open(scratch.path().join("tokens")).unwrap());
        let left = AtomicU64::new(writes);
        let read_only = || {
            store::Error::new(store::ErrorKind::Unusable, "read-only")
                .with_setting("store")
                .with_hint("mount it read-write")
        };
        let store = Intercepted::new(below).on_change(move |change| {
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            }) {
                Ok(_) => change(),
                Err(_) => Swap::Unavailable(read_only()),
            }
        });
        let responses = [Ok(rotated_response("a", "r1", 600))];
        let bench = bench_with(refreshing(), responses, Arc::new(store));
        let error = bench.client.token().unwrap_err();
        assert_eq!(
            (error.kind(), error.verdict(), error.setting_name()),
            (ErrorKind::Store, Verdict::FixConfiguration, Some("store")),
            "{error}"
        );
        let hint = error.hint().unwrap();
        assert!(hint.starts_with("mount it read-write"), "{hint}");
        assert_eq!(bench.script.forms().len() as u64, writes);
        let kept = bench.client.unsaved().is_some();
        assert_eq!(kept, writes == 1, "a token is kept if a request was sent");
    }
}

#[test]
fn a_logout_deletes_damaged_records() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("tokens");
    let store = Arc::new(FileStore::open(&folder).unwrap());
    let bench = bench_with(
        refreshing(),
        [Ok(rotated_response("a", "refresh-1", 600))],
        store,
    );
    bench.client.token().unwrap();
    let record = names(&folder)
        .into_iter()
        .find(|name| name.ends_with(".rec"));
    let record = folder.join(record.unwrap());
    let whole = fs::read(&record).unwrap();
    fs::write(&record, &whole[..whole.len() - 1]).unwrap();
    assert!(
        bench.client.forget().is_err(),
        "the damage is reported once"
    );
    let aside = bench.client.set_aside().unwrap().unwrap();
    assert!(Path::new(&aside).exists());
    bench.script.push(Ok(Response::new(503, [], "")));
    let revocation = bench.client.forget().unwrap();
    assert!(matches!(revocation, Revocation::Failed(_)));
    assert_eq!(bench.client.set_aside().unwrap().unwrap(), aside);
    bench.script.push(Ok(Response::new(200, [], "")));
    drop(bench.client.forget().unwrap());
    assert_eq!(bench.client.set_aside().unwrap(), None);
    let left: Vec<_> = names(&folder)
        .into_iter()
        .filter(|name| {
            let bytes = fs::read(folder.join(name)).unwrap();
            bytes.windows(9).any(|part| part == b"refresh-1")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
    entries.map(|entry| name(entry).unwrap()).collect()
}

/// A store whose every call fails until it is repaired.
#[derive(Debug)]
struct Broken {
    works: AtomicBool,
    below: MemoryStore,
}

impl Broken {
    fn error(&self) -> Result<&MemoryStore, store::Error> {
        match self.works.load(Ordering::SeqCst) {
            true => Ok(&self.below),
            false => Err(store::Error::new(
                store::ErrorKind::Unusable,
                "the disk is read-only",
            )),
        }
    }
}

impl Store for Broken {
    fn capabilities(&self) -> Capabilities {
        self.below.capabilities()
    }
    fn compare_and_swap(
        &self,
        key: &StoreKey,
        expected: Option<u64>,
        fence: Option<u64>,
        value: &[u8],
    ) -> Swap {
        match self.error() {
            Ok(below) => below.compare_and_swap(key, expected, fence, value),
            Err(error) => Swap::Unavailable(error),
        }
    }
    fn tombstone(&self, key: &StoreKey, expected: u64, fence: Option<u64>) -> Swap {
        self.below.tombstone(key, expected, fence)
    }

    countersign_core::forward_store!(self => self.error()?; load, lease, renew, release, keys, now_ms);
}

#[test]
fn a_grant_that_needs_no_store_works_without_one() {
    for connection in [client_credentials(), by_assertion()] {
        let store = Arc::new(Broken {
            works: AtomicBool::new(false),
            below: MemoryStore::new(),
        });
        let script = MockTransport::new([
            Ok(token_response("a", 3600)),
            Ok(token_response("b", 3600)),
            Ok(token_response("c", 3600)),
        ]);
        let opens = Arc::clone(&store);
        let client = Client::builder(connection)
            .transport(script.clone())
            .open_store(move |_| {
                opens.error()?;
                Ok(opens.clone())
            })
            .unwrap()
            .build()
            .unwrap();
        assert_eq!(client.token().unwrap().expose(), "a");
        assert_eq!(client.token().unwrap().expose(), "a", "it is cached");
        let unsaved = client.unsaved().unwrap();
        assert!(unsaved.message().contains("read-only"), "{unsaved}");
        assert!(client.identity().is_ok());
        assert_eq!(client.refresh_now().unwrap().expose(), "b");
        assert_eq!(script.forms().len(), 2, "one request for each");
        // The store works again, so the next token is stored.
        store.works.store(true, Ordering::SeqCst);
        assert_eq!(client.refresh_now().unwrap().expose(), "c");
        assert!(client.unsaved().is_none());
        assert_eq!(store.below.keys().unwrap().len(), 1);
    }
}

#[test]
fn a_grant_that_could_be_lost_is_not_used_without_the_store() {
    let broken = || {
        let kind = store::ErrorKind::Unavailable;
        Err(store::Error::new(kind, "the disk is read-only"))
    };
    let opened = Client::builder(refreshing()).open_store(move |_| broken());
    assert_eq!(opened.err().unwrap().kind(), ErrorKind::Store);
    let script = MockTransport::new([]);
    let client = Client::builder(refreshing())
        .transport(script.clone())
        .store(Arc::new(Broken {
            works: AtomicBool::new(false),
            below: MemoryStore::new(),
        }))
        .build()
        .unwrap();
    assert_eq!(client.token().unwrap_err().kind(), ErrorKind::Store);
    assert!(script.forms().is_empty(), "nothing is sent");
    // A wrong setting is an error for every grant.
    let wrong = || Err(store::Error::setting("store", "`store` has no host"));
    let opened = Client::builder(client_credentials()).open_store(move |_| wrong());
    assert_eq!(opened.err().unwrap().setting_name(), Some("store"));
}
