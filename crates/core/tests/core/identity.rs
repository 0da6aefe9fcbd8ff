//! A stored token is used only by a connection that would send the same request, and an identity
//! only by the grant that it was read with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_core::{
    App, Client, Clock, Connection, Error, ErrorKind, Extra, GrantKind, MemoryStore, Profile,
    Provider, RecordSummary, Request, Response, Settings, Source, Store, StoreKey, Swap, Token,
    Url, Verdict,
};

use crate::support::{
    Bench, LimitedStore, PROFILE, bench_with, login, rotated_response, token_response,
};

/// Acme with a tenant in every request, and a userinfo endpoint.
#[derive(Debug)]
struct Tenants(Profile);

impl Tenants {
    fn provider() -> Arc<dyn Provider> {
        let params = r#"params = { audience = "{audience}", tenant = "{extra.tenant?}" }"#;
        let mut text = PROFILE.to_owned();
        for grant in ["client-credentials", "refresh-token"] {
            let table = format!("[grants.{grant}]\n");
            text = text.replace(&table, &format!("{table}    {params}\n"));
        }
        text = text.replace("[extra]\n", "[extra]\n    account = \"the account\"\n");
        Arc::new(Self(Profile::from_toml(&text).unwrap()))
    }
}

impl Provider for Tenants {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn identity_settings(&self) -> &[&str] {
        &["account"]
    }

    fn identity_request(&self, _: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let url = Url::parse("https://demo.acme.example/userinfo")?;
        Ok(Some(Request::get_with_bearer(url, token.secret())))
    }

    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        let mut extra = Extra::new();
        let body = String::from_utf8_lossy(&response.body).into_owned();
        extra.insert("user".into(), body);
        extra.insert("instance".into(), "of userinfo".into());
        if let Some(account) = app.policy.extra("account") {
            extra.insert("account".into(), account.into());
        }
        Ok(extra)
    }
}

const APP: [(&str, &str); 4] = [
    ("provider", "acme"),
    ("environment", "demo"),
    ("client_id", "app"),
    ("client_secret", "s3cret"),
];

fn connection(more: &[(&str, &str)]) -> Connection {
    let mut settings = Settings::from_pairs(APP).unwrap();
    for (key, value) in more {
        settings.set(key, value).unwrap();
    }
    Connection::new("mine", &settings, Tenants::provider()).unwrap()
}

fn app(more: &[(&str, &str)]) -> Connection {
    connection(&[&[("grant", "client-credentials")], more].concat())
}

fn seeded(seed: &str, more: &[(&str, &str)]) -> Connection {
    let own = [("grant", "refresh-token"), ("refresh_token", seed)];
    connection(&[&own, more].concat())
}

fn by_login(more: &[(&str, &str)]) -> Connection {
    let own = [
        ("grant", "authorization-code"),
        ("redirect_uri", "https://app.example/callback"),
    ];
    connection(&[&own, more].concat())
}

fn store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

fn userinfo(body: &str) -> Response {
    Response::new(200, [], body.to_owned())
}

#[test]
fn a_stored_token_goes_only_to_a_connection_that_would_send_the_same_request() {
    let same = app(&[("audience", "api"), ("extra.tenant", "a")]);
    let others = [
        app(&[("audience", "other"), ("extra.tenant", "a")]),
        app(&[("audience", "api"), ("extra.tenant", "b")]),
        app(&[("audience", "api")]),
        app(&[("audience", "api"), ("extra.tenant", "a"), ("scopes", "x")]),
        app(&[
            ("audience", "api"),
            ("extra.tenant", "a"),
            ("issuer", "https://i.example"),
        ]),
        app(&[
            ("audience", "api"),
            ("extra.tenant", "a"),
            ("extra.account", "1"),
        ]),
        app(&[
            ("audience", "api"),
            ("extra.tenant", "a"),
            ("subject", "joe"),
        ]),
        app(&[
            ("audience", "api"),
            ("extra.tenant", "a"),
            ("environment", "production"),
            ("token_url", "https://demo.acme.example/token"),
        ]),
        app(&[
            ("audience", "api"),
            ("extra.tenant", "a"),
            ("base_url", "https://other.example"),
            ("token_url", "https://demo.acme.example/token"),
        ]),
    ];
    for other in others {
        let store = store();
        let first = bench_with(
            same.clone(),
            [Ok(token_response("first", 600))],
            store.clone(),
        );
        assert_eq!(first.client.token().unwrap().expose(), "first");
        let second = bench_with(other, [Ok(token_response("second", 600))], store.clone());
        assert_eq!(second.client.token().unwrap().expose(), "second");
        // A connection that would send the same request sends none.
        if second.client.connection().record_key() != same.record_key() {
            let third = bench_with(same.clone(), [], store);
            let token = third.client.token().unwrap();
            assert_eq!((token.expose(), token.source()), ("first", Source::Store));
        }
    }
}

