//! Models fitted to time series whose parameters are known.

use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use rand_distr::{Distribution, Normal};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tipping::answers::fitting::{Fit, Follow, Free, Request, fit};
use tipping::answers::study::Study;
use tipping::fit::data::Source;
use tipping::fit::estimate::{Options, Starts};
use tipping::fit::mapping::{self, Column, Mapping};
use tipping::fit::metrics::{About, Collector, Options as Reading, read};
use tipping::fit::trajectory::Beginning;
use tipping::model;

/// A queue whose late answers are retried, all smooth: q' = load + a r - μ q/(1+q), r' = p F μ q/(1+q) - a r,
/// F = logistic((W - τ)/(0.1 τ)), W = (1+q)/μ.
const RETRY: &str = r#"
[model]
name = "retry-ode"
load = "load"
goodput = "served * (1 - late)"
[param]
load = "80 req/s"
mu = "MU req/s"
tau = "TAU s"
p = P
a = "A /s"
[state]
q = { start = "4 req", min = "0 req" }
r = { start = "0 req", min = "0 req" }
[output]
served = "mu * q / (1 req + q)"
late = "logistic(((1 req + q) / mu - tau) / (0.1 * tau))"
[flow]
q = "load + a * r - served"
r = "p * late * served - a * r"
[fit]
free = ["param.mu", "param.tau", "param.p=0..1", "param.a"]
"#;

const TRUTH: [f64; 4] = [100.0, 0.5, 0.9, 0.5];

fn retry_model(start: [f64; 4]) -> Study {
    let text = ["MU", "TAU", " P", "A"].iter().zip(start).fold(RETRY.to_owned(), |text, (name, value)| match *name {
        "MU" => text.replace("\"MU req", &format!("\"{value} req")),
        "TAU" => text.replace("\"TAU s", &format!("\"{value} s")),
        "A" => text.replace("\"A /s", &format!("\"{value} /s")),
        _ => text.replace("p = P\n", &format!("p = {value}\n")),
    });
    Study::new(model::load(&text, "retry-ode", &[]).expect("a model").model).expect("equations")
}

