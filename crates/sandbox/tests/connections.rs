//! `connections.toml`: every connection gets its token, and only the owner can read the folder.

mod client;

use std::fs;

use client::{Client, sign, token_url};
use countersign_sandbox::{Options, Sandbox};
use serde_json::json;

fn every_connection_works(client: &Client) {
    let all = client.connections();
    for (name, connection) in &all {
        if name == "docusign-jwt-unconsented" {
            client
                .grant(connection)
                .assert_error(400, "consent_required", None);
            continue;
        }
        let response = match connection["grant"].as_str() {
            "jwt-bearer" => client.grant(connection),
            "authorization-code" => client.redeem(connection, &client.code(connection), &[]),
            "refresh-token" => client.refresh(connection, &connection["refresh_token"]),
            _ if connection["client_auth"] == "private_key_jwt" => {
                let id = connection["client_id"].as_str();
                let url = token_url(connection);
                let key = fs::read_to_string(&connection["private_key_file"]).unwrap();
                let claims = json!({"iss": id, "sub": id, "aud": url, "exp": client::now() + 60, "jti": name});
                let assertion = sign(&key, "RS256", &claims);
                client.post(
                    &url,
                    None,
                    &[
                        ("grant_type", "client_credentials"),
                        (
                            "client_assertion_type",
                            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                        ),
                        ("client_assertion", &assertion),
                    ],
                )
            }
            _ => client.token(
                connection,
                &[("grant_type", "client_credentials"), ("scope", "")],
            ),
        };
        assert_eq!(response.status, 200, "{name}: {}", response.text);
        assert!(response.str("access_token").len() > 40, "{name}");
        assert_eq!(response.str("token_type"), "Bearer", "{name}");
    }
}

#[test]
fn every_connection_gets_a_token() {
    let client = Client::lenient();
    assert_eq!(client.connections().len(), 18);
    every_connection_works(&client);
    let log = client.sandbox.log();
    assert_eq!(log.len(), 18);
    assert!(log.iter().all(|e| e.status.is_some()));
    let kinds: Vec<_> = log.iter().map(|e| e.client_auth).collect();
    for kind in ["none", "basic", "post", "private_key_jwt"] {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

#[test]
fn every_connection_gets_a_token_over_tls() {
    let client = Client::new(Options {
        tls: true,
        ..Options::default()
    });
    assert!(client.sandbox.url().starts_with("https://127.0.0.1:"));
    every_connection_works(&client);
}

#[test]
fn a_client_that_does_not_trust_the_ca_fails() {
    let sandbox = Sandbox::start(Options {
        tls: true,
        ..Options::default()
    })
    .unwrap();
    let url = format!("{}/_sandbox/log", sandbox.url());
    assert!(ureq::get(&url).call().is_err());
}

#[test]
fn strict_offers_only_rs256_and_exact_callbacks() {
    let client = Client::strict();
    let all = client.connections();
    assert!(!all.contains_key("docusign-jwt-rs384") && !all.contains_key("docusign-jwt-rs512"));
    assert_eq!(
        all["boldsign-code"]["redirect_uri"],
        "http://127.0.0.1:19876/callback"
    );
    let connection = &all["boldsign-code"];
    let other_port = client.authorize(connection, "allow", &[]);
    assert_eq!(other_port.status, 400, "a page, not a redirect");
    let exact = client.authorize(
        connection,
        "allow",
        &[("redirect_uri", &connection["redirect_uri"])],
    );
    assert!(exact.callback().contains_key("code"));
    assert_eq!(client.grant(&all["docusign-jwt"]).status, 200);
    assert_eq!(client.grant(&all["salesforce-mydomain-jwt"]).status, 200);
}

#[test]
fn the_port_is_below_the_ephemeral_ones_and_the_ready_line_is_complete() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let port: u16 = sandbox.url().rsplit(':').next().unwrap().parse().unwrap();
    assert!((20_000..32_768).contains(&port), "{port}");
    let line: serde_json::Value = serde_json::from_str(&sandbox.ready_line()).unwrap();
    assert_eq!(line["url"], sandbox.url());
    assert_eq!(line["dir"], sandbox.dir().to_str().unwrap());
    assert_eq!(line["connections"], sandbox.connections().to_str().unwrap());
    assert!(line["ca_file"].is_null());
    assert!(!sandbox.ready_line().contains('\n'));
}

#[cfg(unix)]
#[test]
fn the_folder_is_private_and_a_temporary_one_is_removed() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::start(Options {
        tls: true,
        ..Options::default()
    })
    .unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(sandbox.dir()), 0o700);
    let files: Vec<_> = fs::read_dir(sandbox.dir())
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert!(files.len() >= 6, "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    let dir = sandbox.dir().to_path_buf();
    drop(sandbox);
    assert!(!dir.exists());
}

#[test]
fn a_named_folder_is_kept_and_only_tokens_of_a_sandbox_are_removed() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("sandbox");
    let options = Options {
        dir: Some(dir.clone()),
        ..Options::default()
    };
    fs::create_dir_all(dir.join("tokens")).unwrap();
    drop(Sandbox::start(options.clone()).unwrap());
    assert!(
        dir.join("tokens").exists(),
        "no sandbox has used this folder before"
    );
    let first = fs::read_to_string(dir.join("connections.toml")).unwrap();
    drop(Sandbox::start(options).unwrap());
    assert!(!dir.join("tokens").exists());
    assert_ne!(
        first,
        fs::read_to_string(dir.join("connections.toml")).unwrap()
    );
}

#[test]
fn an_error_about_the_address_names_the_option() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let listen = sandbox.url().trim_start_matches("http://").parse().unwrap();
    let error = Sandbox::start(Options {
        listen,
        ..Options::default()
    })
    .unwrap_err();
    assert!(error.to_string().contains("listen"), "{error}");
}

#[cfg(unix)]
#[test]
fn folders_of_others_are_rejected_and_links_are_not_followed() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let scratch = tempfile::tempdir().unwrap();
    let start = |dir: &std::path::Path| {
        Sandbox::start(Options {
            dir: Some(dir.to_owned()),
            ..Options::default()
        })
    };
    let error = start(&scratch.path().join("missing/dir")).unwrap_err();
    assert!(error.to_string().contains("missing/dir"), "{error}");
    assert!(!scratch.path().join("missing").exists());

    let dir = scratch.path().join("dir");
    fs::create_dir(&dir).unwrap();
    let precious = scratch.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    symlink(&precious, dir.join("connections.toml")).unwrap();
    symlink(scratch.path().join("nowhere"), dir.join("docusign.pem")).unwrap();
    drop(start(&dir).unwrap());
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    assert!(!scratch.path().join("nowhere").exists());
    for file in ["connections.toml", "docusign.pem"] {
        let facts = dir.join(file).symlink_metadata().unwrap();
        assert!(facts.is_file(), "{file}");
        assert_eq!(facts.permissions().mode() & 0o777, 0o600, "{file}");
    }

    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    let set = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
    set(0o1777);
    let error = start(&dir).unwrap_err();
    assert!(
        error.to_string().contains("other users share it"),
        "{error}"
    );
    assert_eq!(mode(&dir), 0o1777);
    set(0o755);
    // Only root can change the owner of a folder, and only root could then take it over.
    if chown(&dir, Some(65_534), None).is_ok() {
        let error = start(&dir).unwrap_err();
        assert!(error.to_string().contains("65534"), "{error}");
        assert_eq!(mode(&dir), 0o755);
    }
}