#[test]
fn a_profile_with_other_requests_gets_its_own_token() {
    let store = store();
    let first = bench_with(app(&[]), [Ok(token_response("first", 600))], store.clone());
    first.client.token().unwrap();
    let text = PROFILE.replace(
        "[grants.client-credentials]\n",
        "[grants.client-credentials]\nparams = { resource = \"https://api.acme.example\" }\n",
    );
    let profile = Profile::from_toml(&text).unwrap();
    let settings = [&APP[..], &[("grant", "client-credentials")]].concat();
    let settings = Settings::from_pairs(settings).unwrap();
    let provider = countersign_core::from_profile(profile);
    let changed = Connection::new("mine", &settings, provider).unwrap();
    let second = bench_with(changed, [Ok(token_response("second", 600))], store);
    assert_eq!(second.client.token().unwrap().expose(), "second");
}

#[test]
fn changed_credentials_keep_the_stored_token() {
    let store = store();
    let first = bench_with(app(&[]), [Ok(token_response("first", 600))], store.clone());
    first.client.token().unwrap();
    let rolled = app(&[("client_secret", "new"), ("client_auth", "basic")]);
    let second = bench_with(rolled, [], store);
    assert_eq!(second.client.token().unwrap().expose(), "first");
}

#[test]
fn another_audience_gets_its_token_from_the_same_rotating_grant() {
    let store = store();
    let ask = |audience, response| {
        let connection = seeded("r0", &[("audience", audience)]);
        let bench = bench_with(connection, [Ok(response)], store.clone());
        let token = bench.client.token().unwrap();
        let form = bench.script.forms()[0].clone();
        (token.expose().to_owned(), form)
    };
    let (token, form) = ask("one", rotated_response("a1", "r1", 600));
    assert!(token == "a1" && form.contains("refresh_token=r0"), "{form}");
    let (token, form) = ask("two", rotated_response("a2", "r2", 600));
    assert!(token == "a2" && form.contains("refresh_token=r1"), "{form}");
    // Back at the first audience, the grant continues, and the other audience's token is not used.
    let (token, form) = ask("one", rotated_response("a3", "r3", 600));
    assert!(token == "a3" && form.contains("refresh_token=r2"), "{form}");
}

#[test]
fn a_rejected_token_for_another_audience_is_not_returned() {
    let store = store();
    let responses = [
        Ok(rotated_response("a1", "r1", 600)),
        Ok(rotated_response("a2", "r2", 600)),
    ];
    let one = bench_with(
        seeded("r0", &[("audience", "one")]),
        responses,
        store.clone(),
    );
    one.client.invalidate(&one.client.token().unwrap());
    let foreign = one.client.token().unwrap();
    assert_eq!(foreign.expose(), "a2");
    let response = Ok(rotated_response("b", "r3", 600));
    let two = bench_with(seeded("r0", &[("audience", "two")]), [response], store);
    two.client.invalidate(&foreign);
    assert_eq!(two.client.token().unwrap().expose(), "b");
}

#[test]
fn another_tenant_never_uses_a_grant_and_going_back_finds_it() {
    let store = store();
    let one = by_login(&[("extra.tenant", "one")]);
    let first = bench_with(
        one.clone(),
        [Ok(rotated_response("a1", "r1", 600))],
        store.clone(),
    );
    login(&first.client).unwrap();
    for settings in [
        &[("extra.tenant", "two")][..],
        &[],
        &[("extra.tenant", "one"), ("issuer", "https://two.example")],
        &[("extra.tenant", "one"), ("subject", "somebody")],
    ] {
        let other = bench_with(by_login(settings), [], store.clone());
        let error = other.client.token().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoToken, "{settings:?}: {error}");
    }
    // Another grant with the same connection name doesn't change it either.
    let app = bench_with(
        app(&[("extra.tenant", "one")]),
        [Ok(token_response("app's", 600))],
        store.clone(),
    );
    assert_eq!(app.client.token().unwrap().expose(), "app's");
    let back = bench_with(one, [Ok(rotated_response("a2", "r2", 600))], store);
    assert_eq!(back.client.token().unwrap().expose(), "a1");
    back.client.refresh_now().unwrap();
    assert!(back.script.forms()[0].contains("refresh_token=r1"));
}

