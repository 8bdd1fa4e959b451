//! Several series on one time grid.
//!
//! A reading of a gauge stands for the interval it falls into (their mean, if there are several); a counter becomes a
//! rate between its readings, a fall being a restart at zero; a count per interval is divided by its interval; of
//! quantiles the worst is taken, because their mean is a quantile of nothing. An interval without a reading stays
//! missing: nothing is filled in.
//!
//! Times that run back are not sorted away. A file written newest first is turned round. Where a clock was set back, the
//! readings that come after it and are not later than those before are left out and counted.

use super::collect::Trace;
use super::sink::Kind;
use super::stamp::SECOND;

/// A series on its way to the grid: rates and levels at increasing times.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Times in nanoseconds, increasing. For a rate the end of its interval.
    pub times: Vec<i64>,
    /// Width of the interval that each value is a mean over, in nanoseconds; zero for a sample of a level.
    pub spans: Vec<i64>,
    /// Values; `NaN` where missing.
    pub values: Vec<f64>,
    /// Readings left out because the clock had been set back.
    pub left_out: u64,
    /// Readings at one time that were merged.
    pub merged: u64,
    /// Restarts of a counter.
    pub restarts: u64,
}

impl Level {
    /// Makes levels and rates of readings.
    #[must_use]
    pub fn of(trace: &Trace) -> Self {
        let reversed = is_reversed(&trace.times);
        let count = trace.times.len();
        let order = (0..count).map(|k| if reversed { count - 1 - k } else { k });
        let mut level = Self { times: vec![], spans: vec![], values: vec![], left_out: 0, merged: 0, restarts: 0 };
        let mut weight = 1.0;
        for index in order {
            let (at, value) = (trace.times[index], trace.values[index]);
            match level.times.last() {
                Some(last) if at < *last => level.left_out += 1,
                Some(last) if at == *last => {
                    level.merged += 1;
                    if let Some(held) = level.values.last_mut() {
                        weight = merge(trace.about.kind, held, value, weight);
                    }
                }
                _ => {
                    weight = 1.0;
                    level.times.push(at);
                    level.values.push(value);
                    level.spans.push(0);
                }
            }
        }
        match trace.about.kind {
            Kind::Counter => level.differentiate(),
            Kind::PerInterval => level.per_interval(trace.about.interval),
            Kind::Gauge | Kind::Quantile => {}
        }
        level
    }

    /// Where what it says begins: a rate speaks of the time before its first reading.
    fn begins(&self) -> Option<i64> {
        let rate = self.times.iter().zip(&self.spans).find(|(_, span)| **span > 0).map(|(at, span)| at - span);
        rate.or_else(|| self.times.first().copied())
    }

    /// A counter as a rate: increments over the time between readings that are there.
    fn differentiate(&mut self) {
        let mut before: Option<(i64, f64)> = None;
        for index in 0..self.times.len() {
            let (at, value) = (self.times[index], self.values[index]);
            if !value.is_finite() {
                continue;
            }
            (self.values[index], self.spans[index]) = match before {
                None => (f64::NAN, 0),
                Some((then, held)) => {
                    let grown = if value < held {
                        self.restarts += 1;
                        value
                    } else {
                        value - held
                    };
                    (grown / super::clock::seconds(at - then), at - then)
                }
            };
            before = Some((at, value));
        }
    }

    /// A count per interval as a rate. An interval that the file does not name is the usual step.
    fn per_interval(&mut self, interval: Option<f64>) {
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let named = interval.map(|s| (s.clamp(1e-6, 1e9) * 1e9).round() as i64);
        let Some(width) = named.or_else(|| usual_step(&self.times)) else {
            self.values.fill(f64::NAN);
            return;
        };
        for (value, (span, at)) in self.values.iter_mut().zip(self.spans.iter_mut().zip(&mut self.times)) {
            *value /= super::clock::seconds(width);
            *span = width;
            // A period is named by its start; a rate here is named by its end.
            *at += width;
        }
    }
}

/// Whether most steps go back in time.
fn is_reversed(times: &[i64]) -> bool {
    let back = times.windows(2).filter(|w| w[1] < w[0]).count();
    let on = times.windows(2).filter(|w| w[1] > w[0]).count();
    back > on
}

