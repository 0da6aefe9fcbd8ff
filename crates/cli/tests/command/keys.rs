//! `key inspect`, `sign`, `verify` and `inspect`, compared with OpenSSL.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::setup::{Run, command};

/// A key pair that OpenSSL has generated, in a folder of its own.
struct Pair {
    folder: TempDir,
}

const RSA: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const P256: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
const P521: &[&str] = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
const RSA_4160: &[&str] = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4160"];
const RSA_PSS: &[&str] = &["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];
const ED25519: &[&str] = &["-algorithm", "ED25519"];

impl Pair {
    fn new(kind: &[&str]) -> Self {
        let pair = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        pair.openssl(&[&["genpkey"], kind, &["-out", "key.pem"]].concat());
        pair.openssl(&["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"]);
        pair
    }

    #[track_caller]
    fn openssl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("openssl");
        let output = command
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, arguments: &[&str], stdin: &str) -> Run {
        Run::of(command(self.path()).args(arguments), stdin)
    }

    fn sign(&self, alg: &str) -> String {
        let arguments = [
            "sign", "--key", "key.pem", "--alg", alg, "--kid", "k1", "--claims", "-",
        ];
        let run = self
            .run(&arguments, "{\"iss\": \"me\",\"exp\":4102444800}\n")
            .succeeded();
        run.stdout.trim_end().to_owned()
    }
}

#[test]
fn a_signature_verifies_only_with_its_own_key() {
    for (kind, algorithms) in [
        (
            RSA,
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..],
        ),
        (P256, &["ES256"]),
        (P384, &["ES384"]),
        (P521, &["ES512"]),
        (RSA_4160, &["RS256"]),
        (RSA_PSS, &["PS256", "PS384", "PS512"]),
        (ED25519, &["EdDSA"]),
    ] {
        let pair = Pair::new(kind);
        let other = Pair::new(kind);
        for alg in algorithms {
            let token = pair.sign(alg);
            let run = pair
                .run(&["verify", "--key", "public.pem", &token], "")
                .succeeded();
            assert_eq!(
                run.stdout, "{\"iss\": \"me\",\"exp\":4102444800}\n",
                "{alg}: the bytes of the claims"
            );
            pair.run(
                &["verify", "--key", "public.pem", "--alg", alg, "-"],
                &format!("Bearer {token}\n"),
            )
            .succeeded();
            let run = other.run(&["verify", "--key", "public.pem", "--json", &token], "");
            assert_eq!(run.error(6)["kind"], "verification", "{alg}");
            assert_eq!(run.stdout, "");
        }
    }
}

/// OpenSSL writes such keys with `openssl ec -no_public` and `-conv_form compressed`.
#[test]
fn an_ec_key_with_a_compressed_or_missing_point_signs() {
    let pair = Pair::new(P256);
    for option in [&["-no_public"][..], &["-conv_form", "compressed"]] {
        let arguments = [&["ec", "-in", "key.pem", "-out", "short.pem"], option].concat();
        pair.openssl(&arguments);
        let sign = ["sign", "--key", "short.pem", "--claims", "-"];
        let token = pair.run(&sign, "{}").succeeded().stdout;
        let verify = ["verify", "--key", "public.pem", token.trim_end()];
        assert_eq!(pair.run(&verify, "").succeeded().stdout, "{}\n");
    }
}

#[test]
fn openssl_verifies_our_signature_and_we_verify_its() {
    let pair = Pair::new(RSA);
    let token = pair.sign("RS256");
    let (input, signature) = token.rsplit_once('.').unwrap();
    pair.write("input", input);
    pair.write("signature", URL_SAFE_NO_PAD.decode(signature).unwrap());
    let said = pair.openssl(&[
        "dgst",
        "-sha256",
        "-verify",
        "public.pem",
        "-signature",
        "signature",
        "input",
    ]);
    assert!(said.contains("Verified OK"), "{said}");
    // And the other way round.
    let input = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}"),
        URL_SAFE_NO_PAD.encode("{}")
    );
    pair.write("input", &input);
    pair.openssl(&[
        "dgst",
        "-sha256",
        "-sign",
        "key.pem",
        "-out",
        "signature",
        "input",
    ]);
    let signature = URL_SAFE_NO_PAD.encode(std::fs::read(pair.path().join("signature")).unwrap());
    let run = pair.run(
        &["verify", "--key", "public.pem", "-"],
        &format!("{input}.{signature}"),
    );
    assert_eq!(run.succeeded().stdout, "{}\n");
}

