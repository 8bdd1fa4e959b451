//! What a continuation is told and what it returns.

use super::system::System;
use crate::dynamics::newton::NewtonError;
use crate::dynamics::spectrum::SpectrumOptions;
use crate::process::field::Field;

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
    pub(super) fn of<F: Field + ?Sized>(system: &mut System<'_, F>, a: &[f64], b: &[f64]) -> Self {
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
