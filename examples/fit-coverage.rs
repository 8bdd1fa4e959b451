//! How often the 95 % intervals of a fit hold the truth, on data of the request-level simulation.
//!
//! `cargo run --release --example fit-coverage [FITS] [FIRST SEED]`: one incident of `models/retry-storm.toml` after another
//! is simulated request by request (a burst tips the service, shedding heals it), sampled every second as Prometheus would,
//! and fitted from a start that is off. The truth of the limits is where the equations with the true numbers have their folds.

#![expect(clippy::print_stdout, reason = "an example prints")]

use rayon::prelude::*;
use std::fmt::Write;
use tipping::answers::analysis::analyze;
use tipping::answers::fitting::{Fit, Follow, Free, Range, Request, fit};
use tipping::answers::study::Study;
use tipping::fit::data::Source;
use tipping::fit::estimate::Options;
use tipping::fit::mapping;
use tipping::fit::metrics::{About, Collector, Options as Reading, read};
use tipping::fit::trajectory::Beginning;
use tipping::model::{self, Override};
use tipping::referee::statistics::{Interval, NORMAL_95};
use tipping::referee::{Plan, Run, System, TriggerRun};

type Anything = Box<dyn std::error::Error + Send + Sync>;

const MODEL: &str = include_str!("../models/retry-storm.toml");
const LENGTH: f64 = 120.0;
const FREE: [&str; 3] = ["service.api.service_time", "client.web.timeout", "client.web.retry.backoff"];
const START: [&str; 3] =
    ["service.api.service_time=85 ms", "client.web.timeout=1.3 s", "client.web.retry.backoff=700 ms"];

fn study(overrides: &[&str]) -> Result<(Study, String), Anything> {
    let overrides: Vec<Override> = overrides.iter().map(|o| Override::new(*o)).collect();
    let loaded = model::load(MODEL, "retry-storm.toml", &overrides).map_err(|d| d.to_string())?;
    Ok((Study::new(loaded.model).map_err(|e| e.to_string())?, loaded.sha256))
}

/// What was counted, second by second.
fn table(run: &Run) -> String {
    let mut text = String::from(
        "elapsed,client_requests_total,client_attempts_total,client_answered_total,server_served_total,server_inflight\n",
    );
    for sample in &run.samples {
        let (client, station) = (&sample.clients[0], &sample.stations[0]);
        let _ = writeln!(
            text,
            "{},{},{},{},{},{}",
            sample.time, client.requests, client.attempts, client.answered, station.served, station.inside
        );
    }
    text
}

fn fitted(study: &Study, text: &str, name: &str) -> Result<Fit, Anything> {
    let path = std::env::temp_dir().join(format!("tipping-coverage-{}-{name}.csv", std::process::id()));
    std::fs::write(&path, text)?;
    let mut sink = Collector::default();
    let facts = read(&path, &Reading::default(), &mut sink).map_err(|e| e.to_string())?;
    std::fs::remove_file(&path)?;
    let sources = [Source { path: "data.csv".to_owned(), facts, traces: sink.traces }];
    let abouts: Vec<Vec<&About>> = sources.iter().map(|s| s.traces.iter().map(|t| &t.about).collect()).collect();
    let asked = [
        "offered=client_requests_total",
        "attempts=client_attempts_total",
        "goodput=client_answered_total",
        "served=server_served_total",
        "inflight=server_inflight",
    ];
    let asked =
        asked.iter().map(|text| mapping::request(text)).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    let mapping = mapping::find(&abouts, &asked).map_err(|e| e.to_string())?;
    let free = FREE.iter().map(|path| Free { path: (*path).to_owned(), bounds: None }).collect();
    let follow = if std::env::args().any(|a| a == "--follow-nothing") { Follow::Nothing } else { Follow::Counts };
    let request = Request {
        free,
        mapping: &mapping,
        named: Vec::new(),
        beginning: Beginning::Rest,
        follow,
        play: !std::env::args().any(|a| a == "--no-play"),
    };
    Ok(fit(study, &sources, &request, &Options::default()).map_err(|e| e.to_string())?)
}

