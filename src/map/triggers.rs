//! Trigger maps: the share of runs that a trigger tips, over its size and its duration.
//!
//! For each duration the critical size is searched on the middle run, and its spread over runs is that of linear noise along the
//! critical path ([`critical_curve`](mod@crate::answers::critical_curve)); the share at any other size follows from both.

use super::side::Side;
use crate::answers::critical_curve::critical_curve;
use crate::answers::landscape::Landscape;
use crate::answers::odds::Odds;
use crate::answers::study::Study;
use crate::answers::triggers::Plan;
use std::num::NonZeroUsize;

/// Upper ends of the bands of probability, with their names; the last band has no end.
pub const BANDS: [(f64, &str); 6] = [
    (0.01, "under 1 % tip"),
    (0.1, "1 to 10 %"),
    (0.5, "10 to 50 %"),
    (0.9, "50 to 90 %"),
    (0.99, "90 to 99 %"),
    (f64::INFINITY, "over 99 % tip"),
];

/// A trigger map.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TriggerMap {
    /// Share of runs that tip in each cell, row by row from the lowest; `None` where it is not known.
    pub cells: Vec<Option<f64>>,
    /// Half of the runs tip: (duration, size) in base units.
    pub half: Vec<(f64, f64)>,
    /// Durations at which the spread is not known, and why at the first of them.
    pub unknown: Option<(usize, &'static str)>,
}

/// The band of a share.
#[must_use]
pub fn band(share: f64) -> usize {
    BANDS.iter().position(|(end, _)| share < *end).unwrap_or(BANDS.len() - 1)
}

/// Makes the map of a trigger over its duration (across) and size (upwards). `middle` is about its critical duration as stated.
#[must_use]
pub fn trigger_map(
    study: &Study,
    (landscape, good): (&Landscape, usize),
    plan: &Plan,
    (across, upwards): (&Side, &Side),
    middle: f64,
    (threads, step): (NonZeroUsize, &(dyn Fn() + Sync)),
) -> TriggerMap {
    let durations: Vec<f64> = (0..across.cells()).map(|cell| across.base(cell)).collect();
    let curve = critical_curve(study, (landscape, good), plan, (&durations, middle), threads, step);
    let size = |base: f64| (base - plan.scale.origin) / plan.scale.span;
    let share = |row: usize, column: usize| {
        let point = &curve[column];
        if point.size == f64::INFINITY { Some(0.0) } else { point.odds.probability(size(upwards.base(row))) }
    };
    let columns = across.cells();
    let cells = (0..upwards.cells()).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let why = |odds: &Odds| if let Odds::Unknown(why) = odds { Some(*why) } else { None };
    let unknown: Vec<&str> =
        curve.iter().filter(|p| p.size.is_finite() || p.size.is_nan()).filter_map(|p| why(&p.odds)).collect();
    TriggerMap {
        cells: cells.map(|(row, column)| share(row, column)).collect(),
        half: curve
            .iter()
            .filter(|point| point.size.is_finite())
            .map(|point| (point.duration, plan.scale.origin + point.size * plan.scale.span))
            .collect(),
        unknown: unknown.first().map(|why| (unknown.len(), *why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lie_in_their_bands() {
        assert_eq!([0.0, 0.02, 0.1, 0.49, 0.5, 0.95, 1.0].map(band), [0, 1, 2, 2, 3, 4, 5]);
    }
}