#[test]
fn a_token_cannot_choose_an_algorithm_of_another_kind() {
    let pair = Pair::new(RSA);
    let claims = URL_SAFE_NO_PAD.encode("{\"iss\":\"me\"}");
    let header = |alg: &str| URL_SAFE_NO_PAD.encode(json!({ "alg": alg }).to_string());
    let rejected = |token: &str, more: &[&str]| {
        let arguments = [&["verify", "--key", "public.pem", "--json"], more, &[token]].concat();
        let error = pair.run(&arguments, "").error(6);
        error["message"].as_str().unwrap().to_owned()
    };
    let none = format!("{}.{claims}.", header("none"));
    assert!(rejected(&none, &[]).contains("not signed"));
    // An HMAC with the public key's text as the secret.
    let forged = format!("{}.{claims}.{}", header("HS256"), "A".repeat(43));
    assert!(rejected(&forged, &[]).contains("anybody could have signed it"));
    assert!(rejected(&pair.sign("RS512"), &["--alg", "RS256"]).contains("bound to RS256"));
    let pem = std::fs::read_to_string(pair.path().join("public.pem")).unwrap();
    pair.write("secret", &pem);
    let run = pair.run(
        &[
            "verify", "--key", "secret", "--alg", "HS256", "--json", &forged,
        ],
        "",
    );
    assert_eq!(run.error(2)["kind"], "key", "a key is not a shared secret");
}

#[test]
fn a_shared_secret_signs_with_an_hs_algorithm() {
    let pair = Pair::new(ED25519);
    pair.write("secret", "0123456789abcdef0123456789abcdef\n");
    let arguments = ["sign", "--key", "secret", "--alg", "HS256", "--claims", "-"];
    let token = pair.run(&arguments, "{}").succeeded().stdout;
    pair.run(
        &["verify", "--key", "secret", "--alg", "HS256", "-"],
        &token,
    )
    .succeeded();
    pair.write("other", "another secret of thirty-two bytes\n");
    let run = pair.run(&["verify", "--key", "other", "--alg", "HS256", "-"], &token);
    assert_eq!(run.code, 6);
}

#[test]
fn the_key_of_a_set_is_selected_by_the_tokens_key_id() {
    let pair = Pair::new(P256);
    let pem = std::fs::read_to_string(pair.path().join("public.pem")).unwrap();
    let mut jwk = countersign_core::PublicKey::from_pem(&pem)
        .unwrap()
        .to_jwk();
    jwk["kid"] = "k1".into();
    pair.write("jwks.json", json!({ "keys": [jwk] }).to_string());
    let token = pair.sign("ES256");
    pair.run(&["verify", "--jwks", "jwks.json", &token], "")
        .succeeded();
    jwk["alg"] = "ES256".into();
    pair.write("jwks.json", json!({ "keys": [jwk] }).to_string());
    let asked = |alg: &str| {
        let arguments = ["verify", "--jwks", "jwks.json", "--alg", alg, &token];
        pair.run(&arguments, "").code
    };
    assert_eq!((asked("ES256"), asked("ES384")), (0, 2));
    jwk["kid"] = "k2".into();
    pair.write("jwks.json", json!({ "keys": [jwk] }).to_string());
    let error = pair
        .run(&["verify", "--jwks", "jwks.json", "--json", &token], "")
        .error(6);
    assert!(
        error["message"].as_str().unwrap().contains("kid"),
        "{error}"
    );
}

#[test]
fn an_expired_token_verifies_with_a_warning() {
    let pair = Pair::new(ED25519);
    let arguments = ["sign", "--key", "key.pem", "--claims", "-"];
    let token = pair.run(&arguments, "{\"exp\":1}").succeeded().stdout;
    let run = pair
        .run(&["verify", "--key", "public.pem", "-"], &token)
        .succeeded();
    assert!(run.stderr.contains("`exp` is in the past"), "{run:?}");
}

#[test]
fn inspect_decodes_a_token_and_says_that_it_is_not_verified() {
    let pair = Pair::new(ED25519);
    let token = pair.sign("EdDSA");
    let shown = pair.run(&["inspect", "--json", &token], "").json();
    assert_eq!(
        shown["header"],
        json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"})
    );
    assert_eq!(shown["payload"]["iss"], "me");
    assert_eq!(shown["verified"], false);
    let run = pair.run(&["inspect", "-"], &token).succeeded();
    assert!(run.stderr.contains("the token was not verified"), "{run:?}");
    assert_eq!(
        pair.run(&["inspect", "--json", "opaque"], "").error(6)["kind"],
        "verification"
    );
}

