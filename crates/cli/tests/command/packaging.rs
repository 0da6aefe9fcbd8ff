//! What packages of the command contain: man pages and completions.

use std::fs;

use crate::setup::Setup;

#[test]
fn every_command_has_a_man_page_and_a_completion() {
    let setup = Setup::new();
    let pages = setup.dir.path().join("man1");
    let run = setup.run(["man", pages.to_str().unwrap()]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("man1"), "{run:?}");

    fs::create_dir(&pages).unwrap();
    let run = setup.run(["man", pages.to_str().unwrap()]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""), "{run:?}");
    let completions = setup.run(["completions", "bash"]).stdout;
    let help = setup.run(["--help"]).stdout;
    let commands = help.split_once("Commands:\n").unwrap().1;
    let commands = commands.lines().take_while(|line| !line.is_empty());
    let commands: Vec<_> = commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        let page = fs::read_to_string(pages.join(format!("countersign-{command}.1"))).unwrap();
        assert!(page.contains(".SH OPTIONS"), "{page}");
        assert!(completions.contains(command), "{command}");
    }
    assert!(pages.join("countersign-store-list.1").exists());
}
