//! Measurements as a fit sees them: the load that drives the model, and what is to be reproduced.
//!
//! A reading keeps its own time. A rate made of a counter, or of counts per interval, is the mean over its interval; a
//! gauge is a sample at an instant. The measured load is piecewise constant: a rate over its interval, a gauge from its
//! reading to the next one. Where the load is missing, the last one goes on, and that is said.

use super::mapping::Column;
use super::metrics::align::{Grid, Level};
use super::metrics::clock::seconds;
use super::metrics::{Axis, FileFacts, Kind, Trace};

/// A file as read.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its path as given.
    pub path: String,
    /// How it is written.
    pub facts: FileFacts,
    /// Its series.
    pub traces: Vec<Trace>,
}

/// One quantity over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is called in the file.
    pub title: String,
    /// Times in seconds after the start of the data, increasing; of a rate the end of its interval.
    pub times: Vec<f64>,
    /// Seconds before each time that the value is the mean of; zero for a sample.
    pub spans: Vec<f64>,
    /// Values in base units, none missing.
    pub values: Vec<f64>,
}

/// Why files cannot be used together or at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// Local times that run back.
    #[error("{0}: local times run back, and no time zone says why")]
    NeedsZone(String),
    /// Files that cannot be aligned.
    #[error("{0} has no absolute times and cannot be aligned with the other files")]
    NotAbsolute(String),
    /// A column without values.
    #[error("`{0}` has no value")]
    Nothing(String),
    /// Columns of a sum have no time in common.
    #[error("the columns of `{0}` have no time in common")]
    Apart(String),
    /// Load and measurements have no time in common.
    #[error("the load and the measurements have no time in common")]
    NoOverlap,
}

impl DataError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NeedsZone(_) => "say which zone the times are of: --tz Europe/Berlin",
            Self::NotAbsolute(_) => "give --tz for local times; times since a start cannot be aligned",
            Self::Nothing(_) => "`tipping inspect FILE` shows what each column holds",
            Self::Apart(_) | Self::NoOverlap => "are the files of the same hours, and in the same zone?",
        }
    }
}

/// Checks that the times of files mean the same.
///
/// # Errors
/// [`DataError`] for local times that run back, or files that cannot be aligned.
pub fn comparable(sources: &[Source]) -> Result<(), DataError> {
    for source in sources {
        if source.facts.axis == Axis::Local(None) {
            let back = source.traces.iter().any(|t| {
                let level = Level::of(t);
                level.left_out > 0
            });
            if back {
                return Err(DataError::NeedsZone(source.path.clone()));
            }
        }
        if sources.len() > 1 && !source.facts.axis.is_absolute() {
            return Err(DataError::NotAbsolute(source.path.clone()));
        }
    }
    Ok(())
}

/// A column before its times are counted from the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// What it is called.
    pub title: String,
    /// Times and values.
    pub level: Level,
    /// Whether it is a quantile.
    pub kind: Kind,
}

/// The readings of a column; a sum of samples taken together is one of samples, any other is formed on the grid of its
/// coarsest part.
///
/// # Errors
/// [`DataError`] if there is nothing, or nothing in common.
pub fn raw(sources: &[Source], column: &Column) -> Result<Raw, DataError> {
    let parts: Vec<(Level, Kind, f64)> = column
        .terms
        .iter()
        .map(|term| {
            let trace = &sources[term.file].traces[term.series];
            (Level::of(trace), trace.about.kind, if term.minus { -1.0 } else { 1.0 })
        })
        .collect();
    let nothing = || DataError::Nothing(column.text.clone());
    if parts.iter().any(|(level, ..)| !level.values.iter().any(|v| v.is_finite())) {
        return Err(nothing());
    }
    if let [(level, kind, sign)] = &parts[..]
        && *sign > 0.0
    {
        return Ok(Raw { title: column.text.clone(), level: level.clone(), kind: *kind });
    }
    if let Some(level) = sampled_together(&parts) {
        return Ok(Raw { title: column.text.clone(), level, kind: Kind::Gauge });
    }
    let levels: Vec<&Level> = parts.iter().map(|(level, ..)| level).collect();
    let grid = Grid::over(&levels, None).ok_or_else(|| DataError::Apart(column.text.clone()))?;
    let mut values = vec![0.0; grid.count];
    for (level, kind, sign) in &parts {
        for (sum, value) in values.iter_mut().zip(grid.place(level, *kind)) {
            *sum += sign * value;
        }
    }
    let ends = (1..=grid.count).map(|k| grid.start + grid.width * i64::try_from(k).unwrap_or(i64::MAX)).collect();
    let level = Level { times: ends, spans: vec![grid.width; grid.count], values, left_out: 0, merged: 0, restarts: 0 };
    Ok(Raw { title: column.text.clone(), level, kind: Kind::Gauge })
}

