//! Where the configuration is found, and what is said about it.

use std::fs;
use std::process::Command;

use crate::house::{House, Run, command};

const TWO: &str = r#"
[connections.sales]
provider = "salesforce"
[connections.signing]
provider = "docusign"
"#;

#[test]
fn an_unknown_name_is_told_with_the_nearest_and_all() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("countersign.toml"), TWO).unwrap();
    let run = Run::of(command(folder.path()).args(["token", "sale", "--json"]), "");
    let error = run.error(2);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.ends_with("there is no connection `sale`; did you mean `sales`?"),
        "{message}"
    );
    assert_eq!(error["hint"], "the connections here are: sales, signing");
    assert_eq!(run.stdout, "");
}

/// Each place says by its message that it was the one read.
fn place(command: &mut Command) -> String {
    let run = Run::of(command.args(["token", "nobody", "--json"]), "");
    run.error(2)["message"].as_str().unwrap().to_owned()
}

#[test]
fn the_places_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(place(&mut command(folder.path())).contains("no configuration was found"));

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
fn mistakes_are_named_with_file_line_and_setting() {
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
fn secrets_that_others_may_read_are_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let path = house.config("boldsign-cc", &[]);
    let run = house.run(["token", "boldsign-cc"]).succeeded();
    assert_eq!(run.stderr, "");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = house.run(["token", "boldsign-cc"]).succeeded();
    assert!(
        run.stderr
            .contains("`client_secret` and may be read by others"),
        "{run:?}"
    );
    assert!(run.stderr.contains("chmod 600"), "{run:?}");
    // A program reads one line of JSON from stderr, and no warning before it.
    let run = house.run(["token", "boldsign-cc", "--json"]).succeeded();
    assert!(run.stderr.starts_with("warning: "), "{run:?}");
    house
        .sandbox
        .fault(countersign_sandbox::Fault::status(503))
        .unwrap();
    house
        .run(["token", "boldsign-cc", "--json", "--force"])
        .error(4);
    // Without a secret in it there is nothing to hide.
    let path = house.config("salesforce-jwt", &[]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = house.run(["token", "salesforce-jwt"]).succeeded();
    assert_eq!(run.stderr, "");
}

#[test]
fn relative_paths_start_from_the_configurations_folder() {
    let house = House::new();
    let key = fs::read_to_string(house.sandbox.dir().join("docusign.pem")).unwrap();
    house.write("my.pem", &key);
    let path = house.config("docusign-jwt", &[("private_key_file", "my.pem")]);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = command(elsewhere.path());
    command
        .args(["token", "docusign-jwt", "--config"])
        .arg(path);
    Run::of(&mut command, "").succeeded();
    assert!(
        house.dir.path().join("tokens").is_dir(),
        "the store as well"
    );
}

#[test]
fn secrets_come_from_the_environment_where_asked() {
    let house = House::new();
    let text = fs::read_to_string(house.sandbox.connections()).unwrap();
    let settings = countersign::Settings::from_toml(&text).unwrap();
    let secret = settings["boldsign-cc"]
        .value("client_secret")
        .unwrap()
        .to_owned();
    house.config(
        "boldsign-cc",
        &[("client_secret", ""), ("client_secret_env", "APP_SECRET")],
    );
    let mut command = house.command(["token", "boldsign-cc"]);
    Run::of(command.env("APP_SECRET", secret), "").succeeded();
}

#[test]
fn a_provider_of_ones_own_is_described_by_a_profile() {
    let house = House::new();
    let profile = r#"
        id = "acme"
        name = "Acme"
        documentation = "https://acme.example/docs"
        environments.production.base_url = "https://login.acme.example"
        endpoints.token = "{base_url}/connect/token"
        grants.client-credentials.client_auth = ["post"]
    "#;
    house.write("acme.toml", profile);
    house.config("boldsign-cc", &[("provider", "acme"), ("environment", "")]);
    let run = house.run(["token", "boldsign-cc", "--json"]);
    assert_eq!(run.error(2)["setting"], "provider");
    let told = house
        .run(["token", "boldsign-cc", "--json", "--profile", "acme.toml"])
        .json();
    assert_eq!(told["provider"], "acme");
    let listed = house
        .run(["providers", "--json", "--profile", "acme.toml"])
        .json();
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["docusign", "salesforce", "boldsign", "acme"]);
    let run = house.run(["providers", "--json", "--profile", "gone.toml"]);
    assert!(
        run.error(2)["message"]
            .as_str()
            .unwrap()
            .contains("gone.toml")
    );
    house.write("shadow.toml", &profile.replace("\"acme\"", "\"docusign\""));
    let run = house.run(["providers", "--json", "--profile", "shadow.toml"]);
    assert!(
        run.error(2)["message"]
            .as_str()
            .unwrap()
            .contains("already")
    );
}

