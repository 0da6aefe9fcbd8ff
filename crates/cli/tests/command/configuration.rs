//! Finding the configuration file, and errors in it.

use std::fs;
use std::process::Command;

use crate::setup::{Run, Setup, command};

const TWO: &str = r#"
[connections.sales]
provider = "salesforce"
[connections.signing]
provider = "docusign"
"#;

#[test]
fn an_unknown_connection_is_an_error_that_names_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("countersign.toml"), TWO).unwrap();
    let run = Run::of(command(folder.path()).args(["token", "sale", "--json"]), "");
    let error = run.error(2);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.ends_with("there is no connection `sale`; did you mean `sales`?"),
        "{message}"
    );
    assert_eq!(error["hint"], "use one of: sales, signing");
    assert_eq!(run.stdout, "");
}

/// Returns an error message that starts with the path of the file that was read.
fn place(command: &mut Command) -> String {
    let run = Run::of(command.args(["token", "nobody", "--json"]), "");
    run.error(2)["message"].as_str().unwrap().to_owned()
}

#[test]
fn locations_are_searched_in_the_documented_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(place(&mut command(folder.path())).contains("no configuration file found"));

    fs::create_dir_all(at(".config/countersign")).unwrap();
    fs::write(at(".config/countersign/countersign.toml"), TWO).unwrap();
    assert!(place(&mut command(folder.path())).contains(".config/countersign/countersign.toml"));

    fs::create_dir_all(at("xdg/countersign")).unwrap();
    fs::write(at("xdg/countersign/countersign.toml"), TWO).unwrap();
    let xdg = place(command(folder.path()).env("XDG_CONFIG_HOME", at("xdg")));
    assert!(xdg.contains("xdg/countersign/countersign.toml"), "{xdg}");

    fs::write(at("countersign.toml"), TWO).unwrap();
    let here = place(&mut command(folder.path()));
    assert!(here.starts_with("countersign.toml: "), "{here}");

    fs::write(at("other.toml"), TWO).unwrap();
    let named = place(command(folder.path()).env("COUNTERSIGN_CONFIG", "other.toml"));
    assert!(named.starts_with("other.toml: "), "{named}");

    fs::write(at("given.toml"), TWO).unwrap();
    let given = place(
        command(folder.path())
            .env("COUNTERSIGN_CONFIG", "other.toml")
            .args(["--config", "given.toml"]),
    );
    assert!(given.starts_with("given.toml: "), "{given}");

    let gone = place(command(folder.path()).env("COUNTERSIGN_CONFIG", "gone.toml"));
    assert!(gone.contains("gone.toml cannot be read"), "{gone}");
}

#[test]
fn errors_name_the_line_or_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    for (text, said) in [
        (
            "[connections.a]\nprovidr = \"x\"",
            "did you mean `provider`",
        ),
        ("[connections.a]\nprovider = ", "line 2"),
        (
            "[connections.a]\nprovider = \"docusing\"",
            "did you mean `docusign`",
        ),
        (
            "[connections.a]\nclient_id = \"x\"",
            "`provider` is missing",
        ),
        ("[connection.a]\n", "[connections.NAME]"),
        (
            "[connections.a]\nprovider = \"docusign\"\nclient_secret_env = \"NOT_SET\"",
            "NOT_SET",
        ),
    ] {
        fs::write(folder.path().join("countersign.toml"), text).unwrap();
        let run = Run::of(command(folder.path()).args(["token", "a", "--json"]), "");
        let message = run.error(2)["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{text}: {message}");
    }
}

#[cfg(unix)]
#[test]
fn secrets_that_other_users_can_read_cause_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let setup = Setup::new();
    let path = setup.config("boldsign-cc", &[]);
    let run = setup.run(["token", "boldsign-cc"]).succeeded();
    assert_eq!(run.stderr, "");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = setup.run(["token", "boldsign-cc"]).succeeded();
    assert!(run.stderr.contains("other users can read"), "{run:?}");
    assert!(
        run.stderr.contains("which contains `client_secret`"),
        "{run:?}"
    );
    assert!(run.stderr.contains("chmod 600"), "{run:?}");
    // With --json, a failure is one line on stderr, without the warning.
    let run = setup.run(["token", "boldsign-cc", "--json"]).succeeded();
    assert!(run.stderr.starts_with("warning: "), "{run:?}");
    setup
        .sandbox
        .fault(countersign_sandbox::Fault::status(503))
        .unwrap();
    setup
        .run(["token", "boldsign-cc", "--json", "--force"])
        .error(4);
    // A file without secrets causes no warning.
    let path = setup.config("salesforce-jwt", &[]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = setup.run(["token", "salesforce-jwt"]).succeeded();
    assert_eq!(run.stderr, "");
}

