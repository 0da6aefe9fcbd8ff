//! What is durable when, and what happens where the store does not take it.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    Client, ErrorKind, FileStore, KeyRing, MemoryStore, SealedStore, Store, Verdict,
};

use crate::support::{
    Moody, Script, bench_with, client_credentials, connection, refreshing, rotated_answer,
    token_answer,
};

#[test]
fn no_caller_sees_an_access_token_before_its_refresh_token_is_durable() {
    // The intent is taken, and then nothing more.
    let store = Moody::taking(1);
    let bench = bench_with(
        refreshing(),
        [Ok(rotated_answer("a", "r1", 600))],
        store.store.clone(),
    );
    let error = bench.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Store, Verdict::Retry)
    );
    assert!(bench.client.unsaved().is_some());
    // Still broken: nothing is sent, least of all the spent token.
    assert!(bench.client.token().is_err());
    assert_eq!(bench.script.forms().len(), 1);
    // Mended: the kept answer is stored and handed out, without another request.
    store.mend();
    assert_eq!(bench.client.token().unwrap().expose(), "a");
    assert_eq!(bench.script.forms().len(), 1);
    assert!(bench.client.unsaved().is_none());
    bench.clock.advance(Duration::from_secs(600));
    bench.script.push(Ok(rotated_answer("b", "r2", 600)));
    assert_eq!(bench.client.token().unwrap().expose(), "b");
    assert!(bench.script.forms()[1].ends_with("refresh_token=r1"));
}

#[test]
fn without_a_durable_intent_nothing_is_sent() {
    let bench = bench_with(refreshing(), [], Moody::taking(0).store);
    let error = bench.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::Store, Verdict::Retry)
    );
    assert!(bench.script.forms().is_empty());
}

#[test]
fn a_fallback_store_takes_what_the_store_does_not() {
    let store = Moody::taking(1);
    let fallback: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let client = |script: &Arc<Script>| {
        Client::builder(refreshing())
            .transport(script.clone())
            .store(store.store.clone())
            .fallback_store(Arc::clone(&fallback))
            .build()
            .unwrap()
    };
    let script = Script::new([Ok(rotated_answer("a", "r1", 600))]);
    let first = client(&script);
    // Durable in the fallback store: callers may see it, and are told that the store is behind.
    assert_eq!(first.token().unwrap().expose(), "a");
    assert!(first.unsaved().is_some());
    drop(first);
    // The process ended with the store still behind: the next one finds it in the fallback store.
    store.mend();
    let second = client(&Script::new([]));
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
fn a_fallback_store_under_a_key_that_is_not_given_is_not_passed_over() {
    const OLD: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const NEW: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
    let both = format!("{NEW} {OLD}");
    let store = Moody::taking(1);
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
    let client = |keys: &str, script: &Arc<Script>| {
        Client::builder(under(keys))
            .transport(script.clone())
            .store(store.store.clone())
            .fallback_store(Arc::clone(&fallback))
            .build()
            .unwrap()
    };
    let script = Script::new([Ok(rotated_answer("a", "r1", 600))]);
    assert_eq!(client(OLD, &script).token().unwrap().expose(), "a");
    store.mend();
    let ring = KeyRing::parse(&both).unwrap();
    let sealed = SealedStore::new(store.store.clone(), ring);
    let key = under(NEW).record_key();
    assert!(sealed.reseal(&key).unwrap());
    // The store alone can be read, and holds the token that was spent: it is not presented again.
    let error = client(NEW, &Script::new([])).token().unwrap_err();
    assert_eq!(
        (error.setting_name(), error.verdict()),
        (Some("store_key"), Verdict::FixConfiguration)
    );
    assert!(error.message().contains("fallback"), "{error}");
    let found = client(&both, &Script::new([]));
    assert_eq!(found.token().unwrap().expose(), "a");
}

#[test]
fn a_token_that_can_be_minted_again_is_not_held_back_by_the_store() {
    let bench = bench_with(
        client_credentials(),
        [Ok(token_answer("a", 600))],
        Moody::taking(0).store,
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
fn a_store_key_keeps_every_token_out_of_the_store() {
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
        [Ok(rotated_answer("access-canary", "refresh-canary", 600))],
        open(),
    );
    first.client.token().unwrap();
    for entry in std::fs::read_dir(&path).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
    }
    let second = bench_with(connection(with_key), [], open());
    assert_eq!(second.client.token().unwrap().expose(), "access-canary");
    // Without the key there is an error that says so, and no request.
    let without = bench_with(refreshing(), [], open());
    let error = without.client.token().unwrap_err();
    assert_eq!(error.setting_name(), Some("store_key"));
}

#[test]
fn a_damaged_record_does_not_make_the_spent_setting_be_presented_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    let open = || Arc::new(FileStore::open(&path).unwrap());
    let first = bench_with(refreshing(), [Ok(rotated_answer("a", "r1", 600))], open());
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
    // The first call tells of the damage; the next ones send nothing, least of all `r0`.
    let second = bench_with(refreshing(), [], open());
    assert_eq!(second.client.token().unwrap_err().kind(), ErrorKind::Store);
    let error = second.client.token().unwrap_err();
    assert_eq!(
        (error.kind(), error.verdict()),
        (ErrorKind::LoginRequired, Verdict::Reauthorize)
    );
    assert!(error.message().contains(".damaged-"), "{error}");
    // A person restores the record, and the grant goes on.
    let aside = of_record(".damaged-").unwrap();
    std::fs::remove_file(aside).unwrap();
    std::fs::write(&record, whole).unwrap();
    assert_eq!(second.client.token().unwrap().expose(), "a");
}
