//! Encryption that OpenSSL does not write, and malicious files.

use countersign_jose::ErrorKind;
use countersign_jose::key::PrivateKey;
use ring::{aead, digest, hmac, pbkdf2};
use serde_json::json;

use super::openssl::{openssl, openssl_text};
use super::{ED25519, P256, RSA, tlv};

const PBES2: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const PBKDF2: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
const SCRYPT: &[u8] = &[0x06, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11];
const HMAC_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9];
const AES_256_CBC: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
const AES_256_GCM: &[u8] = &[0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 46];
const TRIPLE_DES: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 3, 7];
const ROUNDS: u32 = 1000;
const SALT: &[u8] = b"saltsalt";

/// RFC 5084 defines GCM's parameters as a SEQUENCE, but some tools write only the nonce.
#[test]
fn aes_gcm_is_decrypted_with_both_kinds_of_parameters() {
    let nonce = [7; 12];
    for (parameters, valid) in [
        (tlv(0x04, &nonce), true),
        (
            tlv(0x30, &[tlv(0x04, &nonce), vec![2, 1, 16]].concat()),
            true,
        ),
        (tlv(0x30, &tlv(0x04, &nonce)), false),
        (
            tlv(0x30, &[tlv(0x04, &nonce), vec![2, 1, 12]].concat()),
            false,
        ),
        (tlv(0x04, &nonce[1..]), false),
    ] {
        let mut key = [0; 32];
        let rounds = ROUNDS.try_into().unwrap();
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            rounds,
            SALT,
            b"secret",
            &mut key,
        );
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &key).unwrap();
        let mut data = openssl("pkey -outform DER", ED25519.as_bytes());
        aead::LessSafeKey::new(key)
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::empty(),
                &mut data,
            )
            .unwrap();
        let file = encrypted(&kdf(ROUNDS), &[AES_256_GCM, &parameters].concat(), &data);
        let read = PrivateKey::from_bytes(&file, Some("secret"));
        match read {
            Ok(key) => {
                assert!(valid);
                let how = key.info().encryption.unwrap();
                assert_eq!(how, "PBES2, PBKDF2 with HMAC-SHA256, AES-256-GCM");
            }
            Err(error) => assert!(!valid && error.hint().is_some(), "{error:?}"),
        }
        let wrong = PrivateKey::from_bytes(&file, Some("other"));
        assert!(wrong.is_err());
    }
}

/// Short IVs, excessive rounds and memory, and wrong lengths are rejected quickly, without a panic.
#[test]
fn malicious_parameters_are_rejected_at_once() {
    let iv = tlv(0x04, &[1; 16]);
    let cbc = [AES_256_CBC, &iv].concat();
    let scrypt = |cost: &[u8], block: u8, parallel: u8| {
        let members = [
            tlv(0x04, SALT),
            tlv(2, cost),
            vec![2, 1, block, 2, 1, parallel],
        ];
        tlv(0x30, &[SCRYPT, &tlv(0x30, &members.concat())].concat())
    };
    for (name, kdf, cipher, message) in [
        (
            "no IV",
            kdf(1),
            [AES_256_CBC, &[4, 0]].concat(),
            "encryption parameters are invalid",
        ),
        (
            "3DES, short IV",
            kdf(1),
            [TRIPLE_DES, &tlv(4, &[1; 7])].concat(),
            "encryption parameters are invalid",
        ),
        (
            "no parameters",
            kdf(1),
            AES_256_CBC.to_vec(),
            "encryption parameters are invalid",
        ),
        (
            "no rounds",
            kdf(0),
            cbc.clone(),
            "encryption parameters are invalid",
        ),
        (
            "a hundred million rounds",
            kdf(99_999_999),
            cbc.clone(),
            "would take minutes",
        ),
        (
            "four billion rounds",
            kdf(u32::MAX),
            cbc.clone(),
            "would take minutes",
        ),
        (
            "a gigabyte",
            scrypt(&[0x10, 0, 0], 8, 1),
            cbc.clone(),
            "would take minutes",
        ),
        (
            "2^63",
            scrypt(&[0x40, 0, 0, 0, 0, 0, 0, 0], 8, 1),
            cbc.clone(),
            "would take minutes",
        ),
        (
            "a hundred lanes",
            scrypt(&[0x40, 0], 8, 100),
            cbc.clone(),
            "would take minutes",
        ),
        (
            "not a power of two",
            scrypt(&[0x40, 1], 8, 1),
            cbc.clone(),
            "encryption parameters are invalid",
        ),
        (
            "no cost",
            scrypt(&[0], 8, 1),
            cbc.clone(),
            "encryption parameters are invalid",
        ),
        (
            "no block",
            scrypt(&[0x40, 0], 0, 1),
            cbc.clone(),
            "encryption parameters are invalid",
        ),
    ] {
        let file = encrypted(&kdf, &cipher, &[0; 64]);
        let error = PrivateKey::from_bytes(&file, Some("x")).expect_err(name);
        assert!(error.message().contains(message), "{name}: {error:?}");
        assert!(
            error.hint().unwrap().contains("openssl"),
            "{name}: {error:?}"
        );
    }
}