#[test]
fn key_inspect_describes_a_key() {
    let pair = Pair::new(RSA);
    let reported = pair
        .run(&["key", "inspect", "key.pem", "--json"], "")
        .json();
    for member in [
        "kind",
        "type",
        "bits",
        "curve",
        "format",
        "spki_sha256",
        "jwk_thumbprint",
        "algorithms",
    ] {
        assert!(reported.get(member).is_some(), "{member}: {reported}");
    }
    assert_eq!(
        (&reported["kind"], &reported["type"], &reported["bits"]),
        (&"private".into(), &"RSA".into(), &2048.into())
    );
    assert_eq!(reported["algorithms"][0], "RS256");
    let der = "openssl pkey -in key.pem -pubout -outform DER | openssl dgst -sha256 -hex";
    let shell = Command::new("sh")
        .args(["-c", der])
        .current_dir(pair.path())
        .output()
        .unwrap();
    let digest = String::from_utf8(shell.stdout).unwrap();
    assert!(
        digest
            .trim_end()
            .ends_with(reported["spki_sha256"].as_str().unwrap()),
        "{digest}"
    );
    // The same key as a public key, and as text from stdin.
    let public: Value = pair
        .run(&["key", "inspect", "public.pem", "--json"], "")
        .json();
    assert_eq!(public["kind"], "public");
    assert_eq!(public["jwk_thumbprint"], reported["jwk_thumbprint"]);
    let pem = std::fs::read_to_string(pair.path().join("key.pem")).unwrap();
    let run = pair.run(&["key", "inspect", "-"], &pem).succeeded();
    assert!(run.stdout.contains("bits: 2048\n"), "{run:?}");
    assert!(!run.stdout.contains("null"), "{run:?}");
}

/// Returns a pair whose private key is also in `locked.pem`, encrypted with a passphrase.
fn locked() -> Pair {
    let pair = Pair::new(P256);
    let arguments = "pkey -in key.pem -aes256 -passout pass:canary-phrase -out locked.pem";
    pair.openssl(&arguments.split(' ').collect::<Vec<_>>());
    pair.write("phrase", "\u{feff}canary-phrase\r\n");
    pair
}

#[test]
fn a_passphrase_is_read_from_a_file_or_a_variable() {
    let pair = locked();
    let plain = pair
        .run(&["key", "inspect", "key.pem", "--json"], "")
        .json();
    for option in [
        ["--passphrase-file", "phrase"],
        ["--passphrase-env", "PHRASE"],
    ] {
        let run = |arguments: &[&str]| {
            let mut command = command(pair.path());
            command.args(arguments).args(option);
            Run::of(command.env("PHRASE", "canary-phrase"), "{}")
        };
        let reported = run(&["key", "inspect", "locked.pem", "--json"]).json();
        assert_eq!(reported["spki_sha256"], plain["spki_sha256"]);
        let token = run(&["sign", "--key", "locked.pem", "--claims", "-"]).succeeded();
        let arguments = ["verify", "--key", "public.pem", "-"];
        pair.run(&arguments, &token.stdout).succeeded();
    }
}

#[test]
fn a_key_in_der_signs() {
    let pair = Pair::new(P256);
    pair.openssl(&[
        "pkey", "-in", "key.pem", "-outform", "DER", "-out", "key.der",
    ]);
    let arguments = ["sign", "--key", "key.der", "--claims", "-"];
    let token = pair.run(&arguments, "{}").succeeded().stdout;
    let arguments = ["verify", "--key", "public.pem", "-"];
    pair.run(&arguments, &token).succeeded();
}

