//! The part of WebDriver (W3C) that a login needs.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::{Value, json};

/// A browser with a profile of its own. Drop ends it and its driver.
pub(crate) struct Browser {
    driver: Child,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let mut driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need chromedriver: apt-get install chromium-driver");
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let started = said.find(|line| {
            line.as_ref()
                .is_ok_and(|line| line.contains("started successfully"))
        });
        assert!(started.is_some(), "chromedriver did not start");
        let profile = tempfile::tempdir().unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            // A browser has no option for the CA of this run's sandbox.
            "acceptInsecureCerts": true,
            "timeouts": {"implicit": 20_000, "pageLoad": 20_000},
            "goog:chromeOptions": {"args": arguments},
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let made = call(&base, &wanted);
        let id = made["sessionId"].as_str().expect("a session");
        Self {
            session: format!("{base}/{id}"),
            driver,
            _profile: profile,
        }
    }

    pub(crate) fn open(&self, url: &str) {
        call(&format!("{}/url", self.session), &json!({ "url": url }));
    }

    pub(crate) fn click(&self, selector: &str) {
        let element = self.find("css selector", selector);
        call(
            &format!("{}/element/{element}/click", self.session),
            &json!({}),
        );
    }

    /// Waits for a heading with this text, and returns its text.
    pub(crate) fn heading(&self, text: &str) -> String {
        let element = self.find("xpath", &format!("//h1[contains(., '{text}')]"));
        let url = format!("{}/element/{element}/text", self.session);
        let mut response = ureq::get(&url).call().unwrap();
        let body: Value =
            serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        body["value"].as_str().unwrap().to_owned()
    }

    /// Waits for an element, up to the implicit timeout.
    fn find(&self, using: &str, value: &str) -> String {
        let wanted = json!({ "using": using, "value": value });
        let found = call(&format!("{}/element", self.session), &wanted);
        let id = found.as_object().and_then(|object| object.values().next());
        id.and_then(Value::as_str).expect("an element").to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn call(url: &str, body: &Value) -> Value {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent
        .post(url)
        .content_type("application/json")
        .send(body.to_string())
        .unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    assert!(response.status().is_success(), "{url}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    body["value"].clone()
}

/// Returns a free port, another one at each call, below those of outgoing connections.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 10_000) as u16;
    let mut ports = std::iter::repeat_with(|| start + NEXT.fetch_add(1, Ordering::Relaxed));
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.expect("a free port")
}
