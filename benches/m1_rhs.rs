//! Right-hand sides of the reference problem M1: one by one, with derivatives, and over lanes. One evaluation is both
//! equations at one point.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use tipping::model::{expand, open};
use tipping::process::batch::{Batch, Kernel};
use tipping::process::field::{Field, Jacobian};
use tipping::process::fluid::Fluid;
use tipping::process::lanes::{Lanes, exp};

fn m1() -> Result<Fluid, String> {
    let model = open(Path::new("models/m1.toml"), &[]).map_err(|e| format!("{e:?}"))?.model;
    Ok(Fluid::new(expand::process(&model, model.meta.closure).map_err(|e| format!("{e:?}"))?))
}

fn scalar(c: &mut Criterion, fluid: &Fluid) {
    let p = fluid.parameters();
    let (x, mut dx) = ([900.0, 120.0], [0.0; 2]);
    c.bench_function("m1_rhs/scalar", |b| {
        b.iter(|| {
            fluid.rhs(0.0, black_box(&x), &[], &p, &mut dx);
            dx[0]
        });
    });
    let mut jacobian = Jacobian::zeros(2, 0);
    c.bench_function("m1_rhs/jacobian", |b| {
        b.iter(|| {
            fluid.jacobian(0.0, black_box(&x), &[], &p, &mut jacobian);
            jacobian.time[0]
        });
    });
}

fn lanes<const W: usize>(c: &mut Criterion, fluid: &Fluid) {
    let mut group = c.benchmark_group(format!("m1_rhs_lanes/{W}"));
    group.throughput(Throughput::Elements(W as u64));
    let spread = |low: f64, high: f64| Lanes::<W>(std::array::from_fn(|i| low + (high - low) * i as f64 / W as f64));
    let x = [spread(1.0, 4000.0), spread(0.0, 900.0)];
    let mut dx = [Lanes([0.0; W]); 2];
    for kernel in Kernel::ALL.into_iter().filter(|k| k.is_available()) {
        let mut batch = Batch::<W>::with_kernel(fluid, kernel);
        group.bench_function(BenchmarkId::from_parameter(format!("{kernel:?}")), |b| {
            b.iter(|| {
                batch.rhs(Lanes([0.0; W]), black_box(&x), &[], &mut dx);
                black_box(&dx);
            });
        });
    }
    group.finish();
}

fn exponential(c: &mut Criterion) {
    let x: [f64; 32] = std::array::from_fn(|i| -9.0 + 0.6 * i as f64);
    let mut group = c.benchmark_group("exp");
    group.throughput(Throughput::Elements(32));
    group.bench_function("ours", |b| b.iter(|| black_box(&x).map(exp)));
    group.bench_function("library", |b| b.iter(|| black_box(&x).map(f64::exp)));
    group.finish();
}

fn bench(c: &mut Criterion) {
    match m1() {
        Ok(fluid) => {
            scalar(c, &fluid);
            lanes::<16>(c, &fluid);
            lanes::<32>(c, &fluid);
            lanes::<64>(c, &fluid);
        }
        Err(error) => panic!("{error}"),
    }
    exponential(c);
}

criterion_group!(benches, bench);
criterion_main!(benches);
