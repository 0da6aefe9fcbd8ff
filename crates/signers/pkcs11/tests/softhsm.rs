//! A real PKCS#11 library: SoftHSM2, with a token made for these tests.
//!
//! SoftHSM finds its token through `SOFTHSM2_CONF`. A process cannot set that for itself without
//! `unsafe`, so the one test below makes the token and runs the ignored ones in a child.

use std::path::Path;
use std::process::Command;
use std::sync::Barrier;

use countersign::jws::{self, Algorithm, VerificationKey};
use countersign::{ErrorKind, PublicKey, Secret, Signer, Verdict};
use countersign_pkcs11::{KeyUri, Module, Pkcs11Signer};
use cryptoki::context::{CInitializeArgs, CInitializeFlags};

const PIN: &str = "1234";
const CLAIMS: &[u8] = br#"{"iss":"me","aud":"account-d.docusign.com","exp":1300819380}"#;
const LIBRARIES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

#[test]
fn with_a_token_of_softhsm() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(at("tokens")).unwrap();
    let settings = format!(
        "directories.tokendir = {}\nlog.level = ERROR\n",
        at("tokens")
    );
    std::fs::write(at("softhsm2.conf"), settings).unwrap();
    let conf = at("softhsm2.conf");
    let tool = |arguments: &str| run(&conf, "softhsm2-util", arguments);
    tool("--init-token --free --label first --so-pin 0000 --pin 1234");
    tool("--init-token --free --label second --so-pin 0000 --pin 1234");
    for (name, id, make) in [
        ("rsa", "01", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"),
        (
            "p256",
            "02",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ),
        (
            "p384",
            "03",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
        ),
        ("ed25519", "04", "-algorithm ED25519"),
        (
            "p521",
            "05",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
        ),
        (
            "twin",
            "06",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        ),
    ] {
        let (pem, public) = (at(&format!("{name}.pem")), at(&format!("{name}.pub")));
        run(&conf, "openssl", &format!("genpkey {make} -out {pem}"));
        run(
            &conf,
            "openssl",
            &format!("pkey -in {pem} -pubout -out {public}"),
        );
        tool(&format!(
            "--import {pem} --token first --label {name} --id {id} --pin 1234"
        ));
    }
    let twin = at("twin.pem");
    tool(&format!(
        "--import {twin} --token first --label twin --id 07 --pin 1234"
    ));

    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--test-threads", "1"])
        .env("SOFTHSM2_CONF", &conf)
        .env("SOFTHSM2_FOLDER", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(
        inner.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&inner.stderr)
    );
    assert!(said.contains("5 passed"), "{said}");
}

fn run(conf: &str, program: &str, arguments: &str) {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .env("SOFTHSM2_CONF", conf)
        .output()
        .unwrap_or_else(|error| {
            panic!("these tests need `{program}` (apt-get install softhsm2 openssl): {error}")
        });
    assert!(
        output.status.success(),
        "{program} {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn module() -> Module {
    let library = LIBRARIES.iter().find(|path| Path::new(path).exists());
    Module::load(library.expect("libsofthsm2.so (apt-get install softhsm2)")).unwrap()
}

fn signer(uri: &str, algorithm: Option<Algorithm>) -> Result<Pkcs11Signer, countersign::Error> {
    let pin = Some(Secret::new(PIN));
    module().signer(&KeyUri::parse(uri)?, pin, algorithm, Some("7".into()))
}

/// The public key as openssl wrote it, not as the token shows it.
fn public(name: &str) -> PublicKey {
    let folder = std::env::var_os("SOFTHSM2_FOLDER").unwrap();
    let pem = std::fs::read_to_string(Path::new(&folder).join(format!("{name}.pub"))).unwrap();
    PublicKey::from_pem(&pem).unwrap()
}

#[test]
#[ignore = "run by with_a_token_of_softhsm, which makes the token"]
fn every_kind_of_key_signs() {
    for (name, algorithms) in [
        (
            "rsa",
            &[
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ][..],
        ),
        ("p256", &[Algorithm::ES256]),
        ("p384", &[Algorithm::ES384]),
        ("ed25519", &[Algorithm::EdDSA]),
    ] {
        let uri = format!("pkcs11:token=first;object={name}");
        assert_eq!(signer(&uri, None).unwrap().algorithm(), algorithms[0]);
        for algorithm in algorithms {
            let signer = signer(&uri, Some(*algorithm)).unwrap();
            assert_eq!(signer.public_key(), Some(&public(name)), "{name}");
            let token = jws::sign(&signer, CLAIMS, Some("JWT")).unwrap();
            let key = VerificationKey::new(public(name), *algorithm).unwrap();
            let verified = jws::verify(&token, &key).unwrap();
            assert_eq!(
                (verified.payload.as_slice(), &verified.header["kid"]),
                (CLAIMS, &"7".into())
            );
        }
    }
    // By id, and by both.
    for uri in [
        "pkcs11:token=first;id=%02",
        "pkcs11:token=first;object=p256;id=%02;type=private",
    ] {
        assert_eq!(
            signer(uri, None).unwrap().public_key(),
            Some(&public("p256"))
        );
    }
}

#[test]
#[ignore = "run by with_a_token_of_softhsm, which makes the token"]
fn what_is_not_there_is_named() {
    for (uri, algorithm, message, hint) in [
        (
            "pkcs11:token=third;object=rsa",
            None,
            "no token for pkcs11:token=third",
            "\"first\"",
        ),
        (
            "pkcs11:token=second;object=rsa",
            None,
            "no private key for",
            "object=",
        ),
        (
            "pkcs11:token=first;object=none",
            None,
            "no private key for",
            "PIN",
        ),
        (
            "pkcs11:token=first;object=twin",
            None,
            "2 private keys fit",
            "id=",
        ),
        (
            "pkcs11:token=first;object=p521",
            None,
            "no algorithm here",
            "P-256",
        ),
        (
            "pkcs11:object=rsa;slot-id=0",
            None,
            "no token for",
            "\"first\"",
        ),
        (
            "pkcs11:token=first;object=p256",
            Some(Algorithm::RS256),
            "does not fit",
            "ES256",
        ),
        (
            "pkcs11:token=first;object=rsa",
            Some(Algorithm::HS256),
            "does not fit",
            "RS256",
        ),
    ] {
        let error = signer(uri, algorithm).expect_err(uri);
        assert_eq!(error.kind(), ErrorKind::Key, "{error:?}");
        assert!(error.message().contains(message), "{error:?}");
        assert!(error.hint().unwrap().contains(hint), "{error:?}");
    }
    let error = Module::load("/nowhere/lib.so").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
    assert!(error.message().contains("/nowhere/lib.so"), "{error:?}");
    let error = Module::load("/etc/hostname").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Setting);
}

