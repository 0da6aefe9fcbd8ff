//! Keys as users have them: every format, alterations by transport, and wrong files.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests do I/O"
)]

mod bodies;
mod certificates;
mod corpus;
mod diagnoses;
#[cfg(feature = "encrypted-keys")]
mod encrypted;
mod json;
mod jwk;
mod larger;
mod mangled;
#[path = "../openssl/mod.rs"]
mod openssl;
mod pss;
mod rejected;

use std::sync::LazyLock;

use countersign_jose::Error;
use countersign_jose::jws::Algorithm;
use countersign_jose::key::{self, PrivateKey, PublicKey};
use serde_json::json;

use openssl::{openssl, openssl_text};

/// A private key as a tool writes it.
struct Sample {
    name: &'static str,
    pem: String,
    format: &'static str,
    key_type: &'static str,
    bits: usize,
    curve: Option<&'static str>,
    first: Algorithm,
}

static RSA: LazyLock<String> =
    LazyLock::new(|| openssl_text("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", ""));
static P256: LazyLock<String> = LazyLock::new(|| {
    openssl_text(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve",
        "",
    )
});
static P384: LazyLock<String> = LazyLock::new(|| {
    openssl_text(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt ec_param_enc:named_curve",
        "",
    )
});
static ED25519: LazyLock<String> = LazyLock::new(|| openssl_text("genpkey -algorithm ED25519", ""));

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let rsa = |name, pem, format| Sample {
        name,
        pem,
        format,
        key_type: "RSA",
        bits: 2048,
        curve: None,
        first: Algorithm::RS256,
    };
    let ec = |name, pem, format, bits, curve, first| Sample {
        name,
        pem,
        format,
        key_type: "EC",
        bits,
        curve: Some(curve),
        first,
    };
    let ed = |name, pem| Sample {
        name,
        pem,
        format: "PKCS#8 PEM",
        key_type: "OKP",
        bits: 256,
        curve: Some("Ed25519"),
        first: Algorithm::EdDSA,
    };
    let pss = openssl_text(
        "genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048",
        "",
    );
    vec![
        rsa(
            "RSA PKCS#1",
            openssl_text("rsa -traditional", &RSA),
            "PKCS#1 PEM",
        ),
        rsa("RSA PKCS#8", RSA.clone(), "PKCS#8 PEM"),
        Sample {
            first: Algorithm::PS256,
            ..rsa("RSA-PSS PKCS#8", pss, "PKCS#8 PEM")
        },
        rsa(
            "RSA PKCS#8 with the wrong label",
            RSA.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
            "PKCS#8 PEM",
        ),
        ec(
            "P-256 PKCS#8",
            P256.clone(),
            "PKCS#8 PEM",
            256,
            "P-256",
            Algorithm::ES256,
        ),
        ec(
            "P-256 SEC1",
            openssl_text("ec", &P256),
            "SEC1 PEM",
            256,
            "P-256",
            Algorithm::ES256,
        ),
        ec(
            "P-256 SEC1 with parameters before it",
            openssl_text("ecparam -name prime256v1 -genkey", ""),
            "SEC1 PEM",
            256,
            "P-256",
            Algorithm::ES256,
        ),
        ec(
            "P-384 PKCS#8",
            P384.clone(),
            "PKCS#8 PEM",
            384,
            "P-384",
            Algorithm::ES384,
        ),
        ec(
            "P-384 SEC1",
            openssl_text("ec", &P384),
            "SEC1 PEM",
            384,
            "P-384",
            Algorithm::ES384,
        ),
        ed("Ed25519 PKCS#8", ED25519.clone()),
        ed("Ed25519 PKCS#8 version 2", version_2(&ED25519)),
    ]
});

const P256_OID: [u8; 10] = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

type Alteration = fn(&str) -> String;

