//! A log of single requests, counted in intervals.
//!
//! Load generators write one row per request. What a model can be held to is what happens per second: requests
//! begun, answered well, failed; the mean and the tail of their times; the number inside, by Little's law the sum of
//! the times spent inside the interval divided by its width. Rows come in any order; intervals are kept until the end,
//! and their width doubles when there are too many of them.

use super::sink::{About, Kind, Note, Sink};
use super::stamp::SECOND;
use super::unit::Unit;
use std::collections::BTreeMap;

/// Intervals kept before their width is doubled.
const MOST: usize = 20_000;
/// Longest time of a request that is told apart, in seconds.
const LONGEST: f64 = 86_400.0;

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    /// Begun at, in nanoseconds.
    pub(super) start: i64,
    /// Time until the answer or the failure, in seconds.
    pub(super) duration: f64,
    /// Whether it was answered well.
    pub(super) ok: bool,
}

#[derive(Default)]
struct Interval {
    begun: u64,
    served: u64,
    failed: u64,
    /// Sum of the times of those that ended here, in seconds.
    spent: f64,
    /// Time spent inside during this interval by all requests, in seconds.
    inside: f64,
    times: Times,
}

/// Counts requests.
pub(super) struct Requests {
    width: i64,
    intervals: BTreeMap<i64, Interval>,
    /// Load that was meant to be sent and was not (k6's dropped iterations), per interval.
    dropped: BTreeMap<i64, f64>,
    /// Width was not asked for, so it may grow.
    free: bool,
}

