//! What the authorization endpoint answers by way of the browser: in whatever form a host has it,
//! and what each error means.

use countersign::{
    Connection, Error, ErrorKind, Grant, Login, Profile, Settings, SystemRandom, Verdict,
};

use crate::support::{Bench, PROFILE, bench, rotated_answer};

const REDIRECT_URI: &str = "https://app.example/cb";

/// A connection by login at the provider of the tests, whose profile has these lines too.
fn with(lines: &str, pairs: &[(&str, &str)]) -> Result<Connection, Error> {
    let profile = Profile::from_toml(&format!("{PROFILE}\n{lines}"))?;
    let mut settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "authorization-code"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("redirect_uri", REDIRECT_URI),
    ])?;
    for (key, value) in pairs {
        settings.set(key, value)?;
    }
    Connection::new("mine", &settings, countersign::from_profile(profile))
}

fn start(connection: &Connection) -> Login {
    let redirect_uri = connection.redirect_uri().unwrap().as_str();
    Login::start(connection, redirect_uri, &SystemRandom::new()).unwrap()
}

/// Web frameworks give the whole URL, the request's target, or the query with its `?`.
#[test]
fn a_callback_is_read_in_every_form_that_hosts_have_it() {
    let connection = with("", &[]).unwrap();
    let Bench { keeper, .. } = bench(connection, [Ok(rotated_answer("a", "r1", 600))]);
    let login = keeper.start_login(None).unwrap();
    let query = format!("code=a%2Fb%3Fc&state={}", login.state());
    for callback in [
        query.clone(),
        format!("?{query}"),
        format!(" {query}\r\n"),
        format!("{REDIRECT_URI}?{query}"),
        format!("HTTPS://app.example/cb?{query}#_=_"),
        format!("http://localhost:8400/callback?{query}"),
        format!("/cb?{query}"),
        format!("/?{query}"),
        format!("localhost:8400/callback?{query}"),
        format!("https://app.example/cb;a=b?tenant=1&{query}"),
        // Not all that needs to be encoded is.
        format!("https://app.example/cb?{query}&next=/?a=b"),
        format!("{query}&iss=https://login.example/?a"),
    ] {
        assert!(login.is_answered_by(&callback), "{callback}");
        let grant = login.finish(&callback).expect(&callback);
        let Grant::AuthorizationCode { code, .. } = grant else {
            panic!("a login ends in a code");
        };
        assert_eq!(code.expose(), "a/b?c", "{callback}");
    }
    let callback = format!("{REDIRECT_URI}?{query}");
    assert_eq!(
        keeper.complete_login(&login, &callback).unwrap().expose(),
        "a"
    );
}

/// An address without a query is not a forged answer, and whoever pasted it is told so.
#[test]
fn a_callback_without_a_query_is_called_that() {
    let login = start(&with("", &[]).unwrap());
    for callback in [
        "",
        "?",
        "\n",
        REDIRECT_URI,
        "https://app.example/cb?",
        "/cb",
        "code",
    ] {
        assert!(!login.is_answered_by(callback), "{callback}");
        let error = login.finish(callback).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Callback);
        assert!(
            error.message().contains("no query"),
            "{callback:?}: {error}"
        );
    }
}

#[test]
fn the_state_of_a_login_is_the_one_in_its_url() {
    let login = start(&with("", &[]).unwrap());
    assert!(
        login
            .url()
            .as_str()
            .contains(&format!("&state={}&", login.state()))
    );
    let restored = Login::restore(&login.save()).unwrap();
    assert_eq!(restored.state(), login.state());
}

/// RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6.
#[test]
fn an_error_of_the_authorization_endpoint_has_the_verdict_of_its_kind() {
    use Verdict::{FixConfiguration, Reauthorize, Retry};
    let connection = with("", &[]).unwrap();
    let login = start(&connection);
    for (word, verdict, setting) in [
        ("invalid_scope", FixConfiguration, Some("scopes")),
        ("invalid_request", FixConfiguration, Some("authorize_url")),
        ("unauthorized_client", FixConfiguration, Some("grant")),
        ("unsupported_response_type", FixConfiguration, Some("grant")),
        (
            "invalid_request_uri",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "invalid_request_object",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "request_not_supported",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "request_uri_not_supported",
            FixConfiguration,
            Some("authorize_url"),
        ),
        (
            "registration_not_supported",
            FixConfiguration,
            Some("authorize_url"),
        ),
        ("invalid_client", FixConfiguration, Some("client_id")),
        (
            "invalid_target",
            FixConfiguration,
            Some("authorize.resource"),
        ),
        ("server_error", Retry, None),
        ("temporarily_unavailable", Retry, None),
        ("access_denied", Reauthorize, None),
        ("login_required", Reauthorize, None),
        ("interaction_required", Reauthorize, None),
        ("account_selection_required", Reauthorize, None),
        ("unmet_authentication_requirements", Reauthorize, None),
        ("something_new", Reauthorize, None),
    ] {
        let callback = format!(
            "error={word}&error_description=why+so&state={}",
            login.state()
        );
        for error in [
            login.finish(&callback).unwrap_err(),
            connection
                .read_authorization_response(&login, &callback)
                .unwrap_err(),
        ] {
            assert_eq!(
                (error.verdict(), error.setting_name()),
                (verdict, setting),
                "{word}"
            );
            assert_eq!(error.oauth_error(), Some(word));
            assert_eq!(error.oauth_description(), Some("why so"));
            assert!(
                error.message().contains(&format!("{word}: why so")),
                "{error}"
            );
            assert!(error.hint().is_some(), "{word}");
            assert_eq!(error.provider(), Some("acme"));
            assert_eq!(
                error.kind() == ErrorKind::Callback,
                verdict == Reauthorize,
                "{word}"
            );
        }
    }
}

/// The vendor's own words, and its own meaning of the RFC's.
#[test]
fn the_profiles_rows_explain_what_the_authorization_endpoint_reports() {
    let rows = r#"
        [[errors]]
        error = "access_denied"
        description = "admin approval"
        kind = "refused"
        setting = "client_id"
        hint = "have the app approved"
        [[errors]]
        error = "access_denied"
        kind = "login_required"
        hint = "allow access"
        [[errors]]
        grants = ["refresh-token"]
        error = "app_blocked"
        kind = "throttled"
        hint = "not this row"
        [[errors]]
        status = 400
        error = "app_blocked"
        kind = "throttled"
        hint = "nor this one: there was no status"
        [[errors]]
        error = "app_blocked"
        kind = "refused"
        setting = "client_id"
        hint = "have the app unblocked"
        [[errors]]
        error = "busy_now"
        kind = "unavailable"
        hint = "wait a while"
    "#;
    let connection = with(rows, &[]).unwrap();
    let keeper = bench(connection, []).keeper;
    let login = keeper.start_login(None).unwrap();
    let told = |answer: &str| {
        let callback = format!("{answer}&state={}", login.state());
        keeper.complete_login(&login, &callback).unwrap_err()
    };
    for (answer, kind, verdict, hint) in [
        (
            "error=access_denied&error_description=Needs+Admin+Approval",
            ErrorKind::Refused,
            Verdict::FixConfiguration,
            "have the app approved",
        ),
        // It is this login that did not succeed, whatever the row calls it.
        (
            "error=access_denied",
            ErrorKind::Callback,
            Verdict::Reauthorize,
            "allow access",
        ),
        (
            "error=app_blocked",
            ErrorKind::Refused,
            Verdict::FixConfiguration,
            "have the app unblocked",
        ),
        (
            "error=busy_now",
            ErrorKind::Unavailable,
            Verdict::Retry,
            "wait a while",
        ),
        (
            "error=consent_required",
            ErrorKind::Callback,
            Verdict::Reauthorize,
            "consent once",
        ),
    ] {
        let error = told(answer);
        assert_eq!((error.kind(), error.verdict()), (kind, verdict), "{answer}");
        assert_eq!(error.hint(), Some(hint), "{answer}");
    }
}
