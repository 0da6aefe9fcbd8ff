//! Validating ID tokens: the checks of OpenID Connect Core 1.0 section 3.1.3.7.

use std::time::Duration;

use countersign_core::jws::{self, Algorithm, KeySigner, VerificationKey, Verified};
use countersign_core::{
    Clock, Error, ErrorKind, IdToken, IdTokenRules, ManualClock, Moment, PrivateKey, Secret,
    Verdict,
};
use serde_json::{Value, json};

use super::{sign_raw, vector};

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://login.acme.example";

fn now() -> Moment {
    ManualClock::at(NOW).now()
}

fn valid_claims() -> Value {
    json!({"iss": ISSUER, "sub": "joe", "aud": "app", "iat": NOW - 5, "exp": NOW + 600})
}

fn with(changes: Value) -> Value {
    let mut claims = valid_claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn verified(algorithm: Algorithm, header: Option<&str>, claims: &Value) -> Verified {
    let secret = Secret::new("s".repeat(64));
    match header {
        None => {
            let key = PrivateKey::from_secret(secret.expose());
            let signer = KeySigner::new(key, Some(algorithm), None).unwrap();
            let token = jws::sign(&signer, claims.to_string().as_bytes(), Some("JWT")).unwrap();
            jws::verify(
                &token,
                &VerificationKey::hmac(secret.expose(), algorithm).unwrap(),
            )
            .unwrap()
        }
        Some(header) => {
            let token = sign_raw(header, claims.to_string().as_bytes());
            jws::verify(&token, &super::public(&super::RSA, Algorithm::RS256)).unwrap()
        }
    }
}

fn check(rules: &IdTokenRules<'_>, claims: &Value) -> Result<IdToken, Error> {
    rules.check(verified(Algorithm::HS256, None, claims), now())
}

fn rules() -> IdTokenRules<'static> {
    IdTokenRules::new(ISSUER, "app")
}

#[test]
fn a_valid_id_token_is_accepted() {
    let id_token = check(&rules(), &with(json!({"name": "Joe"}))).unwrap();
    assert_eq!(
        (id_token.issuer.as_str(), id_token.subject.as_str()),
        (ISSUER, "joe")
    );
    assert_eq!(
        (id_token.issued_at, id_token.expires_at),
        (NOW - 5, NOW + 600)
    );
    assert_eq!(id_token.claims["name"], "Joe");
    for valid in [
        json!({"aud": ["app"]}),
        json!({"azp": "app"}),
        json!({"exp": NOW - 59}),
        json!({"exp": NOW as f64 + 0.5}),
        json!({"iat": NOW + 60}),
        json!({"nbf": NOW + 60}),
        json!({"at_hash": "of an access token that was not passed"}),
    ] {
        let shown = valid.to_string();
        check(&rules(), &with(valid)).expect(&shown);
    }
    let both = ["app", "api"];
    let trusting = rules().trust_audiences(&["api"]);
    check(&trusting, &with(json!({"aud": both, "azp": "app"}))).unwrap();
    for header in [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256","typ":"jwt"}"#] {
        rules()
            .check(
                verified(Algorithm::RS256, Some(header), &valid_claims()),
                now(),
            )
            .expect(header);
    }
}

#[test]
pub(super) fn tokens_of_other_issuers_and_for_other_clients_are_rejected() {
    for (changes, message) in [
        (json!({"iss": "https://login.acme.example/"}), "`iss` is"),
        (json!({"iss": null}), "`iss` is missing"),
        (json!({"iss": ["https://login.acme.example"]}), "`iss`"),
        (json!({"aud": "other"}), "`aud` does not name this client"),
        (json!({"aud": "App"}), "`aud` does not name this client"),
        (json!({"aud": null}), "`aud` is missing"),
        (json!({"aud": []}), "`aud` does not name this client"),
        (
            json!({"aud": ["app", 7]}),
            "`aud` contains a value that is not a string",
        ),
        (
            json!({"aud": {"app": 1}}),
            "`aud` is missing or not a string",
        ),
        (
            json!({"aud": ["app", "evil"], "azp": "app"}),
            "other audiences besides",
        ),
        (json!({"azp": "other"}), "`azp` is not this client"),
        (json!({"azp": 7}), "`azp` is not this client"),
        (json!({"sub": null}), "`sub` is missing"),
        (json!({"sub": ""}), "`sub` is not 1 to 255"),
        (json!({"sub": "x".repeat(256)}), "`sub` is not 1 to 255"),
        (json!({"sub": 7}), "`sub` is missing or not a string"),
        (json!({"events": {}}), "logout"),
    ] {
        rejected(check(&rules(), &with(changes)), message);
    }
    let claims = with(json!({"aud": ["app", "api"]}));
    rejected(
        check(&rules().trust_audiences(&["api"]), &claims),
        "`azp` is missing",
    );
}

