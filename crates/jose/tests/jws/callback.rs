//! Signing with a key in a device, whose signatures are checked before they are used.

use std::sync::{Arc, Mutex};

use countersign_jose::jws::{self, Algorithm, CallbackSigner, KeySigner, Signer, TokenWriter};
use countersign_jose::key::PrivateKey;
use countersign_jose::{Error, ErrorKind};

use super::{CLAIMS, ED25519, P256, P384, RSA, decode, ecdsa_der, public};

fn signature(pem: &str, input: &[u8]) -> Vec<u8> {
    let mut signature = Vec::new();
    let signer = KeySigner::new(PrivateKey::from_pem(pem).unwrap(), None, None).unwrap();
    signer.sign(input, &mut signature).unwrap();
    signature
}

#[test]
fn a_device_signs_with_every_kind_of_key() {
    for (pem, algorithm) in [
        (&*RSA, Algorithm::RS256),
        (&P256, Algorithm::ES256),
        (&P384, Algorithm::ES384),
        (&ED25519, Algorithm::EdDSA),
    ] {
        let key = PrivateKey::from_pem(pem).unwrap().public_key().unwrap();
        let device = CallbackSigner::new(algorithm, Some("7".into()), |input| {
            Ok(signature(pem, input))
        })
        .checked_with(key)
        .unwrap();
        let token = jws::sign(&device, CLAIMS, Some("JWT")).unwrap();
        let verified = jws::verify(&token, &public(pem, algorithm)).unwrap();
        assert_eq!(verified.header["kid"], "7");
    }
}

/// AWS and Google return ECDSA signatures in DER, with short integers or a leading zero.
#[test]
fn der_signatures_are_converted_to_r_and_s() {
    for (pem, algorithm) in [(&*P256, Algorithm::ES256), (&P384, Algorithm::ES384)] {
        let device = CallbackSigner::new(algorithm, None, |input| {
            Ok(ecdsa_der(&signature(pem, input)))
        });
        for _ in 0..20 {
            let token = jws::sign(&device, CLAIMS, None).unwrap();
            jws::verify(&token, &public(pem, algorithm)).unwrap();
        }
    }
    let numbers = [[0; 31].as_slice(), &[5], &[0xff; 32]].concat();
    let der = ecdsa_der(&numbers);
    let device = CallbackSigner::new(Algorithm::ES256, None, move |_| Ok(der.clone()));
    let token = jws::sign(&device, CLAIMS, None).unwrap();
    assert_eq!(decode(token.rsplit('.').next().unwrap()), numbers);
}

#[test]
fn a_device_can_sign_a_hash() {
    for (algorithm, hash) in [
        (Algorithm::RS256, &ring::digest::SHA256),
        (Algorithm::PS384, &ring::digest::SHA384),
        (Algorithm::RS512, &ring::digest::SHA512),
        (Algorithm::ES384, &ring::digest::SHA384),
    ] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let device = {
            let seen = Arc::clone(&seen);
            CallbackSigner::with_digest(algorithm, None, move |digest| {
                *seen.lock().unwrap() = digest.to_vec();
                Ok(vec![1; algorithm_bytes(algorithm)])
            })
            .unwrap()
        };
        let token = jws::sign(&device, CLAIMS, None).unwrap();
        let (input, _) = token.rsplit_once('.').unwrap();
        let expected = ring::digest::digest(hash, input.as_bytes());
        assert_eq!(*seen.lock().unwrap(), expected.as_ref());
    }
    for algorithm in [Algorithm::EdDSA, Algorithm::HS256] {
        let error = CallbackSigner::with_digest(algorithm, None, |_| Ok(Vec::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedAlgorithm);
    }
}

fn algorithm_bytes(algorithm: Algorithm) -> usize {
    if algorithm == Algorithm::ES384 {
        96
    } else {
        256
    }
}

#[test]
fn malformed_signatures_are_rejected() {
    let cut = |der: &[u8]| der[..der.len() - 1].to_vec();
    let der = ecdsa_der(&[7; 64]);
    let longer = [der.as_slice(), &[0]].concat();
    let mut three = [der.as_slice(), &[2, 1, 1]].concat();
    three[1] += 3;
    for (algorithm, made) in [
        (Algorithm::ES256, vec![]),
        (Algorithm::ES256, vec![1; 63]),
        (Algorithm::ES256, vec![1; 96]),
        (Algorithm::ES256, vec![0x30; 70]),
        (Algorithm::ES256, cut(&der)),
        (Algorithm::ES256, longer),
        (Algorithm::ES256, three),
        (Algorithm::ES256, ecdsa_der(&[0xff; 96])),
        (Algorithm::ES256, vec![0x30, 4, 2, 0, 2, 0]),
        (Algorithm::ES256, vec![0x30]),
        (Algorithm::EdDSA, vec![1; 63]),
        (Algorithm::RS256, vec![1; 128]),
        (Algorithm::RS256, vec![1; 1025]),
        (Algorithm::HS256, vec![1; 31]),
    ] {
        let bytes = made.len();
        let device = CallbackSigner::new(algorithm, None, move |_| Ok(made.clone()));
        let error = jws::sign(&device, CLAIMS, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Signing);
        let expected = format!("a signature of {bytes} bytes");
        assert!(error.message().contains(&expected), "{error:?}");
    }
}

#[test]
fn a_signature_by_another_key_is_rejected() {
    let key = PrivateKey::from_pem(&P256).unwrap().public_key().unwrap();
    let device = CallbackSigner::new(Algorithm::ES256, None, |_| Ok(vec![1; 64]))
        .checked_with(key.clone())
        .unwrap();
    let error = jws::sign(&device, CLAIMS, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Signing);
    assert!(error.message().contains("does not match the public key"));
    let device = CallbackSigner::new(Algorithm::RS256, None, |_| Ok(vec![1; 256]));
    let error = device.checked_with(key).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlgorithmMismatch);
}

/// No token affects the next one, even if signing fails.
#[test]
fn a_writer_keeps_no_state_between_tokens() {
    let tries = Arc::new(Mutex::new(0));
    let device = {
        let tries = Arc::clone(&tries);
        CallbackSigner::new(Algorithm::ES256, Some("7".into()), move |input| {
            *tries.lock().unwrap() += 1;
            match *tries.lock().unwrap() {
                2 => Err(Error::new(ErrorKind::Signing, "the device is busy")),
                _ => Ok(signature(&P256, input)),
            }
        })
    };
    let key = public(&P256, Algorithm::ES256);
    let mut writer = TokenWriter::new(&device, Some("JWT")).unwrap();
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(5000));
    for (index, payload) in [long.as_str(), "{}", "{\"a\":1}", "", &long]
        .iter()
        .enumerate()
    {
        let written = writer.write(payload.as_bytes());
        if index == 1 {
            assert_eq!(written.unwrap_err().message(), "the device is busy");
            continue;
        }
        let verified = jws::verify(written.unwrap(), &key).unwrap();
        assert_eq!(verified.payload, payload.as_bytes());
        assert_eq!(verified.header["kid"], "7");
    }
    assert!(!format!("{writer:?}").contains("eyJ"), "{writer:?}");
}
