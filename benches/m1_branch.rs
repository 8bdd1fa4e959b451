//! The whole branch of equilibria of the reference problem M1, through both folds. AUTO-07p, which is compiled, takes
//! 6.1 ms for it on the same class of machine.

use criterion::{Criterion, criterion_group, criterion_main};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use tipping::dynamics::continuation::{BranchOptions, Orientation, follow};
use tipping::dynamics::newton::newton;
use tipping::model::{expand, open};
use tipping::process::fluid::Fluid;

fn whole_branch(c: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let model = open(Path::new("models/m1.toml"), &[]).map_err(|e| format!("{e:?}"))?.model;
    let fluid = Fluid::new(expand::process(&model, model.meta.closure).map_err(|e| format!("{e:?}"))?);
    let load = fluid.process().parameter_index("load").ok_or("no load")?;
    let mut p = fluid.parameters();
    let options = BranchOptions::new(0.05 * p[load], 2.5 * p[load]);
    p[load] *= 0.1;
    let start = newton(&fluid, &p, &fluid.start())?.x;
    let walk = |options: &BranchOptions| follow(&fluid, &p, load, &start, Orientation::Up, options);
    assert_eq!(walk(&options)?.folds().count(), 2);
    c.bench_function("m1_branch", |b| b.iter(|| walk(black_box(&options))));
    let plain = BranchOptions { stability: false, ..options };
    c.bench_function("m1_branch/without stability", |b| b.iter(|| walk(black_box(&plain))));
    Ok(())
}

fn bench(c: &mut Criterion) {
    if let Err(error) = whole_branch(c) {
        panic!("{error}");
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
