//! Wrong files, each rejected with its own message and hint.

use countersign_jose::ErrorKind;
use countersign_jose::key::PrivateKey;

use super::openssl::{openssl, openssl_text};
use super::{P256, RSA, assert_shows_nothing_of, certificate, pem, tlv};

#[test]
fn every_wrong_file_has_its_own_error() {
    let rsa = &*RSA;
    let pkcs1 = openssl_text("rsa -traditional", rsa);
    let lines_of = |pem: &str, skip: usize, less: usize| {
        let lines: Vec<&str> = pem.lines().collect();
        lines[skip..lines.len() - less].join("\n")
    };
    let k256 = openssl_text(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1",
        "",
    );
    let small = openssl_text("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "");
    let dsa = openssl_text("dsaparam -genkey 1024", "");
    let cases: Vec<(&str, String, &str, &str)> =
        vec![
        (
            "public key",
            openssl_text("pkey -pubout", rsa),
            "this is a public key (PUBLIC KEY)",
            "BEGIN RSA PRIVATE KEY",
        ),
        (
            "PKCS#1 public key",
            openssl_text("rsa -RSAPublicKey_out", rsa),
            "this is a public key (RSA PUBLIC KEY)",
            "BEGIN",
        ),
        (
            "certificate",
            certificate(rsa),
            "this is a certificate",
            "private key",
        ),
        (
            "encrypted PKCS#8",
            openssl_text("pkey -aes256 -passout pass:x1y2", rsa),
            "encrypted with a passphrase",
            "openssl pkey -in",
        ),
        (
            "encrypted PKCS#8, relabelled",
            openssl_text("pkey -aes256 -passout pass:x1y2", rsa).replace("ENCRYPTED ", ""),
            "encrypted with a passphrase",
            "openssl pkey -in",
        ),
        (
            "encrypted PKCS#1",
            openssl_text("rsa -traditional -aes256 -passout pass:x1y2", rsa),
            "encrypted with a passphrase",
            "openssl pkey -in",
        ),
        (
            "encrypted PKCS#1 in one line",
            openssl_text("rsa -traditional -aes256 -passout pass:x1y2", rsa).replace('\n', " "),
            "encrypted with a passphrase",
            "openssl pkey -in",
        ),
        (
            "encrypted SEC1",
            openssl_text("ec -aes128 -passout pass:x1y2", &P256),
            "encrypted with a passphrase",
            "openssl pkey -in",
        ),
        ("empty", String::new(), "the key is empty", "PEM file"),
        ("spaces", " \n\"\"".into(), "the key is empty", "PEM file"),
        (
            "words",
            "please see the vault".into(),
            "no PEM found",
            "-----BEGIN",
        ),
        (
            "file name",
            "keys/docusign.pem".into(),
            "looks like a file name",
            "private_key_file",
        ),
        (
            "file path",
            "/etc/keys/docusign".into(),
            "looks like a file name",
            "private_key_file",
        ),
        (
            "SSH public key",
            "ssh-rsa AAAAB3NzaC1yc2E me@host".into(),
            "SSH public key",
            "ssh-keygen",
        ),
        (
            "PuTTY",
            "PuTTY-User-Key-File-3: ssh-rsa".into(),
            "PuTTY",
            "puttygen",
        ),
        (
            "BEGIN without dashes",
            rsa.replace("-----BEGIN", "BEGIN"),
            "BEGIN line is incomplete",
            "five dashes",
        ),
        (
            "BEGIN with its dashes cut",
            rsa.replacen("KEY-----", "KEY", 1),
            "BEGIN line is incomplete",
            "five dashes",
        ),
        (
            "en dashes",
            rsa.replace("-----", "\u{2013}\u{2013}"),
            "BEGIN line is incomplete",
            "five dashes",
        ),
        (
            "END missing",
            lines_of(&pkcs1, 0, 1),
            "-----END RSA PRIVATE KEY----- is missing",
            "cut off",
        ),
        (
            "cut in the middle",
            lines_of(&pkcs1, 0, 6),
            "-----END RSA PRIVATE KEY----- is missing",
            "cut off",
        ),
        (
            "END missing before a second block",
            format!("{}\n{}", lines_of(&pkcs1, 0, 1), certificate(rsa)),
            "is missing",
            "cut off",
        ),
        (
            "END of another",
            pkcs1.replace("END RSA PRIVATE", "END PRIVATE"),
            "ends with something else",
            "-----END RSA PRIVATE KEY-----",
        ),
        (
            "bad symbol",
            pkcs1.replacen("\nM", "\n*", 1),
            "not valid base64",
            "copy the key again",
        ),
        (
            "one symbol lost",
            remove_symbol(&pkcs1),
            "characters are missing",
            "copy the key again",
        ),
        (
            "a line lost",
            without_line(&pkcs1, 5),
            "the key is damaged",
            "openssl pkey",
        ),
        (
            "no text inside",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----".into(),
            "nothing between",
            "copy",
        ),
        (
            "not DER",
            pem("PRIVATE KEY", b"not a key at all"),
            "not a valid",
            "openssl pkey",
        ),
        (
            "inconsistent numbers",
            with_other_symbol(&pkcs1, 14),
            "parts are inconsistent",
            "openssl pkey",
        ),
        ("DSA PKCS#8", openssl_text("pkey", &dsa), "DSA", "use RSA"),
        ("DSA", openssl_text("dsa", &dsa), "DSA", "use RSA"),
        ("secp256k1", k256, "EC on secp256k1", "P-256"),
        (
            "Ed448",
            openssl_text("genpkey -algorithm ED448", ""),
            "Ed448",
            "Ed25519",
        ),
        (
            "X25519",
            openssl_text("genpkey -algorithm X25519", ""),
            "X25519",
            "Ed25519",
        ),
        ("RSA 1024", small.clone(), "1024 bits", "2048"),
        (
            "RSA exponent 3",
            openssl_text(
                "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3",
                "",
            ),
            "exponent",
            "openssl genrsa",
        ),
        (
            "RSA of three primes",
            openssl_text(
                "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_primes:3",
                "",
            ),
            "more than two primes",
            "openssl genrsa",
        ),
        (
            "certificate request",
            openssl_text("req -new -key /dev/stdin -subj /CN=x", rsa),
            "CERTIFICATE REQUEST",
            "private key",
        ),
        (
            "OpenSSH",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----"
                .into(),
            "OPENSSH PRIVATE KEY",
            "does not convert Ed25519 keys",
        ),
        (
            "parameters alone",
            openssl_text("ecparam -name prime256v1", ""),
            "EC PARAMETERS",
            "PRIVATE KEY",
        ),
        (
            "public key after parameters",
            format!(
                "{}{}",
                openssl_text("ecparam -name prime256v1", ""),
                openssl_text("pkey -pubout", &P256)
            ),
            "this is a public key",
            "BEGIN",
        ),
        ("two curves", two_curves(), "it names two different curves", "openssl pkey"),
        (
            "two private keys",
            format!("{rsa}{}", *P256),
            "2 different private keys",
            "keep only the one",
        ),
    ];
    for (name, text, message, hint) in cases {
        let error = PrivateKey::from_pem(&text).expect_err(name);
        assert!(error.message().contains(message), "{name}: {error:?}");
        assert!(
            error.hint().is_some_and(|h| h.contains(hint)),
            "{name}: {error:?}"
        );
        let kinds = [ErrorKind::PrivateKey, ErrorKind::Passphrase];
        assert!(kinds.contains(&error.kind()), "{name}: {error:?}");
        assert_shows_nothing_of(&text, &error);
    }
}

/// If the hint is a command that converts the key, the result can be read.
#[test]
fn the_commands_in_hints_work() {
    for (damage, message) in [
        #[cfg(not(feature = "aws-lc"))]
        ("ec -no_public", "has no public point"),
        #[cfg(not(feature = "aws-lc"))]
        ("ec -conv_form compressed", "compressed"),
        ("ec -param_enc explicit", "explicit curve parameters"),
        ("ec -aes128 -passout pass:x1y2", "encrypted"),
        ("pkcs8 -topk8 -passout pass:x1y2", "encrypted"),
    ] {
        let damaged = openssl_text(damage, &P256);
        let error = PrivateKey::from_pem(&damaged).expect_err(damage);
        assert!(error.message().contains(message), "{damage}: {error:?}");
        let hint = error.hint().unwrap();
        let command = hint
            .split("openssl ")
            .nth(1)
            .unwrap()
            .split(" (")
            .next()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("key.pem"), &damaged).unwrap();
        let output = command.split_whitespace().last().unwrap();
        let command = command
            .replace("key.pem", &at("key.pem"))
            .replace(&format!("-out {output}"), &format!("-out {}", at(output)));
        let password = if message == "encrypted" {
            " -passin pass:x1y2"
        } else {
            ""
        };
        openssl(&format!("{command}{password}"), b"");
        let fixed = std::fs::read_to_string(at(output)).unwrap();
        let read = PrivateKey::from_pem(&fixed).unwrap_or_else(|e| panic!("{damage}: {e:?}"));
        assert_eq!(
            read.public_key(),
            PrivateKey::from_pem(&P256).unwrap().public_key(),
            "{damage}"
        );
    }
}

