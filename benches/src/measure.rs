//! Measures cases interleaved, by the thread's CPU time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::{Case, Kind};

/// The extent of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The number of rounds. Each round measures every case.
    pub rounds: usize,
    /// The number of turns of each case within a round.
    pub turns: usize,
    /// The duration of a turn.
    pub turn: Duration,
}

/// The measurement of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The operation.
    pub group: String,
    /// The library.
    pub name: String,
    /// Whether this is countersign, another library, or the floor.
    pub kind: Kind,
    /// The name of its floor.
    pub floor: Option<String>,
    /// CPU microseconds per operation, one number per round.
    pub micros: Vec<f64>,
    /// The multiple of the floor in the same round. Empty without a floor.
    pub ratios: Vec<f64>,
}

/// Measures every case.
///
/// Each round shuffles the groups, and the cases of a group, which take turns of a few
/// milliseconds. So a disturbance affects all of them. A round's number is its fastest turn: CPU
/// time doesn't include the time that other processes use, but it includes the cache misses that
/// they cause, which can only slow a turn down.
pub fn measure(mut cases: Vec<Case>, plan: Plan, mut progress: impl FnMut(usize)) -> Vec<Outcome> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        groups.entry(case.group.clone()).or_default().push(index);
    }
    let batches: Vec<u64> = cases
        .iter_mut()
        .map(|case| batch(case, plan.turn))
        .collect();
    let mut random = Shuffle(0x2545_f491_4f6c_dd1d);
    let mut micros = vec![Vec::new(); cases.len()];
    for round in 0..plan.rounds {
        let mut order: Vec<&Vec<usize>> = groups.values().collect();
        random.shuffle(&mut order);
        for group in order {
            let mut fastest = vec![f64::INFINITY; cases.len()];
            for _ in 0..plan.turns {
                let mut turn = group.clone();
                random.shuffle(&mut turn);
                for index in turn {
                    let each = time(&mut cases[index], batches[index]);
                    fastest[index] = fastest[index].min(each);
                }
            }
            for &index in group {
                micros[index].push(fastest[index]);
            }
        }
        progress(round + 1);
    }
    outcomes(&cases, micros)
}

/// Returns the median, the minimum and the maximum.
pub fn spread(numbers: &[f64]) -> (f64, f64, f64) {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.as_slice() {
        [] => (f64::NAN, f64::NAN, f64::NAN),
        all => (all[all.len() / 2], all[0], all[all.len() - 1]),
    }
}

fn outcomes(cases: &[Case], micros: Vec<Vec<f64>>) -> Vec<Outcome> {
    let ratios = |case: &Case, own: &[f64]| -> Vec<f64> {
        let is_floor =
            |other: &Case| other.group == case.group && Some(&other.name) == case.floor.as_ref();
        match cases.iter().position(is_floor) {
            Some(floor) => own.iter().zip(&micros[floor]).map(|(a, b)| a / b).collect(),
            None => Vec::new(),
        }
    };
    cases
        .iter()
        .zip(&micros)
        .map(|(case, own)| Outcome {
            group: case.group.clone(),
            name: case.name.clone(),
            kind: case.kind,
            floor: case.floor.clone(),
            micros: own.clone(),
            ratios: ratios(case, own),
        })
        .collect()
}

/// Returns how many operations fit into one turn.
fn batch(case: &mut Case, turn: Duration) -> u64 {
    let start = Instant::now();
    let mut times = 0;
    while start.elapsed() < turn * 2 {
        (case.run)();
        times += 1;
    }
    (times / 2).max(1)
}

/// Returns the CPU microseconds per operation.
fn time(case: &mut Case, times: u64) -> f64 {
    let before = cpu_micros();
    for _ in 0..times {
        (case.run)();
    }
    (cpu_micros() - before) / times as f64
}

fn cpu_micros() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// xorshift64: the order must differ, but need not be unpredictable.
struct Shuffle(u64);

impl Shuffle {
    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            items.swap(last, (self.0 % (last as u64 + 1)) as usize);
        }
    }
}
