//! Odds of triggers against closed forms, exact transient probabilities and published figures.

mod common;

use common::{analysis, close, findings, study_of};
use tipping::answers::study::Study;
use tipping::chance::events::Events;
use tipping::chance::odds::{NINE_TENTHS, Spread, by_end, by_parameters, spread};
use tipping::chance::run::Run;
use tipping::dynamics::integrate::{History, Options, Segment, Trajectory, integrate};
use tipping::process::field::Field;

/// Arrivals at `load`, each stays an exponential time of mean 2 s: from a Poisson number the number stays Poisson.
const LINEAR: &str = r#"
[model]
name = "linear"
load = "load"
[param]
load = "100 req/s"
stay = "2 s"
[state]
n = { start = 0, min = 0, unit = "req", scale = 10 }
[[transition]]
name = "arrive"
rate = "load"
jump = { n = 1 }
[[transition]]
name = "leave"
rate = "n / stay"
jump = { n = -1 }
"#;

fn path(study: &Study, rest: &[f64], segments: &[Segment]) -> Trajectory {
    let options = Options { rtol: 1e-7, ..Options::default() };
    integrate(&study.median, 0.0, &History::Constant(rest.to_vec()), segments, &options).expect("a path")
}

#[test]
fn a_linear_process_has_the_variance_of_its_poisson_law_and_exact_responses() {
    let study = study_of(LINEAR, &[]);
    let (base, rest) = (study.median.parameters(), [200.0]);
    let index = study.load_index(&study.median);
    let burst = |load: f64, duration: f64| {
        let mut more = base.clone();
        more[index] = load;
        vec![Segment::new(1.0, &base), Segment::new(1.0 + duration, &more), Segment::new(9.0, &base)]
    };
    let (segments, end) = (burst(400.0, 3.0), 5.0);
    let path = path(&study, &rest, &segments);
    let run = Run { fluid: &study.median, path: &path, segments: &segments, rest: &rest, today: &base };
    let events = Events::new(&study.median);
    let (response, found) = spread(&run, &events, &[1.0], (1.0, 4.0), end).expect("a response");
    let mean = path.at(end).expect("within")[0];
    let excess = 600.0 * (1.0 - f64::exp(-1.5)) * f64::exp(-0.5);
    close(mean, 200.0 + excess, 1e-6);
    close(found.expect("the past is forgotten").total, mean, 2e-3);
    close(by_end(&run, &response, 4.0), 300.0 * f64::exp(-0.5), 1e-4);
    let (more, less) = (burst(401.0, 3.0), burst(399.0, 3.0));
    close(by_parameters(&run, &response, &more, &less, 2.0), excess / 300.0, 1e-4);
}

/// Departures land 0.5 s after they were decided: n' = λ - b n(t - τ) with white noise of strength 2 λ. Its stationary
/// variance is (λ/b) (1 + sin bτ)/cos bτ (Küchler & Mensch, Stochastics 40 (1992) 23-42).
#[test]
fn a_delayed_process_has_the_variance_of_küchler_and_mensch() {
    let text = LINEAR.replace("jump = { n = -1 }", "jump = { n = -1 }\ndelay = \"0.5 s\"");
    for (stay, rate) in [("2 s", 0.5_f64), ("1 s", 1.0), ("0.5 s", 2.0)] {
        let study = study_of(&text, &[&format!("stay={stay}")]);
        let (base, rest) = (study.median.parameters(), [100.0 / rate]);
        let segments = [Segment::new(30.0, &base)];
        let path = path(&study, &rest, &segments);
        let run = Run { fluid: &study.median, path: &path, segments: &segments, rest: &rest, today: &base };
        let (_, found) = spread(&run, &Events::new(&study.median), &[1.0], (5.0, 10.0), 20.0).expect("a response");
        let expected = 100.0 / rate * (1.0 + (0.5 * rate).sin()) / (0.5 * rate).cos();
        close(found.expect("the past is forgotten").total, expected, 5e-3);
    }
}

