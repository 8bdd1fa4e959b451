//! Replications drawn together: steady-state means with standard errors, outcomes, latencies, and bands over time.

use super::outcome::{self, Outcome, Outcomes};
use super::plan::Plan;
use super::record::{ClientCount, PER_SECOND, Run, Sample, StationCount};
use super::statistics::{Estimate, quantile, warm_up};
use super::system::System;

/// What the replications of a plan amount to. Steady-state means are over the time after the warm-up.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Length of the warm-up that is left out, in seconds.
    pub warm_up: f64,
    /// Whether the warm-up was found to end, or was given.
    pub settled: bool,
    /// How the runs ended.
    pub outcomes: Outcomes,
    /// Outcome of each, by number.
    pub each: Vec<Outcome>,
    /// By client, in the order of the model; rates in requests per second, times in seconds.
    pub clients: Vec<ClientSummary>,
    /// By service.
    pub stations: Vec<StationSummary>,
    /// Over time.
    pub series: Vec<Point>,
    /// Events carried out in all runs.
    pub events: u64,
    /// Latencies of answered requests of all clients, after the warm-up; none if none were kept or answered.
    pub latency: Option<Latency>,
}

/// Means of one client.
#[derive(Debug, Clone)]
pub struct ClientSummary {
    /// Its name.
    pub name: String,
    /// Requests begun per second.
    pub load: Estimate,
    /// Attempts sent per second.
    pub attempts: Estimate,
    /// Requests per second of which some attempt was answered in time.
    pub goodput: Estimate,
    /// Attempts per request.
    pub amplification: Estimate,
    /// Goodput / load, counted over the requests that ended: those still under way say nothing yet.
    pub served_share: Estimate,
    /// Share of attempts that time out.
    pub timeout_share: Estimate,
    /// Clients in back-off.
    pub in_backoff: Estimate,
    /// Mean latency of answered requests from their first attempt, in seconds.
    pub latency: Estimate,
    /// Apdex, if the client has a target.
    pub apdex: Option<Estimate>,
}

/// Means of one service.
#[derive(Debug, Clone)]
pub struct StationSummary {
    /// Its name.
    pub name: String,
    /// Number inside, averaged over time.
    pub inside: Estimate,
    /// Slots busy, averaged over time.
    pub busy: Estimate,
    /// Attempts arriving per second.
    pub offered: Estimate,
    /// Attempts served per second, wanted or not.
    pub throughput: Estimate,
    /// Mean time from arrival to a slot, of those who get one, in seconds.
    pub queueing: Estimate,
    /// Standard deviation of that time.
    pub queueing_deviation: Estimate,
    /// Mean time inside of those let in (Little's law), in seconds.
    pub wait: Estimate,
    /// Share of arrivals refused.
    pub blocked: Estimate,
    /// Share of those let in that are thrown away by a slot, or taken out at their timeout.
    pub discarded: Estimate,
}

/// Quantiles of latency in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Requests answered.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90 % are below.
    pub p90: f64,
    /// 99 % are below.
    pub p99: f64,
    /// 99.9 % are below.
    pub p999: f64,
}

/// A quantity over replications at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Mean.
    pub mean: f64,
    /// One in ten is below.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// One in ten is above.
    pub p90: f64,
}

/// All quantities between two samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// End of the interval, in seconds.
    pub time: f64,
    /// Bands in the order of [`Summary::names`].
    pub bands: Vec<Band>,
}

impl Summary {
    /// Summarises runs, with the warm-up found by MSER-5 on the number inside, averaged over the runs.
    #[must_use]
    pub fn of(system: &System, plan: &Plan, runs: &[Run]) -> Self {
        let mean = series(runs, inside);
        let cut = warm_up(&mean);
        let time = cut.unwrap_or(mean.len() / 2) as f64 * plan.sample_every;
        Self { settled: cut.is_some(), ..Self::after(system, plan, runs, time) }
    }