#[test]
fn relative_paths_start_at_the_configurations_folder() {
    let setup = Setup::new();
    let key = fs::read_to_string(setup.sandbox.dir().join("docusign.pem")).unwrap();
    setup.write("my.pem", &key);
    let path = setup.config("docusign-jwt", &[("private_key_file", "my.pem")]);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = command(elsewhere.path());
    command
        .args(["token", "docusign-jwt", "--config"])
        .arg(path);
    Run::of(&mut command, "").succeeded();
    assert!(setup.dir.path().join("tokens").is_dir(), "the store's, too");
}

#[test]
fn env_settings_read_secrets_from_the_environment() {
    let setup = Setup::new();
    let text = fs::read_to_string(setup.sandbox.connections()).unwrap();
    let settings = countersign_core::Settings::from_toml(&text).unwrap();
    let secret = settings["boldsign-cc"]
        .value("client_secret")
        .unwrap()
        .to_owned();
    setup.config(
        "boldsign-cc",
        &[("client_secret", ""), ("client_secret_env", "APP_SECRET")],
    );
    let mut command = setup.command(["token", "boldsign-cc"]);
    Run::of(command.env("APP_SECRET", secret), "").succeeded();
}

#[test]
fn a_profile_adds_a_provider() {
    let setup = Setup::new();
    let profile = r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        environments.production.base_url = "https://login.acme.example"
        endpoints.token = "{base_url}/connect/token"
        grants.client-credentials.client_auth = ["post"]
    "#;
    setup.write("acme.toml", profile);
    setup.config("boldsign-cc", &[("provider", "acme"), ("environment", "")]);
    let run = setup.run(["token", "boldsign-cc", "--json"]);
    assert_eq!(run.error(2)["setting"], "provider");
    let reported = setup
        .run(["token", "boldsign-cc", "--json", "--profile", "acme.toml"])
        .json();
    assert_eq!(reported["provider"], "acme");
    let listed = setup
        .run(["providers", "--json", "--profile", "acme.toml"])
        .json();
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["id"].as_str().unwrap())
        .collect();
    assert!(
        ["acme", "boldsign", "docusign", "salesforce"]
            .iter()
            .all(|id| ids.contains(id))
    );
    assert!(ids.is_sorted());
    let run = setup.run(["providers", "--json", "--profile", "gone.toml"]);
    assert!(
        run.error(2)["message"]
            .as_str()
            .unwrap()
            .contains("gone.toml")
    );
    setup.write("shadow.toml", &profile.replace("\"acme\"", "\"docusign\""));
    let run = setup.run(["providers", "--json", "--profile", "shadow.toml"]);
    assert!(
        run.error(2)["message"]
            .as_str()
            .unwrap()
            .contains("already")
    );
}

#[test]
fn usage_errors_and_help_go_to_the_right_stream() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::of(command(folder.path()).args(["token", "--json"]), "");
    let error = run.error(2);
    assert_eq!(error["verdict"], "fix_configuration");
    assert!(
        error["message"].as_str().unwrap().contains("NAME"),
        "{error}"
    );
    let run = Run::of(command(folder.path()).arg("tokn"), "");
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("token"), "{run:?}");
    let run = Run::of(command(folder.path()).arg("--help"), "").succeeded();
    assert!(run.stdout.contains("Exit codes"), "{run:?}");
    let run = Run::of(command(folder.path()).arg("--version"), "").succeeded();
    assert!(run.stdout.starts_with("countersign "), "{run:?}");
}

#[test]
fn help_lists_a_commands_own_options_first() {
    let folder = tempfile::tempdir().unwrap();
    let help = |arguments: &[&str]| {
        let arguments = arguments.iter().chain(&["--help"]);
        Run::of(command(folder.path()).args(arguments), "")
            .succeeded()
            .stdout
    };
    assert!(help(&[]).starts_with("Gets OAuth access tokens"));
    let token = help(&["token"]);
    assert!(token.find("--force") < token.find("--config"), "{token}");
}

