//! A client that shares no code with the sandbox and only reads `connections.toml`.
#![allow(dead_code, unreachable_pub)]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{digest, rand::SystemRandom, signature};
use serde_json::{Value, json};

use countersign_sandbox::{Options, Sandbox};

pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const CALLBACK: &str = "http://127.0.0.1:4711/callback";

/// A connection's settings.
pub type Connection = BTreeMap<String, String>;

/// A complete response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub fn str(&self, name: &str) -> String {
        let json = self.json();
        let value = json[name].as_str();
        value
            .unwrap_or_else(|| panic!("{name} in {json}"))
            .to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |v| v.to_str().unwrap_or_default())
    }

    /// Asserts that this is an error with this status, `error` and `error_description`.
    pub fn assert_error(&self, status: u16, error: &str, description: Option<&str>) {
        let wanted = match description {
            Some(d) => json!({"error": error, "error_description": d}),
            None => json!({"error": error}),
        };
        assert_eq!((self.status, self.json()), (status, wanted));
    }

    pub fn names(&self) -> Vec<String> {
        let json = self.json();
        let mut names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    }

    /// Returns the query of the redirect.
    pub fn callback(&self) -> BTreeMap<String, String> {
        assert!(matches!(self.status, 302 | 303), "{self:?}");
        let (_, query) = self.header("location").split_once('?').unwrap();
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }
}

/// A sandbox with a client for it.
pub struct Client {
    pub sandbox: Sandbox,
    agent: ureq::Agent,
}

