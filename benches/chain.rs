//! Markov chains: building them, stationary distribution, first-passage times.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use tipping::answers::study::Study;
use tipping::chance::chain::build::ProcessChain;
use tipping::model::{self, Override};
use tipping::process::population::Process;

const ROOM: u64 = 8 << 30;

fn process(text: &str, set: &[&str]) -> Process {
    let overrides: Vec<Override> = set.iter().map(|o| Override::new(*o)).collect();
    let loaded = model::load(text, "bench", &overrides).unwrap_or_else(|d| panic!("{}", d.render(false)));
    Study::new(loaded.model).expect("a study").fluid.process().clone()
}

fn set(built: &ProcessChain, name: &str) -> Vec<bool> {
    built.sets.iter().find(|s| s.0 == name).expect("a set").1.clone()
}

/// 2,000 states: everything from the process on, stationary distribution and three passage times.
fn queue_orbit(c: &mut Criterion) {
    let process = process(include_str!("../models/queue-orbit.toml"), &[]);
    c.bench_function("chain of 2,000 states, stationary and three passage times", |b| {
        b.iter(|| {
            let built = ProcessChain::new(&process, &[]).expect("a chain");
            let stationary = built.chain.stationary(ROOM).expect("solved");
            let times =
                ["empty", "short", "long"].map(|to| built.chain.passage(&set(&built, to), ROOM).expect("solved").mean);
            black_box((stationary, times))
        });
    });
}

/// 80,601 states, nearly decomposable.
fn retrial(c: &mut Criterion) {
    let sizes = ["limit=200", "state.n.max=200", "room=400", "state.o.max=400", "load=11 /s"];
    let process = process(include_str!("../models/retrial.toml"), &sizes);
    let mut group = c.benchmark_group("chain of 80,601 states");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("building", |b| b.iter(|| black_box(ProcessChain::new(&process, &[]).expect("a chain"))));
    let built = ProcessChain::new(&process, &[]).expect("a chain");
    group.bench_function("stationary and two passage times", |b| {
        b.iter(|| {
            let stationary = built.chain.stationary(ROOM).expect("solved");
            let times =
                ["good", "collapsed"].map(|to| built.chain.passage(&set(&built, to), ROOM).expect("solved").mean);
            black_box((stationary, times))
        });
    });
    group.finish();
}

criterion_group!(benches, queue_orbit, retrial);
criterion_main!(benches);
