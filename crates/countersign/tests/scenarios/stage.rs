//! The sandbox, which the runner controls over HTTP, as the runners of other languages must.

use std::process::Command;

use countersign_sandbox::{Options, Sandbox};
use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::scenario;

pub(crate) struct Stage {
    sandbox: Sandbox,
    agent: Agent,
    plugins: TempDir,
}

/// The parts of an HTTP response that the runner needs.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    body: String,
}

impl Stage {
    pub(crate) fn start() -> Self {
        let options = Options {
            tls: true,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).expect("a sandbox");
        let ca_file = sandbox.ca_file().expect("a CA");
        let pem = std::fs::read(ca_file).expect("the CA's file");
        let ca = Certificate::from_pem(&pem).expect("a certificate");
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(vec![ca]))
            .build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls)
            .build();
        Self {
            sandbox,
            agent: Agent::new_with_config(config),
            plugins: plugins(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        self.sandbox.url()
    }

    pub(crate) fn dir(&self) -> String {
        self.sandbox.dir().display().to_string()
    }

    /// Returns the text of `connections.toml`.
    pub(crate) fn connections(&self) -> String {
        std::fs::read_to_string(self.sandbox.connections()).expect("connections.toml")
    }

    /// Replaces `{url}`, `{dir}` and `{plugins}`.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{url}", self.url())
            .replace("{dir}", &self.dir())
            .replace("{plugins}", &self.plugins.path().display().to_string())
    }

    pub(crate) fn reset(&self) {
        self.post("/_sandbox/reset", &Value::Null).expect("a reset");
    }

    /// Returns the member `grant` of each entry of the log.
    pub(crate) fn requests(&self) -> Result<Vec<String>, String> {
        let response = self.get(&format!("{}/_sandbox/log", self.url()), None)?;
        let log: Vec<Value> = serde_json::from_str(&response.body).map_err(|e| e.to_string())?;
        let grant = |entry: &Value| entry["grant"].as_str().unwrap_or_default().to_owned();
        Ok(log.iter().map(grant).collect())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<(), String> {
        let url = format!("{}{path}", self.url());
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let response = self
            .agent
            .post(&url)
            .send(body)
            .map_err(|e| format!("{path}: {e}"))?;
        match response.status().as_u16() {
            200 => Ok(()),
            status => {
                let body = response.into_body().read_to_string().unwrap_or_default();
                Err(format!("{path}: response {status}: {body}"))
            }
        }
    }

    /// Sends a GET request, with a bearer token if given.
    pub(crate) fn get(&self, url: &str, bearer: Option<&str>) -> Result<Response, String> {
        let mut request = self.agent.get(url);
        if let Some(authorization) = bearer {
            request = request.header("Authorization", authorization);
        }
        let response = request.call().map_err(|e| format!("{url}: {e}"))?;
        let location = response.headers().get("location");
        Ok(Response {
            status: response.status().as_u16(),
            location: location.and_then(|l| l.to_str().ok()).map(str::to_owned),
            body: response
                .into_body()
                .read_to_string()
                .map_err(|e| e.to_string())?,
        })
    }
}

/// Builds the plugins that scenarios load, in a folder that only its owner can write.
fn plugins() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let built = Command::new("bash")
        .arg(scenario::folder().join("plugins.sh"))
        .arg(folder.path())
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "plugins.sh failed"
    );
    folder
}