fn merge(kind: Kind, held: &mut f64, value: f64, weight: f64) -> f64 {
    if !value.is_finite() {
        return weight;
    }
    if !held.is_finite() {
        *held = value;
        return 1.0;
    }
    match kind {
        // Doubled readings of one thing (two Prometheus servers) are no sum.
        Kind::Gauge | Kind::PerInterval => *held += (value - *held) / (weight + 1.0),
        Kind::Counter | Kind::Quantile => *held = held.max(value),
    }
    weight + 1.0
}

/// The most common positive step, in nanoseconds.
#[must_use]
pub fn usual_step(times: &[i64]) -> Option<i64> {
    let mut steps: Vec<i64> = times.windows(2).map(|w| (w[1] - w[0]).abs()).filter(|s| *s > 0).collect();
    if steps.is_empty() {
        return None;
    }
    // Times written with a jitter of milliseconds have no most common step: the median stands for it.
    steps.sort_unstable();
    Some(steps[steps.len() / 2])
}

/// A grid of equal intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Start of the first interval, in nanoseconds.
    pub start: i64,
    /// Width of an interval, in nanoseconds.
    pub width: i64,
    /// Number of intervals.
    pub count: usize,
}

/// Most intervals of a grid.
const MOST: i64 = 1 << 20;

impl Grid {
    /// The grid over what all series cover together, as wide as the coarsest of them (or `step` nanoseconds). `None` if
    /// there is no time that all of them cover.
    #[must_use]
    pub fn over(levels: &[&Level], step: Option<i64>) -> Option<Self> {
        let width = step.or_else(|| {
            levels
                .iter()
                .filter_map(|level| {
                    let spans = level.spans.iter().copied().max().unwrap_or(0);
                    usual_step(&level.times).map(|s| if spans > 0 { s.max(usual(&level.spans)) } else { s })
                })
                .max()
        })?;
        let width = width.max(1);
        let start = levels.iter().filter_map(|level| level.begins()).max()?;
        let end = levels.iter().filter_map(|level| level.times.last().copied()).min()?;
        let start = start.div_euclid(width) * width;
        if end < start {
            return None;
        }
        let count = (end - start) / width + 1;
        let count = usize::try_from(count.min(MOST)).ok()?;
        Some(Self { start, width, count })
    }

    /// Middle of an interval, in seconds after the start of the grid.
    #[must_use]
    pub fn middle(&self, index: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count of intervals")]
        let position = index as f64 + 0.5;
        position * super::clock::seconds(self.width)
    }

    /// The values of a series on this grid: for a rate the mean weighted by how long each reading's interval overlaps
    /// the grid's; for a level the mean of the samples in it; the worst of quantiles.
    #[must_use]
    pub fn place(&self, level: &Level, kind: Kind) -> Vec<f64> {
        let mut sums = vec![0.0_f64; self.count];
        let mut weights = vec![0.0_f64; self.count];
        let mut worst = vec![f64::NEG_INFINITY; self.count];
        for ((at, span), value) in level.times.iter().zip(&level.spans).zip(&level.values) {
            if !value.is_finite() {
                continue;
            }
            let from = at - span;
            if *span == 0 {
                if let Some(index) = self.index(*at) {
                    sums[index] += value;
                    weights[index] += 1.0;
                    worst[index] = worst[index].max(*value);
                }
                continue;
            }
            let first = (from - self.start).div_euclid(self.width).max(0);
            let last = (at - 1 - self.start).div_euclid(self.width);
            for slot in first..=last {
                let Some(index) = usize::try_from(slot).ok().filter(|i| *i < self.count) else { break };
                let begin = self.start + slot * self.width;
                let overlap = (*at).min(begin + self.width) - from.max(begin);
                let share = super::clock::seconds(overlap.max(0));
                sums[index] += value * share;
                weights[index] += share;
                worst[index] = worst[index].max(*value);
            }
        }
        let quantile = kind == Kind::Quantile;
        (0..self.count)
            .map(|index| match weights[index] {
                0.0 => f64::NAN,
                _ if quantile => worst[index],
                weight => sums[index] / weight,
            })
            .collect()
    }

    fn index(&self, at: i64) -> Option<usize> {
        let slot = (at - self.start).div_euclid(self.width);
        usize::try_from(slot).ok().filter(|index| *index < self.count)
    }
}

/// Median of the positive spans.
fn usual(spans: &[i64]) -> i64 {
    let mut positive: Vec<i64> = spans.iter().copied().filter(|s| *s > 0).collect();
    positive.sort_unstable();
    positive.get(positive.len() / 2).copied().unwrap_or(0)
}

