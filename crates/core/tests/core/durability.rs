//! When tokens are durable, and what happens if the store rejects them.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Client, ErrorKind, FileStore, KeyRing, MemoryStore, SealedStore, Store, Verdict,
};

use crate::support::{
    LimitedStore, MockTransport, bench_with, client_credentials, connection, refreshing,
    rotated_response, token_response,
};

#[test]
fn no_caller_sees_an_access_token_before_its_refresh_token_is_durable() {
    // The store accepts the intent and nothing after it.
    let store = LimitedStore::accepting(1);
    let bench = bench_with(
        refreshing(),
        [Ok(rotated_response("a", "r1", 600))],
        store.store.clone(),
    );
    let error = bench.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Store, Verdict::Retry)
    );
    assert!(bench.client.unsaved().is_some());
    // While the store is broken, nothing is sent, in particular not the spent token.
    assert!(bench.client.token().is_err());
    assert_eq!(bench.script.forms().len(), 1);
    // Once the store works, the kept token is stored and returned without another request.
    store.accept_all();
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    assert_eq!(bench.script.forms().len(), 1);
    assert!(bench.client.unsaved().is_none());
    bench.clock.advance(Duration::from_secs(600));
    bench.script.push(Ok(rotated_response("b", "r2", 600)));
    assert_eq!(bench.client.token().unwrap().expose(), "b");
    assert!(bench.script.forms()[1].ends_with("refresh_token=r1"));
}

#[test]
fn nothing_is_sent_without_a_durable_intent() {
    let bench = bench_with(refreshing(), [], LimitedStore::accepting(0).store);
    let error = bench.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Store, Verdict::Retry)
    );
    assert!(bench.script.forms().is_empty());
}

#[test]
fn a_token_that_the_store_rejects_goes_to_the_fallback_store() {
    let store = LimitedStore::accepting(1);
    let fallback: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let client = |script: &Arc<MockTransport>| {
        Client::builder(refreshing())
            .transport(script.clone())
            .store(store.store.clone())
            .fallback_store(Arc::clone(&fallback))
            .build()
            .unwrap()
    };
    let script = MockTransport::new([Ok(rotated_response("a", "r1", 600))]);
    let first = client(&script);
    // The token is durable in the fallback store, so callers get it, and the client reports that
    // the store lacks it.
    assert_eq!(first.token().unwrap().expose(), "a");
    assert!(first.unsaved().is_some());
    drop(first);
    // The process ended before the store accepted the token. The next one finds it in the fallback
    // store.
    store.accept_all();
    let second = client(&MockTransport::new([]));
    assert_eq!(second.token().unwrap().expose(), "a");
    assert!(
        second
            .events()
            .unwrap()
            .iter()
            .any(|event| event.what == countersign_core::What::Recovered)
    );
    assert!(fallback.keys().unwrap().is_empty());
}

#[test]
fn a_fallback_store_that_cannot_be_decrypted_is_an_error() {
    const OLD: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const NEW: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    let both = format!("{NEW} {OLD}");
    let store = LimitedStore::accepting(1);
    let fallback: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let under = |keys: &str| {
        connection([
            ("grant", "refresh-token"),
            ("client_id", "app"),
            ("client_secret", "s3cret"),
            ("refresh_token", "r0"),
            ("store_key", keys),
        ])
    };
    let client = |keys: &str, script: &Arc<MockTransport>| {
        Client::builder(under(keys))
            .transport(script.clone())
            .store(store.store.clone())
            .fallback_store(Arc::clone(&fallback))
            .build()
            .unwrap()
    };
    let script = MockTransport::new([Ok(rotated_response("a", "r1", 600))]);
    assert_eq!(client(OLD, &script).token().unwrap().expose(), "a");
    store.accept_all();
    let ring = KeyRing::parse(&both).unwrap();
    let sealed = SealedStore::new(store.store.clone(), ring);
    let key = under(NEW).record_key();
    assert!(sealed.reseal(&key).unwrap());
    // Only the store can be decrypted. It holds the spent token, which is not sent again.
    let error = client(NEW, &MockTransport::new([])).token().unwrap_err();
    assert_eq!(
        (error.setting_name(), error.verdict()),
        (Some("store_key"), Verdict::FixConfiguration)
    );
    assert!(error.message().contains("fallback"), "{error}");
    let found = client(&both, &MockTransport::new([]));
    assert_eq!(found.token().unwrap().expose(), "a");
}

#[test]
fn a_token_that_can_be_requested_again_is_returned_if_the_store_fails() {
    let bench = bench_with(
        client_credentials(),
        [Ok(token_response("a", 600))],
        LimitedStore::accepting(0).store,
    );
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    assert!(
        bench
            .client
            .unsaved()
            .unwrap()
            .message()
            .contains("no room")
    );
}

#[test]
fn with_a_store_key_the_store_holds_no_token_in_plain_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let with_key = [
        ("grant", "refresh-token"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("refresh_token", "r0"),
        ("store_key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
    ];
    let open = || Arc::new(FileStore::open(&path).unwrap());
    let first = bench_with(
        connection(with_key),
        [Ok(rotated_response("access-canary", "refresh-canary", 600))],
        open(),
    );
    first.client.token().unwrap();
    for entry in std::fs::read_dir(&path).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
    }
    let second = bench_with(connection(with_key), [], open());
    assert_eq!(second.client.token().unwrap().expose(), "access-canary");
    // Without the key, the call fails with an error about the key and sends no request.
    let without = bench_with(refreshing(), [], open());
    let error = without.client.token().unwrap_err();
    assert_eq!(error.setting_name(), Some("store_key"));
}

#[test]
fn a_damaged_record_does_not_cause_the_spent_setting_to_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let open = || Arc::new(FileStore::open(&path).unwrap());
    let first = bench_with(refreshing(), [Ok(rotated_response("a", "r1", 600))], open());
    first.client.token().unwrap();
    let of_record = |ending: &str| {
        let files = std::fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .into_iter()
            .find(|file| file.to_string_lossy().contains(ending))
    };
    let record = of_record(".rec").unwrap();
    let whole = std::fs::read(&record).unwrap();
    std::fs::write(&record, &whole[..100]).unwrap();
    // The first call reports the damage. The next ones send nothing, in particular not `r0`.
    let second = bench_with(refreshing(), [], open());
    assert_eq!(second.client.token().unwrap_err().kind(), ErrorKind::Store);
    let error = second.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::LoginRequired, Verdict::Reauthorize)
    );
    assert!(error.message().contains(".damaged-"), "{error}");
    // After a person has restored the record, the grant works again.
    let aside = of_record(".damaged-").unwrap();
    std::fs::remove_file(aside).unwrap();
    std::fs::write(&record, whole).unwrap();
    assert_eq!(second.client.token().unwrap().expose(), "a");
}
