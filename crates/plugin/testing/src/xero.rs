//! A fake of Xero's identity server: it rotates refresh tokens, and accepts the previous one for
//! another 30 minutes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::{Asked, Response, Vendor};

/// Xero with the app `xero-app`, its secret `xero-secret`, and the refresh token `xero-refresh-0`.
#[derive(Debug)]
pub struct Xero {
    vendor: Vendor,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of rotations so far.
    turn: u32,
    /// Whether the next response gets lost.
    lose: bool,
    grace_is_over: bool,
}

impl Xero {
    /// Starts the server.
    #[expect(clippy::new_without_default, reason = "it starts a server")]
    pub fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let vendor = Vendor::start({
            let state = Arc::clone(&state);
            move |asked| respond(asked, &mut lock(&state))
        });
        Self { vendor, state }
    }

    /// Returns the server.
    pub fn vendor(&self) -> &Vendor {
        &self.vendor
    }

    /// Rotates the refresh token at the next refresh, but doesn't send a response.
    pub fn lose_a_response(&self) {
        lock(&self.state).lose = true;
    }

    /// Ends the grace period of the previous refresh token, as if 30 minutes had passed.
    pub fn end_grace(&self) {
        lock(&self.state).grace_is_over = true;
    }
}

fn respond(asked: &Asked, state: &mut State) -> Response {
    let reject = |error: &str| Response::Json(400, json!({"error": error}));
    if !asked.is_form_for("/connect/token") {
        return Response::Json(404, json!({}));
    }
    let app = ("xero-app".to_owned(), "xero-secret".to_owned());
    if asked.basic() != Some(app) {
        return reject("invalid_client");
    }
    match (asked.field("grant_type"), &asked.names()[..]) {
        (Some("client_credentials"), ["grant_type"] | ["grant_type", "scope"]) => Response::Json(
            200,
            json!({"access_token": "xero-custom", "expires_in": 1800, "token_type": "Bearer"}),
        ),
        (Some("refresh_token"), ["grant_type", "refresh_token"]) => refresh(asked, state),
        (Some("client_credentials" | "refresh_token"), _) => reject("invalid_request"),
        _ => reject("unsupported_grant_type"),
    }
}

fn refresh(asked: &Asked, state: &mut State) -> Response {
    let sent = asked.field("refresh_token").unwrap_or_default();
    let is = |turn: u32| sent == format!("xero-refresh-{turn}");
    let again = state.turn > 0 && !state.grace_is_over && is(state.turn - 1);
    if !is(state.turn) && !again {
        return Response::Json(400, json!({"error": "invalid_grant"}));
    }
    if !again {
        state.turn += 1;
    }
    if std::mem::take(&mut state.lose) {
        return Response::Nothing;
    }
    let turn = state.turn;
    Response::Json(
        200,
        json!({
            "access_token": format!("xero-access-{turn}"),
            "expires_in": 1800,
            "token_type": "Bearer",
            "refresh_token": format!("xero-refresh-{turn}"),
            "scope": "accounting.transactions offline_access",
        }),
    )
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
