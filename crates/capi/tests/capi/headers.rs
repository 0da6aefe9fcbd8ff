//! The headers that carry a token.

use std::fs;
use std::ptr;

use countersign_capi::*;
use countersign_sandbox::{Fault, Sandbox};

use crate::program::{Client, Config, Rejected, Token, call, owned, sandbox};

const PROFILE: &str = include_str!("../../../../tests/scenarios/profiles/ticket.toml");

/// Returns the names and values.
fn headers(token: &Token) -> Result<Vec<(String, String)>, Rejected> {
    let mut count = 0;
    // SAFETY: live.
    call(|error| unsafe { csign_token_header_count(token.0, &mut count, error) })?;
    let header = |index| {
        let mut length = 0;
        // SAFETY: live. The texts are copied.
        unsafe {
            let name = owned(csign_token_header_name(token.0, index, ptr::null_mut()));
            let value = owned(csign_token_header_value(token.0, index, &mut length));
            assert_eq!(length, value.as_ref().map_or(0, String::len));
            name.zip(value)
        }
    };
    assert_eq!(header(count), None);
    Ok((0..count).map(|index| header(index).unwrap()).collect())
}

fn client_of_ticket(sandbox: &Sandbox) -> Client {
    let folder = sandbox.dir().join("profiles");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ticket.toml"), PROFILE).unwrap();
    let config = Config::load(sandbox, "salesforce-cc");
    config.set("store", "memory").unwrap();
    config.set("provider", "ticket").unwrap();
    config.unset("environment").unwrap();
    config.client().unwrap()
}

#[test]
fn authorization_alone_carries_most_tokens() {
    let sandbox = sandbox();
    let token = Config::load(&sandbox, "boldsign-cc")
        .client()
        .unwrap()
        .token()
        .unwrap();
    let value = format!("Bearer {}", token.value());
    assert_eq!(headers(&token), Ok(vec![("Authorization".into(), value)]));
}

#[test]
fn a_profile_can_name_the_scheme_and_further_headers() {
    let sandbox = sandbox();
    let body = r#"{"access_token":"t1","token_type":"Bearer","tenant":"42"}"#;
    let response = Fault {
        body: Some(body.into()),
        content_type: Some("application/json".into()),
        ..Fault::status(200)
    };
    sandbox.fault(response).unwrap();
    let token = client_of_ticket(&sandbox).token().unwrap();
    let expected = [("Authorization", "Ticket t1"), ("X-Tenant", "42")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers(&token), Ok(expected.into()));
}

#[test]
fn a_header_without_its_value_is_an_error() {
    let sandbox = sandbox();
    let token = client_of_ticket(&sandbox).token().unwrap();
    let rejected = headers(&token).unwrap_err();
    assert_eq!(rejected.status, csign_status::NO_TOKEN);
    assert!(rejected.message.contains("`X-Tenant`"), "{rejected:?}");
    // The token is there nevertheless, for a call that looks up what is missing.
    assert!(!token.value().is_empty());
    // SAFETY: live.
    let name = unsafe { csign_token_header_name(token.0, 0, ptr::null_mut()) };
    assert!(name.is_null());
}
