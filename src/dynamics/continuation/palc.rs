//! Pseudo-arclength continuation: predictor along the tangent, corrector in the hyperplane across it.
//!
//! ```text
//! [ F_y(y) ] δ = - [ F(y)                ]        [ F_y ] t_new = [ 0 ]
//! [ tᵀ     ]       [ tᵀ (y - y_0) - Δ    ]        [ tᵀ  ]         [ 1 ]
//! ```
//!
//! The bordered matrix is regular at folds. The step `Δ` follows the angle between successive tangents and the number
//! of corrector iterations. H. Keller, *Numerical solution of bifurcation and nonlinear eigenvalue problems* (1977);
//! W. Govaerts, *Numerical Methods for Bifurcations of Dynamical Equilibria* (2000), chapter 2.

use super::End;
use super::curve::{Curve, distance, dot};
use crate::process::field::StateInfo;

/// Angle between successive tangents that is aimed at, and the largest one accepted (radians).
const AIM: f64 = 0.2;
const LARGEST_ANGLE: f64 = 0.5;

/// Step at which a change of sign of the determinant is believed.
const CLOSE: f64 = 1e-3;

/// A point of the branch in coordinates.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) y: Vec<f64>,
    pub(super) tangent: Vec<f64>,
    /// Sign of the bordered determinant; it changes at simple branch points.
    pub(super) sign: f64,
}

/// A bound of one coordinate of the curve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) coordinate: usize,
    pub(super) value: f64,
    /// Whether it is an upper bound.
    pub(super) upper: bool,
    /// A miss by this much is none.
    pub(super) slack: f64,
    pub(super) end: End,
}

/// Limits from the domain of the states, whose coordinates are `asinh(x/scale)`.
pub(super) fn domain_limits(states: &[StateInfo], escape: f64) -> Vec<Limit> {
    let mut limits = Vec::new();
    for (j, info) in states.iter().enumerate() {
        for (bound, upper) in [(info.lower, false), (info.upper, true)] {
            let escapes = bound.abs() > escape * info.scale;
            let (value, slack, end) = if escapes {
                (escape.asinh().copysign(bound), 0.0, End::Unbounded { state: j })
            } else {
                ((bound / info.scale).asinh(), 1e-9, End::DomainBound { state: j })
            };
            limits.push(Limit { coordinate: j, value, upper, slack, end });
        }
    }
    limits
}

/// Step sizes of a walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) first: f64,
    pub(super) smallest: f64,
    pub(super) largest: f64,
}

/// Walks along a curve.
pub(super) struct Walk {
    pub(super) node: Node,
    step: f64,
    pace: Pace,
    limits: Vec<Limit>,
    home: Option<Node>,
    taken: usize,
}

/// What one step gave.
pub(super) enum Move {
    /// A regular point.
    On(Node),
    /// The last point, on a bound, and the reason to stop.
    Last(Option<Node>, End),
}

impl Walk {
    /// Starts at the point `y` of the curve, such that coordinate `j` rises or falls at first.
    pub(super) fn start(
        system: &mut impl Curve,
        y: Vec<f64>,
        j: usize,
        rises: bool,
        pace: Pace,
        limits: Vec<Limit>,
    ) -> Option<Self> {
        system.reweigh(&y);
        let mut along = vec![0.0; y.len()];
        along[j] = if rises { 1.0 } else { -1.0 };
        let mut tangent = Vec::new();
        system.tangent(&y, &along, &mut tangent)?;
        // Once more, so that the sign of the determinant belongs to the tangent itself.
        let along = tangent.clone();
        let sign = system.tangent(&y, &along, &mut tangent)?;
        let node = Node { y, tangent, sign };
        Some(Self { home: Some(node.clone()), node, step: pace.first, pace, limits, taken: 0 })
    }