/// Every attempt of a stream that is fired by the one before, a fixed time later, counts with all its consequences: with
/// n attempts of no effect but to add one each, one arrival adds a whole family.
#[test]
fn events_fired_later_count_as_one_family() {
    let text = r#"
        [model]
        name = "family"
        closure = "fluid"
        [client.web]
        calls = "api"
        load = "50 req/s"
        timeout = "100 ms"
        retry = { attempts = 3, backoff = "50 ms", jitter = "none" }
        [service.api]
        servers = 100000
        service_time = "10 s"
        queue = { limit = 100000 }
    "#;
    // Nearly every attempt is late: three attempts per request, each held for 10 s, so n has the variance of families of
    // three at nearly the same time: 3 per mean.
    let study = study_of(text, &[]);
    let base = study.median.parameters();
    let n = study.median.dim();
    assert_eq!(n, 1, "the waits are delays");
    let rest = [150.0 * 10.0 * 0.99];
    let segments = [Segment::new(80.0, &base)];
    let path = path(&study, &rest, &segments);
    let settled = path.final_state()[0];
    let run = Run { fluid: &study.median, path: &path, segments: &segments, rest: &rest, today: &base };
    let (_, found) = spread(&run, &Events::new(&study.median), &[1.0], (20.0, 40.0), 79.0).expect("a response");
    let total = found.expect("the past is forgotten").total;
    // Arrivals in threes within 0.3 s of a stay of 10 s, departures one by one: (3 + 1)/2 per mean, less a little for the
    // families that are torn apart.
    let ratio = total / settled;
    assert!((1.85..2.001).contains(&ratio), "{ratio} of {settled}");
}

/// A birth-death process with two wells, pushed for a while; all in one state, so that everything can be computed exactly.
const WELLS: &str = r#"
[model]
name = "wells"
load = "feed"
[param]
feed = "40 req/s"
speed = "2000 req/s"
knee = "1000 req"
life = "1.1111111111111112 s"
[state]
n = { start = 0, min = 0, unit = "req", scale = 100 }
[output]
bent = "n * n / (knee * knee + n * n)"
[[transition]]
name = "birth"
rate = "feed + speed * bent"
jump = { n = 1 }
[[transition]]
name = "death"
rate = "n / life"
jump = { n = -1 }
[[trigger]]
name = "push"
set = { feed = "1040 req/s" }
at = "1 s"
for = "500 ms"
"#;

/// Exact odds of the two wells.
struct Wells;

impl Wells {
    const STATES: usize = 2600;

    fn birth(n: usize, feed: f64) -> f64 {
        let n = n as f64;
        if n as usize + 1 < Self::STATES { feed + 2000.0 * n * n / (1e6 + n * n) } else { 0.0 }
    }

    fn death(n: usize) -> f64 {
        n as f64 / (10.0 / 9.0)
    }

    /// The stationary law of the lower well, reflected at the saddle.
    fn start(saddle: usize) -> Vec<f64> {
        let mut p = vec![0.0; Self::STATES];
        p[0] = 1e-200;
        for n in 1..=saddle {
            p[n] = p[n - 1] * Self::birth(n - 1, 40.0) / Self::death(n);
        }
        let total: f64 = p.iter().sum();
        p.iter().map(|v| v / total).collect()
    }

    /// Probability to reach the bottom of the upper well before that of the lower one, from each state.
    fn committor(lower: usize, upper: usize) -> Vec<f64> {
        let mut h = vec![0.0; Self::STATES];
        let mut term = 1.0;
        for n in lower + 1..=upper {
            h[n] = h[n - 1] + term;
            term *= Self::death(n) / Self::birth(n, 40.0);
        }
        let total = h[upper];
        (0..Self::STATES).map(|n| if n > upper { 1.0 } else { h[n] / total }).collect()
    }

    /// The law after a push of `duration`, by uniformisation: p(t) = Σ_k Poisson(k; Λt) p P^k.
    fn pushed(start: &[f64], duration: f64) -> Vec<f64> {
        let rate = 6000.0;
        let mean = rate * duration;
        let mut p = start.to_vec();
        let mut sum = vec![0.0; Self::STATES];
        let last = (mean + 12.0 * mean.sqrt() + 20.0) as usize;
        let mut log_weight = -mean;
        for k in 0..=last {
            if log_weight > -60.0 {
                let weight = log_weight.exp();
                sum.iter_mut().zip(&p).for_each(|(s, v)| *s += weight * v);
            }
            let mut next = vec![0.0; Self::STATES];
            for n in 0..Self::STATES {
                if p[n] < 1e-30 {
                    continue;
                }
                let (up, down) = (Self::birth(n, 1040.0) / rate, Self::death(n) / rate);
                if up > 0.0 {
                    next[n + 1] += up * p[n];
                }
                if down > 0.0 {
                    next[n - 1] += down * p[n];
                }
                next[n] += (1.0 - up - down) * p[n];
            }
            p = next;
            log_weight += (mean / (k + 1) as f64).ln();
        }
        sum
    }

