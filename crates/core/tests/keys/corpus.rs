//! The corpus: every format, under every password state, whole and damaged, each with what must
//! become of it. OpenSSL makes the files and is asked what the key in them is.

use std::sync::LazyLock;

use countersign::jws::{KeySigner, Signer};
use countersign::key::{PrivateKey, PublicKey};
use countersign::{ErrorKind, Secret};

use super::openssl::{openssl, openssl_agrees, openssl_text};
use super::{ED25519, P256, P384, RSA, assert_shows_nothing_of, certificate};

/// The least that the corpus must have, counting each file with each passphrase.
const LEAST: usize = 80;
const PASSPHRASE: &str = "x1y2-Öl";

/// One file of the corpus, with the passphrase it is opened with.
pub(super) struct Case {
    name: String,
    pub(super) file: Vec<u8>,
    passphrase: Option<&'static str>,
    expected: Expected,
}

enum Expected {
    /// It is this key, in these words of `inspect`.
    Key {
        of: &'static LazyLock<String>,
        format: &'static str,
        encryption: Option<String>,
        certificates: usize,
    },
    /// It is refused with these words in message and hint, naming this setting.
    Refused {
        message: String,
        hint: &'static str,
        setting: &'static str,
    },
}

type Source = &'static LazyLock<String>;

#[test]
fn every_file_of_the_corpus_is_taken_or_refused_as_it_should_be() {
    assert!(CORPUS.len() >= LEAST, "{} cases", CORPUS.len());
    for case in CORPUS.iter() {
        let name = &case.name;
        let passphrase = case.passphrase.map(Secret::from);
        let read = PrivateKey::from_bytes(&case.file, passphrase.as_ref());
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
            Expected::Refused {
                message,
                hint,
                setting,
            } => {
                let error = read.expect_err(name);
                assert!(
                    error.message().contains(message.as_str()),
                    "{name}: {error:?}"
                );
                assert!(error.hint().unwrap().contains(hint), "{name}: {error:?}");
                assert_eq!(error.setting_name(), Some(*setting), "{name}: {error:?}");
                assert_eq!(error.kind(), ErrorKind::Key, "{name}");
                assert!(
                    !format!("{error:?}").contains(PASSPHRASE),
                    "{name}: {error:?}"
                );
                assert_shows_nothing_of(&String::from_utf8_lossy(&case.file), &error);
            }
        }
    }
}

/// A key that came out of an encryption signs as OpenSSL expects of the key that went in.
#[test]
fn openssl_verifies_what_keys_out_of_the_corpus_sign() {
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
        let passphrase = case.passphrase.map(Secret::from);
        let key = PrivateKey::from_bytes(&case.file, passphrase.as_ref()).unwrap();
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
    let least = if cfg!(feature = "encrypted-keys") {
        30
    } else {
        2
    };
    assert!(signed >= least, "{signed}");
}

pub(super) static CORPUS: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let mut corpus = Corpus(Vec::new());
    corpus.plain();
    corpus.encrypted_pkcs8();
    corpus.refused_encryptions();
    corpus.dek_info();
    corpus.pkcs12();
    corpus.damaged();
    corpus.0
});

struct Corpus(Vec<Case>);