#[test]
fn a_wrong_usage_is_told_as_asked_for() {
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
fn the_help_says_what_it_is_for_and_what_is_the_commands_own_first() {
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

/// As ssh has it: what decides where secrets go must be nobody else's to write.
#[cfg(unix)]
#[test]
fn a_configuration_that_other_users_may_have_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let house = House::new();
    let config = house.config("boldsign-cc", &[]);
    let named = config.to_str().unwrap();
    let refused = |what: &str| {
        // Found in the working directory, named by the variable, named by the option.
        let here = house.run(["token", "boldsign-cc", "--json"]);
        let mut by_variable = house.command(["token", "boldsign-cc", "--json"]);
        let by_variable = Run::of(by_variable.env("COUNTERSIGN_CONFIG", named), "");
        let by_option = house.run(["token", "boldsign-cc", "--json", "--config", named]);
        for run in [here, by_variable, by_option] {
            let error = run.error(2);
            assert_eq!(error["verdict"], "fix_configuration");
            assert!(error["message"].as_str().unwrap().contains(what), "{error}");
            assert!(error["hint"].is_string(), "{error}");
        }
        let doctor = house.run(["doctor", "boldsign-cc"]);
        assert_eq!(doctor.code, 2, "{doctor:?}");
        assert!(doctor.stdout.contains(what), "{doctor:?}");
        let store = house.run(["store", "list", "--json"]);
        assert!(store.error(2)["message"].as_str().unwrap().contains(what));
    };
    mode(&config, 0o666);
    refused("countersign.toml is writable by other users (mode 0666)");
    mode(&config, 0o600);
    mode(house.dir.path(), 0o777);
    refused("is writable by other users (mode 0777)");
    // Nobody can replace what is anothers in a sticky folder.
    mode(house.dir.path(), 0o1777);
    house.run(["token", "boldsign-cc"]).succeeded();
    // Only root can give files away.
    if std::os::unix::fs::chown(&config, Some(12_345), None).is_ok() {
        refused("countersign.toml belongs to user 12345");
    }
}

#[cfg(unix)]
#[test]
fn secrets_keys_and_profiles_that_other_users_may_have_written_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let open = |name: &str, text: &str| {
        let path = house.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        path.display().to_string()
    };
    let key = fs::read_to_string(house.sandbox.dir().join("docusign.pem")).unwrap();
    let ca = fs::read_to_string(house.sandbox.ca_file().unwrap()).unwrap();
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
        house.config(connection, &changes);
        let error = house.run(["token", connection, "--json"]).error(2);
        assert_eq!(error["setting"], setting, "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("is writable by other users"), "{error}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.starts_with("chmod go-w"), "{error}");
    }
    house.config("boldsign-cc", &[]);
    let profile = open("acme.toml", "id = \"acme\"");
    let run = house.run(["token", "boldsign-cc", "--json", "--profile", &profile]);
    let message = run.error(2)["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("--profile") && message.contains("is writable"),
        "{message}"
    );
}

#[test]
fn a_connection_that_is_wrong_leaves_the_others_alone() {
    let house = House::new();
    let path = house.config("boldsign-cc", &[]);
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        "[connections.bad]\nprovidr = \"x\"",
        "[connections.bad]\nclient_secret = \"never closed",
        "[connections.bad]\nprovider = \"docusign\"\nstore = \"file:tokens\"\nstore_key_env = \"NOT_SET\"",
        "[connections.bad]\nprovider = \"docusign\"\nstore = \"ftp://x\"",
    ] {
        house.write("countersign.toml", &format!("{bad}\n{good}"));
        house.run(["token", "boldsign-cc"]).succeeded();
        house.run(["doctor", "boldsign-cc"]).succeeded();
        let listed = house.run(["store", "list"]).succeeded();
        assert!(listed.stdout.contains("boldsign-cc"), "{listed:?}");
        assert!(
            listed.stderr.contains("connection `bad` is left out"),
            "{listed:?}"
        );
        house.run(["store", "show", "boldsign-cc"]).succeeded();
        assert_ne!(house.run(["token", "bad"]).code, 0);
    }
}