fn holds(range: Range, truth: f64) -> bool {
    range.low.is_some_and(|low| low <= truth) && range.high.is_some_and(|high| truth <= high)
}

fn main() -> Result<(), Anything> {
    let number =
        |index: usize, default: u64| std::env::args().nth(index).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (fits, first) = (number(1, 200), number(2, 1));
    let (truth, sha256) = study(&[])?;
    let analysis = analyze(&truth, &sha256).map_err(|e| e.to_string())?;
    let limit = |found: &Option<tipping::answers::limits::Limit>| found.as_ref().map(|l| l.load);
    let (tip, recovery) = (limit(&analysis.limits.tip_over), limit(&analysis.limits.recovery));
    let (Some(tip), Some(recovery)) = (tip, recovery) else { return Err("no folds".into()) };
    let system = System::new(&truth.model).map_err(|e| e.to_string())?;
    let set =
        |load: f64, at: f64, duration: f64| TriggerRun { sets: vec![("client.web.load".into(), load)], at, duration };
    // Tips at 20 s, heals by shedding from 50 s on, tips and is let recover once more.
    let triggers = vec![set(200.0, 20.0, 3.0), set(15.0, 50.0, 12.0), set(150.0, 80.0, 2.0), set(15.0, 95.0, 10.0)];
    let results: Vec<Result<Fit, Anything>> = (first..first + fits)
        .into_par_iter()
        .map(|seed| {
            let plan = Plan {
                seed,
                replications: 1,
                horizon: LENGTH,
                sample_every: 1.0,
                triggers: triggers.clone(),
                latencies: false,
            };
            let run = system.replication(&plan, 0).map_err(|e| e.to_string())?;
            // Equations keep scratch space: each thread has its own.
            fitted(&study(&START)?.0, &table(&run), &seed.to_string())
        })
        .collect();
    let done: Vec<&Fit> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
    let failed = results.iter().filter(|r| r.is_err()).count();
    let refused = done.iter().filter(|f| !(f.converged && f.identified)).count();
    let good: Vec<&Fit> = done.into_iter().filter(|f| f.converged && f.identified).collect();
    println!("{} fits, {refused} not identified or not converged, {failed} failed", results.len());
    if let Some(error) = results.iter().find_map(|r| r.as_ref().err()) {
        println!("first failure: {error}");
    }
    println!("{:<26} {:>9} {:>9} {:>8} {:>8}  coverage (Wilson 95 %)", "quantity", "truth", "mean", "bias", "width");
    let report = |name: &str, truth: f64, found: Vec<(f64, Range)>| {
        let n = found.len().max(1);
        let mean = found.iter().map(|f| f.0).sum::<f64>() / n as f64;
        let widths: Vec<f64> = found.iter().filter_map(|(_, r)| Some(r.high? - r.low?)).collect();
        let width = widths.iter().sum::<f64>() / widths.len().max(1) as f64;
        let covered = found.iter().filter(|(_, r)| holds(*r, truth)).count();
        let Interval { share, low, high } = Interval::wilson(covered, n, NORMAL_95);
        println!(
            "{name:<26} {truth:>9.3} {mean:>9.3} {:>7.2}% {:>7.2}%  {:.1} % ({:.1} to {:.1}), {covered} of {n}",
            100.0 * (mean / truth - 1.0),
            100.0 * width / truth,
            100.0 * share,
            100.0 * low,
            100.0 * high
        );
    };
    for (index, path) in FREE.iter().enumerate() {
        let quantity = truth.model.quantity(path).ok_or("no such number")?;
        let found = good.iter().map(|f| (f.parameters[index].value, f.parameters[index].interval)).collect();
        report(path, quantity.value / quantity.factor, found);
    }
    let limits = |pick: fn(&Fit) -> Option<(f64, Range)>| good.iter().filter_map(|f| pick(f)).collect::<Vec<_>>();
    report("tip-over load", tip, limits(|f| f.tip_over_load.as_ref().map(|l| (l.value, l.interval))));
    report("recovery load", recovery, limits(|f| f.recovery_load.as_ref().map(|l| (l.value, l.interval))));
    Ok(())
}
