//! Runs every case with criterion, one after the other, to look at single cases closely.

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut cases = countersign_benches::cases();
    let mut names: Vec<String> = Vec::new();
    for case in &cases {
        if !names.contains(&case.group) {
            names.push(case.group.clone());
        }
    }
    for name in names {
        let mut group = criterion.benchmark_group(&name);
        for case in cases.iter_mut().filter(|case| case.group == name) {
            group.bench_function(&case.name, |bencher| bencher.iter(&mut case.run));
        }
        group.finish();
    }
    criterion.final_summary();
}