/// Builds a PKCS#8 key with P-384 around a SEC1 key with P-256.
fn two_curves() -> String {
    let sec1 = openssl("ec -outform DER", P256.as_bytes());
    let ec = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let p384 = [0x06, 5, 0x2b, 0x81, 4, 0, 0x22];
    let algorithm = tlv(0x30, &[&ec[..], &p384].concat());
    let der = tlv(0x30, &[vec![2, 1, 0], algorithm, tlv(0x04, &sec1)].concat());
    pem("PRIVATE KEY", &der)
}

fn without_line(pem: &str, number: usize) -> String {
    let kept = pem.lines().enumerate().filter(|(at, _)| *at != number);
    kept.map(|(_, line)| format!("{line}\n")).collect()
}

/// Changes one symbol in the middle of a line. Line 14 of a 2048-bit PKCS#1 key is the first prime.
fn with_other_symbol(pem: &str, line: usize) -> String {
    let at = pem.match_indices('\n').nth(line - 1).unwrap().0 + 32;
    let other = if &pem[at..=at] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &pem[..at], &pem[at + 1..])
}

/// Removes symbols until their number modulo four is one, which is never valid base64.
fn remove_symbol(pem: &str) -> String {
    let (begin, rest) = pem.split_once('\n').unwrap();
    let (body, _) = rest.split_once("-----END").unwrap();
    let symbols: String = body
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '=')
        .collect();
    let mut keep = symbols.len() - 1;
    while keep % 4 != 1 {
        keep -= 1;
    }
    format!(
        "{begin}\n{}\n{}",
        &symbols[..keep],
        &rest[rest.find("-----END").unwrap()..]
    )
}
