//! Stochastic paths: events per second of the founding example, healthy and collapsed.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::ops::ControlFlow;
use tipping::chance::paths::{Machine, Path};
use tipping::model::{self, expand, types::Closure};

fn storm(c: &mut Criterion) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/retry-storm.toml");
    let model = model::open(&file, &[]).expect("a shipped model").model;
    let process = expand::process(&model, Closure::Fluid).expect("equations");
    let parameters: Vec<f64> = process.parameters.iter().map(|p| p.value).collect();
    let machine = Machine::new(&process, 1.0).expect("a machine");
    let mut group = c.benchmark_group("paths");
    const EVENTS: u64 = 1_000_000;
    group.throughput(Throughput::Elements(EVENTS)).sample_size(10);
    for (name, start) in [("healthy", [6.0, 0.0, 0.0, 0.0]), ("collapsed", [299.0, 30.0, 30.0, 30.0])] {
        let mut path = Path::new(&machine, &parameters, &start, 1, 0).expect("a path");
        group.bench_function(name, |b| {
            b.iter(|| {
                let until = path.events() + EVENTS;
                let mut watch = |p: &Path<'_>| {
                    if p.events() >= until { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                };
                path.advance(f64::INFINITY, &mut watch)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, storm);
criterion_main!(benches);