/// Seconds as nanoseconds.
#[must_use]
pub fn nanos(seconds: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "clamped")]
    let nanos = (seconds.clamp(-9e9, 9e9) * SECOND as f64).round() as i64;
    nanos
}

#[cfg(test)]
mod tests {
    use super::super::collect::Trace;
    use super::super::sink::{About, Kind};
    use super::super::stamp::SECOND;
    use super::{Grid, Level};

    fn trace(kind: Kind, readings: &[(i64, f64)]) -> Trace {
        let mut trace = Trace::new(About { name: "x".into(), labels: vec![], unit: None, kind, interval: None });
        for (at, value) in readings {
            trace.push(at * SECOND, *value);
        }
        trace
    }

    #[test]
    fn a_counter_becomes_a_rate_through_its_restart() {
        let level = Level::of(&trace(Kind::Counter, &[(0, 100.0), (10, 150.0), (20, 20.0), (40, 60.0)]));
        assert!(level.values[0].is_nan());
        assert_eq!(level.values[1..], [5.0, 2.0, 2.0]);
        assert_eq!(level.restarts, 1);
        let grid = Grid::over(&[&level], Some(10 * SECOND)).expect("a grid");
        assert_eq!(grid.place(&level, Kind::Counter)[..4], [5.0, 2.0, 2.0, 2.0]);
    }

    #[test]
    fn a_missing_reading_of_a_counter_spreads_over_the_gap() {
        let level = Level::of(&trace(Kind::Counter, &[(0, 0.0), (10, f64::NAN), (20, 40.0)]));
        assert_eq!(level.values[2], 2.0);
        assert_eq!(level.spans[2], 20 * SECOND);
    }

    #[test]
    fn newest_first_is_turned_round_and_a_clock_set_back_is_counted() {
        let level = Level::of(&trace(Kind::Gauge, &[(30, 3.0), (20, 2.0), (10, 1.0)]));
        assert_eq!(level.values, [1.0, 2.0, 3.0]);
        let level = Level::of(&trace(
            Kind::Gauge,
            &[(0, 0.0), (10, 1.0), (20, 2.0), (30, 3.0), (15, 9.0), (25, 9.0), (35, 4.0)],
        ));
        assert_eq!((level.left_out, level.values.len()), (2, 5));
    }

    #[test]
    fn doubled_readings_are_no_sum() {
        let level = Level::of(&trace(Kind::Gauge, &[(0, 10.0), (0, 14.0), (10, 5.0)]));
        assert_eq!((level.merged, level.values.clone()), (1, vec![12.0, 5.0]));
        let level = Level::of(&trace(Kind::Quantile, &[(0, 10.0), (0, 14.0)]));
        assert_eq!(level.values, [14.0]);
    }

    #[test]
    fn steps_meet_on_the_coarser_grid() {
        let fine = Level::of(&trace(Kind::Gauge, &(0..60).map(|k| (k, k as f64)).collect::<Vec<_>>()));
        let coarse = Level::of(&trace(Kind::Gauge, &[(0, 1.0), (15, 2.0), (30, f64::NAN), (45, 4.0)]));
        let grid = Grid::over(&[&fine, &coarse], None).expect("a grid");
        assert_eq!((grid.width, grid.count), (15 * SECOND, 4));
        assert_eq!(grid.place(&fine, Kind::Gauge), [7.0, 22.0, 37.0, 52.0]);
        let placed = grid.place(&coarse, Kind::Gauge);
        assert!(placed[2].is_nan() && placed[3] == 4.0, "missing stays missing");
    }

    #[test]
    fn counts_per_period_become_rates() {
        let level = Level::of(&trace(Kind::PerInterval, &[(120, 57_030.0), (60, 56_820.0), (0, 57_000.0)]));
        assert_eq!(level.values, [950.0, 947.0, 950.5]);
        assert_eq!(level.times[0], 60 * SECOND);
    }

    #[test]
    fn without_common_time_there_is_no_grid() {
        let early = Level::of(&trace(Kind::Gauge, &[(0, 1.0), (10, 2.0)]));
        let late = Level::of(&trace(Kind::Gauge, &[(100, 1.0), (110, 2.0)]));
        assert_eq!(Grid::over(&[&early, &late], None), None);
    }
}
