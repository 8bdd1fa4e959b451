//! Trajectories of the reference problem M1 per second, on the tape compiled from its file, on one core: 10,000 of 120 s over
//! load and start, at a relative tolerance of 1e-6 and an absolute one of 1e-6, to the end and not only to the decision.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::path::Path;
use std::time::Duration;
use tipping::dynamics::ensemble::{Ensemble, Job};
use tipping::dynamics::integrate::{Options, Segment};
use tipping::model::{expand, open};
use tipping::process::batch::Kernel;
use tipping::process::fluid::Fluid;

/// Points per side.
const SIDE: usize = 100;

fn m1() -> Result<Fluid, String> {
    let model = open(Path::new("models/m1.toml"), &[]).map_err(|e| format!("{e:?}"))?.model;
    Ok(Fluid::new(expand::process(&model, model.meta.closure).map_err(|e| format!("{e:?}"))?))
}

fn bench(c: &mut Criterion) {
    let fluid = match m1() {
        Ok(fluid) => fluid,
        Err(error) => panic!("{error}"),
    };
    let load = fluid.process().parameter_index("load").unwrap_or(0);
    let p = fluid.parameters();
    let options = Options { rtol: 1e-6, atol_factor: 1e-2, ..Options::default() };
    let mut group = c.benchmark_group("m1_trajectories");
    group
        .throughput(Throughput::Elements((SIDE * SIDE) as u64))
        .sample_size(20)
        .measurement_time(Duration::from_secs(4));
    for (name, loads, starts) in
        [("stiff", (100.0, 1000.0), (0.0, 3000.0)), ("mild", (600.0, 1000.0), (2000.0, 3000.0))]
    {
        let share = |i: usize| i as f64 / (SIDE - 1) as f64;
        let job = |i: usize, job: &mut Job| {
            job.start.clear();
            job.start.extend([starts.0 + (starts.1 - starts.0) * share(i / SIDE), 0.0]);
            job.segments.resize_with(1, || Segment::new(120.0, &p));
            job.segments[0].parameters[load] = loads.0 + (loads.1 - loads.0) * share(i % SIDE);
        };
        for kernel in Kernel::ALL.into_iter().filter(|k| k.is_available()) {
            let Ok(ensemble) = Ensemble::new(&fluid) else { panic!("it has no lags") };
            let ensemble = ensemble.on(kernel);
            for threads in [1, 2] {
                let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(threads).build() else { continue };
                let id = BenchmarkId::new(name, format!("{kernel:?}/{threads}"));
                group.bench_function(id, |b| {
                    b.iter(|| pool.install(|| ensemble.run(SIDE * SIDE, &options, &job)));
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