#[test]
#[ignore = "run by with_a_token_of_softhsm, which makes the token"]
fn a_wrong_pin_is_said_and_not_shown() {
    let uri = KeyUri::parse("pkcs11:token=second;object=rsa").unwrap();
    let pin = Some(Secret::new("9876"));
    let error = module().signer(&uri, pin, None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Key);
    assert_eq!(error.verdict(), Verdict::FixConfiguration);
    assert!(error.message().contains("PIN"), "{error:?}");
    assert!(!format!("{error:?}").contains("9876"));
    // Nobody logged in to this token: it shows no private key.
    let error = module().signer(&uri, None, None, None).unwrap_err();
    assert!(error.hint().unwrap().contains("PIN"), "{error:?}");
    let signer = signer("pkcs11:token=first;object=p256", None).unwrap();
    assert!(!format!("{signer:?}").contains(PIN), "{signer:?}");
}

#[test]
#[ignore = "run by with_a_token_of_softhsm, which makes the token"]
fn threads_sign_at_the_same_time() {
    let signer = signer("pkcs11:token=first;object=p256", None).unwrap();
    let key = VerificationKey::new(public("p256"), Algorithm::ES256).unwrap();
    let together = Barrier::new(12);
    std::thread::scope(|scope| {
        for thread in 0..12 {
            let (signer, key, together) = (&signer, &key, &together);
            scope.spawn(move || {
                together.wait();
                for number in 0..20 {
                    let claims = format!("{{\"jti\":\"{thread}-{number}\"}}");
                    let token = jws::sign(signer, claims.as_bytes(), None).unwrap();
                    let verified = jws::verify(&token, key).unwrap();
                    assert_eq!(verified.payload, claims.as_bytes());
                }
            });
        }
    });
}

/// The device was reset: every session is gone, and the login with them.
#[test]
#[ignore = "run by with_a_token_of_softhsm, which makes the token"]
fn a_lost_session_is_opened_again() {
    let library = LIBRARIES
        .iter()
        .find(|path| Path::new(path).exists())
        .unwrap();
    let signer = signer("pkcs11:token=first;object=p256", None).unwrap();
    jws::sign(&signer, CLAIMS, None).unwrap();
    let reset = || {
        let other = cryptoki::context::Pkcs11::new(library).unwrap();
        other.clone().finalize().unwrap();
        let flags = CInitializeFlags::OS_LOCKING_OK;
        other.initialize(CInitializeArgs::new(flags)).unwrap();
    };
    reset();
    let token = jws::sign(&signer, CLAIMS, None).unwrap();
    let key = VerificationKey::new(public("p256"), Algorithm::ES256).unwrap();
    jws::verify(&token, &key).unwrap();
}