/// Only OpenSSL 3.4 and newer write this MAC, so it is added to a file without one.
#[test]
fn pkcs12_with_the_mac_of_rfc_9579_is_decrypted() {
    let input = [P256.as_str(), &super::certificate(&P256)].concat();
    let file = openssl(
        "pkcs12 -export -passout pass:secret -nomac",
        input.as_bytes(),
    );
    // SEQUENCE { 3, ContentInfo { data, [0] { OCTET STRING } } }, all with two length bytes.
    assert_eq!(file[..2], [0x30, 0x82]);
    let body = &file[4..];
    let contents = &body[body
        .windows(4)
        .position(|w| w[..2] == [0x04, 0x82])
        .unwrap()
        + 4..];
    let pbmac1 = [0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14];
    let mut key = [0; 32];
    let rounds = ROUNDS.try_into().unwrap();
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        rounds,
        SALT,
        b"secret",
        &mut key,
    );
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), contents);
    let prf = tlv(0x30, &[HMAC_SHA256, &[5, 0]].concat());
    let derivation = [tlv(4, SALT), vec![2, 2, 3, 0xe8, 2, 1, 32], prf.clone()].concat();
    let kdf = tlv(0x30, &[PBKDF2, &tlv(0x30, &derivation)].concat());
    let algorithm = tlv(
        0x30,
        &[&pbmac1[..], &tlv(0x30, &[kdf, prf].concat())].concat(),
    );
    let whole = with_mac(body, &algorithm, mac.as_ref(), b"NOT USED");

    let key = PrivateKey::from_bytes(&whole, Some("secret")).unwrap();
    assert_eq!(key.certificates().len(), 1);
    let error = PrivateKey::from_bytes(&whole, Some("other")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Passphrase, "{error:?}");
}

#[test]
fn the_hint_has_the_command_for_the_kind_of_file() {
    let both = [P256.as_str(), &super::certificate(&P256)].concat();
    let pkcs12 = openssl("pkcs12 -export -passout pass:secret", both.as_bytes());
    let pem = openssl("pkey -aes256 -passout pass:secret", P256.as_bytes());
    for (file, command) in [(pkcs12, "openssl pkcs12 -in"), (pem, "openssl pkey -in")] {
        let error = PrivateKey::from_bytes(&file, None).unwrap_err();
        assert!(error.hint().unwrap().contains(command), "{error:?}");
    }
}

