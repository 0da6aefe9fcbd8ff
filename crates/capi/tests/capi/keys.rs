//! Keys: signing and verifying without a client.

use std::ptr;

use countersign_capi::*;

use crate::program::{Rejected, call, pair, sandbox, text};

pub(crate) struct Key(pub(crate) *mut csign_key);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: live, and freed once.
        unsafe { csign_key_free(self.0) }
    }
}

pub(crate) fn read(file: &[u8]) -> Result<Key, Rejected> {
    let mut key = ptr::null_mut();
    // SAFETY: the file has this length.
    call(|error| unsafe {
        csign_key_read(file.as_ptr(), file.len(), ptr::null(), 0, &mut key, error)
    })?;
    Ok(Key(key))
}

fn sign(key: &Key, algorithm: &str, claims: &str) -> Result<String, Rejected> {
    let ((algorithm, a), (claims, c), (kind, k)) = (pair(algorithm), pair(claims), pair("JWT"));
    // SAFETY: live, and the texts have these lengths.
    text(|out, error| unsafe {
        csign_key_sign(
            key.0,
            algorithm,
            a,
            ptr::null(),
            0,
            kind,
            k,
            claims,
            c,
            out,
            error,
        )
    })
}

pub(crate) fn verify(key: &Key, algorithm: &str, token: &str) -> Result<String, Rejected> {
    let ((algorithm, a), (token, t)) = (pair(algorithm), pair(token));
    // SAFETY: live, and the texts have these lengths.
    text(|out, error| unsafe { csign_key_verify(key.0, algorithm, a, token, t, out, error) })
}

#[test]
fn the_public_key_verifies_what_the_private_key_signs() {
    let sandbox = sandbox();
    let private = read(&std::fs::read(sandbox.dir().join("salesforce.pem")).unwrap()).unwrap();
    let public = read(&std::fs::read(sandbox.dir().join("salesforce.crt")).unwrap()).unwrap();
    let claims = r#"{"iss":"me"}"#;
    let token = sign(&private, "PS256", claims).unwrap();
    assert_eq!(verify(&public, "PS256", &token).unwrap(), claims);
    assert_eq!(verify(&private, "PS256", &token).unwrap(), claims);
    let rejected = verify(&public, "RS256", &token).unwrap_err();
    assert_eq!(rejected.status, csign_status::VERIFICATION);
    assert_eq!(
        sign(&public, "", claims).unwrap_err().status,
        csign_status::KEY
    );
    let rejected = sign(&private, "", "[1]").unwrap_err();
    assert_eq!(rejected.status, csign_status::BAD_ARGUMENT);
}

#[test]
fn a_shared_secret_signs_and_verifies() {
    let mut key = ptr::null_mut();
    let secret = [0xa5_u8; 32];
    // SAFETY: the secret has this length.
    call(|error| unsafe { csign_key_from_secret(secret.as_ptr(), 32, &mut key, error) }).unwrap();
    let key = Key(key);
    let token = sign(&key, "HS256", "{}").unwrap();
    assert_eq!(verify(&key, "", &token).unwrap(), "{}");
    assert_eq!(
        verify(&key, "HS512", &token).unwrap_err().status,
        csign_status::KEY
    );
}

#[test]
fn a_jwk_set_verifies_by_kid() {
    // RFC 8037 appendix A.
    let set = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let key = read(set).unwrap();
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
                 09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(
        verify(&key, "", token).unwrap(),
        "Example of Ed25519 signing"
    );
    // A requested algorithm applies to a set as well.
    let rejected = verify(&key, "RS256", token).unwrap_err();
    assert_eq!(rejected.status, csign_status::KEY);
}

#[test]
fn a_jwk_verifies_only_if_its_members_permit_that() {
    // RFC 8037 appendix A, with members that restrict its use.
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
                 09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    for (member, verifies) in [
        (r#""use":"sig""#, true),
        (r#""use":"enc""#, false),
        (r#""key_ops":["wrapKey"]"#, false),
        (r#""alg":"ES256""#, false),
    ] {
        let jwk = format!(
            r#"{{"kty":"OKP","crv":"Ed25519",{member},
                "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#
        );
        let key = read(jwk.as_bytes()).unwrap();
        assert_eq!(verify(&key, "", token).is_ok(), verifies, "{member}");
    }
}

#[test]
fn the_error_for_an_invalid_key_contains_none_of_it() {
    let rejected = read(b"-----BEGIN canary").err().unwrap();
    assert_eq!(rejected.status, csign_status::KEY);
    assert!(!rejected.message.contains("canary"), "{rejected:?}");
}
