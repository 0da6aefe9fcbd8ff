//! Runs the examples against the sandbox, as their headers say.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use countersign_sandbox::{Options, Sandbox};
use tempfile::TempDir;
use ureq::Agent;

/// Runs the tests in the example, which cargo doesn't.
#[allow(dead_code, reason = "its main function")]
#[path = "../examples/custom_store.rs"]
mod custom_store;

/// The sandbox, and a home folder for the examples.
struct Stage {
    sandbox: Sandbox,
    home: TempDir,
}

impl Stage {
    fn start() -> Self {
        Self {
            sandbox: Sandbox::start(Options::default()).unwrap(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, example: &str, words: &[&str]) -> Command {
        // Cargo builds the examples next to the tests' folder.
        let test = std::env::current_exe().unwrap();
        let file = format!("{example}{}", std::env::consts::EXE_SUFFIX);
        let path: PathBuf = test.parent().unwrap().with_file_name("examples").join(file);
        let path_shown = path.display();
        assert!(
            path.exists(),
            "no {path_shown}: run all tests of this crate, which builds it"
        );
        let mut command = Command::new(path);
        command
            .args(words)
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env("COUNTERSIGN_CONFIG", self.sandbox.connections());
        command
    }

    /// Runs an example that ends by itself, and returns what it prints.
    fn run(&self, example: &str, words: &[&str]) -> String {
        let output = self.command(example, words).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{example}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn jwt_grant_gets_a_token_and_an_identity() {
    let stage = Stage::start();
    let printed = stage.run("jwt_grant", &["docusign-jwt"]);
    assert!(printed.starts_with("token from minted"), "{printed}");
    assert!(printed.contains("base_uri: http"), "{printed}");
    assert!(printed.ends_with("token from cache\n"), "{printed}");
}

#[test]
fn jwt_grant_says_what_is_wrong() {
    let stage = Stage::start();
    let output = stage
        .command("jwt_grant", &["docusign-jwt-unconsented"])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("consent") && error.contains("\nhint: "),
        "{error}"
    );
}

#[test]
fn many_users_gets_the_tokens_of_those_who_consented() {
    let stage = Stage::start();
    let users = ["01", "02"].map(|end| format!("6f9a6e0c-5f53-4b5c-a5a7-6c9bb4c2bb{end}"));
    let printed = stage.run("many_users", &["docusign-jwt", &users[0], &users[1]]);
    assert!(printed.contains(&format!("{}: ", users[1])), "{printed}");
    assert!(printed.contains("consent"), "{printed}");
    assert!(
        printed.ends_with("1 of 2 users have a token\n"),
        "{printed}"
    );
}

#[test]
fn custom_signer_signs() {
    let stage = Stage::start();
    assert_eq!(
        stage.run("custom_signer", &["docusign-jwt"]),
        "token from minted\n"
    );
}

#[test]
fn custom_store_is_shared_by_two_clients() {
    let stage = Stage::start();
    let printed = stage.run("custom_store", &["boldsign-refresh"]);
    assert_eq!(printed, "token from refreshed\ntoken from store\n");
    assert_eq!(stage.sandbox.log().len(), 1);
}

/// Ends the web server when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn web_login_logs_in_only_the_browser_that_started() {
    let stage = Stage::start();
    let mut command = stage.command("web_login", &["docusign-code"]);
    let mut server = Server(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let mut printed = BufReader::new(server.0.stdout.take().unwrap());
    printed.read_line(&mut line).unwrap();
    let here = line.trim().strip_prefix("open ").unwrap().to_owned();

    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false);
    let agent = Agent::new_with_config(config.build());
    let get = |url: &str, cookie: &str| {
        let response = agent.get(url).header("Cookie", cookie).call().unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        let (location, cookie) = (header("location"), header("set-cookie"));
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        (
            location,
            cookie,
            response.into_body().read_to_string().unwrap(),
        )
    };
    assert!(get(&here, "").2.contains("Log in"));
    let (vendor, cookie, _) = get(&format!("{here}login"), "");
    let (callback, ..) = get(&format!("{vendor}&_sandbox=allow"), "");
    assert!(
        callback.starts_with(&format!("{here}callback?")),
        "{callback}"
    );
    // Another browser with the same callback.
    assert!(get(&callback, "login=another").2.contains("no login"));
    let (.., shown) = get(&callback, &cookie);
    assert!(shown.contains("Logged in"), "{shown}");
    assert!(get(&here, "").2.contains("The token is from cache"));
}
