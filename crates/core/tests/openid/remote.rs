//! JWK Sets of servers: fetching, caching, key rotation and the limit on requests.

use std::collections::VecDeque;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use countersign_core::jws::{self, Algorithm, KeySigner};
use countersign_core::{
    Error, ErrorKind, ManualClock, PrivateKey, RemoteJwkSet, Request, Response, SendError,
    Transport, Url, Verdict,
};
use serde_json::{Value, json};

use super::{CLAIMS, ED25519, P256, RSA};

/// A server that returns these responses in turn, and the last one repeatedly.
#[derive(Debug, Default)]
struct Server {
    responses: Mutex<VecDeque<Result<Response, SendError>>>,
    requests: Mutex<Vec<String>>,
}

impl Transport for Server {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        self.requests
            .lock()
            .unwrap()
            .push(request.url().to_string());
        let mut responses = self.responses.lock().unwrap();
        match responses.len() {
            1 => responses[0].clone(),
            _ => responses.pop_front().unwrap(),
        }
    }
}

impl Server {
    fn new(responses: impl IntoIterator<Item = Result<Response, SendError>>) -> Arc<Self> {
        Arc::new(Self {
            responses: Mutex::new(responses.into_iter().collect()),
            ..Self::default()
        })
    }

    fn request_count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

#[test]
fn a_set_is_fetched_once_and_cached() {
    let server = Server::new([keys(&[("a", &RSA), ("b", &P256), ("c", &ED25519)])]);
    let (remote, clock) = remote(&server);
    assert_eq!(server.request_count(), 0);
    for (kid, pem) in [("a", &RSA), ("b", &P256), ("c", &ED25519), ("a", &RSA)] {
        let verified = remote.verify(&token(Some(kid), pem)).unwrap();
        assert_eq!(verified.payload, CLAIMS);
    }
    clock.advance(Duration::from_secs(3599));
    remote.verify(&token(Some("a"), &RSA)).unwrap();
    assert_eq!(
        *server.requests.lock().unwrap(),
        ["https://login.acme.example/jwks"]
    );
    clock.advance(Duration::from_secs(1));
    remote.verify(&token(Some("a"), &RSA)).unwrap();
    assert_eq!(server.request_count(), 2);
    // A wrong `kid`, no `kid`, and a key that is not in the set.
    rejected(remote.verify(&token(Some("b"), &RSA)), "bound to ES256");
    rejected(remote.verify(&token(None, &RSA)), "has no kid");
    let other = super::openssl_text("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "");
    rejected(
        remote.verify(&token(Some("b"), &other)),
        "signature is not valid",
    );
}

#[test]
fn a_new_key_is_found_and_forged_key_ids_do_not_cause_requests() {
    let server = Server::new([keys(&[("old", &RSA)]), keys(&[("new", &P256)])]);
    let (remote, clock) = remote(&server);
    remote.verify(&token(Some("old"), &RSA)).unwrap();
    // The set is fetched again after a minute at the earliest.
    rejected(
        remote.verify(&token(Some("new"), &P256)),
        "no key in the JWK Set",
    );
    assert_eq!(server.request_count(), 1);
    clock.advance(Duration::from_secs(60));
    remote.verify(&token(Some("new"), &P256)).unwrap();
    assert_eq!(server.request_count(), 2);
    rejected(
        remote.verify(&token(Some("old"), &RSA)),
        "no key in the JWK Set",
    );
    for n in 0..1000 {
        let forged = token_with(json!({"alg": "ES256", "kid": format!("x{n}")}));
        rejected(remote.verify(&forged), "no key in the JWK Set");
        clock.advance(Duration::from_millis(100));
    }
    // 1000 tokens in 100 seconds cause one request per minute.
    assert_eq!(server.request_count(), 3);
    let odd = token_with(json!({"alg": "ES256", "kid": ["new"]}));
    rejected(remote.verify(&odd), "`kid` is not a string");
}

#[test]
fn a_stale_set_is_used_for_an_hour_while_the_server_is_down() {
    let down = || {
        let error = Error::new(ErrorKind::Connect, "connection refused");
        Err(SendError::NotSent(error))
    };
    let server = Server::new([keys(&[("a", &RSA)]), down()]);
    let (remote, clock) = remote(&server);
    let verify = || remote.verify(&token(Some("a"), &RSA));
    verify().unwrap();
    clock.advance(Duration::from_secs(3600 + 3599));
    verify().unwrap();
    assert_eq!(server.request_count(), 2);
    verify().unwrap();
    assert_eq!(
        server.request_count(),
        2,
        "a second request within a minute"
    );
    clock.advance(Duration::from_secs(1));
    let error = verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    clock.advance(Duration::from_secs(60));
    let error = verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.message().contains("https://login.acme.example/jwks"));
    *server.responses.lock().unwrap() = [keys(&[("a", &RSA)])].into();
    clock.advance(Duration::from_secs(60));
    verify().unwrap();
}

#[test]
fn cache_control_sets_the_lifetime_within_limits() {
    for (header, seconds) in [
        ("max-age=600", 600),
        ("public, Max-Age=\"600\"", 600),
        ("max-age=0", 300),
        ("no-store", 3600),
        ("max-age=99999999999", 86400),
        ("max-age=-1", 3600),
        ("s-maxage=600", 3600),
    ] {
        let mut response = keys(&[("a", &P256)]).unwrap();
        response
            .headers
            .push(("Cache-Control".into(), header.into()));
        let server = Server::new([Ok(response)]);
        let (remote, clock) = remote(&server);
        let verify = || remote.verify(&token(Some("a"), &P256)).unwrap();
        verify();
        clock.advance(Duration::from_secs(seconds - 1));
        verify();
        assert_eq!(server.request_count(), 1, "{header}");
        clock.advance(Duration::from_secs(1));
        verify();
        assert_eq!(server.request_count(), 2, "{header}");
    }
    // Setting the wall clock forward counts. If it is set back, the boot clock counts.
    let server = Server::new([keys(&[("a", &P256)])]);
    let (remote, clock) = remote(&server);
    remote.key(Some("a")).unwrap();
    clock.set_wall(1_700_003_600);
    remote.key(Some("a")).unwrap();
    assert_eq!(server.request_count(), 2);
    clock.set_wall(1_600_000_000);
    clock.advance(Duration::from_secs(3600));
    remote.key(Some("a")).unwrap();
    assert_eq!(server.request_count(), 3);
}

#[test]
fn a_response_that_is_not_a_jwk_set_is_rejected() {
    for (response, kind) in [
        (
            Response::new(404, [], "{\"keys\":[]}"),
            ErrorKind::Unreadable,
        ),
        (Response::new(200, [], ""), ErrorKind::Key),
        (Response::new(200, [], "{}"), ErrorKind::Key),
        (Response::new(200, [], "<html>"), ErrorKind::Key),
        (Response::new(200, [], vec![0xff]), ErrorKind::Unreadable),
        (
            Response::new(200, [], "{\"keys\":[]}"),
            ErrorKind::Verification,
        ),
    ] {
        let server = Server::new([Ok(response.clone())]);
        let error = remote(&server).0.key(Some("a")).unwrap_err();
        assert_eq!(error.kind(), kind, "{response:?} {error:?}");
    }
}

#[test]
fn only_the_registered_algorithm_is_accepted() {
    let server = Server::new([keys(&[("a", &RSA)])]);
    let ps256 = remote(&server).0.for_algorithm(Algorithm::PS256);
    let key = PrivateKey::from_pem(&RSA).unwrap();
    let signer = KeySigner::new(key, Some(Algorithm::PS256), Some("a".into())).unwrap();
    let signed = jws::sign(&signer, CLAIMS, None).unwrap();
    ps256.verify(&signed).unwrap();
    rejected(ps256.verify(&token(Some("a"), &RSA)), "bound to PS256");
    rejected(remote(&server).0.verify(&signed), "bound to RS256");

    let mut jwk = jwk("a", &RSA);
    jwk["alg"] = json!("RS256");
    let body = json!({"keys": [jwk]}).to_string();
    let server = Server::new([Ok(Response::new(200, [], body))]);
    let ps256 = remote(&server).0.for_algorithm(Algorithm::PS256);
    rejected(ps256.verify(&signed), "for RS256, but PS256 is expected");
    let hs256 = remote(&server).0.for_algorithm(Algorithm::HS256);
    hs256.key(None).expect_err("HMAC with a public key");
}

#[test]
fn threads_share_one_request() {
    let server = Server::new([keys(&[("a", &P256)])]);
    let (remote, _) = remote(&server);
    let token = token(Some("a"), &P256);
    let together = Barrier::new(16);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                together.wait();
                remote.verify(&token).unwrap();
            });
        }
    });
    assert_eq!(server.request_count(), 1);
}

