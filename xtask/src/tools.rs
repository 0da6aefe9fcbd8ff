//! What the tests need from outside, and how it is got.

use std::process::{Command, Stdio};

/// A program the tests use, or a library by the file that pkg-config knows it by, with the Debian package that has it.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        program: "openssl",
        package: "openssl",
        why: "makes test keys and checks signatures from outside",
    },
    Tool {
        program: "chromium",
        package: "chromium",
        why: "a real browser for the login",
    },
    Tool {
        program: "chromedriver",
        package: "chromium-driver",
        why: "drives that browser",
    },
    Tool {
        program: "redis-server",
        package: "redis-server",
        why: "a real server for the Redis store's tests",
    },
    Tool {
        program: "postgres",
        package: "postgresql",
        why: "a real server for the PostgreSQL store's tests",
    },
    Tool {
        program: "pgbouncer",
        package: "pgbouncer",
        why: "a pooler in transaction mode, before that server",
    },
    Tool {
        program: "softhsm2-util",
        package: "softhsm2",
        why: "an HSM in software, to sign with through PKCS#11",
    },
    Tool {
        program: "c++",
        package: "g++",
        why: "C++ programs over the header",
    },
    Tool {
        program: "clang",
        package: "clang",
        why: "a second compiler for the headers",
    },
    Tool {
        program: "cmake",
        package: "cmake",
        why: "programs that find the library by its CMake package",
    },
    Tool {
        program: "make",
        package: "make",
        why: "what CMake builds with",
    },
    Tool {
        program: "pkg-config",
        package: "pkg-config",
        why: "programs that find the library by its countersign.pc",
    },
    Tool {
        program: "strace",
        package: "strace",
        why: "the system calls of a store's change, to kill it between them",
    },
    Tool {
        program: "valgrind",
        package: "valgrind",
        why: "leaks and invalid accesses of C programs",
    },
    Tool {
        program: "curl",
        package: "curl",
        why: "the browser of the C and C++ examples",
    },
    Tool {
        program: "libcurl.pc",
        package: "libcurl4-openssl-dev",
        why: "the HTTP client of the C++ scenarios",
    },
    Tool {
        program: "nlohmann_json.pc",
        package: "nlohmann-json3-dev",
        why: "reads the scenarios in C++",
    },
    Tool {
        program: "go",
        package: "golang-go",
        why: "the Go package (Go 1.24 or newer)",
    },
    Tool {
        program: "python3",
        package: "python3-venv",
        why: "the Python package",
    },
    Tool {
        program: "node",
        package: "nodejs",
        why: "the Node package (Node 20 or newer)",
    },
    Tool {
        program: "npm",
        package: "npm",
        why: "the Node package's dependencies",
    },
    Tool {
        program: "javac",
        package: "openjdk-17-jdk-headless",
        why: "the Java package",
    },
    Tool {
        program: "mvn",
        package: "maven",
        why: "the Java package's build",
    },
];

/// Where Debian keeps the programs of PostgreSQL's versions, out of the path.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// Whether a program can be started.
pub(crate) fn is_there(program: &str) -> bool {
    if program == "postgres" {
        let versions = std::fs::read_dir(POSTGRESQL)
            .into_iter()
            .flatten()
            .flatten();
        let mut programs = versions.map(|version| version.path().join("bin/postgres"));
        if programs.any(|program| program.exists()) {
            return true;
        }
    }
    let (program, argument) = match (program, program.strip_suffix(".pc")) {
        (_, Some(library)) => ("pkg-config", format!("--exists {library}")),
        ("openssl" | "go", None) => (program, "version".to_owned()),
        _ => (program, "--version".to_owned()),
    };
    let quiet = Command::new(program)
        .args(argument.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    quiet.is_ok_and(|status| status.success())
}

/// Installs what is missing where that can be done unasked (root on Debian), and says what is
/// still missing with the line that would install it.
pub(crate) fn provide() -> Vec<String> {
    let missing = || {
        TOOLS
            .iter()
            .filter(|tool| !is_there(tool.program))
            .collect::<Vec<_>>()
    };
    let wanted = missing();
    if wanted.is_empty() {
        return Vec::new();
    }
    let packages: Vec<_> = wanted.iter().map(|tool| tool.package).collect();
    if is_root() && is_there("apt-get") {
        let apt = |arguments: &[&str]| {
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                // The programs are wanted, not services of theirs: tests start their own servers.
                .env("RUNLEVEL", "1")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status()
        };
        let _ = apt(&["update", "-qq"]);
        let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
        install.extend(&packages);
        let _ = apt(&install);
    }
    missing()
        .iter()
        .map(|tool| {
            format!(
                "{} is missing ({}); run: sudo apt-get install {}",
                tool.program, tool.why, tool.package
            )
        })
        .collect()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
