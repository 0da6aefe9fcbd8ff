//! A configured refresh token is not sent again after its store was lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use countersign_core::{
    Client, Connection, Error, ErrorKind, MemoryStore, Response, SendError, SpentSeeds, Store,
    StoreKey, Verdict,
};

use crate::support::{
    MockTransport, connection, cut, login, rejection, rotated_response, token_response,
};

/// Notes in memory instead of files.
#[derive(Debug, Default)]
struct Notes(Mutex<BTreeMap<StoreKey, String>>);

impl SpentSeeds for Notes {
    fn note(&self, seed: &StoreKey, connection: &str) -> Result<(), Error> {
        self.0.lock().unwrap().insert(*seed, connection.into());
        Ok(())
    }

    fn withdraw(&self, seed: &StoreKey) -> Result<(), Error> {
        self.0.lock().unwrap().remove(seed);
        Ok(())
    }

    fn find(&self, seed: &StoreKey) -> Result<Option<String>, Error> {
        let noted = self.0.lock().unwrap().contains_key(seed);
        Ok(noted.then(|| "the note".to_owned()))
    }
}

const SEEDED: [(&str, &str); 5] = [
    ("grant", "authorization-code"),
    ("client_id", "app"),
    ("client_secret", "s3cret"),
    ("refresh_token", "r0"),
    ("redirect_uri", "https://app.example/callback"),
];

fn with(more: &[(&str, &str)]) -> Connection {
    connection([&SEEDED[..], more].concat())
}

type Responses = Vec<Result<Response, SendError>>;

fn client(
    connection: Connection,
    notes: &Arc<Notes>,
    store: Arc<dyn Store>,
    responses: Responses,
) -> (Client, Arc<MockTransport>) {
    let script = MockTransport::new(responses);
    let client = Client::builder(connection)
        .transport(script.clone())
        .spent_seeds(notes.clone())
        .store(store)
        .build()
        .unwrap();
    (client, script)
}

fn lost() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// Notes on a read-only disk.
#[derive(Debug)]
struct NoNotes;

impl SpentSeeds for NoNotes {
    fn note(&self, _: &StoreKey, _: &str) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Store, "the disk is read-only"))
    }

    fn withdraw(&self, _: &StoreKey) -> Result<(), Error> {
        Ok(())
    }

    fn find(&self, _: &StoreKey) -> Result<Option<String>, Error> {
        Ok(None)
    }
}

#[test]
fn a_note_that_cannot_be_written_is_a_warning() {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&warnings);
    let client = Client::builder(with(&[]))
        .transport(MockTransport::new([Ok(rotated_response("a", "r1", 600))]))
        .spent_seeds(Arc::new(NoNotes))
        .store(lost())
        .on_warning(move |warning| reported.lock().unwrap().push(warning.message().to_owned()))
        .build()
        .unwrap();
    assert_eq!(client.token().unwrap().expose(), "a");
    let warnings = warnings.lock().unwrap();
    assert!(
        warnings.len() == 1 && warnings[0].contains("read-only"),
        "{warnings:?}"
    );
}

#[test]
fn a_spent_seed_is_not_sent_after_the_store_was_lost() {
    let notes = Arc::new(Notes::default());
    let store = lost();
    let response = Ok(rotated_response("a", "r1", 600));
    let (first, _) = client(with(&[]), &notes, store.clone(), vec![response]);
    first.token().unwrap();
    // With its store, the grant works after a restart.
    let response = Ok(rotated_response("b", "r2", 600));
    let (again, script) = client(with(&[]), &notes, store, vec![response]);
    again.refresh_now().unwrap();
    assert!(script.forms()[0].contains("refresh_token=r1"));
    // Without the store, or with a typo that selects another record, nothing is sent.
    for settings in [
        &[][..],
        &[("client_id", "typo")],
        &[("extra.tenant", "typo")],
        &[("subject", "typo")],
        &[("grant", "refresh-token")],
    ] {
        let (next, script) = client(with(settings), &notes, lost(), vec![]);
        for ask in [Client::token, Client::refresh_now] {
            let error = ask(&next).unwrap_err();
            assert_eq!(error.setting_name(), Some("refresh_token"), "{error:?}");
            assert_eq!(error.verdict(), Verdict::FixConfiguration);
            assert!(error.hint().unwrap().contains("remove the note"));
        }
        assert!(script.forms().is_empty());
    }
    // A new refresh token or a login overrides that.
    let response = Ok(rotated_response("n", "n1", 600));
    let other = with(&[("refresh_token", "n0")]);
    let (other, _) = client(other, &notes, lost(), vec![response]);
    other.token().unwrap();
    let responses = vec![
        Ok(rotated_response("l", "l1", 600)),
        Ok(rotated_response("m", "l2", 600)),
    ];
    let (person, script) = client(with(&[]), &notes, lost(), responses);
    login(&person).unwrap();
    person.refresh_now().unwrap();
    assert!(script.forms()[1].contains("refresh_token=l1"));
    // So does removing the note.
    notes.0.lock().unwrap().clear();
    let response = Ok(rotated_response("c", "r9", 600));
    let (last, script) = client(with(&[]), &notes, lost(), vec![response]);
    last.token().unwrap();
    assert!(script.forms()[0].contains("refresh_token=r0"));
}

#[test]
fn a_seed_is_noted_only_if_it_may_be_spent() {
    let not_sent = || SendError::NotSent(Error::new(ErrorKind::Connect, "no route"));
    for (response, noted) in [
        (Ok(rotated_response("a", "r1", 600)), true),
        // The outcome is unknown, or the token was spent.
        (Err(cut()), true),
        (Ok(rejection(400, "invalid_grant")), true),
        // The token is still valid.
        (Ok(rotated_response("a", "r0", 600)), false),
        (Ok(token_response("a", 600)), false),
        (Err(not_sent()), false),
        (Ok(rejection(401, "invalid_client")), false),
    ] {
        let notes = Arc::new(Notes::default());
        let shown = format!("{response:?}");
        let (first, _) = client(with(&[]), &notes, lost(), vec![response]);
        let _ = first.token();
        assert_eq!(!notes.0.lock().unwrap().is_empty(), noted, "{shown}");
    }
}

#[test]
fn a_seed_with_an_unknown_outcome_stays_noted_if_the_next_attempt_is_not_sent() {
    let notes = Arc::new(Notes::default());
    let not_sent = SendError::NotSent(Error::new(ErrorKind::Connect, "no route"));
    let store = lost();
    let (first, _) = client(
        with(&[("timeout_ms", "1")]),
        &notes,
        store,
        vec![Err(cut()), Err(not_sent)],
    );
    first.token().unwrap_err();
    first.refresh_now().unwrap_err();
    assert!(!notes.0.lock().unwrap().is_empty());
}

#[test]
fn the_seed_is_not_sent_again_after_a_logout() {
    let notes = Arc::new(Notes::default());
    let responses = vec![
        Ok(rotated_response("a", "r1", 600)),
        Ok(Response::new(200, [], "")),
    ];
    let (client, script) = client(with(&[]), &notes, lost(), responses);
    client.token().unwrap();
    client.forget().unwrap();
    let error = client.token().unwrap_err();
    assert_eq!(error.setting_name(), Some("refresh_token"));
    assert_eq!(script.forms().len(), 2);
}