/// The parameters of a login identify its grant, such as audience and organization at Auth0.
#[test]
fn a_login_with_other_parameters_is_another_grant() {
    let store = store();
    let one = by_login(&[("authorize.organization", "one")]);
    let response = Ok(rotated_response("a1", "r1", 600));
    login(&bench_with(one, [response], store.clone()).client).unwrap();
    for settings in [
        &[][..],
        &[("authorize.organization", "two")],
        &[
            ("authorize.organization", "one"),
            ("authorize.audience", "api"),
        ],
        &[
            ("authorize.organization", "one"),
            ("authorize_url", "https://demo.acme.example/two/authorize"),
        ],
    ] {
        let other = bench_with(by_login(settings), [], store.clone());
        let error = other.client.token().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoToken, "{settings:?}: {error}");
    }
    // Parameters that only affect how the login proceeds do not.
    let how = [
        ("authorize.organization", "one"),
        ("authorize.prompt", "consent"),
        ("authorize.ui_locales", "de"),
    ];
    let same = bench_with(by_login(&how), [], store);
    assert_eq!(same.client.token().unwrap().expose(), "a1");
}

#[test]
fn going_back_to_an_earlier_refresh_token_continues_its_grant() {
    let store = store();
    let ask = |seed, response| {
        let bench = bench_with(seeded(seed, &[]), [Ok(response)], store.clone());
        bench.client.refresh_now().unwrap();
        bench.script.forms()[0].clone()
    };
    assert!(ask("r0", rotated_response("a1", "r1", 600)).contains("refresh_token=r0"));
    assert!(ask("n0", rotated_response("b1", "n1", 600)).contains("refresh_token=n0"));
    // `r0` is spent: sending it would end the grant.
    assert!(ask("r0", rotated_response("a2", "r2", 600)).contains("refresh_token=r1"));
}

#[test]
fn a_durable_store_requires_a_connection_name() {
    let settings = |store| {
        let more = [("grant", "client-credentials"), ("store", store)];
        Settings::from_pairs([&APP[..], &more].concat()).unwrap()
    };
    for store in [
        "file:tokens",
        "redis://127.0.0.1",
        "postgres://127.0.0.1/db",
    ] {
        let error = Connection::new(" ", &settings(store), Tenants::provider()).unwrap_err();
        assert_eq!(error.setting_name(), Some("name"), "{store}: {error}");
        assert_eq!(error.verdict(), Verdict::FixConfiguration);
    }
    let nameless = Connection::new("", &settings("memory"), Tenants::provider()).unwrap();
    let client = |store: Arc<dyn Store>| {
        Client::builder(nameless.clone())
            .store(store)
            .build()
            .map(drop)
    };
    client(store()).unwrap();
    // The same holds for a store that the program passes.
    let folder = tempfile::tempdir().unwrap();
    let files = countersign_core::FileStore::open(folder.path().join("tokens")).unwrap();
    let error = client(Arc::new(files)).unwrap_err();
    assert_eq!(error.setting_name(), Some("name"), "{error}");
}

#[test]
fn another_login_has_another_identity() {
    let store = store();
    let responses = [
        Ok(rotated_response("a1", "r1", 600)),
        Ok(userinfo("ann")),
        Ok(rotated_response("b1", "s1", 600)),
        Ok(userinfo("bob")),
        Ok(rotated_response("b2", "s2", 600)),
    ];
    let Bench { client, clock, .. } = bench_with(by_login(&[]), responses, store);
    let user = || client.identity().unwrap()["user"].clone();
    login(&client).unwrap();
    assert_eq!((user(), user()), ("ann".into(), "ann".into()));
    login(&client).unwrap();
    assert_eq!(user(), "bob");
    // A refresh continues the grant, so the identity is not requested again.
    clock.advance(Duration::from_secs(600));
    assert_eq!(user(), "bob");
}

