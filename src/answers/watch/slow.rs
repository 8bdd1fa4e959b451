//! Whether the system recovers ever more slowly: [`crate::fit::warning::slowing`] on the right stretch of a metric.
//!
//! # What is tested
//!
//! Linearised around a stable state, with noise of strength D and rate of recovery κ, a metric is an Ornstein-Uhlenbeck
//! process: variance `D/κ` and autocorrelation `exp(-κ Δt)` over a step Δt. At a fold κ goes to zero as the square root of
//! the distance, so both rise. The null hypothesis is a stationary AR(1) process with the autocorrelation of the whole
//! stretch; its surrogates are what the sum of both trends (Kendall's τ) is compared with.
//!
//! # On which readings
//!
//! The theory is of small fluctuations around the good state. Readings beyond the boundary, and the way there, are another
//! state. So of all stretches without a gap and without an excursion the latest with enough readings is taken, and it
//! ends before an excursion by as long as it takes to get there. Gaps of up to three readings are bridged by straight lines.
//! A stretch of five days or more loses its day, week and straight trend first (`fit::warning::season`); the Gaussian
//! kernel then takes out what is slow.
//!
//! # What it cannot tell
//!
//! A rising variance of the load raises that of the queue without any loss of resilience, and a rising load does the same
//! far below the fold: the same test is made on the load, and said where it rises too. A single large trigger gives no
//! warning at all (Boettiger & Hastings 2012), and one test in twenty at 5 % warns of nothing.

use crate::fit::data::Raw;
use crate::fit::metrics::align::{Grid, Level, nanos};
use crate::fit::metrics::clock::seconds;
use crate::fit::warning::season::{DAY, Harmonics, season};
use crate::fit::warning::slowing::{Options, Slowing, SlowingError, slowing};

/// Level of the test.
const SIGNIFICANT: f64 = 0.05;
/// Longest gap that is bridged, in readings.
const BRIDGED: usize = 3;
/// Fewest readings of a stretch.
const FEWEST: usize = 40;
/// Surrogate series.
const SURROGATES: usize = 999;

/// How variance and autocorrelation went.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// What was looked at.
    pub name: String,
    /// Its column.
    pub column: String,
    /// Begin and end of the stretch, in nanoseconds.
    pub period: (i64, i64),
    /// Number of values.
    pub values: usize,
    /// Seconds between them.
    pub step: f64,
    /// Whether day and week were taken out.
    pub deseasoned: bool,
    /// Variance in the first and the last window, in base units squared.
    pub variance: (f64, f64),
    /// Its Kendall τ and p-value.
    pub variance_trend: (f64, f64),
    /// Autocorrelation from one value to the next in the first and the last window.
    pub autocorrelation: (f64, f64),
    /// Its Kendall τ and p-value.
    pub autocorrelation_trend: (f64, f64),
    /// P-value of both together.
    pub p: f64,
    /// The same of the load, where it was measured.
    pub load_p: Option<f64>,
}

impl Recovery {
    /// Whether recovery is slowing down, at the 5 % level.
    #[must_use]
    pub fn is_slowing(&self) -> bool {
        self.p <= SIGNIFICANT
    }
}

/// Looks for critical slowing down; `None` with a remark if that cannot be.
pub(super) fn recovery(
    name: &str,
    series: &Raw,
    load: Option<&Raw>,
    excursions: &[(i64, i64)],
    seed: u64,
    remarks: &mut Vec<String>,
) -> Option<Recovery> {
    let refuse = |because: String, remarks: &mut Vec<String>| {
        remarks.push(format!("slowing down cannot be looked for: {because}"));
        None
    };
    let Some(grid) = Grid::over(&[&series.level], None) else {
        return refuse("the readings have no common step".to_owned(), remarks);
    };
    let mut values = grid.place(&series.level, series.kind);
    cut(&mut values, &grid, excursions);
    bridge(&mut values);
    let Some((from, to)) = stretch(&values) else {
        let longest = runs(&values).into_iter().map(|(a, b)| b - a).max().unwrap_or(0);
        return refuse(SlowingError::TooShort(longest).to_string(), remarks);
    };
    let mut values = values[from..to].to_vec();
    let times: Vec<f64> = (from..to).map(|i| grid.middle(i)).collect();
    let deseasoned = deseason(&times, &mut values);
    let options = Options { surrogates: SURROGATES, seed, ..Options::default() };
    let found = match slowing(&values, &options) {
        Ok(found) => found,
        Err(error) => return refuse(error.to_string(), remarks),
    };
    let begin = |index: usize| grid.start + grid.width * i64::try_from(index).unwrap_or(0);
    let period = (begin(from), begin(to));
    let load_p = load.and_then(|load| of_load(load, period, &options));
    let recovery = report(name, series, &grid, period, deseasoned, &found, load_p);
    if recovery.is_slowing() && load_p.is_some_and(|p| p <= SIGNIFICANT) {
        remarks.push(
            "the load itself fluctuates ever more, or with a longer memory: the rise need not be a loss of resilience"
                .to_owned(),
        );
    }
    Some(recovery)
}

