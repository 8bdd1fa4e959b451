//! What the machine adds to the numbers of the design: capacity, overhead per request, lateness of timers.

use super::Options;
use super::files;
use crate::Error;
use crate::arrivals::Piece;
use crate::client::ClientDesign;
use crate::pair::{Design, Pair};
use std::time::{Duration, Instant};

/// Processor time of this process in seconds, if the system tells it (`/proc/self/stat`, in hundredths of a second).
fn processor() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is in brackets and may hold spaces; user and system time are fields 14 and 15.
    let rest = text.rsplit_once(')')?.1;
    let ticks: Vec<f64> = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() / 100.0)
}

/// Measures for about 40 s; writes rows into `testbed-summary.csv`.
///
/// # Errors
/// A socket cannot be had or a file cannot be written.
pub fn capacity(options: &Options) -> Result<Vec<String>, Error> {
    let mut rows = Vec::new();
    let mut row = |quantity: &str, of: &str, value: f64, unit: &str| {
        rows.push(format!("capacity,{quantity},{of},{value:.6},,,{unit}"));
    };

    // Without retries and with patience, so that all slots are busy all the time.
    let patient = ClientDesign { timeout: Duration::from_secs(5), attempts: 1, ..Design::NOMINAL.clients };
    let mut pair = Pair::start(Design { clients: patient, ..Design::NOMINAL }, options.seed, None)?;
    pair.drive(vec![Piece::constant(1.3 * Design::NOMINAL.capacity(), 24.0)]);
    std::thread::sleep(Duration::from_secs(3));
    let (before, busy, start) = (pair.counts(), processor(), Instant::now());
    std::thread::sleep(Duration::from_secs(20));
    let (after, used, time) = (pair.counts(), processor(), start.elapsed().as_secs_f64());
    let served = (after.served - before.served) as f64;
    row("served per second", "all slots busy for 20 s", served / time, "req/s");
    if let (Some(busy), Some(used)) = (busy, used) {
        row("processor time", "load 650 req/s; service and clients", (used - busy) / time, "cores");
    }
    let mean = |histogram: &crate::metrics::Histogram| histogram.sum() / histogram.count().max(1) as f64;
    let metrics = &pair.service.metrics;
    row("service time as drawn", "mean", mean(&metrics.drawn), "s");
    row("slot held longer than drawn", "mean", mean(&metrics.held) - mean(&metrics.drawn), "s");
    row("request sent later than drawn", "mean", mean(&pair.clients.metrics.late), "s");
    drop(pair);

    let mut pair = Pair::start(Design::NOMINAL, options.seed, None)?;
    let (busy, start) = (processor(), Instant::now());
    pair.drive(vec![Piece::constant(250.0, 10.0)]);
    std::thread::sleep(Duration::from_secs(11));
    if let (Some(busy), Some(used)) = (busy, processor()) {
        let requests = pair.counts().requests.max(1) as f64;
        row("processor time per request", "load 250 req/s; service and clients", (used - busy) / requests, "s");
        row(
            "processor time",
            "load 250 req/s; service and clients",
            (used - busy) / start.elapsed().as_secs_f64(),
            "cores",
        );
    }
    let seen = mean(&pair.clients.metrics.attempt) - mean(&pair.service.metrics.in_system);
    row("client sees longer than service", "load 250 req/s; mean", seen, "s");
    drop(pair);

    let mut pair = Pair::start(Design::NOMINAL, options.seed, None)?;
    pair.drive(vec![Piece::constant(1000.0, 2.0), Piece::constant(300.0, 14.0)]);
    std::thread::sleep(Duration::from_secs(4));
    let (before, busy, start) = (pair.counts(), processor(), Instant::now());
    std::thread::sleep(Duration::from_secs(10));
    let (after, time) = (pair.counts(), start.elapsed().as_secs_f64());
    row("attempts per second", "collapsed; load 300 req/s", (after.attempts - before.attempts) as f64 / time, "req/s");
    row("answered in time", "collapsed; load 300 req/s", (after.answered - before.answered) as f64 / time, "req/s");
    row("served per second", "collapsed; load 300 req/s", (after.served - before.served) as f64 / time, "req/s");
    if let (Some(busy), Some(used)) = (busy, processor()) {
        row("processor time", "collapsed; load 300 req/s; service and clients", (used - busy) / time, "cores");
    }
    files::summary(&options.out, "capacity", &rows)?;
    Ok(rows)
}
