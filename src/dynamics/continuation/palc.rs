//! Pseudo-arclength continuation: predictor along the tangent, corrector in the hyperplane across it.
//!
//! ```text
//! [ F_y(y) ] δ = - [ F(y)                ]        [ F_y ] t_new = [ 0 ]
//! [ tᵀ     ]       [ tᵀ (y - y_0) - Δ    ]        [ tᵀ  ]         [ 1 ]
//! ```
//!
//! The bordered matrix is regular at folds. The step `Δ` follows the angle between successive tangents and the number of
//! corrector iterations. H. Keller, *Numerical solution of bifurcation and nonlinear eigenvalue problems* (1977);
//! W. Govaerts, *Numerical Methods for Bifurcations of Dynamical Equilibria* (2000), chapter 2.

use super::system::{System, distance, dot};
use super::{BranchOptions, End, Orientation};
use crate::process::field::Field;

/// Angle between successive tangents that is aimed at, and the largest one accepted (radians).
const AIM: f64 = 0.2;
const LARGEST_ANGLE: f64 = 0.5;

/// A point of the branch in coordinates.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) y: Vec<f64>,
    pub(super) tangent: Vec<f64>,
    /// Sign of the bordered determinant; it changes at simple branch points.
    pub(super) sign: f64,
}

/// Walks along a branch.
pub(super) struct Walk<'o> {
    pub(super) node: Node,
    pub(super) step: f64,
    options: &'o BranchOptions,
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

impl<'o> Walk<'o> {
    /// Starts at the equilibrium `y`, which must already satisfy the equations.
    pub(super) fn start<F: Field + ?Sized>(
        system: &mut System<'_, F>,
        y: Vec<f64>,
        orientation: Orientation,
        options: &'o BranchOptions,
    ) -> Option<Self> {
        system.reweigh(&y);
        let mut along = vec![0.0; system.dim + 1];
        along[system.dim] = if orientation == Orientation::Up { 1.0 } else { -1.0 };
        let mut tangent = Vec::new();
        let sign = system.tangent(&y, &along, &mut tangent)?;
        let node = Node { y, tangent, sign };
        Some(Self { home: Some(node.clone()), node, step: options.first_step, options, taken: 0 })
    }

    /// One accepted step. `veto` may ask for a shorter one.
    pub(super) fn advance<F: Field + ?Sized>(
        &mut self,
        system: &mut System<'_, F>,
        veto: &mut dyn FnMut(&mut System<'_, F>, &Node) -> bool,
    ) -> Move {
        let mut tangent = Vec::new();
        system.reweigh(&self.node.y);
        loop {
            if self.step < self.options.smallest_step {
                return Move::Last(None, self.stuck(system));
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
            if angle > LARGEST_ANGLE && self.step > 4.0 * self.options.smallest_step {
                self.step *= if angle > 2.0 * LARGEST_ANGLE { 0.25 } else { 0.5 };
                continue;
            }
            let node = Node { y, tangent: tangent.clone(), sign };
            if let Some((j, bound, end)) = self.crossed(system, &node.y) {
                return Move::Last(self.land(system, &node, j, bound), end);
            }
            if veto(system, &node) && self.step > 1e3 * self.options.smallest_step {
                self.step *= 0.5;
                continue;
            }
            let by_angle = AIM / angle.max(1e-3);
            let by_effort = if iterations > 4 { 0.7 } else { 2.0 };
            let taken = self.step;
            self.step = (self.step * by_angle.clamp(0.4, by_effort)).min(self.options.largest_step);
            let before = std::mem::replace(&mut self.node, node.clone());
            self.taken += 1;
            if self.taken > 3 && self.came_home(&before, taken) {
                return Move::Last(self.home.take(), End::Closed);
            }
            return Move::On(node);
        }
    }

    /// The first bound that `y` lies beyond: coordinate, its value there, reason.
    fn crossed<F: Field + ?Sized>(&self, system: &System<'_, F>, y: &[f64]) -> Option<(usize, f64, End)> {
        let mut first: Option<(f64, usize, f64, End)> = None;
        let mut offer = |j: usize, bound: f64, end: End| {
            let fraction = (bound - self.node.y[j]) / (y[j] - self.node.y[j]);
            if first.as_ref().is_none_or(|f| fraction < f.0) {
                first = Some((fraction, j, bound, end));
            }
        };
        let n = system.dim;
        let (low, high) = (self.options.parameter.0 / system.unit, self.options.parameter.1 / system.unit);
        if y[n] < low {
            offer(n, low, End::ParameterBound);
        } else if y[n] > high {
            offer(n, high, End::ParameterBound);
        }
        for (j, info) in system.equations.field.states().iter().enumerate() {
            let slack = 1e-9;
            let (lower, upper) = ((info.lower / info.scale).asinh(), (info.upper / info.scale).asinh());
            let far = self.options.escape.asinh();
            if y[j] < lower - slack {
                offer(j, lower, End::DomainBound { state: j });
            } else if y[j] > upper + slack {
                offer(j, upper, End::DomainBound { state: j });
            } else if y[j] > far && info.upper > self.options.escape * info.scale {
                offer(j, far, End::Unbounded { state: j });
            } else if y[j] < -far && info.lower < -self.options.escape * info.scale {
                offer(j, -far, End::Unbounded { state: j });
            }
        }
        first.map(|(_, j, bound, end)| (j, bound, end))
    }

    /// The point of the branch where coordinate `j` has the value `bound`, between the current node and `beyond`.
    fn land<F: Field + ?Sized>(&self, system: &mut System<'_, F>, beyond: &Node, j: usize, bound: f64) -> Option<Node> {
        let (a, b) = (&self.node.y, &beyond.y);
        let theta = ((bound - a[j]) / (b[j] - a[j])).clamp(0.0, 1.0);
        let mut y: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + theta * (b - a)).collect();
        let mut row = vec![0.0; system.dim + 1];
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
    fn stuck<F: Field + ?Sized>(&self, system: &System<'_, F>) -> End {
        for (j, info) in system.equations.field.states().iter().enumerate() {
            let (lower, upper) = ((info.lower / info.scale).asinh(), (info.upper / info.scale).asinh());
            let outwards = self.node.tangent[j];
            if self.node.y[j] - lower < 1e-6 && outwards < 0.0 || upper - self.node.y[j] < 1e-6 && outwards > 0.0 {
                return End::DomainBound { state: j };
            }
        }
        End::StepUnderflow
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