/// Readings of q and r every half second with noise in proportion, under a load that is 1.6 times as large for some time.
fn series(spike: (f64, f64), until: f64, start: [f64; 2], noise: f64, seed: u64) -> String {
    let [mu, tau, p, a] = TRUTH;
    let load = |t: f64| if t >= spike.0 && t < spike.1 { 128.0 } else { 80.0 };
    let slope = |t: f64, [q, r]: [f64; 2]| {
        let served = mu * q / (1.0 + q);
        let late = 1.0 / (1.0 + (-((1.0 + q) / mu - tau) / (0.1 * tau)).exp());
        [load(t) + a * r - served, p * late * served - a * r]
    };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, noise).expect("a width");
    let mut text = String::from("elapsed,load,q,r\n");
    let (mut x, mut t, h) = (start, 0.0, 1e-3);
    let mut step = 0_u32;
    while t < until {
        if step.is_multiple_of(500) {
            let e: [f64; 2] = [normal.sample(&mut random), normal.sample(&mut random)];
            text += &format!("{t:.3},{},{:.8},{:.8}\n", load(t), x[0] * (1.0 + e[0]), x[1] * (1.0 + e[1]));
        }
        let add = |x: [f64; 2], k: [f64; 2], w: f64| [x[0] + w * k[0], x[1] + w * k[1]];
        let k1 = slope(t, x);
        let k2 = slope(t + h / 2.0, add(x, k1, h / 2.0));
        let k3 = slope(t + h / 2.0, add(x, k2, h / 2.0));
        let k4 = slope(t + h * 0.999_999, add(x, k3, h));
        x = [0, 1].map(|i| x[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
        step += 1;
        t = f64::from(step) * h;
    }
    text
}

fn source(text: &str) -> Source {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tipping-fit-{}-{}.csv", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path: PathBuf = std::env::temp_dir().join(name);
    std::fs::write(&path, text).expect("written");
    let mut sink = Collector::default();
    let facts = read(&path, &Reading::default(), &mut sink).expect("read");
    std::fs::remove_file(&path).expect("removed");
    Source { path: "data.csv".to_owned(), facts, traces: sink.traces }
}

fn fitted(study: &Study, text: &str, held: &[&str], beginning: Beginning) -> Fit {
    let sources = [source(text)];
    let abouts: Vec<Vec<&About>> = sources.iter().map(|s| s.traces.iter().map(|t| &t.about).collect()).collect();
    let asked = [mapping::request("offered=load").expect("a role")];
    let mapping: Mapping = mapping::find(&abouts, &asked).expect("columns");
    let column = |name: &str| {
        let terms = mapping::columns(&abouts, name).expect("a column");
        (name.to_owned(), Column { text: name.to_owned(), terms, confidence: 1.0, because: None })
    };
    let named = held.iter().map(|name| column(name)).collect();
    let free = [("param.mu", None), ("param.tau", None), ("param.p", Some((0.0, 1.0))), ("param.a", None)];
    let free = free.map(|(path, bounds)| Free { path: path.to_owned(), bounds }).to_vec();
    let mapping = Mapping { columns: mapping.columns, open: Vec::new() };
    let request = Request { free, mapping: &mapping, named, beginning, follow: Follow::default(), play: true };
    let options = Options { starts: Starts { sampled: 64, ..Starts::default() }, ..Options::default() };
    fit(study, &sources, &request, &options).expect("a fit")
}

/// The spike tips it; from then on the queue grows. All four numbers are found to 2 % and lie in their intervals, from a
/// start that is off by a factor of two.
#[test]
fn the_retry_equations_are_found_from_one_incident() {
    let study = retry_model([150.0, 1.0, 0.5, 1.0]);
    let fit = fitted(&study, &series((60.0, 75.0), 150.0, [4.0, 0.02], 0.01, 1), &["q", "r"], Beginning::Rest);
    assert!(fit.converged && fit.identified, "{fit:?}");
    for (parameter, truth) in fit.parameters.iter().zip(TRUTH) {
        assert!((parameter.value / truth - 1.0).abs() < 0.02, "{parameter:?}");
        let (low, high) = (parameter.interval.low.expect("closed"), parameter.interval.high.expect("closed"));
        assert!(low < truth && truth < high, "{parameter:?}");
    }
    assert_eq!(fit.noise[0].power, 1.0, "noise in proportion to size is recognised: {:?}", fit.noise);
    // The fold of the true equations is at 95.45 /s.
    let tip = fit.tip_over_load.expect("a fold");
    let (low, high) = (tip.interval.low.expect("closed"), tip.interval.high.expect("closed"));
    assert!(low < 95.45 && 95.45 < high && high - low < 0.5, "{tip:?}");
}

/// A service that was always healthy does not say when its clients give up.
#[test]
fn healthy_data_do_not_identify_the_retries() {
    let study = retry_model([100.0, 0.5, 0.9, 0.5]);
    let fit = fitted(&study, &series((20.0, 20.5), 75.0, [4.0, 0.02], 0.01, 2), &["q"], Beginning::Rest);
    assert!(!fit.identified);
    let open: Vec<&str> = fit
        .parameters
        .iter()
        .filter(|p| p.interval.low.is_none() || p.interval.high.is_none())
        .map(|p| p.path.as_str())
        .collect();
    assert!(open.contains(&"tau"), "{open:?}");
    assert!(fit.tip_over_load.is_none(), "no limits from numbers that are not known");
}

/// A service that was down all the time does not say what made it so.
#[test]
fn collapsed_data_do_not_identify_the_timeout() {
    let down = series((0.0, 0.0), 75.0, [2000.0, 180.0], 0.01, 3);
    // The data begin in the collapsed state, and so does the model.
    let text = RETRY
        .replace("start = \"4 req\"", "start = \"2000 req\"")
        .replace("start = \"0 req\"", "start = \"180 req\"")
        .replace("MU", "100")
        .replace("TAU", "0.5")
        .replace("p = P", "p = 0.9")
        .replace("\"A /s", "\"0.5 /s");
    let study = Study::new(model::load(&text, "retry-ode", &[]).expect("a model").model).expect("equations");
    let fit = fitted(&study, &down, &["q"], Beginning::Start);
    assert!(!fit.identified, "{:?}", fit.parameters);
    let tau = fit.parameters.iter().find(|p| p.path == "tau").expect("tau");
    assert!(tau.interval.low.is_none() || tau.interval.high.is_none(), "{tau:?}");
}
