//! A fit with profile intervals: four numbers of the retry equations from 300 samples of two states with 1 % noise, of which
//! a spike of load tips the system; the start is off by a factor of two in each.
//!
//! For comparison, scipy's `least_squares` around its `solve_ivp` by way of lmfit takes 0.58 s for the search alone.

use chacha20::ChaCha8Rng;
use criterion::{Criterion, criterion_group, criterion_main};
use rand::SeedableRng;
use rand_distr::{Distribution, Normal};
use std::hint::black_box;
use tipping::fit::calibrate::calibrate;
use tipping::fit::data::{Series, Steps};
use tipping::fit::estimate::Options;
use tipping::fit::estimate::problem::Parameter;
use tipping::fit::observe::Observable;
use tipping::fit::trajectory::{Beginning, Measured, Observation};
use tipping::model;

/// q' = load + a r - μ q/(1+q), r' = p F μ q/(1+q) - a r, F = logistic((W - τ)/(0.1 τ)), W = (1+q)/μ.
const RETRY: &str = r#"
[model]
name = "retry-ode"
load = "load"
[param]
load = "80 req/s"
mu = "150 req/s"
tau = "1 s"
p = 0.5
a = "1 /s"
[state]
q = { start = "4 req", min = "0 req" }
r = { start = "0 req", min = "0 req" }
[output]
served = "mu * q / (1 req + q)"
late = "logistic(((1 req + q) / mu - tau) / (0.1 * tau))"
[flow]
q = "load + a * r - served"
r = "p * late * served - a * r"
"#;

fn samples() -> [Series; 2] {
    let [mu, tau, p, a] = [100.0, 0.5, 0.9, 0.5];
    let slope = |t: f64, [q, r]: [f64; 2]| {
        let load = if (60.0..75.0).contains(&t) { 128.0 } else { 80.0 };
        let served = mu * q / (1.0 + q);
        let late = 1.0 / (1.0 + f64::exp(-((1.0 + q) / mu - tau) / (0.1 * tau)));
        [load + a * r - served, p * late * served - a * r]
    };
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let Ok(normal) = Normal::new(0.0, 0.01) else { panic!("a width") };
    let empty = |title: &str| Series { title: title.into(), times: vec![], spans: vec![], values: vec![] };
    let mut series = [empty("q"), empty("r")];
    let (mut x, h) = ([4.0, 0.02], 1e-3);
    for step in 0..150_000_u32 {
        let t = f64::from(step) * h;
        if step % 500 == 0 {
            for (series, x) in series.iter_mut().zip(x) {
                series.times.push(t);
                series.spans.push(0.0);
                series.values.push(x * (1.0 + normal.sample(&mut random)));
            }
        }
        let add = |k: [f64; 2], w: f64| [x[0] + w * k[0], x[1] + w * k[1]];
        let k1 = slope(t, x);
        let k2 = slope(t + h / 2.0, add(k1, h / 2.0));
        let k3 = slope(t + h / 2.0, add(k2, h / 2.0));
        let k4 = slope(t + h * 0.999_999, add(k3, h));
        x = [0, 1].map(|i| x[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
    }
    series
}

fn bench(c: &mut Criterion) {
    let study = model::load(RETRY, "retry-ode", &[])
        .map_err(|e| e.to_string())
        .and_then(|loaded| tipping::answers::study::Study::new(loaded.model).map_err(|e| e.to_string()));
    let study = match study {
        Ok(study) => study,
        Err(error) => panic!("{error}"),
    };
    let process = study.fluid.process();
    let ranges = [("mu", 1e4), ("tau", 1e4), ("p", 2.0), ("a", 1e4)];
    let free: Vec<(usize, Parameter)> = ranges
        .iter()
        .filter_map(|(path, factor)| {
            let index = process.parameter_index(path)?;
            let start = process.parameters[index].value;
            let parameter = if *path == "p" {
                Parameter::linear(*path, start).within(0.0, 1.0)
            } else {
                Parameter::log(*path, start).within(start / factor, start * factor)
            };
            Some((index, parameter))
        })
        .collect();
    let observations: Vec<Observation> = samples()
        .into_iter()
        .enumerate()
        .map(|(state, series)| Observation {
            name: series.title.clone(),
            observable: Observable::State(state),
            precision: vec![1.0; series.values.len()],
            grains: vec![0.0; series.values.len()],
            series,
        })
        .collect();
    let load = Steps { until: vec![60.0, 75.0, 150.0], values: vec![80.0, 128.0, 80.0], bridged: 0.0 };
    let measured = || {
        let load = Some((study.load_index(&study.fluid), load.clone()));
        Measured::new(&study.fluid, free.clone(), load, Beginning::Rest, observations.clone())
    };
    let fit = |mut measured: Measured| {
        let Ok(fitted) = calibrate(&mut measured, None, &Options::default()) else { panic!("a fit") };
        fitted
    };
    let found = fit(measured());
    assert!(found.estimate.status.converged() && found.estimate.intervals.len() == 4);
    c.bench_function("fit/retry equations with profiles", |b| b.iter(|| fit(black_box(measured()))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = bench
}
criterion_main!(benches);