/// Alterations by transport that lose no information.
const ALTERATIONS: &[(&str, Alteration)] = &[
    ("none", |pem| pem.to_owned()),
    ("literal \\n", |pem| pem.replace('\n', "\\n")),
    ("literal \\r\\n", |pem| pem.replace('\n', "\\r\\n")),
    ("doubly escaped \\n", |pem| pem.replace('\n', "\\\\n")),
    ("JSON string", |pem| {
        serde_json::to_string(pem).unwrap().replace('/', "\\/")
    }),
    ("CRLF", |pem| pem.replace('\n', "\r\n")),
    ("CR alone", |pem| pem.replace('\n', "\r")),
    ("byte order mark", |pem| format!("\u{feff}{pem}")),
    ("double quotes", |pem| format!("\"{}\"", pem.trim_end())),
    ("single quotes and a line feed", |pem| {
        format!("'{}'\n", pem.trim_end())
    }),
    ("typographic quotes", |pem| {
        format!("\u{201c}{}\u{201d}", pem.trim_end())
    }),
    ("spaces around", |pem| format!("\n \t {pem} \n\n")),
    ("indented", |pem| {
        pem.lines().map(|line| format!("    {line}\n")).collect()
    }),
    ("spaces at line ends", |pem| pem.replace('\n', "  \n")),
    ("empty lines between", |pem| pem.replace('\n', "\n\n")),
    ("one line with spaces", |pem| {
        pem.trim_end().replace('\n', " ")
    }),
    ("one line without spaces", |pem| {
        pem.trim_end().replace('\n', "")
    }),
    ("no final line feed", |pem| pem.trim_end().to_owned()),
    ("no line feed before END", |pem| {
        pem.replace("\n-----END", "-----END")
    }),
    ("no line feed after BEGIN", |pem| {
        pem.replacen("KEY-----\n", "KEY-----", 1)
    }),
    ("last dash cut off", |pem| {
        pem.trim_end().trim_end_matches('-').to_owned()
    }),
    ("shell continuation", |pem| pem.replace('\n', " \\\n")),
    ("no-break spaces", |pem| {
        pem.trim_end().replace('\n', "\u{a0}")
    }),
    ("padding lost", |pem| pem.replace('=', "")),
    ("text before and after", |pem| {
        format!("Bag Attributes\n    friendlyName: x\n{pem}\nregards\n")
    }),
    ("base64", |pem| base64(pem.as_bytes())),
    ("base64 after a byte order mark", |pem| {
        format!("\u{feff}{}", base64(pem.as_bytes()))
    }),
    ("base64url of a byte order mark and PEM", |pem| {
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(format!("\u{feff}{pem}"))
    }),
    ("a comment inside", |pem| {
        pem.replacen("KEY-----\n", "KEY-----\nComment: from the vendor\n\n", 1)
    }),
    ("base64 in lines", |pem| lines(&base64(pem.as_bytes()), 76)),
    ("base64url without padding", |pem| {
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(pem)
    }),
    ("base64 of CRLF, quoted", |pem| {
        format!("\"{}\"", base64(pem.replace('\n', "\r\n").as_bytes()))
    }),
    ("public key next to it", |pem| {
        format!("{}{pem}", openssl_text("pkey -pubout", &RSA))
    }),
    ("certificate next to it", |pem| {
        format!("{pem}{}", certificate(&RSA))
    }),
];

#[test]
fn every_format_is_read_despite_every_alteration() {
    for sample in SAMPLES.iter() {
        // OpenSSL 3.0 does not read version 2, so use the same key in version 1.
        let readable = if sample.name.ends_with("version 2") {
            &ED25519
        } else {
            &sample.pem
        };
        let spki = openssl("pkey -pubout -outform DER", readable.as_bytes());
        for (alteration, apply) in ALTERATIONS {
            let at = format!("{} / {alteration}", sample.name);
            let key =
                PrivateKey::from_pem(&apply(&sample.pem)).unwrap_or_else(|e| panic!("{at}: {e:?}"));
            assert_eq!(key.bits(), sample.bits, "{at}");
            assert_eq!(key.curve(), sample.curve, "{at}");
            assert_eq!(key.algorithms()[0], sample.first, "{at}");
            let public = key.public_key().expect(&at);
            assert_eq!(public.spki_der(), spki, "{at}");
        }
    }
}

