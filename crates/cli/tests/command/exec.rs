//! `exec`: runs another program with the token in its environment.

use crate::setup::{Run, Setup};

#[test]
fn the_program_receives_the_token_its_extra_stdin_and_arguments() {
    let setup = Setup::new();
    setup.config("salesforce-jwt", &[]);
    let reported = setup.run(["token", "salesforce-jwt", "--json"]).json();
    let script = "printf '%s\\n' \"$COUNTERSIGN_TOKEN\" \"$COUNTERSIGN_INSTANCE_URL\" \"$COUNTERSIGN_ORG_ID\" \"$1\"; cat; exit 7";
    let mut command = setup.command([
        "exec",
        "salesforce-jwt",
        "--",
        "sh",
        "-c",
        script,
        "sh",
        "--json",
    ]);
    let run = Run::of(&mut command, "from stdin");
    assert_eq!(run.code, 7, "{run:?}");
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines[0], reported["access_token"]);
    assert_eq!(lines[1], reported["extra"]["instance_url"]);
    assert_eq!(lines[2], reported["extra"]["org_id"]);
    assert_eq!(lines[3..], ["--json", "from stdin"]);
    assert_eq!(run.stderr, "");
}

#[cfg(unix)]
#[test]
fn the_program_has_the_process_id_of_the_command() {
    let setup = Setup::new();
    setup.config("boldsign-cc", &[]);
    let mut command = setup.command(["exec", "boldsign-cc", "--", "sh", "-c", "echo $$"]);
    let running = crate::setup::Running::start(&mut command);
    let id = running.id();
    assert_eq!(running.end().stdout.trim(), id.to_string());
}

#[test]
fn no_program_is_run_without_a_token() {
    let setup = Setup::new();
    let run = setup.run_as_given(&[
        "exec",
        "--json",
        "docusign-jwt-unconsented",
        "--",
        "sh",
        "-c",
        "echo ran",
    ]);
    // `--config` comes after `--`, so it belongs to the program.
    assert_eq!(run.code, 2, "{run:?}");
    let config = setup.config("docusign-jwt-unconsented", &[]);
    let config = config.to_str().unwrap();
    let run = setup.run([
        "exec",
        "--json",
        "docusign-jwt-unconsented",
        "--config",
        config,
        "--",
        "echo",
        "ran",
    ]);
    assert_eq!(run.error(3)["kind"], "consent_required");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_program_that_cannot_be_run_has_the_exit_code_of_shells() {
    let setup = Setup::new();
    setup.config("boldsign-cc", &[]);
    let run = setup.run(["exec", "boldsign-cc", "--", "./no-such-program"]);
    assert_eq!(run.code, 127, "{run:?}");
    assert!(
        run.stderr.contains("cannot run ./no-such-program"),
        "{run:?}"
    );
    let run = setup.run(["exec", "boldsign-cc", "--", "./countersign.toml"]);
    assert_eq!(run.code, 126, "{run:?}");
    assert!(run.stderr.contains("can execute"), "{run:?}");
}

#[test]
fn the_program_does_not_inherit_secret_variables() {
    let setup = Setup::new();
    let text = std::fs::read_to_string(setup.sandbox.connections()).unwrap();
    let settings = countersign_core::Settings::from_toml(&text).unwrap();
    let secret = settings["boldsign-cc"].value("client_secret").unwrap();
    let path = setup.config(
        "boldsign-cc",
        &[
            ("client_secret", ""),
            ("client_secret_env", "APP_SECRET"),
            ("store_key_env", "STORE_KEY"),
        ],
    );
    // Another connection's secret isn't inherited either.
    let other =
        "\n[connections.other]\nprovider = \"boldsign\"\nclient_secret_env = \"OTHER_SECRET\"\n";
    let text = std::fs::read_to_string(&path).unwrap() + other;
    setup.write("countersign.toml", &text);
    let mut command = setup.command(["exec", "boldsign-cc", "--", "env"]);
    command
        .env("APP_SECRET", secret)
        .env("STORE_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
        .env("OTHER_SECRET", "0ther")
        .env("COUNTERSIGN_ORG_ID", "of an outer exec")
        .env("KEPT", "kept");
    let run = Run::of(&mut command, "").succeeded();
    for name in [
        "APP_SECRET",
        "STORE_KEY",
        "OTHER_SECRET",
        "COUNTERSIGN_ORG_ID",
    ] {
        assert!(!run.stdout.contains(name), "{name}: {run:?}");
    }
    assert!(run.stdout.contains("KEPT=kept") && run.stdout.contains("COUNTERSIGN_TOKEN="));
}

#[cfg(target_os = "linux")]
#[test]
fn core_dumps_are_disabled_for_the_command_but_not_for_the_program() {
    let setup = Setup::new();
    setup.config("boldsign-cc", &[]);
    let soft = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        line.unwrap().split_whitespace().nth(4).unwrap().to_owned()
    };
    let mut limits = std::process::Command::new("sh");
    limits.args(["-c", "ulimit -S -c $(ulimit -H -c); cat /proc/self/limits"]);
    let allowed = soft(&String::from_utf8(limits.output().unwrap().stdout).unwrap());
    if allowed == "0" {
        return;
    }
    // A shell raises its limit to the maximum, and then executes the command.
    let raised = |arguments: &str| {
        let countersign = env!("CARGO_BIN_EXE_countersign");
        let script = format!("ulimit -S -c $(ulimit -H -c); exec {countersign} {arguments}");
        let mut command = std::process::Command::new("sh");
        command
            .current_dir(setup.dir.path())
            .env("HOME", setup.dir.path());
        command.args(["-c", &script]);
        command
    };
    let run = Run::of(&mut raised("exec boldsign-cc -- cat /proc/self/limits"), "").succeeded();
    assert_eq!(soft(&run.stdout), allowed);

    setup.config("boldsign-code", &[]);
    let mut running = crate::setup::Running::start(&mut raised("login boldsign-code --no-browser"));
    running.line();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    assert_eq!(soft(&limits), "0");
    running.kill();
}