impl Corpus {
    fn plain(&mut self) {
        let formats: [(&str, Source, &str, &str); 7] = [
            ("RSA", &RSA, "rsa -traditional", "PKCS#1"),
            ("RSA", &RSA, "pkcs8 -topk8 -nocrypt", "PKCS#8"),
            ("P-256", &P256, "ec", "SEC1"),
            ("P-256", &P256, "pkcs8 -topk8 -nocrypt", "PKCS#8"),
            ("P-384", &P384, "ec", "SEC1"),
            ("P-384", &P384, "pkcs8 -topk8 -nocrypt", "PKCS#8"),
            ("Ed25519", &ED25519, "pkcs8 -topk8 -nocrypt", "PKCS#8"),
        ];
        for (name, source, command, structure) in formats {
            let pem = openssl(command, source.as_bytes());
            let der = openssl(&format!("{command} -outform DER"), source.as_bytes());
            let in_pem = leak(format!("{structure} PEM"));
            let in_der = leak(format!("{structure} DER"));
            let wide: Vec<u8> = String::from_utf8(pem.clone())
                .unwrap()
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect();
            let swapped: Vec<u8> = wide.chunks(2).flat_map(|unit| [unit[1], unit[0]]).collect();
            for (how, file, format) in [
                ("PEM", pem.clone(), in_pem),
                ("DER", der.clone(), in_der),
                ("DER and a line end", [&der[..], b"\r\n"].concat(), in_der),
                ("base64 of DER", super::base64(&der).into_bytes(), in_der),
                (
                    "UTF-16, the other way round",
                    [&[0xfe, 0xff][..], &swapped].concat(),
                    in_pem,
                ),
                (
                    "UTF-16 with a byte order mark",
                    [&[0xff, 0xfe][..], &wide].concat(),
                    in_pem,
                ),
            ] {
                self.key(
                    &format!("{name} {structure} {how}"),
                    &file,
                    None,
                    source,
                    format,
                    None,
                    0,
                );
            }
            // A passphrase that nothing asks for does no harm.
            self.key(
                &format!("{name} {structure}, needless passphrase"),
                &pem,
                Some("x"),
                source,
                in_pem,
                None,
                0,
            );
        }
        let chain = [certificate(&RSA), RSA.clone(), certificate(&P256)].concat();
        self.key(
            "PEM with a chain",
            chain.as_bytes(),
            None,
            &RSA,
            "PKCS#8 PEM",
            None,
            2,
        );
        let other = [RSA.clone(), certificate(&P256)].concat();
        self.key(
            "PEM with a foreign certificate",
            other.as_bytes(),
            None,
            &RSA,
            "PKCS#8 PEM",
            None,
            0,
        );
    }

    fn encrypted_pkcs8(&mut self) {
        let ciphers = [
            ("aes-128-cbc", "AES-128-CBC"),
            ("aes-192-cbc", "AES-192-CBC"),
            ("aes-256-cbc", "AES-256-CBC"),
            ("des3", "3DES"),
        ];
        let hashes = ["SHA1", "SHA224", "SHA256", "SHA384", "SHA512"];
        for (argument, cipher) in ciphers {
            for hash in hashes {
                let how = format!("PBES2, PBKDF2 with HMAC-{hash}, {cipher}");
                let command = format!("-v2 {argument} -v2prf hmacWith{hash}");
                self.pkcs8(&command, &RSA, &how);
            }
        }
        let usual = "PBES2, PBKDF2 with HMAC-SHA256, AES-256-CBC";
        for source in [&P256, &P384, &ED25519] {
            self.pkcs8("-v2 aes-256-cbc", source, usual);
        }
        self.pkcs8("-scrypt", &RSA, "PBES2, scrypt, AES-256-CBC");
        self.pkcs8("-v1 PBE-SHA1-3DES", &RSA, "PKCS#12 with SHA-1, 3DES");
        self.pkcs8(
            "-v1 PBE-SHA1-2DES",
            &RSA,
            "PKCS#12 with SHA-1, 3DES with two keys",
        );
        self.pkcs8("-v1 PBE-SHA1-RC2-128", &RSA, "PKCS#12 with SHA-1, RC2-128");
        self.pkcs8("-v1 PBE-SHA1-RC2-40", &RSA, "PKCS#12 with SHA-1, RC2-40");
    }

    fn refused_encryptions(&mut self) {
        for (command, name) in [
            ("-v1 PBE-MD5-DES", "PBES1, MD5, DES"),
            ("-v1 PBE-SHA1-DES", "PBES1, SHA-1, DES"),
            ("-v1 PBE-SHA1-RC4-128", "RC4-128"),
            ("-v2 camellia-256-cbc", "CAMELLIA-256-CBC"),
            ("-v2 des", "DES-CBC"),
        ] {
            let file = make_pkcs8(command, &RSA, "PEM");
            let convert = "openssl pkcs8 -topk8 -v2 aes-256-cbc";
            self.refused(
                command,
                &file,
                Some(PASSPHRASE),
                name,
                convert,
                "private_key",
            );
        }
        let des = format!(
            "rsa -traditional -des -passout pass:{PASSPHRASE} -provider legacy -provider default"
        );
        let file = openssl(&des, RSA.as_bytes());
        self.refused(
            "DEK-Info DES",
            &file,
            Some(PASSPHRASE),
            "DES-CBC",
            "openssl pkcs8 -topk8",
            "private_key",
        );
    }