/// RFC 5915 requires a scalar of full width, but some tools drop leading zeros.
#[test]
fn an_ec_scalar_without_leading_zeros_is_read() {
    let start = [vec![2, 1, 1], tlv(0x04, &[0x42; 31]), tlv(0xa0, &P256_OID)].concat();
    let without_point = pem("EC PRIVATE KEY", &tlv(0x30, &start));
    let spki = openssl("pkey -pubout -outform DER", without_point.as_bytes());
    let point = [&[0][..], &spki[spki.len() - 65..]].concat();
    let der = tlv(0x30, &[start, tlv(0xa1, &tlv(0x03, &point))].concat());
    let key = PrivateKey::from_pem(&pem("EC PRIVATE KEY", &der)).unwrap();
    assert_eq!(key.public_key().unwrap().spki_der(), spki);

    let long = [
        vec![2, 1, 1],
        tlv(0x04, &[0x42; 33]),
        tlv(0xa0, &P256_OID),
        tlv(0xa1, &tlv(0x03, &point)),
    ];
    let error =
        PrivateKey::from_pem(&pem("EC PRIVATE KEY", &tlv(0x30, &long.concat()))).unwrap_err();
    assert!(error.message().contains("EC private key"), "{error:?}");
}

/// RFC 5958 section 2: version 2 has the public key next to the private key.
#[test]
fn an_ec_point_outside_the_inner_key_is_read() {
    let spki = openssl("pkey -pubout -outform DER", P256.as_bytes());
    let pkcs8 = openssl("pkcs8 -topk8 -nocrypt -outform DER", P256.as_bytes());
    // Everything before the scalar is the same for every key, so the first match is the right one.
    let scalar = pkcs8.windows(5).position(|w| w == [2, 1, 1, 0x04, 32]);
    let scalar = scalar.unwrap() + 5;
    let inner = [vec![2, 1, 1], tlv(0x04, &pkcs8[scalar..scalar + 32])];
    let ec = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    let algorithm = tlv(0x30, &[&ec[..], &P256_OID].concat());
    let inner = tlv(0x04, &tlv(0x30, &inner.concat()));
    let point = |point: &[u8]| tlv(0x81, &[&[0], point].concat());
    let document = |point: Vec<u8>| {
        tlv(
            0x30,
            &[vec![2, 1, 1], algorithm.clone(), inner.clone(), point].concat(),
        )
    };
    let own = document(point(&spki[spki.len() - 65..]));
    let key = PrivateKey::from_bytes(&own, None).unwrap();
    assert_eq!(key.public_key().unwrap().spki_der(), spki);
    let mut foreign = openssl("pkey -pubout -outform DER", ED25519.as_bytes());
    foreign.resize(65, 7);
    assert!(PrivateKey::from_bytes(&document(point(&foreign)), None).is_err());
}

#[test]
fn inspect_describes_private_keys() {
    for sample in SAMPLES.iter() {
        let info = key::inspect(&sample.pem).unwrap();
        let public = PrivateKey::from_pem(&sample.pem)
            .unwrap()
            .public_key()
            .unwrap();
        let json = serde_json::to_value(&info).unwrap();
        assert_eq!(json["kind"], "private", "{}", sample.name);
        assert_eq!(json["type"], sample.key_type, "{}", sample.name);
        assert_eq!(json["bits"], sample.bits, "{}", sample.name);
        assert_eq!(json["curve"], json!(sample.curve), "{}", sample.name);
        assert_eq!(json["format"], sample.format, "{}", sample.name);
        assert_eq!(
            json["jwk_thumbprint"],
            public.thumbprint(),
            "{}",
            sample.name
        );
        assert_eq!(
            json["algorithms"][0],
            sample.first.as_str(),
            "{}",
            sample.name
        );
        let mut names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        names.sort();
        let expected = "algorithms bits certificates curve encryption format jwk_thumbprint key_id kind \
                        public_jwk spki_sha256 spki_sha256_base64 type";
        assert_eq!(names.join(" "), expected);
    }
    let spki = openssl("pkey -pubout -outform DER", P256.as_bytes());
    let digest = openssl("dgst -sha256 -binary", &spki);
    let ours: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    let info = key::inspect(&P256).unwrap();
    assert_eq!(info.spki_sha256, Some(ours));
    assert_eq!(info.spki_sha256_base64, Some(base64(&digest)));
}

