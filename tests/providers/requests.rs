//! Connections without a network: the requests they would send, and scripted responses.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use countersign_core::{
    Client, Connection, Error, ManualClock, Moment, PresentedGrant, Provider, Random, Request,
    Response, SendError, Settings, Transport, token_request,
};

/// 2023-11-14 22:13:20 UTC.
pub(crate) const NOW: i64 = 1_700_000_000;

pub(crate) fn at(unix_s: i64) -> Moment {
    Moment {
        unix_ms: unix_s * 1000,
        boot_ms: 0,
    }
}

/// Builds a connection with these settings, and with a generated key if it needs one.
pub(crate) fn connect(
    provider: Arc<dyn Provider>,
    pairs: &[(&str, &str)],
) -> Result<Connection, Error> {
    let mut settings = Settings::from_pairs(pairs.iter().copied())?;
    let value = |key| {
        pairs
            .iter()
            .find(|(known, _)| *known == key)
            .map(|(_, v)| *v)
    };
    let signs =
        value("grant") == Some("jwt-bearer") || value("client_auth") == Some("private_key_jwt");
    if signs && value("private_key").is_none() {
        settings.set("private_key", super::key::pem())?;
    }
    Connection::new("mine", &settings, provider)
}

/// Returns the setting, and the message and hint, of the error for these settings.
pub(crate) fn rejected(provider: Arc<dyn Provider>, pairs: &[(&str, &str)]) -> (String, String) {
    let error = connect(provider, pairs).expect_err("these settings are rejected");
    (
        error.setting_name().unwrap_or_default().to_owned(),
        format!("{error} / {}", error.hint().unwrap_or_default()),
    )
}

pub(crate) fn request(connection: &Connection, grant: &PresentedGrant) -> Request {
    token_request(connection, grant, at(NOW), &Counting::default()).expect("a request")
}

/// Returns the URL, body and `Authorization` of the request that would be sent.
pub(crate) fn sent(
    connection: &Connection,
    grant: &PresentedGrant,
) -> (String, String, Option<String>) {
    taken_apart(&request(connection, grant))
}

pub(crate) fn taken_apart(request: &Request) -> (String, String, Option<String>) {
    let authorization = request.headers().find(|(name, _)| *name == "Authorization");
    (
        request.url().as_str().to_owned(),
        request
            .body()
            .map(|body| body.to_string())
            .unwrap_or_default(),
        authorization.map(|(_, value)| value.expose().to_owned()),
    )
}

/// Returns an authorization code grant.
pub(crate) fn code() -> PresentedGrant {
    PresentedGrant::AuthorizationCode {
        code: "aPrx==".into(),
        redirect_uri: "https://app.example/callback".to_owned(),
        verifier: "the-verifier".into(),
    }
}

/// A source of "randomness" that counts up from 0.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicU8);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A transport with scripted responses that records the requests.
#[derive(Debug)]
pub(crate) struct Canned {
    responses: Mutex<VecDeque<Response>>,
    sent: Mutex<Vec<(String, String, Option<String>)>>,
}

impl Canned {
    /// Builds a client that receives these responses, in order.
    pub(crate) fn client(
        connection: Connection,
        responses: impl IntoIterator<Item = (u16, &'static str)>,
    ) -> (Client, Arc<Self>) {
        let responses = responses.into_iter();
        let responses = responses
            .map(|(status, body)| Response::new(status, [], body))
            .collect();
        let canned = Arc::new(Self {
            responses: Mutex::new(responses),
            sent: Mutex::default(),
        });
        let client = Client::builder(connection)
            .transport(Arc::clone(&canned) as Arc<dyn Transport>)
            .clock(Arc::new(ManualClock::at(NOW)))
            .build()
            .expect("a client");
        (client, canned)
    }

    /// Returns the URL, body and `Authorization` of each request.
    pub(crate) fn sent(&self) -> Vec<(String, String, Option<String>)> {
        self.sent.lock().expect("no test panicked").clone()
    }
}

impl Transport for Canned {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        self.sent
            .lock()
            .expect("no test panicked")
            .push(taken_apart(request));
        let response = self.responses.lock().expect("no test panicked").pop_front();
        Ok(response.expect("no response is left"))
    }
}
