//! Identity requests with a token that the vendor rejects.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::{
    App, Connection, Error, Extra, Profile, Provider, Request, Response, Settings, Token, Url,
    Verdict, read_resource_response,
};

use crate::support::{Bench, PROFILE, bench, rejection, token_response};

/// Requests the identity from an endpoint of its own.
#[derive(Debug)]
struct Asking(Profile);

impl Provider for Asking {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn identity_request(&self, _: App<'_>, token: &Token) -> Result<Option<Request>, Error> {
        let url = Url::parse("https://demo.acme.example/me")?;
        Ok(Some(
            Request::get(url).with_header("Authorization", token.authorization()),
        ))
    }

    fn read_identity(&self, app: App<'_>, response: &Response) -> Result<Extra, Error> {
        let members = read_resource_response(app, response)?;
        let text = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        Ok(members
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect())
    }
}

fn asking(responses: Vec<Response>) -> Bench {
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("environment", "demo"),
        ("grant", "client-credentials"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ])
    .unwrap();
    let provider = Arc::new(Asking(Profile::from_toml(PROFILE).unwrap()));
    let connection = Connection::new("mine", &settings, provider).unwrap();
    bench(connection, responses.into_iter().map(Ok))
}

fn dropped() -> Response {
    rejection(401, "invalid_token")
}

fn ada() -> Response {
    Response::new(200, [], r#"{"name":"ada"}"#)
}

#[test]
fn a_token_that_the_vendor_dropped_is_replaced_once() {
    let responses = vec![
        token_response("a", 3600),
        dropped(),
        token_response("b", 3600),
        ada(),
    ];
    let bench = asking(responses);
    assert_eq!(bench.client.identity().unwrap()["name"], "ada");
    assert_eq!(bench.client.token().unwrap().expose(), "b");
    assert_eq!(bench.script.forms().len(), 4);
}

#[test]
fn a_vendor_that_rejects_new_tokens_too_is_a_configuration_error() {
    let responses = vec![
        token_response("a", 3600),
        dropped(),
        token_response("b", 3600),
        dropped(),
        dropped(),
        dropped(),
    ];
    let bench = asking(responses);
    for asked in [4, 6] {
        let error = bench.client.identity().unwrap_err();
        assert_eq!(error.verdict(), Verdict::FixConfiguration, "{error:?}");
        assert_eq!(error.setting_name(), Some("environment"));
        // The second time no token is requested, because the API rejects every token.
        assert_eq!(bench.script.forms().len(), asked);
    }
}

#[test]
fn other_failures_do_not_replace_the_token() {
    let responses = vec![token_response("a", 3600), rejection(503, "down"), ada()];
    let bench = asking(responses);
    assert_eq!(
        bench.client.identity().unwrap_err().verdict(),
        Verdict::Retry
    );
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.client.identity().unwrap()["name"], "ada");
}
