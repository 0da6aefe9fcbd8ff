//! A vendor's own secrets: settings `secret.NAME`, and where profiles may use them.

use countersign_core::testing::NOW;
use countersign_core::{
    Clock, Connection, Error, GrantKind, ManualClock, MemoryStore, PresentedGrant, Profile,
    Response, Settings, SystemRandom, dry_run, read_token_response, token_request,
};

use crate::support::{bench_with, token_response};

const PROFILE: &str = r#"
    id = "acme"
    name = "Acme"
    documentation = "https://acme.example/docs"
    [environments.production]
    base_url = "https://login.acme.example"
    [endpoints]
    token = "{base_url}/token"
    [grants.client-credentials]
    client_auth = ["post"]
    params = { child_secret = "{secret.child?}", pair = "{client_id}:{client_secret}" }
    headers = { X-Key = "{secret.api_key}" }
    [use]
    headers = { x-api-key = "{client_id}:{client_secret}", developer-token = "{secret.api_key}" }
    [secret]
    api_key = "the key of the API"
    child = "the secret of the child account"
"#;

fn settings(more: &[(&str, &str)]) -> Settings {
    let common = [
        ("client_id", "app"),
        ("client_secret", "s3cret!!"),
        ("secret.api_key", "k3y-of-the-api"),
    ];
    let mut settings = Settings::from_pairs(common).unwrap();
    for (key, value) in more {
        settings.set(key, value).unwrap();
    }
    settings
}

fn connect(profile: &str, settings: &Settings) -> Result<Connection, Error> {
    let profile = Profile::from_toml(profile)?;
    Connection::new("mine", settings, countersign_core::from_profile(profile))
}

#[test]
fn secrets_are_sent_and_never_shown() {
    let connection = connect(PROFILE, &settings(&[("secret.child", "ch1ld-secret")])).unwrap();
    let (grant, now) = (
        PresentedGrant::ClientCredentials,
        ManualClock::at(NOW).now(),
    );
    let request = token_request(&connection, &grant, now, &SystemRandom::new()).unwrap();
    let body = request.body().unwrap();
    assert!(
        body.contains("child_secret=ch1ld-secret&pair=app%3As3cret%21%21"),
        "{}",
        *body
    );
    let mut headers = request.headers();
    let key = headers.find(|(name, _)| *name == "X-Key").unwrap().1;
    assert_eq!(key.expose(), "k3y-of-the-api");

    let says = r#"{"error":"x","error_description":"k3y-of-the-api ch1ld-secret s3cret!!"}"#;
    let response = Response::new(400, [], says);
    let error = read_token_response(&connection, &grant, &request, &response, now).unwrap_err();
    let shown = format!("{connection:?}{request:?}{error:?}{error}");
    for secret in ["k3y-of", "ch1ld-", "s3cret"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }

    let shown = dry_run(&connection, GrantKind::ClientCredentials, now).unwrap();
    assert_eq!(
        shown.body.unwrap(),
        "grant_type=client_credentials&child_secret=<secret.child>&pair=app%3A<client_secret>&client_id=app&client_secret=<client_secret>"
    );
    let header = ("X-Key".to_owned(), "<secret.api_key>".to_owned());
    assert!(shown.headers.contains(&header), "{:?}", shown.headers);
}

#[test]
fn api_requests_have_them_even_if_the_token_comes_from_the_store() {
    let store = std::sync::Arc::new(MemoryStore::new());
    let connect = || connect(PROFILE, &settings(&[])).unwrap();
    let headers = |responses: Vec<_>| {
        let bench = bench_with(connect(), responses, store.clone());
        let token = bench.client.token().unwrap();
        assert!(!format!("{token:?}").contains("k3y-of"));
        let headers = token.headers().unwrap().into_iter();
        let shown = headers.map(|(name, value)| format!("{name}: {}", value.expose()));
        shown.collect::<Vec<_>>()
    };
    let first = headers(vec![Ok(token_response("t0", 600))]);
    assert_eq!(
        first,
        [
            "Authorization: Bearer t0",
            "developer-token: k3y-of-the-api",
            "x-api-key: app:s3cret!!"
        ]
    );
    assert_eq!(headers(Vec::new()), first);
    for (key, value) in store_contents(&*store) {
        assert!(!value.contains("k3y-of"), "{key}");
    }
}

