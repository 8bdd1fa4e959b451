//! Where load and characteristic metric are, and were.
//!
//! "Now" is the median of the last five readings: one outlier does not count, and five intervals ago is not now.

use super::moment;
use crate::answers::thresholds::{Characteristic, Thresholds};
use crate::fit::data::{DataError, Raw};
use crate::fit::estimate::loss::median;
use crate::fit::metrics::align::Grid;

/// Readings whose median is "now".
const LAST: usize = 5;
/// Excursions with fewer intervals between them are one.
const APART: usize = 3;

/// The load, in base units.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadLevel {
    /// Its column.
    pub column: String,
    /// Now.
    pub now: f64,
    /// Highest reading.
    pub highest: f64,
    /// Share of the readings above the recovery load.
    pub above_recovery: Option<f64>,
    /// Share of the readings above the tip-over load.
    pub above_tip_over: Option<f64>,
}

/// The characteristic metric, in base units.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricLevel {
    /// Its name.
    pub name: String,
    /// Its column.
    pub column: String,
    /// Now.
    pub now: f64,
    /// Level of the good state at the load of now.
    pub good: Option<f64>,
    /// Level at which to look.
    pub alarm: Option<f64>,
    /// The boundary at the load of now; nothing where there is none at that load.
    pub boundary: Option<f64>,
    /// Share of the way from the good state to the boundary.
    pub margin: Option<f64>,
    /// Share of the readings beyond the boundary.
    pub beyond: f64,
    /// Times beyond it: begin and end, in nanoseconds.
    pub excursions: Vec<(i64, i64)>,
}

/// Both on one grid.
#[derive(Debug, Clone, Default)]
pub(super) struct Joint {
    pub(super) load: Option<LoadLevel>,
    pub(super) metric: Option<MetricLevel>,
}

impl Joint {
    /// Times beyond the boundary.
    pub(super) fn beyond(&self) -> &[(i64, i64)] {
        self.metric.as_ref().map(|m| m.excursions.as_slice()).unwrap_or_default()
    }
}

/// The median of the last readings that are there.
fn now(values: &[f64]) -> Option<f64> {
    let mut last: Vec<f64> = values.iter().rev().copied().filter(|v| v.is_finite()).take(LAST).collect();
    (!last.is_empty()).then(|| median(&mut last))
}

/// Both levels. Without a column of the load, that of the model stands for it.
pub(super) fn levels(
    thresholds: &Thresholds,
    load: Option<&Raw>,
    metric: Option<&Raw>,
    remarks: &mut Vec<String>,
) -> Result<Joint, DataError> {
    let series: Vec<_> = [load, metric].into_iter().flatten().map(|r| &r.level).collect();
    if series.is_empty() {
        return Ok(Joint::default());
    }
    let grid = Grid::over(&series, None).ok_or(DataError::NoOverlap)?;
    let place = |raw: &Raw| grid.place(&raw.level, raw.kind);
    let loads = load.map(place);
    let found = |raw: &Raw, values: &[f64]| -> Option<LoadLevel> {
        let there: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let share = |limit: f64| there.iter().filter(|v| **v > limit).count() as f64 / there.len() as f64;
        Some(LoadLevel {
            column: raw.title.clone(),
            now: now(values)?,
            highest: there.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            above_recovery: thresholds.recovery.map(share),
            above_tip_over: thresholds.tip_over.map(share),
        })
    };
    let level = load.zip(loads.as_deref()).and_then(|(raw, values)| found(raw, values));
    let metric = metric
        .zip(thresholds.metric.as_ref())
        .and_then(|(raw, about)| metric_level(thresholds, about, raw, &grid, loads.as_deref(), remarks));
    Ok(Joint { load: level, metric })
}

fn metric_level(
    thresholds: &Thresholds,
    about: &Characteristic,
    raw: &Raw,
    grid: &Grid,
    loads: Option<&[f64]>,
    remarks: &mut Vec<String>,
) -> Option<MetricLevel> {
    let values = grid.place(&raw.level, raw.kind);
    let current = now(&values)?;
    let mut held = thresholds.today;
    let mut excursions: Vec<(usize, usize)> = Vec::new();
    let (mut beyond, mut there) = (0_usize, 0_usize);
    for (index, value) in values.iter().enumerate() {
        // Where the load is missing, the last one goes on.
        if let Some(load) = loads.and_then(|l| l.get(index)).filter(|l| l.is_finite()) {
            held = *load;
        }
        if !value.is_finite() {
            continue;
        }
        there += 1;
        if about.at(held).is_some_and(|knot| about.is_beyond(*value, knot.boundary)) {
            beyond += 1;
            match excursions.last_mut() {
                Some((_, end)) if index - *end <= APART => *end = index,
                _ => excursions.push((index, index)),
            }
        }
    }
    let load = loads.and_then(now).unwrap_or(thresholds.today);
    // Above the tip-over load there is no good state to measure from.
    let knot = about.at(load).filter(|_| thresholds.tip_over.is_none_or(|tip| load < tip));
    let highest = values.iter().copied().filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    // Slots that are all busy and never a request more: the queue is not in it.
    let full = thresholds.slots.is_some_and(|slots| slots > 1.0 && (0.999 * slots..=slots).contains(&highest));
    if about.above && full {
        remarks.push(format!(
            "`{}` never exceeds the number of slots: if it counts requests in service only, add those that wait, as in --map '{}={} + QUEUE'",
            raw.title, about.name, raw.title
        ));
    }
    let half = grid.width - grid.width / 2;
    Some(MetricLevel {
        name: about.name.clone(),
        column: raw.title.clone(),
        now: current,
        good: knot.map(|k| k.good),
        alarm: knot.map(|k| Characteristic::alarm(&k)),
        boundary: knot.map(|k| k.boundary),
        margin: knot.map(|k| (current - k.good) / (k.boundary - k.good)).filter(|m| m.is_finite()),
        beyond: beyond as f64 / there.max(1) as f64,
        excursions: excursions
            .into_iter()
            .map(|(a, b)| (moment(grid, a) - grid.width / 2, moment(grid, b) + half))
            .collect(),
    })
}
