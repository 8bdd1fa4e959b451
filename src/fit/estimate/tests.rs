//! Fits with published or known answers.

use super::identifiability::Grade;
use super::problem::{Curve, Parameter};
use super::*;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Puromycin, treated cells (Bates & Watts 1988, appendix A1.3): substrate in ppm, velocity in counts/min².
const SUBSTRATE: [f64; 12] = [0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.1, 1.1];
const VELOCITY: [f64; 12] = [76.0, 47.0, 97.0, 107.0, 123.0, 139.0, 159.0, 152.0, 191.0, 201.0, 207.0, 200.0];

fn unordered() -> Options<'static> {
    Options { ordered: false, ..Options::default() }
}

fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut random = chacha20::ChaCha8Rng::seed_from_u64(seed);
    move || StandardNormal.sample(&mut random)
}

/// Estimates, standard errors and profile-t intervals as R's `nls` and `confint` give them (R Core Team), which implement
/// chapter 6 of Bates & Watts.
#[test]
fn michaelis_menten_intervals_of_bates_and_watts() {
    for log in [false, true] {
        let scaled = |name: &str, start| if log { Parameter::log(name, start) } else { Parameter::linear(name, start) };
        let curve = Curve {
            parameters: vec![scaled("limit", 205.0), scaled("half", 0.08)],
            y: &VELOCITY,
            weights: None,
            model: |p: &[f64], i: usize| p[0] * SUBSTRATE[i] / (p[1] + SUBSTRATE[i]),
        };
        let fit = estimate(&curve, &unordered()).unwrap();
        assert!(fit.status.converged());
        assert!((fit.values[0] / 212.683_74 - 1.0).abs() < 1e-6 && (fit.values[1] / 0.064_121_28 - 1.0).abs() < 1e-5);
        assert!((fit.objective - 1195.448_815).abs() < 1e-5);
        let published = [(197.302_128_48, 229.290_064_9), (0.046_925_168, 0.086_159_953)];
        println!("{:?} {:?}", fit.intervals, fit.evaluations);
        for (interval, (lower, upper)) in fit.intervals.iter().zip(published) {
            assert!(interval.lower.closed() && interval.upper.closed());
            assert!((interval.lower.value() / lower - 1.0).abs() < 2e-4, "{interval:?} {lower}");
            assert!((interval.upper.value() / upper - 1.0).abs() < 2e-4, "{interval:?} {upper}");
        }
        if !log {
            let errors = &fit.covariance.standard_errors;
            assert!((errors[0] - 6.947_15).abs() < 1e-3 && (errors[1] - 0.008_280_95).abs() < 1e-6, "{errors:?}");
        }
        assert!(fit.identifiability.iter().all(|i| i.grade == Grade::Strong), "{:?}", fit.identifiability);
        // A derived quantity: the initial slope. Profiling it is the same as fitting with it as a parameter.
        let slope = fit.derived(&curve, &|p| Some(p[0] / p[1]), &|| false).unwrap();
        let other = Curve {
            parameters: vec![Parameter::log("slope", 3000.0), Parameter::log("half", 0.08)],
            y: &VELOCITY,
            weights: None,
            model: |p: &[f64], i: usize| p[0] * p[1] * SUBSTRATE[i] / (p[1] + SUBSTRATE[i]),
        };
        let as_parameter = estimate(&other, &unordered()).unwrap().intervals[0];
        println!("{slope:?} {as_parameter:?}");
        assert!((slope.lower.value() / as_parameter.lower.value() - 1.0).abs() < 1e-3);
        assert!((slope.upper.value() / as_parameter.upper.value() - 1.0).abs() < 1e-3);
    }
}

/// A queue that is served and refilled by retries,
/// `x' = a + y/b - x/(c + x)·d, y' = x/e - y/b`, integrated by Runge-Kutta steps and seen at 300 times with noise.
fn storm(p: &[f64], out: &mut [f64]) {
    let (load, backoff, capacity, half) = (p[0], p[1], p[2], p[3]);
    let field = |s: [f64; 2]| {
        let service = capacity * s[0] / (half + s[0]);
        let failing = 0.2 * s[0];
        [load + s[1] / backoff - service - failing, failing - s[1] / backoff]
    };
    let (mut s, h) = ([0.0, 0.0], 0.05);
    let add = |s: [f64; 2], k: [f64; 2], h: f64| [s[0] + h * k[0], s[1] + h * k[1]];
    for value in out.iter_mut() {
        for _ in 0..4 {
            let k1 = field(s);
            let k2 = field(add(s, k1, h / 2.0));
            let k3 = field(add(s, k2, h / 2.0));
            let k4 = field(add(s, k3, h));
            for i in 0..2 {
                s[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
            }
        }
        *value = s[0];
    }
}

struct Storm {
    parameters: Vec<Parameter>,
    seen: Vec<f64>,
}

impl Problem for Storm {
    type Error = std::convert::Infallible;
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
    fn residual_count(&self) -> usize {
        self.seen.len()
    }
    fn residuals(&self, p: &[f64], out: &mut [f64]) -> Result<(), Self::Error> {
        storm(p, out);
        out.iter_mut().zip(&self.seen).for_each(|(o, s)| *o -= s);
        Ok(())
    }
    fn precision(&self) -> f64 {
        1e-10
    }
}

const TRUTH: [f64; 4] = [10.0, 3.0, 12.0, 4.0];

fn storm_problem(seed: u64) -> Storm {
    let mut seen = vec![0.0; 300];
    storm(&TRUTH, &mut seen);
    let mut draw = noise(seed);
    seen.iter_mut().for_each(|s| *s += 0.3 * draw());
    let names = ["load", "backoff", "capacity", "half"];
    let starts = [6.0, 1.0, 20.0, 8.0];
    let parameters = names.iter().zip(starts).map(|(n, s)| Parameter::log(*n, s)).collect();
    Storm { parameters, seen }
}

#[test]
fn four_parameters_of_an_ode_cost_few_evaluations() {
    let problem = storm_problem(1);
    let fit = estimate(&problem, &Options::default()).unwrap();
    println!("{:?} {:?}\n{:#?}\n{:?}", fit.status, fit.values, fit.intervals, fit.evaluations);
    println!("{:?}", fit.identifiability);
    assert!(fit.status.converged());
    for (interval, truth) in fit.intervals.iter().zip(TRUTH) {
        assert!(interval.lower.value() < truth && truth < interval.upper.value(), "{interval:?} {truth}");
    }
    assert!(fit.evaluations.search + fit.evaluations.profiles < 200, "{:?}", fit.evaluations);
}
