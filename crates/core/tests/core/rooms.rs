//! House rules that the compiler does not check: what the source of core must not contain, nor that of
//! jose and store, which it stands on.

use std::path::{Path, PathBuf};

fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                // Tests below the code may do what the code may not.
                let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
                into.push((path, code));
            }
        }
    }
    let mut all = Vec::new();
    for source in ["src", "../jose/src", "../store/src"] {
        let before = all.len();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        collect(&source, &mut all);
        assert!(all.len() > before + 10, "{source:?} was not found");
    }
    all
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn assert_absent(words: &[&str], except: &[&str], rule: &str) {
    for (path, text) in sources() {
        if except.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        for line in code_lines(&text) {
            for word in words {
                assert!(
                    !line.contains(word),
                    "{rule}: {}: {}",
                    path.display(),
                    line.trim()
                );
            }
        }
    }
}

#[test]
fn core_reads_no_environment_prints_nothing_and_holds_no_global() {
    assert_absent(
        &[
            "env::var",
            "env::vars",
            "env::args",
            "println!",
            "eprintln!",
            "print!(",
            "dbg!",
            "stdout()",
            "stderr()",
        ],
        &[],
        "core reads no environment and prints nothing",
    );
    assert_absent(
        &["static mut ", "thread_local!", "OnceLock", "LazyLock"],
        &[],
        "core holds no global",
    );
    for (path, text) in sources() {
        let global = code_lines(&text).find(|line| {
            let line = line.trim_start().trim_start_matches("pub ");
            line.trim_start_matches("(crate) ").starts_with("static ")
        });
        assert!(
            global.is_none(),
            "core holds no global: {}: {global:?}",
            path.display()
        );
    }
}

#[test]
fn core_has_threads_for_calls_that_may_hang_and_for_idle_connections() {
    assert_absent(
        &["thread::spawn", "thread::Builder"],
        &[
            "keeper/bound.rs",
            "keeper/flight.rs",
            "store/src/file/worker.rs",
            "transport/ureq/route.rs",
        ],
        "core's threads carry a call or its bound, or close idle connections",
    );
}

#[test]
fn only_the_ends_do_io() {
    let ends = [
        "transport/ureq.rs",
        // Looks whether a file that a setting names has changed.
        "settings/stamp.rs",
        // Reads the file that the setting ca_file names.
        "transport/ureq/trust.rs",
        "store/src/file/files.rs",
        "store/src/file/folder.rs",
        "store/src/file/lock.rs",
        "store/src/file/process.rs",
        "loopback.rs",
        "loopback/visitor.rs",
        // Reads the file that a setting K_file names.
        "settings/secrets.rs",
        // Reads the files that decide what this process does.
        "store/src/trusted.rs",
    ];
    assert_absent(
        &[
            "std::fs",
            "net::{",
            "fs::read",
            "TcpStream",
            "TcpListener",
            "File::",
        ],
        &ends,
        "only the two ends do I/O",
    );
}

#[test]
fn core_forbids_unsafe_code_and_knows_no_vendor() {
    let all = sources();
    let roots = all.iter().filter(|(path, _)| path.ends_with("src/lib.rs"));
    let roots: Vec<_> = roots.collect();
    assert_eq!(roots.len(), 3);
    for (path, text) in roots {
        let forbids = text.contains("#![forbid(unsafe_code)]");
        assert!(forbids, "{}", path.display());
    }
    assert_absent(
        &["docusign", "salesforce", "boldsign", "DocuSign", "BoldSign"],
        &["src/lib.rs"],
        "core knows no vendor",
    );
}
