//! What a file holds, without holding it: one pass, a fixed amount of memory per series.

use super::clock::Clock;
use super::sink::{About, Note, Sink};
use super::stamp::Axis;
use super::unit::Unit;

/// One series in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSummary {
    /// Name, labels, unit and kind.
    pub about: About,
    /// Values that are there.
    pub count: u64,
    /// Cells without a value.
    pub missing: u64,
    /// Cells with an infinite value.
    pub infinite: u64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Sum of the values.
    pub sum: f64,
    /// Times the value fell. For a counter: restarts.
    pub falls: u64,
    /// Line of the first fall.
    pub fall_line: Option<u64>,
    /// Whether its cells were in units of different dimensions.
    pub mixed_units: bool,
    /// Its times.
    pub clock: Clock,
    last: f64,
}

impl SeriesSummary {
    /// Mean of the values, not weighted by time; `NaN` without values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let count = self.count as f64;
        self.sum / count
    }
}

/// What a file holds.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Its series, in the order in which they appear.
    pub series: Vec<SeriesSummary>,
    /// Remarks of the reader.
    pub notes: Vec<Note>,
    /// How times are written.
    pub axis: Option<Axis>,
}

impl Summary {
    /// To be called after the last reading.
    pub fn finish(&mut self) {
        for series in &mut self.series {
            series.clock.settle();
        }
    }
}

impl Sink for Summary {
    fn series(&mut self, about: About) -> usize {
        self.series.push(SeriesSummary {
            about,
            count: 0,
            missing: 0,
            infinite: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: 0.0,
            falls: 0,
            fall_line: None,
            mixed_units: false,
            clock: Clock::default(),
            last: f64::NEG_INFINITY,
        });
        self.series.len() - 1
    }

    #[inline]
    fn point(&mut self, series: usize, time: i64, value: f64, line: u64) {
        let series = &mut self.series[series];
        series.clock.tick(time, line);
        if !value.is_finite() {
            if value.is_nan() {
                series.missing += 1;
            } else {
                series.infinite += 1;
            }
            return;
        }
        series.count += 1;
        series.min = series.min.min(value);
        series.max = series.max.max(value);
        series.sum += value;
        // Whether a reading falls is as good as a coin: added, not branched upon.
        let falls = value < series.last;
        series.falls += u64::from(falls);
        if series.fall_line.is_none() && falls {
            series.fall_line = Some(line);
        }
        series.last = value;
    }

    fn unit(&mut self, series: usize, unit: Unit) {
        let series = &mut self.series[series];
        match &series.about.unit {
            None | Some(Unit::Plain) => series.about.unit = Some(unit),
            Some(known) if *known != unit && unit != Unit::Plain => series.mixed_units = true,
            Some(_) => {}
        }
    }

    fn axis(&mut self, axis: &Axis) {
        self.axis = Some(axis.clone());
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}
