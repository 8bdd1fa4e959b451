//! What is counted, and how a run is handed out.

use super::cache::CacheCount;
use hdrhistogram::Histogram;

/// Blocks of time whose latencies are kept apart, so that a warm-up can be left out afterwards.
pub(super) const BLOCKS: usize = 10;
/// Significant digits of latencies.
const DIGITS: u8 = 3;
/// Latencies are kept in microseconds.
pub(super) const PER_SECOND: f64 = 1e6;

/// Counters of a service since time 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct StationCount {
    /// Attempts that reached it.
    pub offered: u64,
    /// Refused, the queue being full.
    pub rejected: u64,
    /// Taken into a slot.
    pub started: u64,
    /// Served to the end, wanted or not.
    pub served: u64,
    /// Thrown away by a slot because they had expired, or had waited longer than controlled delay allows.
    pub dropped: u64,
    /// Taken out at their timeout.
    pub cancelled: u64,
    /// Sum of the waits of those taken into a slot, in seconds.
    pub wait: f64,
    /// Sum of the squares of these waits.
    pub wait_square: f64,
    /// Integral over time of the number inside, in request seconds.
    pub inside_area: f64,
    /// Integral over time of the slots busy.
    pub busy_area: f64,
    /// Number inside now.
    pub inside: u32,
}

/// Counters of a client since time 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClientCount {
    /// Requests begun.
    pub requests: u64,
    /// Attempts sent, the first of each request included.
    pub attempts: u64,
    /// Requests answered well while their client waited.
    pub answered: u64,
    /// Requests given up for good.
    pub failed: u64,
    /// Attempts that ended in a timeout.
    pub timeouts: u64,
    /// Attempts that were refused.
    pub rejects: u64,
    /// Attempts that were answered with an error.
    pub errors: u64,
    /// Retries that the budget did not allow.
    pub unfunded: u64,
    /// Attempts that the client itself did not send: breaker, rate limit, throttle.
    pub withheld: u64,
    /// Attempts sent beside another that took long.
    pub hedges: u64,
    /// Requests answered within the target of the Apdex.
    pub satisfied: u64,
    /// Answered later, but within four times the target.
    pub tolerating: u64,
    /// Sum of the latencies of answered requests, from their first attempt, in seconds.
    pub latency: f64,
    /// Integral over time of the clients in back-off.
    pub backoff_area: f64,
    /// Clients in back-off now.
    pub in_backoff: u32,
}

/// Counters at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The time, in seconds.
    pub time: f64,
    /// By service, in the order of the model.
    pub stations: Vec<StationCount>,
    /// By client, in the order of the model.
    pub clients: Vec<ClientCount>,
    /// By cache, in the order of the model.
    pub caches: Vec<CacheCount>,
}

/// Why a run ended before its horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// More requests were under way than memory should be spent on.
    TooMany,
}

/// One replication.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub replication: u64,
    /// Counters on the grid, from time 0 to the end.
    pub samples: Vec<Sample>,
    /// Latencies of answered requests by block of time, in microseconds.
    pub latencies: Vec<Histogram<u64>>,
    /// Length of a block, in seconds.
    pub block: f64,
    /// Events carried out: requests begun, attempts that arrived, work done, answers, timeouts, waits that ended.
    pub events: u64,
    /// Why it ended early, if it did.
    pub stopped: Option<Stop>,
}

impl Run {
    /// The last sample at or before a time.
    #[must_use]
    pub fn at(&self, time: f64) -> Option<&Sample> {
        let after = self.samples.partition_point(|s| s.time <= time * (1.0 + 1e-12));
        self.samples.get(after.max(1) - 1)
    }

    /// Latencies of requests answered after a time (from the next block on), in microseconds.
    #[must_use]
    pub fn latencies_since(&self, time: f64) -> Option<Histogram<u64>> {
        let first = ((time / self.block) - 1e-9).ceil().max(0.0) as usize;
        let mut all = empty()?;
        for block in self.latencies.iter().skip(first) {
            // Histograms that grow can always be added.
            let _ = all.add(block);
        }
        Some(all)
    }
}

/// A histogram of latencies that grows as needed; three digits are always allowed.
pub(super) fn empty() -> Option<Histogram<u64>> {
    let mut histogram = Histogram::new(DIGITS).ok()?;
    histogram.auto(true);
    Some(histogram)
}