    /// Summarises runs, with a warm-up in seconds.
    #[must_use]
    pub fn after(system: &System, plan: &Plan, runs: &[Run], warm_up: f64) -> Self {
        let window = outcome::window(system, plan);
        let each: Vec<Outcome> = runs.iter().map(|r| r.outcome(window)).collect();
        let windows: Vec<(&Sample, &Sample)> =
            runs.iter().filter_map(|r| Some((r.at(warm_up)?, r.samples.last()?))).collect();
        let client = |place: usize| client(system, place, &windows);
        let station = |place: usize| station(system, place, &windows);
        Self {
            warm_up,
            settled: true,
            outcomes: Outcomes::of(&each),
            each,
            clients: (0..system.classes.len()).map(client).collect(),
            stations: (0..system.services.len()).map(station).collect(),
            series: points(system, runs),
            events: runs.iter().map(|r| r.events).sum(),
            latency: latency(runs, warm_up),
        }
    }

    /// Names and units of the quantities over time.
    #[must_use]
    pub fn names(system: &System) -> Vec<(String, &'static str)> {
        let mut names = Vec::new();
        for client in &system.model.clients {
            let name = |what: &str| format!("{}.{what}", client.name.value);
            names.extend([(name("load"), "req/s"), (name("goodput"), "req/s"), (name("attempts"), "req/s")]);
            names.push((name("in_backoff"), "req"));
        }
        for service in &system.model.services {
            let name = |what: &str| format!("{}.{what}", service.name.value);
            names.extend([(name("inside"), "req"), (name("offered"), "req/s"), (name("throughput"), "req/s")]);
            names.push((name("rejected"), "req/s"));
        }
        names
    }
}

/// All quantities over time between two samples, in the order of their names.
fn quantities(from: &Sample, to: &Sample) -> Vec<f64> {
    let step = to.time - from.time;
    let mut all = Vec::new();
    for (a, b) in from.clients.iter().zip(&to.clients) {
        let rate = |f: fn(&ClientCount) -> u64| (f(b) - f(a)) as f64 / step;
        all.extend([rate(|c| c.requests), rate(|c| c.answered), rate(|c| c.attempts)]);
        all.push((b.backoff_area - a.backoff_area) / step);
    }
    for (a, b) in from.stations.iter().zip(&to.stations) {
        let rate = |f: fn(&StationCount) -> u64| (f(b) - f(a)) as f64 / step;
        all.push((b.inside_area - a.inside_area) / step);
        all.extend([rate(|s| s.offered), rate(|s| s.served), rate(|s| s.rejected)]);
    }
    all
}

fn inside(from: &Sample, to: &Sample) -> f64 {
    let area = |s: &Sample| s.stations.iter().map(|s| s.inside_area).sum::<f64>();
    (area(to) - area(from)) / (to.time - from.time)
}

/// A quantity between samples, averaged over the runs.
fn series(runs: &[Run], of: fn(&Sample, &Sample) -> f64) -> Vec<f64> {
    let length = runs.iter().map(|r| r.samples.len()).min().unwrap_or(0);
    let at = |i: usize| runs.iter().map(|r| of(&r.samples[i - 1], &r.samples[i])).sum::<f64>() / runs.len() as f64;
    (1..length).map(at).collect()
}

fn points(system: &System, runs: &[Run]) -> Vec<Point> {
    let length = runs.iter().map(|r| r.samples.len()).max().unwrap_or(0);
    let count = Summary::names(system).len();
    let mut points = Vec::with_capacity(length);
    for i in 1..length {
        let there: Vec<Vec<f64>> =
            runs.iter().filter(|r| i < r.samples.len()).map(|r| quantities(&r.samples[i - 1], &r.samples[i])).collect();
        let band = |q: usize| {
            let mut values: Vec<f64> = there.iter().map(|v| v[q]).collect();
            values.sort_by(f64::total_cmp);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            Band { mean, p10: quantile(&values, 0.1), p50: quantile(&values, 0.5), p90: quantile(&values, 0.9) }
        };
        let time = runs.iter().find_map(|r| r.samples.get(i)).map_or(f64::NAN, |s| s.time);
        points.push(Point { time, bands: (0..count).map(band).collect() });
    }
    points
}

