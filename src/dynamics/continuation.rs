//! Continuation of equilibria in one parameter: the branch, its stability, its folds, Hopf points and branch points.
//!
//! The walk along the branch is in `palc`, in the scaled coordinates of `system`. Between neighbouring points three
//! signs are watched: the parameter component of the tangent (fold, `fold`), the number of unstable roots (Hopf point,
//! `hopf`) and the determinant of the bordered Jacobian (branch point, `crossing`). A change of sign is never
//! dropped: what cannot be refined is reported with its bracket. Folds are followed in a second parameter by
//! [`fold_curve`].

mod branch;
mod crossing;
mod curve;
mod fold;
pub mod fold_curve;
mod hopf;
mod palc;
mod system;

use super::newton::newton;
use super::spectrum::gain::unstable_by_small_gain;
use super::spectrum::linear_spectrum;
use crate::process::field::Field;
pub use branch::{
    Bracket, Branch, BranchError, BranchOptions, CrossingPoint, End, FoldPoint, HopfPoint, Kind, Location, Orientation,
    Point, Special,
};
use palc::{Limit, Move, Node, Pace, Walk, domain_limits};
use system::System;

/// Follows the equilibrium near `start` as parameter `k` changes from its value in `p`.
///
/// # Errors
///
/// [`BranchError`] if there is no equilibrium to start from.
pub fn follow<F: Field + ?Sized>(
    field: &F,
    p: &[f64],
    k: usize,
    start: &[f64],
    orientation: Orientation,
    options: &BranchOptions,
) -> Result<Branch, BranchError> {
    let Some(&value) = p.get(k) else { return Err(BranchError::NoParameter { index: k, count: p.len() }) };
    let (low, high) = options.parameter;
    if !(low <= value && value <= high && low < high) {
        return Err(BranchError::OutOfBounds { value, low, high });
    }
    let root = newton(field, p, start)?;
    let mut system = System::new(field, p, k, unit(value, low, high));
    let y = system.coordinates(&root.x, value);
    let pace = Pace { first: options.first_step, smallest: options.smallest_step, largest: options.largest_step };
    let mut limits = domain_limits(field.states(), options.escape);
    limits.extend(parameter_limits(system.dim, low / system.unit, high / system.unit));
    let rises = orientation == Orientation::Up;
    let coordinate = system.dim;
    let walk = Walk::start(&mut system, y, coordinate, rises, pace, limits).ok_or(BranchError::NoTangent)?;
    Ok(trace(&mut system, walk, options))
}

/// As [`follow`], in both directions from the start, joined to one branch; the parameter rises through the start.
///
/// # Errors
///
/// As [`follow`].
pub fn follow_both<F: Field + ?Sized>(
    field: &F,
    p: &[f64],
    k: usize,
    start: &[f64],
    options: &BranchOptions,
) -> Result<Branch, BranchError> {
    let up = follow(field, p, k, start, Orientation::Up, options)?;
    if up.end == End::Closed {
        return Ok(up);
    }
    let down = follow(field, p, k, start, Orientation::Down, options)?;
    let shift = down.points.len() - 1;
    let mut points: Vec<Point> = down.points.into_iter().skip(1).rev().collect();
    for point in &mut points {
        point.tangent.iter_mut().for_each(|v| *v = -*v);
    }
    points.extend(up.points);
    let mut specials: Vec<Special> =
        down.specials.into_iter().rev().map(|s| Special { after: shift - 1 - s.after, kind: s.kind }).collect();
    specials.extend(up.specials.into_iter().map(|s| Special { after: s.after + shift, kind: s.kind }));
    Ok(Branch { points, specials, end: up.end, other_end: Some(down.end) })
}

/// Scale of the parameter: a fifth of its range, but no more than where the branch starts calls for.
fn unit(value: f64, low: f64, high: f64) -> f64 {
    let range = high - low;
    if range.is_finite() { (0.2 * range).min(value.abs().max(1e-3 * range)) } else { value.abs().max(1.0) }
}

fn parameter_limits(coordinate: usize, low: f64, high: f64) -> [Limit; 2] {
    let limit = |value, upper| Limit { coordinate, value, upper, slack: 0.0, end: End::ParameterBound };
    [limit(low, false), limit(high, true)]
}

