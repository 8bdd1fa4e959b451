//! Pairs with a Prometheus server beside them.

use super::{Options, files};
use crate::Error;
use crate::database::Database;
use crate::pair::{Design, Pair};
use crate::prometheus::{Panel, Prometheus, Target};

/// The columns of exported tables. `LANE` stands for the label of the pair.
const PANELS: &[Panel] = &[
    ("offered (req/s)", "rate(client_requests_total{LANE}[5s])"),
    ("attempts (req/s)", "rate(client_attempts_total{LANE}[5s])"),
    ("retries (req/s)", "rate(client_retries_total{LANE}[5s])"),
    ("goodput (req/s)", "rate(client_answered_total{LANE}[5s])"),
    ("timeouts (req/s)", "rate(client_timeouts_total{LANE}[5s])"),
    ("cache hits (req/s)", "rate(server_cache_hits_total{LANE}[5s])"),
    ("rejected (req/s)", "rate(client_rejected_total{LANE}[5s])"),
    ("served (req/s)", "rate(server_served_total{LANE}[5s])"),
    ("inflight", "server_inflight{LANE}"),
    ("queue length", "server_queue_length{LANE}"),
    ("time in system p50 (s)", "histogram_quantile(0.5, rate(server_time_in_system_seconds_bucket{LANE}[5s]))"),
    ("time in system p99 (s)", "histogram_quantile(0.99, rate(server_time_in_system_seconds_bucket{LANE}[5s]))"),
    (
        "time in system mean (s)",
        "rate(server_time_in_system_seconds_sum{LANE}[5s]) / rate(server_time_in_system_seconds_count{LANE}[5s])",
    ),
];

/// Everything that is exported as JSON: all counters and gauges, sums and counts of the histograms.
const ALL: &str = "{__name__=~\"(client|server)_.*\",__name__!~\".*_bucket\",lane=\"1\"}";

/// Pairs at work, recorded.
pub(super) struct Recorder {
    /// The pairs.
    pub(super) pairs: Vec<Pair>,
    prometheus: Prometheus,
}

impl Recorder {
    /// Starts as many pairs as there are lanes, and Prometheus.
    pub(super) fn start(options: &Options, design: Design, database: Option<&Database>) -> Result<Self, Error> {
        let start = |lane: usize| Pair::start(design, options.seed.wrapping_add(lane as u64), database);
        let pairs = (0..options.lanes.max(1)).map(start).collect::<Result<Vec<_>, _>>()?;
        let target = |job: &str, lane, at| Target { job: job.to_owned(), lane, at };
        let targets: Vec<Target> = pairs
            .iter()
            .enumerate()
            .flat_map(|(i, pair)| [target("server", i + 1, pair.service_at), target("client", i + 1, pair.clients_at)])
            .collect();
        let prometheus = Prometheus::start(&options.prometheus, &targets)?;
        Ok(Self { pairs, prometheus })
    }

    /// Mean times that slots were held and that were drawn for them, over all pairs, in seconds.
    pub(super) fn service_times(&self) -> (f64, f64) {
        let metrics = || self.pairs.iter().map(|pair| &pair.service.metrics);
        let count = metrics().map(|m| m.held.count()).sum::<u64>().max(1) as f64;
        (metrics().map(|m| m.held.sum()).sum::<f64>() / count, metrics().map(|m| m.drawn.sum()).sum::<f64>() / count)
    }

    /// Writes the first lane between two times (seconds since 1970) as `NAME.json`, and as `NAME.csv` if asked to.
    pub(super) fn export(&self, options: &Options, name: &str, from: f64, to: f64, table: bool) -> Result<(), Error> {
        let json = self.prometheus.range(ALL, from, to)?;
        files::write(&options.out.join(format!("{name}.json")), &json)?;
        if table {
            let text = self.prometheus.table(PANELS, 1, from, to)?;
            files::write(&options.out.join(format!("{name}.csv")), &text)?;
        }
        Ok(())
    }
}
