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
        let settings = Settings { tolerance: 1e-6, ..Settings::default() };
        let fit = estimate(&curve, &Options { settings, ..unordered() }).unwrap();
        assert!(fit.status.converged());
        assert!((fit.values[0] / 212.683_74 - 1.0).abs() < 1e-6 && (fit.values[1] / 0.064_121_28 - 1.0).abs() < 1e-5);
        assert!((fit.objective - 1_195.448_815).abs() < 1e-5);
        let published = [(197.302_128_48, 229.290_064_9), (0.046_925_168, 0.086_159_953)];
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
#[expect(clippy::print_stdout, reason = "the figures of the chapter on fitting")]
fn four_parameters_of_an_ode_cost_few_evaluations() {
    let problem = storm_problem(1);
    let before = std::time::Instant::now();
    let fit = estimate(&problem, &Options::default()).unwrap();
    println!("{:?} in {:?}", fit.evaluations, before.elapsed());
    assert!(fit.status.converged());
    for (interval, truth) in fit.intervals.iter().zip(TRUTH) {
        assert!(interval.lower.value() < truth && truth < interval.upper.value(), "{interval:?} {truth}");
    }
    assert!(fit.evaluations.search < 140 && fit.evaluations.profiles < 110, "{:?}", fit.evaluations);
}

/// Measurements of `a exp(-b x)` at 20 places.
fn decay(a: f64, b: f64, error: f64, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut draw = noise(seed);
    let x: Vec<f64> = (0..20).map(|i| f64::from(i) * 0.25).collect();
    let y = x.iter().map(|x| a * (-b * x).exp() + error * draw()).collect();
    (x, y)
}

fn decay_problem<'a>(x: &'a [f64], y: &'a [f64]) -> Curve<'a, impl Fn(&[f64], usize) -> f64 + Sync> {
    let parameters = vec![Parameter::log("size", 5.0), Parameter::log("rate", 0.5)];
    Curve { parameters, y, weights: None, model: |p: &[f64], i: usize| p[0] * (-p[1] * x[i]).exp() }
}

/// Of 400 intervals at 95 % between 92 and 97.5 % must hold the truth (three standard deviations are 3.3 %), of a
/// parameter and of a quantity computed from both.
#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let (mut rate, mut area) = (0, 0);
    for seed in 0..400 {
        let (x, y) = decay(8.0, 0.9, 0.8, seed);
        let problem = decay_problem(&x, &y);
        let fit = estimate(&problem, &unordered()).unwrap();
        let holds = |i: &profile::Interval, truth: f64| u32::from(i.lower.value() <= truth && truth <= i.upper.value());
        rate += holds(&fit.intervals[1], 0.9);
        let derived = fit.derived(&problem, &|p| Some(p[0] / p[1]), &|| false).unwrap();
        assert!(derived.lower.closed() && derived.upper.closed());
        area += holds(&derived, 8.0 / 0.9);
    }
    assert!((368..=390).contains(&rate) && (368..=390).contains(&area), "{rate} {area}");
}

/// Autocorrelated residuals (ρ = 0.6, four times fewer that count): the widened intervals cover, plain ones do not.
#[test]
fn autocorrelation_widens_intervals_until_they_cover() {
    let (mut widened, mut plain) = (0, 0);
    for seed in 0..200 {
        let mut draw = noise(seed);
        let mut e = 0.0;
        let x: Vec<f64> = (0..300).map(|i| f64::from(i) * 0.02).collect();
        let mut error = || {
            e = 0.6 * e + draw();
            0.3 * e
        };
        let y: Vec<f64> = x.iter().map(|x| 8.0 * (-0.5 * x).exp() + error()).collect();
        let holds = |ordered: bool| {
            let fit = estimate(&decay_problem(&x, &y), &Options { ordered, ..Options::default() }).unwrap();
            let i = fit.intervals[1];
            u32::from(i.lower.value() <= 0.5 && 0.5 <= i.upper.value())
        };
        widened += holds(true);
        plain += holds(false);
    }
    assert!((176..=198).contains(&widened) && plain < 160, "{widened} {plain}");
}

/// Three of twenty measurements are gross errors.
#[test]
fn robust_losses_withstand_gross_errors() {
    let (x, clean) = decay(8.0, 0.9, 0.1, 2);
    let mut spoilt = clean.clone();
    for i in [4, 9, 15] {
        spoilt[i] += 6.0;
    }
    let rate = |y: &[f64], loss| {
        let fit = estimate(&decay_problem(&x, y), &Options { loss, ..unordered() }).unwrap();
        assert!(fit.status.converged());
        (fit.values[1], fit.intervals[1])
    };
    let best = rate(&clean, Loss::Square).0;
    assert!((rate(&spoilt, Loss::Square).0 - best).abs() > 0.2);
    for (loss, closeness) in [(Loss::Huber, 0.06), (Loss::SoftL1, 0.06), (Loss::Tukey, 0.02)] {
        let (value, interval) = rate(&spoilt, loss);
        assert!((value - best).abs() < closeness, "{loss:?} {value} {best}");
        assert!(interval.lower.value() < 0.9 && interval.upper.value() > 0.9, "{loss:?} {interval:?}");
    }
}

