//! `RESULTS.md`: the goals, every table, and what it was measured on.

use std::fmt::Write;

use crate::Kind;
use crate::measure::{Outcome, Plan, spread};

/// What it was measured on, and how.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    cores: usize,
    flags: Vec<&'static str>,
    system: String,
    rustc: String,
    crates: Vec<(&'static str, String)>,
    load: (String, String),
    plan: Plan,
}

/// What decides how fast arithmetic with large numbers and hashing can be.
const FLAGS: &[&str] = &[
    "adx",
    "bmi2",
    "sha_ni",
    "avx2",
    "avx512f",
    "avx512ifma",
    "vaes",
    "neon",
    "sha2",
];

const CRATES: &[&str] = &[
    "ring",
    "aws-lc-rs",
    "aws-lc-sys",
    "base64-simd",
    "jsonwebtoken",
    "jwt-simple",
    "superboring",
    "josekit",
    "openssl",
    "serde_json",
];

/// The goals of the design, as the most that may be measured.
const GOALS: &[Goal] = &[
    Goal::ratio("RS256-2048", "countersign on ring", 1.01),
    Goal::ratio("PS256-2048", "countersign on ring", 1.01),
    Goal::ratio("ES256", "countersign on ring", 1.02),
    Goal::ratio("EdDSA", "countersign on ring", 1.02),
    Goal::ratio("RS256-2048", "countersign on aws-lc", 1.01),
    Goal::ratio("PS256-2048", "countersign on aws-lc", 1.01),
    Goal::ratio("ES256", "countersign on aws-lc", 1.02),
    Goal::ratio("EdDSA", "countersign on aws-lc", 1.02),
    Goal::micros("assembling", "countersign, a writer that is kept", 0.10),
];

struct Goal {
    group: &'static str,
    name: &'static str,
    most: f64,
    is_ratio: bool,
}

impl Goal {
    const fn ratio(group: &'static str, name: &'static str, most: f64) -> Self {
        Self {
            group,
            name,
            most,
            is_ratio: true,
        }
    }

    const fn micros(group: &'static str, name: &'static str, most: f64) -> Self {
        Self {
            group,
            name,
            most,
            is_ratio: false,
        }
    }
}

impl Machine {
    /// Looks at this machine.
    pub fn look(load_before: String, plan: Plan) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let line = |name: &str| {
            let found = cpuinfo.lines().find(|line| line.starts_with(name));
            let value = found.and_then(|line| line.split_once(':'));
            value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
        };
        let flags = line("flags");
        let has = |flag: &&&str| flags.split(' ').any(|known| known == **flag);
        let lock = include_str!("../../Cargo.lock");
        Self {
            cpu: line("model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            flags: FLAGS.iter().filter(has).copied().collect(),
            system: told("uname", &["-srm"]),
            rustc: told("rustc", &["--version"]),
            crates: CRATES
                .iter()
                .flat_map(|name| versions(lock, name).into_iter().map(|v| (*name, v)))
                .collect(),
            load: (load_before, load()),
            plan,
        }
    }
}

/// The load average of the last minute.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// The whole page.
pub fn write(outcomes: &[Outcome], machine: &Machine) -> String {
    let mut page = String::from(
        "# What a token costs\n\n\
         Written by `cargo xtask bench`; do not edit. Numbers are CPU microseconds of one thread for \
         doing a thing once, the median over rounds with the least and the most; a round's number is \
         its fastest turn. “× floor” is the median of the ratios within each round, where all cases \
         of a group took turns of a few milliseconds.\n\n![Tokens per second](tokens.svg)\n\n",
    );
    write_goals(&mut page, outcomes);
    write_leaders(&mut page, outcomes);
    let mut groups: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !groups.contains(&outcome.group.as_str()) {
            groups.push(&outcome.group);
        }
    }
    for group in groups {
        write_group(&mut page, group, outcomes);
    }
    write_machine(&mut page, machine, outcomes);
    page
}

fn write_goals(page: &mut String, outcomes: &[Outcome]) {
    page.push_str("## Goals\n\n| what | goal | measured | |\n|---|---|---|---|\n");
    for goal in GOALS {
        let found = outcomes
            .iter()
            .find(|o| o.group == goal.group && o.name == goal.name);
        let Some(outcome) = found else {
            continue;
        };
        let (numbers, unit, goal_text) = match goal.is_ratio {
            true => (
                &outcome.ratios,
                " ×",
                format!("≤ {:.2} × raw sign", goal.most),
            ),
            false => (&outcome.micros, " µs", format!("≤ {:.2} µs", goal.most)),
        };
        let (median, least, most) = spread(numbers);
        // Judged by what is shown: a hundredth of a percent is far below the noise.
        let verdict = match (median * 1000.0).round() <= (goal.most * 1000.0).round() {
            true => "reached",
            false => "**missed**",
        };
        let _ = writeln!(
            page,
            "| {}: {} | {goal_text} | {median:.3}{unit} ({least:.3}–{most:.3}) | {verdict} |",
            goal.group, goal.name
        );
    }
    page.push('\n');
}

