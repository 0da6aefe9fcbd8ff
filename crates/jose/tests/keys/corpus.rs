//! A corpus of key files in every format, intact and damaged, with expected results.
//!
//! Encrypted files are read with the right passphrase, a wrong one and none. OpenSSL creates the
//! files and says which key is in them.

mod intact;

use std::sync::LazyLock;

use countersign_jose::ErrorKind;
use countersign_jose::jws::{KeySigner, Signer};
use countersign_jose::key::{PrivateKey, PublicKey};

use self::intact::{make_pkcs8, make_pkcs12};
use super::openssl::{openssl, openssl_agrees, openssl_text};
use super::{RSA, assert_shows_nothing_of, certificate};

/// The minimum number of cases. Each file counts once per passphrase.
const MIN_CASES: usize = 80;
const PASSPHRASE: &str = "x1y2-Öl";

/// A file, the passphrase to read it with, and the expected result.
pub(super) struct Case {
    name: String,
    pub(super) file: Vec<u8>,
    passphrase: Option<&'static str>,
    expected: Expected,
}

enum Expected {
    /// The file is read as this key, with this description.
    Key {
        of: &'static LazyLock<String>,
        format: &'static str,
        encryption: Option<String>,
        certificates: usize,
    },
    /// The file is rejected with an error of this kind, whose message and hint contain these texts.
    Rejected {
        message: String,
        hint: &'static str,
        kind: ErrorKind,
    },
}

type Source = &'static LazyLock<String>;

#[test]
fn every_file_of_the_corpus_is_read_or_rejected_as_expected() {
    assert!(CORPUS.len() >= MIN_CASES, "{} cases", CORPUS.len());
    for case in CORPUS.iter() {
        let name = &case.name;
        let passphrase = case.passphrase;
        let read = PrivateKey::from_bytes(&case.file, passphrase);
        match &case.expected {
            Expected::Key {
                of,
                format,
                encryption,
                certificates,
            } => {
                let key = read.unwrap_or_else(|error| panic!("{name}: {error:?}"));
                let spki = openssl("pkey -pubout -outform DER", of.as_bytes());
                assert_eq!(
                    key.public_key().unwrap(),
                    PublicKey::from_bytes(&spki).unwrap(),
                    "{name}"
                );
                let info = key.info();
                assert_eq!(info.format, *format, "{name}");
                assert_eq!(info.encryption, *encryption, "{name}");
                assert_eq!(info.certificates.len(), *certificates, "{name}");
            }
            Expected::Rejected {
                message,
                hint,
                kind,
            } => {
                let error = read.expect_err(name);
                assert!(
                    error.message().contains(message.as_str()),
                    "{name}: {error:?}"
                );
                assert!(error.hint().unwrap().contains(hint), "{name}: {error:?}");
                assert_eq!(error.kind(), *kind, "{name}: {error:?}");
                assert!(
                    !format!("{error:?}").contains(PASSPHRASE),
                    "{name}: {error:?}"
                );
                assert_shows_nothing_of(&String::from_utf8_lossy(&case.file), &error);
            }
        }
    }
}

/// A decrypted key signs like the key that OpenSSL encrypted.
#[test]
fn openssl_verifies_signatures_of_decrypted_keys() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("pub"), openssl("pkey -pubout", RSA.as_bytes())).unwrap();
    std::fs::write(at("in"), b"a message").unwrap();
    let mut signed = 0;
    for case in CORPUS.iter() {
        let of_rsa = matches!(case.expected, Expected::Key { of, .. } if **of == **RSA);
        if !of_rsa || case.passphrase.is_none() {
            continue;
        }
        let passphrase = case.passphrase;
        let key = PrivateKey::from_bytes(&case.file, passphrase).unwrap();
        let signer = KeySigner::new(key, None, None).unwrap();
        let mut signature = Vec::new();
        signer.sign(b"a message", &mut signature).unwrap();
        std::fs::write(at("sig"), &signature).unwrap();
        let arguments = format!(
            "dgst -sha256 -verify {} -signature {} {}",
            at("pub"),
            at("sig"),
            at("in")
        );
        assert!(openssl_agrees(&arguments), "{}", case.name);
        signed += 1;
    }
    let min = if cfg!(feature = "encrypted-keys") {
        30
    } else {
        2
    };
    assert!(signed >= min, "{signed}");
}

pub(super) static CORPUS: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let mut corpus = Corpus(Vec::new());
    corpus.plain();
    corpus.encrypted_pkcs8();
    corpus.unsupported_encryptions();
    corpus.dek_info();
    corpus.pkcs12();
    corpus.damaged();
    corpus.0
});

struct Corpus(Vec<Case>);