#[test]
fn an_identity_is_not_stored_for_a_later_login() {
    let store = store();
    let ann = bench_with(
        by_login(&[]),
        [Ok(rotated_response("a1", "r1", 600)), Ok(userinfo("ann"))],
        store.clone(),
    );
    login(&ann.client).unwrap();
    let bob = bench_with(
        by_login(&[]),
        [Ok(rotated_response("b1", "s1", 600)), Ok(userinfo("bob"))],
        store.clone(),
    );
    login(&bob.client).unwrap();
    // This client still has Ann's token, and requests the identity with it.
    assert_eq!(ann.client.identity().unwrap()["user"], "ann");
    assert_eq!(bob.client.identity().unwrap()["user"], "bob");
    let other = bench_with(by_login(&[]), [], store);
    assert_eq!(other.client.identity().unwrap()["user"], "bob");
}

#[test]
fn another_refresh_token_or_account_has_another_identity() {
    let store = store();
    let user = |connection: Connection, name: &str| {
        let responses = [Ok(rotated_response("a", "r", 600)), Ok(userinfo(name))];
        let bench = bench_with(connection, responses, store.clone());
        bench.client.refresh_now().unwrap();
        bench.client.identity().unwrap()
    };
    assert_eq!(user(seeded("r0", &[]), "ann")["user"], "ann");
    assert_eq!(user(seeded("n0", &[]), "bob")["user"], "bob");
    for account in ["1", "2", "1"] {
        let connection = seeded("n0", &[("extra.account", account)]);
        assert_eq!(user(connection, "bob")["account"], account);
    }
}

#[test]
fn additions_to_the_token_override_the_stored_identity() {
    let response = |instance: &str| {
        let body = format!(
            r#"{{"access_token":"{instance}","expires_in":600,"refresh_token":"r","instance":"{instance}"}}"#
        );
        Ok(Response::new(200, [], body))
    };
    let responses = [response("one"), Ok(userinfo("ann")), response("two")];
    let Bench { client, clock, .. } = bench_with(seeded("r0", &[]), responses, store());
    assert_eq!(client.identity().unwrap()["instance"], "one");
    clock.advance(Duration::from_secs(600));
    let identity = client.identity().unwrap();
    assert_eq!((&*identity["instance"], &*identity["user"]), ("two", "ann"));
}

#[test]
fn an_older_grant_in_the_fallback_store_does_not_undo_a_login() {
    let limited = LimitedStore::accepting(u64::MAX);
    let store = limited.store.clone();
    let fallback: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let machine = |responses: Vec<_>| {
        let script = crate::support::MockTransport::new(responses);
        let client = Client::builder(by_login(&[]))
            .transport(script.clone())
            .store(store.clone())
            .fallback_store(fallback.clone())
            .clock(Arc::new(countersign_core::ManualClock::at(
                crate::support::NOW,
            )))
            .build()
            .unwrap();
        (client, script)
    };
    let (first, _) = machine(vec![
        Ok(rotated_response("a1", "r1", 600)),
        Ok(rotated_response("a2", "r2", 600)),
        Ok(rotated_response("a3", "r3", 600)),
    ]);
    login(&first).unwrap();
    first.refresh_now().unwrap();
    limited.accept_only(1);
    first.refresh_now().unwrap();
    assert!(first.unsaved().is_some());
    // Another machine, without that fallback store, logs out and somebody else logs in.
    limited.accept_all();
    let elsewhere = bench_with(
        by_login(&[]),
        [
            Ok(Response::new(200, [], "")),
            Ok(rotated_response("b1", "s1", 600)),
        ],
        store.clone(),
    );
    elsewhere.client.forget().unwrap();
    login(&elsewhere.client).unwrap();
    let (third, script) = machine(vec![Ok(rotated_response("b2", "s2", 600))]);
    assert_eq!(third.refresh_now().unwrap().expose(), "b2");
    assert!(script.forms()[0].contains("refresh_token=s1"));
}

