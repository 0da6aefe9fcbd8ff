//! The intact files of the corpus: every format, and every kind of encryption.

use std::sync::LazyLock;

use countersign_jose::ErrorKind;

use super::super::openssl::{openssl, openssl_text};
use super::super::{ED25519, P256, P384, RSA, certificate};
use super::{Corpus, PASSPHRASE, Source};

impl Corpus {
    pub(super) fn plain(&mut self) {
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
                ("base64 of DER", crate::base64(&der).into_bytes(), in_der),
                (
                    "UTF-16, big-endian",
                    [&[0xfe, 0xff][..], &swapped].concat(),
                    in_pem,
                ),
                (
                    "UTF-16, little-endian",
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
            // An unneeded passphrase is ignored.
            self.key(
                &format!("{name} {structure}, unneeded passphrase"),
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
            "PEM with another key's certificate",
            other.as_bytes(),
            None,
            &RSA,
            "PKCS#8 PEM",
            None,
            0,
        );
    }

    pub(super) fn encrypted_pkcs8(&mut self) {
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
        let default = "PBES2, PBKDF2 with HMAC-SHA256, AES-256-CBC";
        for source in [&P256, &P384, &ED25519] {
            self.pkcs8("-v2 aes-256-cbc", source, default);
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

    pub(super) fn unsupported_encryptions(&mut self) {
        for (command, name) in [
            ("-v1 PBE-MD5-DES", "PBES1, MD5, DES"),
            ("-v1 PBE-SHA1-DES", "PBES1, SHA-1, DES"),
            ("-v1 PBE-SHA1-RC4-128", "RC4-128"),
            ("-v2 camellia-256-cbc", "CAMELLIA-256-CBC"),
            ("-v2 des", "DES-CBC"),
        ] {
            let file = make_pkcs8(command, &RSA, "PEM");
            let convert = "openssl pkcs8 -topk8 -v2 aes-256-cbc";
            self.rejected(
                command,
                &file,
                Some(PASSPHRASE),
                name,
                convert,
                ErrorKind::PrivateKey,
            );
        }
        let des = format!(
            "rsa -traditional -des -passout pass:{PASSPHRASE} -provider legacy -provider default"
        );
        let file = openssl(&des, RSA.as_bytes());
        self.rejected(
            "DEK-Info DES",
            &file,
            Some(PASSPHRASE),
            "DES-CBC",
            "openssl pkcs8 -topk8",
            ErrorKind::PrivateKey,
        );
    }

    /// Adds PKCS#8 with one kind of encryption, in PEM and DER, with every passphrase.
    pub(super) fn pkcs8(&mut self, command: &str, source: Source, how: &str) {
        for encoding in ["PEM", "DER"] {
            let file = make_pkcs8(command, source, encoding);
            let format = leak(format!("PKCS#8 {encoding}"));
            let name = format!("pkcs8 {command} {encoding}");
            self.every_passphrase(&name, &file, source, format, how, 0);
        }
    }

    pub(super) fn dek_info(&mut self) {
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
                for (alteration, file) in [
                    ("", file.clone()),
                    (" in one line", file.replace('\n', " ")),
                    (" without line ends", file.replace('\n', "")),
                    (" with \\n", file.replace('\n', "\\n")),
                ] {
                    let name = format!("{command}{alteration}");
                    self.every_passphrase(&name, file.as_bytes(), source, format, &how, 0);
                }
            }
        }
    }

    pub(super) fn pkcs12(&mut self) {
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
        self.decrypted(
            "pkcs12, empty passphrase",
            &empty,
            None,
            &RSA,
            "PKCS#12",
            modern,
            2,
        );
        self.decrypted(
            "pkcs12, empty passphrase given",
            &empty,
            Some(""),
            &RSA,
            "PKCS#12",
            modern,
            2,
        );
        let bare = make_pkcs12("-keypbe NONE -certpbe NONE -nomac", &RSA, "");
        self.decrypted(
            "pkcs12 with nothing encrypted",
            &bare,
            None,
            &RSA,
            "PKCS#12",
            "none",
            2,
        );
        let in_base64 = crate::base64(&make_pkcs12("", &RSA, PASSPHRASE));
        self.every_passphrase(
            "pkcs12 in base64",
            in_base64.as_bytes(),
            &RSA,
            "PKCS#12",
            modern,
            2,
        );
        let no_key = make_pkcs12("-nokeys", &RSA, PASSPHRASE);
        self.not_decrypted(
            "pkcs12 without a key",
            &no_key,
            Some(PASSPHRASE),
            "this is a certificate",
            "private key",
            ErrorKind::PrivateKey,
        );
    }
}

pub(super) fn make_pkcs8(command: &str, source: &str, encoding: &str) -> Vec<u8> {
    let providers = "-provider legacy -provider default";
    openssl(
        &format!(
            "pkcs8 -topk8 {command} -outform {encoding} -passout pass:{PASSPHRASE} {providers}"
        ),
        source.as_bytes(),
    )
}

/// Creates a PKCS#12 file with the key's own certificate after another one.
pub(super) fn make_pkcs12(arguments: &str, source: &str, passphrase: &str) -> Vec<u8> {
    let other: &LazyLock<String> = if *source == **P256 { &P384 } else { &P256 };
    let input = [source, &certificate(other), &certificate(source)].concat();
    openssl(
        &format!("pkcs12 -export -passout pass:{passphrase} {arguments}"),
        input.as_bytes(),
    )
}

pub(super) fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}