impl Corpus {
    fn damaged(&mut self) {
        let encrypted = make_pkcs8("-v2 aes-256-cbc", &RSA, "DER");
        let pkcs12 = make_pkcs12("", &RSA, PASSPHRASE);
        let plain = openssl("pkey -outform DER", RSA.as_bytes());
        let cut = |file: &[u8]| file[..file.len() - 9].to_vec();
        let flipped = |file: &[u8]| {
            let mut file = file.to_vec();
            let at = file.len() - 100;
            file[at] ^= 1;
            file
        };
        let more = |file: &[u8]| [file, b"more"].concat();
        for (name, file) in [
            ("plain DER", cut(&plain)),
            ("encrypted PKCS#8", cut(&encrypted)),
            ("PKCS#12", cut(&pkcs12)),
            ("plain DER and more", more(&plain)),
        ] {
            let message = "the key is damaged";
            self.rejected(
                &format!("{name}, damaged"),
                &file,
                Some(PASSPHRASE),
                message,
                "copy the key",
                ErrorKind::PrivateKey,
            );
        }
        self.not_decrypted(
            "encrypted PKCS#8 and more",
            &more(&encrypted),
            Some(PASSPHRASE),
            "damaged",
            "copy the key",
            ErrorKind::PrivateKey,
        );
        self.not_decrypted(
            "PKCS#12 and more",
            &more(&pkcs12),
            Some(PASSPHRASE),
            "damaged",
            "copy the key",
            ErrorKind::PrivateKey,
        );
        let wrong = ErrorKind::Passphrase;
        self.not_decrypted(
            "PKCS#12, a bit flipped",
            &flipped(&pkcs12),
            Some(PASSPHRASE),
            "the passphrase is wrong, or the file is damaged",
            "openssl pkcs12",
            wrong,
        );
        let pem = openssl_text(
            &format!("rsa -traditional -aes256 -passout pass:{PASSPHRASE}"),
            &RSA,
        );
        for (name, file) in [
            ("no IV", pem.replace("AES-256-CBC,", "AES-256-CBC")),
            ("no DEK-Info", pem.replace("DEK-Info", "Comment")),
            ("lowercase", pem.replace("AES-256-CBC", "aes key")),
        ] {
            let message = "DEK-Info line is invalid";
            self.rejected(
                name,
                file.as_bytes(),
                Some(PASSPHRASE),
                message,
                "DEK-Info: AES",
                ErrorKind::PrivateKey,
            );
        }
        for (name, file, message, hint) in [
            (
                "a Java key store",
                &b"\xfe\xed\xfe\xed\0\0\0\x02"[..],
                "Java key store",
                "keytool",
            ),
            (
                "BER",
                b"\x30\x80\x02\x01\x03",
                "indefinite lengths",
                "openssl pkcs12",
            ),
            (
                "a picture",
                b"\x89PNG\r\n\x1a\n\0\0",
                "binary file",
                "PEM, DER, PKCS#12 or JWK",
            ),
            ("an empty file", b"", "the key is empty", "PEM"),
            (
                "a version alone",
                b"\x30\x03\x02\x01\x00",
                "the key is damaged",
                "copy the key",
            ),
        ] {
            self.rejected(name, file, None, message, hint, ErrorKind::PrivateKey);
        }
        let cms = openssl(
            "crl2pkcs7 -nocrl -certfile /dev/stdin -outform DER",
            certificate(&RSA).as_bytes(),
        );
        self.rejected(
            "PKCS#7",
            &cms,
            None,
            "PKCS7",
            "only certificates",
            ErrorKind::PrivateKey,
        );
    }

    fn every_passphrase(
        &mut self,
        name: &str,
        file: &[u8],
        source: Source,
        format: &'static str,
        how: &str,
        certificates: usize,
    ) {
        self.decrypted(
            name,
            file,
            Some(PASSPHRASE),
            source,
            format,
            how,
            certificates,
        );
        let kind = ErrorKind::Passphrase;
        let wrong = Some("another");
        self.not_decrypted(
            &format!("{name}, wrong"),
            file,
            wrong,
            "the passphrase is wrong, or the file is damaged",
            "check private_key_passphrase",
            kind,
        );
        let hint = "set private_key_passphrase_file";
        self.not_decrypted(
            &format!("{name}, none"),
            file,
            None,
            "and none was given",
            hint,
            kind,
        );
    }

    /// Expects this key, if this build can decrypt.
    #[allow(clippy::too_many_arguments)]
    fn decrypted(
        &mut self,
        name: &str,
        file: &[u8],
        passphrase: Option<&'static str>,
        source: Source,
        format: &'static str,
        how: &str,
        certificates: usize,
    ) {
        if cfg!(feature = "encrypted-keys") {
            self.key(
                name,
                file,
                passphrase,
                source,
                format,
                Some(how.to_owned()),
                certificates,
            );
        } else {
            self.not_decrypted(name, file, passphrase, "", "", ErrorKind::Passphrase);
        }
    }

    /// Expects this error, or that of a build without `encrypted-keys`.
    fn not_decrypted(
        &mut self,
        name: &str,
        file: &[u8],
        passphrase: Option<&'static str>,
        message: &str,
        hint: &'static str,
        kind: ErrorKind,
    ) {
        if cfg!(feature = "encrypted-keys") {
            self.rejected(name, file, passphrase, message, hint, kind);
        } else {
            self.rejected(
                name,
                file,
                passphrase,
                "which this build does not support",
                "cargo feature encrypted-keys",
                ErrorKind::PrivateKey,
            );
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn key(
        &mut self,
        name: &str,
        file: &[u8],
        passphrase: Option<&'static str>,
        of: Source,
        format: &'static str,
        encryption: Option<String>,
        certificates: usize,
    ) {
        self.0.push(Case {
            name: name.to_owned(),
            file: file.to_owned(),
            passphrase,
            expected: Expected::Key {
                of,
                format,
                encryption,
                certificates,
            },
        });
    }

    fn rejected(
        &mut self,
        name: &str,
        file: &[u8],
        passphrase: Option<&'static str>,
        message: &str,
        hint: &'static str,
        kind: ErrorKind,
    ) {
        let build = cfg!(feature = "encrypted-keys");
        let about_encryption = hint.starts_with("openssl pkcs8 -topk8");
        let (message, hint) = match about_encryption && !build {
            true => (
                "which this build does not support",
                "cargo feature encrypted-keys",
            ),
            false => (message, hint),
        };
        self.0.push(Case {
            name: name.to_owned(),
            file: file.to_owned(),
            passphrase,
            expected: Expected::Rejected {
                message: message.to_owned(),
                hint,
                kind,
            },
        });
    }
}