/// The sum of samples that were all taken at the same times. `None` if they were not.
fn sampled_together(parts: &[(Level, Kind, f64)]) -> Option<Level> {
    let (first, ..) = parts.first()?;
    let together = |level: &Level| level.times == first.times && level.spans.iter().all(|span| *span == 0);
    if !parts.iter().all(|(level, ..)| together(level)) {
        return None;
    }
    let mut sum = Level { values: vec![0.0; first.values.len()], ..first.clone() };
    for (level, _, sign) in parts {
        sum.values.iter_mut().zip(&level.values).for_each(|(sum, value)| *sum += sign * value);
    }
    Some(sum)
}

impl Raw {
    /// First moment it speaks of, in nanoseconds.
    #[must_use]
    pub fn begins(&self) -> Option<i64> {
        let there = |(_, value): &(usize, &f64)| value.is_finite();
        let first = self.level.values.iter().enumerate().find(there)?.0;
        Some(self.level.times[first] - self.level.spans[first])
    }

    /// In seconds after `origin`, without what is missing or before it.
    #[must_use]
    pub fn since(&self, origin: i64) -> Series {
        let mut series = Series { title: self.title.clone(), times: vec![], spans: vec![], values: vec![] };
        for ((at, span), value) in self.level.times.iter().zip(&self.level.spans).zip(&self.level.values) {
            if value.is_finite() && at - span >= origin {
                series.times.push(seconds(at - origin));
                series.spans.push(seconds(*span));
                series.values.push(*value);
            }
        }
        series
    }
}

/// A piecewise constant load: each value holds until its time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Steps {
    /// Ends of the pieces, in seconds after the start.
    pub until: Vec<f64>,
    /// Values of the pieces.
    pub values: Vec<f64>,
    /// Seconds without a reading, over which the last value went on.
    pub bridged: f64,
}

impl Steps {
    /// The load as a series says it, from the start to `end`.
    #[must_use]
    pub fn of(series: &Series, end: f64) -> Self {
        let mut steps = Self::default();
        let count = series.times.len();
        let usual = usual_gap(&series.times);
        for index in 0..count {
            let (at, span, value) = (series.times[index], series.spans[index], series.values[index]);
            if span > 0.0 {
                let from = at - span;
                let before = steps.until.last().copied().unwrap_or(0.0);
                if from - before > 1e-6 {
                    // A hole before this interval.
                    let held = steps.values.last().copied().unwrap_or(value);
                    steps.push(from, held);
                    steps.bridged += from - before;
                }
                steps.push(at, value);
            } else {
                let until = series.times.get(index + 1).copied().unwrap_or(end.max(at + usual));
                if until - at > 1.5 * usual {
                    steps.bridged += until - at - usual;
                }
                steps.push(until, value);
            }
        }
        if let (Some(last), Some(value)) = (steps.until.last().copied(), steps.values.last().copied())
            && last < end
        {
            steps.push(end, value);
        }
        steps
    }

    fn push(&mut self, until: f64, value: f64) {
        if self.until.last().is_some_and(|last| until <= *last) {
            return;
        }
        match (self.until.last_mut(), self.values.last()) {
            (Some(last), Some(held)) if *held == value => *last = until,
            _ => {
                self.until.push(until);
                self.values.push(value);
            }
        }
    }

    /// Largest value.
    #[must_use]
    pub fn most(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// Smallest value.
    #[must_use]
    pub fn least(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Median distance of neighbours.
fn usual_gap(times: &[f64]) -> f64 {
    let mut gaps: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_by(f64::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::{Series, Steps};

    fn series(readings: &[(f64, f64, f64)]) -> Series {
        Series {
            title: "load".into(),
            times: readings.iter().map(|r| r.0).collect(),
            spans: readings.iter().map(|r| r.1).collect(),
            values: readings.iter().map(|r| r.2).collect(),
        }
    }

    #[test]
    fn rates_hold_over_their_interval_and_samples_until_the_next() {
        let rates = Steps::of(&series(&[(10.0, 10.0, 1.0), (20.0, 10.0, 2.0), (40.0, 10.0, 3.0)]), 50.0);
        assert_eq!((rates.until, rates.values, rates.bridged), (vec![10.0, 30.0, 50.0], vec![1.0, 2.0, 3.0], 10.0));
        let samples = Steps::of(&series(&[(0.0, 0.0, 1.0), (10.0, 0.0, 2.0), (20.0, 0.0, 2.0)]), 30.0);
        assert_eq!((samples.until, samples.values), (vec![10.0, 30.0], vec![1.0, 2.0]));
    }
}
