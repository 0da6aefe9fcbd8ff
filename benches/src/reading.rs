//! Parsing keys and responses, verifying tokens, and encoding forms.

use std::hint::black_box;

use countersign_core::jws::{self, VerificationKey};
use countersign_core::{
    Clock, Connection, Form, ManualClock, PresentedGrant, PrivateKey, Profile, Response, Settings,
    SystemRandom, read_token_response, token_request,
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use ring::{hmac, rand, signature};
use serde::Deserialize;

use crate::Case;
use crate::material::{Material, SECRET, claims_json, der};
use crate::signing::signer;

pub(crate) const RAW: &str = "ring: raw";

pub(crate) fn cases(material: &Material) -> Vec<Case> {
    let mut cases = reading_keys(material);
    cases.extend(verifying(material));
    cases.extend(encoding_a_form());
    cases.extend(reading_a_response());
    cases
}

fn reading_keys(material: &Material) -> Vec<Case> {
    let random = rand::SystemRandom::new();
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let (rsa, p256, ed) = (
        der(&material.rsa2048),
        der(&material.p256),
        der(&material.ed25519),
    );
    let mut cases = vec![
        Case::floor("reading an RSA-2048 key", RAW, move || {
            black_box(RsaKeyPair::from_pkcs8(black_box(&rsa)).expect("RSA"));
        }),
        Case::floor("reading a P-256 key", RAW, move || {
            black_box(EcdsaKeyPair::from_pkcs8(curve, black_box(&p256), &random).expect("EC"));
        }),
        Case::floor("reading an Ed25519 key", RAW, move || {
            black_box(Ed25519KeyPair::from_pkcs8_maybe_unchecked(black_box(&ed)).expect("Ed25519"));
        }),
    ];
    for (group, pem) in [
        ("reading an RSA-2048 key", &material.rsa2048),
        ("reading a P-256 key", &material.p256),
        ("reading an Ed25519 key", &material.ed25519),
    ] {
        let pem = pem.clone();
        let ours = move || {
            black_box(PrivateKey::from_pem(black_box(&pem)).expect("a key"));
        };
        cases.push(Case::ours(group, "countersign, from PEM", ours).over(RAW));
    }
    cases
}

fn verifying(material: &Material) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in material.groups() {
        let (name, parameters): (_, Option<&'static dyn VerificationAlgorithm>) = match group.name {
            "RS256-2048" => ("verifying RS256-2048", Some(&RSA_PKCS1_2048_8192_SHA256)),
            "ES256" => ("verifying ES256", Some(&ECDSA_P256_SHA256_FIXED)),
            "EdDSA" => ("verifying EdDSA", Some(&ED25519)),
            "HS256" => ("verifying HS256", None),
            _ => continue,
        };
        let token = jws::sign(&signer(&group), &claims_json(), Some("JWT")).expect("a token");
        let (input, made) = token.rsplit_once('.').expect("three parts");
        let input = input.as_bytes().to_vec();
        let made = base64_simd::URL_SAFE_NO_PAD
            .decode_to_vec(made)
            .expect("base64url");
        let public = group.pem.map(public_of);
        let raw: Box<dyn FnMut()> = match (parameters, &public) {
            (Some(parameters), Some((_, bytes))) => {
                let key = UnparsedPublicKey::new(parameters, bytes.clone());
                Box::new(move || key.verify(black_box(&input), &made).expect("verified"))
            }
            _ => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
                Box::new(move || hmac::verify(&key, black_box(&input), &made).expect("verified"))
            }
        };
        let key = match public {
            Some((key, _)) => VerificationKey::new(key, group.algorithm),
            None => VerificationKey::hmac(SECRET, group.algorithm),
        };
        let key = key.expect("the key matches the algorithm");
        let ours = move || {
            black_box(jws::verify(black_box(&token), &key).expect("verified"));
        };
        cases.push(Case::floor(name, RAW, raw));
        cases.push(Case::ours(name, "countersign", ours).over(RAW));
    }
    cases
}

/// Returns the public key, and its bytes in ring's format.
fn public_of(private: &str) -> (countersign_core::PublicKey, Vec<u8>) {
    let key = PrivateKey::from_pem(private)
        .expect("openssl's key")
        .public_key()
        .expect("a pair");
    let spki = key.spki_der();
    // The BIT STRING at the end of a SubjectPublicKeyInfo. The key type determines its length.
    let bytes = match (key.key_type(), key.curve()) {
        ("RSA", _) => spki[24..].to_vec(),
        (_, Some("P-256")) => spki[spki.len() - 65..].to_vec(),
        _ => spki[spki.len() - 32..].to_vec(),
    };
    (key, bytes)
}

fn encoding_a_form() -> Vec<Case> {
    let group = "encoding a form";
    let pairs = || {
        let assertion = "eyJhbGciOiJSUzI1NiJ9.".repeat(40);
        [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned(),
            ),
            ("assertion", assertion),
            ("scope", "signature impersonation".to_owned()),
        ]
    };
    let form = pairs()
        .into_iter()
        .fold(Form::new(), |form, (name, value)| form.field(name, value));
    let theirs = pairs();
    vec![
        Case::ours(group, "countersign", move || {
            black_box(black_box(&form).encode());
        }),
        Case::peer(group, "form_urlencoded", move || {
            let mut out = form_urlencoded::Serializer::new(String::new());
            out.extend_pairs(black_box(&theirs));
            black_box(out.finish());
        }),
    ]
}

fn reading_a_response() -> Vec<Case> {
    let group = "reading a response";
    let body = serde_json::json!({
        "access_token": "eyJhbGciOiJSUzI1NiJ9.".repeat(38),
        "token_type": "Bearer", "expires_in": 3600, "scope": "signature impersonation",
    })
    .to_string();
    let headers = [("Content-Type", "application/json;charset=utf-8")];
    let response = Response::new(200, headers, body.clone());
    let connection = connection();
    let now = ManualClock::at(1_700_000_000).now();
    let grant = PresentedGrant::ClientCredentials;
    let request = token_request(&connection, &grant, now, &SystemRandom::new()).expect("a request");
    let ours = move || {
        let read = read_token_response(&connection, &grant, &request, black_box(&response), now);
        black_box(read.expect("a token"));
    };
    let floor = move || {
        let response: PlainResponse = serde_json::from_str(black_box(&body)).expect("a response");
        black_box(response);
    };
    vec![
        Case::floor(group, "serde_json into a struct", floor),
        Case::ours(group, "countersign", ours).over("serde_json into a struct"),
    ]
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only serde uses the fields")]
struct PlainResponse {
    access_token: String,
    token_type: String,
    expires_in: u64,
    scope: Option<String>,
}

fn connection() -> Connection {
    let profile = Profile::from_toml(
        r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        environments.production.base_url = "https://login.acme.example"
        endpoints.token = "{base_url}/token"
        grants.client-credentials.client_auth = ["post"]
        "#,
    )
    .expect("a profile");
    let settings = Settings::from_pairs([
        ("provider", "acme"),
        ("client_id", "app"),
        ("client_secret", "s3cret"),
    ])
    .expect("settings");
    Connection::new("mine", &settings, countersign_core::from_profile(profile))
        .expect("a connection")
}
