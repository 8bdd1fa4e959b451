//! Series in memory, thinned when a file has more readings than a fit can use.
//!
//! Up to [`MOST`] readings of a series are kept as they are. Beyond that they are gathered in intervals whose width
//! doubles as often as needed: the mean of a gauge, the last value of a counter, the worst of a quantile (an average of
//! quantiles is a quantile of nothing), the sum of counts per interval. Memory stays bounded for a file of any length.

use super::sink::{About, Kind, Note, Sink};
use super::stamp::{Axis, SECOND};
use super::unit::Unit;

/// Readings kept per series.
pub const MOST: usize = 1 << 17;

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Name, labels, unit and kind.
    pub about: About,
    /// Times in nanoseconds since 1970 UTC, in the order of the file.
    pub times: Vec<i64>,
    /// Values in base units; `NaN` where missing.
    pub values: Vec<f64>,
    /// Width of the intervals in nanoseconds if the readings were gathered, else zero.
    pub width: i64,
    counts: Vec<u32>,
}

impl Trace {
    /// A series without readings.
    #[must_use]
    pub fn new(about: About) -> Self {
        Self { about, times: Vec::new(), values: Vec::new(), width: 0, counts: Vec::new() }
    }

    /// Adds a reading.
    pub fn push(&mut self, time: i64, value: f64) {
        if self.width > 0 {
            let start = time.div_euclid(self.width) * self.width;
            if self.times.last() == Some(&start) {
                self.gather(value);
                return;
            }
            self.times.push(start);
        } else {
            self.times.push(time);
        }
        self.values.push(value);
        self.counts.push(u32::from(value.is_finite()));
        if self.times.len() >= MOST {
            self.thin();
        }
    }

    /// Adds a value to the last interval.
    fn gather(&mut self, value: f64) {
        let Some(last) = self.values.len().checked_sub(1) else { return };
        let (merged, count) = merge(self.about.kind, (self.values[last], self.counts[last]), (value, 1));
        (self.values[last], self.counts[last]) = (merged, count);
    }

    /// Doubles the width until half of the room is free again.
    fn thin(&mut self) {
        while self.times.len() > MOST / 2 {
            let span = self.times.last().zip(self.times.first()).map_or(0, |(last, first)| (last - first).abs());
            let least = span / i64::try_from(MOST).unwrap_or(i64::MAX);
            self.width = (2 * self.width).max(round_up(least)).max(1);
            let (mut times, mut values, mut counts): (Vec<i64>, Vec<f64>, Vec<u32>) = Default::default();
            for ((time, value), count) in self.times.iter().zip(&self.values).zip(&self.counts) {
                let start = time.div_euclid(self.width) * self.width;
                if let (Some(at), Some(held), Some(number)) = (times.last(), values.last_mut(), counts.last_mut())
                    && *at == start
                {
                    (*held, *number) = merge(self.about.kind, (*held, *number), (*value, *count));
                } else {
                    times.push(start);
                    values.push(*value);
                    counts.push(*count);
                }
            }
            (self.times, self.values, self.counts) = (times, values, counts);
        }
    }
}

/// The next of 1, 2, 5, 10, ... seconds, or the same of nanoseconds below that.
fn round_up(width: i64) -> i64 {
    let mut unit = if width > SECOND / 2 { SECOND } else { 1 };
    loop {
        for factor in [1, 2, 5] {
            if unit * factor >= width {
                return unit * factor;
            }
        }
        unit *= 10;
    }
}

/// Two readings as one.
fn merge(kind: Kind, a: (f64, u32), b: (f64, u32)) -> (f64, u32) {
    if b.1 == 0 || !b.0.is_finite() {
        return a;
    }
    if a.1 == 0 || !a.0.is_finite() {
        return b;
    }
    let count = a.1.saturating_add(b.1);
    let value = match kind {
        Kind::Gauge => a.0 + (b.0 - a.0) * f64::from(b.1) / f64::from(count),
        Kind::Counter => b.0,
        Kind::Quantile => a.0.max(b.0),
        Kind::PerInterval => a.0 + b.0,
    };
    (value, count)
}

/// Keeps every series of a file.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    /// The series.
    pub traces: Vec<Trace>,
    /// Remarks of the reader.
    pub notes: Vec<Note>,
    /// How times are written.
    pub axis: Option<Axis>,
}

impl Sink for Collector {
    fn series(&mut self, about: About) -> usize {
        self.traces.push(Trace::new(about));
        self.traces.len() - 1
    }

    fn point(&mut self, series: usize, time: i64, value: f64, _line: u64) {
        self.traces[series].push(time, if value.is_finite() { value } else { f64::NAN });
    }

    fn unit(&mut self, series: usize, unit: Unit) {
        let known = &mut self.traces[series].about.unit;
        if matches!(known, None | Some(Unit::Plain)) {
            *known = Some(unit);
        }
    }

    fn axis(&mut self, axis: &Axis) {
        self.axis = Some(axis.clone());
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sink::{About, Kind};
    use super::{MOST, SECOND, Trace};

    fn about(kind: Kind) -> About {
        About { name: "x".to_owned(), labels: Vec::new(), unit: None, kind, interval: None }
    }

    #[test]
    fn a_long_series_is_thinned_and_keeps_its_mean() {
        let count = 3 * MOST as i64;
        let mut trace = Trace::new(about(Kind::Gauge));
        for k in 0..count {
            trace.push(k * SECOND, if k % 10 == 0 { f64::NAN } else { k as f64 });
        }
        assert!(trace.times.len() <= MOST, "{}", trace.times.len());
        assert!(trace.times.windows(2).all(|w| w[0] < w[1]));
        let weighted: f64 = trace.values.iter().zip(&trace.counts).map(|(v, n)| v * f64::from(*n)).sum();
        let readings: f64 = trace.counts.iter().map(|n| f64::from(*n)).sum();
        let exact: f64 = (0..count).filter(|k| k % 10 != 0).map(|k| k as f64).sum::<f64>();
        let kept = (0..count).filter(|k| k % 10 != 0).count() as f64;
        assert_eq!(readings, kept);
        assert!((weighted / readings - exact / kept).abs() < 1e-6 * exact / kept);
    }

    #[test]
    fn quantiles_keep_their_worst_and_counters_their_last() {
        for (kind, expected) in [(Kind::Quantile, 9.0), (Kind::Counter, 3.0), (Kind::PerInterval, 18.0)] {
            let mut trace = Trace::new(about(kind));
            trace.width = 10 * SECOND;
            for (at, value) in [(0, 1.0), (2, 9.0), (4, 5.0), (6, 3.0)] {
                trace.push(at * SECOND, value);
            }
            assert_eq!(trace.values, [expected], "{kind:?}");
        }
    }
}