/// Who is first in each group that signs, us among them.
fn write_leaders(page: &mut String, outcomes: &[Outcome]) {
    let signing: Vec<&str> = {
        let mut names: Vec<&str> = Vec::new();
        for outcome in outcomes.iter().filter(|o| o.name.ends_with("raw sign")) {
            if !names.contains(&outcome.group.as_str()) {
                names.push(&outcome.group);
            }
        }
        names
    };
    page.push_str("## Against the other libraries\n\n");
    page.push_str("| | ours, best | fastest other | other ÷ ours |\n|---|---|---|---|\n");
    for group in signing {
        let best = |kind: Kind| {
            let of_kind = outcomes
                .iter()
                .filter(|o| o.group == group && o.kind == kind);
            of_kind.min_by(|a, b| spread(&a.micros).0.total_cmp(&spread(&b.micros).0))
        };
        let (Some(ours), Some(peer)) = (best(Kind::Ours), best(Kind::Peer)) else {
            continue;
        };
        let (a, b) = (spread(&ours.micros).0, spread(&peer.micros).0);
        let _ = writeln!(
            page,
            "| {group} | {} {} µs | {} {} µs | {:.2} |",
            ours.name,
            micros(a),
            peer.name,
            micros(b),
            b / a
        );
    }
    page.push('\n');
}

fn write_group(page: &mut String, group: &str, outcomes: &[Outcome]) {
    let _ = writeln!(page, "## {group}\n");
    page.push_str("| who | CPU µs | least–most | × floor | per second |\n|---|---|---|---|---|\n");
    let mut rows: Vec<&Outcome> = outcomes.iter().filter(|o| o.group == group).collect();
    rows.sort_by(|a, b| spread(&a.micros).0.total_cmp(&spread(&b.micros).0));
    for row in rows {
        let (median, least, most) = spread(&row.micros);
        let name = match row.kind {
            Kind::Ours => format!("**{}**", row.name),
            Kind::Floor => format!("{} (floor)", row.name),
            Kind::Peer => row.name.clone(),
        };
        let ratio = match spread(&row.ratios).0 {
            ratio if ratio.is_nan() => String::new(),
            ratio => format!("{ratio:.3}"),
        };
        let _ = writeln!(
            page,
            "| {name} | {} | {}–{} | {ratio} | {} |",
            micros(median),
            micros(least),
            micros(most),
            thousands(1e6 / median)
        );
    }
    page.push('\n');
}

fn write_machine(page: &mut String, machine: &Machine, outcomes: &[Outcome]) {
    let plan = machine.plan;
    let floors = outcomes.iter().filter(|o| o.kind == Kind::Floor);
    let mut noise: Vec<f64> = floors
        .map(|o| spread(&o.micros))
        .map(|(median, least, most)| 100.0 * (most - least) / median)
        .collect();
    noise.sort_by(f64::total_cmp);
    let typical = noise.get(noise.len() / 2).copied().unwrap_or(f64::NAN);
    let worst = noise.last().copied().unwrap_or(f64::NAN);
    let crates: Vec<String> = machine
        .crates
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = write!(
        page,
        "## How it was measured\n\n\
         - {} rounds; in each, every case of a group takes {} turns of {} ms in another order. CPU \
         time of the thread (`CLOCK_THREAD_CPUTIME_ID`), so time taken by neighbours is not counted, \
         but what they evict from the caches is.\n\
         - Noise: between rounds the floors differ by {typical:.1} % typically and {worst:.1} % at \
         worst (most − least, of the median). Load average {} before, {} after, on {} cores.\n\
         - Machine: {} ({}), {}.\n\
         - {}; {}.\n\
         - All cases sign the same claims, with keys that `openssl` made for this run. The other \
         libraries write their claims with serde, as “claims by serde” does here.\n\
         - jsonwebtoken parses its key again for every token, which is in its numbers.\n\
         - Command: `cargo xtask bench`.\n",
        plan.rounds,
        plan.turns,
        plan.turn.as_millis(),
        machine.load.0,
        machine.load.1,
        machine.cores,
        machine.cpu,
        machine.flags.join(", "),
        machine.system,
        machine.rustc,
        crates.join(", "),
    );
}

/// Three digits that mean something.
fn micros(value: f64) -> String {
    match value {
        v if v < 1.0 => format!("{v:.3}"),
        v if v < 100.0 => format!("{v:.2}"),
        v => format!("{v:.1}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The versions of a crate in a `Cargo.lock`.
fn versions(lock: &str, name: &str) -> Vec<String> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line == wanted
            && let Some(version) = lines.next()
        {
            found.push(
                version
                    .trim_start_matches("version = ")
                    .trim_matches('"')
                    .to_owned(),
            );
        }
    }
    found
}

fn told(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