/// The tokens are correctly signed with the server's key.
#[test]
pub(super) fn other_kinds_of_token_are_rejected() {
    for typ in [
        "at+jwt",
        "application/at+jwt",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "",
    ] {
        let header = json!({"alg": "RS256", "typ": typ}).to_string();
        let verified = verified(Algorithm::RS256, Some(&header), &valid_claims());
        rejected(rules().check(verified, now()), "another kind of token");
    }
    // A client assertion names the server, not the client, as its audience.
    let assertion = with(json!({"iss": "app", "sub": "app", "aud": ISSUER}));
    rejected(check(&rules(), &assertion), "`iss` is");
}

#[test]
pub(super) fn times_nonce_and_hashes_are_checked() {
    for (changes, message) in [
        (json!({"exp": null}), "`exp` is missing"),
        (json!({"exp": "1700000600"}), "`exp` is not a time"),
        (json!({"exp": 1e300}), "`exp` is not a time"),
        (json!({"exp": NOW - 60}), "expired"),
        (json!({"exp": i64::MIN}), "expired"),
        (json!({"iat": null}), "`iat` is missing"),
        (json!({"iat": NOW + 61}), "future"),
        (json!({"nbf": NOW + 61}), "future"),
        (json!({"nbf": "soon"}), "`nbf` is not a time"),
        (json!({"nonce": "n"}), "none was sent"),
    ] {
        rejected(check(&rules(), &with(changes)), message);
    }
    let strict = rules().leeway(Duration::ZERO);
    rejected(check(&strict, &with(json!({"exp": NOW}))), "expired");
    check(&strict, &with(json!({"exp": NOW + 1, "iat": NOW}))).unwrap();
    let expired = check(&rules(), &with(json!({"exp": NOW - 60}))).unwrap_err();
    assert_eq!(expired.verdict(), Verdict::Reauthorize);

    let aged = rules().max_age(Duration::from_secs(100));
    rejected(check(&aged, &valid_claims()), "`auth_time` is missing");
    rejected(
        check(&aged, &with(json!({"auth_time": NOW - 161}))),
        "max_age",
    );
    check(&aged, &with(json!({"auth_time": NOW - 160}))).unwrap();

    let sent = rules().nonce("n-0S6");
    check(&sent, &with(json!({"nonce": "n-0S6"}))).unwrap();
    rejected(check(&sent, &valid_claims()), "it has no `nonce`");
    for other in [json!("n-0S7"), json!(""), json!(7), json!(["n-0S6"])] {
        let error = check(&sent, &with(json!({"nonce": other}))).unwrap_err();
        assert!(
            error.message().contains("does not match the login's"),
            "{error:?}"
        );
        assert!(!format!("{error:?}").contains("n-0S"), "{error:?}");
    }
    let refreshed = rules().nonce_if_present("n-0S6");
    check(&refreshed, &valid_claims()).unwrap();
    check(&refreshed, &with(json!({"nonce": "n-0S6"}))).unwrap();
    rejected(
        check(&refreshed, &with(json!({"nonce": "x"}))),
        "does not match the login's",
    );
}

/// The hashes of OpenID Connect Core 1.0 appendix A, by the token's own algorithm.
#[test]
fn hashes_match_the_vectors_of_openid_connect() {
    let vector = vector("rfc/oidc_hashes");
    let secret = |name: &str| Secret::new(vector[name].as_str().unwrap());
    let (access_token, code) = (secret("access_token"), secret("code"));
    // HS256 hashes as RS256 does, HS384 as ES384, HS512 as RS512.
    for (algorithm, name) in [
        (Algorithm::HS256, "at_hash_RS256"),
        (Algorithm::HS384, "at_hash_ES384"),
        (Algorithm::HS512, "at_hash_RS512"),
        (Algorithm::HS512, "at_hash_EdDSA_Ed25519_uses_SHA512"),
    ] {
        let claims = with(json!({"at_hash": vector[name]}));
        let check_hash = |token: &Secret| {
            rules()
                .access_token(token)
                .check(verified(algorithm, None, &claims), now())
        };
        check_hash(&access_token).expect(name);
        rejected(check_hash(&code), "`at_hash`");
    }
    // `at_hash` may be missing, but must be a string.
    check(&rules().access_token(&access_token), &valid_claims()).unwrap();
    let claims = with(json!({"at_hash": 7}));
    rejected(
        check(&rules().access_token(&access_token), &claims),
        "`at_hash`",
    );

    let claims = with(json!({"c_hash": vector["c_hash_RS256"]}));
    check(&rules().code(&code), &claims).unwrap();
    rejected(check(&rules().code(&access_token), &claims), "`c_hash`");
    rejected(check(&rules().code(&code), &valid_claims()), "no `c_hash`");
}

fn rejected(result: Result<IdToken, Error>, message: &str) {
    let error = result.expect_err(message);
    assert_eq!(error.kind(), ErrorKind::Verification, "{error:?}");
    assert!(
        error.message().contains(message),
        "{message:?} is not in {error:?}"
    );
}
