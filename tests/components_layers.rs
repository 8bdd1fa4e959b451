//! Callers and what they do to services below, with and without: deadlines that travel, controlled delay, breakers that never
//! forget, limits of nested calls. The equations held to simulated requests.

#![expect(clippy::print_stdout, reason = "the figures measured are part of what these tests are for")]

mod common;

use common::{close, findings, study_of};
use tipping::answers::analysis::Analysis;
use tipping::model::{self, Override};
use tipping::referee::odds::{Experiment, Vary, odds};
use tipping::referee::{Outcome, Plan, Summary, System, TriggerRun};

fn system(text: &str, overrides: &[&str]) -> System {
    let overrides: Vec<Override> = overrides.iter().map(|&o| Override::new(o)).collect();
    let loaded = model::load(text, "model.toml", &overrides).unwrap_or_else(|d| panic!("{}", d.render(false)));
    System::new(&loaded.model).expect("a system")
}

fn analysis(text: &str, overrides: &[&str]) -> Analysis {
    findings(&study_of(text, overrides)).analysis
}

fn goodput_of(a: &Analysis, name: &str) -> Option<f64> {
    a.states.iter().find(|s| s.name == name).and_then(|s| s.goodput)
}

fn p50(a: &Analysis) -> Option<f64> {
    a.triggers[0].critical_duration.as_ref().and_then(|c| c.p50)
}

/// Mean goodput after a burst of `flood` req/s for some seconds, and how many runs end well.
fn after_flood(text: &str, overrides: &[&str], flood: f64, lasting: f64, horizon: f64, runs: u64) -> (f64, usize) {
    let system = system(text, overrides);
    let burst = TriggerRun { sets: vec![("client.web.load".to_owned(), flood)], at: 5.0, duration: lasting };
    let triggers = if lasting > 0.0 { vec![burst] } else { Vec::new() };
    let plan =
        Plan { seed: 11, replications: runs, triggers, sample_every: 1.0, latencies: false, ..Plan::steady(horizon) };
    let runs = system.replicate(&plan).expect("runs");
    let good = runs.iter().filter(|r| r.outcome(20.0) == Outcome::Good).count();
    (Summary::after(&system, &plan, &runs, 0.5 * horizon).clients[0].goodput.mean, good)
}

/// Load at which half of twelve collapsed systems heal within five minutes, on a grid of 2.5 % about a guess.
fn simulated_recovery(text: &str, overrides: &[&str], guess: f64) -> f64 {
    let heals = |load: f64| {
        let load_is = format!("client.web.load={load} req/s");
        let all: Vec<&str> = overrides.iter().copied().chain([load_is.as_str()]).collect();
        after_flood(text, &all, 400.0, 8.0, 313.0, 12).1 > 6
    };
    let mut load = guess;
    if heals(load) {
        while load < 1.5 * guess && heals(1.025 * load) {
            load *= 1.025;
        }
        1.0125 * load
    } else {
        while load > 0.5 * guess && !heals(load / 1.025) {
            load /= 1.025;
        }
        load / 1.0125
    }
}

fn simulated_p50(text: &str, overrides: &[&str], most: f64) -> Option<(f64, f64)> {
    let experiment = Experiment { seed: 1, replications: 100, settle: 15.0, aftermath: 60.0, most };
    let found = odds(&system(text, overrides), "spike", Vary::Duration, experiment).expect("odds");
    found.quantiles.map(|q| q.p50)
}

/// An application that waits for a database while it holds a thread, and clients who retry.
const LAYERS: &str = r#"
[model]
name = "layers"
[client.web]
calls = "app"
load = "60 req/s"
timeout = "1 s"
propagate = true
retry = { attempts = 4, backoff = "500 ms", jitter = "exponential", on = ["timeout", "reject"] }
[service.app]
servers = 400
service_time = "20 ms"
queue = { limit = 1000 }
[service.app.calls.db]
propagate = true
[service.db]
servers = 10
service_time = "100 ms"
queue = { limit = 300 }
[[trigger]]
name = "spike"
set = { "client.web.load" = "200 req/s" }
at = "30 s"
for = "1.2 s"
"#;

/// Good goodput within 3 %, recovery load within 5 %, critical duration within 8 %; prints all.
fn holds(label: &str, text: &str, overrides: &[&str]) -> Vec<String> {
    let a = analysis(text, overrides);
    let mut off = Vec::new();
    let mut hold = |what: &str, found: f64, simulated: f64, tolerance: f64| {
        let error = found / simulated - 1.0;
        println!("{label}: {what} {found:.3}, simulated {simulated:.3}, off by {:.1} %", 100.0 * error);
        if error.abs() > tolerance {
            off.push(format!("{label}: {what}"));
        }
    };
    let (simulated, good) = after_flood(text, overrides, 0.0, 0.0, 120.0, 8);
    assert_eq!(good, 8, "{label}: the good state is left");
    hold("goodput", goodput_of(&a, "good").expect("a good state"), simulated, 0.03);
    if let Some(collapsed) = goodput_of(&a, "collapsed") {
        let (simulated, _) = after_flood(text, overrides, 400.0, 8.0, 120.0, 8);
        println!("{label}: collapsed goodput {collapsed:.3}, simulated {simulated:.3}");
    }
    match &a.recovery_load {
        Some(recovery) => {
            hold("recovery load", recovery.value, simulated_recovery(text, overrides, recovery.value), 0.05);
        }
        None => {
            let (_, good) = after_flood(text, overrides, 400.0, 8.0, 313.0, 8);
            println!("{label}: no collapsed state; {good} of 8 heal");
            assert_eq!(good, 8, "{label}");
        }
    }
    let simulated = simulated_p50(text, overrides, 6.0);
    match (p50(&a), simulated) {
        (Some(found), Some((mean, error))) => {
            println!("{label}: standard error of p50 {error:.3}");
            hold("p50", found, mean, 0.08);
        }
        (found, simulated) => {
            println!("{label}: p50 {found:?}, simulated {simulated:?}");
            assert_eq!(found.is_some(), simulated.is_some(), "{label}: whether it tips");
        }
    }
    off
}

#[test]
fn a_deadline_that_travels_to_a_service_that_serves_all() {
    assert!(holds("serve", LAYERS, &[]).is_empty());
}

#[test]
fn a_deadline_that_travels_to_a_service_that_drops() {
    assert!(holds("drop", LAYERS, &["service.db.expired=drop"]).is_empty());
}

#[test]
fn a_deadline_that_travels_to_a_service_that_cancels() {
    assert!(holds("cancel", LAYERS, &["service.db.expired=cancel"]).is_empty());
}

#[test]
fn a_deadline_that_does_not_travel() {
    assert!(holds("off", LAYERS, &["client.web.propagate=false", "service.db.expired=drop"]).is_empty());
}

/// A nested call with a timeout and retries of its own: the product of attempts that a deadline cuts short.
#[test]
fn a_deadline_ends_nested_retries() {
    let nested = ["service.app.calls.db.timeout=400 ms", "service.app.calls.db.retry.attempts=3"];
    assert!(holds("nested", LAYERS, &nested).is_empty());
    let without: Vec<&str> = nested.iter().copied().chain(["client.web.propagate=false"]).collect();
    assert!(holds("nested off", LAYERS, &without).is_empty());
}