/// As with ssh: other users must not be able to write a file that decides where secrets are sent.
#[cfg(unix)]
#[test]
fn a_configuration_that_other_users_can_write_is_rejected() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let setup = Setup::new();
    let config = setup.config("boldsign-cc", &[]);
    let named = config.to_str().unwrap();
    let assert_rejected = |what: &str| {
        // Found in the working directory, set by the variable, set by the option.
        let here = setup.run(["token", "boldsign-cc", "--json"]);
        let mut by_variable = setup.command(["token", "boldsign-cc", "--json"]);
        let by_variable = Run::of(by_variable.env("COUNTERSIGN_CONFIG", named), "");
        let by_option = setup.run(["token", "boldsign-cc", "--json", "--config", named]);
        for run in [here, by_variable, by_option] {
            let error = run.error(2);
            assert_eq!(error["verdict"], "fix_configuration");
            assert!(error["message"].as_str().unwrap().contains(what), "{error}");
            assert!(error["hint"].is_string(), "{error}");
        }
        let doctor = setup.run(["doctor", "boldsign-cc"]);
        assert_eq!(doctor.code, 2, "{doctor:?}");
        assert!(doctor.stdout.contains(what), "{doctor:?}");
        let store = setup.run(["store", "list", "--json"]);
        assert!(store.error(2)["message"].as_str().unwrap().contains(what));
    };
    mode(&config, 0o666);
    assert_rejected("countersign.toml is writable by other users (mode 0666)");
    mode(&config, 0o600);
    mode(setup.dir.path(), 0o777);
    assert_rejected("is writable by other users (mode 0777)");
    // In a sticky folder, nobody can replace other users' files.
    mode(setup.dir.path(), 0o1777);
    setup.run(["token", "boldsign-cc"]).succeeded();
    // Only root can give files away.
    if std::os::unix::fs::chown(&config, Some(12_345), None).is_ok() {
        assert_rejected("countersign.toml belongs to user 12345");
    }
}

#[cfg(unix)]
#[test]
fn secrets_keys_and_profiles_that_other_users_can_write_are_rejected() {
    use std::os::unix::fs::PermissionsExt;
    let setup = Setup::new();
    let open = |name: &str, text: &str| {
        let path = setup.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        path.display().to_string()
    };
    let key = fs::read_to_string(setup.sandbox.dir().join("docusign.pem")).unwrap();
    let ca = fs::read_to_string(setup.sandbox.ca_file().unwrap()).unwrap();
    for (connection, setting, file) in [
        ("docusign-jwt", "private_key_file", open("open.pem", &key)),
        (
            "boldsign-cc",
            "client_secret_file",
            open("open.txt", "s3cret"),
        ),
        ("boldsign-cc", "ca_file", open("open-ca.pem", &ca)),
    ] {
        let bare = setting.trim_end_matches("_file");
        let mut changes = vec![(setting, file.as_str())];
        if bare == "client_secret" {
            changes.push((bare, ""));
        }
        setup.config(connection, &changes);
        let error = setup.run(["token", connection, "--json"]).error(2);
        assert_eq!(error["setting"], setting, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("is writable by other users"), "{error}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.starts_with("chmod go-w"), "{error}");
    }
    setup.config("boldsign-cc", &[]);
    let profile = open("acme.toml", "id = \"acme\"");
    let run = setup.run(["token", "boldsign-cc", "--json", "--profile", &profile]);
    let message = run.error(2)["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("--profile") && message.contains("is writable"),
        "{message}"
    );
}

#[test]
fn an_invalid_connection_does_not_affect_others() {
    let setup = Setup::new();
    let path = setup.config("boldsign-cc", &[]);
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        "[connections.bad]\nprovidr = \"x\"",
        "[connections.bad]\nclient_secret = \"never closed",
        "[connections.bad]\nprovider = \"docusign\"\nstore = \"file:tokens\"\nstore_key_env = \"NOT_SET\"",
        "[connections.bad]\nprovider = \"docusign\"\nstore = \"ftp://x\"",
    ] {
        setup.write("countersign.toml", &format!("{bad}\n{good}"));
        setup.run(["token", "boldsign-cc"]).succeeded();
        setup.run(["doctor", "boldsign-cc"]).succeeded();
        let listed = setup.run(["store", "list"]).succeeded();
        assert!(listed.stdout.contains("boldsign-cc"), "{listed:?}");
        assert!(
            listed.stderr.contains("connection `bad` is skipped"),
            "{listed:?}"
        );
        setup.run(["store", "show", "boldsign-cc"]).succeeded();
        assert_ne!(setup.run(["token", "bad"]).code, 0);
    }
}
