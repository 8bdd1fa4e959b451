//! Counters, gauges and histograms, and the text in which Prometheus reads them.
//!
//! Format: Prometheus text exposition 0.0.4; the buckets of a histogram are cumulative and end with `+Inf`.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds, or subtracts.
    pub fn add(&self, by: i64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// Sets it.
    pub fn set(&self, to: i64) {
        self.0.store(to, Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Durations counted in buckets, with their sum.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Vec<AtomicU64>,
    nanos: AtomicU64,
}

impl Histogram {
    /// An empty one; `bounds` are the upper ends of its buckets in seconds, increasing, without the infinite one.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(), nanos: AtomicU64::new(0) }
    }

    /// One duration more. A value on a bound belongs to the bucket that it ends.
    pub fn record(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.nanos.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// How many were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// Their sum in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.nanos.load(Relaxed) as f64 / 1e9
    }
}

/// A page of metrics in the making.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Adds a counter.
    pub fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.head(name, "counter", help);
        let _ = writeln!(self.0, "{name} {}", counter.get());
    }

    /// Adds a gauge.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// Adds a histogram.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let mut below = 0;
        for (i, count) in histogram.counts.iter().enumerate() {
            below += count.load(Relaxed);
            let bound = histogram.bounds.get(i).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let _ = writeln!(self.0, "{name}_sum {}\n{name}_count {below}", histogram.sum());
    }

    /// The text.
    #[must_use]
    pub fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_the_count() {
        let histogram = Histogram::new(&[0.01, 0.1]);
        for millis in [5, 10, 50, 500] {
            histogram.record(Duration::from_millis(millis));
        }
        let mut page = Page::default();
        page.histogram("wait_seconds", "Waiting.", &histogram);
        assert_eq!(
            page.text(),
            "# HELP wait_seconds Waiting.\n# TYPE wait_seconds histogram\n\
             wait_seconds_bucket{le=\"0.01\"} 2\nwait_seconds_bucket{le=\"0.1\"} 3\nwait_seconds_bucket{le=\"+Inf\"} 4\n\
             wait_seconds_sum 0.565\nwait_seconds_count 4\n"
        );
        assert_eq!(histogram.count(), 4);
    }

    #[test]
    fn counters_and_gauges_have_a_type() {
        let counter = Counter::default();
        counter.inc();
        counter.inc();
        let mut page = Page::default();
        page.counter("requests_total", "Requests.", &counter);
        page.gauge("inflight", "In service.", 3.0);
        let text = page.text();
        assert!(text.contains("# TYPE requests_total counter\nrequests_total 2\n"));
        assert!(text.contains("# TYPE inflight gauge\ninflight 3\n"));
    }
}