impl Requests {
    /// Intervals of `step` seconds, 1 s if not given.
    pub(super) fn new(step: Option<f64>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let width = step.map_or(SECOND, |s| (s.clamp(1e-3, 1e6) * 1e9).round() as i64);
        Self { width, intervals: BTreeMap::new(), dropped: BTreeMap::new(), free: step.is_none() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// Mean number inside over the whole intervals, by Little's law.
    pub(super) fn mean_inside(&self) -> f64 {
        let spent: f64 = self.intervals.values().map(|interval| interval.inside).sum();
        let span = match (self.intervals.keys().next(), self.intervals.keys().next_back()) {
            (Some(first), Some(last)) => super::clock::seconds(self.width) * (last - first + 1) as f64,
            _ => return 0.0,
        };
        spent / span
    }

    /// Load that was not sent.
    pub(super) fn dropped(&mut self, at: i64, count: f64) {
        *self.dropped.entry(at.div_euclid(self.width)).or_default() += count;
    }

    /// One request.
    pub(super) fn add(&mut self, request: Request) {
        #[expect(clippy::cast_possible_truncation, reason = "clamped to an hour")]
        let long = (request.duration.clamp(0.0, 3600.0) * 1e9).round() as i64;
        let end = request.start.saturating_add(long);
        let (first, last) = (request.start.div_euclid(self.width), end.div_euclid(self.width));
        self.intervals.entry(first).or_default().begun += 1;
        let ended = self.intervals.entry(last).or_default();
        if request.ok {
            ended.served += 1;
        } else {
            ended.failed += 1;
        }
        ended.spent += request.duration;
        ended.times.add(request.duration);
        // Every interval it touches, up to a bound: an hour in intervals of a millisecond is nobody's question.
        for index in (first..=last).take(100_000) {
            let from = request.start.max(index * self.width);
            let until = end.min((index + 1) * self.width);
            self.intervals.entry(index).or_default().inside += super::clock::seconds(until - from);
        }
        if self.free && self.intervals.len() > MOST {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width *= 2;
        let mut wide: BTreeMap<i64, Interval> = BTreeMap::new();
        for (index, interval) in std::mem::take(&mut self.intervals) {
            let into = wide.entry(index.div_euclid(2)).or_default();
            into.begun += interval.begun;
            into.served += interval.served;
            into.failed += interval.failed;
            into.spent += interval.spent;
            into.inside += interval.inside;
            into.times.merge(&interval.times);
        }
        self.intervals = wide;
        let mut dropped: BTreeMap<i64, f64> = BTreeMap::new();
        for (index, count) in std::mem::take(&mut self.dropped) {
            *dropped.entry(index.div_euclid(2)).or_default() += count;
        }
        self.dropped = dropped;
    }

    /// Hands the counts on as series. The first and the last interval are only partly covered and left out when there
    /// are others.
    pub(super) fn finish(self, sink: &mut dyn Sink) {
        let series = |sink: &mut dyn Sink, name: &str, unit: Unit, kind: Kind| {
            sink.series(About { name: name.to_owned(), labels: Vec::new(), unit: Some(unit), kind, interval: None })
        };
        let rate = |sink: &mut dyn Sink, name: &str| series(sink, name, Unit::PerSecond, Kind::Gauge);
        let begun = rate(sink, "begun");
        let served = rate(sink, "served");
        let failed = rate(sink, "failed");
        let inside = series(sink, "inflight", Unit::Plain, Kind::Gauge);
        let mean = series(sink, "latency_mean", Unit::Seconds, Kind::Gauge);
        let quantiles = [("latency_p50", 0.5), ("latency_p90", 0.9), ("latency_p99", 0.99)]
            .map(|(name, share)| (series(sink, name, Unit::Seconds, Kind::Quantile), share));
        let lost = (!self.dropped.is_empty()).then(|| rate(sink, "dropped"));
        let width = super::clock::seconds(self.width);
        let (Some(first), Some(last)) =
            (self.intervals.keys().next().copied(), self.intervals.keys().next_back().copied())
        else {
            return;
        };
        let whole = if last - first >= 3 { first + 1..last } else { first..last + 1 };
        sink.note(Note::fact(format!("requests are counted in intervals of {width} s")));
        if last - first < 3 {
            sink.note(Note::doubt(
                "the log is so short that its first and last intervals are only partly covered: give --step",
            ));
        }
        let empty = Interval::default();
        for index in whole.take(10_000_000) {
            let at = index * self.width;
            let interval = self.intervals.get(&index).unwrap_or(&empty);
            #[expect(clippy::cast_precision_loss, reason = "counts")]
            let per = |count: u64| count as f64 / width;
            sink.point(begun, at, per(interval.begun), 0);
            sink.point(served, at, per(interval.served), 0);
            sink.point(failed, at, per(interval.failed), 0);
            sink.point(inside, at, interval.inside / width, 0);
            #[expect(clippy::cast_precision_loss, reason = "counts")]
            let ended = (interval.served + interval.failed) as f64;
            sink.point(mean, at, if ended > 0.0 { interval.spent / ended } else { f64::NAN }, 0);
            for (number, share) in quantiles {
                sink.point(number, at, interval.times.quantile(share), 0);
            }
            if let Some(number) = lost {
                sink.point(number, at, self.dropped.get(&index).copied().unwrap_or(0.0) / width, 0);
            }
        }
    }
}

/// Times in classes 1 % wide, only those that occur: a quantile is right to half a percent, and an interval with few
/// requests takes little room.
#[derive(Default)]
struct Times(BTreeMap<i32, u64>);

/// Logarithm of the width of a class.
const CLASS: f64 = 0.009_950_330_853_168_092;

impl Times {
    fn add(&mut self, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let class = (seconds.clamp(1e-9, LONGEST).ln() / CLASS).round() as i32;
        *self.0.entry(class).or_default() += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (class, count) in &other.0 {
            *self.0.entry(*class).or_default() += count;
        }
    }

    /// The smallest time that at least this share of requests did not exceed; `NaN` without requests.
    fn quantile(&self, share: f64) -> f64 {
        let all: u64 = self.0.values().sum();
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let wanted = share * all as f64;
        let mut seen = 0_u64;
        for (class, count) in &self.0 {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "counts")]
            if seen as f64 >= wanted {
                return (f64::from(*class) * CLASS).exp();
            }
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::super::collect::Collector;
    use super::{Request, Requests, Times};

    #[test]
    fn quantiles_are_right_to_half_a_percent() {
        let mut times = Times::default();
        for k in 1..=1000 {
            times.add(f64::from(k) * 1e-3);
        }
        for (share, exact) in [(0.5, 0.5), (0.9, 0.9), (0.99, 0.99)] {
            let found = times.quantile(share);
            assert!((found / exact - 1.0).abs() < 0.006, "{share}: {found}");
        }
        assert!(Times::default().quantile(0.5).is_nan());
    }

    #[test]
    fn rates_and_littles_law() {
        // Ten requests a second, each 0.25 s long: 2.5 inside.
        let mut requests = Requests::new(None);
        for k in (0..100).rev() {
            requests.add(Request { start: k * 100_000_000, duration: 0.25, ok: k % 10 != 0 });
        }
        let mut sink = Collector::default();
        requests.finish(&mut sink);
        let mean = |name: &str| {
            let trace = sink.traces.iter().find(|t| t.about.name == name).expect(name);
            trace.values.iter().sum::<f64>() / trace.values.len() as f64
        };
        assert!((mean("begun") - 10.0).abs() < 1e-9);
        assert!((mean("served") - 9.0).abs() < 1e-9);
        assert!((mean("failed") - 1.0).abs() < 1e-9);
        assert!((mean("inflight") - 2.5).abs() < 1e-9);
        assert!((mean("latency_mean") - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_long_log_is_widened() {
        let mut requests = Requests::new(None);
        for k in 0..50_000 {
            requests.add(Request { start: k * 1_000_000_000, duration: 0.1, ok: true });
        }
        assert_eq!(requests.width, 4_000_000_000);
    }
}
