//! Parameters that a provider adds to requests, and responses that it translates to RFC 6749.

use std::sync::Arc;

use countersign_core::{
    App, Clock, Connection, Error, ErrorKind, GrantKind, ManualClock, PresentedGrant, Profile,
    Provider, Request, Response, Settings, SystemRandom, TokenResponse, Verdict, read_json,
    read_token_response, token_request,
};
use zeroize::Zeroizing;

use crate::support::{NOW, PROFILE};

/// A vendor with its own grant type and its own responses.
#[derive(Debug)]
struct Peculiar {
    profile: Profile,
    parameters: &'static [(&'static str, &'static str)],
}

impl Provider for Peculiar {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn parameters(&self, app: App<'_>, grant: GrantKind) -> Result<Vec<(String, String)>, Error> {
        assert_eq!(grant, app.policy.grant);
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Ok(self.parameters.iter().map(own).collect())
    }

    fn translate(
        &self,
        _: App<'_>,
        response: &Response,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let mut members = read_json(response)?;
        if members.contains_key("access_token") {
            return Ok(None);
        }
        for (theirs, ours) in [("token", "access_token"), ("status", "error")] {
            if let Some(value) = members.remove(theirs) {
                members.insert(ours.to_owned(), value);
            }
        }
        Ok(Some(Zeroizing::new(serde_json::to_vec(&members).unwrap())))
    }
}

fn connection(grant: &str, parameters: &'static [(&'static str, &'static str)]) -> Connection {
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", grant),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("client_auth", "post"),
        ("scopes", "a b"),
        ("refresh_token", "r0"),
    ])
    .unwrap();
    let profile = Profile::from_toml(PROFILE).unwrap();
    let provider = Peculiar {
        profile,
        parameters,
    };
    Connection::new("mine", &settings, Arc::new(provider)).unwrap()
}

fn request(connection: &Connection, grant: &PresentedGrant) -> Result<Request, Error> {
    token_request(
        connection,
        grant,
        ManualClock::at(NOW).now(),
        &SystemRandom::new(),
    )
}

fn read(grant: &str, status: u16, body: &str) -> Result<TokenResponse, Error> {
    let connection = connection(grant, &[]);
    let grant = match connection.grant() {
        GrantKind::RefreshToken => PresentedGrant::RefreshToken("r0".into()),
        _ => PresentedGrant::ClientCredentials,
    };
    let request = request(&connection, &grant).unwrap();
    let response = Response::new(status, [("Content-Type", "application/json")], body);
    read_token_response(
        &connection,
        &grant,
        &request,
        &response,
        ManualClock::at(NOW).now(),
    )
}

#[test]
fn a_parameter_overrides_one_of_the_grant_or_follows_them() {
    let connection = connection(
        "client-credentials",
        &[
            ("account_id", "42 &"),
            ("grant_type", "account_credentials"),
        ],
    );
    let request = request(&connection, &PresentedGrant::ClientCredentials).unwrap();
    assert_eq!(
        request.body().unwrap().as_str(),
        "grant_type=account_credentials&scope=a+b&account_id=42+%26&client_id=app&client_secret=s3cret",
    );
}

#[test]
fn a_provider_cannot_set_parameters_that_authenticate_or_spend_a_grant() {
    const FORBIDDEN: &[&[(&str, &str)]] = &[
        &[("client_id", "x")],
        &[("client_secret", "x")],
        &[("client_assertion", "x")],
        &[("assertion", "x")],
        &[("code", "x")],
        &[("code_verifier", "x")],
        &[("refresh_token", "x")],
    ];
    for parameters in FORBIDDEN {
        let connection = connection("client-credentials", parameters);
        let error = request(&connection, &PresentedGrant::ClientCredentials).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Plugin);
        assert!(error.message().contains(parameters[0].0), "{error}");
    }
}

#[test]
fn a_translated_response_is_read_like_any_other() {
    let token = read(
        "client-credentials",
        200,
        r#"{"token":"at1","expires_in":60}"#,
    )
    .unwrap();
    assert_eq!(token.access_token.expose(), "at1");
    assert_eq!(token.expires_in.unwrap().as_secs(), 60);
    let plain = read("client-credentials", 200, r#"{"access_token":"at2"}"#).unwrap();
    assert_eq!(plain.access_token.expose(), "at2");
    let error = read("client-credentials", 400, r#"{"status":"invalid_client"}"#).unwrap_err();
    assert_eq!(error.oauth_error(), Some("invalid_client"));
    assert_eq!(error.setting_name(), Some("client_secret"));
}

#[test]
fn a_response_that_cannot_be_translated_has_an_unknown_outcome() {
    let error = read("refresh-token", 200, "<html>").unwrap_err();
    assert_eq!(error.verdict(), Verdict::OutcomeUnknown);
    assert_eq!(error.http_status(), Some(200));
}

#[test]
fn the_error_of_a_response_that_cannot_be_translated_has_the_servers_message() {
    let page = "<html><title>Blocked: s3cret is not welcome</title></html>";
    let error = read("client-credentials", 403, page).unwrap_err();
    assert!(
        error
            .message()
            .ends_with("it says: Blocked: [redacted] is not welcome"),
        "{error}"
    );
    assert!(error.oauth_description().unwrap().starts_with("Blocked"));
    let page = "<html><title>Sign in to the Wi-Fi</title></html>";
    let error = read("client-credentials", 200, page).unwrap_err();
    assert!(error.message().contains("Sign in to the Wi-Fi"), "{error}");
}