#[test]
fn errors_about_keys_say_what_to_do() {
    let pair = locked();
    pair.write("wrong", "another-phrase");
    pair.write("nothing", "");
    for (arguments, said) in [
        ("key inspect locked.pem", "encrypted with a passphrase"),
        (
            "key inspect locked.pem --passphrase-file wrong",
            "cannot be decrypted",
        ),
        ("key inspect locked.pem --passphrase-env NOT_SET", "NOT_SET"),
        ("key inspect locked.pem --passphrase-file gone", "gone"),
        ("key inspect gone.pem", "gone.pem"),
        ("key inspect nothing", "empty"),
        (
            "sign --key locked.pem --claims -",
            "encrypted with a passphrase",
        ),
        ("sign --key public.pem --claims -", "public key"),
        ("sign --key key.pem --claims phrase", "not a JSON object"),
        ("sign --key key.pem --claims {}", "cannot be read"),
        ("sign --key key.pem --alg RS256 --claims -", "RS256"),
        ("sign --key key.pem --alg none --claims -", "none"),
        ("verify --key key.pem e30.e30.e30", "private key"),
        ("verify e30.e30.e30", "--key"),
    ] {
        let run = pair.run(
            &arguments.split(' ').chain(["--json"]).collect::<Vec<_>>(),
            "{}",
        );
        let error = run.error(2);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(said), "{arguments:?}: {error}");
        for phrase in ["canary-phrase", "another-phrase"] {
            assert!(!run.stderr.contains(phrase), "{run:?}");
        }
    }
    let error = pair
        .run(&["key", "inspect", "locked.pem", "--json"], "")
        .error(2);
    assert!(
        error["hint"].as_str().unwrap().contains("--passphrase-env"),
        "{error}"
    );
    // The hint names an option, because these commands have no settings.
    let arguments = "key inspect locked.pem --passphrase-file wrong --json";
    let error = pair
        .run(&arguments.split(' ').collect::<Vec<_>>(), "")
        .error(2);
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("--passphrase-file"), "{error}");
    assert!(!hint.contains("private_key_passphrase"), "{error}");
    let arguments = ["sign", "--key", "key.pem", "--claims", "{}", "--json"];
    let error = pair.run(&arguments, "").error(2);
    assert!(
        error["hint"].as_str().unwrap().contains("--claims -"),
        "{error}"
    );
}

/// RFC 7517 sections 4.2 to 4.4: `use`, `key_ops` and `alg` of a JWK restrict it.
#[test]
fn a_jwk_verifies_only_what_its_members_allow() {
    let pair = Pair::new(RSA);
    let token = pair.sign("RS256");
    let inspected = pair.run(&["key", "inspect", "public.pem", "--json"], "");
    let inspected: Value = serde_json::from_str(&inspected.succeeded().stdout).unwrap();
    let verify = |member: &str, value: Value| {
        let mut jwk = inspected["public_jwk"].clone();
        jwk[member] = value;
        pair.write("key.jwk", jwk.to_string());
        pair.run(&["verify", "--key", "key.jwk", "--json", &token], "")
    };
    verify("use", json!("sig")).succeeded();
    verify("alg", json!("RS256")).succeeded();
    for (member, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("PS256")),
    ] {
        let run = verify(member, value);
        assert!(run.code != 0 && run.stdout.is_empty(), "{member}: {run:?}");
    }
    // --key also accepts a set, whose keys are restricted in the same way.
    let mut jwk = inspected["public_jwk"].clone();
    jwk["kid"] = json!("k1");
    jwk["use"] = json!("enc");
    pair.write("set.jwk", json!({ "keys": [jwk] }).to_string());
    let run = pair.run(&["verify", "--key", "set.jwk", "--json", &token], "");
    let message = run.error(6)["message"].to_string();
    assert!(
        message.contains("cannot verify") && message.contains("enc"),
        "{message}"
    );
}

/// The secret of an `oct` JWK is its member `k`, not the text of the file.
#[test]
fn a_shared_secret_can_be_a_jwk() {
    let pair = Pair::new(ED25519);
    let k = URL_SAFE_NO_PAD.encode([7; 64]);
    pair.write("secret.jwk", json!({"kty": "oct", "k": k}).to_string());
    pair.write("secret", [7; 64]);
    for alg in ["HS256", "HS512"] {
        let sign = ["sign", "--key", "secret.jwk", "--alg", alg, "--claims", "-"];
        let token = pair.run(&sign, "{}").succeeded().stdout;
        for key in ["secret.jwk", "secret"] {
            let verify = ["verify", "--key", key, "--alg", alg, "-"];
            assert_eq!(
                pair.run(&verify, &token).succeeded().stdout,
                "{}\n",
                "{alg} {key}"
            );
        }
    }
}

/// The example of RFC 8037 appendix A.4.
#[test]
fn a_payload_that_is_not_json_is_printed_unchanged() {
    let pair = Pair::new(ED25519);
    pair.write(
        "key.jwk",
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    );
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-\
                 09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let run = pair
        .run(&["verify", "--key", "key.jwk", token], "")
        .succeeded();
    assert_eq!(run.stdout, "Example of Ed25519 signing");
}

#[test]
fn a_wrong_signature_and_a_missing_file_have_different_exit_codes() {
    let pair = Pair::new(ED25519);
    let token = pair.sign("EdDSA");
    let other = Pair::new(ED25519);
    let forged = other.run(&["verify", "--key", "public.pem", "--json", &token], "");
    assert_eq!(forged.error(6)["kind"], "verification");
    let missing = pair.run(&["verify", "--key", "nowhere.pem", "--json", &token], "");
    assert_eq!(missing.error(2)["kind"], "setting");
}
