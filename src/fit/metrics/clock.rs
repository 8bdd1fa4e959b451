//! The clock of a series, watched while it is read: step, gaps, doubled times, a clock that runs back.

use super::stamp::SECOND;
use std::collections::BTreeMap;

/// Differences of which the exact number is kept.
const KEPT: usize = 1024;
/// A difference is a gap if it is longer than the step by this factor.
const GAP: f64 = 1.5;

/// What a clock did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock {
    /// First time, in nanoseconds.
    pub first: Option<i64>,
    /// Earliest time.
    pub earliest: i64,
    /// Latest time.
    pub latest: i64,
    /// Readings.
    pub count: u64,
    /// Readings at the time of the one before.
    pub doubled: u64,
    /// Line of the first of them.
    pub doubled_line: Option<u64>,
    /// Times that are earlier than the one before.
    pub back: u64,
    /// Largest such step, in nanoseconds.
    pub back_by: i64,
    /// Line of the first of them.
    pub back_line: Option<u64>,
    last: i64,
    steps: BTreeMap<i64, u64>,
    other_steps: u64,
    /// The step of the last readings and how many there were of it in a row, not yet in `steps`.
    run: (i64, u64),
}

impl Clock {
    /// The next time, with its line.
    #[inline]
    pub fn tick(&mut self, at: i64, line: u64) {
        self.count += 1;
        if self.first.is_none() {
            (self.first, self.earliest, self.latest, self.last) = (Some(at), at, at, at);
            return;
        }
        let step = at.saturating_sub(self.last);
        self.last = at;
        if step == self.run.0 && step > 0 {
            self.run.1 += 1;
            self.latest = self.latest.max(at);
            return;
        }
        self.stumble(step, at, line);
    }

    /// A step other than the one before.
    fn stumble(&mut self, step: i64, at: i64, line: u64) {
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
        match step {
            0 => {
                self.doubled += 1;
                self.doubled_line.get_or_insert(line);
            }
            _ if step < 0 => {
                self.back += 1;
                self.back_by = self.back_by.min(step);
                self.back_line.get_or_insert(line);
            }
            _ => {}
        }
        self.settle();
        self.run = (step, 1);
    }

    /// Counts the steps of the last run. To be called once after the last reading.
    pub fn settle(&mut self) {
        let (step, times) = std::mem::take(&mut self.run);
        if step == 0 || times == 0 {
            return;
        }
        if let Some(count) = self.steps.get_mut(&step) {
            *count += times;
        } else if self.steps.len() < KEPT {
            self.steps.insert(step, times);
        } else {
            self.other_steps += times;
        }
    }

    /// Whether the file is written newest first.
    #[must_use]
    pub fn reversed(&self) -> bool {
        self.back > 0 && self.back * 2 > self.count.saturating_sub(1)
    }

    /// The most common difference between neighbouring times, in seconds; none for a single reading.
    #[must_use]
    pub fn step(&self) -> Option<f64> {
        let sign = if self.reversed() { -1 } else { 1 };
        let (step, _) = self.steps.iter().filter(|(s, _)| **s * sign > 0).max_by_key(|(s, n)| (**n, -(s.abs())))?;
        Some(seconds(step.abs()))
    }

    /// Number of differences that are longer than the step by half, and the longest one in seconds.
    #[must_use]
    pub fn gaps(&self) -> (u64, f64) {
        let Some(step) = self.step() else { return (0, 0.0) };
        let sign = if self.reversed() { -1 } else { 1 };
        let long = self.steps.iter().filter(|(s, _)| seconds(**s * sign) > GAP * step);
        long.fold((0, 0.0), |(count, most), (s, n)| (count + n, f64::max(most, seconds(*s * sign))))
    }

    /// Whether most differences are the step itself.
    #[must_use]
    pub fn regular(&self) -> bool {
        let Some(step) = self.step() else { return true };
        let all: u64 = self.steps.values().sum::<u64>() + self.other_steps;
        let near: u64 =
            self.steps.iter().filter(|(s, _)| (seconds(s.abs()) - step).abs() < 0.1 * step).map(|(_, n)| *n).sum();
        near * 10 >= all * 8
    }

    /// Steps back that are no change of direction: the clock was set back, or series follow one another.
    #[must_use]
    pub fn runs_back(&self) -> bool {
        self.back > 0 && !self.reversed()
    }
}

/// Nanoseconds as seconds.
#[must_use]
pub fn seconds(nanos: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a difference of times; 1e-16 of it does not matter")]
    let (whole, part) = ((nanos / SECOND) as f64, (nanos % SECOND) as f64);
    whole + part / 1e9
}

#[cfg(test)]
mod tests {
    use super::super::stamp::SECOND;
    use super::Clock;

    fn clock(times: &[i64]) -> Clock {
        let mut clock = Clock::default();
        for (line, at) in times.iter().enumerate() {
            clock.tick(at * SECOND, line as u64 + 2);
        }
        clock.settle();
        clock
    }

    #[test]
    fn step_and_gaps() {
        let clock = clock(&[0, 15, 30, 75, 90, 105]);
        assert_eq!(clock.step(), Some(15.0));
        assert_eq!(clock.gaps(), (1, 45.0));
        assert!(clock.regular() && !clock.reversed());
    }

    #[test]
    fn newest_first() {
        let clock = clock(&[90, 75, 60, 30, 15]);
        assert!(clock.reversed() && !clock.runs_back());
        assert_eq!(clock.step(), Some(15.0));
        assert_eq!(clock.gaps(), (1, 30.0));
    }

    #[test]
    fn a_clock_that_is_set_back() {
        let clock = clock(&[0, 15, 30, 30, 45, 20, 35, 50]);
        assert!(clock.runs_back());
        assert_eq!((clock.doubled, clock.doubled_line), (1, Some(5)));
        assert_eq!((clock.back, clock.back_by, clock.back_line), (1, -25 * SECOND, Some(7)));
    }
}