/// A saturating curve measured only where it is still straight: the slope is known, the limit is open above, the rate
/// below; the limit times the rate is as good as known.
#[test]
fn a_limit_that_was_never_seen_is_open() {
    let mut draw = noise(3);
    let x: Vec<f64> = (1..=25).map(|i| f64::from(i) * 0.004).collect();
    let y: Vec<f64> = x.iter().map(|x| 10.0 * (1.0 - (-x).exp()) + 0.05 * draw()).collect();
    let parameters = vec![Parameter::log("limit", 5.0), Parameter::log("rate", 2.0).within(1e-6, 1e3)];
    let model = |p: &[f64], i: usize| p[0] * -(-p[1] * x[i]).exp_m1();
    let curve = Curve { parameters, y: &y, weights: None, model };
    let fit = estimate(&curve, &unordered()).unwrap();
    let (limit, rate) = (&fit.intervals[0], &fit.intervals[1]);
    assert!(limit.lower.closed() && !limit.upper.closed() && rate.upper.closed());
    assert_eq!(rate.lower, profile::End::Open(1e-6));
    assert!(fit.identifiability.iter().all(|i| i.grade == Grade::Weak), "{:?}", fit.identifiability);
    let reasons = fit.identifiability[0].reasons.join(", ");
    assert!(reasons.contains("`rate`") && reasons.contains("only a bound limits it from above"), "{reasons}");
    let slope = fit.derived(&curve, &|p| Some(p[0] * p[1]), &|| false).unwrap();
    // With the slope as a parameter of its own.
    let parameters = vec![Parameter::log("slope", 5.0), Parameter::log("rate", 2.0).within(1e-6, 1e3)];
    let model = |p: &[f64], i: usize| p[0] * -(-p[1] * x[i]).exp_m1() / p[1];
    let other = estimate(&Curve { parameters, y: &y, weights: None, model }, &unordered()).unwrap().intervals[0];
    // The slope is lowest where the curve is straight: there the bound of the rate ends it.
    assert!(!slope.lower.closed() && slope.upper.closed());
    assert!((slope.lower.value() / other.lower.value() - 1.0).abs() < 2e-3);
    assert!((slope.upper.value() / other.upper.value() - 1.0).abs() < 2e-3);
}

/// Only the product of two parameters matters, and a third matters not at all.
#[test]
fn what_cannot_be_told_is_said_and_why() {
    let mut draw = noise(4);
    let y: Vec<f64> = (0..20).map(|i| 6.0 * f64::from(i) + draw()).collect();
    let parameters = vec![Parameter::log("a", 1.0), Parameter::log("b", 4.0), Parameter::log("idle", 7.0)];
    let curve = Curve { parameters, y: &y, weights: None, model: |p: &[f64], i: usize| p[0] * p[1] * i as f64 };
    let fit = estimate(&curve, &unordered()).unwrap();
    assert!(fit.status.converged());
    assert_eq!(fit.covariance.null.len(), 1);
    assert!(fit.identifiability.iter().all(|i| i.grade == Grade::None), "{:?}", fit.identifiability);
    assert!(fit.identifiability[0].reasons[0].contains("`b`"), "{:?}", fit.identifiability);
    assert!(fit.identifiability[2].reasons[0].contains("no effect"), "{:?}", fit.identifiability);
    let product = fit.derived(&curve, &|p| Some(p[0] * p[1]), &|| false).unwrap();
    assert!(product.lower.closed() && product.upper.closed() && product.lower.value() > 5.0, "{product:?}");
    assert!(product.upper.value() < 7.0 && (product.value - 6.0).abs() < 0.2);
}

/// Non-negative least squares by hand: the unconstrained solution of the pair has a negative second coefficient, so that
/// the constrained one is `b = 0, a = Σxy/Σx²`, exactly on the bound.
#[test]
fn an_optimum_on_a_bound_is_exactly_there() {
    let y = [1.0, 1.8, 2.4, 2.8];
    let parameters = vec![
        Parameter::linear("a", 1.0).within(0.0, f64::INFINITY),
        Parameter::linear("b", 1.0).within(0.0, f64::INFINITY),
    ];
    let x = |i: usize| (i + 1) as f64;
    let curve =
        Curve { parameters, y: &y, weights: None, model: |p: &[f64], i: usize| p[0] * x(i) + p[1] * x(i) * x(i) };
    let fit = estimate(&curve, &unordered()).unwrap();
    assert!(fit.status.converged());
    assert_eq!(fit.values[1], 0.0);
    assert!((fit.values[0] - (1.0 + 3.6 + 7.2 + 11.2) / 30.0).abs() < 1e-9);
    assert_eq!(fit.covariance.on_bound, [1]);
    assert!(fit.identifiability[1].reasons[0].contains("bound"));
}

