//! Profile-likelihood intervals of parameters and of quantities computed from them.
//!
//! The 95 % likelihood region of the parameters and the interval of a scalar g(θ) (a parameter, or anything computed
//! from them) are
//!
//! ```text
//! R = { θ : S(θ) <= S_min + τ s² F(0.95; 1, n-p) },    interval = [min g, max g] over R
//! ```
//!
//! which is where the profile `min {S(θ) : g(θ) = value}` stays below that level: Venzon & Moolgavkar (1988) for a
//! parameter, Bates & Watts (*Nonlinear Regression Analysis*, 1988, section 6.1) for the F threshold, which is the square
//! of Student's t and takes the estimated variance into account. Coverage is exact for a linear model with normal errors
//! and independent of how parameters are expressed; for a nonlinear one it is right up to its intrinsic curvature.
//!
//! An end is found by a sequence of linear problems with one quadratic constraint: on the Gauss-Newton model of S the
//! farthest point of the region has a closed form (`Quadratic::ascent`). Between new Jacobians Broyden's formula is
//! used; the last one is new. Where that does not settle, a parameter's profile is followed outwards value by value, the
//! others being fitted anew, and the end found by secants in `√(S - S_min)`, which is nearly a straight line.
//!
//! Ends are right to a thousandth of their distance from the estimate.
//!
//! An end is *open* if the profile is still below its level on the bound of the parameter, or after the parameter has
//! moved by 20 factors of ten (logarithmic scale) or a million units (linear scale); or if it is only the bound of
//! another parameter that ends it, and not the data.

mod follow;
mod seek;

use super::objective::{Differences, Objective, Point};
use super::problem::{Problem, Scale};
use nalgebra::{DMatrix, DVector};
use std::cell::RefCell;

/// One end of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// The profile crosses its level here.
    Closed(f64),
    /// It stays below its level up to here: the bound of this parameter or of another, or as far as was looked.
    Open(f64),
    /// Not found; the value is the farthest one known to be inside.
    Unresolved(f64),
}

impl End {
    /// The value, whatever it means.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Closed(v) | Self::Open(v) | Self::Unresolved(v) => v,
        }
    }

    /// Whether the profile crosses its level at this end.
    #[must_use]
    pub fn closed(self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

/// A profile-likelihood interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Value at the estimate.
    pub value: f64,
    /// Lower end.
    pub lower: End,
    /// Upper end.
    pub upper: End,
}

/// What is profiled.
pub(super) enum Target<'a> {
    Parameter(usize),
    /// A function of the parameter values; `None` where it does not exist.
    Derived(&'a (dyn Fn(&[f64]) -> Option<f64> + Sync)),
}

/// The likelihood region around an estimate.
pub(super) struct Region<'a, 'b, P: Problem> {
    pub(super) objective: &'a Objective<'b, P>,
    pub(super) best: &'a Point,
    /// Derivatives of the weighted residuals at the estimate.
    pub(super) jacobian: &'a DMatrix<f64>,
    /// How far the objective may rise.
    pub(super) rise: f64,
    pub(super) interrupt: &'a (dyn Fn() -> bool + Sync),
    /// Ends found so far, with their derivatives: where parameters are correlated, the end of one is near that of another.
    pub(super) known: RefCell<Vec<(Point, DMatrix<f64>)>>,
}

/// How far a parameter is followed, in search coordinates; in units of the parameter on the linear scale.
const FAR_LOG: f64 = 46.0;
const FAR_LINEAR: f64 = 1e6;

/// What a search for an end comes to.
pub(super) enum Found {
    /// The end.
    End(End),
    /// An optimum better than the estimate, met on the way.
    Better(Point),
}

impl<P: Problem> Region<'_, '_, P> {
    /// The end of the interval of `target` in the direction of `sign`.
    pub(super) fn end(&self, target: &Target<'_>, sign: f64) -> Found {
        match (self.seek(target, sign), target) {
            (Some(found), _) => found,
            (None, Target::Parameter(index)) => self.follow(*index, sign),
            (None, Target::Derived(g)) => Found::End(End::Unresolved(self.farthest(*g, sign))),
        }
    }

    /// The value of a computed quantity farthest out among the points known to be inside.
    fn farthest(&self, g: &(dyn Fn(&[f64]) -> Option<f64> + Sync), sign: f64) -> f64 {
        let known = self.known.borrow();
        let inside = known.iter().map(|k| &k.0).filter(|point| point.cost <= self.level());
        let values = inside.chain([self.best]).filter_map(|point| g(&self.objective.values(&point.u)));
        values.max_by(|a, b| (sign * a).total_cmp(&(sign * b))).unwrap_or(f64::NAN)
    }

    /// Relative error of the derivatives used.
    fn error(&self) -> f64 {
        self.objective.derivative_error(Differences::Forward)
    }

    fn level(&self) -> f64 {
        self.best.cost + self.rise
    }

    /// The target's value in its own unit.
    fn report(&self, target: &Target<'_>, value: f64) -> f64 {
        match target {
            Target::Parameter(index) => self.objective.value(*index, value),
            Target::Derived(_) => value,
        }
    }

    /// How far parameter `index` is followed, in search coordinates.
    fn far(&self, index: usize) -> f64 {
        match self.objective.parameters[index].scale {
            Scale::Log => FAR_LOG,
            Scale::Linear => FAR_LINEAR * self.objective.parameters[index].unit(),
        }
    }

    /// Whether a parameter other than the target has run into a bound on the way.
    fn limited(&self, target: &Target<'_>, u: &DVector<f64>) -> bool {
        let (lower, upper) = (&self.objective.lower, &self.objective.upper);
        let outside = |u: &DVector<f64>, j: usize| u[j] <= lower[j] || u[j] >= upper[j];
        let own = |j: usize| matches!(target, Target::Parameter(index) if *index == j);
        (0..u.len()).any(|j| !own(j) && outside(u, j) && !outside(&self.best.u, j))
    }
}
