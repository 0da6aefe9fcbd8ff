//! `exec`: another program with the token in its environment.

use crate::house::{House, Run};

#[test]
fn the_program_gets_the_token_and_what_goes_with_it() {
    let house = House::new();
    house.config("salesforce-jwt", &[]);
    let told = house.run(["token", "salesforce-jwt", "--json"]).json();
    let script = "printf '%s\\n' \"$COUNTERSIGN_TOKEN\" \"$COUNTERSIGN_INSTANCE_URL\" \"$COUNTERSIGN_ORG_ID\" \"$1\"; cat; exit 7";
    let mut command = house.command([
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
    assert_eq!(lines[0], told["access_token"]);
    assert_eq!(lines[1], told["extra"]["instance_url"]);
    assert_eq!(lines[2], told["extra"]["org_id"]);
    assert_eq!(lines[3..], ["--json", "from stdin"]);
    assert_eq!(run.stderr, "");
}

#[cfg(unix)]
#[test]
fn the_program_takes_the_commands_place() {
    let house = House::new();
    house.config("boldsign-cc", &[]);
    let mut command = house.command(["exec", "boldsign-cc", "--", "sh", "-c", "echo $$"]);
    let running = crate::house::Running::start(&mut command);
    let id = running.id();
    assert_eq!(running.end().stdout.trim(), id.to_string());
}

#[test]
fn without_a_token_nothing_is_run() {
    let house = House::new();
    let run = house.run_as_given(&[
        "exec",
        "--json",
        "docusign-jwt-unconsented",
        "--",
        "sh",
        "-c",
        "echo ran",
    ]);
    // `--config` came after the dashes, so that it is the program's.
    assert_eq!(run.code, 2, "{run:?}");
    let config = house.config("docusign-jwt-unconsented", &[]);
    let config = config.to_str().unwrap();
    let run = house.run([
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
fn a_program_that_is_not_there_is_told_as_shells_do() {
    let house = House::new();
    house.config("boldsign-cc", &[]);
    let run = house.run(["exec", "boldsign-cc", "--", "./no-such-program"]);
    assert_eq!(run.code, 127, "{run:?}");
    assert!(
        run.stderr.contains("./no-such-program cannot be run"),
        "{run:?}"
    );
    let run = house.run(["exec", "boldsign-cc", "--", "./countersign.toml"]);
    assert_eq!(run.code, 126, "{run:?}");
    assert!(run.stderr.contains("may run"), "{run:?}");
}
