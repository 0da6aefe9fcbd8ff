//! A connection whose key stays in an HSM: SoftHSM2, through PKCS#11.

#![cfg(feature = "pkcs11")]

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::setup::{Run, Setup};

const LIBRARIES: &[&str] = &[
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

#[test]
fn a_connection_signs_with_a_key_in_a_device() {
    let setup = Setup::new();
    let conf = token_with(&setup);
    let library = LIBRARIES.iter().find(|path| Path::new(path).exists());
    let library = library.expect("libsofthsm2.so (apt-get install softhsm2)");
    let pin = setup.write("pin", "1234");
    let uri = format!(
        "pkcs11:token=vault;object=docusign?module-path={library}&pin-source=file:{}",
        pin.display()
    );
    let run = |uri: &str, command: &str| {
        setup.config(
            "docusign-jwt",
            &[("private_key", uri), ("private_key_file", "")],
        );
        let mut command = setup.command([command, "docusign-jwt", "--json"]);
        Run::of(command.env("SOFTHSM2_CONF", &conf), "")
    };
    let token = run(&uri, "token").succeeded().json();
    assert_eq!(token["source"], "minted");
    run(&uri, "doctor").succeeded();

    let wrong = uri.replace("object=docusign", "object=nobody");
    let error = run(&wrong, "token").error(2);
    assert_eq!(error["setting"], "private_key", "{error}");
}

/// Creates a token named `vault`, with the sandbox's DocuSign key in it.
fn token_with(setup: &Setup) -> std::path::PathBuf {
    let tokens = setup.dir.path().join("tokens-of-the-device");
    fs::create_dir(&tokens).unwrap();
    let settings = format!(
        "directories.tokendir = {}\nlog.level = ERROR\n",
        tokens.display()
    );
    let conf = setup.write("softhsm2.conf", &settings);
    let key = setup.dir.path().join("docusign.p8");
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    };
    run(
        "softhsm2-util",
        &[
            "--init-token",
            "--free",
            "--label",
            "vault",
            "--so-pin",
            "0000",
            "--pin",
            "1234",
        ],
    );
    let pkcs1 = setup.sandbox.dir().join("docusign.pem");
    let (pkcs1, pkcs8) = (pkcs1.to_str().unwrap(), key.to_str().unwrap());
    run(
        "openssl",
        &["pkcs8", "-topk8", "-nocrypt", "-in", pkcs1, "-out", pkcs8],
    );
    run(
        "softhsm2-util",
        &[
            "--import", pkcs8, "--token", "vault", "--label", "docusign", "--id", "01", "--pin",
            "1234",
        ],
    );
    conf
}