fn client(system: &System, place: usize, windows: &[(&Sample, &Sample)]) -> ClientSummary {
    let over = |f: &dyn Fn(&ClientCount, &ClientCount, f64) -> f64| {
        let values = windows.iter().map(|(a, b)| f(&a.clients[place], &b.clients[place], b.time - a.time));
        Estimate::of(&values.collect::<Vec<f64>>())
    };
    let ratio = |up: u64, down: u64| up as f64 / down as f64;
    let client = &system.model.clients[place];
    let target = client.apdex.as_ref().or(system.model.meta.apdex.as_ref());
    ClientSummary {
        name: client.name.value.clone(),
        load: over(&|a, b, t| (b.requests - a.requests) as f64 / t),
        attempts: over(&|a, b, t| (b.attempts - a.attempts) as f64 / t),
        goodput: over(&|a, b, t| (b.answered - a.answered) as f64 / t),
        amplification: over(&|a, b, _| ratio(b.attempts - a.attempts, b.requests - a.requests)),
        served_share: over(&|a, b, _| ratio(b.answered - a.answered, b.answered - a.answered + b.failed - a.failed)),
        timeout_share: over(&|a, b, _| ratio(b.timeouts - a.timeouts, b.attempts - a.attempts)),
        in_backoff: over(&|a, b, t| (b.backoff_area - a.backoff_area) / t),
        latency: over(&|a, b, _| (b.latency - a.latency) / (b.answered - a.answered) as f64),
        apdex: target.map(|_| {
            over(&|a, b, _| {
                let ended = b.answered - a.answered + b.failed - a.failed;
                let score = (b.satisfied - a.satisfied) as f64 + 0.5 * (b.tolerating - a.tolerating) as f64;
                score / ended as f64
            })
        }),
    }
}

fn station(system: &System, place: usize, windows: &[(&Sample, &Sample)]) -> StationSummary {
    let over = |f: &dyn Fn(&StationCount, &StationCount, f64) -> f64| {
        let values = windows.iter().map(|(a, b)| f(&a.stations[place], &b.stations[place], b.time - a.time));
        Estimate::of(&values.collect::<Vec<f64>>())
    };
    let accepted = |a: &StationCount, b: &StationCount| (b.offered - a.offered - (b.rejected - a.rejected)) as f64;
    let queueing = |a: &StationCount, b: &StationCount| (b.wait - a.wait) / (b.started - a.started) as f64;
    StationSummary {
        name: system.model.services[place].name.value.clone(),
        inside: over(&|a, b, t| (b.inside_area - a.inside_area) / t),
        busy: over(&|a, b, t| (b.busy_area - a.busy_area) / t),
        offered: over(&|a, b, t| (b.offered - a.offered) as f64 / t),
        throughput: over(&|a, b, t| (b.served - a.served) as f64 / t),
        queueing: over(&|a, b, _| queueing(a, b)),
        queueing_deviation: over(&|a, b, _| {
            let square = (b.wait_square - a.wait_square) / (b.started - a.started) as f64;
            (square - queueing(a, b).powi(2)).max(0.0).sqrt()
        }),
        wait: over(&|a, b, _| (b.inside_area - a.inside_area) / accepted(a, b)),
        blocked: over(&|a, b, _| (b.rejected - a.rejected) as f64 / (b.offered - a.offered) as f64),
        discarded: over(&|a, b, _| (b.dropped - a.dropped + b.cancelled - a.cancelled) as f64 / accepted(a, b)),
    }
}

fn latency(runs: &[Run], warm_up: f64) -> Option<Latency> {
    let mut all = runs.first()?.latencies_since(warm_up)?;
    for run in &runs[1..] {
        // Histograms that grow can always be added.
        let _ = all.add(run.latencies_since(warm_up)?);
    }
    let at = |share: f64| all.value_at_quantile(share) as f64 / PER_SECOND;
    (!all.is_empty()).then(|| Latency {
        count: all.len(),
        mean: all.mean() / PER_SECOND,
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
    })
}
