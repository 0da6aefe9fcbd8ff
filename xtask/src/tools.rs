//! The programs that the tests need, and how to install them.

use std::process::{Command, Stdio};

/// A program or pkg-config file (`NAME.pc`) that the tests use, and its Debian package.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        program: "openssl",
        package: "openssl",
        why: "generates test keys and verifies signatures independently",
    },
    Tool {
        program: "chromium",
        package: "chromium",
        why: "a real browser for login tests",
    },
    Tool {
        program: "chromedriver",
        package: "chromium-driver",
        why: "controls the browser",
    },
    Tool {
        program: "redis-server",
        package: "redis-server",
        why: "the server for tests of the Redis store",
    },
    Tool {
        program: "postgres",
        package: "postgresql",
        why: "the server for tests of the PostgreSQL store",
    },
    Tool {
        program: "pgbouncer",
        package: "pgbouncer",
        why: "a connection pooler in front of PostgreSQL",
    },
    Tool {
        program: "softhsm2-util",
        package: "softhsm2",
        why: "a software HSM for tests of PKCS#11",
    },
    Tool {
        program: "c++",
        package: "g++",
        why: "compiles C++ programs",
    },
    Tool {
        program: "clang",
        package: "clang",
        why: "compiles the headers with a second compiler",
    },
    Tool {
        program: "cmake",
        package: "cmake",
        why: "builds programs that use the CMake package",
    },
    Tool {
        program: "make",
        package: "make",
        why: "runs CMake's builds",
    },
    Tool {
        program: "pkg-config",
        package: "pkg-config",
        why: "builds programs that use countersign.pc",
    },
    Tool {
        program: "strace",
        package: "strace",
        why: "lists the file store's system calls",
    },
    Tool {
        program: "valgrind",
        package: "valgrind",
        why: "finds leaks and invalid accesses in C programs",
    },
    Tool {
        program: "curl",
        package: "curl",
        why: "acts as the browser of the C and C++ examples",
    },
    Tool {
        program: "libcurl.pc",
        package: "libcurl4-openssl-dev",
        why: "sends the HTTP requests of the C++ scenarios",
    },
    Tool {
        program: "nlohmann_json.pc",
        package: "nlohmann-json3-dev",
        why: "parses the scenarios in C++",
    },
    Tool {
        program: "go",
        package: "golang-go",
        why: "builds the Go package; version 1.24 or newer",
    },
    Tool {
        program: "python3",
        package: "python3-venv",
        why: "builds the Python package",
    },
    Tool {
        program: "node",
        package: "nodejs",
        why: "runs the Node package; version 20 or newer",
    },
    Tool {
        program: "npm",
        package: "npm",
        why: "installs the Node package's dependencies",
    },
    Tool {
        program: "javac",
        package: "openjdk-17-jdk-headless",
        why: "compiles the Java package",
    },
    Tool {
        program: "mvn",
        package: "maven",
        why: "builds the Java package",
    },
];

/// Debian's folder for PostgreSQL's programs, which are not in the path.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// Reports whether a program is installed.
pub(crate) fn is_installed(program: &str) -> bool {
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

/// Installs missing programs if this runs as root on Debian.
///
/// Returns a line for each program that is still missing, with the command that installs it.
pub(crate) fn install_missing() -> Vec<String> {
    let missing = || {
        TOOLS
            .iter()
            .filter(|tool| !is_installed(tool.program))
            .collect::<Vec<_>>()
    };
    let wanted = missing();
    if wanted.is_empty() {
        return Vec::new();
    }
    let packages: Vec<_> = wanted.iter().map(|tool| tool.package).collect();
    if is_root() && is_installed("apt-get") {
        let apt = |arguments: &[&str]| {
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                // Don't start services: the tests start their own servers.
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
                "{} is not installed ({}); run: sudo apt-get install {}",
                tool.program, tool.why, tool.package
            )
        })
        .collect()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