fn store_contents(store: &dyn countersign_core::Store) -> Vec<(String, String)> {
    let keys = store.keys().unwrap().into_iter();
    keys.map(|key| {
        let record = store.load(&key).unwrap().unwrap();
        let text = String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned();
        (format!("{key:?}"), text)
    })
    .collect()
}

#[test]
fn settings_name_files_and_variables() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "fr0m-file\n").unwrap();
    let mut given = settings(&[("secret.api_key_file", file.to_str().unwrap())]);
    given.set("secret.child_env", "CHILD").unwrap();
    // Unresolved, and set twice.
    let error = connect(PROFILE, &given).unwrap_err();
    assert!(error.message().contains("has not been resolved"), "{error}");
    let error = given.clone().resolve(|_| None).unwrap_err();
    assert_eq!(
        error.message(),
        "`secret.api_key` and `secret.api_key_file` are both set"
    );
    given.unset("secret.api_key").unwrap();
    given
        .set("secret.api_key_file", file.to_str().unwrap())
        .unwrap();
    let error = given.clone().resolve(|_| None).unwrap_err();
    assert!(error.message().contains("CHILD is not set"), "{error}");
    let given = given.resolve(|name| (name == "CHILD").then(|| "fr0m-env".to_owned()));
    let given = given.unwrap();
    assert_eq!(given.value("secret.api_key"), Some("fr0m-file"));
    let connection = connect(PROFILE, &given).unwrap();
    let now = ManualClock::at(NOW).now();
    let grant = PresentedGrant::ClientCredentials;
    let request = token_request(&connection, &grant, now, &SystemRandom::new()).unwrap();
    assert!(request.body().unwrap().contains("child_secret=fr0m-env"));

    let error = settings(&[]).set("secrt.api_key", "x").unwrap_err();
    assert!(error.message().contains("is not a setting"), "{error}");
}

#[test]
fn a_missing_or_unknown_secret_is_named() {
    let mut without = settings(&[]);
    without.unset("secret.api_key").unwrap();
    let error = connect(PROFILE, &without).unwrap_err();
    assert_eq!(error.setting_name(), Some("secret.api_key"), "{error}");
    let error = connect(PROFILE, &settings(&[("secret.chidl", "x")])).unwrap_err();
    assert_eq!(error.hint(), Some("did you mean `secret.child`?"));
}

#[test]
fn a_secret_elsewhere_is_a_mistake() {
    for (from, to, why) in [
        (
            "{base_url}/token",
            "{base_url}/token?key={secret.api_key}",
            "templates can't contain secrets",
        ),
        (
            "{base_url}/token",
            "{base_url}/{client_secret}",
            "templates can't contain secrets",
        ),
        (
            "login.acme",
            "{secret.api_key}.acme",
            "templates can't contain secrets",
        ),
        (
            "[use]",
            "[authorize]\nparams = { key = \"{secret.api_key}\" }\n[use]",
            "templates can't contain secrets",
        ),
        (
            "[use]",
            "[assertion]\nclaims = { key = \"{secret.api_key}\" }\n[use]",
            "templates can't contain secrets",
        ),
        (
            "[use]",
            "[use]\napi_base = \"https://a.example/{secret.api_key}\"",
            "which can't be here",
        ),
        (
            "{secret.child?}",
            "{secret.chil}",
            "did you mean `{secret.child}`?",
        ),
        (
            "{secret.child?}",
            "{secret.child:x}",
            "can't have a fallback or filters",
        ),
        (
            "{secret.child?}",
            "{secret.child|upper}",
            "can't have a fallback or filters",
        ),
        (
            "developer-token = \"{secret.api_key}\"",
            "developer-token = \"{secret.api_key|upper}\"",
            "can't have a fallback or filters",
        ),
        (
            "developer-token = \"{secret.api_key}\"",
            "developer-token = \"{secret.key}\"",
            "did you mean `{secret.api_key}`?",
        ),
        ("child = \"the", "child_file = \"the", "name it differently"),
        ("child = \"the", "\"a b\" = \"the", "must consist of"),
    ] {
        let text = PROFILE.replacen(from, to, 1);
        assert_ne!(text, PROFILE, "{from}");
        let error = Profile::from_toml(&text).unwrap_err();
        assert!(error.message().contains(why), "{to}: {error}");
    }
    let unused = PROFILE.replace("{secret.child?}", "1");
    let found = countersign_core::profile::find_mistakes(&unused);
    assert!(
        found[0]
            .message
            .contains("`secret.child` is described, but nothing uses it"),
        "{found:?}"
    );
}
