//! Delays, from the model file to the answer.

mod common;

use common::{close, findings, study, study_of};
use tipping::answers::limits::LimitKind;
use tipping::dynamics::integrate::{History, Options, Segment, integrate};
use tipping::dynamics::spectrum::{SpectrumOptions, spectrum};

/// y' = -y(t - 1) as a transition that lands one second later.
const LINEAR: &str = r#"
[model]
name = "linear"
load = "load"

[param]
load = "1 /s"

[state]
y = { start = 1 }

[[transition]]
name = "decay"
rate = "load * y"
jump = { y = -1 }
delay = "1 s"
"#;

/// Exact solution of y' = -y(t-1), y = 1 for t <= 0: Σ_k (-1)^k (t-k+1)^k / k! over 0 <= k <= t + 1. For large t the sum
/// cancels; there the solution is that of the rightmost pair of characteristic roots, λ = W(-1).
fn exact(t: f64) -> f64 {
    if t <= 12.0 {
        let mut sum = 0.0;
        let mut k = 0;
        while f64::from(k) <= t + 1.0 {
            let base = t - f64::from(k) + 1.0;
            let mut term = 1.0;
            for j in 1..=k {
                term *= -base / f64::from(j);
            }
            sum += term;
            k += 1;
        }
        return sum;
    }
    // y(t) = Σ over the roots λ = W_k(-1) of e^{λ(t+1)} / (1 + λ): residues of the Laplace transform at 1/(s + e^{-s})
    let mut sum = 0.0;
    for k in 0..3 {
        let (mut re, mut im) = root_guess(k);
        // Newton on λ e^λ = -1, written as λ + e^{-λ} = 0
        for _ in 0..50 {
            let e = f64::exp(-re);
            let (fr, fi) = (re + e * im.cos(), im - e * im.sin());
            let (dr, di) = (1.0 - e * im.cos(), e * im.sin());
            let d = dr * dr + di * di;
            re -= (fr * dr + fi * di) / d;
            im -= (fi * dr - fr * di) / d;
        }
        let growth = f64::exp(re * (t + 1.0));
        let (cr, ci) = (growth * (im * (t + 1.0)).cos(), growth * (im * (t + 1.0)).sin());
        let d = (1.0 + re) * (1.0 + re) + im * im;
        sum += 2.0 * (cr * (1.0 + re) + ci * im) / d;
    }
    sum
}

fn root_guess(k: u32) -> (f64, f64) {
    [(-0.3, 1.3), (-2.1, 7.6), (-2.7, 13.9)][k as usize]
}

#[test]
fn the_exact_solution_joins() {
    // both forms of the reference agree where one takes over
    assert!((exact(12.0) - exact(12.0 + 1e-9)).abs() < 1e-8);
}

#[test]
fn a_delayed_decay_stays_exact_for_two_hundred_lags() {
    let study = study_of(LINEAR, &[]);
    let options = Options { rtol: 1e-8, ..Options::default() };
    let p = study.fluid.parameters();
    let history = History::Constant(vec![1.0]);
    let path = integrate(&study.fluid, 0.0, &history, &[Segment::new(200.0, &p)], &options).expect("a solution");
    for i in 0..=2000 {
        let t = 0.1 * f64::from(i);
        let y = path.at(t).expect("inside the span")[0];
        assert!((y - exact(t)).abs() < 1e-6, "t = {t}: {y}, exact {}", exact(t));
    }
}

/// Hutchinson's equation, N' = r N (1 - N(t-1)).
const HUTCHINSON: &str = r#"
[model]
name = "hutchinson"
load = "r"

[param]
r = "1.5707963267948966 /s"

[state]
n = { start = 1, min = 0 }

[flow]
n = "r * n * (1 - delay(n, 1 s))"
"#;

#[test]
fn hutchinsons_rightmost_root_at_its_hopf_point() {
    let study = study_of(HUTCHINSON, &[]);
    let p = study.fluid.parameters();
    let roots = spectrum(&study.fluid, &p, &[1.0], &SpectrumOptions::default()).expect("roots");
    let rightmost = roots.modes[0].value;
    assert!(rightmost.re.abs() < 1e-12, "{rightmost}");
    assert!((rightmost.im.abs() - std::f64::consts::FRAC_PI_2).abs() < 1e-12, "{rightmost}");
}

#[test]
fn a_stale_throttle_with_retries_loses_stability_at_a_hopf_point() {
    let found = findings(&study("stale-throttle", &[]));
    let tip = found.limits.tip_over.as_ref().expect("a Hopf point");
    assert_eq!(tip.kind, LimitKind::Hopf);
    let (load, omega) = (tip.load, tip.omega.expect("a frequency"));
    // Shaken a little, the queue rests below the Hopf point and swings above it, at the frequency found.
    let swing = |load: f64| {
        let study = study("stale-throttle", &[&format!("load={load} req/s")]);
        let found = findings(&study);
        let p = study.fluid.parameters();
        let rest = found.landscape.states[0].x.clone();
        let start: Vec<f64> = rest.iter().map(|x| 1.02 * x).collect();
        let path =
            integrate(&study.fluid, 0.0, &History::Constant(start), &[Segment::new(600.0, &p)], &Options::default())
                .expect("a solution");
        let late: Vec<f64> = (0..20_000).map(|i| path.at(500.0 + 0.005 * f64::from(i)).expect("inside")[0]).collect();
        let (low, high) = late.iter().fold((f64::MAX, f64::MIN), |(l, h), &x| (l.min(x), h.max(x)));
        let ups = late.windows(2).filter(|w| w[0] < rest[0] && w[1] >= rest[0]).count();
        (high - low, 2.0 * std::f64::consts::PI * ups as f64 / 100.0)
    };
    let (calm, _) = swing(0.97 * load);
    assert!(calm < 1e-3, "below the Hopf point the queue still swings by {calm}");
    let (wild, frequency) = swing(1.02 * load);
    assert!(wild > 1.0, "above the Hopf point the queue swings by {wild} only");
    close(frequency, omega, 0.1);
}