#[test]
fn public_keys_and_certificates_match_the_private_key() {
    for private in [&*RSA, &*P256, &*P384, &*ED25519] {
        let expected = PrivateKey::from_pem(private).unwrap().public_key().unwrap();
        let spki = openssl_text("pkey -pubout", private);
        let certificate = certificate(private);
        for (text, kind, format) in [
            (&spki, "public", "SPKI PEM"),
            (&certificate, "certificate", "X.509 PEM"),
        ] {
            for (alteration, apply) in ALTERATIONS
                .iter()
                .filter(|(name, _)| !name.contains("next to it"))
            {
                let read = PublicKey::from_pem(&apply(text))
                    .unwrap_or_else(|e| panic!("{alteration}: {e:?}"));
                assert_eq!(read, expected, "{alteration}");
            }
            let info = key::inspect(text).unwrap();
            assert_eq!((info.kind, info.format.as_str()), (kind, format));
        }
        assert_eq!(expected.to_pem(), spki);
        assert_eq!(PublicKey::from_jwk(&expected.to_jwk()).unwrap(), expected);
    }
    let pkcs1 = openssl_text("rsa -RSAPublicKey_out", &RSA);
    assert!(pkcs1.contains("BEGIN RSA PUBLIC KEY"));
    assert_eq!(
        PublicKey::from_pem(&pkcs1).unwrap(),
        PublicKey::from_pem(&openssl_text("pkey -pubout", &RSA)).unwrap()
    );
    assert_eq!(key::inspect(&pkcs1).unwrap().format, "PKCS#1 PEM");
}

#[test]
fn rsa_keys_of_3072_and_4096_bits_are_read() {
    for bits in [3072, 4096] {
        let pem = openssl_text(
            &format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"),
            "",
        );
        assert_eq!(PrivateKey::from_pem(&pem).unwrap().bits(), bits);
    }
}

#[test]
fn a_private_key_is_not_read_as_a_public_key() {
    let error = PublicKey::from_pem(&RSA).unwrap_err();
    assert!(
        error.message().contains("this is a private key"),
        "{error:?}"
    );
    assert!(error.hint().unwrap().contains("openssl pkey"), "{error:?}");
    let small = openssl_text("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "");
    let error = PublicKey::from_pem(&openssl_text("pkey -pubout", &small)).unwrap_err();
    assert!(error.message().contains("1024 bits"), "{error:?}");
}

#[test]
fn debug_shows_no_key() {
    let secret = "correct horse battery staple, long";
    let shown = format!("{:?}", PrivateKey::from_secret(secret));
    assert_eq!(shown, "PrivateKey(a shared secret of 34 bytes, redacted)");
    for sample in SAMPLES.iter() {
        let shown = format!("{:?}", PrivateKey::from_pem(&sample.pem).unwrap());
        assert!(shown.len() < 60 && shown.ends_with("redacted)"), "{shown}");
    }
}

/// Asserts that the error contains no ten consecutive key-like characters of the text.
fn assert_shows_nothing_of(text: &str, error: &Error) {
    let shown = format!("{error} {error:?} {:?}", error.hint());
    let body: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    for run in body.windows(10) {
        let run: String = run.iter().collect();
        let key_like = run
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
            && run.bytes().any(|b| b.is_ascii_lowercase())
            && run.bytes().any(|b| b.is_ascii_uppercase());
        assert!(!(key_like && shown.contains(&run)), "{run} is in {error:?}");
    }
}

/// Adds the public key to an Ed25519 key, as in the second example of RFC 8410 section 10.3.
fn version_2(version_1: &str) -> String {
    let mut der = openssl("pkey -outform DER", version_1.as_bytes());
    let spki = openssl("pkey -pubout -outform DER", version_1.as_bytes());
    der.extend_from_slice(&[0x81, 33, 0]);
    der.extend_from_slice(&spki[spki.len() - 32..]);
    der[1] += 35;
    der[4] = 1;
    pem("PRIVATE KEY", &der)
}

fn certificate(private: &str) -> String {
    openssl_text(
        "req -x509 -new -key /dev/stdin -subj /CN=countersign -days 3650",
        private,
    )
}

fn pem(label: &str, der: &[u8]) -> String {
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines(&base64(der), 64)
    )
}

/// Encodes a DER value with up to 64 KiB of contents.
fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(contents.len())
        .expect("under 64 KiB")
        .to_be_bytes();
    let head = match (high, low) {
        (0, ..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, contents].concat()
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

fn lines(text: &str, width: usize) -> String {
    text.as_bytes()
        .chunks(width)
        .map(|l| std::str::from_utf8(l).unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}