fn remote(server: &Arc<Server>) -> (RemoteJwkSet, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_700_000_000));
    let url = Url::parse("https://login.acme.example/jwks").unwrap();
    let transport: Arc<dyn Transport> = server.clone();
    (RemoteJwkSet::new(url, transport, clock.clone()), clock)
}

fn keys(keys: &[(&str, &str)]) -> Result<Response, SendError> {
    let keys: Vec<_> = keys.iter().map(|(kid, pem)| jwk(kid, pem)).collect();
    Ok(Response::new(200, [], json!({ "keys": keys }).to_string()))
}

fn jwk(kid: &str, pem: &str) -> Value {
    let key = PrivateKey::from_pem(pem).unwrap();
    let mut jwk = key.public_key().unwrap().to_jwk();
    jwk["kid"] = json!(kid);
    jwk
}

fn token(kid: Option<&str>, pem: &str) -> String {
    let key = PrivateKey::from_pem(pem).unwrap();
    let signer = KeySigner::new(key, None, kid.map(str::to_owned)).unwrap();
    jws::sign(&signer, CLAIMS, None).unwrap()
}

fn token_with(header: Value) -> String {
    super::sign_raw(header.to_string(), CLAIMS)
}

fn rejected<T: std::fmt::Debug>(result: Result<T, Error>, message: &str) {
    super::assert_rejected(result, message);
}

#[test]
fn the_servers_error_is_in_the_message() {
    let moved = Response::new(301, [("Location", "https://new.example/jwks?x")], "");
    let gone = Response::new(404, [], r#"{"message":"no such realm"}"#);
    for (response, verdict, expected) in [
        (moved, Verdict::FixConfiguration, "https://new.example,"),
        (gone, Verdict::FixConfiguration, "no such realm"),
    ] {
        let server = Server::new([Ok(response)]);
        let (remote, _) = remote(&server);
        let error = remote.verify(&token(Some("a"), &RSA)).unwrap_err();
        assert_eq!(error.verdict(), verdict);
        assert!(error.message().contains(expected), "{error}");
        assert!(error.message().contains("https://login.acme.example/jwks"));
    }
}
