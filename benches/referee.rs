//! Request-level simulation: events per second on retry-storm at 60 req/s.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use tipping::model::open;
use tipping::referee::{Plan, System};

fn bench(c: &mut Criterion) {
    let system = open(Path::new("models/retry-storm.toml"), &[])
        .map_err(|e| format!("{e:?}"))
        .and_then(|loaded| System::new(&loaded.model).map_err(|e| e.to_string()));
    let system = match system {
        Ok(system) => system,
        Err(error) => panic!("retry-storm: {error}"),
    };
    let mut group = c.benchmark_group("referee");
    for (name, latencies) in [("retry-storm", true), ("retry-storm, no latencies", false)] {
        let plan = Plan { sample_every: 10.0, latencies, ..Plan::steady(10_000.0) };
        let Ok(run) = system.replication(&plan, 0) else { panic!("{name}: the plan is wrong") };
        group.throughput(Throughput::Elements(run.events));
        group.bench_function(name, |b| b.iter(|| system.replication(black_box(&plan), 0).is_ok()));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = bench
}
criterion_main!(benches);
