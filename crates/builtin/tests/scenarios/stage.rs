//! The sandbox, and how a runner talks to it: over HTTP, as the runners of other languages must.

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

/// What the runner needs of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    body: String,
}

impl Stage {
    pub(crate) fn set() -> Self {
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

    /// The text of `connections.toml`.
    pub(crate) fn connections(&self) -> String {
        std::fs::read_to_string(self.sandbox.connections()).expect("connections.toml")
    }

    /// `{url}`, `{dir}` and `{plugins}` replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{url}", self.url())
            .replace("{dir}", &self.dir())
            .replace("{plugins}", &self.plugins.path().display().to_string())
    }

    pub(crate) fn reset(&self) {
        self.post("/_sandbox/reset", &Value::Null).expect("a reset");
    }

    /// The member `grant` of each entry of the log.
    pub(crate) fn requests(&self) -> Result<Vec<String>, String> {
        let answer = self.read(&format!("{}/_sandbox/log", self.url()), None)?;
        let log: Vec<Value> = serde_json::from_str(&answer.body).map_err(|e| e.to_string())?;
        let grant = |entry: &Value| entry["grant"].as_str().unwrap_or_default().to_owned();
        Ok(log.iter().map(grant).collect())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<(), String> {
        let url = format!("{}{path}", self.url());
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self
            .agent
            .post(&url)
            .send(body)
            .map_err(|e| format!("{path}: {e}"))?;
        match answer.status().as_u16() {
            200 => Ok(()),
            status => {
                let said = answer.into_body().read_to_string().unwrap_or_default();
                Err(format!("{path} answered {status}: {said}"))
            }
        }
    }

    /// A GET, with a bearer token if given.
    pub(crate) fn read(&self, url: &str, bearer: Option<&str>) -> Result<Answer, String> {
        let mut request = self.agent.get(url);
        if let Some(authorization) = bearer {
            request = request.header("Authorization", authorization);
        }
        let answer = request.call().map_err(|e| format!("{url}: {e}"))?;
        let location = answer.headers().get("location");
        Ok(Answer {
            status: answer.status().as_u16(),
            location: location.and_then(|l| l.to_str().ok()).map(str::to_owned),
            body: answer
                .into_body()
                .read_to_string()
                .map_err(|e| e.to_string())?,
        })
    }
}

/// The plugins that scenarios load, in a folder that only its owner may write.
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