impl Client {
    pub fn new(options: Options) -> Self {
        let sandbox = Sandbox::start(options).unwrap();
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(std::time::Duration::from_secs(20)));
        if let Some(ca) = sandbox.ca_file() {
            let ca = ureq::tls::Certificate::from_pem(&fs::read(ca).unwrap()).unwrap();
            let roots = ureq::tls::RootCerts::new_with_certs(&[ca]);
            config = config.tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build());
        }
        Self {
            sandbox,
            agent: config.build().into(),
        }
    }

    pub fn lenient() -> Self {
        Self::new(Options::default())
    }

    pub fn strict() -> Self {
        Self::new(Options {
            strict: true,
            ..Options::default()
        })
    }

    pub fn connections(&self) -> BTreeMap<String, Connection> {
        let text = fs::read_to_string(self.sandbox.connections()).unwrap();
        let whole: BTreeMap<String, BTreeMap<String, Connection>> = toml::from_str(&text).unwrap();
        whole["connections"].clone()
    }

    pub fn connection(&self, name: &str) -> Connection {
        self.connections()[name].clone()
    }

    pub fn try_post(
        &self,
        url: &str,
        auth: Option<&str>,
        form: &[(&str, &str)],
    ) -> Result<Response, ureq::Error> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        self.send(url, auth, "application/x-www-form-urlencoded", &body)
    }

    pub fn send(
        &self,
        url: &str,
        auth: Option<&str>,
        content_type: &str,
        body: &str,
    ) -> Result<Response, ureq::Error> {
        let mut request = self.agent.post(url).header("content-type", content_type);
        if let Some(auth) = auth {
            request = request.header("authorization", auth);
        }
        read(request.send(body)?)
    }

    pub fn post(&self, url: &str, auth: Option<&str>, form: &[(&str, &str)]) -> Response {
        self.try_post(url, auth, form).unwrap()
    }

    pub fn get(&self, url: &str, bearer: Option<&str>) -> Response {
        let mut request = self.agent.get(url);
        if let Some(token) = bearer {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        read(request.call().unwrap()).unwrap()
    }

    pub fn control(&self, path: &str, body: &Value) -> Response {
        let url = format!("{}/_sandbox/{path}", self.sandbox.url());
        self.send(&url, None, "application/json", &body.to_string())
            .unwrap()
    }

    /// Sends a token request with the connection's client authentication.
    pub fn token(&self, connection: &Connection, form: &[(&str, &str)]) -> Response {
        self.try_token(connection, form).unwrap()
    }

    pub fn try_token(
        &self,
        connection: &Connection,
        form: &[(&str, &str)],
    ) -> Result<Response, ureq::Error> {
        let id = connection["client_id"].as_str();
        let mut form = form.to_vec();
        let mut auth = None;
        match connection["client_auth"].as_str() {
            "basic" => auth = Some(basic(id, &connection["client_secret"])),
            "post" => {
                form.push(("client_id", id));
                form.push(("client_secret", &connection["client_secret"]));
            }
            _ => form.push(("client_id", id)),
        }
        self.try_post(&token_url(connection), auth.as_deref(), &form)
    }

    /// Returns claims that the connection's vendor accepts now.
    pub fn claims(&self, connection: &Connection) -> Value {
        let now = now();
        let mut claims = json!({
            "iss": connection["client_id"], "sub": connection["subject"],
            "iat": now - 60, "exp": now + 170, "jti": format!("{:?}", SystemTime::now()),
        });
        claims["aud"] = match (
            connection["provider"].as_str(),
            connection["environment"].as_str(),
        ) {
            ("docusign", _) => {
                claims["scope"] = connection["scopes"].clone().into();
                "account-d.docusign.com".into()
            }
            (_, "production") => "https://login.salesforce.com".into(),
            _ => connection["base_url"].clone().into(),
        };
        claims
    }

    pub fn grant_with(&self, connection: &Connection, claims: &Value) -> Response {
        let alg = connection.get("algorithm").map_or("RS256", String::as_str);
        let key = fs::read_to_string(&connection["private_key_file"]).unwrap();
        self.assert_as(connection, &sign(&key, alg, claims))
    }

    pub fn grant(&self, connection: &Connection) -> Response {
        self.grant_with(connection, &self.claims(connection))
    }

    pub fn assert_as(&self, connection: &Connection, assertion: &str) -> Response {
        let form = [("grant_type", JWT_BEARER), ("assertion", assertion)];
        self.post(&token_url(connection), None, &form)
    }

    /// Sends an authorization request with PKCE and a decision.
    pub fn authorize(
        &self,
        connection: &Connection,
        decision: &str,
        extra: &[(&str, &str)],
    ) -> Response {
        self.get(
            &authorize_url(connection, &[&[("_sandbox", decision)], extra].concat()),
            None,
        )
    }

    /// Returns a new code for the connection.
    pub fn code(&self, connection: &Connection) -> String {
        self.authorize(connection, "allow", &[]).callback()["code"].clone()
    }

    pub fn redeem(&self, connection: &Connection, code: &str, extra: &[(&str, &str)]) -> Response {
        let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
        for (name, value) in [("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)] {
            if !extra.iter().any(|(n, _)| *n == name) {
                form.push((name, value));
            }
        }
        form.extend(extra.iter().filter(|(_, v)| !v.is_empty()));
        self.token(connection, &form)
    }

    pub fn refresh(&self, connection: &Connection, token: &str) -> Response {
        self.token(
            connection,
            &[("grant_type", "refresh_token"), ("refresh_token", token)],
        )
    }
}

pub fn token_url(connection: &Connection) -> String {
    let path = match connection["provider"].as_str() {
        "docusign" => "/oauth/token",
        "salesforce" => "/services/oauth2/token",
        _ => "/connect/token",
    };
    format!("{}{path}", connection["base_url"])
}

pub fn authorize_url(connection: &Connection, extra: &[(&str, &str)]) -> String {
    let path = match connection["provider"].as_str() {
        "docusign" => "/oauth/auth",
        "salesforce" => "/services/oauth2/authorize",
        _ => "/connect/authorize",
    };
    let mut pairs = BTreeMap::from([
        ("response_type", "code"),
        ("client_id", &connection["client_id"]),
        ("redirect_uri", CALLBACK),
        ("scope", &connection["scopes"]),
        ("state", "s t=a&te"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    pairs.extend(extra.iter().copied());
    pairs.retain(|_, value| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("{}{path}?{query}", connection["base_url"])
}

pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

pub fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

pub fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// Signs a compact JWS with ring.
pub fn sign(pem: &str, alg: &str, claims: &Value) -> String {
    let body: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
    let der = STANDARD.decode(body).unwrap();
    let key = if pem.contains("RSA PRIVATE KEY") {
        signature::RsaKeyPair::from_der(&der).unwrap()
    } else {
        signature::RsaKeyPair::from_pkcs8(&der).unwrap()
    };
    let scheme: &dyn signature::RsaEncoding = match alg {
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    };
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let signed = format!(
        "{}.{}",
        part(&json!({"alg": alg, "typ": "JWT"})),
        part(claims)
    );
    let mut sig = vec![0; key.public().modulus_len()];
    key.sign(scheme, &SystemRandom::new(), signed.as_bytes(), &mut sig)
        .unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sig))
}

/// Verifies a token with ring and the keys in `jwks`, and returns its claims.
pub fn verified(token: &str, jwks: &Value) -> Value {
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |t: &str| URL_SAFE_NO_PAD.decode(t).unwrap();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|k| k["kid"] == header["kid"]).unwrap();
    let public = signature::RsaPublicKeyComponents {
        n: decode(key["n"].as_str().unwrap()),
        e: decode(key["e"].as_str().unwrap()),
    };
    let signed = format!("{}.{}", parts[0], parts[1]);
    public
        .verify(
            &signature::RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &decode(parts[2]),
        )
        .unwrap();
    serde_json::from_slice(&decode(parts[1])).unwrap()
}

/// Posts a form over a plain socket, and returns at least `enough` bytes of the response, or all.
pub fn raw_post(url: &str, form: &str, enough: usize) -> Vec<u8> {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    write!(
        socket,
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    while bytes.len() < enough {
        match socket.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
        }
    }
    bytes
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Response, ureq::Error> {
    Ok(Response {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response
            .body_mut()
            .with_config()
            .limit(8 << 20)
            .read_to_string()?,
    })
}