    /// One way of encrypting PKCS#8, in both frames, with every passphrase.
    fn pkcs8(&mut self, command: &str, source: Source, how: &str) {
        for frame in ["PEM", "DER"] {
            let file = make_pkcs8(command, source, frame);
            let format = leak(format!("PKCS#8 {frame}"));
            let name = format!("pkcs8 {command} {frame}");
            self.every_passphrase(&name, &file, source, format, how, 0);
        }
    }

    fn dek_info(&mut self) {
        for (argument, cipher) in [
            ("-aes128", "AES-128-CBC"),
            ("-aes192", "AES-192-CBC"),
            ("-aes256", "AES-256-CBC"),
            ("-des3", "3DES"),
        ] {
            let sources: [(Source, &str, &str); 2] = [
                (&RSA, "rsa -traditional", "PKCS#1 PEM"),
                (&P256, "ec", "SEC1 PEM"),
            ];
            for (source, command, format) in sources {
                let command = format!("{command} {argument} -passout pass:{PASSPHRASE}");
                let file = openssl_text(&command, source);
                let how = format!("PEM, MD5, {cipher}");
                for (mark, file) in [
                    ("", file.clone()),
                    (" in one line", file.replace('\n', " ")),
                    (" without line ends", file.replace('\n', "")),
                    (" with \\n", file.replace('\n', "\\n")),
                ] {
                    let name = format!("{command}{mark}");
                    self.every_passphrase(&name, file.as_bytes(), source, format, &how, 0);
                }
            }
        }
    }