    /// One accepted step. `veto` may ask for a shorter one.
    pub(super) fn advance<C: Curve>(&mut self, system: &mut C, veto: &mut dyn FnMut(&mut C, &Node) -> bool) -> Move {
        let mut tangent = Vec::new();
        system.reweigh(&self.node.y);
        loop {
            if self.step < self.pace.smallest {
                return Move::Last(None, self.stuck());
            }
            let mut y: Vec<f64> = self.node.y.iter().zip(&self.node.tangent).map(|(y, t)| y + self.step * t).collect();
            let value = dot(&self.node.tangent, &y);
            let Some(iterations) = system.correct(&mut y, &self.node.tangent, value) else {
                self.step *= 0.5;
                continue;
            };
            let Some(sign) = system.tangent(&y, &self.node.tangent, &mut tangent) else {
                self.step *= 0.5;
                continue;
            };
            let cosine = dot(&tangent, &self.node.tangent).clamp(-1.0, 1.0);
            let angle = cosine.acos();
            if angle > LARGEST_ANGLE && self.step > 4.0 * self.pace.smallest {
                self.step *= if angle > 2.0 * LARGEST_ANGLE { 0.25 } else { 0.5 };
                continue;
            }
            // A change of sign is a branch point, or a jump to another branch nearby: look closely.
            if sign != self.node.sign && self.step > CLOSE {
                self.step *= 0.5;
                continue;
            }
            let node = Node { y, tangent: tangent.clone(), sign };
            if let Some((j, bound, end)) = self.crossed(&node.y) {
                return Move::Last(self.land(system, &node, j, bound), end);
            }
            if veto(system, &node) && self.step > 1e3 * self.pace.smallest {
                self.step *= 0.5;
                continue;
            }
            let by_angle = AIM / angle.max(1e-3);
            let by_effort = if iterations > 4 { 0.7 } else { 2.0 };
            let taken = self.step;
            self.step = (self.step * by_angle.clamp(0.4, by_effort)).min(self.pace.largest);
            let before = std::mem::replace(&mut self.node, node.clone());
            self.taken += 1;
            if self.taken > 3 && self.came_home(&before, taken) {
                return Move::Last(self.home.take(), End::Closed);
            }
            return Move::On(node);
        }
    }

    /// The first bound that `y` lies beyond: coordinate, its value there, reason.
    fn crossed(&self, y: &[f64]) -> Option<(usize, f64, End)> {
        let mut first: Option<(f64, &Limit)> = None;
        for limit in &self.limits {
            let (from, to) = (self.node.y[limit.coordinate], y[limit.coordinate]);
            let beyond = if limit.upper { to - limit.value } else { limit.value - to };
            let fraction = (limit.value - from) / (to - from);
            if beyond > limit.slack && first.is_none_or(|(f, _)| fraction < f) {
                first = Some((fraction, limit));
            }
        }
        first.map(|(_, l)| (l.coordinate, l.value, l.end))
    }

    /// The point of the branch where coordinate `j` has the value `bound`, between the current node and `beyond`.
    fn land(&self, system: &mut impl Curve, beyond: &Node, j: usize, bound: f64) -> Option<Node> {
        let (a, b) = (&self.node.y, &beyond.y);
        let theta = ((bound - a[j]) / (b[j] - a[j])).clamp(0.0, 1.0);
        let mut y: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + theta * (b - a)).collect();
        let mut row = vec![0.0; y.len()];
        row[j] = 1.0;
        system.correct(&mut y, &row, bound)?;
        y[j] = bound;
        if distance(&y, a) > 3.0 * distance(a, b) {
            return None;
        }
        let mut tangent = Vec::new();
        let sign = system.tangent(&y, &self.node.tangent, &mut tangent)?;
        Some(Node { y, tangent, sign })
    }

    /// Why no step succeeds: at a bound of the domain, beyond which nothing is defined, that is the reason.
    fn stuck(&self) -> End {
        let at_bound = self.limits.iter().find(|l| {
            let outwards = self.node.tangent[l.coordinate] * if l.upper { 1.0 } else { -1.0 };
            (self.node.y[l.coordinate] - l.value).abs() < 1e-6 && outwards > 0.0
        });
        at_bound.map_or(End::StepUnderflow, |l| l.end)
    }

    /// Whether the last step passed the starting point in the starting direction.
    fn came_home(&self, before: &Node, step: f64) -> bool {
        let Some(home) = &self.home else { return false };
        let along: Vec<f64> = self.node.y.iter().zip(&before.y).map(|(b, a)| b - a).collect();
        let to_home: Vec<f64> = home.y.iter().zip(&before.y).map(|(h, a)| h - a).collect();
        let fraction = dot(&to_home, &along) / dot(&along, &along);
        let gap = to_home.iter().zip(&along).map(|(h, a)| (h - fraction * a).powi(2)).sum::<f64>().sqrt();
        (0.0..1.0).contains(&fraction) && gap < 0.1 * step && dot(&self.node.tangent, &home.tangent) > 0.5
    }
}