/// The frequency of a sine has many local optima; a sample of starts finds the best, the same for any number of threads.
#[test]
fn several_starts_find_the_best_of_many_optima() {
    let mut draw = noise(6);
    let y: Vec<f64> = (0..60).map(|i| (1.7 * f64::from(i) * 0.2).sin() + 0.1 * draw()).collect();
    let parameters = || vec![Parameter::linear("frequency", 0.3).within(0.1, 6.0)];
    let model = |p: &[f64], i: usize| (p[0] * i as f64 * 0.2).sin();
    let curve = Curve { parameters: parameters(), y: &y, weights: None, model };
    let alone = estimate(&curve, &unordered()).unwrap();
    assert!((alone.values[0] - 1.7).abs() > 0.5, "{:?}", alone.values);
    let starts = Starts { sampled: 64, followed: 6, ..Starts::default() };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| estimate(&curve, &Options { starts, ..unordered() }).unwrap())
    };
    let (one, many) = (with(1), with(4));
    assert!((one.values[0] - 1.7).abs() < 0.02, "{:?}", one.values);
    assert!(one.starts.agreeing >= 1 && one.starts.searches == 7);
    assert_eq!(one.values[0].to_bits(), many.values[0].to_bits());
    assert_eq!(one.intervals, many.intervals);
}

/// A quantity that exists only for some of the parameters inside the region (as a tip-over load does): the end that runs
/// into the others is not found, and says so.
#[test]
fn an_end_where_the_quantity_does_not_exist_is_unresolved() {
    let (x, y) = decay(8.0, 0.9, 0.5, 2);
    let problem = decay_problem(&x, &y);
    let fit = estimate(&problem, &unordered()).unwrap();
    let rate = fit.intervals[1];
    let edge = f64::midpoint(rate.lower.value(), rate.value);
    let some = fit.derived(&problem, &|p| (p[1] > edge).then_some(p[1]), &|| false).unwrap();
    assert!(matches!(some.lower, profile::End::Unresolved(v) if v >= edge && v <= rate.value), "{some:?} {rate:?}");
    assert!((some.upper.value() / rate.upper.value() - 1.0).abs() < 1e-3, "{some:?} {rate:?}");
    assert!(fit.derived(&problem, &|_| None, &|| false).is_none());
}

struct WrongDerivative(Vec<Parameter>);

impl Problem for WrongDerivative {
    type Error = std::convert::Infallible;
    fn parameters(&self) -> &[Parameter] {
        &self.0
    }
    fn residual_count(&self) -> usize {
        3
    }
    fn residuals(&self, p: &[f64], out: &mut [f64]) -> Result<(), Self::Error> {
        out.copy_from_slice(&[p[0] - 1.0, p[0] - 2.0, p[0] - 4.0]);
        Ok(())
    }
    fn jacobian(&self, _: &[f64], out: &mut DMatrix<f64>) -> Result<bool, Self::Error> {
        out.fill(-1.0);
        Ok(true)
    }
}

#[test]
fn what_does_not_converge_does_not_say_so() {
    let problem = WrongDerivative(vec![Parameter::linear("x", 9.0)]);
    let fit = estimate(&problem, &unordered()).unwrap();
    assert_eq!(fit.status, Status::Stalled);
    assert!(!fit.status.converged() && fit.intervals.is_empty());

    let (x, y) = decay(8.0, 0.9, 0.1, 2);
    let interrupted = estimate(&decay_problem(&x, &y), &Options { interrupt: &|| true, ..unordered() }).unwrap();
    assert_eq!(interrupted.status, Status::Interrupted);
    let settings = Settings { max_iterations: 1, ..Settings::default() };
    let short = estimate(&decay_problem(&x, &y), &Options { settings, ..unordered() }).unwrap();
    assert_eq!(short.status, Status::IterationLimit);
}

#[test]
fn starts_that_cannot_be_used_are_refused() {
    let y = [1.0, 2.0, 3.0];
    let fit = |start: Parameter| {
        let curve = Curve { parameters: vec![start], y: &y, weights: None, model: |p: &[f64], i| p[0].ln() * i as f64 };
        estimate(&curve, &unordered()).map(|f| f.values)
    };
    assert!(matches!(fit(Parameter::log("a", -1.0)), Err(Failure::Parameters(_))));
    assert!(matches!(fit(Parameter::linear("a", 5.0).within(0.0, 1.0)), Err(Failure::Parameters(_))));
    assert!(matches!(fit(Parameter::linear("a", -1.0)), Err(Failure::Start(Trouble::NotFinite { index: 0 }))));
    let parameters = (0..4).map(|i| Parameter::linear(format!("p{i}"), 1.0)).collect();
    let curve = Curve { parameters, y: &y, weights: None, model: |p: &[f64], i| p[i] };
    assert!(matches!(estimate(&curve, &unordered()), Err(Failure::TooFew { residuals: 3, parameters: 4 })));
}