/// Writes a record as an earlier version did, under that version's key.
fn record_of_an_earlier_version(store: &dyn Store, seed: &str) -> StoreKey {
    let key = StoreKey::of(["mine", "acme", "https://demo.acme.example/token", "app", ""]);
    let seed = match seed {
        "" => "null".to_owned(),
        seed => {
            let digest = ring::digest::digest(&ring::digest::SHA256, seed.as_bytes());
            let hex: String = digest.as_ref()[..8]
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            format!("\"{hex}\"")
        }
    };
    let obtained = crate::support::NOW * 1000;
    let record = format!(
        r#"{{"format":1,"connection":"mine","provider":"acme","token":{{"access_token":"old",
        "token_type":"Bearer","obtained_ms":{obtained},"lifetime_ms":600000,"expiry_known":true,
        "scope":null,"extra":{{}}}},"refresh_token":"r7","asked_scopes":"","seed":{seed},
        "identity":{{"user":"ann"}},"generation":7,"attempt":null,"ended":null,"rest":null,"history":[]}}"#
    );
    let swap = store.compare_and_swap(&key, None, None, record.as_bytes());
    assert!(matches!(swap, Swap::Applied(1)), "{swap:?}");
    key
}

#[test]
fn an_earlier_versions_record_is_used_only_if_it_certainly_belongs_to_the_connection() {
    // The record started with the refresh token of the settings.
    let store = store();
    let old = record_of_an_earlier_version(store.as_ref(), "r0");
    let responses = [Ok(rotated_response("new", "r8", 600)), Ok(userinfo("bob"))];
    let bench = bench_with(seeded("r0", &[]), responses, store.clone());
    // Its access token and its identity may be another tenant's, so they are not used.
    assert_eq!(bench.client.token().unwrap().expose(), "new");
    assert_eq!(bench.client.identity().unwrap()["user"], "bob");
    assert!(bench.script.forms()[0].contains("refresh_token=r7"));
    // A process of that version must not spend the refresh token too.
    assert!(store.load(&old).unwrap().unwrap().value.is_none());

    // The record of a login that may have been another tenant's is not used.
    let store = self::store();
    let old = record_of_an_earlier_version(store.as_ref(), "");
    let bench = bench_with(by_login(&[("extra.tenant", "b")]), [], store.clone());
    let error = bench.client.token().unwrap_err();
    assert_eq!(error.verdict(), Verdict::Reauthorize);
    assert!(error.hint().unwrap().contains("does not say"), "{error:?}");
    assert!(store.load(&old).unwrap().unwrap().value.is_some());
}

#[test]
fn a_record_names_its_settings_without_secrets() {
    let record = |changes: &[(&str, &str)]| {
        let store = store();
        let bench = bench_with(app(changes), [Ok(token_response("a", 600))], store.clone());
        bench.client.token().unwrap();
        let key = bench.client.connection().record_key();
        let value = store.load(&key).unwrap().unwrap().value.unwrap();
        RecordSummary::read(&value, bench.clock.now()).unwrap()
    };
    let (a, b) = (
        record(&[("extra.tenant", "a")]),
        record(&[("extra.tenant", "b")]),
    );
    assert_eq!(a.settings()["extra.tenant"], "a");
    assert_eq!(a.settings()["client_id"], "app");
    assert_eq!(a.settings()["environment"], "demo");
    let differing: Vec<_> = a
        .settings()
        .iter()
        .filter(|(name, value)| b.settings().get(*name) != Some(value))
        .collect();
    assert_eq!(differing.len(), 1, "{differing:?}");
    assert!(!a.settings().values().any(|value| value == "s3cret"));
}

/// Acme with a parameter that differs each time.
#[derive(Debug)]
struct Fickle(Profile, AtomicU64);

impl Provider for Fickle {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn parameters(&self, _: App<'_>, _: GrantKind) -> Result<Vec<(String, String)>, Error> {
        let count = self.1.fetch_add(1, Ordering::Relaxed);
        Ok(vec![
            ("same".into(), "same".into()),
            ("nonce".into(), count.to_string()),
        ])
    }
}

#[test]
fn a_provider_whose_parameters_differ_each_time_is_rejected() {
    let profile = Profile::from_toml(PROFILE).unwrap();
    let provider = Arc::new(Fickle(profile, AtomicU64::new(0)));
    let settings = [&APP[..], &[("grant", "client-credentials")]].concat();
    let settings = Settings::from_pairs(settings).unwrap();
    let connection = Connection::new("mine", &settings, provider).unwrap();
    let error = Client::builder(connection).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Plugin);
    assert!(error.message().contains("`nonce`"), "{error}");
}