    fn tips(duration: f64) -> f64 {
        let law = Self::pushed(&Self::start(500), duration);
        law.iter().zip(Self::committor(60, 1700)).map(|(p, h)| p * h).sum()
    }

    fn quantile(share: f64) -> f64 {
        let (mut low, mut high) = (0.1, 1.2);
        for _ in 0..12 {
            let middle = 0.5 * (low + high);
            if Self::tips(middle) < share { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }
}

#[test]
fn two_wells_tip_with_their_exact_transient_probabilities() {
    let study = study_of(WELLS, &[]);
    let found = findings(&study).analysis;
    let critical = found.triggers[0].critical_duration.clone().expect("it can tip");
    let (p10, p50, p90) = (critical.p10.expect("p10"), critical.p50.expect("p50"), critical.p90.expect("p90"));
    let exact = [0.1, 0.5, 0.9].map(Wells::quantile);
    close(p50, exact[1], 0.02);
    close(p90 - p10, exact[2] - exact[0], 0.06);
    let stated = found.triggers[0].probability.expect("known");
    assert!((stated - Wells::tips(0.5)).abs() < 0.08, "{stated} {}", Wells::tips(0.5));
}

/// Request-level simulation of the burst of `retry-storm`: p50 at four loads, and its spread at 40 req/s.
#[test]
fn the_burst_of_retry_storm_tips_when_simulated_requests_do() {
    for (load, p50) in [(40, 1.32), (60, 1.136), (75, 0.998), (85, 0.88)] {
        let found = analysis("retry-storm", &[&format!("client.web.load={load} req/s")]);
        let burst = found.triggers.iter().find(|t| t.name == "load-spike").expect("the burst");
        let critical = burst.critical_duration.clone().expect("it tips");
        close(critical.p50.expect("p50"), p50, 0.05);
        if load == 40 {
            let width = critical.p90.expect("p90") - critical.p10.expect("p10");
            close(width, 2.0 * NINE_TENTHS * 0.20, 0.2);
        }
    }
}

#[test]
fn quantiles_and_probabilities_are_inverse() {
    for growth in [-0.02, 0.0, 0.03] {
        let spread = Spread { middle: 1.3, variance: 0.04, growth };
        for (z, share) in [(-NINE_TENTHS, 0.1), (0.0, 0.5), (NINE_TENTHS, 0.9)] {
            close(spread.probability(spread.quantile(z)), share, 1e-6);
        }
    }
    assert_eq!(Spread { middle: 1.0, variance: 0.01, growth: 0.1 }.probability(0.5), 0.0);
}

#[test]
fn a_tiny_system_gets_no_odds_that_linear_noise_cannot_give() {
    let found = analysis("mm1-retry", &[]);
    let critical = found.triggers[0].critical_duration.clone().expect("it tips");
    assert!(critical.p50.is_some() && critical.p10.is_none() && critical.p90.is_none());
    assert!(found.warnings.iter().any(|w| w.contains("noise is nearly as large")), "{:?}", found.warnings);
}

#[test]
fn odds_follow_the_size_of_the_system() {
    // Tenfold the slots and tenfold the load: the same path, and a spread that is smaller by the square root of ten.
    let found = |scale: f64| {
        let set = [
            format!("service.api.servers={}", 10.0 * scale),
            format!("client.web.load={} req/s", 60.0 * scale),
            format!("service.api.queue.limit={}", 300.0 * scale),
        ];
        let set: Vec<&str> = set.iter().map(String::as_str).collect();
        let mut study = common::study("retry-storm", &set);
        for (_, change) in study.model.triggers.iter_mut().flat_map(|t| &mut t.set) {
            if let tipping::model::types::Change::To(q) = change {
                q.value *= scale;
            }
        }
        findings(&study).analysis.triggers[0].critical_duration.clone().expect("it tips")
    };
    let width = |p: tipping::answers::analysis::Percentiles| p.p90.expect("p90") - p.p10.expect("p10");
    close(width(found(10.0)), width(found(1.0)) / 10.0_f64.sqrt(), 0.06);
}
