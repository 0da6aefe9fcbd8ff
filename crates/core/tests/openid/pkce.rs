//! PKCE: the vector of RFC 7636 appendix B, and which verifiers are valid.

use countersign_core::pkce::{self, Pkce};

use super::vector;

#[test]
pub(super) fn pkce_matches_the_vector_and_rejects_other_verifiers() {
    let vector = vector("rfc/rfc7636_pkce");
    let octets: Vec<u8> = vector["octets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap() as u8)
        .collect();
    let pkce = Pkce::new(octets.try_into().unwrap());
    assert_eq!(pkce.verifier.expose(), vector["code_verifier"]);
    assert_eq!(
        pkce.challenge,
        vector["code_challenge_S256"].as_str().unwrap()
    );
    assert!(!format!("{pkce:?}").contains(pkce.verifier.expose()));
    for verifier in vector["valid_verifiers"].as_array().unwrap() {
        let verifier = verifier.as_str().unwrap();
        assert_eq!(
            Pkce::from_verifier(verifier).unwrap().challenge,
            pkce::challenge(verifier)
        );
    }
    for verifier in vector["invalid_verifiers"].as_array().unwrap() {
        let verifier = verifier.as_str().unwrap();
        let error = Pkce::from_verifier(verifier).expect_err(verifier);
        assert!(!format!("{error:?}").contains(verifier));
    }
}