/// Without a passphrase, some tools use an empty string, others one with a terminating zero.
#[test]
fn pkcs12_without_a_passphrase_is_read() {
    let input = [P256.as_str(), &super::certificate(&P256)].concat();
    let command = "pkcs12 -export -passout pass: -nomac -keypbe NONE -certpbe NONE";
    let file = openssl(command, input.as_bytes());
    let body = &file[4..];
    let contents = &body[body.windows(2).position(|w| w == [0x04, 0x82]).unwrap() + 4..];
    // RFC 7292 appendix B.2 with one round and no passphrase is one hash.
    let salt = [9; 64];
    let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
    let key = digest::digest(sha1, &[[3; 64], salt].concat());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_ref());
    let mac = hmac::sign(&key, contents);
    let sha1 = tlv(0x30, &[0x06, 5, 0x2b, 14, 3, 2, 26, 5, 0]);
    let file = with_mac(body, &sha1, mac.as_ref(), &salt);
    for passphrase in [None, Some("")] {
        assert!(PrivateKey::from_bytes(&file, passphrase).is_ok());
    }
    assert!(PrivateKey::from_bytes(&file, Some("x")).is_err());
}

/// RFC 7292 appendix B.2 with more than one block, compared with OpenSSL.
#[test]
fn a_long_passphrase_derives_the_same_key_as_in_openssl() {
    let passphrase =
        "a passphrase that is longer than one block of SHA-1, which has 64 bytes – ß€𝄞";
    let input = [P256.as_str(), &super::certificate(&P256)].concat();
    for arguments in ["-legacy", "-macalg SHA384", "-macalg SHA512"] {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, passphrase).unwrap();
        let command = format!(
            "pkcs12 -export -passout file:{} {arguments}",
            secret.display()
        );
        let file = openssl(&command, input.as_bytes());
        PrivateKey::from_bytes(&file, Some(passphrase))
            .unwrap_or_else(|error| panic!("{arguments}: {error:?}"));
    }
}

#[test]
fn a_box_file_is_decrypted_with_its_own_passphrase() {
    let key = openssl_text("pkcs8 -topk8 -passout pass:from-box", &RSA);
    let file = json!({"boxAppSettings": {"appAuth": {
        "publicKeyID": "k9x2", "privateKey": key, "passphrase": "from-box",
    }}});
    let text = file.to_string();
    let read = PrivateKey::from_bytes(text.as_bytes(), None).unwrap();
    assert_eq!(
        read.public_key(),
        PrivateKey::from_pem(&RSA).unwrap().public_key()
    );
    assert_eq!(read.key_id(), Some("k9x2"));
    let wrong = text.replace("\"from-box\"", "\"other\"");
    let error = PrivateKey::from_bytes(wrong.as_bytes(), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Passphrase);
    // The caller's passphrase overrides the file's.
    assert!(PrivateKey::from_bytes(wrong.as_bytes(), Some("from-box")).is_ok());
}

/// Builds a PKCS#12 file from its body and a MAC with one round.
fn with_mac(body: &[u8], algorithm: &[u8], mac: &[u8], salt: &[u8]) -> Vec<u8> {
    let info = tlv(0x30, &[algorithm, &tlv(4, mac)].concat());
    let mac_data = tlv(0x30, &[info, tlv(4, salt), vec![2, 1, 1]].concat());
    let whole = [body, &mac_data].concat();
    let length = u16::try_from(whole.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82][..], &length, &whole].concat()
}

fn kdf(rounds: u32) -> Vec<u8> {
    let rounds = [&[0][..], &rounds.to_be_bytes()].concat();
    let zeros = rounds.iter().take_while(|byte| **byte == 0).count();
    // One zero stays if the next byte has its highest bit set.
    let keep = match rounds.get(zeros) {
        Some(byte) if *byte < 0x80 => zeros,
        _ => zeros - 1,
    };
    let prf = tlv(0x30, &[HMAC_SHA256, &[5, 0]].concat());
    let members = [tlv(4, SALT), tlv(2, &rounds[keep..]), prf].concat();
    tlv(0x30, &[PBKDF2, &tlv(0x30, &members)].concat())
}

fn encrypted(kdf: &[u8], cipher: &[u8], data: &[u8]) -> Vec<u8> {
    let parameters = tlv(0x30, &[kdf, &tlv(0x30, cipher)].concat());
    let algorithm = tlv(0x30, &[PBES2, &parameters].concat());
    tlv(0x30, &[algorithm, tlv(4, data)].concat())
}
