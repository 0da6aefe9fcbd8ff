//! Requests of the vendors' SDKs that differ from the documentation, and server features they need.

mod client;

use client::{Client, sign, token_url};
use countersign_sandbox::Options;
use serde_json::{Value, json};

/// docusign-esign uses the host that it calls, including the port, as the audience.
#[test]
fn docusign_accepts_the_called_host_as_audience_unless_strict() {
    let client = Client::lenient();
    let connection = client.connection("docusign-jwt");
    let authority = connection["base_url"].trim_start_matches("http://");
    let mut claims = client.claims(&connection);
    for audience in [authority, "127.0.0.1"] {
        claims["aud"] = json!(audience);
        assert_eq!(
            client.grant_with(&connection, &claims).status,
            200,
            "{audience}"
        );
    }
    claims["aud"] = json!("localhost");
    assert_eq!(client.grant_with(&connection, &claims).status, 400);

    let client = Client::strict();
    let connection = client.connection("docusign-jwt");
    let mut claims = client.claims(&connection);
    claims["aud"] = json!(connection["base_url"].trim_start_matches("http://"));
    assert_eq!(client.grant_with(&connection, &claims).status, 400);
}

/// Clients can be redirected to the sandbox with `/etc/hosts` or `--connect-to`.
#[test]
fn the_vendors_host_names_select_the_entry_point() {
    let client = Client::lenient();
    let docusign = client.connection("docusign-jwt");
    for (host, audience, status) in [
        ("account-d.docusign.com", "account-d.docusign.com", 200),
        ("account.docusign.com", "account.docusign.com", 200),
        ("account.docusign.com", "account-d.docusign.com", 400),
    ] {
        let mut claims = client.claims(&docusign);
        claims["aud"] = json!(audience);
        assert_eq!(by_host(&client, &docusign, host, &claims), status, "{host}");
    }
    let salesforce = client.connection("salesforce-jwt");
    for (host, audience, status) in [
        ("login.salesforce.com", "https://login.salesforce.com", 200),
        ("test.salesforce.com", "https://test.salesforce.com", 200),
        ("test.salesforce.com", "https://login.salesforce.com", 400),
        (
            "acme.my.salesforce.com",
            "https://login.salesforce.com",
            200,
        ),
    ] {
        let mut claims = client.claims(&salesforce);
        claims["aud"] = json!(audience);
        assert_eq!(
            by_host(&client, &salesforce, host, &claims),
            status,
            "{host}"
        );
    }
}

#[test]
fn the_certificate_has_the_vendors_names() {
    let client = Client::new(Options {
        tls: true,
        ..Options::default()
    });
    let port = client.sandbox.url().rsplit(':').next().unwrap().to_owned();
    let ca = client.sandbox.ca_file().unwrap().display().to_string();
    for host in [
        "account-d.docusign.com",
        "login.salesforce.com",
        "acme.my.salesforce.com",
        "account.boldsign.com",
    ] {
        // With -verify_hostname, openssl fails if the name doesn't match.
        let output = std::process::Command::new("openssl")
            .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
            .args(["-servername", host, "-verify_hostname", host])
            .args(["-CAfile", &ca, "-verify_return_error", "-brief"])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{host}: {output:?}");
    }
}

/// node-salesforce and the mobile SDKs fetch the discovery document from the login host.
#[test]
fn each_salesforce_host_has_a_discovery_document() {
    let client = Client::lenient();
    let port = client.sandbox.url().rsplit(':').next().unwrap().to_owned();
    for base in [
        format!("http://localhost:{port}"),
        format!("http://localhost:{port}/portal"),
    ] {
        let found = client.get(&format!("{base}/.well-known/openid-configuration"), None);
        assert_eq!(found.str("issuer"), base);
        assert_eq!(
            found.str("token_endpoint"),
            format!("{base}/services/oauth2/token")
        );
    }
    let by_address = client.get(
        &format!("{}/.well-known/openid-configuration", client.sandbox.url()),
        None,
    );
    assert!(
        by_address.str("token_endpoint").ends_with("/connect/token"),
        "BoldSign's"
    );
}

#[test]
fn a_token_can_read_the_user_record() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-jwt");
    let token = client.grant(&connection).str("access_token");
    let at = |path: &str| format!("{}/services/data/v60.0/{path}", client.sandbox.url());
    let user = client.get(&at("sobjects/User/005x00000012Q9PAAU"), Some(&token));
    assert_eq!(user.str("Username"), "integration@example.com");
    let missing = client.get(&at("sobjects/User/nobody"), Some(&token));
    assert_eq!(
        (missing.status, missing.json()[0]["errorCode"].clone()),
        (404, json!("NOT_FOUND"))
    );
    let dead = client.get(&at("sobjects/User/005x00000012Q9PAAU"), Some("dead"));
    assert_eq!(
        (dead.status, dead.json()[0]["errorCode"].clone()),
        (401, json!("INVALID_SESSION_ID"))
    );
}

#[test]
fn salesforce_rejects_a_scope_in_a_token_request() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-refresh");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", connection["refresh_token"].as_str()),
        ("scope", "api"),
    ];
    let description = Some("scope parameter not supported");
    client
        .token(&connection, &form)
        .assert_error(400, "invalid_request", description);
    assert_eq!(client.token(&connection, &form[..2]).status, 200);
}

