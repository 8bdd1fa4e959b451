//! Fold curves across a map, by continuation in both of its numbers, with their cusps.
//!
//! On a fold curve an equilibrium meets another: `F(x, λ, q) = 0`, `F_x v = 0` with a null vector `|v| = 1`
//! ([`fold_curve`](crate::dynamics::continuation::fold_curve)). Each fold that a line of the map shows is a place to begin, unless a curve passes it already.

use super::lines::Line;
use super::side::Side;
use crate::answers::study::Study;
use crate::dynamics::continuation::fold_curve::{FoldCurve, fold_curve};
use crate::dynamics::continuation::{BranchOptions, FoldPoint, Orientation};

/// A fold curve in base units of load and the other number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// Points (load, other).
    pub points: Vec<(f64, f64)>,
    /// Cusps (load, other).
    pub cusps: Vec<(f64, f64)>,
}

/// The largest step along a curve: short enough to look smooth, and for the line through the points to be within a cell of the curve.
const STEP: f64 = 0.02;
/// Points of a curve in one direction.
const MOST: usize = 4000;
/// How far beyond the map a curve is followed in the load, as a share of the range.
const BEYOND: f64 = 0.1;

/// Follows all fold curves that pass the lines, each with the other number's value in base units.
#[must_use]
pub fn curves(
    study: &Study,
    p: &[f64],
    other: usize,
    (load, across): (&Side, &Side),
    lines: &[(f64, &Line)],
) -> Vec<Curve> {
    let mut found: Vec<Curve> = Vec::new();
    for (value, line) in lines {
        for fold in &line.folds {
            let near = |curve: &Curve| passes(curve, (load, across), (fold.parameter, *value));
            if !found.iter().any(near) {
                found.extend(curve(study, p, other, (load, across), (*value, fold)));
            }
        }
    }
    found
}

fn curve(
    study: &Study,
    p: &[f64],
    other: usize,
    (load, across): (&Side, &Side),
    (value, fold): (f64, &FoldPoint),
) -> Option<Curve> {
    let mut p = p.to_vec();
    p[other] = value;
    let index = study.load_index(&study.fluid);
    let (low, high) = load.base_ends();
    let margin = BEYOND * (high - low);
    let range = ((low - margin).max(0.1 * low).max(f64::MIN_POSITIVE), high + margin);
    let options = BranchOptions {
        largest_step: STEP,
        first_step: STEP,
        max_points: MOST,
        stability: false,
        ..BranchOptions::new(range.0, range.1)
    };
    let walk = |orientation: Orientation| {
        fold_curve(&study.fluid, &p, (index, other), fold, orientation, &options, across.base_ends()).ok()
    };
    let (up, down) = (walk(Orientation::Up), walk(Orientation::Down));
    let points = |curve: &Option<FoldCurve>| -> Vec<(f64, f64)> {
        curve.iter().flat_map(|c| c.points.iter().map(|q| q.parameters)).collect()
    };
    let (up_points, mut all) = (points(&up), points(&down));
    all.reverse();
    all.extend(up_points.iter().skip(usize::from(!all.is_empty())));
    let cusps = [&up, &down].into_iter().flatten().flat_map(|c| &c.cusps);
    let mut cusps: Vec<(f64, f64)> = cusps.filter_map(|c| c.location.refined().map(|q| q.parameters)).collect();
    cusps.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
    cusps.dedup_by(|a, b| (a.0 / b.0 - 1.0).abs() < 1e-6 && (a.1 / b.1 - 1.0).abs() < 1e-6);
    (all.len() > 1).then_some(Curve { points: all, cusps })
}

/// Whether a curve comes within half a cell of a point.
fn passes(curve: &Curve, (load, across): (&Side, &Side), (x, y): (f64, f64)) -> bool {
    let (x, y) = (load.position(x), across.position(y));
    curve.points.windows(2).any(|pair| {
        let (ax, ay) = (load.position(pair[0].0) - x, across.position(pair[0].1) - y);
        let (bx, by) = (load.position(pair[1].0) - x, across.position(pair[1].1) - y);
        let (dx, dy) = (bx - ax, by - ay);
        let length = dx * dx + dy * dy;
        let share = if length > 0.0 { (-(ax * dx + ay * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
        (ax + share * dx).hypot(ay + share * dy) < 0.5
    })
}
