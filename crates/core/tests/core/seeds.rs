//! A configured refresh token is not presented again after its store was lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use countersign_core::{
    Client, Connection, Error, ErrorKind, MemoryStore, Response, SendError, SpentSeeds, Store,
    StoreKey, Verdict,
};

use crate::support::{Script, connection, cut, login, refusal, rotated_answer, token_answer};

/// Notes in memory, in place of files.
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

type Answers = Vec<Result<Response, SendError>>;

fn client(
    connection: Connection,
    notes: &Arc<Notes>,
    store: Arc<dyn Store>,
    answers: Answers,
) -> (Client, Arc<Script>) {
    let script = Script::new(answers);
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

/// Notes on a disk that cannot be written.
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
    let told = Arc::clone(&warnings);
    let client = Client::builder(with(&[]))
        .transport(Script::new([Ok(rotated_answer("a", "r1", 600))]))
        .spent_seeds(Arc::new(NoNotes))
        .store(lost())
        .on_warning(move |warning| told.lock().unwrap().push(warning.message().to_owned()))
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
fn a_seed_that_was_rotated_is_not_presented_to_a_lost_store() {
    let notes = Arc::new(Notes::default());
    let store = lost();
    let answer = Ok(rotated_answer("a", "r1", 600));
    let (first, _) = client(with(&[]), &notes, store.clone(), vec![answer]);
    first.token().unwrap();
    // With its store all is well, also after a restart.
    let answer = Ok(rotated_answer("b", "r2", 600));
    let (again, script) = client(with(&[]), &notes, store, vec![answer]);
    again.refresh_now().unwrap();
    assert!(script.forms()[0].contains("refresh_token=r1"));
    // Without it, or with a typo that leads to another record, nothing is sent.
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
    // A new one, and a login, are clear instructions.
    let answer = Ok(rotated_answer("n", "n1", 600));
    let other = with(&[("refresh_token", "n0")]);
    let (other, _) = client(other, &notes, lost(), vec![answer]);
    other.token().unwrap();
    let answers = vec![
        Ok(rotated_answer("l", "l1", 600)),
        Ok(rotated_answer("m", "l2", 600)),
    ];
    let (person, script) = client(with(&[]), &notes, lost(), answers);
    login(&person).unwrap();
    person.refresh_now().unwrap();
    assert!(script.forms()[1].contains("refresh_token=l1"));
    // So is removing the note.
    notes.0.lock().unwrap().clear();
    let answer = Ok(rotated_answer("c", "r9", 600));
    let (last, script) = client(with(&[]), &notes, lost(), vec![answer]);
    last.token().unwrap();
    assert!(script.forms()[0].contains("refresh_token=r0"));
}

#[test]
fn a_seed_is_noted_only_if_it_may_be_spent() {
    let not_sent = || SendError::NotSent(Error::new(ErrorKind::Connect, "no route"));
    for (answer, noted) in [
        (Ok(rotated_answer("a", "r1", 600)), true),
        // Nobody knows.
        (Err(cut()), true),
        (Ok(refusal(400, "invalid_grant")), true),
        // It is still good.
        (Ok(rotated_answer("a", "r0", 600)), false),
        (Ok(token_answer("a", 600)), false),
        (Err(not_sent()), false),
        (Ok(refusal(401, "invalid_client")), false),
    ] {
        let notes = Arc::new(Notes::default());
        let shown = format!("{answer:?}");
        let (first, _) = client(with(&[]), &notes, lost(), vec![answer]);
        let _ = first.token();
        assert_eq!(!notes.0.lock().unwrap().is_empty(), noted, "{shown}");
    }
}

#[test]
fn a_seed_whose_outcome_was_lost_stays_noted_though_the_next_try_is_not_sent() {
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
fn after_a_logout_the_seed_is_not_presented_again() {
    let notes = Arc::new(Notes::default());
    let answers = vec![
        Ok(rotated_answer("a", "r1", 600)),
        Ok(Response::new(200, [], "")),
    ];
    let (client, script) = client(with(&[]), &notes, lost(), answers);
    client.token().unwrap();
    client.forget().unwrap();
    let error = client.token().unwrap_err();
    assert_eq!(error.setting_name(), Some("refresh_token"));
    assert_eq!(script.forms().len(), 2);
}