#[test]
fn salesforces_public_app_uses_pkce_and_no_secret() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-public");
    let response = client.redeem(&connection, &client.code(&connection), &[]);
    assert_eq!(response.status, 200, "{}", response.text);
    let again = client.refresh(&connection, &response.str("refresh_token"));
    assert_eq!(again.status, 200, "{}", again.text);
    let without = client.authorize(&connection, "allow", &[("code_challenge", "")]);
    assert_eq!(without.callback()["error"], "invalid_request");
}

/// Salesforce sends no Content-Length, and gzip to clients that accept it.
#[test]
fn salesforce_compresses_and_sends_in_chunks() {
    let client = Client::lenient();
    let connection = client.connection("salesforce-refresh");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", connection["refresh_token"].as_str()),
        ("client_id", connection["client_id"].as_str()),
        ("client_secret", connection["client_secret"].as_str()),
    ];
    let plain = raw(&client, &connection, "login.salesforce.com", &form, "");
    assert!(plain.contains("\r\ncontent-length:"), "{plain}");
    let zipped = raw(
        &client,
        &connection,
        "login.salesforce.com",
        &form,
        "Accept-Encoding: gzip, deflate\r\n",
    );
    assert!(
        zipped.contains("\r\ncontent-encoding: gzip\r\n"),
        "{zipped}"
    );
    assert!(
        zipped.contains("\r\ntransfer-encoding: chunked\r\n"),
        "{zipped}"
    );
    assert!(!zipped.contains("access_token"), "{zipped}");
    // The policy compresses all responses.
    client.control("policy", &json!({"gzip": true}));
    let zipped = raw(&client, &connection, "login.salesforce.com", &form, "");
    assert!(
        zipped.contains("\r\ncontent-encoding: gzip\r\n"),
        "{zipped}"
    );
}

#[test]
fn redirect_uris_can_be_registered_at_start_and_at_run_time() {
    let app = "https://app.example/oauth/callback";
    let sdk = "http://localhost:1717/OauthRedirect";
    let client = Client::new(Options {
        redirect_uris: vec![app.to_owned()],
        ..Options::default()
    });
    let connection = client.connection("salesforce-code");
    let accepted = |uri: &str| {
        let response = client.authorize(&connection, "allow", &[("redirect_uri", uri)]);
        response.status == 302 && response.header("location").starts_with(uri)
    };
    assert!(accepted(app) && !accepted(sdk));
    let listed = client.control("redirect_uris", &json!([sdk, "myapp://callback"]));
    assert_eq!(listed.json(), json!([app, sdk, "myapp://callback"]));
    assert!(accepted(sdk));
    let rejected = client.control("redirect_uris", &json!(["/callback"]));
    assert_eq!(rejected.status, 400);
    assert!(rejected.str("error").contains("`/callback`"));
    client.sandbox.reset();
    assert!(accepted(app) && !accepted(sdk));
}

/// The controls shift clocks and grant consents, so a page open in a browser must not reach them.
#[test]
fn web_pages_cannot_use_the_controls() {
    let client = Client::lenient();
    let authority = client
        .sandbox
        .url()
        .trim_start_matches("http://")
        .to_owned();
    let status = |headers: &str| {
        status(&exchange(
            &authority,
            &format!(
                "POST /_sandbox/reset HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: 0\r\n\r\n"
            ),
        ))
    };
    let own = format!("Host: {authority}\r\n");
    assert_eq!(status(&own), 200);
    assert_eq!(status(&format!("{own}Origin: http://{authority}\r\n")), 200);
    assert_eq!(
        status(&format!("{own}Origin: https://evil.example\r\n")),
        403
    );
    assert_eq!(status(&format!("{own}Origin: null\r\n")), 403);
    assert_eq!(status(&format!("{own}Sec-Fetch-Site: cross-site\r\n")), 403);
    // DNS rebinding: the page's own name resolves to this address.
    let port = authority.rsplit(':').next().unwrap();
    assert_eq!(status(&format!("Host: evil.example:{port}\r\n")), 403);
    assert_eq!(status(&format!("Host: localhost:{port}\r\n")), 200);
}

/// Posts an assertion with another `Host`, and returns the status.
fn by_host(client: &Client, connection: &client::Connection, host: &str, claims: &Value) -> u16 {
    let key = std::fs::read_to_string(&connection["private_key_file"]).unwrap();
    let assertion = sign(&key, "RS256", claims);
    let form = [
        ("grant_type", client::JWT_BEARER),
        ("assertion", assertion.as_str()),
    ];
    status(&raw(client, connection, host, &form, ""))
}

/// Posts a form over a plain socket, and returns the whole response as text.
fn raw(
    _: &Client,
    connection: &client::Connection,
    host: &str,
    form: &[(&str, &str)],
    headers: &str,
) -> String {
    let url = token_url(connection);
    let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    exchange(
        authority,
        &format!(
            "POST /{path} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    )
}

fn exchange(authority: &str, request: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut socket = std::net::TcpStream::connect(authority).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status(response: &str) -> u16 {
    response.split_whitespace().nth(1).unwrap().parse().unwrap()
}