fn trace<F: Field + ?Sized>(system: &mut System<'_, F>, mut walk: Walk, options: &BranchOptions) -> Branch {
    let mut before = walk.node.clone();
    let count = unstable(system, &before, options);
    // The last point whose number of unstable roots is known, and that number.
    let mut known = count.map(|m| (before.y.clone(), m));
    let mut branch = Branch {
        points: vec![point(system, &before, count)],
        specials: Vec::new(),
        end: End::MaxPoints,
        other_end: None,
    };
    while branch.points.len() < options.max_points {
        let mut next_count = None;
        let mut veto = |system: &mut System<'_, F>, node: &Node| {
            next_count = unstable(system, node, options);
            // More than one pair crossing within a step would hide one of them.
            matches!((&known, next_count), (Some((_, a)), Some(b)) if a.abs_diff(b) > 2)
        };
        let (node, end) = match walk.advance(system, &mut veto) {
            Move::On(node) => (node, None),
            Move::Last(Some(node), end) => {
                next_count = unstable(system, &node, options);
                (node, Some(end))
            }
            Move::Last(None, end) => {
                branch.end = end;
                break;
            }
        };
        let after = branch.points.len() - 1;
        let kinds = between(system, &before, &node, known.as_ref(), next_count, options);
        branch.specials.extend(kinds.into_iter().map(|kind| Special { after, kind }));
        branch.points.push(point(system, &node, next_count));
        if let Some(m) = next_count {
            known = Some((node.y.clone(), m));
        }
        before = node;
        if let Some(end) = end {
            branch.end = end;
            break;
        }
    }
    branch
}

/// The special points between two neighbouring points.
fn between<F: Field + ?Sized>(
    system: &mut System<'_, F>,
    a: &Node,
    b: &Node,
    known: Option<&(Vec<f64>, usize)>,
    unstable: Option<usize>,
    options: &BranchOptions,
) -> Vec<Kind> {
    let n = system.dim;
    let mut kinds = Vec::new();
    let turned = (a.tangent[n] < 0.0) != (b.tangent[n] < 0.0);
    if turned {
        kinds.push(Kind::Fold(fold::locate(system, a, b)));
    }
    let crossed = a.sign != b.sign;
    if crossed {
        kinds.push(Kind::BranchPoint(crossing::locate(system, a, b)));
    }
    if let (Some((from, ma)), Some(mb)) = (known, unstable) {
        // A fold or branch point accounts for one real root, which is passed over in looking for a pair.
        let explained = usize::from(turned) + usize::from(crossed);
        let fewer = *ma.min(&mb);
        if ma.abs_diff(mb) > explained {
            let found =
                (0..=explained).find_map(|skip| hopf::locate(system, from, &b.y, fewer + skip, &options.spectrum));
            let even = ma.abs_diff(mb) >= explained + 2;
            match found {
                Some(location) => kinds.push(Kind::Hopf(location)),
                // Two real roots crossing together: a branch point of higher multiplicity.
                None if even => kinds.push(Kind::BranchPoint(Location::Unrefined(Bracket::of(system, from, &b.y)))),
                None => {}
            }
        }
    }
    kinds
}

fn point<F: Field + ?Sized>(system: &mut System<'_, F>, node: &Node, unstable: Option<usize>) -> Point {
    Point {
        x: system.states(&node.y),
        parameter: system.unit * node.y[system.dim],
        tangent: node.tangent.clone(),
        unstable,
    }
}

/// Number of unstable characteristic roots at a point.
fn unstable<F: Field + ?Sized>(system: &mut System<'_, F>, node: &Node, options: &BranchOptions) -> Option<usize> {
    if !options.stability {
        return None;
    }
    system.go(&node.y);
    let x = std::mem::take(&mut system.x);
    let lags = if system.equations.lags() > 0 { system.equations.field.lags(&system.equations.p) } else { Vec::new() };
    let blocks = &system.equations.blocks(&x).blocks;
    let count = if lags.is_empty() && x.len() == 2 {
        // By trace and determinant.
        let a = &blocks[0];
        let (trace, determinant) = (a[(0, 0)] + a[(1, 1)], a[(0, 0)] * a[(1, 1)] - a[(0, 1)] * a[(1, 0)]);
        let known = trace.is_finite() && determinant.is_finite();
        known.then_some(if determinant < 0.0 { 1 } else { 2 * usize::from(trace > 0.0) })
    } else {
        let without_delays = if lags.is_empty() { None } else { unstable_by_small_gain(blocks) };
        without_delays.or_else(|| linear_spectrum(blocks, &lags, &options.spectrum).ok().map(|s| s.unstable))
    };
    system.x = x;
    count
}

#[cfg(test)]
mod tests;
