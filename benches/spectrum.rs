//! Rightmost characteristic roots of linear equations with a delay: few roots near the axis, and many to the right of it.

use criterion::{Criterion, criterion_group, criterion_main};
use nalgebra::DMatrix;
use std::hint::black_box;
use tipping::dynamics::spectrum::{SpectrumOptions, linear_spectrum};

fn bench(c: &mut Criterion) {
    // x'(t) = -b x(t - 1): a pair crosses at every b = π/2 + 2πk.
    for (name, b) in [("few roots", 1.0), ("eight unstable roots", 22.0), ("twenty unstable roots", 60.0)] {
        let blocks = [DMatrix::zeros(1, 1), DMatrix::from_element(1, 1, -b)];
        let options = SpectrumOptions::default();
        c.bench_function(&format!("spectrum/{name}"), |bencher| {
            bencher.iter(|| linear_spectrum(black_box(&blocks), &[1.0], &options).is_ok());
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
