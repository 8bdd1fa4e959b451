//! Continuation of equilibria in one parameter: the branch, its stability, its folds, Hopf points and branch points.
//!
//! The walk along the branch is in [`palc`], in the scaled coordinates of [`system`]. Between neighbouring points three
//! signs are watched: the parameter component of the tangent (fold, [`fold`]), the number of unstable roots (Hopf point,
//! [`hopf`]) and the determinant of the bordered Jacobian (branch point, [`crossing`]). A change of sign is never
//! dropped: what cannot be refined is reported with its bracket. Folds are followed in a second parameter by [`fold_curve`].

mod crossing;
mod curve;
mod fold;
pub mod fold_curve;
mod hopf;
mod palc;
mod system;

use super::newton::{NewtonError, newton};
use super::spectrum::{SpectrumOptions, linear_spectrum};
use crate::process::field::Field;
use palc::{Limit, Move, Node, Pace, Walk, domain_limits};
use system::System;

/// The direction in which the parameter changes at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// The parameter rises.
    Up,
    /// The parameter falls.
    Down,
}

/// Limits and step sizes of a continuation. Steps are lengths in `asinh(x/scale)` and in the scaled parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchOptions {
    /// Smallest and largest value of the parameter.
    pub parameter: (f64, f64),
    /// First step.
    pub first_step: f64,
    /// Smallest step; below it the walk ends with [`End::StepUnderflow`].
    pub smallest_step: f64,
    /// Largest step.
    pub largest_step: f64,
    /// Largest number of points.
    pub max_points: usize,
    /// A state without bound counts as escaped beyond this many times its scale.
    pub escape: f64,
    /// Whether stability is computed; without it there are no Hopf points.
    pub stability: bool,
    /// How characteristic roots are computed when there are lags.
    pub spectrum: SpectrumOptions,
}

impl BranchOptions {
    /// The defaults for a parameter between two bounds.
    #[must_use]
    pub fn new(low: f64, high: f64) -> Self {
        Self {
            parameter: (low, high),
            first_step: 0.05,
            smallest_step: 1e-9,
            largest_step: 1.0,
            max_points: 5000,
            escape: 1e9,
            stability: true,
            spectrum: SpectrumOptions::default(),
        }
    }
}

/// Why a walk along a branch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The parameter reached a bound.
    ParameterBound,
    /// A state reached a bound of its domain.
    DomainBound {
        /// Index of the state.
        state: usize,
    },
    /// A state without bound grew beyond the escape size.
    Unbounded {
        /// Index of the state.
        state: usize,
    },
    /// The allowed number of points was used up.
    MaxPoints,
    /// The branch is a closed curve.
    Closed,
    /// No step succeeded.
    StepUnderflow,
}

/// A point of a branch.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The equilibrium.
    pub x: Vec<f64>,
    /// The parameter.
    pub parameter: f64,
    /// Unit tangent in the coordinates of continuation, the parameter last.
    pub tangent: Vec<f64>,
    /// Number of unstable characteristic roots; `None` if not asked for or not found.
    pub unstable: Option<usize>,
}

impl Point {
    /// Whether the equilibrium is stable, if that is known.
    #[must_use]
    pub fn stable(&self) -> Option<bool> {
        self.unstable.map(|n| n == 0)
    }
}

/// Two points of the branch between which something lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Bracket {
    /// The parameter at both.
    pub parameter: (f64, f64),
    /// The states at both.
    pub x: (Vec<f64>, Vec<f64>),
}

impl Bracket {
    fn of<F: Field + ?Sized>(system: &mut System<'_, F>, a: &[f64], b: &[f64]) -> Self {
        let n = system.dim;
        Self { parameter: (system.unit * a[n], system.unit * b[n]), x: (system.states(a), system.states(b)) }
    }
}

/// The place of a special point.
#[derive(Debug, Clone, PartialEq)]
pub enum Location<T> {
    /// Found to rounding.
    Refined(T),
    /// Known to lie in the bracket, not refined.
    Unrefined(Bracket),
}

impl<T> Location<T> {
    /// The refined point, if there is one.
    #[must_use]
    pub fn refined(&self) -> Option<&T> {
        match self {
            Self::Refined(point) => Some(point),
            Self::Unrefined(_) => None,
        }
    }
}

/// A refined fold.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldPoint {
    /// The states.
    pub x: Vec<f64>,
    /// The parameter.
    pub parameter: f64,
    /// Unit null vector of the Jacobian: the direction in which the state is lost.
    pub null: Vec<f64>,
    /// Size of the last Newton correction.
    pub correction: f64,
}

/// A refined Hopf point.
#[derive(Debug, Clone, PartialEq)]
pub struct HopfPoint {
    /// The states.
    pub x: Vec<f64>,
    /// The parameter.
    pub parameter: f64,
    /// Angular frequency in 1/s.
    pub omega: f64,
    /// What is left of the real part.
    pub real_part: f64,
}

/// A refined branch point.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossingPoint {
    /// The states.
    pub x: Vec<f64>,
    /// The parameter.
    pub parameter: f64,
}

/// What happens between two neighbouring points of a branch.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The branch turns back in the parameter.
    Fold(Location<FoldPoint>),
    /// A complex pair crosses the imaginary axis.
    Hopf(Location<HopfPoint>),
    /// Another branch crosses.
    BranchPoint(Location<CrossingPoint>),
}

/// A special point of a branch.
#[derive(Debug, Clone, PartialEq)]
pub struct Special {
    /// It lies between points `after` and `after + 1`.
    pub after: usize,
    /// What it is.
    pub kind: Kind,
}

/// A branch of equilibria.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The points in order.
    pub points: Vec<Point>,
    /// Special points in order.
    pub specials: Vec<Special>,
    /// Why the walk ended; for a branch walked in both directions, the end with the last point.
    pub end: End,
    /// For a branch walked in both directions, the end with the first point.
    pub other_end: Option<End>,
}

impl Branch {
    /// The refined folds, in order along the branch.
    pub fn folds(&self) -> impl Iterator<Item = &FoldPoint> {
        self.specials.iter().filter_map(|s| match &s.kind {
            Kind::Fold(location) => location.refined(),
            _ => None,
        })
    }

    /// The refined Hopf points, in order along the branch.
    pub fn hopfs(&self) -> impl Iterator<Item = &HopfPoint> {
        self.specials.iter().filter_map(|s| match &s.kind {
            Kind::Hopf(location) => location.refined(),
            _ => None,
        })
    }
}

/// Why there is no branch.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BranchError {
    /// The starting point is not near an equilibrium.
    #[error("no equilibrium near the start: {0}")]
    NoStart(#[from] NewtonError),
    /// The parameter lies outside its bounds, or they are not in order.
    #[error("parameter {value} is not between {low} and {high}")]
    OutOfBounds {
        /// The parameter at the start.
        value: f64,
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// There is no such parameter.
    #[error("there is no parameter number {index}, only {count}")]
    NoParameter {
        /// The index asked for.
        index: usize,
        /// The number of parameters.
        count: usize,
    },
    /// The branch has no unique direction at the start, which is a branch point.
    #[error("the branch has no unique direction at the start")]
    NoTangent,
}

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
            kinds.extend(found.map(Kind::Hopf));
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
        linear_spectrum(blocks, &lags, &options.spectrum).ok().map(|s| s.unstable)
    };
    system.x = x;
    count
}

#[cfg(test)]
mod tests;