    fn pkcs12(&mut self) {
        let modern = "PBES2, PBKDF2 with HMAC-SHA256, AES-256-CBC";
        let triple = "PKCS#12 with SHA-1, 3DES";
        for (arguments, how) in [
            ("", modern),
            ("-legacy", triple),
            (
                "-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg SHA1",
                triple,
            ),
            (
                "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg SHA384",
                "PBES2, PBKDF2 with HMAC-SHA256, AES-128-CBC",
            ),
            (
                "-keypbe DES-EDE3-CBC -macalg SHA512",
                "PBES2, PBKDF2 with HMAC-SHA256, 3DES",
            ),
            (
                "-keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-40 -legacy",
                "PKCS#12 with SHA-1, RC2-128",
            ),
            ("-keypbe NONE -certpbe NONE", "none"),
            ("-certpbe NONE", modern),
            ("-nomac", modern),
            ("-iter 1 -maciter", modern),
            ("-name friendly -caname other -CSP csp", modern),
        ] {
            let file = make_pkcs12(arguments, &RSA, PASSPHRASE);
            let name = format!("pkcs12 {arguments}");
            self.every_passphrase(&name, &file, &RSA, "PKCS#12", how, 2);
        }
        for source in [&P256, &P384, &ED25519] {
            let file = make_pkcs12("", source, PASSPHRASE);
            self.every_passphrase("pkcs12 of another key", &file, source, "PKCS#12", modern, 2);
        }
        let empty = make_pkcs12("", &RSA, "");
        self.opened(
            "pkcs12, empty passphrase",
            &empty,
            None,
            &RSA,
            "PKCS#12",
            modern,
            2,
        );
        self.opened(
            "pkcs12, empty passphrase given",
            &empty,
            Some(""),
            &RSA,
            "PKCS#12",
            modern,
            2,
        );
        let bare = make_pkcs12("-keypbe NONE -certpbe NONE -nomac", &RSA, "");
        self.opened(
            "pkcs12 with nothing encrypted",
            &bare,
            None,
            &RSA,
            "PKCS#12",
            "none",
            2,
        );
        let in_base64 = super::base64(&make_pkcs12("", &RSA, PASSPHRASE));
        self.every_passphrase(
            "pkcs12 in base64",
            in_base64.as_bytes(),
            &RSA,
            "PKCS#12",
            modern,
            2,
        );
        let no_key = make_pkcs12("-nokeys", &RSA, PASSPHRASE);
        self.not_opened(
            "pkcs12 without a key",
            &no_key,
            Some(PASSPHRASE),
            "this is a certificate",
            "private key",
            "private_key",
        );
    }

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
            self.refused(
                &format!("{name}, damaged"),
                &file,
                Some(PASSPHRASE),
                message,
                "copy the key",
                "private_key",
            );
        }
        self.not_opened(
            "encrypted PKCS#8 and more",
            &more(&encrypted),
            Some(PASSPHRASE),
            "damaged",
            "copy the key",
            "private_key",
        );
        self.not_opened(
            "PKCS#12 and more",
            &more(&pkcs12),
            Some(PASSPHRASE),
            "damaged",
            "copy the key",
            "private_key",
        );
        let wrong = "private_key_passphrase";
        self.not_opened(
            "PKCS#12, a bit flipped",
            &flipped(&pkcs12),
            Some(PASSPHRASE),
            "it is wrong, or the file is damaged",
            "openssl pkcs12",
            wrong,
        );
        let pem = openssl_text(
            &format!("rsa -traditional -aes256 -passout pass:{PASSPHRASE}"),
            &RSA,
        );
        for (name, file) in [
            ("no vector", pem.replace("AES-256-CBC,", "AES-256-CBC")),
            ("no DEK-Info", pem.replace("DEK-Info", "Comment")),
            ("small letters", pem.replace("AES-256-CBC", "aes key")),
        ] {
            let message = "DEK-Info line is not readable";
            self.refused(
                name,
                file.as_bytes(),
                Some(PASSPHRASE),
                message,
                "DEK-Info: AES",
                "private_key",
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
            self.refused(name, file, None, message, hint, "private_key");
        }
        let cms = openssl(
            "crl2pkcs7 -nocrl -certfile /dev/stdin -outform DER",
            certificate(&RSA).as_bytes(),
        );
        self.refused("PKCS#7", &cms, None, "PKCS7", "no key", "private_key");
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
        self.opened(
            name,
            file,
            Some(PASSPHRASE),
            source,
            format,
            how,
            certificates,
        );
        let setting = "private_key_passphrase";
        let wrong = Some("another");
        self.not_opened(
            &format!("{name}, wrong"),
            file,
            wrong,
            "it is wrong, or the file is damaged",
            "check private_key_passphrase",
            setting,
        );
        let hint = "set private_key_passphrase_file";
        self.not_opened(
            &format!("{name}, none"),
            file,
            None,
            "and none is given",
            hint,
            setting,
        );
    }

    /// Opened, if this build can open anything.
    #[allow(clippy::too_many_arguments)]
    fn opened(
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
            self.not_opened(name, file, passphrase, "", "", "");
        }
    }

    /// Refused in these words, or for what this build cannot do.
    fn not_opened(
        &mut self,
        name: &str,
        file: &[u8],
        passphrase: Option<&'static str>,
        message: &str,
        hint: &'static str,
        setting: &'static str,
    ) {
        if cfg!(feature = "encrypted-keys") {
            self.refused(name, file, passphrase, message, hint, setting);
        } else {
            self.refused(
                name,
                file,
                passphrase,
                "which this build does not read",
                "cargo feature encrypted-keys",
                "private_key",
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

    fn refused(
        &mut self,
        name: &str,
        file: &[u8],
        passphrase: Option<&'static str>,
        message: &str,
        hint: &'static str,
        setting: &'static str,
    ) {
        let build = cfg!(feature = "encrypted-keys");
        let about_encryption = hint.starts_with("openssl pkcs8 -topk8");
        let (message, hint) = match about_encryption && !build {
            true => (
                "which this build does not read",
                "cargo feature encrypted-keys",
            ),
            false => (message, hint),
        };
        self.0.push(Case {
            name: name.to_owned(),
            file: file.to_owned(),
            passphrase,
            expected: Expected::Refused {
                message: message.to_owned(),
                hint,
                setting,
            },
        });
    }
}

fn make_pkcs8(command: &str, source: &str, frame: &str) -> Vec<u8> {
    let providers = "-provider legacy -provider default";
    openssl(
        &format!("pkcs8 -topk8 {command} -outform {frame} -passout pass:{PASSPHRASE} {providers}"),
        source.as_bytes(),
    )
}

/// With the key's own certificate after another's.
fn make_pkcs12(arguments: &str, source: &str, passphrase: &str) -> Vec<u8> {
    let other: &LazyLock<String> = if *source == **P256 { &P384 } else { &P256 };
    let input = [source, &certificate(other), &certificate(source)].concat();
    openssl(
        &format!("pkcs12 -export -passout pass:{passphrase} {arguments}"),
        input.as_bytes(),
    )
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