fn report(
    name: &str,
    series: &Raw,
    grid: &Grid,
    period: (i64, i64),
    deseasoned: bool,
    found: &Slowing,
    load_p: Option<f64>,
) -> Recovery {
    let ends = |v: &[f64]| (v.first().copied().unwrap_or(f64::NAN), v.last().copied().unwrap_or(f64::NAN));
    Recovery {
        name: name.to_owned(),
        column: series.title.clone(),
        period,
        values: found.residuals.len(),
        step: seconds(grid.width) * found.block as f64,
        deseasoned,
        variance: ends(&found.variance),
        variance_trend: found.variance_trend,
        autocorrelation: ends(&found.autocorrelation),
        autocorrelation_trend: found.autocorrelation_trend,
        p: found.p,
        load_p,
    }
}

/// Blanks what is beyond the boundary, and before it as long again but at most a twentieth of the readings: the way there.
fn cut(values: &mut [f64], grid: &Grid, excursions: &[(i64, i64)]) {
    let count = i64::try_from(values.len()).unwrap_or(i64::MAX);
    for (from, to) in excursions {
        let lead = (to - from).min(grid.width * (count / 20).max(1));
        let index = |at: i64| usize::try_from(((at - grid.start).div_euclid(grid.width)).clamp(0, count)).unwrap_or(0);
        values[index(from - lead)..index(*to)].fill(f64::NAN);
    }
}

/// Joins both sides of short gaps by a straight line. Excursions are longer or are cut anyway: their neighbours are cut too.
fn bridge(values: &mut [f64]) {
    let there: Vec<usize> = (0..values.len()).filter(|&i| values[i].is_finite()).collect();
    for pair in there.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        if b - a > 1 && b - a - 1 <= BRIDGED {
            let slope = (values[b] - values[a]) / (b - a) as f64;
            for i in a + 1..b {
                values[i] = values[a] + slope * (i - a) as f64;
            }
        }
    }
}

/// Runs of finite values: first index, and one past the last.
fn runs(values: &[f64]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (index, _) in values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        match found.last_mut() {
            Some((_, end)) if *end == index => *end += 1,
            _ => found.push((index, index + 1)),
        }
    }
    found
}

/// The latest run that is long enough.
fn stretch(values: &[f64]) -> Option<(usize, usize)> {
    runs(values).into_iter().rfind(|(a, b)| b - a >= FEWEST)
}

/// Takes out trend, day and week if the data are long enough for it.
fn deseason(times: &[f64], values: &mut [f64]) -> bool {
    let long = times.last().zip(times.first()).is_some_and(|(b, a)| b - a >= 5.0 * DAY);
    let pattern = if long { season(times, values, Harmonics::default()).ok() } else { None };
    if let Some(pattern) = &pattern {
        for (t, value) in times.iter().zip(values.iter_mut()) {
            *value -= pattern.expected(*t);
        }
    }
    pattern.is_some()
}

/// P-value of the same test on the load over the same time.
fn of_load(load: &Raw, period: (i64, i64), options: &Options) -> Option<f64> {
    let level = &load.level;
    let inside = |at: &i64| *at > period.0 && *at <= period.1 + nanos(1e-3);
    let kept: Vec<usize> = (0..level.times.len()).filter(|&i| inside(&level.times[i])).collect();
    let own = Level {
        times: kept.iter().map(|&i| level.times[i]).collect(),
        spans: kept.iter().map(|&i| level.spans[i]).collect(),
        values: kept.iter().map(|&i| level.values[i]).collect(),
        left_out: 0,
        merged: 0,
        restarts: 0,
    };
    let grid = Grid::over(&[&own], None)?;
    let mut values = grid.place(&own, load.kind);
    bridge(&mut values);
    let (from, to) = stretch(&values)?;
    let times: Vec<f64> = (from..to).map(|i| grid.middle(i)).collect();
    let mut values = values[from..to].to_vec();
    deseason(&times, &mut values);
    slowing(&values, options).ok().map(|found| found.p)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: f64 = f64::NAN;

    #[test]
    fn short_gaps_are_bridged_and_long_ones_are_not() {
        let mut values = [1.0, NONE, 3.0, NONE, NONE, NONE, NONE, 4.0];
        bridge(&mut values);
        assert_eq!(values[..3], [1.0, 2.0, 3.0]);
        assert!(values[3..7].iter().all(|v| v.is_nan()));
        assert_eq!(runs(&values), [(0, 3), (7, 8)]);
    }

    #[test]
    fn the_latest_stretch_that_is_long_enough() {
        let mut values = vec![1.0; 200];
        values[100] = NONE;
        assert_eq!(stretch(&values), Some((101, 200)));
        values[170] = NONE;
        assert_eq!(stretch(&values), Some((101, 170)));
        assert_eq!(stretch(&values[..39]), None);
    }

    #[test]
    fn excursions_are_cut_with_the_way_there() {
        let grid = Grid { start: 0, width: 10, count: 100 };
        let mut values = vec![1.0; 100];
        cut(&mut values, &grid, &[(500, 520)]);
        assert_eq!(runs(&values), [(0, 48), (52, 100)]);
        let mut values = vec![1.0; 100];
        cut(&mut values, &grid, &[(500, 1000)]);
        assert_eq!(runs(&values), [(0, 45)]);
    }
}
