//! The numbers that conditions compare with, rounded to what a person can read and never to the unsafe side.

use super::super::study::Study;
use super::super::thresholds::{Characteristic, Thresholds};
use super::inputs::identifier;
use crate::fit::metrics::guess::Role;
use crate::fit::observe::{main_service, of_role};

/// Goodput below this share of the load counts as starved, as in verdicts.
const STARVED: f64 = 0.5;
/// Knots of the boundary that are kept.
const KNOTS: usize = 7;

/// The numbers that conditions compare with, as they stand in the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Recovery load.
    pub recovery: Option<f64>,
    /// Tip-over load.
    pub tip_over: Option<f64>,
    /// Load from which the tip-over load is near.
    pub near: Option<f64>,
    /// Load to shed to.
    pub shed_to: Option<f64>,
    /// Knots of the boundary: load and metric.
    pub boundary: Vec<(f64, f64)>,
    /// Load from which the boundary counts.
    pub boundary_from: f64,
    /// Whether collapse lies above the boundary.
    pub above: bool,
    /// Ratio of goodput to throughput (or to load, where the collapsed state answers little) below which it has collapsed.
    pub collapsed_ratio: f64,
    /// Throughput from which the service counts as busy; nothing if goodput is held to the load.
    pub busy: Option<f64>,
    /// Key of the characteristic metric.
    pub metric: Option<String>,
}

/// The numbers of the conditions.
pub(super) fn levels(study: &Study, thresholds: &Thresholds) -> Levels {
    let recovery = thresholds.recovery.map(|r| down(r, 4));
    let tip_over = thresholds.tip_over.map(|t| down(t, 4));
    let near = tip_over.map(|tip| {
        let low = recovery.unwrap_or(0.0);
        let noise = thresholds.with_noise.filter(|n| *n > 1.02 * low && *n < tip);
        down(noise.unwrap_or_else(|| (0.9 * tip).max(f64::midpoint(low, tip))), 4)
    });
    let metric = thresholds.metric.as_ref();
    let knots = metric.map(thinned).unwrap_or_default();
    let process = study.fluid.process();
    let has = |role: Role| of_role(process, role, main_service(&study.model)).is_some();
    let signature = thresholds.collapsed.unwrap_or_default();
    // The collapsed state answers: what it answers is held to goodput. Else goodput is held to the load.
    let (collapsed_ratio, busy) = match (signature.goodput, signature.served, signature.offered) {
        (Some(good), Some(served), Some(offered))
            if has(Role::Served) && served > 2.0 * good && served > 0.1 * offered =>
        {
            (rounded(f64::midpoint(1.0, good / served), 3), Some(rounded(0.5 * served, 3)))
        }
        (Some(good), _, Some(offered)) if offered > 0.0 && good < offered => {
            (rounded(f64::midpoint(1.0, good / offered).min(0.75), 3), None)
        }
        _ => (STARVED, None),
    };
    Levels {
        recovery,
        tip_over,
        near,
        shed_to: thresholds.shed_to().map(|s| down(s, 3)),
        boundary: knots,
        boundary_from: metric.map_or(0.0, |m| rounded(m.from, 4)),
        above: metric.is_none_or(|m| m.above),
        collapsed_ratio,
        busy,
        metric: metric.map(|m| identifier(&m.name)),
    }
}

/// So few knots that a person can read the rule: the first, the last, and others evenly by number.
fn thinned(metric: &Characteristic) -> Vec<(f64, f64)> {
    let all = &metric.knots;
    let count = all.len().min(KNOTS);
    let pick = |k: usize| if count < 2 { 0 } else { k * (all.len() - 1) / (count - 1) };
    let mut knots: Vec<(f64, f64)> =
        (0..count).map(|k| &all[pick(k)]).map(|k| (rounded(k.load, 4), rounded(k.boundary, 4))).collect();
    knots.dedup_by(|a, b| a.0 <= b.0);
    knots
}

/// Rounds a load down to so many significant digits, so that no limit is stated higher than it is.
fn down(value: f64, digits: usize) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return value;
    }
    let nearest = rounded(value, digits);
    let exponent = format!("{value:e}").split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
    let step = 10f64.powi(exponent + 1 - i32::try_from(digits).unwrap_or(1));
    if nearest > value * (1.0 + 1e-12) { rounded(nearest - step, digits) } else { nearest }
}

/// To so many significant digits.
pub(super) fn rounded(value: f64, digits: usize) -> f64 {
    let after = digits.saturating_sub(1);
    format!("{value:.after$e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::{down, rounded};

    #[test]
    fn limits_are_rounded_down_and_other_numbers_to_the_nearest() {
        assert_eq!(
            [down(25.279, 4), down(95.2, 4), down(0.012_349_9, 4), down(99_999.0, 3), down(100.0, 3), down(0.0, 4)],
            [25.27, 95.2, 0.01234, 99_900.0, 100.0, 0.0]
        );
        assert_eq!([rounded(25.279, 4), rounded(1234.56, 4)], [25.28, 1235.0]);
    }
}
